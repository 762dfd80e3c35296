"""The app's lists with a damaged item: it is shown with the reason, the others work."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from finn_tui.base import paths
from finn_tui.core.device import Device
from finn_tui.lab.foldings import cost_tables
from finn_tui.lab.models import model_request, models
from finn_tui.lab.workspace import Workspace
from tests import data
from tests.ui.conftest import MakeApp, RecordedLab, make_run, opened, screen_text, until, until_mode

RUNS = [f"2026010{day}T030405Z-tfc-w1a1-000{day}" for day in (1, 2, 3)]


@pytest.mark.parametrize("file", ["run.json", "state.json"])
@pytest.mark.parametrize("size", [(80, 24), (160, 50)])
async def test_runs_lists_a_damaged_one_between_the_others(
    make_app: MakeApp, lab: RecordedLab, file: str, size: tuple[int, int]
) -> None:
    for name in RUNS:
        make_run(lab.workspace, name)
    (lab.workspace.runs_dir / RUNS[1] / file).write_text("{")
    async with make_app("tfc-w1a1").run_test(size=size) as pilot:
        app = await opened(pilot)
        await pilot.press("3")
        await until_mode(pilot, "runs")
        await until(pilot, lambda: "damaged" in screen_text(app))
        lines = screen_text(app).splitlines()
        at = [next(n for n, line in enumerate(lines) if name[-4:] in line) for name in RUNS]
        assert at == sorted(at, reverse=True), "in its place by time"
        assert file in lines[at[1]]
        await pilot.press("down")
        await until(pilot, lambda: app.state.damaged_run() is not None)
        await until(pilot, lambda: "damaged: " in screen_text(app))
        # No key acts on another run than the one under the cursor.
        for key in ("x", "e", "R"):
            await pilot.press(key)
            await pilot.pause()
            assert app.current_mode == "runs" and not app.screen.is_modal
        await pilot.press("enter")
        await until(
            pilot, lambda: "looked at; build it again" in " ".join(screen_text(app).split())
        )
        await pilot.press("escape", "down")
        await until(pilot, lambda: app.state.damaged_run() is None)
        chosen = app.state.chosen_run()
        assert chosen is not None and chosen.id == RUNS[0]
        # Mended by hand while the app is open.
        make_run(lab.workspace, RUNS[1])
        await until(pilot, lambda: not app.state.broken)


async def test_results_name_a_damaged_run(make_app: MakeApp, lab: RecordedLab) -> None:
    for name in RUNS:
        make_run(lab.workspace, name)
    (lab.workspace.runs_dir / RUNS[1] / "run.json").write_text("[]")
    async with make_app("tfc-w1a1").run_test(size=(160, 50)) as pilot:
        app = await opened(pilot)
        await pilot.press("5")
        await until(pilot, lambda: f"{RUNS[1]} is damaged" in screen_text(app))
        assert RUNS[0][-4:] in screen_text(app) and RUNS[2][-4:] in screen_text(app)


async def test_boards_list_a_damaged_entry(make_app: MakeApp, lab: RecordedLab) -> None:
    path = paths.config_dir() / "boards.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('[bench]\nhost = "10.0.0.1"\n[broken]\nhost = 3\n[desk]\nhost = "10.0.0.2"\n')
    async with make_app("tfc-w1a1").run_test(size=(120, 40)) as pilot:
        app = await opened(pilot)
        await pilot.press("4", "t")
        await until(pilot, lambda: "10.0.0.2" in screen_text(app))
        text = screen_text(app)
        assert "10.0.0.1" in text and "on this machine" in text and "SIMULATED" in text
        assert "damaged: " in text and "host" in text
        # Below the one that a pasted line reaches.
        await pilot.press("down", "down", "down", "down", "enter")
        await until(pilot, lambda: "boards.toml" in screen_text(app))
        assert app.state.board.machine != "broken"


async def test_models_list_damaged_ones(make_app: MakeApp, lab: RecordedLab) -> None:
    presets = lab.workspace.root / "presets"
    presets.mkdir()
    (presets / "torn.toml").write_text("name = \n")
    (folder,) = (lab.workspace.models_dir / "tfc-w1a1").iterdir()
    copy = lab.workspace.models_dir / "other" / folder.name
    copy.mkdir(parents=True)
    (copy / "model.json").write_text("{")
    async with make_app("tfc-w1a1").run_test(size=(120, 40)) as pilot:
        app = await opened(pilot)
        await pilot.press("o")
        await until(pilot, lambda: "Open a model" in screen_text(app))
        lines = screen_text(app).splitlines()
        assert any("torn" in line and "damaged: " in line for line in lines)
        assert any("other" in line and "damaged" in line for line in lines)
        assert any("cnv-w1a1" in line for line in lines)


@pytest.mark.parametrize(
    ("file", "change"),
    [
        ("dataflow.onnx", lambda content: content[: len(content) // 2]),
        ("dataflow.onnx", lambda content: b""),
        ("model.json", lambda content: content.replace(b"tfc", b"tfd", 1)),
    ],
)
def test_a_changed_model_is_prepared_again(
    workspace: Workspace, file: str, change: Callable[[bytes], bytes]
) -> None:
    """Caches are believed by the hash of what they hold."""
    request, device, model = _prepared(workspace)
    path = next((workspace.models_dir / "tfc-w1a1").rglob(file))
    path.write_bytes(change(path.read_bytes()))
    assert models.find_prepared(workspace, request, device, None) is None
    assert model.folder.is_dir()


@pytest.mark.parametrize("file", ["tables.json", "design.json"])
def test_changed_tables_are_computed_again(workspace: Workspace, file: str) -> None:
    _, device, model = _prepared(workspace)
    assert cost_tables.cached_design(model, device) is not None
    path = model.folder / file
    content = path.read_bytes()
    for other in (
        content.replace(b"64", b"65", 1),
        content[:-20],
        content + b" ",
        b"{}",
        b"",
        b"null",
        content.partition(b",")[2],
    ):
        path.write_bytes(other)
        assert cost_tables.cached_design(model, device) is None
    path.write_bytes(content)
    assert cost_tables.cached_design(model, device) is not None


def _prepared(workspace: Workspace) -> tuple[model_request.ModelRequest, Device, models.Model]:
    """The recorded TFC, as it is opened again."""
    request = model_request.resolve(workspace, "tfc-w1a1")
    device = Device("Pynq-Z2", data.PART)
    model = models.find_prepared(workspace, request, device, None)
    assert model is not None
    return request, device, model
