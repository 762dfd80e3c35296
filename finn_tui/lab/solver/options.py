"""Exact folding for what is opened, in a process of its own that can be stopped at any moment."""

from __future__ import annotations

import asyncio
import pickle
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from finn_tui.base import subprocesses
from finn_tui.base.errors import ErrorKind, FinnTuiError
from finn_tui.base.progress import OnProgress, ignore
from finn_tui.core.design import PLACED
from finn_tui.core.device import RESOURCES, Device, budget_weights
from finn_tui.core.editor import Editor
from finn_tui.core.estimate import memory
from finn_tui.core.estimate.estimate import Estimate, estimate
from finn_tui.core.estimate.memory import lutram_of
from finn_tui.core.estimate.platform_shell import published
from finn_tui.core.folding.finn_json import from_json
from finn_tui.core.folding.model import Folding, check
from finn_tui.core.optimize import solve as solver
from finn_tui.core.optimize.buildability import NEVER_TRADED
from finn_tui.core.optimize.problem import Problem, restricted
from finn_tui.core.optimize.solve import Solution
from finn_tui.engine.client import Engine
from finn_tui.lab.models.models import Model
from finn_tui.lab.solver.worker import HEADER, Job

OnPoint = Callable[[Solution], None]


def _untold(_: Solution) -> None:
    pass


class Solver:
    """The solver's process, started when it is first needed and kept for the next question.

    One question at a time; cancelling one ends the process, and the next starts another.
    """

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()

    async def ask(
        self, job: Job, on_progress: OnProgress = ignore, on_point: OnPoint = _untold
    ) -> list[Solution]:
        """Have a job done; ``on_point`` is told of a front's points as they are found.

        Raises:
            Infeasible: there is no such folding, and why.
            FinnTuiError: none was found in time, or the process ended.
        """
        async with self._turn:
            done = False
            try:
                solutions = await self._ask(job, on_progress, on_point)
                done = True
                return solutions
            except FinnTuiError as error:
                done = error.kind is not ErrorKind.SOLVER
                raise
            finally:
                # Cancelled in the middle of an answer: nobody could read the next one.
                if not done:
                    await self.close()

    async def _ask(self, job: Job, on_progress: OnProgress, on_point: OnPoint) -> list[Solution]:
        process = await self._start()
        assert process.stdin is not None and process.stdout is not None
        data = await asyncio.to_thread(pickle.dumps, job, pickle.HIGHEST_PROTOCOL)
        try:
            process.stdin.write(HEADER.pack(len(data)) + data)
            await process.stdin.drain()
            while True:
                header = await process.stdout.readexactly(HEADER.size)
                body = await process.stdout.readexactly(HEADER.unpack(header)[0])
                kind, value = pickle.loads(body)
                if kind == "progress":
                    on_progress(value)
                elif kind == "point":
                    on_point(value)
                elif kind == "error":
                    raise value if isinstance(value, FinnTuiError) else _error(value)
                else:
                    solutions: list[Solution] = value
                    return solutions
        except (OSError, EOFError) as error:
            raise FinnTuiError(
                "the solver ended without an answer",
                await self._last_words(process),
                "Try again; if it happens again, there is not enough memory or a defect of ours.",
                kind="solver",
            ) from error

    async def _start(self) -> asyncio.subprocess.Process:
        if self._process is None or self._process.returncode is not None:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "finn_tui.lab.solver.worker",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                # A key in the terminal (ctrl+c) is for us, who then end it.
                start_new_session=True,
            )
        return self._process

    async def _last_words(self, process: asyncio.subprocess.Process) -> str:
        assert process.stderr is not None
        try:
            async with asyncio.timeout(2):
                words = await process.stderr.read()
                code = await process.wait()
        except TimeoutError:
            return "Its process hangs."
        last = words.decode(errors="replace").strip().splitlines()[-1:]
        return f"It exited with {code}. {''.join(last)}"

    async def close(self) -> None:
        """End the process; what it was asked is lost."""
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            # Also when we are being cancelled ourselves: no process is left behind.
            await asyncio.shield(subprocesses.end(process))


def _error(data: Mapping[str, str]) -> FinnTuiError:
    return FinnTuiError.from_dict(dict(data))


@dataclass(frozen=True)
class SolveOptions:
    """What a user wants of the solver.

    Attributes:
        limits: shares (0..1 and above) of the budget, by resource; all of it where not named.
        locked: layers that stay as they are.
        include_infrastructure: whether converters and FIFOs count, or FINN's own total alone.
        seconds: how long each question may take.
        weights: what a share of each resource counts, 1 where not named: with BRAM_18K at 0 the
            least LUT is sought, whatever it takes in block RAM.
        fixed: knobs that stay as they are in every layer.
        free: knobs that may change too, beside PE, SIMD, parallel_window, ram_style and the depth
            triggers of thresholds: mem_mode, resType, ...; they are otherwise the user's.
        ceilings: units of each resource, of what counts, that may not be exceeded either.
        minimax: first as little as can be of the resource that most is taken of, not the least sum.
    """

    limits: Mapping[str, float] = field(default_factory=dict)
    locked: Collection[str] = ()
    include_infrastructure: bool = True
    seconds: float = 60.0
    weights: Mapping[str, float] = field(default_factory=dict)
    fixed: Collection[str] = ()
    free: Collection[str] = ()
    ceilings: Mapping[str, float] = field(default_factory=dict)
    minimax: bool = False


def problem(editor: Editor, options: SolveOptions) -> Problem:
    """The problem of an editor's folding.

    Raises:
        FinnTuiError: a layer, a knob or a resource that is not there, a share that cannot be.
    """
    for name, share in options.limits.items():
        # Ten times the part is no limit any more, but a number of units.
        if not 0 <= share <= 10:
            raise FinnTuiError(
                f"a limit of {share:g} for {name} cannot be",
                "A limit is a share of the part's budget: 0.7 is 70 % of it.",
                f"Give it as {name}=0.7.",
            )
    for name, factor in options.weights.items():
        if name not in RESOURCES or not 0 <= factor < float("inf"):
            raise FinnTuiError(
                f"a weight of {factor:g} for {name} cannot be",
                f"Weights are numbers from 0 on, for {', '.join(RESOURCES)}.",
                "Give them as BRAM_18K=0.5.",
            )
    strangers = [name for name in options.locked if name not in editor.design.by_name]
    if strangers:
        raise FinnTuiError(
            f"there is no layer {strangers[0]} to lock",
            f"{editor.design.model} has {', '.join(editor.design.by_name)}.",
            "Name layers as `finn-tui estimate` lists them.",
        )
    known = {knob.name: None for layer in editor.design.layers for knob in layer.knobs}
    unknown = [name for name in (*options.fixed, *options.free) if name not in known]
    if unknown:
        verb = "hold" if unknown[0] in options.fixed else "free"
        raise FinnTuiError(
            f"there is no knob {unknown[0]} to {verb}",
            f"The layers of {editor.design.model} have {', '.join(known)}.",
            "Name one of these.",
        )
    limits = solver.budget_limits(editor.device, options.limits)
    shell = editor.costs.shell or published(editor.device.part)
    if options.include_infrastructure and shell is not None:
        # What DMA and shell take is not for the layers, unless the user says how much is.
        dmas = sum(
            memory.external_bits(layer, editor.folding.values[layer.name]) > 0
            for layer in editor.design.layers
        )
        for name in set(limits) - set(options.limits):
            taken = shell.use[name] + dmas * shell.dma[name]
            limits[name] = max(0.0, limits[name] - taken)
    for name, amount in options.ceilings.items():
        limits[name] = min(amount, limits.get(name, amount))
    return Problem(
        editor.design,
        restricted(editor.priced_tables, editor.folding, PLACED.union(options.free) - NEVER_TRADED),
        editor.folding,
        limits,
        _weights(editor, options),
        frozenset(options.locked),
        fixed=frozenset(options.fixed) | NEVER_TRADED,
        minimax_weight=1 / _SUM_BESIDE_MINIMAX if options.minimax else 0.0,
        lutram_limit=lutram_of(editor.device.part),
    )


#: What a share in the sum counts beside the largest share: it decides where that is equal.
_SUM_BESIDE_MINIMAX = 0.02


def _weights(editor: Editor, options: SolveOptions) -> dict[str, float]:
    scale = _SUM_BESIDE_MINIMAX if options.minimax else 1.0
    each = budget_weights(editor.device, options.weights)
    return {name: scale * weight for name, weight in each.items()}


def _job(editor: Editor, options: SolveOptions, kind: str, **more: Any) -> Job:
    costs = editor.costs if options.include_infrastructure else None
    return Job(kind, problem(editor, options), costs=costs, seconds=options.seconds, **more)


async def target(
    process: Solver,
    editor: Editor,
    cycles: int,
    options: SolveOptions,
    on_progress: OnProgress = ignore,
) -> Solution:
    """The cheapest folding with at most so many cycles.

    Raises:
        Infeasible: there is none, and why.
        FinnTuiError: options that cannot be met, or none was found in time.
    """
    answer = await process.ask(_job(editor, options, "solve", cycles=cycles), on_progress)
    return _storable(editor, answer[0])


async def balance(
    process: Solver, editor: Editor, options: SolveOptions, on_progress: OnProgress = ignore
) -> Solution:
    """The cheapest folding that keeps the present II. Raises as ``target``."""
    return await target(process, editor, editor.estimate.ii_cycles, options, on_progress)


async def fill(
    process: Solver, editor: Editor, options: SolveOptions, on_progress: OnProgress = ignore
) -> Solution:
    """The fastest folding within the limits, and the cheapest of those. Raises as ``target``."""
    if not problem(editor, options).limits:
        raise FinnTuiError(
            f"{editor.device.part} cannot be filled",
            "Neither FINN nor the workspace says what the part has.",
            "Give its resources in finn-tui.toml, or ask for a rate with --target-fps.",
        )
    return _storable(editor, (await process.ask(_job(editor, options, "fill"), on_progress))[0])


def _storable(editor: Editor, solution: Solution) -> Solution:
    """An answer, checked against the bits that it stores: no estimate is needed to know these.

    Raises:
        Infeasible: it holds more weights than the part can.
    """
    device = editor.device
    room = memory.chip_bits(device.budget, device.part)
    bits = memory.stored_bits(editor.design, solution.folding.values)
    if room is not None and bits > room:
        raise solver.Infeasible(
            f"{editor.design.model} does not fit {device.part}",
            f"Its weights are {bits / 1e6:.1f} Mbit, and all memory of the part holds "
            f"{room / 1e6:.1f} Mbit.",
            "Use a larger part, fewer or smaller layers, or mem_mode external.",
        )
    return solution


async def pareto(
    process: Solver,
    editor: Editor,
    options: SolveOptions,
    points: int = 24,
    on_progress: OnProgress = ignore,
    on_point: OnPoint = _untold,
) -> list[Solution]:
    """The cheapest foldings from the fastest that fits to the slowest. Raises as ``target``."""
    return await process.ask(_job(editor, options, "pareto", points=points), on_progress, on_point)


def estimate_of(editor: Editor, folding: Folding) -> Estimate:
    """What another folding than the present one costs and gives."""
    return estimate(
        editor.design,
        editor.tables,
        folding.values,
        editor.clock_ns,
        settings=folding.settings,
        costs=editor.costs,
    )


def cost_of(editor: Editor, result: Estimate, options: SolveOptions) -> float:
    """The weighted cost that the solver would count for an estimate."""
    weights = _weights(editor, options)
    used = amounts(result, options.include_infrastructure)
    each = [weights[name] * amount for name, amount in used.items()]
    return sum(each) + (max(each) / _SUM_BESIDE_MINIMAX if options.minimax else 0.0)


def amounts(result: Estimate, include_infrastructure: bool) -> dict[str, float]:
    """Units of each resource that count: the layers', and with ``whole`` what is inserted too."""
    inserted = result.infrastructure.total() if include_infrastructure else {}
    return {name: result.total[name] + inserted.get(name, 0.0) for name in RESOURCES}


def scarcest(
    result: Estimate, device: Device, *, include_infrastructure: bool = True
) -> tuple[str, float] | None:
    """The resource of which an estimate takes the largest share, and that share."""
    counted = amounts(result, include_infrastructure)
    shares = [(name, device.use(name, amount)) for name, amount in counted.items()]
    known = [(name, share) for name, share in shares if share is not None]
    return max(known, key=lambda item: item[1]) if known else None


async def set_folding(engine: Engine, model: Model, editor: Editor, cycles: int) -> Folding:
    """What FINN's own ``SetFolding`` makes of the same target, with its builder's defaults.

    Raises:
        FinnTuiError: it does not fold this design, or not to something legal.
    """
    request = {"path": str(model.dataflow), "part": editor.device.part, "cycles": cycles}
    answer = await engine.call("setfolding", request)
    folding, _ = from_json(editor.design, editor.tables, {"Defaults": {}, **answer["folding"]})
    check(editor.design, editor.tables, folding)
    # It sets no FIFO depths and the like: those of the present folding hold.
    return Folding(folding.values, editor.folding.settings)
