"""Residual and depthwise networks of full depth: tables and exact foldings against FINN's word."""

from __future__ import annotations

import random
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from finn_tui.core.design import Design
from finn_tui.core.device import RESOURCES
from finn_tui.core.estimate.estimate import CostTable, estimate
from finn_tui.core.folding import finn_json
from finn_tui.core.folding import model as foldings
from finn_tui.core.folding.model import Folding
from finn_tui.core.optimize import solve as solver
from finn_tui.core.optimize.problem import Problem
from tests.engine.conftest import PART, ROOT, Talk

pytestmark = pytest.mark.engine

WEIGHTS = {"LUT": 1 / 53200, "BRAM_18K": 1 / 280, "URAM": 1 / 96, "DSP": 1 / 220}
#: The first has UltraRAM; of the second, FINN has the name and no amounts.
ULTRASCALE, VERSAL = "xczu7ev-ffvc1156-2-e", "xcvc1902-vsva2197-2MP-e-S"


def make(kind: str, python: str, folder: Path) -> Path:
    """A network of ``make_networks.py``."""
    path, script = folder / f"{kind}.onnx", Path(__file__).with_name("make_networks.py")
    command = [python, str(script), kind, str(path)]
    subprocess.run(command, check=True, timeout=120, stdout=sys.stderr)
    return path


@dataclass
class Case:
    """A network in the engine, as the terminal knows it."""

    server: Talk
    path: str
    part: str
    design: Design
    tables: Mapping[str, CostTable]
    seconds: float

    @classmethod
    def of(cls, kind: str, part: str, server: Talk, python: str, folder: Path) -> Case:
        path = make(kind, python, folder)
        design = Design.from_json(kind, server.call("design", path=str(path), part=part))
        events: list[Any] = []
        result = server.call("tables", events, path=str(path), part=part, first=None)
        tables = {
            event["data"]["layer"]: CostTable.from_json(event["data"])
            for event in events
            if event.get("event") == "table"
        }
        return cls(server, str(path), part, design, tables, result["seconds"])

    def ops(self) -> Counter[str]:
        return Counter(layer.op for layer in self.design.layers)

    def solved(self, start: Folding) -> tuple[int, Folding]:
        """A target in the middle of all, and the cheapest folding that reaches it."""
        problem = Problem(self.design, self.tables, start, {}, WEIGHTS)
        targets = solver.targets(problem)
        target = targets[len(targets) // 2]
        solution = solver.solve(problem, target, seconds=30)
        assert solution.optimal
        return target, solution.folding

    def some(self, start: Folding, source: random.Random) -> Folding:
        """Any legal values of every knob, coupled ones together."""
        values = {
            name: table.values(source.randrange(len(table))) for name, table in self.tables.items()
        }
        for coupling in self.design.couplings:
            (a, knob_a), (b, knob_b) = coupling.a, coupling.b
            wanted = {**values[b], knob_b: values[a][knob_a]}
            row = self.tables[b].nearest(wanted, fixed=knob_b)
            assert row is not None
            values[b] = self.tables[b].values(row)
        return Folding(values, start.settings)

    def compare(self, folding: Folding) -> None:
        """Our estimate of a folding and FINN's reports on the graph folded so are equal."""
        foldings.check(self.design, self.tables, folding)  # couplings hold, too
        ours = estimate(self.design, self.tables, folding.values, 10.0)
        report = self.server.call(
            "reports",
            path=self.path,
            part=self.part,
            folding=finn_json.to_json(self.design, folding),
        )
        assert set(report["cycles"]) == {layer.name for layer in ours.layers}
        total = dict.fromkeys(RESOURCES, 0)
        for layer in ours.layers:
            where = (layer.name, folding.values[layer.name])
            assert report["cycles"][layer.name] == layer.cycles, where
            assert report["widths"][layer.name] == [layer.in_width, layer.out_width], where
            for name in RESOURCES:
                reported = report["resources"][layer.name].get(name, 0)
                assert reported == layer.resources[name], (*where, name)
                total[name] += reported
        assert total == ours.total
        assert report["performance"]["max_cycles"] == ours.ii_cycles
        assert report["performance"]["critical_path_cycles"] == ours.latency_cycles


def agree(case: Case, seed: str) -> None:
    """No parallelism, the solver's answer and three foldings at random are FINN's numbers."""
    source = random.Random(seed)
    start = foldings.ones(case.design, case.tables)
    target, cheapest = case.solved(start)
    cycles = estimate(case.design, case.tables, cheapest.values, 10.0).layers
    assert max(layer.cycles for layer in cycles) <= target
    for folding in (start, cheapest, *(case.some(start, source) for _ in range(3))):
        case.compare(folding)


def test_a_residual_network_of_fifty_layers(
    server: Talk, engine_python: str, tmp_path: Path
) -> None:
    case = Case.of("resnet50", PART, server, engine_python, tmp_path)
    ops = case.ops()
    assert ops["MVAU_hls"] == 54
    assert ops["DuplicateStreams_hls"] == ops["ElementwiseAdd_hls"] == 16
    # Both ways through a block meet again.
    adds = [layer.name for layer in case.design.layers if layer.op == "ElementwiseAdd_hls"]
    assert all(len(case.design.predecessors[name]) == 2 for name in adds)
    # Max pooling is depthwise, and its window the only one that is.
    assert [coupling.b[0] for coupling in case.design.couplings] == ["Pool_hls_0"]
    agree(case, "resnet50")
    print(f"tables of {len(case.tables)} layers: {case.seconds:.2f} s")


@pytest.mark.parametrize(("backend", "part"), [("hls", PART), ("rtl", VERSAL)])
def test_a_network_of_depthwise_convolutions(
    server: Talk, engine_python: str, tmp_path: Path, backend: str, part: str
) -> None:
    case = Case.of(f"mobilenet-{backend}", part, server, engine_python, tmp_path)
    vector = [layer.name for layer in case.design.layers if layer.op == f"VVAU_{backend}"]
    assert len(vector) == 13 and case.ops()[f"MVAU_{backend}"] == 15
    # Each depthwise window is bound to its VVAU, and no other window to anything.
    assert [(c.b[0], c.a[1], c.b[1]) for c in case.design.couplings] == [
        (name, "SIMD", "PE") for name in vector
    ]
    for coupling in case.design.couplings:
        assert case.design.by_name[coupling.a[0]].attrs["depthwise"] == 1
    agree(case, backend)
    print(f"tables of {len(case.tables)} layers: {case.seconds:.2f} s")


def test_modes_that_share_a_price_cost_the_same(engine_python: str, tmp_path: Path) -> None:
    # Each op in every mode at every point, with none standing in for another.
    script = """
import sys
from finn_tui.engine.server import graphs
from finn_tui.engine.server.design import choices, knobs, tables
from finn_tui.engine.server.finn import finn_env
finn_env.setup()
stand_in, reached = choices.stand_in, choices.reached
def price(path, part):
    nodes = knobs.hardware_nodes(graphs.load(path))
    window = knobs.windowed(nodes)
    first = {}
    for node, inst in nodes:
        first.setdefault(node.op_type, (node, inst))
    for op, (node, inst) in first.items():
        tables.cache_attributes(inst)
        for inside in (0, 1) if op.startswith(("MVAU", "VVAU")) else (None,):
            if inside is not None:
                inst.set_nodeattr("noActivation", 1 - inside)  # thresholds within the layer
            before = {name: inst.get_nodeattr(name) for name in inst.get_nodeattr_types()
                      if name in ("PE", "SIMD", *choices._ORDER, "parallel_window",
                                  "depth_trigger_bram", "depth_trigger_uram")}
            each = []
            for choices.stand_in, choices.reached in (
                (stand_in, reached), (lambda base, mode, part: dict(mode), lambda inst, mode: None)
            ):
                for name, value in before.items():
                    inst.set_nodeattr(name, value)
                each.append(tables.table_of(node, inst, part, node.name in window))
            choices.stand_in, choices.reached = stand_in, reached
            assert each[0] == each[1], (op, part, inside)
            print(op, part, len(each[1]["modes"]), len(each[1]["faces"]), file=sys.stderr)
            print(len(each[1]["points"]) * len(each[1]["modes"]))
cases = sys.argv[1:]
for path, part in zip(cases[::2], cases[1::2]):
    price(path, part)
"""
    cases = []
    for kind, part in (
        ("resnet50", PART),
        ("mobilenet-hls", ULTRASCALE),
        ("mobilenet-rtl", VERSAL),
    ):
        path = make(kind, engine_python, tmp_path)
        cases += [str(path), part]
    ran = subprocess.run(
        [engine_python, "-c", script, *cases],
        check=True,
        cwd=ROOT,
        timeout=200,
        stdout=subprocess.PIPE,
        text=True,
    )
    # As many as there are, not a sample.
    assert sum(int(line) for line in ran.stdout.split() if line.isdigit()) > 5_000
