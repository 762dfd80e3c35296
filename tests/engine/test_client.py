"""The terminal's end of the wire, against the real server in a real process."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from finn_tui.base import paths
from finn_tui.base.errors import FinnTuiError
from finn_tui.engine import catalogue
from finn_tui.engine.archive import engine_archive
from finn_tui.engine.catalogue import EngineSpec
from finn_tui.engine.client import Engine

#: This Python has no FINN; whatever does not touch FINN must work in it all the same.
WITHOUT_FINN = EngineSpec("bare", (sys.executable, "-I"))


async def test_it_answers_and_ends_with_its_stdin() -> None:
    engine = await Engine.start(WITHOUT_FINN)
    pid = engine.hello["pid"]
    assert engine.running
    assert await engine.ping()
    await engine.close()
    assert not engine.running
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_an_unknown_method_is_an_error_and_not_the_end() -> None:
    async with await Engine.start(WITHOUT_FINN) as engine:
        with pytest.raises(FinnTuiError, match="fold_everything"):
            await engine.call("fold_everything")
        assert await engine.ping()


async def test_a_python_without_finn_is_explained() -> None:
    async with await Engine.start(WITHOUT_FINN) as engine:
        with pytest.raises(FinnTuiError) as caught:
            await engine.call("info")
        assert "FINN" in str(caught.value) or "finn" in str(caught.value)
        assert caught.value.fix


async def test_a_command_that_does_not_exist_is_explained() -> None:
    with pytest.raises(FinnTuiError, match="does not start") as caught:
        await Engine.start(EngineSpec("gone", ("/nowhere/python",)))
    assert "/nowhere/python" in str(caught.value)


async def test_a_command_that_is_no_python_is_explained() -> None:
    with pytest.raises(FinnTuiError, match="ended with exit code 3") as caught:
        await Engine.start(EngineSpec("wrong", ("sh", "-c", "echo no such container >&2; exit 3")))
    assert "no such container" in caught.value.detail


async def test_an_engine_of_another_protocol_is_ended_at_once(tmp_path: Path) -> None:
    script = (
        "import json, os, pathlib, sys; "
        f"pathlib.Path({str(tmp_path / 'pid')!r}).write_text(str(os.getpid())); "
        "print(json.dumps({'hello': {'protocol': 0}}), flush=True); sys.stdin.read()"
    )
    engine = Engine(EngineSpec("old", (sys.executable, "-I", "-c", script)))
    with pytest.raises(FinnTuiError, match="protocol"):
        await engine.call("info")
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)
    await engine.close()


async def test_prints_that_get_past_the_guards_are_kept_as_log() -> None:
    messages: list[str] = []
    script = (
        "import sys; print('banner of a wrapper', flush=True); "
        "import runpy; sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    spec = EngineSpec("wrapped", (sys.executable, "-I", "-c", script))
    async with await Engine.start(spec, lambda level, text: messages.append(text)) as engine:
        assert await engine.ping()
    assert "banner of a wrapper" in messages


@pytest.mark.engine
async def test_a_crash_fails_the_work_in_hand_and_the_next_call_starts_anew(
    engine_python: str,
) -> None:
    async with await Engine.start(EngineSpec("real", (engine_python,))) as engine:
        first = engine.hello["pid"]
        work = asyncio.create_task(engine.call("info"))
        await asyncio.sleep(0)
        assert await engine.ping(), "it must answer while it works"
        os.kill(first, signal.SIGKILL)
        with pytest.raises(FinnTuiError, match="killed by signal 9") as caught:
            await work
        assert "info" in caught.value.why
        answer = await engine.call("info")
        assert engine.hello["pid"] != first
        assert answer["boards"]["Pynq-Z2"]["part"] == "xc7z020clg400-1"


@pytest.mark.engine
async def test_cancelling_the_caller_frees_the_engine(engine_python: str, tmp_path: Path) -> None:
    source = {
        "kind": "brevitas",
        "network": "cnv_1w1a",
        "input": [1, 3, 32, 32],
        "topk": 1,
        "weights": {"kind": "random", "seed": 0},
    }
    async with await Engine.start(EngineSpec("real", (engine_python,))) as engine:
        started = asyncio.Event()
        work = asyncio.create_task(
            engine.call(
                "prepare",
                {
                    "source": source,
                    "out": str(tmp_path / "cnv"),
                    "board": "Pynq-Z2",
                    "part": "xc7z020clg400-1",
                    "clock_ns": 10.0,
                },
                lambda name, data: started.set() if name == "progress" else None,
            )
        )
        await started.wait()
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        assert (await engine.call("info"))["version"]


def test_the_archive_is_made_once_for_each_content() -> None:
    first = engine_archive()
    stamp = first.stat().st_mtime_ns
    assert engine_archive() == first
    assert first.stat().st_mtime_ns == stamp


def test_engines_are_found_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FINN_TUI_ENGINE_PYTHON", raising=False)
    assert catalogue.find() is None
    assert catalogue.find(catalogue.DEFAULT) is None, "this one can be installed"
    with pytest.raises(FinnTuiError, match="no engine called lab-server"):
        catalogue.find("lab-server")
    paths.config_dir().mkdir(parents=True)
    settings = paths.config_dir() / "engines.toml"
    settings.write_text('[lab-server]\ncommand = ["docker", "exec", "-i", "finn", "python3"]\n')
    spec = catalogue.find("lab-server")
    assert spec is not None and spec.command[-1] == "python3"
    settings.write_text("[lab-server]\ncommand = 3\n")
    with pytest.raises(FinnTuiError, match=r"lab-server\.command = 3 is not valid"):
        catalogue.find("lab-server")
    settings.write_text("[lab-server\n")
    with pytest.raises(FinnTuiError, match="cannot be read"):
        catalogue.find("lab-server")
