"""Running the app on a terminal, from its start to its exit code."""

from __future__ import annotations

import gc
import signal
import sys
from collections.abc import Callable

from finn_tui.lab.workbench import Workbench
from finn_tui.ui.app import FinnTuiApp


def run_app(
    lab: Workbench,
    start_model: str | None = None,
    before_screen: Callable[[], None] | None = None,
) -> None:
    """Run the app until the user leaves it.

    Args:
        lab: the workspace.
        start_model: opened at the start, None for none.
        before_screen: called just before the app takes the terminal.

    Raises:
        SystemExit: 1 after a defect of ours, with the path of its log on stderr.
    """
    # What stays until the end (modules, style sheets, screens) is some 100,000 objects: to search
    # them for garbage again and again would stop the app for a tenth of a second each time.
    app = FinnTuiApp(lab, start_model, settle=gc.freeze, before_screen=before_screen)

    def terminated(*_: object) -> None:
        # `kill` ends the app as q does, so that the terminal is left usable.
        app.call_later(app.exit, 143)

    previous = signal.signal(signal.SIGTERM, terminated)
    try:
        code = app.run()
    finally:
        signal.signal(signal.SIGTERM, previous)
    if app.return_code and app.crash_log is not None:
        print(f"finn-tui stopped because of a defect; see {app.crash_log}", file=sys.stderr)
    if code or app.return_code:
        raise SystemExit(code or app.return_code)
