"""A server without FINN whose methods do to the wire what FINN does."""

import logging
import os
import subprocess
import sys
import time
import warnings
from typing import Any

from finn_tui.engine.protocol import EngineError
from finn_tui.engine.server import wire


def noisy(params: dict[str, Any], context: wire.Context) -> Any:
    """Everything that FINN does to stdout."""
    print("printed")
    print('{"id": 1, "result": "forged"}')
    os.write(1, b"written to descriptor 1\n")
    subprocess.run([sys.executable, "-c", "print('from a program')"], check=True)
    logging.getLogger("finn_logger").warning("logged")
    warnings.warn("warned", stacklevel=1)
    sys.stdout.write("a line without its end")
    return sys.stdin.read()


def busy(params: dict[str, Any], context: wire.Context) -> Any:
    """Works until it is cancelled, or for ten seconds."""
    for step in range(1000):
        context.progress(f"step {step}", step / 1000)
        time.sleep(0.01)
    return "finished"


def stuck(params: dict[str, Any], context: wire.Context) -> Any:
    """Works without ever looking up."""
    context.progress("stuck")
    time.sleep(60)


def fail(params: dict[str, Any], context: wire.Context) -> Any:
    """Fails as asked for."""
    kind = params["how"]
    if kind == "engine":
        raise EngineError("what", "why", "fix", "input", "detail")
    if kind == "exit":
        sys.exit(3)
    if kind == "disk":
        raise OSError(28, "No space left on device")
    if kind == "nan":
        return float("nan")
    raise ValueError("some value")


METHODS: dict[str, wire.Handler] = {"noisy": noisy, "busy": busy, "stuck": stuck, "fail": fail}

if __name__ == "__main__":
    wire.open_server(METHODS).serve()
