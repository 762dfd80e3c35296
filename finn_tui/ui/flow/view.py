"""Lists of the Flow screen: stages, changes, nodes and attributes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from finn_tui.lab.models import Stage
from finn_tui.ui.toolkit.listing import Cell, Column, Content, Field, Row


def op_differences(before: Stage | None, stage: Stage) -> list[tuple[str, int]]:
    """Return how many nodes of each op type a stage added (+) or removed (-), added ones first.

    Args:
        before: the stage before, None for the first.
        stage: the stage.
    """
    if before is None:
        return []
    names = dict.fromkeys([*before.op_types, *stage.op_types])
    changes = [(name, stage.op_types.get(name, 0) - before.op_types.get(name, 0)) for name in names]
    return sorted((c for c in changes if c[1]), key=lambda c: (c[1] < 0, -abs(c[1]), c[0]))


def check_cell(stage: Stage) -> Cell:
    """Return the check against the original network: images with the same class."""
    if stage.check is None:
        return ("not run", "dim")
    same, images = stage.check["same"], stage.check["images"]
    if same == images:
        return (f"✓ {same}/{images}", "good")
    return (f"✗ {same}/{images}", "bad")


def stages_content(model_stages: Sequence[Stage], width: int, *, failed: bool = False) -> Content:
    """Return the list of stages.

    Args:
        model_stages: of the model.
        width: columns of the list.
        failed: whether the step behind the last one failed.
    """
    wide = width >= 50
    rows = []
    for index, stage in enumerate(model_stages):
        changed = op_differences(model_stages[index - 1] if index else None, stage)
        added = sum(count for _, count in changed if count > 0)
        removed = -sum(count for _, count in changed if count < 0)
        text = f"+{added} -{removed}" if changed else ("" if index == 0 else "same ops")
        cells: list[Cell] = [(f"{index:>2} {stage.name}", ""), (str(stage.nodes), "")]
        if wide:
            cells.append((text, "dim"))
        last = failed and index == len(model_stages) - 1
        cells.append(("✗ then failed", "bad") if last else check_cell(stage))
        rows.append(Row(index, cells))
    columns = [Column("stage"), Column("nodes", 5, True, rank=1)]
    columns += [Column("changed", 8, True, rank=3)] if wide else []
    return Content([*columns, Column("same top-1", 13 if failed else 10)], rows)


def changes_content(model_stages: Sequence[Stage], index: int) -> Content:
    """Return how a stage changed the op types.

    Args:
        model_stages: of the model.
        index: of the stage.
    """
    stage = model_stages[index]
    if index == 0:
        rows = [Row(name, [(str(count), ""), (name, "")]) for name, count in stage.op_types.items()]
        return Content([Column("", 4, True), Column(f"{stage.name} has")], rows)
    rows = [
        Row(name, [(f"{count:+d}", "good" if count > 0 else "accent"), (name, "")])
        for name, count in op_differences(model_stages[index - 1], stage)
    ]
    return Content(
        [Column("", 4, True), Column(f"{stage.name} changed")], rows, "the op types are the same"
    )


def _shape(tensors: Sequence[Mapping[str, Any]]) -> str:
    dynamic = [tensor for tensor in tensors if tensor.get("shape")]
    return "x".join(str(size) for size in dynamic[0]["shape"]) if dynamic else ""


def _dtype(tensors: Sequence[Mapping[str, Any]]) -> str:
    return str(tensors[0].get("dtype") or "") if tensors else ""


def nodes_content(graph: Mapping[str, Any], width: int) -> Content:
    """Return the nodes of a stage with shapes and types as far as they fit.

    Args:
        graph: of the stage.
        width: columns of the list.
    """
    wide = width >= 76
    columns = [Column("op", 24), Column("node")] if wide else [Column("op")]
    columns += [Column("in", 14, rank=2)] if wide else []
    columns += [Column("out", 12), Column("type", 8, rank=1)]
    rows = []
    for number, node in enumerate(graph["nodes"]):
        hardware = str(node.get("domain", "")).startswith("finn.")
        cells: list[Cell] = [(node["op_type"], "" if hardware else "quiet")]
        if wide:
            cells += [(node["name"], "dim"), (_shape(node["inputs"]), "dim")]
        cells += [(_shape(node["outputs"]), ""), (_dtype(node["outputs"]), "dim")]
        rows.append(Row(number, cells, node["name"]))
    return Content(columns, rows, "this graph has no nodes")


def node_facts(node: Mapping[str, Any]) -> list[Field]:
    """Return everything known of a node: tensors, then attributes."""
    fields = [Field("op", node["op_type"], "strong"), Field("domain", node.get("domain") or "onnx")]
    for side in ("inputs", "outputs"):
        for tensor in node[side]:
            shape = "x".join(str(size) for size in tensor.get("shape") or ()) or "scalar"
            text = f"{tensor['name']}  {shape}  {tensor.get('dtype') or ''}"
            fields.append(Field(side.removesuffix("s"), text))
    for name, value in sorted(node["attrs"].items()):
        if value not in ("", None, []):
            fields.append(Field(name, str(value)))
    return fields
