"""What the documents of ``--json`` hold, command by command: the contract with programs.

``docs/json.md`` is generated from these classes, and tests check the commands' real output against
them: every key is here, and every key that is here occurs. Every document begins with
``format_version``, the version of its form; new keys leave it as it is.
"""

from __future__ import annotations

from msgspec import Struct

from finn_tui.cli.documents.base import Failure
from finn_tui.cli.documents.boards import (
    BoardsClean,
    BoardsDeployments,
    BoardsDoctor,
    BoardsList,
    BoardsTest,
    Deploy,
    Execute,
    Go,
    GoSeries,
    Throughput,
    Validate,
)
from finn_tui.cli.documents.config import ConfigPath, ConfigShow
from finn_tui.cli.documents.course import LabStatus, Report
from finn_tui.cli.documents.doctor import Doctor
from finn_tui.cli.documents.engines import EngineInfoDocument, EngineList
from finn_tui.cli.documents.estimates import Estimate, Pareto, Solve
from finn_tui.cli.documents.foldings import Calibrate, CalibrateAll, Compare, Migrate
from finn_tui.cli.documents.hosts import HostsAdd, HostsList, HostsTest
from finn_tui.cli.documents.inspection import Inspect
from finn_tui.cli.documents.lessons import Explain
from finn_tui.cli.documents.networks import Export, Graph, Prepare, Presets, PresetShow
from finn_tui.cli.documents.runs import (
    BuildCheck,
    BuildEnd,
    Cancel,
    Evaluate,
    Experiments,
    Runs,
    RunsClean,
    RunsCompare,
    RunsNote,
    RunsShow,
    Sweep,
)

__all__ = ["DOCUMENTS", "Failure"]

#: The documents by command, in the order of ``finn-tui --help``.
DOCUMENTS: dict[str, type[Struct]] = {
    "doctor": Doctor,
    "prepare": Prepare,
    "export": Export,
    "presets list": Presets,
    "presets show": PresetShow,
    "graph": Graph,
    "train": BuildEnd,
    "evaluate": Evaluate,
    "estimate": Estimate,
    "solve": Solve,
    "pareto": Pareto,
    "compare": Compare,
    "migrate": Migrate,
    "calibrate": CalibrateAll,
    "calibrate RUN": Calibrate,
    "build --check": BuildCheck,
    "build": BuildEnd,
    "sweep": Sweep,
    "attach": BuildEnd,
    "cancel": Cancel,
    "runs": Runs,
    "runs show": RunsShow,
    "runs resume": BuildEnd,
    "runs retry": BuildEnd,
    "runs clean": RunsClean,
    "runs compare": RunsCompare,
    "runs note": RunsNote,
    "runs tag": RunsNote,
    "inspect": Inspect,
    "experiments": Experiments,
    "boards list": BoardsList,
    "boards test": BoardsTest,
    "boards doctor": BoardsDoctor,
    "boards deployments": BoardsDeployments,
    "boards clean": BoardsClean,
    "boards install-driver": BoardsTest,
    "deploy": Deploy,
    "execute": Execute,
    "throughput": Throughput,
    "validate": Validate,
    "go": Go,
    "go RUN RUN": GoSeries,
    "explain": Explain,
    "lab status": LabStatus,
    "report": Report,
    "config show": ConfigShow,
    "config path": ConfigPath,
    "hosts list": HostsList,
    "hosts add": HostsAdd,
    "hosts test": HostsTest,
    "engine list": EngineList,
    "engine info": EngineInfoDocument,
}
