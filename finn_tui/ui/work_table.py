"""What is done with the messages of each kind of background work."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from finn_tui.base.errors import FinnTuiError
from finn_tui.base.progress import Progress
from finn_tui.ui.advice.messages import AdviceReady
from finn_tui.ui.board.choice import ReachMeasured
from finn_tui.ui.controllers.boards import BoardJobDone, BoardResultsRead
from finn_tui.ui.controllers.builds import (
    BuildChecked,
    BuildStarted,
    RunsRead,
    UpkeepDone,
)
from finn_tui.ui.controllers.console import ConsoleEnded
from finn_tui.ui.controllers.course import CourseRead
from finn_tui.ui.controllers.doctor import DoctorReported
from finn_tui.ui.controllers.hosts import HostConnected, HostsRead
from finn_tui.ui.controllers.logs import LogsListed, SearchAdvanced
from finn_tui.ui.controllers.machine_doctor import (
    ChangeMade,
    ChangePreviewed,
    HostsListed,
    MachineExamined,
)
from finn_tui.ui.controllers.models import FifosPriced, GraphRead, ModelOpened, TargetsListed
from finn_tui.ui.controllers.paste import PasteEnded, PasteListens
from finn_tui.ui.controllers.run_following import SnapshotTaken
from finn_tui.ui.controllers.solver import FastestFound, FrontAdvanced, SolveFinished
from finn_tui.ui.controllers.sweep import SweepEnded
from finn_tui.ui.controllers.training import TrainingAdvanced, TrainingStarted
from finn_tui.ui.controllers.viewer import NetronStarted
from finn_tui.ui.dialogs.messages import OutlookReady
from finn_tui.ui.messages import WorkKind, WorkResult
from finn_tui.ui.tune.messages import FoldingsListed, SharedValuesListed, ValuesListed

if TYPE_CHECKING:
    from textual.screen import Screen

    from finn_tui.ui.controllers.boards import BoardController
    from finn_tui.ui.controllers.builds import BuildController
    from finn_tui.ui.controllers.console import ConsoleController
    from finn_tui.ui.controllers.course import CourseController
    from finn_tui.ui.controllers.doctor import DoctorController
    from finn_tui.ui.controllers.hosts import HostController
    from finn_tui.ui.controllers.logs import LogController
    from finn_tui.ui.controllers.machine_doctor import MachineDoctorController
    from finn_tui.ui.controllers.models import ModelController
    from finn_tui.ui.controllers.paste import PasteController
    from finn_tui.ui.controllers.solver import SolverController
    from finn_tui.ui.controllers.sweep import SweepController
    from finn_tui.ui.controllers.training import TrainingController
    from finn_tui.ui.controllers.viewer import ViewerController
from finn_tui.ui.workers import WorkHandlers


@dataclass(frozen=True)
class Handlers:
    """Who handles messages of background work.

    Attributes:
        screens: returns the screens that are shown; some take results themselves.
        show_progress: shows long work that the user waits for.
        outlook_failed: says that a question cannot tell more.
    """

    models: ModelController
    builds: BuildController
    training: TrainingController
    boards: BoardController
    paste: PasteController
    doctor: DoctorController
    machine_doctor: MachineDoctorController
    console_controller: ConsoleController
    solver: SolverController
    logs: LogController
    sweeps: SweepController
    course: CourseController
    viewer: ViewerController
    hosts: HostController
    screens: Callable[[], list[Screen[Any]]]
    show_progress: Callable[[WorkKind, Progress], None]
    outlook_failed: Callable[[FinnTuiError], None]


def work_table(app: Handlers) -> Mapping[WorkKind, WorkHandlers]:
    """Return the handlers of each kind of work."""

    def progress(kind: WorkKind) -> Callable[[Progress], None]:
        return partial(app.show_progress, kind)

    def to_screens(method: str) -> Callable[[Any], None]:
        """Pass a result to the screens that have a method for it."""

        def hand_over(result: WorkResult) -> None:
            for screen in app.screens():
                take = getattr(screen, method, None)
                if take is not None:
                    take(result)

        return hand_over

    scan = WorkHandlers({SearchAdvanced: app.logs.search_advanced})
    return {
        WorkKind.OPEN: WorkHandlers(
            {ModelOpened: app.models.model_opened},
            progress(WorkKind.OPEN),
            app.models.opening_failed,
            app.models.opening_ended,
        ),
        WorkKind.GRAPH: WorkHandlers(
            {GraphRead: app.models.graph_read}, failed=app.models.graph_failed
        ),
        WorkKind.NETRON: WorkHandlers({NetronStarted: app.viewer.netron_started}),
        WorkKind.TARGETS: WorkHandlers({TargetsListed: app.models.targets_listed}),
        WorkKind.FOLDINGS: WorkHandlers({FoldingsListed: to_screens("foldings_listed")}),
        WorkKind.VALUES: WorkHandlers(
            {
                ValuesListed: to_screens("values_listed"),
                SharedValuesListed: to_screens("shared_values_listed"),
            }
        ),
        WorkKind.PRICES: WorkHandlers(
            {FifosPriced: app.models.fifos_priced}, failed=app.models.pricing_failed
        ),
        WorkKind.ADVICE: WorkHandlers({AdviceReady: to_screens("advice_ready")}),
        WorkKind.FASTEST: WorkHandlers({FastestFound: app.solver.fastest_found}),
        WorkKind.SOLVE: WorkHandlers(
            {SolveFinished: app.solver.solved}, app.solver.solve_told, app.solver.solve_failed
        ),
        WorkKind.FRONT: WorkHandlers(
            {FrontAdvanced: app.solver.front_found}, app.solver.front_told, app.solver.front_failed
        ),
        WorkKind.OUTLOOK: WorkHandlers(
            {OutlookReady: to_screens("outlook_ready")}, failed=app.outlook_failed
        ),
        WorkKind.BUILD: WorkHandlers(
            {BuildStarted: app.builds.build_started, BuildChecked: app.builds.build_checked},
            progress(WorkKind.BUILD),
            app.builds.build_failed,
            app.builds.launch_ended,
        ),
        WorkKind.REBUILD: WorkHandlers(
            {}, progress(WorkKind.REBUILD), app.builds.rebuild_failed, app.builds.launch_ended
        ),
        WorkKind.TRAIN: WorkHandlers(
            {TrainingStarted: app.training.training_started},
            progress(WorkKind.TRAIN),
            app.training.training_failed,
            app.training.launch_ended,
        ),
        WorkKind.UPKEEP: WorkHandlers({UpkeepDone: app.builds.upkeep_done}),
        WorkKind.CANCEL: WorkHandlers(),
        WorkKind.MIRROR: WorkHandlers(),
        WorkKind.RUNS: WorkHandlers({RunsRead: app.builds.runs_read}),
        WorkKind.FOLLOW: WorkHandlers(
            {
                SnapshotTaken: app.builds.snapshot_taken,
                TrainingAdvanced: app.training.training_advanced,
            }
        ),
        WorkKind.LOGS: WorkHandlers({LogsListed: app.logs.logs_listed}),
        WorkKind.LOG_ERRORS: scan,
        WorkKind.LOG_SEARCH: scan,
        WorkKind.LOG_ONLY: scan,
        WorkKind.PAGER: WorkHandlers(),
        WorkKind.CONSOLE: WorkHandlers(
            {ConsoleEnded: lambda message: None},
            app.console_controller.advanced,
            app.console_controller.failed,
            lambda: None,
        ),
        WorkKind.PASTE: WorkHandlers(
            {PasteListens: app.paste.listens, PasteEnded: app.paste.ended},
            failed=app.paste.failed,
            cancelled=app.paste.ended,
        ),
        WorkKind.DOCTOR: WorkHandlers(
            {DoctorReported: app.doctor.reported}, app.doctor.advanced, app.doctor.failed
        ),
        WorkKind.REACH: WorkHandlers({ReachMeasured: to_screens("reach_measured")}),
        WorkKind.HOSTS: WorkHandlers(),
        WorkKind.CONNECT: WorkHandlers(
            {HostsRead: app.hosts.listed, HostConnected: app.hosts.connected}
        ),
        WorkKind.MACHINE: WorkHandlers(
            {MachineExamined: app.machine_doctor.examined},
            app.machine_doctor.advanced,
            app.machine_doctor.failed,
        ),
        WorkKind.MACHINE_CHANGE: WorkHandlers(
            {
                HostsListed: app.machine_doctor.listed,
                ChangePreviewed: app.machine_doctor.previewed,
                ChangeMade: app.machine_doctor.made,
            },
            failed=app.machine_doctor.change_failed,
        ),
        WorkKind.BOARD: WorkHandlers(
            {BoardJobDone: app.boards.job_done},
            app.boards.job_advanced,
            app.boards.job_failed,
            app.boards.job_stopped,
        ),
        WorkKind.COURSE: WorkHandlers({CourseRead: app.course.course_read}),
        WorkKind.SWEEP: WorkHandlers(
            {SweepEnded: app.sweeps.ended},
            app.sweeps.advanced,
            app.sweeps.failed,
            app.sweeps.stopped,
        ),
        WorkKind.SAMPLE: WorkHandlers({BoardResultsRead: app.boards.results_read}),
        WorkKind.KEEP: WorkHandlers(failed=app.models.not_kept),
        WorkKind.QUIT: WorkHandlers(),
    }
