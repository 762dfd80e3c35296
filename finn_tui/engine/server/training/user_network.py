"""A user's own Python file with a Brevitas network, in the form of a module of variables.

The file gives the network as ``model`` (or ``net``), a ``torch.nn.Module`` with its weights, or a
function of one of these names that makes it; and the shape of its input as ``INPUT``, such as
``[1, 3, 32, 32]``. Weights of a training replace those that it gives.
"""

import os
import traceback
from typing import Any, Dict, List, Tuple

from finn_tui.engine.protocol import EngineError
from finn_tui.engine.server import user_code
from finn_tui.engine.server.finn import finn_env
from finn_tui.engine.server.training import weight_files

_NAMES = ("model", "net", "network", "build", "get_model")
_SHAPES = ("INPUT", "INPUT_SHAPE", "input_shape")


def load(wanted: Dict[str, Any]) -> Tuple[Any, List[int]]:
    """The network of a file ({"path", "sha256"}) in evaluation mode, and the shape of its input.

    Raises ``EngineError`` for a file that was not agreed to, is broken, or gives no network.
    """
    torch = finn_env.torch_ready()
    variables = user_code.run(wanted, "network")
    name = os.path.basename(str(wanted.get("path")))
    shape: Any = next((variables[key] for key in _SHAPES if key in variables), None)
    if not _is_shape(shape):
        raise EngineError(
            "%s does not say the shape of its input" % name,
            "INPUT is %.80r" % (shape,),
            "Add a line such as INPUT = [1, 3, 32, 32]",
        )
    net = _network(torch, variables, name)
    net.eval()
    sizes = [int(size) for size in shape]
    return net, sizes if len(sizes) in (2, 4) else [1, *sizes]


def obtain(source: Dict[str, Any]) -> Tuple[Any, List[int], Dict[str, Any]]:
    """The network of a "module" source with its weights, its input's shape, and a note on them.

    Raises ``EngineError``, as ``load``; or its checkpoint does not fit.
    """
    net, shape = load(source)
    path = (source.get("weights") or {}).get("path")
    if path:
        weight_files.put(net, weight_files.read(str(path)), str(path))
        return net, shape, {"kind": "checkpoint", "note": os.path.basename(str(path))}
    note = "as %s gives them" % os.path.basename(str(source.get("path")))
    return net, shape, {"kind": "module", "note": note}


def take_images(net: Any, shape: List[int]) -> None:
    """Let a network of flat inputs take images (N, C, H, W), as trainings give them.

    A hook in front of the network does it: names of its weights stay as they are.
    """
    if len(shape) == 2:
        net.register_forward_pre_hook(lambda module, inputs: (inputs[0].flatten(1), *inputs[1:]))


def _is_shape(shape: Any) -> bool:
    if not isinstance(shape, (list, tuple)) or not 1 <= len(shape) <= 4:
        return False
    return all(type(size) is int and 1 <= size <= 100000 for size in shape)


def _network(torch: Any, variables: Dict[str, Any], name: str) -> Any:
    for key in _NAMES:
        value = variables.get(key)
        if isinstance(value, torch.nn.Module):
            return value
        if callable(value) and not isinstance(value, type):
            try:
                made = value()
            except Exception as error:
                raise EngineError(
                    "%s of %s stopped" % (key, name),
                    "%s: %s" % (type(error).__name__, error),
                    "It is called without arguments and returns the network",
                    detail=traceback.format_exc(),
                ) from error
            if isinstance(made, torch.nn.Module):
                return made
    raise EngineError(
        "%s gives no network" % name,
        "None of %s is a torch.nn.Module or a function that returns one" % ", ".join(_NAMES),
        "Add a line such as model = MyNetwork()",
    )
