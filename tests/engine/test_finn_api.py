"""Graphs are executed with qonnx's own rounding, and one that is not executed says why."""

from __future__ import annotations

import json
import os
import subprocess

import pytest

from tests.engine.conftest import ROOT

pytestmark = pytest.mark.engine

#: A graph of two additions; its tensors have the types that the test gives them.
_SCRIPT = """
import json
import numpy as np
import qonnx.core.onnx_exec as onnx_exec
from onnx import TensorProto, helper
from qonnx.core.datatype import DataType
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.util.basic import qonnx_make_model
from finn_tui.engine.server.finn import finn_api, finn_env
from finn_tui.engine.server.preparing import checks
finn_env.setup()

def graph(op="Add"):
    info = [
        helper.make_tensor_value_info(each, TensorProto.FLOAT, [1, 4])
        for each in ("in", "mid", "out")
    ]
    nodes = [
        helper.make_node(op, ["in", "one"], ["mid"]),
        helper.make_node("Add", ["mid", "one"], ["out"]),
    ]
    whole = helper.make_graph(nodes, "g", info[:1], info[2:], value_info=info[1:2])
    model = ModelWrapper(qonnx_make_model(whole))
    model.set_initializer("one", np.ones([1, 4], np.float32))
    return model

looked_at = []
rounding = onnx_exec.sanitize_quant_values
def recording(model, names, context, *more, **named):
    looked_at.extend(names)
    return rounding(model, names, context, *more, **named)
def outcome(execute, datatype, values):
    model = graph()
    model.set_tensor_datatype("mid", DataType[datatype])
    try:
        return execute(model, {"in": np.array([values], np.float32)})["out"].tolist()
    except Exception as error:
        return type(error).__name__
cases = [("INT4", [0, 1, 2, 3]), ("INT4", [0, 1.0001, 2, 3]), ("INT4", [0, 1.4, 2, 3]),
         ("INT4", [0, 1, 2, 90]), ("INT4", [float("nan"), 1, 2, 3]), ("BIPOLAR", [0, -2, 0, 0]),
         ("BIPOLAR", [0, -1, 0, 0]), ("FLOAT32", [0, 0.5, 2, 3]), ("UINT2", [-1, -2, 0, 1])]
before = [outcome(onnx_exec.execute_onnx, *case) for case in cases]
onnx_exec.sanitize_quant_values = recording
execute = finn_api.executor()
assert finn_api.executor() is execute
after = [outcome(execute, *case) for case in cases]
assert repr(before) == repr(after), (before, after)
looked_at.clear()
outcome(execute, *cases[0])
plain = list(looked_at)
outcome(execute, *cases[1])
reference = checks.Reference([np.zeros([1, 1, 4], np.float32)], np.zeros(1, int), False, 1)
assert reference.check(graph("NoSuchOp"), lambda batch, which: batch, None, False) is None
stages = [{"name": "import", "check": {"images": 1, "same": 1, "outputs": 1, "weak": None}},
          {"name": "streamline", "check": None}]
print(json.dumps({
    "results": repr(after), "plain": plain, "odd": looked_at,
    "why": checks.warnings(stages, {}, False, reference.failure)[-1]["why"],
}))
"""


def test_rounding_is_qonnx_own_and_a_failed_check_gives_the_reason(engine_python: str) -> None:
    done = subprocess.run(
        [engine_python, "-W", "ignore", "-c", _SCRIPT],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=100,
    )
    answer = json.loads(done.stdout.splitlines()[-1])
    assert answer["plain"] == []  # tensors that hold their type's values cost nothing
    assert answer["odd"] == ["mid"]  # then it is rounded
    assert answer["results"].count("Exception") >= 2
    assert "[[2.0, 3.0, 4.0, 5.0]]" in answer["results"]
    assert "NoSuchOp" in answer["why"]
