"""Lists of the Flow screen: stages, changes, nodes and attributes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from finn_tui.core.graph.flow_steps import step_text
from finn_tui.core.graph.stage import Difference
from finn_tui.lab.models.models import Stage
from finn_tui.ui.toolkit.listing import Cell, Column, Content, Field, Row
from finn_tui.ui.toolkit.styled_line import StyledLine, bar, wrap


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


def stages_content(
    model_stages: Sequence[Stage], width: int, base: int | None = None, *, failed: bool = False
) -> Content:
    """Return the list of stages.

    Args:
        model_stages: of the model.
        width: columns of the list.
        base: stage that the others are compared with; None for the one before each.
        failed: whether the step behind the last one failed.
    """
    wide = width >= 50
    rows = []
    for index, stage in enumerate(model_stages):
        changed = op_differences(model_stages[index - 1] if index else None, stage)
        added = sum(count for _, count in changed if count > 0)
        removed = -sum(count for _, count in changed if count < 0)
        text = f"+{added} -{removed}" if changed else ("" if index == 0 else "same ops")
        cells: list[Cell] = [
            (f"{index:>2}{'•' if index == base else ' '}{stage.name}", ""),
            (str(stage.nodes), ""),
        ]
        if wide:
            cells.append((text, "dim"))
        last = failed and index == len(model_stages) - 1
        cells.append(("✗ then failed", "bad") if last else check_cell(stage))
        rows.append(Row(index, cells))
    columns = [Column("stage"), Column("nodes", 5, True, rank=1)]
    columns += [Column("changed", 8, True, rank=3)] if wide else []
    return Content([*columns, Column("same top-1", 13 if failed else 10)], rows)


def change_lines(
    model_stages: Sequence[Stage],
    index: int,
    base: int,
    nodes: Difference | None,
    width: int,
    remarks: Sequence[tuple[str, str]] = (),
) -> list[StyledLine]:
    """Return how a stage differs from another: op types, what its step does, single nodes.

    Args:
        model_stages: of the model.
        index: of the stage.
        base: of the stage that it is compared with; the stage itself for none.
        nodes: the differences of nodes; None before both graphs are read.
        width: columns.
        remarks: what must be said of this stage, with roles.
    """
    stage = model_stages[index]
    lines: list[StyledLine] = []
    if index == base:
        lines.append(StyledLine().add(f" {stage.name} has", "head"))
        counts = [(f"{count} {name}", "") for name, count in stage.op_types.items()]
    else:
        before = model_stages[base]
        usual = base == index - 1
        text = f"{stage.name} changed" if usual else f"{stage.name} against {base} {before.name}"
        lines.append(StyledLine().add(f" {text}", "head"))
        counts = [
            (f"{count:+d} {name}", "good" if count > 0 else "accent")
            for name, count in op_differences(before, stage)
        ]
    lines += _packed(counts or [("the op types are the same", "dim")], width)
    for text, role in remarks:
        lines += _indented(text, width, role)
    if text := step_text(stage.name):
        lines += _indented(text, width, "")
    if nodes is None or index == base:
        return lines
    for sign, role, items in (("+", "good", nodes.added), ("-", "accent", nodes.removed)):
        for name, op in items:
            lines.append(StyledLine().add(f" {sign} ", role).add(fit_end(name, op, width - 3)))
    for name, text in nodes.changed:
        lines.append(StyledLine().add(" ≠ ", "warn").add(f"{name}  ").add(text, "dim"))
    return lines


def check_remarks(warnings: Sequence[Mapping[str, Any]], stage: Stage) -> list[tuple[str, str]]:
    """Return what the stage checks found at a stage, with roles.

    Args:
        warnings: of the model: kind, stage, what, why, fix.
        stage: the stage.
    """
    return [
        (
            f"{warning['what']}. {warning['why']} {warning.get('fix', '')}".rstrip(),
            "bad" if warning.get("kind") == "classes" else "warn",
        )
        for warning in warnings
        if warning.get("stage") == stage.name
    ]


def blocking_nodes(graph: Mapping[str, Any], text: str) -> list[str]:
    """Return the nodes of a graph that an error names.

    Args:
        graph: of the stage at which a preparation failed.
        text: of the error.
    """
    return [
        str(node["name"])
        for node in graph["nodes"]
        if node["name"] and re.search(rf"(?<![\w/]){re.escape(node['name'])}(?![\w/])", text)
    ]


def fit_end(name: str, op: str, width: int) -> str:
    """Return a node's name with its op type where the name does not say it.

    Args:
        name: of the node.
        op: its type.
        width: columns.
    """
    text = name if name.startswith(op) else f"{op}  {name}"
    return text if len(text) <= width else f"{text[: max(0, width - 1)]}…"


def _indented(text: str, width: int, role: str) -> list[StyledLine]:
    return [StyledLine().add(" ").append(each) for each in wrap(text, max(10, width - 2), role)]


def _packed(items: Sequence[tuple[str, str]], width: int) -> list[StyledLine]:
    """Texts beside each other, in as many lines as they need."""
    lines = [StyledLine().add(" ")]
    for text, role in items:
        if lines[-1].width > 1 and lines[-1].width + len(text) + 1 > width:
            lines.append(StyledLine().add(" "))
        lines[-1].add(text, role).add("  ")
    return lines


def node_facts(node: Mapping[str, Any]) -> list[Field]:
    """Return everything known of a node: tensors, then attributes."""
    fields = [Field("op", node["op_type"], "strong"), Field("domain", node.get("domain") or "onnx")]
    for side in ("inputs", "outputs"):
        for tensor in node[side]:
            shape = "x".join(str(size) for size in tensor.get("shape") or ()) or "scalar"
            text = f"{tensor['name']}  {shape}  {tensor.get('dtype') or ''}"
            fields.append(Field(side.removesuffix("s"), text))
            fields += _histogram(tensor.get("values"))
    for name, value in sorted(node["attrs"].items()):
        if value not in ("", None, []):
            fields.append(Field(name, str(value)))
    return fields


def _histogram(values: Mapping[str, Any] | None) -> list[Field]:
    """How often the values of a constant tensor occur, as bars."""
    if not values or not values.get("bins"):
        return []
    most = max(count for _, _, count in values["bins"])
    fields = [
        Field("", f"{values['count']:,} values, {values['min']:g} to {values['max']:g}", "dim")
    ]
    for low, high, count in values["bins"]:
        name = f"{low:>7g}" if low == high else f"{low:>7.3g} .."
        fields.append(Field(name, f"{bar(count / most, 16)} {count:,}"))
    return fields
