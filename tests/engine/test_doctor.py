"""Facts that ``engine.pyz doctor`` collects: bounded, without secrets, whatever happens."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from finn_tui.engine.archive import engine_archive
from finn_tui.engine.server.doctor import collect, probes
from tests.waiting import wait_until

SECRET = "hunter2-secret"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A student's home with a licence and a startup file."""
    place = tmp_path / "home"
    (place / ".Xilinx").mkdir(parents=True)
    (place / ".Xilinx" / "a.lic").write_text(f"INCREMENT Vivado {SECRET}\n")
    lines = [
        f"export AWS_SECRET={SECRET}",
        "export FINN_XILINX_PATH =/opt/Xilinx",
        'export PYNQ_BOARD="Pynq-Z2" # mine',
        "source /opt/Xilinx/Vivado/2022.1/settings64.sh",
        "# export FINN_XILINX_VERSION=1",
        f"export FINN_HOST_BUILD_DIR=/data/me AWS_SECRET={SECRET}; cd /",
        f"export DOCKER_HOST=tcp://me:{SECRET}@lab:2375",
    ]
    (place / ".bashrc").write_bytes("\n".join(lines).encode() + b"\n\xff\xfe\n")
    return place


def ask(home: Path, *parts: str, **environment: str) -> dict[str, Any]:
    """The document, from the archive in a process of its own."""
    env = {"HOME": str(home), "PATH": "/usr/bin:/bin", "PASSWORD": SECRET, **environment}
    command = [sys.executable, str(engine_archive()), "doctor", *parts]
    done = subprocess.run(command, capture_output=True, env=env, timeout=120, check=True)
    assert SECRET.encode() not in done.stdout
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def tool(place: Path, text: str) -> Path:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(f"#!/bin/sh\n{text}\n")
    place.chmod(place.stat().st_mode | stat.S_IXUSR)
    return place


def test_all_parts_answer_without_secrets(home: Path) -> None:
    document = ask(home, DOCKER_HOST=f"tcp://me:{SECRET}@127.0.0.1:1")
    assert set(document) == {"format", *collect.PARTS}
    assert document["environment"]["DOCKER_HOST"] == "tcp://***@127.0.0.1:1"
    # Python itself sets LC_CTYPE where there is no locale.
    assert set(document["environment"]) - {"LC_CTYPE"} == {"DOCKER_HOST", "HOME"}
    lines = {line["name"]: line for line in document["startup"]}
    assert lines["FINN_XILINX_PATH"]["spaced"]
    assert (lines["PYNQ_BOARD"]["value"], lines["PYNQ_BOARD"]["spaced"]) == ("Pynq-Z2", False)
    assert lines["settings64.sh"]["value"] == "/opt/Xilinx/Vivado/2022.1/settings64.sh"
    several = lines["FINN_HOST_BUILD_DIR"]
    assert several["value"] == "/data/me"
    assert several["text"] == "export FINN_HOST_BUILD_DIR=/data/me ..."
    assert set(lines) == {
        "FINN_XILINX_PATH",
        "PYNQ_BOARD",
        "settings64.sh",
        "DOCKER_HOST",
        "FINN_HOST_BUILD_DIR",
    }
    (licence,) = document["licence"]["files"]
    assert licence["path"] == str(home / ".Xilinx/a.lic")


def test_amd_tools_of_both_layouts(home: Path, tmp_path: Path) -> None:
    root = tmp_path / "Xilinx"
    tool(root / "Vivado/2021.1/bin/vivado", "echo 'Vivado v2021.1 (64-bit)'")
    tool(root / "Vitis_HLS/2021.1/bin/vitis_hls", "true")
    (root / "Vivado/2021.1/settings64.sh").write_text("")
    patch = root / "Vitis_HLS/2021.1/common/scripts/automg_patch_20220104.tcl"
    patch.parent.mkdir(parents=True)
    patch.write_text("")
    tool(root / "2025.1/Vivado/bin/vivado", "true")
    (root / "2025.1/Vitis").mkdir()
    (root / "Vivado/notes").mkdir()
    document = ask(
        home,
        "installations",
        "folders",
        "tools",
        "vivado",
        FINN_XILINX_PATH=str(root),
        PATH=f"{root}/Vivado/2021.1/bin:/usr/bin:/bin",
    )
    mine = [row for row in document["installations"] if row["root"] == str(root)]
    assert [(row["version"], row["patched"]) for row in mine] == [
        ("2021.1", True),
        ("2025.1", False),
    ]
    assert mine[0]["settings"] == [str(root / "Vivado/2021.1/settings64.sh")]
    assert mine[1]["vivado"] == str(root / "2025.1/Vivado")
    assert document["vivado"]["lines"] == ["Vivado v2021.1 (64-bit)"]
    assert document["tools"]["vivado"]["version"] == "2021.1"
    assert document["folders"]["FINN_XILINX_PATH"]["exists"]


@pytest.fixture
def server() -> Iterator[int]:
    """The port of something that listens."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


def test_licence_servers_are_tried_within_a_bounded_time(home: Path, server: int) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # refuses: it does not listen
        silent = closed.getsockname()[1]
        start = time.monotonic()
        named = f"{server}@127.0.0.1:{silent}@localhost:/no/such.lic:99999@localhost"
        document = ask(home, "licence", XILINXD_LICENSE_FILE=named)
    assert time.monotonic() - start < 60
    reachable = {row["address"]: row["reachable"] for row in document["licence"]["servers"]}
    assert reachable == {
        f"{server}@127.0.0.1": True,
        f"{silent}@localhost": False,
        "99999@localhost": False,
    }
    missing = [row for row in document["licence"]["files"] if row["variable"]]
    assert [(row["path"], row["exists"]) for row in missing] == [("/no/such.lic", False)]


def test_a_program_that_floods_or_hangs_is_ended(tmp_path: Path) -> None:
    flood = tool(tmp_path / "flood", "yes 0123456789")
    answer = probes.run([str(flood)], 20.0)
    assert len(answer["output"]) < 1 << 18
    # Known by its argument: it may be ended before it could write its number down.
    mark = f"600.{os.getpid()}{time.monotonic_ns() % 10**6}"
    hanging = tool(tmp_path / "hang", f"sleep {mark} & wait")
    start = time.monotonic()
    assert probes.run([str(hanging)], 1.0)["problem"] == "no answer within 1 s"
    assert time.monotonic() - start < 60
    wait_until(lambda: not sleeping(mark))


def sleeping(seconds: str) -> list[str]:
    """The processes that sleep for a time; a zombie has no words any more."""
    words = b"sleep\0" + seconds.encode() + b"\0"
    running = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if path.read_bytes() == words:
                running.append(path.parent.name)
    return running


def test_a_probe_that_fails_or_hangs_leaves_the_others() -> None:
    def fails() -> None:
        raise OSError("stale file handle")

    answers = probes.gather(
        {"good": lambda: 1, "bad": fails, "stuck": lambda: time.sleep(30)}, seconds=0.3
    )
    assert answers["good"] == 1
    assert answers["bad"] == {"problem": "OSError: stale file handle"}
    assert answers["stuck"] == {"problem": "no answer within 0 s"}


def test_texts_and_lists_are_cut() -> None:
    value = probes.bounded({"a": "x" * 10_000, "b": list(range(10_000)), "c": "\ud800"})
    assert len(value["a"]) == probes.MOST_TEXT
    assert len(value["b"]) == probes.MOST_ENTRIES
    json.dumps(value).encode()
    value["c"].encode()


def test_an_unknown_part_is_refused() -> None:
    done = subprocess.run(
        [sys.executable, str(engine_archive()), "doctor", "secrets"], capture_output=True
    )
    assert done.returncode == 2
    assert done.stdout == b""
