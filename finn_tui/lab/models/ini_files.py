"""Brevitas' configuration of a network: an .ini file of bnn_pynq, and the CNV.py that it means."""

from __future__ import annotations

import ast
import configparser
from pathlib import Path
from typing import Any

from finn_tui.base import files
from finn_tui.base.errors import FinnTuiError
from finn_tui.lab.models import cnv_py
from finn_tui.lab.models.networks import NetworkEntry

_MOST_BYTES = 100_000
#: Channels, height and width of the data sets that Brevitas' trainer and the lab know.
_SIDES = {"MNIST": 28, "FASHIONMNIST": 28, "CIFAR10": 32, "CIFAR100": 32}
_DATASETS = {"FASHIONMNIST": "fashion-mnist"}


def read(path: Path) -> tuple[NetworkEntry, str | None]:
    """Read an .ini file; nothing in it or in the CNV.py beside it is executed.

    Args:
        path: the file: [MODEL] with ARCH, DATASET, IN_CHANNELS, NUM_CLASSES (and OUT_FEATURES of a
            dense network), [QUANT] with WEIGHT_BIT_WIDTH, ACT_BIT_WIDTH, IN_BIT_WIDTH.

    Returns:
        the network, as the ``[network]`` of a preset, and the data set that it is for.

    Raises:
        FinnTuiError: a key is missing or has another value than expected.
    """
    parser = configparser.ConfigParser(interpolation=None)
    try:
        content = files.read_bounded(path, _MOST_BYTES)
        parser.read_string(content.decode("utf-8-sig"))
    except OSError as error:
        raise _wrong(path, "it cannot be read", error.strerror or str(error)) from error
    except (configparser.Error, UnicodeDecodeError) as error:
        raise _wrong(path, "it is no .ini file", str(error)) from error
    arch = _text(parser, path, "MODEL", "ARCH").upper()
    dataset = parser.get("MODEL", "DATASET", fallback="").strip("\"'").upper()
    side = _SIDES.get(dataset, 28 if arch == "FC" else 32)
    common: dict[str, Any] = {
        "input": (_number(parser, path, "MODEL", "IN_CHANNELS", 1, 1024), side, side),
        "classes": _number(parser, path, "MODEL", "NUM_CLASSES", 2, 100_000),
        "weight_bits": _number(parser, path, "QUANT", "WEIGHT_BIT_WIDTH", 1, 8),
        "activation_bits": _number(parser, path, "QUANT", "ACT_BIT_WIDTH", 1, 8),
        "input_bits": _number(parser, path, "QUANT", "IN_BIT_WIDTH", 1, 8),
    }
    named = _DATASETS.get(dataset, dataset.lower()) or None
    if arch == "FC":
        dense = _features(_text(parser, path, "MODEL", "OUT_FEATURES"), path)
        return NetworkEntry(family="mlp", fully_connected=dense, **common), named
    if arch == "CNV":
        return NetworkEntry(family="conv", cnv_py=_cnv_py(path), **common), named
    raise _wrong(path, f"ARCH = {arch}", "finn-tui reads ARCH: CNV and ARCH: FC.")


def _cnv_py(path: Path) -> str:
    """The CNV.py that Brevitas would use: beside the file, or in ../models; else the published."""
    for place in (path.parent, path.parent.parent / "models"):
        try:
            return files.read_bounded(place / "CNV.py", _MOST_BYTES).decode("utf-8")
        except FileNotFoundError:
            continue
        except (OSError, UnicodeDecodeError) as error:
            raise _wrong(place / "CNV.py", "it cannot be read", str(error)) from error
    return cnv_py.PUBLISHED


def _text(parser: configparser.ConfigParser, path: Path, section: str, key: str) -> str:
    value = parser.get(section, key, fallback="").strip().strip("\"'")
    if not value:
        raise _wrong(path, f"[{section}] has no {key}", "Brevitas' own files have it.")
    return value


def _number(
    parser: configparser.ConfigParser, path: Path, section: str, key: str, least: int, most: int
) -> int:
    text = _text(parser, path, section, key)
    if not text.isascii() or not text.isdigit() or not least <= int(text[:9]) <= most:
        raise _wrong(path, f"{key} = {text[:40]}", f"It is a whole number from {least} to {most}.")
    return int(text)


def _features(text: str, path: Path) -> tuple[int, ...]:
    try:
        values = ast.literal_eval(text[:2000])
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        values = None
    fits = isinstance(values, list | tuple) and 0 < len(values) <= 64
    if not fits or not all(type(value) is int and 1 <= value <= 8192 for value in values):
        raise _wrong(path, f"OUT_FEATURES = {text[:80]}", "It is a list such as [64, 64, 64].")
    return tuple(values)


def _wrong(path: Path, what: str, why: str) -> FinnTuiError:
    return FinnTuiError(
        f"{path}: {what}",
        why,
        "Correct it, or define the network as a preset: finn-tui presets copy vgg9-w1a1 mine.",
    )
