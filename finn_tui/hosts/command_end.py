"""Ending a command on a machine with what it has started there, whoever logs in and by what way.

sshd passes no signals on in sessions of root, docker none to what ``exec`` has started. So each
command is given a mark in its environment, with the number of the session that it begins in; a
second command ends the processes that have both. What left the session is meant to outlive the
command, as a build's runner, and is left alone, and so is whatever hides its environment.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Awaitable, Callable

from finn_tui.base.errors import FinnTuiError
from finn_tui.base.subprocesses import MARK

#: Runs a command to its end with an input: a transport's way to run one that has no mark.
RunPlain = Callable[[tuple[str, ...], bytes], Awaitable[object]]

#: For the ending: a machine with many processes, over a slow line.
_SECONDS = 20.0
#: That whoever has left the command waits for it; it goes on alone then.
WAIT_SECONDS = 2.0
_going_on: set[asyncio.Task[None]] = set()
#: Becomes the command of "$@"; "$0" is the mark. Field 6 of stat is the session, behind the name,
#: which is in parentheses.
_BEGIN = (
    "{ read -r s </proc/self/stat; } 2>/dev/null; "
    's=${s##*")" }; s=${s#* * * }; '
    f'{MARK}="$0:${{s%% *}}"; export {MARK}; exec "$@"'
)
#: Ends the processes of the mark in standard input. Each is looked at again in the moment before
#: its end, and all of them until no new one comes up.
_END = f"""
read -r mark
[ ${{#mark}} -gt 15 ] || exit 0
for round in 1 2 3 4 5; do
    ended=
    for place in $(grep -lzF -- "{MARK}=$mark:" /proc/[0-9]*/environ 2>/dev/null); do
        place=${{place%/environ}}
        {{ read -r s <"$place/stat"; }} 2>/dev/null || continue
        s=${{s##*")" }}; s=${{s#* * * }}
        grep -qzxF -- "{MARK}=$mark:${{s%% *}}" "$place/environ" 2>/dev/null || continue
        kill -9 "${{place#/proc/}}" 2>/dev/null && ended=yes
    done
    [ "$ended" ] || exit 0
done
"""


def new_mark() -> str:
    """A word that nobody else knows."""
    return secrets.token_hex(16)


def marked(mark: str, *command: str) -> tuple[str, ...]:
    """A command that can be ended by a mark; it has the same process, input and exit code.

    Args:
        mark: see ``new_mark``.
        command: program and arguments.
    """
    return ("sh", "-c", _BEGIN, mark, *command)


async def end(mark: str, run: RunPlain, *, wait: float = WAIT_SECONDS) -> None:
    """End a command and what it has started in its session; nothing where that cannot be done.

    Args:
        mark: that it was started with.
        run: gets a command and its standard input; runs it where the marked one was started.
        wait (s): for its end; see ``go_on``.
    """
    await go_on(run(("sh", "-c", _END), mark.encode("ascii") + b"\n"), wait=wait)


async def go_on(cleaning: Awaitable[object], *, wait: float = WAIT_SECONDS) -> None:
    """Clean up after a command, also where whoever has left it waits no longer.

    Args:
        cleaning: what is to be done; what has ended the command counts, not that this fails.
        wait (s): for its end; a line that is silent holds up nobody who leaves.
    """

    async def work() -> None:
        with contextlib.suppress(FinnTuiError, TimeoutError):
            async with asyncio.timeout(_SECONDS):
                await cleaning

    task = asyncio.create_task(work())
    _going_on.add(task)
    task.add_done_callback(_going_on.discard)
    await asyncio.wait([task], timeout=wait)
