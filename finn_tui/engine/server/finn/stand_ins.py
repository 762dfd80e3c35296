"""Empty modules in place of what FINN imports and the engine never uses.

FINN's builder imports its test helpers (which alone bring torch, torchvision, pytest and Brevitas)
and its RTL simulators (pyverilator, XSI) at the top of its modules. Where one of these is not
installed, an empty module lets the rest of FINN be imported. What uses it then fails by itself.
"""

import importlib.util
import sys
import types
from typing import Any, Dict, List, Tuple

#: Names that are imported from each module.
_NAMES: Dict[str, Tuple[str, ...]] = {
    "finn.util.test": ("execute_parent",),
    "pyverilator": ("PyVerilator",),
    "pyverilator.util": (),
    "pyverilator.util.axi_utils": (
        "_read_signal",
        "axilite_read",
        "axilite_write",
        "reset_rtlsim",
        "rtlsim_multi_io",
        "toggle_clk",
        "toggle_neg_edge",
        "wait_for_handshake",
    ),
    "torch": ("Tensor",),
    "torch.nn": (),
    "torch.nn.functional": (),
    "finn.xsi": ("SimEngine",),
    "xsi": (),
}
#: What FINN's test helpers need; where one of these is missing, they are stood in for.
_TEST_NEEDS = ("torch", "torchvision", "pytest", "brevitas", "brevitas_examples")

_registered: List[str] = []


class Absent:
    """Stands for a class or function of a module that is not there."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        raise RuntimeError("A part of FINN was called that is not installed in this engine")


def register(simulator: bool) -> None:
    """Register what is missing, before anything of FINN's is imported.

    Args:
        simulator: whether RTL is simulated in this process; its modules are left alone then.
    """
    if any(not _installed(name) for name in _TEST_NEEDS):
        _put("finn.util.test")
    if not _installed("torch"):
        _put("torch", "torch.nn", "torch.nn.functional")
    if simulator:
        return
    if not _installed("pyverilator.util.axi_utils"):
        _put("pyverilator", "pyverilator.util", "pyverilator.util.axi_utils")
    if _installed("finn.xsi"):
        # Importing it asks for Vivado, and in finn-plus 1.4 builds its simulator at once.
        _put("finn.xsi")
        if not _installed("xsi"):
            _put("xsi")


def remove(name: str) -> None:
    """Take a stand-in away, so that importing the module says what is wrong with it."""
    if name in _registered:
        for each in [each for each in _registered if each == name or each.startswith(name + ".")]:
            _registered.remove(each)
            sys.modules.pop(each, None)


def _never() -> bool:
    return False


def _installed(name: str) -> bool:
    if name in sys.modules:
        return name not in _registered
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False


def _put(*names: str) -> None:
    for name in names:
        if name in sys.modules:
            continue
        module = types.ModuleType(name)
        module.__path__ = []  # it may have modules below it
        for each in _NAMES[name]:
            setattr(module, each, Absent)
        setattr(module, "is_available", _never)  # noqa: B010 - mypy knows no such attribute
        sys.modules[name] = module
        _registered.append(name)
        parent, _, child = name.rpartition(".")
        if parent in sys.modules:
            setattr(sys.modules[parent], child, module)
