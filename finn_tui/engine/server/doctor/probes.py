"""Running many questions at once, each with its own time, none of which can stop the others.

A file system that does not answer any more holds a thread for ever; the document is printed
without its answer.
"""

import os
import select
import signal
import subprocess
import threading
import time
from typing import Any, Callable, Dict, List, Mapping, Optional

#: What is kept of one text, and of the entries of one list.
MOST_TEXT, MOST_ENTRIES = 1000, 200

Probe = Callable[[], Any]


def gather(probes: Mapping[str, Probe], seconds: float) -> Dict[str, Any]:
    """Answers by name after at most ``seconds``; ``{"problem": text}`` where there is none."""
    answers: Dict[str, Any] = {}
    threads = []
    for name, probe in probes.items():
        thread = threading.Thread(target=_ask, args=(answers, name, probe), daemon=True)
        thread.start()
        threads.append(thread)
    deadline = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    silent = {"problem": "no answer within %.0f s" % seconds}
    return {name: answers.get(name, silent) for name in probes}


def _ask(answers: Dict[str, Any], name: str, probe: Probe) -> None:
    try:
        answers[name] = probe()
    except Exception as error:  # the boundary of one probe: the others still answer
        answers[name] = {"problem": "%s: %s" % (type(error).__name__, error)}


def bounded(value: Any) -> Any:
    """The value with its texts and lists cut to what a document may hold."""
    if isinstance(value, str):
        return value[:MOST_TEXT].encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, dict):
        return {str(key)[:MOST_TEXT]: bounded(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [bounded(item) for item in value[:MOST_ENTRIES]]
    return value


def run(command: List[str], seconds: float = 10.0) -> Dict[str, Any]:
    """What a program says: ``{"status", "output", "problem"}``.

    The output is cut, and the program with all that it started is ended when its time is over.
    """
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd="/",
            start_new_session=True,
        )
    except OSError as error:
        return {"status": None, "output": "", "problem": str(error)}
    assert process.stdout is not None
    deadline = time.monotonic() + seconds
    said = b""
    problem = None
    while len(said) < 1 << 16:
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([process.stdout], [], [], left)[0]:
            problem = "no answer within %.0f s" % seconds
            break
        data = os.read(process.stdout.fileno(), 1 << 12)
        if not data:
            break
        said += data
    process.stdout.close()
    status = _end(process, 0.0 if problem else max(0.1, deadline - time.monotonic()))
    return {"status": status, "output": said.decode("utf-8", "replace"), "problem": problem}


def _end(process: Any, patience: float) -> Optional[int]:
    try:
        return int(process.wait(timeout=patience))
    except subprocess.TimeoutExpired:
        # Not waited for yet, so that its number, which is its session's, is still its own.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return None


def entries(folder: str) -> List[str]:
    """Names in a folder, sorted; none where it cannot be read."""
    try:
        return sorted(os.listdir(folder))[:MOST_ENTRIES]
    except OSError:
        return []
