"""The commands `hosts` against a real OpenSSH server."""

from __future__ import annotations

import os
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from benchmarks.terminal import Terminal
from finn_tui.hosts import catalogue
from finn_tui.hosts.ssh.openssh_files import known_hosts_file
from tests.cli.conftest import Cli
from tests.hosts.conftest import server, user
from tests.hosts.sshd import Server

__all__ = ["server", "user"]


@pytest.fixture
def configured(server: Server, user: Path, tmp_path: Path) -> Server:
    """A server that the user's ~/.ssh/config calls lab."""
    (user / ".ssh" / "config").write_text(
        f"Host lab\n  HostName {server.address}\n  Port {server.port}\n  User {server.user}\n"
        f"  IdentityFile {server.key}\n"
    )
    return server


def fake(path: Path, text: str = "exit 0") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_a_host_is_added_with_what_is_found_there(
    cli: Cli, configured: Server, user: Path, tmp_path: Path
) -> None:
    environment = {"FINN_TUI_HOME": str(tmp_path / "home")}
    refused = cli("hosts", "add", "lab", "--json", env=environment)
    assert refused.code == 1 and "is not known yet" in refused.json["error"]["what"]
    assert not catalogue.hosts(), "what cannot be reached is not added"
    fingerprint = refused.json["error"]["why"].split()[5].rstrip(".")
    assert fingerprint.startswith("SHA256:")

    fake(configured.folder / "bin" / "sbatch")
    fake(configured.folder / "bin" / "sinfo", "printf 'fpga*\\ndebug\\n'")
    engine = fake(user / "finn-plus" / ".venv" / "bin" / "python", '[ -z "$3" ]')
    # sshd takes the home directory from the password file, where there may be no FINN.
    configured.set_environment(HOME=str(user))
    folder = str(tmp_path / "it's a $(x) folder")
    added = cli(
        "hosts", "add", "lab", "--folder", folder, "--trust", fingerprint, "--json", env=environment
    ).json
    assert added["engine"] == [str(engine)] and added["slurm"]["partition"] == ""
    assert added["host"] == "lab" and added["user"] == "" and added["port"] == 0
    assert catalogue.find("lab").folder == folder

    tested = cli("hosts", "test", "lab", "--json", env=environment)
    assert tested.code == 1, "that engine's Python is none"
    document = tested.json
    assert document["engine_problem"] and document["folder"] == folder
    assert document["free_bytes"] > 0 and document["writable"] and document["latency_ms"] > 0
    assert document["partitions"] == ["fpga*", "debug"]
    assert document["programs"]["sbatch"] == str(configured.folder / "bin" / "sbatch")

    answer = '{"python": "3.10.12", "name": "finn-plus", "version": "1.4.0", "place": "/x"}'
    fake(engine, f"echo a greeting of the profile; echo '{answer}'")
    tested = cli("hosts", "test", "lab", "--json", env=environment)
    assert tested.code == 0 and tested.json["finn"] == "finn-plus 1.4.0"
    text = cli("hosts", "test", "lab", env=environment).out
    assert "finn-plus 1.4.0, Python 3.10.12" in text and " ms" in text and " free" in text

    assert cli("hosts", "add", "box", "--here", "--folder", folder, env=environment).code == 0
    again = cli("hosts", "add", "box", "--here", env=environment)
    assert again.code == 2 and "called box already" in again.err, "edited entries are not lost"
    here = cli("hosts", "test", "box", "--json", env=environment).json
    assert here["latency_ms"] is None and here["system"].startswith("Linux")
    assert cli("hosts", "remove", "box", env=environment).code == 0
    assert cli("hosts", "add", "far", "lab", "--no-look", env=environment).code == 0
    listed = cli("hosts", "list", "--json", env=environment).json
    assert [row["name"] for row in listed["hosts"]] == ["lab", "far"] and not listed["damaged"]
    lab, far = listed["hosts"]
    assert 0 < lab["latency_ms"] < 1e5 and (far["latency_ms"], far["latency_at"]) == (None, None)
    measured = datetime.fromisoformat(lab["latency_at"])
    assert timedelta() <= datetime.now(UTC) - measured < timedelta(hours=1)
    shown = cli("hosts", "list", env=environment).out
    assert f"ms, {measured.astimezone():%Y-%m-%d %H:%M}" in shown and "never measured" in shown
    # What was measured at another address is not this one's.
    assert cli("hosts", "remove", "far", env=environment).code == 0
    hosts_file = catalogue.hosts_file()
    hosts_file.write_text(hosts_file.read_text().replace('host = "lab"', 'host = "elsewhere"'))
    (moved,) = cli("hosts", "list", "--json", env=environment).json["hosts"]
    assert moved["host"] == "elsewhere" and moved["latency_ms"] is None
    hosts_file.write_text(hosts_file.read_text().replace('host = "elsewhere"', 'host = "lab"'))
    assert "Slurm" in shown and "answers" in shown.splitlines()[0] and " ms" in shown
    assert cli("hosts", "remove", "lab", env=environment).code == 0
    assert cli("hosts", "remove", "lab", env=environment).code == 2
    assert cli("hosts", "test", "lap", env=environment).code == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("a b",), "cannot be called"),
        (("lab", "me@"), "ADDRESS"),
        (("lab", "h:99999"), "ADDRESS"),
        (("lab", "h;reboot"), "is no address"),
        (("lab", "--folder", "~/x"), "without ~"),
        (("lab", "h", "--here"), "takes no address"),
    ],
)
def test_what_cannot_be_added_is_said_before_anything_is_reached(
    cli: Cli, arguments: tuple[str, ...], message: str
) -> None:
    done = cli("hosts", "add", *arguments)
    assert done.code == 2 and message in done.err


def test_on_a_terminal_the_host_key_is_shown_and_asked_for(
    configured: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = [sys.executable, "-m", "finn_tui.cli", "hosts", "add", "lab"]
    for answer, known in ((b"n\n", False), (b"y\n", True)):
        with Terminal(command, 100, 30) as terminal:
            end = time.monotonic() + 120
            while b"remembered? [y/N]" not in terminal.output:
                assert time.monotonic() < end, bytes(terminal.output)
                terminal.read(0.1)
            assert b"SHA256:" in terminal.output
            os.write(terminal.fd, answer)
            # Looking at the host is silent, for seconds on a slow machine.
            while terminal.read(2.0) or bool(catalogue.hosts()) is not known:
                assert time.monotonic() < end, bytes(terminal.output)
        assert known_hosts_file().exists() is known
        assert bool(catalogue.hosts()) is known
