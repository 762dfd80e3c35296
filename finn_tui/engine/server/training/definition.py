"""A network as data: what a definition holds, and whether it can be built."""

from typing import Any, Dict, List

from finn_tui.engine.protocol import EngineError

FAMILIES = ("mlp", "conv")
#: What each number of a definition may be: least and most.
_RANGES = {
    "input_bits": (1, 8),
    "weight_bits": (1, 8),
    "activation_bits": (1, 8),
    "classes": (2, 100000),
    "kernel": (1, 11),
    "padding_value": (-1, 0),
}
_MOST_LAYERS, _MOST_SIZE = 64, 8192
_LISTS = ("input", "channels", "pool", "padding", "fully_connected")
_KEYS = {"family", "dropout", *_RANGES, *_LISTS}


def complete(definition: Dict[str, Any]) -> Dict[str, Any]:
    """A definition with all keys, checked.

    Args:
        definition: ``family`` ("mlp" or "conv"), ``input`` ([channels, height, width]),
            ``input_bits``, ``weight_bits``, ``activation_bits``, ``channels``, ``pool`` and
            ``padding`` (one entry for each convolution), ``kernel``, ``fully_connected`` (features
            of the hidden dense layers), ``classes``, ``padding_value`` (what a padded pixel of
            quantized activations is worth), ``dropout`` (mlp).

    Raises:
        EngineError: it names the key and its value.
    """
    if not isinstance(definition, dict):
        raise _wrong("the definition", definition, "an object with family, input, classes ...")
    unknown = sorted(str(key) for key in set(definition) - _KEYS)
    if unknown:
        raise _wrong("the key", unknown[0], "one of %s" % ", ".join(sorted(_KEYS)))
    if definition.get("family") not in FAMILIES:
        raise _wrong("family", definition.get("family"), "mlp or conv")
    conv = definition["family"] == "conv"
    channels = _sizes(definition, "channels", [])
    full: Dict[str, Any] = {
        "family": definition["family"],
        "input": _sizes(definition, "input", None),
        "channels": channels,
        "fully_connected": _sizes(definition, "fully_connected", []),
        "pool": [bool(each) for each in _list(definition, "pool", [False] * len(channels))],
        "padding": [
            _whole("padding", each, 0, 10)
            for each in _list(definition, "padding", [0] * len(channels))
        ],
        "input_bits": _number(definition, "input_bits", 8),
        "weight_bits": _number(definition, "weight_bits", None),
        "activation_bits": _number(definition, "activation_bits", None),
        "classes": _number(definition, "classes", None),
        "kernel": _number(definition, "kernel", 3),
    }
    bipolar = full["activation_bits"] == 1
    full["padding_value"] = _number(definition, "padding_value", -1 if bipolar else 0)
    if full["padding_value"] and not bipolar:
        raise _wrong("padding_value", -1, "0, as the hardware pads activations of 2 bits or more")
    dropout = definition.get("dropout", 0.0 if conv else 0.2)
    if isinstance(dropout, bool) or not isinstance(dropout, (int, float)) or not 0 <= dropout < 1:
        raise _wrong("dropout", dropout, "from 0 to below 1")
    full["dropout"] = float(dropout)
    if len(full["input"]) != 3:
        raise _wrong("input", full["input"], "[channels, height, width]")
    for name in ("pool", "padding"):
        if len(full[name]) != len(channels):
            raise _wrong(name, full[name], "a list of %d, as channels is" % len(channels))
    if conv and not channels:
        raise _wrong("channels", channels, "a list of one number for each convolution")
    return full


def _wrong(name: str, value: Any, wanted: str) -> EngineError:
    return EngineError(
        "The network's definition is not valid: %s = %.200r" % (name, value),
        "It must be %s." % wanted,
        "Correct the [network] table of the preset, or name another checkpoint",
    )


def _whole(name: str, value: Any, least: int, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise _wrong(name, value, "a whole number from %d to %d" % (least, most))
    return value


def _number(definition: Dict[str, Any], name: str, default: Any) -> int:
    return _whole(name, definition.get(name, default), *_RANGES[name])


def _list(definition: Dict[str, Any], name: str, default: Any) -> List[Any]:
    values = definition.get(name, default)
    if not isinstance(values, (list, tuple)) or len(values) > _MOST_LAYERS:
        raise _wrong(name, values, "a list of at most %d" % _MOST_LAYERS)
    return list(values)


def _sizes(definition: Dict[str, Any], name: str, default: Any) -> List[int]:
    return [_whole(name, each, 1, _MOST_SIZE) for each in _list(definition, name, default)]
