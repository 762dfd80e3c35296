"""Graphs of stages: order, drawing, walking, searching, and differences."""

from __future__ import annotations

import time
from collections import Counter
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finn_tui.core.graph.flow_steps import step_text
from finn_tui.core.graph.lanes import NODE
from finn_tui.core.graph.stage import StageGraph, difference, stage_graph, tensor_text
from tests import data
from tests.core.graph.test_lanes import read_back


def tensor(name: str, shape: list[int] | None = None, dtype: str = "INT4") -> dict[str, Any]:
    return {"name": name, "shape": [1, 8] if shape is None else shape, "dtype": dtype}


def node(name: str, op: str, inputs: list[str], outputs: list[str], **attrs: Any) -> dict[str, Any]:
    return {
        "name": name,
        "op_type": op,
        "domain": "",
        "inputs": [tensor(each) for each in inputs],
        "outputs": [tensor(each) for each in outputs],
        "attrs": attrs,
    }


def document(nodes: list[dict[str, Any]]) -> dict[str, Any]:
    return {"nodes": nodes, "inputs": [tensor("in")], "outputs": [tensor("out")]}


#: A residual block: the tensor "a" is taken twice.
RESIDUAL = document(
    [
        node("First", "MVAU", ["in", "w0"], ["a"]),
        node("Left", "MVAU", ["a", "w1"], ["b"]),
        node("Middle", "Thresholding", ["b"], ["c"]),
        node("Sum", "AddStreams", ["c", "a"], ["out"]),
    ]
)


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """Any graph of up to 20 nodes, in any order, some tensors taken many times."""
    count = draw(st.integers(1, 20))
    nodes = []
    for at in range(count):
        before = ["in", *(f"t{other}" for other in range(at))]
        taken = draw(st.lists(st.sampled_from(before), min_size=1, max_size=3))
        nodes.append(node(f"n{at}", "Op", [*taken, f"w{at}"], [f"t{at}"]))
    nodes[-1]["outputs"].append(tensor("out"))
    return document(draw(st.permutations(nodes)))


def edges(graph: dict[str, Any]) -> Counter[tuple[str, str]]:
    """The edges of a document by name, worked out in another way."""
    makers = {t["name"]: each["name"] for each in graph["nodes"] for t in each["outputs"]}
    makers |= {t["name"]: t["name"] for t in graph["inputs"]}
    found: Counter[tuple[str, str]] = Counter()
    for each in graph["nodes"]:
        for taken in each["inputs"]:
            if taken["name"] in makers:
                found[makers[taken["name"]], each["name"]] += 1
    for taken in graph["outputs"]:
        found[makers[taken["name"]], taken["name"]] += 1
    return found


@given(documents())
def test_every_edge_is_drawn_and_no_node_lies_on_another(graph: dict[str, Any]) -> None:
    drawn = stage_graph(graph)
    names = [each.name for each in drawn.nodes]
    assert sorted(names) == sorted([*(n["name"] for n in graph["nodes"]), "in", "out"])
    by_name = Counter((names[a], names[b]) for a, b in drawn.links)
    assert by_name == edges(graph)
    rows = tuple(row.text for row in drawn.rows)
    # Read back from the characters alone.
    assert read_back(rows) == Counter(drawn.links)
    assert all(row.count(NODE) == 1 for row in rows)
    # Between two nodes every stream runs on, and nothing else does.
    for at, row in enumerate(drawn.rows):
        running = sum(1 for a, b in drawn.links if a <= at < b)
        assert row.rest.count("│") == running


@given(documents(), st.randoms())
def test_walking_reaches_what_is_linked(graph: dict[str, Any], random: Any) -> None:
    drawn = stage_graph(graph)
    at = random.randrange(len(drawn.nodes))
    end = drawn.follow(at, forward=True)
    assert end == at or (at, end) in drawn.links
    start = drawn.follow(at, forward=False)
    assert start == at or (start, at) in drawn.links
    assert not drawn.consumers[at] or end == max(drawn.consumers[at])


def test_a_residual_block_reads_well() -> None:
    drawn = stage_graph(RESIDUAL)
    lines = [
        f"{line.lanes} {drawn.nodes[line.node].name if line.is_node else ''}".rstrip()
        for line in drawn.lines
    ]
    assert lines == [
        "●  in",
        "│",
        "●╮ First",
        "││",
        "●│ Left",
        "││",
        "●│ Middle",
        "││",
        "●╯ Sum",
        "│",
        "●  out",
    ]
    assert drawn.follow(1, forward=True) == 4
    assert drawn.follow(4, forward=False) == 1
    assert drawn.nodes[1].constants == ("1x8 INT4",)
    assert drawn.nodes[4].constants == ()


@pytest.mark.parametrize("model", ["tfc-w1a1", "cnv-w1a1"])
def test_every_recorded_stage_is_drawn(model: str) -> None:
    for graph in data.prepared(model)["graphs"].values():
        drawn = stage_graph(graph)
        ends = len(graph["inputs"]) + len(graph["outputs"])
        assert len(drawn.nodes) == len(graph["nodes"]) + ends
        assert all(a < b for a, b in drawn.links)
        assert Counter(each.op for each in drawn.nodes if each.number is not None) == Counter(
            each["op_type"] for each in graph["nodes"]
        )


def test_a_search_goes_round_and_sees_op_shape_and_type() -> None:
    drawn = stage_graph(RESIDUAL)
    assert drawn.search("mvau", 0) == 1
    assert drawn.search("mvau", 1) == 2
    assert drawn.search("MVAU", 2) == 1
    assert drawn.search("1x8 int4", 5) == 0
    assert drawn.search("nothing", 0) is None
    assert StageGraph((), ()).search("a", 0) is None


def test_a_circle_is_drawn_without_its_last_edge() -> None:
    graph = document([node("a", "Op", ["y"], ["x"]), node("b", "Op", ["x"], ["y", "out"])])
    drawn = stage_graph(graph)
    assert {each.name for each in drawn.nodes} == {"in", "a", "b", "out"}
    assert all(a < b for a, b in drawn.links)


def test_four_hundred_nodes_are_drawn_at_once() -> None:
    nodes = []
    for at in range(400):
        before = "in" if at == 0 else f"t{at - 1}"
        shortcut = [f"t{at - 20}"] if at % 20 == 0 and at else []
        nodes.append(node(f"n{at}", "Op", [before, *shortcut], [f"t{at}"]))
    start = time.process_time()
    drawn = stage_graph(document(nodes))
    assert len(drawn.lines) > 800
    assert drawn.search("n399", 0) == 400
    # A frame of an app has 50 ms; this leaves room for slow machines.
    assert time.process_time() - start < 1.0


def test_differences_of_nodes() -> None:
    after = document(
        [
            node("Zeroth", "MVAU", ["in", "w0"], ["a"]),
            node("Left", "MVAU", ["a", "w1"], ["b"], PE=2),
            node("New", "Thresholding_rtl", ["b"], ["c"]),
            node("Sum", "AddStreams", ["c", "a"], ["out"]),
        ]
    )
    found = difference(RESIDUAL, after)
    assert found.added == (("New", "Thresholding_rtl"),)
    assert found.removed == (("Middle", "Thresholding"),)
    assert ("Left", "PE none -> 2") in found.changed
    assert ("Zeroth", "was called First") in found.changed
    assert found.marks == {"New": "new", "Left": "≠", "Zeroth": "≠"}
    assert difference(RESIDUAL, RESIDUAL).marks == {}


def test_the_recorded_flow_s_differences_count_as_its_op_types() -> None:
    document = data.prepared("cnv-w1a1")
    graphs = document["graphs"]
    names = list(graphs)
    for before, after in pairwise(names):
        found = difference(graphs[before], graphs[after])
        change = Counter(op for _, op in found.added)
        change.subtract(Counter(op for _, op in found.removed))
        wanted = Counter(each["op_type"] for each in graphs[after]["nodes"])
        wanted.subtract(Counter(each["op_type"] for each in graphs[before]["nodes"]))
        assert {op: n for op, n in change.items() if n} == {op: n for op, n in wanted.items() if n}


def test_a_tensor_in_words() -> None:
    assert tensor_text({"shape": [1, 64], "dtype": "BIPOLAR"}) == "1x64 BIPOLAR"
    assert tensor_text({"shape": [], "dtype": "FLOAT32"}) == "scalar FLOAT32"
    assert tensor_text({"shape": None, "dtype": None}) == "?"


def test_every_step_of_the_flow_is_explained() -> None:
    for model in ("tfc-w1a1", "cnv-w1a1"):
        for stage in data.prepared(model)["model"]["stages"]:
            text = step_text(stage["name"])
            assert text, stage["name"]
            assert text.count(". ") == 1 and text.endswith("."), stage["name"]
    assert step_text("step_streamline") == step_text("streamline")
    assert step_text("my_own_step") == ""
