"""Run with the engine's Python in an empty folder: files with weights, read back, as JSON."""

import json
import pickle
from pathlib import Path
from typing import Any

import torch

from finn_tui.engine.protocol import EngineError
from finn_tui.engine.server.training import networks, weight_files, weights
from tests.engine.check_networks import SMALL


class Trap:
    """A pickle of this makes a file when it is loaded."""

    def __reduce__(self) -> Any:
        return (Path.touch, (Path("ran"),))


def said(path: str) -> str:
    """What is said of a file that holds no weights."""
    try:
        weight_files.read(path)
    except EngineError as error:
        return f"{error.what}. {error.why}"
    return "read"


def restricted(path: str) -> Any:
    """What torch's that have no weights_only make of a file."""
    try:
        return sorted(weight_files.load_restricted(torch, path)["state_dict"])[:1]
    except pickle.UnpicklingError as error:
        return str(error)


def padding_of(source: dict[str, Any], path: str) -> tuple[float, str]:
    """The padding that the network has with a file's weights, and the note."""
    net, facts = weights.obtain(
        {**source, "weights": {"kind": "checkpoint", "path": path}}, lambda *_: None
    )
    return net.definition["padding_value"], facts["note"]


if __name__ == "__main__":
    net = networks.build(SMALL)
    state = net.state_dict()
    torch.save({"definition": SMALL, "state_dict": state, "epoch": 3}, "ours.pt")
    zero = {**SMALL, "padding_value": 0}
    torch.save({"definition": zero, "state_dict": state}, "zero.pt")
    optimizer = torch.optim.Adam(net.parameters())
    package = {"state_dict": state, "optim_dict": optimizer.state_dict(), "best_val_acc": 41.9}
    torch.save(package, "best.tar")
    torch.save({f"module.{name}": value for name, value in state.items()}, "parallel.pth")
    torch.save({"state_dict": state, "trap": Trap()}, "trap.pt")
    torch.save([1, 2], "list.pt")
    torch.save({"epoch": 3}, "empty.pt")
    Path("text.pt").write_text("no checkpoint")
    other = networks.build({**SMALL, "channels": [8, 16]})
    source = {"definition": SMALL, "input": [1, 3, 8, 8]}
    misfit = ""
    try:
        weight_files.put(other, weight_files.read("ours.pt"), "ours.pt")
    except EngineError as error:
        misfit = f"{error.what}. {error.why}"
    answer = {
        "read": [
            sorted(weight_files.read(name).state) == sorted(state)
            for name in ("ours.pt", "best.tar", "parallel.pth")
        ],
        "padding": [padding_of(source, name) for name in ("ours.pt", "zero.pt", "best.tar")],
        "said": {
            name: said(name) for name in ("trap.pt", "list.pt", "empty.pt", "text.pt", "gone.pt")
        },
        "restricted": [restricted("ours.pt"), restricted("trap.pt")],
        "misfit": misfit,
    }
    print(json.dumps({**answer, "ran": Path("ran").exists()}))
