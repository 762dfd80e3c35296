"""Vivado's own logs: ``vivado.log``, ``runme.log``, ``.vdi`` and ``.vds``."""

from __future__ import annotations

from finn_tui.engine.server.failures import causes
from finn_tui.runs.readers import lines, vivado_scanner
from finn_tui.runs.readers.lines import LogReader
from finn_tui.runs.readers.parsed_file import ParsedFile
from finn_tui.runs.readers.vivado_scanner import VivadoScanner


class VivadoReader(LogReader):
    """Reads one log of Vivado."""

    can_skip = True
    marks = (*lines.MARKS, *vivado_scanner.MARKS)

    def __init__(self) -> None:
        super().__init__()
        self._scanner = VivadoScanner(self._messages)

    def _line(self, text: str) -> None:
        self._messages.take(text)
        self._scanner.take(text)

    def skim(self, block: bytes) -> None:
        """See ``LogReader``."""
        super().skim(block)
        self._scanner.pass_over()

    def skip(self, lines: int | None) -> None:
        """See ``LogReader``; what was open may long have ended."""
        super().skip(lines)
        self._scanner.skip()

    def _outcome(self) -> str | None:
        """A log that just stops behind an error that nobody survives is one of a failure."""
        outcome = self._scanner.outcome
        if outcome in (None, "incomplete") and not self._scanner.graphical:
            session = self._messages.session
            shown = [e.cause for e in self._messages.evidence if e.session == session and not e.run]
            if any(causes.BY_ID[cause].rank <= causes.DECISIVE for cause in shown):
                return "cancelled" if "cancelled" in shown else "failed"
        return outcome

    def reading(self) -> ParsedFile:
        """Return what was read so far."""
        scanner, messages = self._scanner, self._messages
        versions = [session.version for session in scanner.sessions if session.version]
        return ParsedFile(
            kind=scanner.kind,
            tool=scanner.tool,
            version=versions[-1] if versions else None,
            lines=messages.line,
            sessions=scanner.count,
            phases=tuple(scanner.phases),
            wns=scanner.last("wns"),
            tns=scanner.last("tns"),
            whs=scanner.last("whs"),
            timings=tuple(scanner.timings),
            overlaps=tuple(scanner.overlaps),
            unrouted=scanner.unrouted,
            congestion=scanner.congestion,
            messages=messages.own,
            repeated=messages.repeated,
            muted=dict(messages.muted),
            evidence=messages.evidence,
            outcome=self._outcome(),
            ended=scanner.ended,
            data=scanner.data(),
        )
