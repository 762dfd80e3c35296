"""Commands over a real OpenSSH server whose login shell is another than sh."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from finn_tui.hosts.catalogue import Host
from finn_tui.hosts.pool import HostPool
from finn_tui.hosts.ssh.login_shell import line_of, portable
from tests.hosts import sshd
from tests.hosts.conftest import host_of

ARGUMENTS = (
    "two\nlines",
    "a 'quote' and \"two\"",
    "back\\slash\\'",
    "!! 100 % $HOME `id`",
    "ü ✓",
    "",
)
SCRIPT = 'for each in "$@"; do\n  printf "%s\\0" "$each"\ndone\n'
COMMAND = ("sh", "-c", SCRIPT, "sh", *ARGUMENTS)
EXPECTED = "".join(f"{each}\0" for each in ARGUMENTS)


@pytest.mark.parametrize("shell", ["sh", "bash", "tcsh", "csh", "fish", "zsh"])
def test_each_shell_hands_a_command_on_unchanged(shell: str) -> None:
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"{shell} is not installed")
    done = subprocess.run([program, "-c", line_of(COMMAND)], capture_output=True)
    assert (done.stdout.decode(), done.stderr) == (EXPECTED, b"")


def test_a_line_has_no_sign_that_shells_read_differently() -> None:
    """Not every machine has csh: no line ends, no history, no backslash but of octal."""
    line = line_of(COMMAND)
    assert line.startswith("exec sh -c '") and line.count("'") == 2
    assert "\n" not in line and "!" not in line
    assert all(each[:3].isdigit() for each in line.split("\\")[1:])
    assert line_of(("ls", "a b")) == "ls 'a b'" and portable("a && b") == "a && b"


async def test_a_server_with_another_login_shell_and_a_banner(tmp_path: Path, user: Path) -> None:
    shell = next(filter(None, map(shutil.which, ("tcsh", "fish", "bash"))))
    wrapper = tmp_path / "shell"
    wrapper.write_text(f'#!/bin/sh\necho Welcome\nexec {shell} -c "$SSH_ORIGINAL_COMMAND"\n')
    wrapper.chmod(0o755)
    server = sshd.server_in(tmp_path / "sshd", f"ForceCommand {wrapper}")
    server.start()
    host: Host = host_of(server, tmp_path / "there")
    pool = HostPool()
    try:
        async with pool.use(host, trust=True) as link:
            status, out, _ = await link.run(*COMMAND)
            assert (status, out.decode()) == (0, f"Welcome\n{EXPECTED}")
            process = await link.stream('read -r line\necho "got $line!"')
            process.write(b"it\n")
            assert await process.readline() == b"Welcome\n"
            assert await process.readline() == b"got it!\n"
    finally:
        await pool.close()
        server.stop()
