"""A user's own Python file with a Brevitas network."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.engine import dataset_files
from tests.engine.conftest import ROOT, Prepared, ServerError, Talk

pytestmark = pytest.mark.engine

#: Bipolar activations, padded with zeros in front of the second convolution.
NETWORK = """
import torch
from torch import nn
from brevitas.nn import QuantConv2d, QuantIdentity, QuantLinear
from brevitas_examples.bnn_pynq.models.common import CommonActQuant, CommonWeightQuant
from brevitas_examples.bnn_pynq.models.tensor_norm import TensorNorm

INPUT = [3, 8, 8]


def conv(inputs, outputs):
    return QuantConv2d(inputs, outputs, 3, padding=1, bias=False, weight_quant=CommonWeightQuant,
                       weight_bit_width=1)


def act():
    return QuantIdentity(act_quant=CommonActQuant, bit_width=1)


def model():
    torch.manual_seed(3)
    net = nn.Sequential(
        QuantIdentity(act_quant=CommonActQuant, bit_width=8, min_val=-1.0, max_val=1 - 2**-7,
                      narrow_range=False),
        conv(3, 8), nn.BatchNorm2d(8), act(),
        conv(8, 8), nn.BatchNorm2d(8), act(),
        nn.Flatten(),
        QuantLinear(512, 10, bias=False, weight_quant=CommonWeightQuant, weight_bit_width=1),
        TensorNorm(),
    )
    net.train()
    with torch.no_grad():
        net(torch.rand(64, 3, 8, 8))
    return net
"""


def source(folder: Path, text: str) -> dict[str, Any]:
    """A file, and what the engine is asked to make of it."""
    path = folder / "mynet.py"
    path.write_text(text)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return {"kind": "module", "path": str(path), "sha256": digest}


def test_it_is_prepared_and_its_zero_padding_is_found(server: Talk, tmp_path: Path) -> None:
    model = Prepared(server, tmp_path / "out", source(tmp_path, NETWORK), 1).model
    assert model["weights"] == {
        **model["weights"],
        "kind": "module",
        "note": "as mynet.py gives them",
    }
    assert model["stages"][-1]["op_types"]["MVAU_hls"] == 3
    kinds = {warning["kind"]: warning for warning in model["warnings"]}
    assert kinds["padding"]["padding"]["layers"] == [2]
    assert kinds["classes"]["stage"] == "streamline"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("model = 3\nINPUT = [1, 1, 8, 8]", "gives no network"),
        ("model = None", "does not say the shape of its input"),
        ("INPUT = ['x']", "INPUT is ['x']"),
        ("import sys\nsys.exit(3)", "SystemExit: 3"),
        ("INPUT = [3, 8, 8]\ndef model():\n    raise KeyError('weights')", "KeyError: 'weights'"),
        (
            "import torch\nINPUT = [3]\nmodel = torch.nn.Linear(4, 4)",
            "cannot be exported",
        ),
    ],
)
def test_a_file_without_a_network_is_explained(
    server: Talk, tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(ServerError) as caught:
        server.call("export", source=source(tmp_path, text), out=str(tmp_path / "net.onnx"))
    assert message in caught.value.text and caught.value.kind == "input"
    assert not (tmp_path / "net.onnx").exists()


def test_it_runs_only_with_the_content_that_was_agreed_to(server: Talk, tmp_path: Path) -> None:
    asked = source(tmp_path, NETWORK)
    marker = tmp_path / "ran"
    Path(asked["path"]).write_text(f"open({str(marker)!r}, 'w')\n")
    with pytest.raises(ServerError) as caught:
        Prepared(server, tmp_path / "out", asked, 1)
    assert "not the file that was agreed to" in caught.value.text and not marker.exists()


#: Of flat images, as an MLP of a user's own.
TRAINED = """
import torch
from brevitas.nn import QuantLinear

INPUT = [1, 784]


def model():
    return torch.nn.Sequential(QuantLinear(784, 10, bias=False, weight_bit_width=4))
"""


def test_it_is_trained_measured_and_prepared_with_its_weights(
    server: Talk, engine_python: str, tmp_path: Path
) -> None:
    asked = source(tmp_path, TRAINED)
    dataset_files.write_idx(tmp_path / "made-digits", train=200, test=40)
    module = {key: asked[key] for key in ("path", "sha256")}
    training = {
        "definition": {"module": module},
        "dataset": str(tmp_path / "made-digits"),
        "epochs": 2,
        "batch": 20,
        "lr": 0.01,
    }
    run = tmp_path / "run"
    run.mkdir()
    (run / "run.json").write_text(json.dumps({"training": training}))
    code = (
        "import sys; from finn_tui.engine.server.training import job; "
        "job.train(sys.argv[1], '', lambda event, **data: None)"
    )
    command = [engine_python, "-W", "ignore", "-c", code, str(run)]
    subprocess.run(command, cwd=ROOT, check=True, timeout=300)
    checkpoint = str(run / "build" / "best.pt")
    result = json.loads((run / "results.json").read_text())["training"]
    assert result["dataset"] == "made-digits" and result["percent"] > 50

    dataset = training["dataset"]
    scores = server.call("evaluate", checkpoint=checkpoint, module=module, dataset=dataset)
    assert scores["percent"] == result["percent"]
    weights = {"kind": "checkpoint", "path": checkpoint}
    scores = server.call("evaluate", source={**asked, "weights": weights}, dataset=dataset)
    assert scores["percent"] == result["percent"]
    # What a checkpoint names is no reason to run it.
    for other in (None, {**module, "sha256": "0" * 64}):
        with pytest.raises(ServerError) as caught:
            server.call("evaluate", checkpoint=checkpoint, module=other, dataset=dataset)
        assert "is not run unless it is named" in caught.value.text

    model = Prepared(server, tmp_path / "out", {**asked, "weights": weights}, 1).model
    assert model["weights"]["accuracy"] == result["percent"]
    assert (model["weights"]["kind"], model["weights"]["dataset"]) == ("checkpoint", "made-digits")
    assert model["handling"]["preprocess"] == "divide-255"
