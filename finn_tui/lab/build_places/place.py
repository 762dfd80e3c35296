"""What every place can do that builds runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from finn_tui.base.progress import OnProgress, ignore
from finn_tui.runs.folder import RunFolder

if TYPE_CHECKING:
    from finn_tui.engine.catalogue import EngineSpec
    from finn_tui.runs.documents import RunState
    from finn_tui.runs.launch.clean import Cleanup
    from finn_tui.runs.launch.launch import BuildRequest
    from finn_tui.runs.launch.preflight import Finding


class Place(Protocol):
    """A place that builds runs; what is said of runs holds for runs of this place.

    Attributes:
        name: of the host in hosts.toml; None for this machine.
        takes_arrays: whether builds that are launched together are one job array; if not, they are
            begun one after the other.
    """

    @property
    def name(self) -> str | None:
        """Return the host's name in hosts.toml; None for this machine."""

    @property
    def takes_arrays(self) -> bool:
        """Return whether builds that are launched together are one job array."""

    async def check(self, findings: Sequence[Finding], *, rehearse: bool) -> list[Finding]:
        """Return what can be said of a build here before it begins.

        Args:
            findings: of this machine's preflight.
            rehearse: whether AMD's tools have stand-ins.

        Raises:
            FinnTuiError: the place cannot be asked.
        """

    async def launch(
        self,
        requests: Sequence[BuildRequest],
        runs_dir: Path,
        *,
        force: bool = False,
        on_progress: OnProgress = ignore,
    ) -> list[RunFolder]:
        """Begin builds and return their runs in the order of the requests.

        Args:
            requests: what to build.
            runs_dir: of the workspace.
            force: begin even where the disk is likely to be too small.
            on_progress: told what is going on.

        Raises:
            FinnTuiError: the place cannot be reached, or refuses a build.
        """

    async def cancel(self, runs: Sequence[RunFolder]) -> list[RunState]:
        """End runs with all their tools; returns their states.

        Args:
            runs: one, or those of a job array.

        Raises:
            FinnTuiError: they cannot be ended, or the place does not answer.
        """

    async def resume(
        self,
        run: RunFolder,
        step: str | None,
        *,
        parallel: int,
        notify: str,
        on_progress: OnProgress = ignore,
    ) -> RunFolder:
        """Go on with a run that has ended, in its folder.

        Args:
            run: it has ended.
            step: FINN's name of the step to begin with; None for the one that it ended in.
            parallel: how many builds of the workspace run at once on this machine.
            notify: the user's command at the end of a build on this machine; empty for none.
            on_progress: told what is going on.

        Raises:
            FinnTuiError: nothing is left to go on from, or the place cannot be reached.
        """

    def engine_of(self, run: RunFolder) -> EngineSpec:
        """Return the engine with which a run is built again.

        Args:
            run: a build.

        Raises:
            FinnTuiError: it is not known any more.
        """

    async def clean(self, plan: Cleanup, *, keep_results: bool, dry: bool) -> Cleanup:
        """Remove what a run has left here beside its folder in the workspace.

        Args:
            plan: what is removed of its folder in the workspace.
            keep_results: remove the whole run folder here; otherwise only working files.
            dry: measure only.

        Returns:
            The plan with the bytes that are here.

        Raises:
            FinnTuiError: the place cannot be reached, or the run has not ended here.
        """
