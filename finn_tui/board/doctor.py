"""The board doctor: whether a board is fit for a run, check by check, each with its fix.

``doctor`` asks the board, ``examine`` judges what it said and needs no board. What cannot be read
is "unknown"; nothing is guessed.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from finn_tui.base import text
from finn_tui.base.errors import FinnTuiError
from finn_tui.base.progress import OnProgress, Progress, ignore
from finn_tui.board.agent_session import SudoRefused, as_board, conversation
from finn_tui.board.answers import Event
from finn_tui.board.catalogue import Board
from finn_tui.board.facts import BoardFacts
from finn_tui.board.package import Package, package
from finn_tui.board.transport import Transport

MIB = 1 << 20
#: Below these the board is short of something: disk, memory, contiguous memory.
LOW_DISK, LOW_MEMORY, LOW_CMA = 200 * MIB, 64 * MIB, 16 * MIB
#: Degrees Celsius. The Zynq-7000's commercial grade ends at 85.
WARM, HOT = 75.0, 85.0
# Part of each board type, as FINN's table of PYNQ boards names it.
_PARTS = {
    "ultra96": "xczu3eg-sbva484-1-e",
    "ultra96-v2": "xczu3eg-sbva484-1-i",
    "pynq-z1": "xc7z020clg400-1",
    "pynq-z2": "xc7z020clg400-1",
    "zcu102": "xczu9eg-ffvb1156-2-e",
    "zcu104": "xczu7ev-ffvc1156-2-e",
    "zcu111": "xczu28dr-ffvg1517-2-e",
    "rfsoc2x2": "xczu28dr-ffvg1517-2-e",
    "rfsoc4x2": "xczu48dr-ffvg1517-2-e",
    "kv260_som": "xck26-sfvc784-2LV-c",
    "kv260": "xck26-sfvc784-2LV-c",
}


class CheckStatus(StrEnum):
    """How a check came out; UNKNOWN where the board did not show it."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class BoardCheck:
    """One line of the doctor's report.

    Attributes:
        name: a fixed word, e.g. "cma".
        title: as users see it.
        status: how it came out.
        value: what was read.
        fix: what to do about it; empty if nothing.
    """

    name: str
    title: str
    status: CheckStatus
    value: str
    fix: str = ""


@dataclass(frozen=True)
class DoctorReport:
    """What the doctor found.

    Attributes:
        board: its name.
        simulated: whether it has no FPGA.
        run: name of the run that it was examined for, or None.
        checks: in the order in which they matter.
    """

    board: str
    simulated: bool
    run: str | None
    checks: tuple[BoardCheck, ...]

    @property
    def status(self) -> CheckStatus:
        """The worst of all checks; an unknown one is no failure."""
        worst = (CheckStatus.FAIL, CheckStatus.WARN)
        statuses = {check.status for check in self.checks}
        return next((status for status in worst if status in statuses), CheckStatus.OK)

    def as_dict(self) -> dict[str, Any]:
        """As JSON shows it."""
        return {**asdict(self), "status": self.status}


async def doctor(
    link: Transport,
    run: Path | None = None,
    on_progress: OnProgress = ignore,
    *,
    ask_sudo: bool = False,
) -> DoctorReport:
    """Examine a board, for a run if one is given. Nothing is loaded into the FPGA.

    Args:
        link: the connection to the board.
        run: folder of the run.
        on_progress: told what is done.
        ask_sudo: that sudo asks for a password is raised, not reported.

    Raises:
        SudoRefused: see ``ask_sudo``.
        FinnTuiError: the line broke, or the run has no deployment package.
    """
    needs = await asyncio.to_thread(package, run) if run is not None else None
    on_progress(Progress("doctor", f"examining {link.board.name}"))
    facts, problem = await _facts(link)
    if ask_sudo and isinstance(problem, SudoRefused):
        raise problem
    return examine(link.board, facts, needs, problem)


async def _facts(link: Transport) -> tuple[BoardFacts | None, FinnTuiError | None]:
    """What can be read, and why the agent does not start as drivers need it.

    Where sudo or Python refuse, an agent without them reads what it may.
    """
    problem: FinnTuiError | None = None
    for board in _ways(link.board):
        try:
            async with conversation(as_board(link, board)) as agent:
                return await agent.ask(
                    {"do": "doctor", "flavour": ""}, _unheard, BoardFacts
                ), problem
        except FinnTuiError as error:
            problem = problem or error
    return None, problem


def _ways(board: Board) -> Iterator[Board]:
    """How the agent may be started: as drivers are first."""
    yield board
    if board.sudo:
        yield replace(board, sudo=False)
    if board.python != "python3":
        yield replace(board, sudo=False, python="python3")


def _unheard(event: Event) -> None:
    """Events of an examination tell nothing that its answer does not."""


def examine(
    board: Board,
    facts: BoardFacts | None,
    needs: Package | None = None,
    problem: FinnTuiError | None = None,
) -> DoctorReport:
    """Judge what a board said.

    Args:
        board: its entry in boards.toml.
        facts: what was read; None if no agent could be started.
        needs: the run that it is examined for.
        problem: why no agent could be started as drivers are.
    """
    checks = [_connection(board), _start(board, facts, problem)]
    if facts is not None:
        checks += [
            _python(facts),
            _image(facts),
            _part(facts, needs),
            _pynq(facts),
            _xrt(facts),
            _driver(facts, needs),
            _disk(facts, needs),
            _memory(facts),
            _cma(facts),
            _clock(facts, needs),
            _temperature(facts),
            _overlay(facts),
            _logins(facts),
            _processes(facts),
        ]
    simulated = board.simulated or (facts is not None and facts.simulated)
    return DoctorReport(board.name, simulated, needs.run.name if needs else None, tuple(checks))


def _connection(board: Board) -> BoardCheck:
    value = "SIMULATED: a process on this machine, no FPGA" if board.simulated else board.address
    return BoardCheck("connection", "Connection", CheckStatus.OK, value)


def _start(board: Board, facts: BoardFacts | None, problem: FinnTuiError | None) -> BoardCheck:
    name, title = "sudo", "Driver process"
    if problem is not None:
        value = f"{problem.what}. {problem.why}".strip()
        return BoardCheck(name, title, CheckStatus.FAIL, value, problem.fix)
    if facts is not None and facts.root:
        return BoardCheck(name, title, CheckStatus.OK, "runs as root")
    if board.simulated:
        return BoardCheck(name, title, CheckStatus.OK, "needs no root: SIMULATED")
    user = (facts.user if facts else None) or "a user"
    fix = f"Set sudo = true for {board.name} in boards.toml."
    return BoardCheck(name, title, CheckStatus.FAIL, f"runs as {user}; drivers need root", fix)


def _python(facts: BoardFacts) -> BoardCheck:
    where = f"venv {facts.venv}" if facts.venv else facts.executable
    value = f"{facts.python}, {where}"
    version = tuple(map(int, re.findall(r"\d+", facts.python)[:2]))
    if version < (3, 8):
        fix = "Use a PYNQ image of 2.7 or later, or set python in boards.toml to a newer one."
        return BoardCheck("python", "Python", CheckStatus.FAIL, f"{value}; 3.8 is needed", fix)
    return BoardCheck("python", "Python", CheckStatus.OK, value)


def _image(facts: BoardFacts) -> BoardCheck:
    value = ", ".join(part for part in (facts.os, facts.image) if part)
    if facts.image or "pynq" in value.lower():
        return BoardCheck("image", "PYNQ image", CheckStatus.OK, value)
    value = f"{value}: no PYNQ release notes" if value else "no release notes found"
    return BoardCheck("image", "PYNQ image", CheckStatus.UNKNOWN, value)


def device_of(part: str) -> str:
    """Device and package of a part without its speed grade, e.g. xc7z020clg400."""
    match = re.match(r"(xc7\w+?|xc\w+-[a-z]+\d+)(?:-|\Z)", part.strip().lower())
    return match.group(1) if match else part.strip().lower()


def _part(facts: BoardFacts, needs: Package | None) -> BoardCheck:
    name, title = "part", "Board and FPGA"
    shown = " / ".join(each for each in (facts.board, facts.model) if each)
    part = _PARTS.get((facts.board or "").lower())
    wanted = needs.part if needs else None
    if part is None:
        what = f"{shown}: part not known" if shown else "the board does not name itself"
        if wanted:
            what += f"; the run is for {wanted}"
        return BoardCheck(name, title, CheckStatus.UNKNOWN, what)
    value = f"{shown}, {part}"
    if wanted is None:
        return BoardCheck(name, title, CheckStatus.OK, value)
    if device_of(wanted) == device_of(part):
        return BoardCheck(name, title, CheckStatus.OK, f"{value}; the run fits ({wanted})")
    fix = "Build the run for this board (--board), or use a board with that part."
    return BoardCheck(name, title, CheckStatus.FAIL, f"{value}; the run is for {wanted}", fix)


def _pynq(facts: BoardFacts) -> BoardCheck:
    name, title = "pynq", "pynq"
    if facts.pynq is not None:
        return BoardCheck(name, title, CheckStatus.OK, facts.pynq)
    if facts.pynq_error:
        value = f"cannot be imported: {facts.pynq_error}"
    else:
        value = f"not installed for {facts.executable}"
    fix = (
        "Use a PYNQ image and set python for the board in boards.toml to its environment, usually "
        "/usr/local/share/pynq-venv."
    )
    return BoardCheck(name, title, CheckStatus.FAIL, value, fix)


def _xrt(facts: BoardFacts) -> BoardCheck:
    name, title = "xrt", "XRT"
    if facts.simulated:
        return BoardCheck(name, title, CheckStatus.OK, "not needed: SIMULATED")
    value = facts.xrt or ("installed, version unknown" if facts.xrt_library else "not installed")
    if facts.device_node:
        return BoardCheck(name, title, CheckStatus.OK, f"{value}; {facts.device_node}")
    fix = "Images from 2.7 on need XRT's driver: `sudo modprobe zocl`, or write the image anew."
    found = "no /dev/dri/renderD* and no /dev/xlnk"
    return BoardCheck(name, title, CheckStatus.FAIL, f"{value}; {found}", fix)


def _driver(facts: BoardFacts, needs: Package | None) -> BoardCheck:
    name, title = "driver", "FINN driver"
    flavour = needs.flavour if needs else None
    if flavour == "upstream":
        if facts.numpy is None or facts.bitstring is None:
            lacking = "numpy" if facts.numpy is None else "bitstring"
            fix = f"On the board: sudo -H {facts.executable} -m pip install {lacking}"
            value = f"the run brings its own; {lacking} is not installed"
            return BoardCheck(name, title, CheckStatus.FAIL, value, fix)
        return BoardCheck(name, title, CheckStatus.OK, "the run brings its own")
    if facts.driver is not None:
        return BoardCheck(name, title, CheckStatus.OK, f"finn-plus-driver {facts.driver}")
    value = "finn-plus-driver is not installed"
    if facts.driver_error:
        value = f"finn-plus-driver cannot be imported: {facts.driver_error}"
    if flavour is None:
        value += "; only packages of finn-plus need it"
        return BoardCheck(name, title, CheckStatus.WARN, value, _DRIVER_FIX)
    return BoardCheck(name, title, CheckStatus.FAIL, value, _DRIVER_FIX)


_DRIVER_FIX = "`finn-tui boards install-driver NAME` installs it, also without internet there."


def _disk(facts: BoardFacts, needs: Package | None) -> BoardCheck:
    return _room(
        ("disk", "Disk"),
        (facts.disk_free_bytes, facts.disk_total_bytes),
        max(LOW_DISK, 2 * needs.bytes if needs else 0),
        "Remove old runs from the board: finn-tui boards clean NAME.",
    )


def _memory(facts: BoardFacts) -> BoardCheck:
    return _room(
        ("memory", "Memory"),
        (facts.memory_available_bytes, facts.memory_total_bytes),
        LOW_MEMORY,
        "End notebooks and programs on the board, or validate with a smaller batch.",
    )


def _cma(facts: BoardFacts) -> BoardCheck:
    title = ("cma", "DMA memory (CMA)")
    if facts.simulated and not facts.cma_total_bytes:
        return BoardCheck(*title, CheckStatus.OK, "not needed: SIMULATED")
    fix = "Restart notebook kernels that hold buffers, or the board; else use a smaller batch."
    return _room(title, (facts.cma_free_bytes, facts.cma_total_bytes), LOW_CMA, fix)


def _room(
    check: tuple[str, str], sizes: tuple[int | None, int | None], least: int, fix: str
) -> BoardCheck:
    free, total = sizes
    if free is None:
        return BoardCheck(*check, CheckStatus.UNKNOWN, "cannot be read")
    value = f"{text.size(free)} free" + (f" of {text.size(total)}" if total else "")
    if free >= least:
        return BoardCheck(*check, CheckStatus.OK, value)
    return BoardCheck(*check, CheckStatus.WARN, f"{value}; {text.size(least)} are needed", fix)


def _clock(facts: BoardFacts, needs: Package | None) -> BoardCheck:
    name, title = "clock", "Clock (FCLK0)"
    built = ""
    if needs is not None:
        built = f"; the run was built for {needs.clock_mhz:g} MHz, which is set when it is loaded"
    if facts.clock_mhz is None:
        return BoardCheck(name, title, CheckStatus.UNKNOWN, f"cannot be read{built}")
    return BoardCheck(name, title, CheckStatus.OK, f"{facts.clock_mhz:g} MHz now{built}")


def _temperature(facts: BoardFacts) -> BoardCheck:
    name, title = "temperature", "Temperature"
    celsius = facts.temperature_c
    if celsius is None:
        return BoardCheck(name, title, CheckStatus.UNKNOWN, "cannot be read")
    value = f"{celsius:.1f} °C"
    if celsius < WARM:
        return BoardCheck(name, title, CheckStatus.OK, value)
    status = CheckStatus.FAIL if celsius >= HOT else CheckStatus.WARN
    return BoardCheck(name, title, status, value, "Cool the board: timing is met up to 85 °C.")


def _overlay(facts: BoardFacts) -> BoardCheck:
    name, title = "overlay", "Loaded design"
    if facts.loaded is not None:
        loaded = facts.loaded
        clock = f" at {loaded.clock_mhz:g} MHz" if loaded.clock_mhz else ""
        return BoardCheck(name, title, CheckStatus.OK, f"{loaded.bitfile}{clock}, by {loaded.who}")
    if facts.overlay:
        return BoardCheck(name, title, CheckStatus.OK, facts.overlay)
    if facts.fpga_state:
        value = f"not known; FPGA manager: {facts.fpga_state}"
        return BoardCheck(name, title, CheckStatus.UNKNOWN, value)
    return BoardCheck(name, title, CheckStatus.UNKNOWN, "not known")


def _logins(facts: BoardFacts) -> BoardCheck:
    name, title = "logins", "Logged in"
    if facts.logins is None:
        return BoardCheck(name, title, CheckStatus.UNKNOWN, "`who` cannot be run")
    return BoardCheck(name, title, CheckStatus.OK, "; ".join(facts.logins) or "nobody else")


def _processes(facts: BoardFacts) -> BoardCheck:
    name, title = "processes", "FPGA in use by"
    if facts.processes is None:
        return BoardCheck(name, title, CheckStatus.UNKNOWN, "cannot be read")
    if not facts.processes:
        # Only root sees what other users' processes have open.
        status = CheckStatus.OK if facts.root or facts.simulated else CheckStatus.UNKNOWN
        value = "nobody" if status is CheckStatus.OK else "nobody that can be seen without root"
        return BoardCheck(name, title, status, value)
    listed = "; ".join(
        f"{each.user or '?'}: {each.command or each.reason} (pid {each.pid}, {each.reason})"
        for each in facts.processes
    )
    fix = "Ask them before you load a design: an FPGA holds one at a time."
    return BoardCheck(name, title, CheckStatus.WARN, listed, fix)
