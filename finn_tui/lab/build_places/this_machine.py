"""Builds as processes of this machine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from finn_tui.base.progress import OnProgress, ignore
from finn_tui.runs.folder import RunFolder
from finn_tui.runs.launch import launch, processes, rebuild

if TYPE_CHECKING:
    from finn_tui.engine.catalogue import EngineSpec
    from finn_tui.runs.documents import RunState
    from finn_tui.runs.launch.clean import Cleanup
    from finn_tui.runs.launch.launch import BuildRequest
    from finn_tui.runs.launch.preflight import Finding


class ThisMachine:
    """This machine; see ``Place``."""

    name = None
    takes_arrays = False

    async def check(self, findings: Sequence[Finding], *, rehearse: bool) -> list[Finding]:
        """See ``Place``."""
        return list(findings)

    async def launch(
        self,
        requests: Sequence[BuildRequest],
        runs_dir: Path,
        *,
        force: bool = False,
        on_progress: OnProgress = ignore,
    ) -> list[RunFolder]:
        """See ``Place``."""
        return [
            await launch.launch(request, runs_dir, force=force, on_progress=on_progress)
            for request in requests
        ]

    async def cancel(self, runs: Sequence[RunFolder]) -> list[RunState]:
        """See ``Place``."""
        return [await processes.cancel(run) for run in runs]

    async def resume(
        self,
        run: RunFolder,
        step: str | None,
        *,
        parallel: int,
        notify: str,
        on_progress: OnProgress = ignore,
    ) -> RunFolder:
        """See ``Place``."""
        return await rebuild.resume(
            run, step, parallel=parallel, notify=notify, on_progress=on_progress
        )

    def engine_of(self, run: RunFolder) -> EngineSpec:
        """See ``Place``."""
        return rebuild.engine_of(run)

    async def clean(self, plan: Cleanup, *, keep_results: bool, dry: bool) -> Cleanup:
        """Return the plan: all that a run leaves is in its folder."""
        return plan
