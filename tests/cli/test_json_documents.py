"""``--json`` is a contract: every key is described in ``cli/documents/``, and every one occurs.

Tests of commands that need an engine or a board check theirs where they run them: see ``contract``.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import click
import pytest

from finn_tui.base.errors import FinnTuiError
from finn_tui.cli import main
from finn_tui.cli.documents import DOCUMENTS
from finn_tui.lab.workspace import Workspace
from finn_tui.runs.documents import RunError
from finn_tui.runs.placement import Placement, Stage, write_placement
from tests.cli import contract
from tests.cli.conftest import Cli
from tests.cli.test_migrate import OLD
from tests.lab import real_build
from tests.runs import trainings
from tests.runs.readers.samples import IMPLEMENTATION, PARENT
from tests.ui.conftest import make_run

BUILT, FAILED = "20260101T000000Z-cybsec-0001", "20260102T000000Z-tfc-w1a1-bbbb"


_DAMAGED = {"damaged.name", "damaged.what", "damaged.why", "damaged.fix"}
#: Keys that other tests see: of FINN's heuristic, which needs an engine; of a rehearsal's build
#: folder; of several builds in one folder; of what is damaged; of a board that is looked for.
ELSEWHERE = {
    "pareto": {
        key
        for key in contract.keys_of(DOCUMENTS["pareto"])
        if key.startswith(("setfolding.", "setfolding_refused."))
    },
    "calibrate RUN": {"nodes.hls", "nodes.out_of_context"},
    "inspect": {"steps.build"},
    **dict.fromkeys(("runs", "experiments", "engine list", "presets list"), _DAMAGED),
    "boards list": _DAMAGED | {f"boards.reach.{key}" for key in ("status", "latency_ms", "why")},
}


def commands(group: click.Group, before: str = "") -> dict[str, click.Command]:
    """Every command by its words."""
    context = click.Context(group)
    known: dict[str, click.Command] = {}
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        known[before + name] = command
        if isinstance(command, click.Group):
            known |= commands(command, f"{before}{name} ")
    return known


def test_every_document_is_described() -> None:
    with_json = {
        name
        for name, command in commands(main).items()
        if any(option.name == "as_json" for option in command.params)
    }
    assert with_json == {
        name for name in DOCUMENTS if name not in ("build --check", "calibrate RUN", "go RUN RUN")
    }


@pytest.fixture
def user(recorded: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """The recorded workspace with a real build and a failed rehearsal in it."""
    workspace = tmp_path / "workspace"
    shutil.copytree(recorded["FINN_TUI_WORKSPACE"], workspace)
    real_build.write(workspace / "runs", BUILT)
    error = FinnTuiError("the build failed", "why", "fix", kind="finn")
    run = make_run(Workspace.open(workspace), FAILED, "failed", error=error, measured=True)
    (run.working / "code_gen").mkdir(parents=True)
    request = json.loads((run.path / "run.json").read_text())
    request["folding"] = {"Defaults": {}, "MVAU_hls_0": {"PE": 2}}
    (run.path / "run.json").write_text(json.dumps(request))
    place = Placement(
        host="cluster",
        folder=str(run.path),
        shared=True,
        job_name="finn-tui-1",
        stage=Stage.SETTLED,
        problem=RunError(**error.as_dict()),
    )
    write_placement(run.path, place)
    trainings.write(workspace / "runs")
    return {**recorded, "FINN_TUI_WORKSPACE": str(workspace)}


def test_every_described_key_occurs(cli: Cli, user: dict[str, str], tmp_path: Path) -> None:
    old, logs = tmp_path / "old.json", tmp_path / "logs"
    old.write_text(json.dumps(OLD))
    for name, text in (("a/runme.log", IMPLEMENTATION), ("b/vivado.log", PARENT)):
        (logs / name).parent.mkdir(parents=True)
        (logs / name).write_text(text)
    lines: dict[str, list[tuple[str, ...]]] = {
        "doctor": [()],
        "presets list": [()],
        "presets show": [("vgg9-w1a1",)],
        "estimate": [("tfc-w1a1",)],
        "solve": [("tfc-w1a1", "--fill", "--finn-only", "--limit", "LUT=0.2")],
        "pareto": [("tfc-w1a1", "--no-setfolding")],
        "compare": [("tfc-w1a1", "ones", "published")],
        "migrate": [(str(old), "tfc-w1a1")],
        "calibrate": [()],
        "calibrate RUN": [(BUILT,)],
        "runs": [()],
        "runs show": [(FAILED,), (trainings.TRAINED,)],
        "runs clean": [("--dry-run",)],
        "runs compare": [(BUILT, FAILED)],
        "runs note": [(BUILT, "fast")],
        "runs tag": [(BUILT, "lab")],
        "experiments": [()],
        "attach": [(FAILED,), (trainings.TRAINED,)],
        "cancel": [(FAILED,)],
        "inspect": [(str(logs),), (str(logs / "b"),), (BUILT,), (FAILED,)],
        "boards list": [()],
        "explain": [("tfc-w1a1", "0")],
        "lab status": [()],
        "report": [()],
        "engine list": [()],
    }
    engines = tmp_path / "home with engines"
    (engines / "config").mkdir(parents=True)
    boxed = '[boxed]\ncommand = ["python3"]\ncontainer = {name = "finn"}\n'
    (engines / "config/engines.toml").write_text(boxed)
    engine = {
        "engine list": {
            "FINN_TUI_ENGINE_PYTHON": "/opt/finn/bin/python",
            "FINN_TUI_HOME": str(engines),
        }
    }
    absent: dict[str, set[str]] = {}
    for command, calls in lines.items():
        words = command.removesuffix(" RUN").split()
        env = user | engine.get(command, {})
        documents: list[Any] = [cli(*words, *call, "--json", env=env).json for call in calls]
        refused = [one for one in documents if set(one) == {"format_version", "error"}]
        assert not refused, (command, refused)
        absent[command] = contract.missing(command, documents) - ELSEWHERE.get(command, set())
    shown = {command: sorted(keys) for command, keys in absent.items() if keys}
    assert not shown, json.dumps(shown, indent=1)
