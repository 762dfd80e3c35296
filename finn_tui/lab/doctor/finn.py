"""Checks of Python, the engine and the FINN in it."""

from __future__ import annotations

import re
import shlex
from pathlib import PurePosixPath

from finn_tui.hosts.examine import OLDEST_PYTHON
from finn_tui.lab.doctor.changes import SetKey
from finn_tui.lab.doctor.check import Check, Verdict
from finn_tui.lab.doctor.context import Context
from finn_tui.lab.doctor.facts import Facts, Finn
from finn_tui.lab.models import devices

#: Folders of board files that Vivado does not bring, by FINN's name of the board.
_BOARD_FILES = {
    "Pynq-Z1": "pynq-z1",
    "Pynq-Z2": "pynq-z2",
    "RFSoC2x2": "rfsoc2x2",
    "RFSoC4x2": "rfsoc4x2",
    "KV260_SOM": "kv260_som",
    "AUP-ZU3_8GB": "aup-zu3-8gb",
}


def checks(facts: Facts, context: Context) -> list[Check]:
    """Checks of what finn-tui itself needs."""
    finn = context.finn or facts.finn
    rows = [_python(facts), _engine(facts, context, finn)]
    if finn is not None and finn.installed and not finn.problem:
        rows.append(_dependencies(finn, context))
        if "board_files" not in finn.missing:
            rows.append(_board_files(finn, context))
    if context.workspace is not None:
        rows.append(_board(context))
    return rows


def _python(facts: Facts) -> Check:
    id, title = "python", "Python"
    if facts.python is None:
        problem = facts.problems.get("python", "the machine did not say it")
        return Check(id, title, Verdict.UNKNOWN, problem)
    value = f"{facts.python.version}, {facts.python.executable}"
    number = tuple(int(digits) for digits in re.findall(r"\d{1,4}", facts.python.version)[:2])
    if number < OLDEST_PYTHON:
        why = "finn-tui's engine needs Python 3.8 or later."
        return Check(id, title, Verdict.WRONG, value, why, "Install a newer Python.")
    return Check(id, title, Verdict.OK, value)


def _engine(facts: Facts, context: Context, finn: Finn | None) -> Check:
    id, title = "engine", "Engine and FINN"
    broken = [engine for engine in context.engines if engine.problem]
    usable = [engine for engine in context.engines if not engine.problem]
    why = "Networks are prepared and estimated in FINN's own Python."
    if usable:
        value = ", ".join(f"{engine.name} ({engine.version})" for engine in usable)
        if finn is not None and finn.problem:
            return Check(id, title, Verdict.WRONG, f"{value}: {finn.problem}", why, _INSTALL)
        if finn is not None and not finn.installed and context.engine_python:
            value = f"{value}: there is no FINN in {context.engine_python}"
            return Check(id, title, Verdict.WRONG, value, why, _INSTALL)
        if context.host and not context.engine_python:
            return Check(id, title, Verdict.UNKNOWN, value, why)
        if broken:
            value += "; " + "; ".join(f"{e.name}: {e.problem}" for e in broken)
            return Check(id, title, Verdict.WARNING, value, why, broken[0].fix)
        return Check(id, title, Verdict.OK, value)
    if broken:
        value = "; ".join(f"{engine.name}: {engine.problem}" for engine in broken)
        return Check(id, title, Verdict.WRONG, value, why, broken[0].fix)
    if finn is not None and finn.installed:
        value = (
            f"{finn.flavour} {finn.version}, in {facts.python.executable if facts.python else '?'}"
        )
        return Check(id, title, Verdict.OK, value)
    if context.host:
        fix = f'set engine = ["PYTHON"] in [{context.host}] of hosts.toml, a Python there with FINN'
        return Check(id, title, Verdict.WARNING, "no engine is named for this host", why, fix)
    value = "none yet; the first command that needs it installs one"
    return Check(id, title, Verdict.WARNING, value, why, _INSTALL)


_INSTALL = "finn-tui engine install"


def _dependencies(finn: Finn, context: Context) -> Check:
    id, title = "dependencies", "FINN's dependencies"
    if not finn.missing:
        return Check(id, title, Verdict.OK, finn.dependencies or "there")
    value = f"{finn.dependencies or 'its folder'} has no {', '.join(finn.missing)}"
    why = "Estimates and rehearsals work without; real builds compile layers against finn-hlslib."
    return Check(id, title, Verdict.WARNING, value, why, _fetch(finn, context))


def _fetch(finn: Finn, context: Context) -> str:
    if finn.root:
        return f"cd {shlex.quote(finn.root)} && ./fetch-repos.sh"
    program = "finn"
    if context.engine_python.startswith("/"):
        program = str(PurePosixPath(context.engine_python).parent / "finn")
    return f"{shlex.quote(program)} deps update"


def _board_files(finn: Finn, context: Context) -> Check:
    id, title = "board-files", "Board files"
    folder = _BOARD_FILES.get(context.board)
    if folder is None:
        return Check(id, title, Verdict.OK, f"Vivado brings those of {context.board}")
    names = {name.lower().replace("_", "-") for name in finn.board_files}
    if folder.replace("_", "-") in names:
        return Check(id, title, Verdict.OK, f"{folder} is in {finn.dependencies}/board_files")
    value = f"none of {context.board} in {finn.dependencies or 'FINN'}/board_files"
    why = "Vivado refuses the block design: it does not know the board."
    return Check(id, title, Verdict.WARNING, value, why, _fetch(finn, context))


def _board(context: Context) -> Check:
    id, title = "board", "Board of the workspace"
    if context.board in context.boards:
        return Check(id, title, Verdict.OK, f"{context.board}, {context.part}")
    near = devices.nearest(context.board, context.boards)
    value = f"FINN knows no board {context.board}" + (f"; did you mean {near}?" if near else "")
    why = "FINN takes only its own spelling; nothing can be prepared or built."
    known = ", ".join(sorted(context.boards))
    if near is None or context.workspace is None:
        fix = f"Set board in finn-tui.toml to one of {known}."
        return Check(id, title, Verdict.WRONG, value, why, fix)
    path = str(context.workspace / "finn-tui.toml")
    fix = f'In {path}: board = "{near}"'
    return Check(id, title, Verdict.WRONG, value, why, fix, (SetKey(path, ("board",), near),))
