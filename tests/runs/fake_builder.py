"""Stands where the builder is in an engine's archive: does what ``model.onnx`` tells it, no FINN.

``model.onnx`` is JSON: ``steps`` by name, ``seconds`` each takes, ``spawn`` a process that leaves
every trail, ``fail`` the step that fails, ``say`` how many bytes each step prints, ``hold`` a
folder: a step goes on when a file of its name is in it, so that nothing ends before a test has
seen it, however slow the machine.
"""

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from finn_tui.engine.server.runs import runfiles
from finn_tui.engine.server.runs.worker import die_with_runner

#: Leaves its session, its parent and its environment.
_STRAY = (
    "import os, time\n"
    "if os.fork() == 0:\n"
    "    os.setsid()\n"
    "    os.execve('/bin/sleep', ['sleep', '97531'], {})\n"
)


def main(arguments: list[str]) -> int:
    """Build."""
    folder, events, start = Path(arguments[0]), int(arguments[1]), arguments[3]
    threading.Thread(
        target=die_with_runner, args=(str(folder), int(arguments[2])), daemon=True
    ).start()

    def say(event: str, **data: Any) -> None:
        os.write(events, (json.dumps({"event": event, **data}) + "\n").encode())

    with (folder / "model.onnx").open() as file:
        plan = json.load(file)
    names = plan["steps"]
    first = names.index(start) if start else 0
    say("steps", names=names, start=start or None)
    models = folder / "build" / "intermediate_models"
    models.mkdir(parents=True, exist_ok=True)
    if plan.get("spawn"):
        subprocess.run([sys.executable, "-c", _STRAY])
    with (folder / "worked").open("a") as file:
        file.write(f"{start or names[0]} {time.time()}\n")
    for index, name in list(enumerate(names, 1))[first:]:
        place = {"name": name, "index": index, "count": len(names)}
        say("step", status="started", **place)
        sys.stdout.write("".join(f"line {at:090d}\n" for at in range(plan.get("say", 0) // 96)))
        time.sleep(plan.get("seconds", 0.1))
        end = time.monotonic() + 600
        while "hold" in plan and not Path(plan["hold"], name).exists() and time.monotonic() < end:
            time.sleep(0.02)
        if plan.get("fail") == name and not start:
            say("step", status="failed", seconds=0.1, **place)
            error = {"kind": "tools", "what": "told to fail", "why": "", "fix": "", "detail": ""}
            say("failed", error=error)
            return 1
        say("step", status="finished", seconds=0.1, **place)
        (models / f"{name}.onnx").write_text("a graph")
    with (folder / "worked").open("a") as file:
        file.write(f"end {time.time()}\n")
    runfiles.write_json(str(folder / "results.json"), {"kept": 1})
    say("done")
    return 0
