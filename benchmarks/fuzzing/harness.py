"""Reading one input, and counting what comes of it."""

from __future__ import annotations

import signal
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from click.testing import CliRunner

#: What one input may take, on a slow machine beside other work.
SECONDS = 10.0
FORBIDDEN = ("\x1b]", "\x1b[66", "\x9b", "\u202e", "\u2066", "\x1bP")


class Hang(BaseException):
    """It took too long; no handler of ours may take it for an error."""


class Fuzz:
    """Counts what comes of inputs."""

    def __init__(self, seed: int, keep: Path) -> None:
        self.seed = seed
        self.keep = keep
        self.counts: Counter[tuple[str, str]] = Counter()
        self.seen: set[str] = set()

    def one(
        self, kind: str, data: bytes, read: Callable[[], object], seconds: float = SECONDS
    ) -> None:
        """Read one input and judge what came of it; ``seconds`` is what it may take."""
        from finn_tui.base.errors import FinnTuiError

        def over(*_: object) -> None:
            raise Hang

        self.counts[kind, "inputs"] += 1
        signal.signal(signal.SIGALRM, over)
        signal.setitimer(signal.ITIMER_REAL, seconds)
        try:
            shown = read()
        except FinnTuiError as error:
            shown = shown_error(error)
        except Hang:
            self.fail(kind, "hangs", data, "".join(traceback.format_stack()[-4:]))
            return
        except BaseException:
            self.fail(kind, "tracebacks", data, traceback.format_exc())
            return
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        if isinstance(shown, str) and any(sequence in shown for sequence in FORBIDDEN):
            self.fail(kind, "escapes", data, repr(shown[-2000:]))

    def fail(self, kind: str, what: str, data: bytes, why: str) -> None:
        """Count a fault, keep its input, and show each cause once."""
        self.counts[kind, what] += 1
        number = sum(self.counts.values())
        (self.keep / f"{kind.replace(' ', '-')}-{what}-{number}").write_bytes(data)
        cause = "\n".join(why.strip().splitlines()[-3:])
        if cause not in self.seen:
            self.seen.add(cause)
            print(f"--- {kind}: {what}\n{why.strip()[-1800:]}", flush=True)

    def report(self) -> int:
        """Print the table; 1 if there was any fault."""
        columns = ("inputs", "tracebacks", "hangs", "escapes")
        print(f"{'kind':<16}" + "".join(f"{column:>12}" for column in columns))
        for kind in dict.fromkeys(kind for kind, _ in self.counts):
            print(f"{kind:<16}" + "".join(f"{self.counts[kind, c]:>12,}" for c in columns))
        totals = [sum(n for (_, what), n in self.counts.items() if what == c) for c in columns]
        print(f"{'in all':<16}" + "".join(f"{total:>12,}" for total in totals))
        return 1 if any(totals[1:]) else 0


def shown_error(error: Exception) -> str:
    """An error as the command line shows it."""
    from finn_tui.cli.common import show_error

    text = CliRunner()
    with text.isolation(color=False) as streams:
        show_error(error)  # type: ignore[arg-type]
    return streams[0].getvalue().decode() + streams[1].getvalue().decode()


def command(*words: str) -> str:
    """What a command prints; anything but its own exit is raised."""
    from finn_tui.cli import main

    done = CliRunner().invoke(main, list(words), color=True)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception.with_traceback(done.exc_info[2] if done.exc_info else None)
    return done.output
