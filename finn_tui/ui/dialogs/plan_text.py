"""Facts that the confirmation shows before a build or a deployment."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from finn_tui.lab.builds.plans import BoardOutlook, BuildOutlook, BuildPlan, DeployOutlook
    from finn_tui.ui.state import RunView

Fact = tuple[str, str]


def build_title(plan: BuildPlan) -> str:
    """Return the title of the confirmation."""
    return f"Build {plan.retry_of} again" if plan.retry_of else f"Build {plan.model}"


def build_facts(plan: BuildPlan) -> list[Fact]:
    """Return the facts of a build."""
    model = [(plan.model, "strong")] if plan.retry_of else []
    real = plan.rehearsal is None
    return [
        *model,
        (plan.folding_name, "strong"),
        (plan.board, ""),
        (f"{plan.clock_ns:g} ns, {1000 / plan.clock_ns:.4g} MHz", ""),
        ("real build", "strong") if real else ("rehearsal, SIMULATED", "sim"),
        *([(f"on {plan.on}", "strong")] if plan.on else []),
    ]


def outlook_facts(outlook: BuildOutlook) -> list[Fact]:
    """Return the expected time, the place in the queue, and whether it is built already."""
    from finn_tui.runs.eta import expected_words

    facts: list[Fact] = []
    if outlook.built:
        facts.append((f"this folding is built already: {outlook.built}", "warn"))
    if outlook.building:
        facts.append((f"this folding is being built: {outlook.building}", "warn"))
    facts.append((f"{expected_words(outlook.expected)}, from {outlook.expected.source}", ""))
    if outlook.position:
        facts.append((f"number {outlook.position} in the queue", "warn"))
    elif outlook.position is not None:
        facts.append(("starts at once", "dim"))
    return facts


def deploy_facts(run: RunView, machine: str) -> list[Fact]:
    """Return the facts of a deployment.

    Args:
        run: to deploy.
        machine: the board's name.
    """
    request = run.request
    facts: list[Fact] = [
        (f"run {run.id}", "strong"),
        (f"{request.model}, {request.folding_name}", ""),
        (f"built for {1000 / request.clock_ns:.4g} MHz", ""),
    ]
    if run.simulated or machine == "simulated":
        facts.append(("SIMULATED", "sim"))
    return facts


def queue_fact(before: int) -> str:
    """Return where a run comes in the queue.

    Args:
        before: how many are done before it.
    """
    return f"number {before + 1} in the queue of the board"


def board_facts(outlook: BoardOutlook) -> list[Fact]:
    """Return where a deployment goes."""
    if not outlook.address:
        return [("the board is simulated on this machine", "dim")]
    if outlook.replay:
        text = "nothing is sent or measured, and results are kept apart"
        return [(outlook.address, "sim"), (text, "dim")]
    facts: list[Fact] = [(f"{outlook.address}, folder {outlook.folder}", "")]
    if outlook.stand_in:
        facts.append(("it has a stand-in for an FPGA: every figure is SIMULATED", "sim"))
    if outlook.pasted:
        facts.append(("the line to paste is shown next", "dim"))
    return facts


def deploy_outlook_facts(outlook: DeployOutlook, run: str = "") -> list[Fact]:
    """Return what is sent and done, and whether the bitstream misses its clock.

    Args:
        outlook: of a run.
        run: its id, where there are several; then only what is its own.
    """
    from finn_tui.base.text import size

    facts: list[Fact] = []
    name = f"{run}: " if run else ""
    if outlook.wns is not None:
        facts.append((f"{name}CLOCK MISSED by {-outlook.wns:.3f} ns: results can be wrong", "bad"))
    if outlook.asks:
        facts.append((f"{name}brings a driver of its own: asks before it runs", "warn"))
    if run:
        return facts
    driver = f", driver {outlook.driver}" if outlook.driver else ""
    files = f"{outlook.files} files, " if outlook.files else ""
    facts.append((f"sends {files}{size(outlook.bytes)}, only what changed{driver}", ""))
    todo = ["execute a sample"] if outlook.sample else []
    todo.append("measure throughput")
    if outlook.dataset:
        todo.append(f"validate on {outlook.dataset}")
    facts.append((f"then {', '.join(todo)}", ""))
    return facts
