"""What ``python engine.pyz`` does.

``[serve]`` talks on stdio, ``build RUN`` builds a run, ``doctor [PART ...]`` prints facts about the
machine. ``JOB`` does what ``remote`` has for runs on this machine: a request from standard input,
an answer.
"""

import sys
from typing import List


def main(arguments: List[str]) -> int:
    """Run one of the engine's jobs and return the exit code (2 for wrong use)."""
    job = arguments[0] if arguments else "serve"
    if job == "serve" and len(arguments) <= 1:
        from finn_tui.engine.server import methods

        return methods.serve()
    if job == "build" and len(arguments) == 2:
        from finn_tui.engine.server import runner

        return int(runner.main(arguments[1]) or 0)
    if job == "doctor":
        from finn_tui.engine.server.doctor import collect

        return collect.main(arguments[1:])
    from finn_tui.engine.server.runs import remote

    if job in remote.JOBS and len(arguments) == 1:
        return remote.main(job)
    usage = (
        "usage: engine [serve] | engine build RUN_FOLDER | engine doctor [PART ...] | "
        "engine %s < REQUEST\n"
    )
    sys.stderr.write(usage % "|".join(sorted(remote.JOBS)))
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
