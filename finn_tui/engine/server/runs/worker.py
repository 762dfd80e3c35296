"""The process of a run that does its work, a child of the runner: builds and trainings alike.

It says what happens as JSON lines on a pipe, and ends itself with everything that it has started
when the runner dies.
"""

import json
import os
import signal
import sys
import threading
import traceback
from typing import Any, Callable, List

from finn_tui.engine.protocol import EngineError
from finn_tui.engine.server.runs import runprocesses

#: Reports an event: its name, and its data by keyword.
Say = Callable[..., None]
#: Does the work: the run folder, where to go on, and what reports an event.
Work = Callable[[str, str, Say], None]
Explain = Callable[[BaseException, str], EngineError]


def main(arguments: List[str], work: Work, explain: Explain) -> int:
    """Do a run's work: ``RUN_FOLDER EVENTS_FD ALIVE_FD [START]``; returns 0 if it succeeded.

    Args:
        arguments: the run folder, the pipe for events, a pipe that closes when the runner dies,
            and perhaps where to go on from what an earlier attempt left.
        work: does it.
        explain: turns what it raises into the error for users.
    """
    folder, events, alive = arguments[0], int(arguments[1]), int(arguments[2])
    for descriptor in (events, alive):
        os.set_inheritable(descriptor, False)
    threading.Thread(target=die_with_runner, args=(folder, alive), daemon=True).start()

    def say(event: str, **data: Any) -> None:
        line = json.dumps(dict({"event": event}, **data)) + "\n"
        os.write(events, line.encode("utf-8"))

    try:
        work(folder, arguments[3] if len(arguments) > 3 else "", say)
    except Exception as error:  # the boundary of the run: whatever is raised becomes data
        traceback.print_exc()
        say("failed", error=explain(error, folder).as_dict())
        _leave(1)
    say("done")
    _leave(0)
    return 0


def _leave(code: int) -> None:
    """End now: taking torch and its threads down in order would cost seconds for nothing."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def die_with_runner(folder: str, alive: int) -> None:
    """Wait until the runner is gone, then end this process and all that it has started."""
    os.read(alive, 1)
    # From a process of its own, which outlives this one: while this one lives, FINN's pools
    # replace each worker that is ended. Who descends from this one is seen only before it ends.
    tools = runprocesses.build_processes(folder, runprocesses.myself())
    if os.fork() == 0:
        # Whoever looks at the run meanwhile ends what carries its mark, as this one does.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        try:
            runprocesses.end_processes(folder, runprocesses.myself(), grace=1.0, more=tools)
        finally:
            os._exit(0)
    os.kill(os.getpid(), signal.SIGKILL)
