"""`finn-tui prepare`, `graph`, `estimate`: from a network to numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from finn_tui.base.errors import FinnTuiError
from finn_tui.cli.common import (
    FAILED,
    HandlingChoice,
    Reporter,
    echo,
    number,
    open_lab,
    print_json,
    run,
    shared_options,
    table,
)
from finn_tui.core.device import RESOURCES, Device
from finn_tui.core.estimate.memory import lutram_of

if TYPE_CHECKING:
    from finn_tui.core.calibrate import Learned
    from finn_tui.core.estimate.estimate import Estimate, LayerCost
    from finn_tui.lab.foldings.opened import Opened
    from finn_tui.lab.models.models import Model, Stage


@click.command()
@click.argument("model")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for the result.")
@click.option(
    "--checkpoint",
    "--weights",
    "checkpoint",
    metavar="FILE|RUN|none",
    help="Trained weights of a preset: a training's run, best.tar or .pth; remembered.",
)
@click.option("--random-weights", is_flag=True, help="Random weights: the accuracy means nothing.")
@click.option(
    "--data",
    type=click.Path(path_type=Path, exists=True),
    help="Images to measure what zero padding costs: a data set's folder, or .npz.",
)
@click.option("--fresh", is_flag=True, help="Prepare again, even if it is prepared already.")
@shared_options(board=True, clock=True, handling=True)
def prepare(
    model: str,
    board: str | None,
    clock_ns: float | None,
    out: Path | None,
    checkpoint: str | None,
    random_weights: bool,
    data: Path | None,
    fresh: bool,
    handling: HandlingChoice,
    workspace: Path,
    as_json: bool,
) -> None:
    """Convert a network to a dataflow graph.

    MODEL is a preset, a QONNX file or a model of the workspace. Every stage of FINN's flow is
    kept.
    """
    chosen: dict[str, Any] | None = None
    if random_weights:
        chosen = {"kind": "random", "seed": 0}

    async def work() -> Model:
        async with open_lab(workspace, handling=handling) as lab:
            with Reporter() as reporter:
                if checkpoint is not None:
                    from finn_tui.lab.models.model_request import choose_checkpoint

                    choose_checkpoint(lab.workspace, model, checkpoint)
                return await lab.prepare(
                    model,
                    board=board,
                    clock_ns=clock_ns,
                    out=out,
                    weights=chosen,
                    data=data,
                    fresh=fresh,
                    on_progress=reporter,
                )

    prepared = run(work())
    if as_json:
        print_json({"folder": str(prepared.folder), **prepared.info})
    else:
        echo(stage_table(prepared.stages))
        echo(f"\nweights: {prepared.weights['note']}")
        for note in prepared.notes:
            echo(f"note: {note}")
        echo(f"{prepared.dataflow}")
    for warning in prepared.warnings:
        echo(f"warning: {warning['what']}", err=True, fg="yellow")
        for text in (warning["why"], warning["fix"]):
            echo(f"  {text}", err=True)
        for purpose, line in warning.get("commands", ()):
            echo(f"  {purpose}:\n    {line}", err=True)
    if prepared.computes_otherwise:
        # The graph is kept and can be used, but it is not the network that was given.
        raise SystemExit(FAILED)


def stage_table(stages: Sequence[Stage]) -> str:
    """Return the stages with what each changed."""
    rows = []
    before: Mapping[str, int] = {}
    for stage in stages:
        rows.append(
            (
                str(stage.index),
                stage.name,
                str(stage.nodes),
                _check(stage),
                _changes(before, stage.op_types),
            )
        )
        before = stage.op_types
    return table(("", "stage", "nodes", "same", "what changed"), rows, "r r")


def _check(stage: Stage) -> str:
    """Return how many samples agree: outputs where the stage gives them, classes behind a top-k."""
    if not stage.check:
        return "-"
    check = stage.check
    outputs = check.get("outputs")
    if outputs is not None and outputs != check["same"]:
        return f"{check['same']} of {check['images']} classes, {outputs} outputs"
    weak = " (weak)" if check.get("weak") else ""
    kind = "classes" if outputs is None else "outputs"
    return f"{check['same']} of {check['images']} {kind}{weak}"


def _changes(before: Mapping[str, int], after: Mapping[str, int]) -> str:
    parts = []
    for op in sorted({*before, *after}):
        change = after.get(op, 0) - before.get(op, 0)
        if change:
            parts.append(f"{change:+d} {op}")
    return ", ".join(parts) or "nothing"


@click.command()
@click.argument("model")
@click.option("--stage", help="Number or name of a stage (default: the dataflow graph).")
@shared_options(board=True, handling=True)
def graph(
    model: str,
    stage: str | None,
    board: str | None,
    handling: HandlingChoice,
    workspace: Path,
    as_json: bool,
) -> None:
    """Show nodes, shapes and types of a stage.

    The difference to the stage before it is shown, too.
    """

    async def work() -> tuple[str, tuple[Stage, ...], Stage, dict[str, Any]]:
        async with open_lab(workspace, handling=handling) as lab:
            with Reporter() as reporter:
                try:
                    prepared = await lab.prepare(model, board=board, on_progress=reporter)
                    name, stages = prepared.name, prepared.stages
                except FinnTuiError as error:
                    failed = await lab.failed_preparation(model, board=board, on_progress=reporter)
                    if failed is None:
                        raise
                    name, stages = model, failed.stages
                    reporter.say(f"FAILED after {stages[-1].name}: {error.what}. {error.why}")
                chosen = _choose(name, stages, stage)
                return name, stages, chosen, await lab.graph(chosen, reporter)

    name, stages, chosen, answer = run(work())
    before = stages[chosen.index - 1].op_types if chosen.index else {}
    changed = {
        op: chosen.op_types.get(op, 0) - before.get(op, 0)
        for op in sorted({*before, *chosen.op_types})
        if chosen.op_types.get(op, 0) != before.get(op, 0)
    }
    if as_json:
        print_json({"model": name, "stage": chosen.name, "changed": changed, **answer})
        return
    rows = [
        (
            node["name"],
            node["op_type"],
            " ".join(_tensor(tensor) for tensor in node["inputs"][:1]),
            " ".join(_tensor(tensor) for tensor in node["outputs"]),
        )
        for node in answer["nodes"]
    ]
    echo(table(("node", "op", "in", "out"), rows))
    echo(f"\n{chosen.name}: {_changes(before, chosen.op_types)}")


def _tensor(tensor: Mapping[str, Any]) -> str:
    shape = "x".join(str(size) for size in tensor["shape"] or ()) or "?"
    return f"{tensor['dtype']}[{shape}]"


def _choose(model: str, stages: Sequence[Stage], stage: str | None) -> Stage:
    if stage is None:
        return stages[-1]
    for candidate in stages:
        if stage in (str(candidate.index), candidate.name, candidate.name.removeprefix("step_")):
            return candidate
    raise FinnTuiError(
        f"{model.title} has no stage {stage}",
        f"Stages: {', '.join(f'{item.index} {item.name}' for item in stages)}.",
        "Give a stage's number or name.",
    )


@click.command()
@click.argument("model")
@click.option("--folding", help="FINN folding JSON, or ones, published, exp1, a saved one.")
@shared_options(board=True, clock=True, handling=True)
def estimate(
    model: str,
    folding: str | None,
    board: str | None,
    clock_ns: float | None,
    handling: HandlingChoice,
    workspace: Path,
    as_json: bool,
) -> None:
    """Show cycles, fps and resources of a folding.

    The resources are compared with the budget of the board.
    """

    async def work() -> Opened:
        async with open_lab(workspace, handling=handling) as lab:
            with Reporter() as reporter:
                opened = await lab.open(
                    model, board=board, clock_ns=clock_ns, folding=folding, on_progress=reporter
                )
                await lab.price(opened, reporter)
                return opened

    opened = run(work())
    editor, learned = opened.editor, opened.learned
    if as_json:
        document = editor.estimate.as_json(opened.design, editor.device)
        if learned is not None:
            document["learned"] = learned.as_json(editor.estimate.layers)
        print_json(document)
        return
    echo(estimate_table(editor.estimate, learned))
    echo()
    echo(summary(opened.model.title, editor.baseline_name, editor.estimate, editor.device))
    if learned is not None:
        echo(learned_line(editor.estimate, learned))
    if opened.model.preset is not None:
        for figure in opened.model.preset.published:
            echo(f"published  {figure}")


_INSERTED = {"dwc": "width converters", "fifo": "FIFOs"}


def bill_line(result: Estimate, kind: str) -> str:
    """Return a line with the nodes of one kind that FINN inserts, and their resources.

    Args:
        result: the estimate.
        kind: "dwc" or "fifo".

    Returns:
        the line; empty where FINN inserts none.
    """
    items = result.infrastructure.of(kind)
    priced = [item for item in items if item.use is not None]
    if not items:
        return ""
    if not priced:
        return f"not counted: {len(items)} {_INSERTED[kind]}, cost unknown"
    total = result.infrastructure.total(kind)
    use = "   ".join(f"{name} {number(total[name])}" for name in RESOURCES if total[name])
    missing = f" (cost of {len(items) - len(priced)} unknown)" if len(priced) < len(items) else ""
    doubt = ""
    if kind == "dwc" and result.costs.ops.get("dwc", "").endswith("_rtl"):
        doubt = "   (FINN's formula for older RTL: up to 10x off in both directions)"
    return f"not counted: {len(items)} {_INSERTED[kind]}{missing}   {use}{doubt}"


def shell_line(result: Estimate) -> str:
    """Return what is around the accelerator, and whose figure that is."""
    shell = result.shell
    if shell is None:
        return f"not counted: DMA and shell, no figures known for {result.design.part}"
    use = "   ".join(f"{name} {number(shell.use[name])}" for name in RESOURCES if shell.use[name])
    return f"not counted: DMA and shell   {use}   (measured on {shell.whose}, {shell.tool})"


def learned_line(result: Estimate, learned: Learned) -> str:
    """Return a line with FINN's total, corrected by the user's own builds.

    Args:
        result: the estimate.
        learned: corrections from the user's own builds.
    """
    parts = []
    for name in RESOURCES:
        span, unknown = learned.total(result.layers, name)
        if not span.high and not result.total[name]:
            continue
        uncorrected = f", {unknown} layers as FINN says" if unknown else ""
        parts.append(f"{name} {span.text()}{uncorrected}")
    builds = f"{len(learned.sources)} build{'s' if len(learned.sources) > 1 else ''}"
    return f"learned from {builds} of yours: {'   '.join(parts)}"


def estimate_table(result: Estimate, learned: Learned | None = None) -> str:
    """Format one row a layer, with corrected LUTs where own builds gave corrections.

    Args:
        result: the estimate.
        learned: corrections from the user's own builds; None for none.
    """
    rows = []
    for layer in result.layers:
        knobs = " ".join(f"{name}={value}" for name, value in layer.values.items())
        share = f"{100 * layer.cycles / result.ii_cycles:.0f}%"
        mark = " II" if layer.cycles == result.ii_cycles else ""
        own = []
        if learned is not None:
            span = learned.of(layer.op, "LUT", layer.resources["LUT"])
            own = [span.text() if span is not None else "-"]
        rows.append(
            (
                layer.name,
                f"{layer.cycles:,}",
                share + mark,
                *(_amount(result, layer, name) for name in RESOURCES),
                *own,
                knobs,
            )
        )
    own = [] if learned is None else ["LUT learned"]
    return table(
        ("layer", "cycles", "of II", *RESOURCES, *own, "knobs"), rows, " r rrrr" + "r" * len(own)
    )


def _amount(result: Estimate, layer: LayerCost, resource: str) -> str:
    """Return what a layer takes of a resource; "?" for LUTs of which FINN has no model."""
    if resource == "LUT" and layer.name in result.unmodelled and not layer.resources["LUT"]:
        return "?"
    return number(layer.resources[resource])


def memory_line(result: Estimate, device: Device) -> str:
    """Return a line with the memory that FINN leaves out and the LUTs used as memory.

    Args:
        result: the estimate.
        device: with its budget.

    Returns:
        the line; empty where there is neither.
    """
    parts = []
    left_out = result.infrastructure.total("memory")["LUT"]
    if left_out:
        layers = ", ".join(result.infrastructure.memory)
        parts.append(f"LUT {number(left_out)} for weights that FINN counts as nothing ({layers})")
    if result.lutram:
        most = lutram_of(device.part)
        of = f" of {most:,}" if most is not None else ""
        parts.append(f"LUTRAM {number(result.lutram)}{of}")
    if result.external:
        rate = sum(result.external.values())
        parts.append(
            f"weights outside of the chip of {', '.join(result.external)}: a DMA each, "
            f"{rate / 1e9:.2f} GB/s in all"
        )
    return f"not counted: memory   {'   '.join(parts)}" if parts else ""


def summary(model: str, folding: str, result: Estimate, device: Device) -> str:
    """Return II, fps, latency and the budget in four lines.

    Args:
        model: what was estimated.
        folding: name of the folding.
        result: the estimate.
        device: with its budget.
    """
    lines = [
        f"{model}, folding {folding}, {device.board} ({device.part}), {result.clock_ns:g} ns",
        f"II {result.ii_cycles:,} cycles   {result.fps:,.1f} fps (with FIFOs deep enough)   "
        f"latency at most {result.latency_ms:.3f} ms   bottleneck {result.bottleneck}",
    ]
    parts = []
    for name in RESOURCES:
        use = device.use(name, result.total[name])
        share = "" if use is None or device.budget[name] == 0 else f" ({100 * use:.0f} %)"
        of = f" of {device.budget[name]:,}" if name in device.budget else ""
        parts.append(f"{name} {number(result.total[name])}{of}{share}")
    lines.append("   ".join(parts))
    fits = result.fits(device)
    verdict = {True: "fits the part", False: "DOES NOT FIT the part", None: "budget unknown"}[fits]
    lines.append(f"{verdict} (FINN's estimate, without FIFOs, width converters, DMA and shell)")
    if fits and not result.fits(device, include_infrastructure=True):
        lines.append(
            "DOES NOT FIT the part once FIFOs, width converters, memory, DMA and shell are counted"
        )
    if result.unmodelled:
        names = sorted(result.unmodelled)
        shown = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
        lines.append(f"LUT unknown, not free: FINN has no model of {shown}")
    lines += [line for line in (bill_line(result, kind) for kind in _INSERTED) if line]
    lines += [line for line in (memory_line(result, device),) if line]
    lines.append(shell_line(result))
    return "\n".join(lines)
