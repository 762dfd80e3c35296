"""Runs on the board: loads the accelerator with the real driver and tells what happens.

Standard library, numpy and the driver only; Python 3.8 syntax, because old PYNQ images run it. It
travels as a zipapp (``finn_tui/board/agent_zipapp.py``), reads requests as JSON lines from standard
input and answers each with JSON lines on standard output:

    {"event": "hello", "python", "driver", "pynq", "simulated", ...}    first
    {"event": "log", "text"}                          what the driver printed
    {"event": "progress", "message", ...}
    {"event": "values", "output", "data"}             outputs of samples (execute), base64 of floats
    {"event": "result", ...}  or  {"event": "error", "what", "why", "fix", "kind", "detail"}  last

The design stays loaded from one request to the next, and the FPGA locked against other agents. It
ends when standard input closes, so that nothing stays behind on the board when a line drops.

Requests: ``{"do": "check" | "execute" | "throughput", "flavour", "base", "folder", "bitfile",
"bitfile_sha256", "clock_mhz", "timeout", ...}``; ``base`` is where all our files are, ``folder``
this run's, ``timeout`` the seconds of silence after which the accelerator counts as stuck. Beside
them: ``inputs`` (a file for each), ``indices`` and ``batch`` (execute); ``batches``, ``warmup``,
``repetitions`` and ``seconds`` (throughput). A validation is ``execute`` of all images of a set.
"""
