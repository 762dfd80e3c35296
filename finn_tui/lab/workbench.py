"""One workspace at work: what screens and sub-commands call, each the same function."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from finn_tui.base.progress import OnProgress, Progress, ignore
from finn_tui.core.device import Device, clock_period
from finn_tui.core.estimate import infrastructure
from finn_tui.core.estimate.infrastructure import CostQuery
from finn_tui.core.folding.model import Folding
from finn_tui.engine import catalogue, provision
from finn_tui.engine.catalogue import EngineSpec
from finn_tui.engine.client import Engine, OnLog
from finn_tui.lab.foldings import cost_tables, opening
from finn_tui.lab.foldings import saved_foldings as foldings_by_name
from finn_tui.lab.foldings.opened import Opened
from finn_tui.lab.models import devices, model_request, models, preparation
from finn_tui.lab.models.handling import Consent, Handling, require_agreed
from finn_tui.lab.models.model_request import ModelRequest
from finn_tui.lab.models.models import Model, Stage
from finn_tui.lab.workspace import Settings, Workspace
from finn_tui.runs.documents import RunKind
from finn_tui.runs.folder import RunFolder, find_run, list_runs

if TYPE_CHECKING:
    from finn_tui.board.recording.pace import Pace
    from finn_tui.board.transport import Transport
    from finn_tui.lab.solver.options import Solver
    from finn_tui.runs.documents import RunState
    from finn_tui.runs.launch.preflight import Finding


class Workbench:
    """One workspace with its engine, which is installed and started when it is first needed."""

    def __init__(
        self, workspace: Workspace, *, engine_name: str | None = None, on_log: OnLog | None = None
    ) -> None:
        #: How networks are handled where a call does not say so, and who agrees to their steps.
        self.handling = Handling()
        self.ask_steps: Consent | None = None
        #: What a network from a file is called; None makes the name from the file's.
        self.model_name: str | None = None
        self.workspace = workspace
        self._engine_name = engine_name
        self._on_log = on_log
        self._spec: EngineSpec | None = None
        self._engine: Engine | None = None
        self._starting = asyncio.Lock()
        self._solver: Solver | None = None
        self._refused: set[tuple[Path, CostQuery]] = set()

    # The engine

    async def spec(self, on_progress: OnProgress = ignore) -> EngineSpec:
        """The engine of this workspace, installed if there is none yet."""
        if self._spec is None:
            name = self._engine_name or self.workspace.settings.engine or None
            spec = await asyncio.to_thread(catalogue.find, name)
            self._spec = spec or await provision.install(on_progress=on_progress)
        return self._spec

    async def engine(self, on_progress: OnProgress = ignore) -> Engine:
        """The engine, running.

        Raises:
            FinnTuiError: it could not be installed or does not start.
        """
        async with self._starting:
            if self._engine is None:
                spec = await self.spec(on_progress)
                on_progress(Progress("engine", f"starting {spec.name}"))
                self._engine = await Engine.start(spec, self._on_log, on_progress=on_progress)
                self._spec = catalogue.still_holds(spec, self._engine.hello)
        return self._engine

    async def info(self, on_progress: OnProgress = ignore) -> Mapping[str, Any]:
        """What the engine says of itself: flavour, version, boards, tools."""
        spec = await self.spec(on_progress)
        if spec.info is None:
            engine = await self.engine(on_progress)
            on_progress(Progress("engine", f"{spec.name}: asking FINN what it knows"))
            self._spec = spec = catalogue.remember(spec, await engine.call("info"))
        assert spec.info is not None
        return spec.info

    async def close(self) -> None:
        """End the engine and the solver; builds go on, they are processes of their own."""
        if self._solver is not None:
            await self._solver.close()
        if self._engine is not None:
            await self._engine.close()
            self._engine = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def solver(self) -> Solver:
        """Exact folding, in a process of its own; see ``finn_tui.lab.solver.options``."""
        if self._solver is None:
            # It brings numpy, which only those who solve shall pay.
            from finn_tui.lab.solver.options import Solver

            self._solver = Solver()
        return self._solver

    # Models and designs

    async def device(self, board: str | None = None, on_progress: OnProgress = ignore) -> Device:
        """A board with its budget; the workspace's if none is named."""
        info = await self.info(on_progress)
        settings = self.workspace.settings
        return devices.device(info, settings, board or settings.board)

    def _clock(self, clock_ns: float | None) -> float:
        return clock_period(self.workspace.settings.clock_ns if clock_ns is None else clock_ns)

    async def prepare(
        self,
        model: str,
        *,
        board: str | None = None,
        clock_ns: float | None = None,
        out: Path | None = None,
        weights: Mapping[str, Any] | None = None,
        data: Path | None = None,
        fresh: bool = False,
        handling: Handling | None = None,
        ask_steps: Consent | None = None,
        on_progress: OnProgress = ignore,
    ) -> Model:
        """The model as a dataflow graph, prepared now unless it was before.

        Args:
            model: a preset's name, an .onnx file, or a model of the workspace.
            out: another folder for it than the workspace's; always prepared anew.
            data: images on which to find out what zero padding costs; prepared anew then.
            fresh: prepare it anew in any case.
            handling: of its input and output, and its steps, where the user says so.
            ask_steps: asked for consent to a file of steps.

        Raises:
            FinnTuiError: an unknown model or board, or the engine's explanation.
        """
        clock = self._clock(clock_ns)
        request = await asyncio.to_thread(self._request, model, handling)
        device = await self.device(board, on_progress)
        if not (fresh or out or weights or data):
            info = await self.info(on_progress)
            prepared = await asyncio.to_thread(
                models.find_prepared, self.workspace, request, device, info
            )
            if prepared is not None:
                return prepared
        await asyncio.to_thread(require_agreed, request.source, ask_steps or self.ask_steps)
        engine = await self.engine(on_progress)
        return await preparation.prepare(
            self.workspace,
            request,
            device,
            clock,
            engine,
            out=out,
            weights=weights,
            data=data,
            on_progress=on_progress,
        )

    def _request(self, model: str, handling: Handling | None) -> ModelRequest:
        request = model_request.resolve(self.workspace, model)
        request = request if self.model_name is None else request.named(self.model_name)
        return request.handled(handling or self.handling)

    async def export(
        self, model: str, out: Path, on_progress: OnProgress = ignore
    ) -> dict[str, Any]:
        """Write a network as QONNX.

        Args:
            model: a preset, or a Python file with a network.
            out: the file; an old one is replaced.
            on_progress: told what is going on.

        Returns:
            file, weights, input, nodes, padding.

        Raises:
            FinnTuiError: an unknown model, or the engine's explanation.
        """
        request = await asyncio.to_thread(model_request.resolve, self.workspace, model)
        await asyncio.to_thread(require_agreed, request.source, self.ask_steps)
        return await preparation.export(request, await self.engine(on_progress), out, on_progress)

    async def failed_preparation(
        self,
        model: str,
        *,
        board: str | None = None,
        handling: Handling | None = None,
        on_progress: OnProgress = ignore,
    ) -> models.FailedPreparation | None:
        """What is left of a model's preparation that failed; None if it did not.

        Args:
            model: as ``prepare`` takes it.
            board: for which it was prepared; the workspace's if None.
            handling: as ``prepare`` takes it.
            on_progress: told what is going on.
        """
        request = await asyncio.to_thread(self._request, model, handling)
        device = await self.device(board, on_progress)
        return await asyncio.to_thread(
            models.failed_preparation, self.workspace, request, device.part
        )

    async def open(
        self,
        model: str,
        *,
        board: str | None = None,
        clock_ns: float | None = None,
        folding: str | None = None,
        handling: Handling | None = None,
        ask_steps: Consent | None = None,
        on_progress: OnProgress = ignore,
    ) -> Opened:
        """Open a model for folding, from cached cost tables where there are any.

        Args:
            folding: name or file of the folding to begin with; the preset's published one, or
                no parallelism at all, if none is given.
            handling, ask_steps: as ``prepare`` takes them.

        Raises:
            FinnTuiError: as ``prepare``; or a folding that is not there or not legal.
        """
        clock = self._clock(clock_ns)
        if clock_ns is None and clock != Settings().clock_ns:
            # Perhaps an app chose it meanwhile: what is computed with it is not for this caller's
            # own clock.
            on_progress(Progress("clock", f"{clock:g} ns, as the workspace's finn-tui.toml says"))
        prepared = await self.prepare(
            model,
            board=board,
            clock_ns=clock_ns,
            handling=handling,
            ask_steps=ask_steps,
            on_progress=on_progress,
        )
        device = await self.device(board, on_progress)
        return await opening.open_prepared(self, prepared, device, clock, folding, on_progress)

    async def price(
        self,
        opened: Opened,
        on_progress: OnProgress = ignore,
        settings: infrastructure.Settings | None = None,
    ) -> None:
        """Ask FINN for what a folding's FIFO depths need and is not priced yet.

        Needs no engine where everything is known, which is so for the usual depths.

        Args:
            settings: of the folding that is priced; of the one that is edited if None.
        """
        await cost_tables.price(opened, self.engine, self._refused, on_progress, settings)

    async def graph(self, stage: Stage, on_progress: OnProgress = ignore) -> dict[str, Any]:
        """Nodes, shapes, types and attributes of one stage's graph."""
        engine = await self.engine(on_progress)
        answer: dict[str, Any] = await engine.call("graph", {"path": str(stage.path)})
        return answer

    # Foldings

    def read_folding(self, opened: Opened, name: str) -> tuple[Folding, list[str]]:
        """The folding that FOLDING names, and notes about entries that do not matter here.

        Raises:
            FinnTuiError: there is none of that name, or it is not legal for this design.
        """
        return foldings_by_name.read(self.workspace, opened, name)

    # Builds and boards

    def runs(self) -> list[RunFolder]:
        """All runs of the workspace, newest first."""
        return list_runs(self.workspace.runs_dir)

    def find_run(self, name: str, kind: RunKind | None = None) -> RunFolder:
        """The run that a user names: its id or part of it, ``last``, or its folder.

        Args:
            name: what the user typed.
            kind: what the run must be; None for any.
        """
        return find_run(self.workspace.runs_dir, name, kind)

    async def build(
        self,
        opened: Opened,
        *,
        rehearse: bool | None = None,
        seconds: float | None = None,
        fail: Mapping[str, str] | None = None,
        log_mb: float = 0.0,
        force: bool = False,
        on: str | None = None,
        on_progress: OnProgress = ignore,
    ) -> RunFolder:
        """Begin a build of the folding that is edited, in a process that outlives this one.

        Args:
            rehearse: with stand-ins for AMD's tools; None takes the workspace's setting.
            seconds: how long the stand-ins take in all.
            fail: what they are to fail at, and ``log_mb`` how much log they write besides.
            force: go on although the preflight refuses, where that can be.
            on: the host that builds, by its name in hosts.toml; None: where the engine is.

        Raises:
            FinnTuiError: what the preflight refuses; or tools, disk or engine are missing.
        """
        from finn_tui.lab.builds import build_request

        return await build_request.build(
            self,
            opened,
            rehearse=rehearse,
            seconds=seconds,
            fail=fail,
            log_mb=log_mb,
            force=force,
            on=on,
            on_progress=on_progress,
        )

    async def cancel(self, run: RunFolder) -> RunState:
        """End a build where it runs and return the run's state.

        Raises:
            FinnTuiError: it cannot be ended from here, or its scheduler does not answer.
        """
        from finn_tui.lab.build_places.locate import place_of

        state = await asyncio.to_thread(run.state)
        if state.final:
            return state
        place = await asyncio.to_thread(place_of, run)
        (state,) = await place.cancel([run])
        return state

    async def preflight(
        self,
        opened: Opened,
        *,
        rehearse: bool | None = None,
        seconds: float | None = None,
        on: str | None = None,
    ) -> list[Finding]:
        """What can be said of a build of the folding that is edited before it begins.

        Args:
            opened: model and folding.
            rehearse, seconds, on: as of ``build``.
        """
        from finn_tui.lab.builds import build_request

        return await build_request.check(self, opened, rehearse=rehearse, seconds=seconds, on=on)

    async def resume(
        self, run: RunFolder, step: str | None = None, on_progress: OnProgress = ignore
    ) -> RunFolder:
        """Go on with a run that has ended, where it ended or at a step."""
        from finn_tui.lab.build_places.locate import place_of
        from finn_tui.lab.models.trainable import require_agreed_run

        await asyncio.to_thread(require_agreed_run, run, self.ask_steps)
        place = await asyncio.to_thread(place_of, run)
        return await place.resume(
            run,
            step,
            parallel=self.workspace.settings.parallel_builds,
            notify=self.workspace.agreed_notify(),
            on_progress=on_progress,
        )

    async def retry(self, run: RunFolder, on_progress: OnProgress = ignore) -> RunFolder:
        """Build what a run was asked for again, in a new run."""
        from finn_tui.lab.boards.driver_consent import remember_own
        from finn_tui.lab.build_places.locate import retry
        from finn_tui.lab.models.trainable import require_agreed_run

        await asyncio.to_thread(require_agreed_run, run, self.ask_steps)
        new_run = await retry(
            run,
            parallel=self.workspace.settings.parallel_builds,
            notify=self.workspace.agreed_notify(),
            on_progress=on_progress,
        )
        await asyncio.to_thread(remember_own, new_run)
        return new_run

    @asynccontextmanager
    async def board(
        self,
        name: str | None = None,
        on_progress: OnProgress = ignore,
        *,
        trust: bool | str = False,
        password: str | None = None,
        sudo_password: str | None = None,
        passphrases: Mapping[str, str] | None = None,
        pace: Pace | None = None,
    ) -> AsyncIterator[Transport]:
        """A connection to a PYNQ machine; the workspace's if none is named.

        Args:
            name: of the board, or ``replay:FILE``.
            on_progress: told what is waited for.
            trust, password, sudo_password, passphrases: as of ``connect``.
            pace: of a replay; None for what the board's entry says.

        Raises:
            FinnTuiError: as ``finn_tui.board.connection.connect``.
        """
        # asyncssh takes half a second to import, which only those who deploy shall pay.
        from finn_tui.board import catalogue as boards
        from finn_tui.board.connection import connect

        machine = await asyncio.to_thread(boards.find, name or self.workspace.settings.to)
        async with connect(
            machine,
            on_progress,
            trust=trust,
            password=password,
            sudo_password=sudo_password,
            passphrases=passphrases or {},
            pace=pace,
        ) as link:
            yield link
