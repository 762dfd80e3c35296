"""The real sudo of a user with a password, over a real Jupyter server whose secret is another one.

The user exists in a mount namespace only: nothing of this machine is changed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from finn_tui.board.agent_session import SudoRefused
from finn_tui.board.connection import connect
from finn_tui.board.doctor import doctor
from finn_tui.board.jobs import check
from tests.board.jupyter_server import TOKEN, JupyterBoard, jupyter_board

USER, PASSWORD = 54321, "it's me"
_SCRIPT = """
for name in passwd group shadow sudoers; do
  mount --bind "$FOLDER/$name" "/etc/$name" || exit 1
done
exec setpriv --reuid $USER_ID --regid $USER_ID --clear-groups \
  --inh-caps=+dac_read_search --ambient-caps=+dac_read_search "$@"
"""


def _lacking() -> str:
    if os.geteuid() != 0:
        return "only root can make a user that exists in a namespace"
    for tool in ("sudo", "unshare", "setpriv", "openssl"):
        if shutil.which(tool) is None:
            return f"{tool} is not installed"
    probe = subprocess.run(["unshare", "-m", "mount", "--bind", "/tmp", "/tmp"], check=False)
    return "" if probe.returncode == 0 else "no mount namespaces here"


@pytest.fixture
def user_board() -> Iterator[JupyterBoard]:
    """A board whose Jupyter server is a user's who needs a password for sudo."""
    lacking = _lacking()
    if lacking:
        pytest.skip(lacking)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        done = subprocess.run(
            ["openssl", "passwd", "-6", "-stdin"],
            input=PASSWORD,
            capture_output=True,
            text=True,
            check=True,
        )
        home = folder / "board" / "home"
        lines = {
            "passwd": f"tester:x:{USER}:{USER}::{home}:/bin/bash\n",
            "group": f"tester:x:{USER}:\n",
            "shadow": f"tester:{done.stdout.strip()}:19000:0:99999:7:::\n",
        }
        for file, line in lines.items():
            (folder / file).write_text(Path("/etc", file).read_text() + line)
        (folder / "sudoers").write_text(
            "Defaults requiretty\nDefaults lecture=never\ntester ALL=(ALL) ALL\n"
        )
        for file, mode in (("shadow", 0o600), ("sudoers", 0o440)):
            (folder / file).chmod(mode)
        script = f"FOLDER={folder}; USER_ID={USER}; {_SCRIPT}"
        wrapper = (("unshare", "-m", "sh", "-c", script, "sh"), USER)
        with jupyter_board(
            folder / "board", wrapper=wrapper, sudo=True, python=sys.executable
        ) as running:
            yield running


async def test_a_token_and_a_password_for_sudo(user_board: JupyterBoard) -> None:
    board = user_board.board
    async with connect(board, password=TOKEN) as link:
        code, said, _ = await link.run("id", "-u")
        assert (code, said) == (0, b"%d\n" % USER)
        with pytest.raises(SudoRefused) as caught:
            await check(link)
        assert caught.value.board.name == "lab"
        report = await doctor(link)
        start = next(each for each in report.checks if each.name == "sudo")
        assert start.status == "fail" and "asks for a password" in start.value
        with pytest.raises(SudoRefused):
            await doctor(link, ask_sudo=True)
    # The token is no password of sudo's.
    async with connect(board, password=TOKEN, sudo_password=TOKEN) as link:
        with pytest.raises(SudoRefused, match="asks for a password") as caught:
            await check(link)
        assert "is not it" in caught.value.why
    async with connect(board, password=TOKEN, sudo_password=PASSWORD) as link:
        assert (await check(link))["root"] is True
    for path in user_board.home.rglob("*"):
        assert not path.is_file() or PASSWORD.encode() not in path.read_bytes(), path
