"""Two contents under one name are told apart wherever they stand on a screen."""

from __future__ import annotations

import json
from pathlib import Path

from finn_tui.base import files
from tests import data
from tests.ui.conftest import MakeApp, RecordedLab, make_run, opened, screen_text, until

A, B = "a1" * 32, "b2" * 32


def second_content(root: Path) -> str:
    """Give the workspace another content of the name cnv-w1a1; returns its name there."""
    name = f"cnv-w1a1-{B[:6]}"
    data.workspace(root, "cnv-w1a1")
    source = root / "models" / "cnv-w1a1" / data.PART
    source.parent.rename(root / "models" / name)
    path = root / "models" / name / data.PART / "model.json"
    info = files.read_sealed(path)
    assert info is not None
    files.write_sealed(
        path,
        {
            **info,
            "name": "cnv-w1a1",
            "title": f"cnv-w1a1 ({B[:6]})",
            "content": B,
            "source": {"kind": "onnx", "path": "cnv-w1a1.onnx"},
        },
    )
    data.workspace(root, "cnv-w1a1")
    return name


async def test_the_open_model_and_the_list_of_models_show_the_content(
    make_app: MakeApp, lab: RecordedLab
) -> None:
    name = second_content(lab.workspace.root)
    async with make_app(name).run_test(size=(120, 40)) as pilot:
        app = await opened(pilot)
        assert f"cnv-w1a1 ({B[:6]})" in screen_text(app).splitlines()[0]
        assert lab.workspace.settings.model == name
        await pilot.press("o")
        await until(pilot, lambda: "in this workspace" in screen_text(app))
        assert screen_text(app).count(f"cnv-w1a1 ({B[:6]})") == 2


async def test_runs_and_results_tell_contents_of_one_name_apart(
    make_app: MakeApp, lab: RecordedLab
) -> None:
    for number, content in enumerate((A, B)):
        run = make_run(lab.workspace, f"2026010{number + 2}T030405Z-net-00f{number}")
        path = run.path / "run.json"
        document = json.loads(path.read_text())
        path.write_text(json.dumps({**document, "model": "net", "source": {"content": content}}))
    async with make_app("cnv-w1a1").run_test(size=(120, 40)) as pilot:
        app = await opened(pilot)
        for key in ("3", "5"):
            await pilot.press(key)
            await until(
                pilot,
                lambda: all(f"net ({one[:6]})" in screen_text(app) for one in (A, B)),
            )
