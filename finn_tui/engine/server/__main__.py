"""``python engine.pyz [serve]`` talks on stdio; ``python engine.pyz build RUN`` builds a run."""

import sys
from typing import List


def main(arguments: List[str]) -> int:
    """Run one of the engine's two jobs and return the exit code (2 for wrong use)."""
    job = arguments[0] if arguments else "serve"
    if job == "serve" and len(arguments) <= 1:
        from finn_tui.engine.server import methods

        return methods.serve()
    if job == "build" and len(arguments) == 2:
        from finn_tui.engine.server import runner

        return int(runner.main(arguments[1]) or 0)
    sys.stderr.write("usage: engine [serve] | engine build RUN_FOLDER\n")
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
