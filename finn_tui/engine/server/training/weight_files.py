"""Files with a network's weights: a training's checkpoint, Brevitas' best.tar, a state dict (.pth).

Such a file is a pickle. It is read with torch's ``weights_only``, or where torch has no such thing
with an unpickler that knows tensors and plain values only: nothing in it is ever run.
"""

import collections
import importlib
import os
import pickle
import re
import types
from typing import Any, Dict, NamedTuple, Optional

from finn_tui.engine.protocol import EngineError
from finn_tui.engine.server.finn import finn_env

#: No network that fits an FPGA has more.
_MOST_BYTES = 2 << 30
#: What a pickle of weights may name, besides torch's storages and types.
_ALLOWED = {
    ("collections", "OrderedDict"),
    ("torch._utils", "_rebuild_tensor_v2"),
    ("torch._utils", "_rebuild_parameter"),
}


class Weights(NamedTuple):
    """What a file holds: ``state`` by parameter, and the ``definition`` of its network if it says
    so (a training of ours does)."""

    state: Dict[str, Any]
    definition: Optional[Dict[str, Any]]


def read(path: str) -> Weights:
    """The weights of a file, on the CPU.

    Raises ``EngineError``: it is missing, too large, no checkpoint, or names code to run.
    """
    torch = finn_env.torch_ready()
    if not os.path.isfile(path):
        raise EngineError("There is no checkpoint %s" % path, "", "Check the path")
    if os.path.getsize(path) > _MOST_BYTES:
        raise EngineError(
            "The checkpoint %s is too large" % os.path.basename(path),
            "It has %d bytes; no network for an FPGA has more than %d"
            % (os.path.getsize(path), _MOST_BYTES),
            "Give the checkpoint of a network",
        )
    try:
        document = _load(torch, path)
    except Exception as error:
        # torch raises from its unpickler whatever the file provokes.
        raise EngineError(
            "The checkpoint %s cannot be read" % os.path.basename(path),
            reason(error),
            "Give a checkpoint with tensors and plain values only, such as best.tar of Brevitas' "
            "trainer or a saved state_dict()",
        ) from error
    if not isinstance(document, dict):
        raise _no_weights(path, "It holds a %s" % type(document).__name__)
    state = document.get("state_dict", document)
    named = isinstance(state, dict) and state and all(isinstance(key, str) for key in state)
    if not named or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise _no_weights(path, "It has no state_dict")
    definition = document.get("definition")
    return Weights(
        {_plain(key): value for key, value in state.items()},
        definition if isinstance(definition, dict) else None,
    )


def reason(error: Exception) -> str:
    """Return why torch does not read a file, without its advice to write to its authors."""
    text = re.sub(r"(?s)^.*?Weights?(Only)?Unpickl\w*( error)?:\s*", "", str(error))
    text = text.split("Check the documentation of torch.load")[0].strip()
    first = "".join(text.splitlines()[:1])[:500]
    return (
        "It is damaged, or holds other things than tensors and plain values. %s" % first
    ).strip()


def _no_weights(path: str, why: str) -> EngineError:
    return EngineError(
        "The checkpoint %s holds no weights" % os.path.basename(path),
        why,
        "Give best.tar or best.pt of a training, or a saved state_dict()",
    )


def _plain(name: str) -> str:
    """A parameter's name without the prefix of ``DataParallel``."""
    return name[len("module.") :] if name.startswith("module.") else name


def _load(torch: Any, path: str) -> Any:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except TypeError:  # torch before 1.13 has no weights_only
        return load_restricted(torch, path)


def load_restricted(torch: Any, path: str) -> Any:
    """Load a file with an unpickler that knows tensors and plain values only."""

    class Unpickler(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            if (module, name) in _ALLOWED:
                if module == "collections":
                    return collections.OrderedDict
                return getattr(importlib.import_module(module), name)
            if module == "torch" and name.endswith("Storage") and hasattr(torch, name):
                return getattr(torch, name)
            raise pickle.UnpicklingError("it names %s.%s, which is no weight" % (module, name))

    def load(file: Any, **options: Any) -> Any:
        return Unpickler(file, **options).load()

    module = types.SimpleNamespace(
        Unpickler=Unpickler, load=load, UnpicklingError=pickle.UnpicklingError, __name__="weights"
    )
    try:
        return torch.load(path, map_location="cpu", pickle_module=module, weights_only=False)
    except TypeError:
        return torch.load(path, map_location="cpu", pickle_module=module)


def put(net: Any, weights: Weights, path: str) -> None:
    """Put weights into a network. Raises ``EngineError`` if they do not fit; it names the first."""
    try:
        net.load_state_dict(weights.state, strict=True)
        return
    except Exception as error:
        # torch raises RuntimeError with all keys at once, TypeError for odd values.
        detail = str(error)
    own = net.state_dict()
    wrong = [
        "%s is %s in the file and %s in the network" % (name, _shape(value), _shape(own[name]))
        for name, value in weights.state.items()
        if name in own and tuple(value.shape) != tuple(own[name].shape)
    ]
    missing = [name for name in own if name not in weights.state]
    extra = [name for name in weights.state if name not in own]
    if missing:
        wrong.append("the file lacks %s" % _some(missing))
    if extra:
        wrong.append("the network has no %s" % _some(extra))
    raise EngineError(
        "The checkpoint %s does not fit the network" % os.path.basename(path),
        "; ".join(wrong[:4]) + ("; and %d more" % (len(wrong) - 4) if len(wrong) > 4 else ""),
        "Give a checkpoint of this very network, or the preset that it was trained from",
        detail=detail[:4000],
    )


def _shape(tensor: Any) -> str:
    return "x".join(str(size) for size in tensor.shape) or "a number"


def _some(names: Any) -> str:
    shown = ", ".join(list(names)[:3])
    return shown + (" and %d more" % (len(names) - 3) if len(names) > 3 else "")
