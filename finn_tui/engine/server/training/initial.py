"""The network that a training begins with: from its definition, with fresh or given weights."""

import importlib
from typing import Any, Dict

from finn_tui.engine.protocol import EngineError
from finn_tui.engine.server.finn import finn_env
from finn_tui.engine.server.training import user_network


def network(definition: Dict[str, Any], seed: int) -> Any:
    """Return the network with fresh weights from a seed, in training mode.

    Args:
        definition: ``{"brevitas": NAME}`` for an example network of Brevitas, ``{"module":
            {"path", "sha256"}}`` for a user's own Python file, whose content was agreed to, else
            what ``definition.complete`` takes.
        seed: of the weights.

    Raises ``EngineError``: the definition does not work out, or the file gives no network.
    """
    torch = finn_env.torch_ready()
    torch.manual_seed(seed)
    if "brevitas" in definition:
        models = importlib.import_module("brevitas_examples.bnn_pynq.models")
        try:
            net, _ = models.model_with_cfg(str(definition["brevitas"]), pretrained=False)
        except AssertionError as error:
            raise EngineError(
                "Brevitas has no example network %r" % definition["brevitas"],
                str(error),
                "Define the network in the preset's [network] table",
            ) from error
    elif "module" in definition:
        net, shape = user_network.load(definition["module"])
        user_network.take_images(net, shape)
    else:
        net = importlib.import_module("finn_tui.engine.server.training.networks").build(definition)
    net.train()
    return net


def load_weights(net: Any, document: Dict[str, Any], path: str) -> None:
    """Put a checkpoint's weights into a network. Raises ``EngineError`` if they do not fit."""
    try:
        net.load_state_dict(document["state_dict"], strict=True)
    except Exception as error:
        # torch raises RuntimeError with all keys, TypeError for odd values.
        raise EngineError(
            "The checkpoint %s does not fit the network" % path,
            str(error)[:2000],
            "Give a checkpoint of this very network",
        ) from error
