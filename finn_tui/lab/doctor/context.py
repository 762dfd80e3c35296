"""What a machine is judged for, and how its variables can be set."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from finn_tui.base.errors import FinnTuiError
from finn_tui.lab.doctor import changes
from finn_tui.lab.doctor.changes import Change, MendLine, SetKey, SetVariables
from finn_tui.lab.doctor.facts import Facts, Finn, StartupLine

#: FINN's boards with their parts, where no engine has said which it knows.
BOARDS: Mapping[str, str] = {
    "Ultra96": "xczu3eg-sbva484-1-e",
    "Ultra96-V2": "xczu3eg-sbva484-1-i",
    "Pynq-Z1": "xc7z020clg400-1",
    "Pynq-Z2": "xc7z020clg400-1",
    "ZCU102": "xczu9eg-ffvb1156-2-e",
    "ZCU104": "xczu7ev-ffvc1156-2-e",
    "ZCU111": "xczu28dr-ffvg1517-2-e",
    "RFSoC2x2": "xczu28dr-ffvg1517-2-e",
    "RFSoC4x2": "xczu48dr-ffvg1517-2-e",
    "KV260_SOM": "xck26-sfvc784-2LV-c",
    "AUP-ZU3_8GB": "xczu3eg-sfvc784-2-e",
}
#: The startup file of each shell that finn-tui can write a line into.
_STARTUP = {"bash": ".bashrc", "zsh": ".zshrc"}
#: A line of a shell that does nothing but set one variable, and its comment.
_ALONE = re.compile(r"""\s*(?:export\s+)?\w+\s*=\s*(?:"[^"]*"|'[^']*'|[^\s;&|<>()`"']*)\s*(#.*)?""")


@dataclass(frozen=True)
class EngineState:
    """An engine of the catalogue.

    Attributes:
        name, version: of it; ``version`` says so where it was not asked yet.
        problem: why it cannot be used; empty if nothing is known against it.
        fix: what to do about that.
    """

    name: str
    version: str
    problem: str = ""
    fix: str = ""


@dataclass(frozen=True)
class Reach:
    """A named host or board.

    Attributes:
        name, address: of it.
        problem, fix: why it cannot be reached; None where that was not tried.
        seconds: how long the connection took.
    """

    name: str
    address: str
    problem: str | None = None
    fix: str = ""
    seconds: float | None = None


@dataclass(frozen=True)
class Context:
    """What the machine is judged for.

    Attributes:
        host: its name in hosts.toml; empty for this machine.
        board: FINN's name of the board type that is built for.
        boards: board types with their parts.
        engines: those of the catalogue that run on the machine.
        finn: the FINN of the engine that is used; None where none was asked.
        engine_python: that engine's interpreter.
        now: s since 1970, here.
        own_file: finn-tui's file of variables, which the shell can read.
        hosts_file: hosts.toml.
        workspace: the workspace; None for a host.
        hosts, other_boards: named machines; None where they are not asked for.
        cache_problem: why finn-tui's cache folder cannot be written; None where nothing is known
            against it.
    """

    host: str = ""
    board: str = "Pynq-Z2"
    boards: Mapping[str, str] = field(default_factory=lambda: dict(BOARDS))
    engines: tuple[EngineState, ...] = ()
    finn: Finn | None = None
    engine_python: str = ""
    now: float = 0.0
    own_file: str = ""
    hosts_file: str = ""
    workspace: Path | None = None
    hosts: tuple[Reach, ...] | None = None
    other_boards: tuple[Reach, ...] | None = None
    cache_problem: FinnTuiError | None = None

    @property
    def part(self) -> str:
        """The part of the board; empty for an unknown board."""
        return self.boards.get(self.board, "")


def startup_file(facts: Facts) -> str | None:
    """The file that the user's shell reads at its start; None for a shell that is not known."""
    shell = Path(facts.env.get("SHELL", "")).name
    home = facts.env.get("HOME") or (facts.system.home if facts.system else "")
    if shell not in _STARTUP or not home.startswith("/"):
        return None
    return f"{home}/{_STARTUP[shell]}"


def startup_line(facts: Facts, name: str) -> StartupLine | None:
    """The last line of the startup files that sets a variable, or seems to."""
    lines = [line for line in facts.startup or () if line.name == name]
    return lines[-1] if lines else None


def set_variable(
    facts: Facts, context: Context, name: str, value: str
) -> tuple[str, tuple[Change, ...]]:
    """How a variable is set.

    Args:
        facts: of the machine.
        context: what it is judged for.
        name: the variable.
        value: what it is to be.

    Returns:
        The fix in words, and what ``--fix`` may do.
    """
    quoted = shlex.quote(value)
    if context.host:
        key = (context.host, "env", name)
        fix = f'In hosts.toml, [{context.host}.env]: {name} = "{value}"'
        return fix, (SetKey(context.hosts_file, key, value),) if context.hosts_file else ()
    line = startup_line(facts, name)
    alone = _ALONE.fullmatch(line.text) if line is not None else None
    if line is not None and alone is not None:
        new = changes.export(name, value) + (f"  {alone[1]}" if alone[1] else "")
        fix = f"In {line.file}, line {line.line}: {new}"
        return fix, (MendLine(line.file, line.line, line.text, new),)
    # A line that does more than that stays: our own file is read after it.
    fix = f"export {name}={quoted}"
    startup = startup_file(facts)
    if startup is None or not context.own_file:
        return f"{fix}   (in the file that your shell reads at its start)", ()
    return f"{fix}   (in {startup})", (SetVariables({name: value}, context.own_file, startup),)
