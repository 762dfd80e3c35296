"""Checks of the variables that FINN's container and notebooks read."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import PurePosixPath

from finn_tui.base import text
from finn_tui.lab.doctor.changes import MakeFolder
from finn_tui.lab.doctor.check import Check, Verdict
from finn_tui.lab.doctor.context import Context, set_variable, startup_line
from finn_tui.lab.doctor.facts import Facts, Installation
from finn_tui.lab.models import devices
from finn_tui.runs.launch import launch, preflight

_VERSION = re.compile(r"20\d\d\.[12]")
#: Files that a file system can still take; a build makes some ten thousand.
_FEW_FILES = 50_000
_BUILD_FOLDER = "finn_build"
_CONTAINER = ("FINN_XILINX_PATH", "FINN_XILINX_VERSION", "FINN_HOST_BUILD_DIR", "FINN_DOCKER_TAG")
_TOOL_PATHS = ("VIVADO_PATH", "VITIS_PATH", "HLS_PATH", "XILINX_VIVADO", "XILINX_HLS")
_PATH_WHY = (
    "run-docker.sh mounts this folder into FINN's container; without it FINN finds no Vivado there."
)
_VERSION_WHY = (
    "run-docker.sh makes the folders of Vivado and Vitis HLS from it. A wrong one is not an error "
    "there: builds fail later, without settings64.sh."
)


def checks(facts: Facts, context: Context) -> list[Check]:
    """Checks of all variables."""
    return [
        _xilinx_path(facts, context),
        _xilinx_version(facts, context),
        _pynq_board(facts, context),
        _host_build_dir(facts, context),
        _tool_paths(facts, context),
    ]


def uses_container(facts: Facts) -> bool:
    """Whether FINN's own container seems to be used here."""
    docker = facts.docker
    return (
        any(name in facts.env for name in _CONTAINER)
        or any(line.name in _CONTAINER for line in facts.startup or ())
        or bool(docker and (docker.images or docker.containers))
        or bool(facts.env.get("FINN_SINGULARITY"))
    )


def best_installation(facts: Facts) -> Installation | None:
    """The installed version to use: the one that the variables name, else the newest complete."""
    complete = [each for each in facts.installations or () if each.vivado and each.vitis_hls]
    root, version = facts.env.get("FINN_XILINX_PATH"), facts.env.get("FINN_XILINX_VERSION")
    for wanted in (
        [each for each in complete if each.root == root and each.version == version],
        [each for each in complete if each.version == version],
        [each for each in complete if each.root == root],
        complete,
    ):
        if wanted:
            return max(wanted, key=lambda each: each.version)
    return None


def _variable(
    facts: Facts,
    context: Context,
    name: str,
    problem_of: Callable[[str], tuple[Verdict, str] | None],
    why: str,
    proposal: str | None,
    unset: str,
    needed: bool,
    describe: Callable[[str], str] = str,
) -> Check:
    """A check of one variable.

    Args:
        facts: of the machine.
        context: what it is judged for.
        name: the variable.
        problem_of: what is wrong with a value; None if nothing is.
        why: why it matters.
        proposal: a value that is right; None where none is known.
        unset: what happens without it.
        needed: whether something here needs it.
        describe: what is shown of a value that is right.
    """
    if facts.environment is None:
        return _unknown(facts, name, name, "environment")
    value = facts.env.get(name)
    line = startup_line(facts, name)
    set_it = f"export {name}=..." if not context.host else f"{name} in [{context.host}.env]"
    if value is None and line is not None and line.spaced and not context.host:
        shown = f"not set: {line.file}, line {line.line} has a blank beside '=': {line.text}"
        mended = line.value if problem_of(line.value) is None else proposal or line.value
        fix, changes = set_variable(facts, context, name, mended)
        why = f"A shell sets nothing with blanks there. {why}"
        return Check(name, name, Verdict.WRONG, shown, why, fix, changes)
    if value is None and line is not None and not context.host:
        shown = f"set to {line.value} in {line.file}, line {line.line}, but not in this terminal"
        fix = f"Open a new terminal, or: source {shlex.quote(line.file)}"
        return Check(name, name, Verdict.WARNING, shown, why, fix)
    if value is not None:
        problem = problem_of(value)
        if problem is None:
            return Check(name, name, Verdict.OK, describe(value))
        if line and not line.spaced and not context.host and problem_of(line.value) is None:
            shown = f"{value} in this terminal; {line.file}, line {line.line}: {line.value}"
            fix = f"Open a new terminal, or: source {shlex.quote(line.file)}"
            return Check(name, name, Verdict.WARNING, shown, why, fix)
        verdict, shown = problem
    elif needed:
        verdict, shown = Verdict.WARNING, f"not set: {unset}"
    else:
        return Check(name, name, Verdict.OK, f"not set; {unset}")
    if proposal is None:
        return Check(name, name, verdict, shown, why, set_it)
    fix, changes = set_variable(facts, context, name, proposal)
    return Check(name, name, verdict, shown, why, fix, changes)


def _unknown(facts: Facts, id: str, title: str, part: str) -> Check:
    return Check(id, title, Verdict.UNKNOWN, facts.problems.get(part, "the machine did not say it"))


def _xilinx_path(facts: Facts, context: Context) -> Check:
    best = best_installation(facts)

    def problem_of(value: str) -> tuple[Verdict, str] | None:
        here = value == facts.env.get("FINN_XILINX_PATH")
        folder = (facts.folders or {}).get("FINN_XILINX_PATH") if here else None
        if not value.startswith("/"):
            return Verdict.WRONG, f"{value or '(empty)'} is not an absolute path"
        if folder is not None and not folder.exists:
            return Verdict.WRONG, f"{value}: there is no such folder"
        if folder is not None and not folder.readable:
            return Verdict.WRONG, f"{value}: you may not read this folder"
        if facts.installations is not None and here:
            roots = {each.root for each in facts.installations}
            if value not in roots and value.rstrip("/") not in {r.rstrip("/") for r in roots}:
                return Verdict.WRONG, f"{value} holds no Vivado/<version> and no <version>/Vivado"
        return None

    return _variable(
        facts,
        context,
        "FINN_XILINX_PATH",
        problem_of,
        _PATH_WHY,
        best.root if best else None,
        "only FINN's container (run-docker.sh) reads it",
        uses_container(facts),
    )


def _xilinx_version(facts: Facts, context: Context) -> Check:
    best = best_installation(facts)
    root = facts.env.get("FINN_XILINX_PATH", "").rstrip("/")
    there = [
        each
        for each in facts.installations or ()
        if (not root or each.root.rstrip("/") == root) and each.vivado
    ]

    def problem_of(value: str) -> tuple[Verdict, str] | None:
        if not _VERSION.fullmatch(value):
            return Verdict.WRONG, f"{value or '(empty)'} is not of the form 2022.2"
        if facts.installations is None:
            return None
        matching = [each for each in there if each.version == value]
        if not matching:
            versions = ", ".join(sorted({each.version for each in there})) or "none"
            where = f"{root or '(FINN_XILINX_PATH)'}/Vivado/{value}"
            return Verdict.WRONG, f"{value}: there is no {where}; installed: {versions}"
        if not any(each.vitis_hls for each in matching):
            return Verdict.WRONG, f"{value}: Vivado is there, and no Vitis HLS"
        return None

    def describe(value: str) -> str:
        folder = next((each.vivado for each in there if each.version == value), None)
        return f"{value}: {folder}" if folder else value

    return _variable(
        facts,
        context,
        "FINN_XILINX_VERSION",
        problem_of,
        _VERSION_WHY,
        best.version if best else None,
        "only FINN's container (run-docker.sh) reads it",
        uses_container(facts),
        describe,
    )


def _pynq_board(facts: Facts, context: Context) -> Check:
    def problem_of(value: str) -> tuple[Verdict, str] | None:
        if value in context.boards:
            return None
        near = devices.nearest(value, context.boards)
        hint = f"; did you mean {near}?" if near else ""
        return Verdict.WRONG, f"FINN knows no board {value or '(empty)'}{hint}"

    value = facts.env.get("PYNQ_BOARD", "")
    proposal = devices.nearest(value, context.boards) or (
        context.board if context.board in context.boards else None
    )
    why = (
        "FINN's notebooks build for this board. FINN takes only its own spelling, such as Pynq-Z2."
    )
    check = _variable(
        facts,
        context,
        "PYNQ_BOARD",
        problem_of,
        why,
        proposal,
        "FINN's container takes Pynq-Z1, or none from 0.10 on",
        uses_container(facts),
    )
    if check.verdict is Verdict.OK and value and value != context.board and not context.host:
        fix, changes = set_variable(facts, context, "PYNQ_BOARD", context.board)
        shown = f"{value}; this workspace builds for {context.board}"
        return Check(
            check.id,
            check.title,
            Verdict.WARNING,
            shown,
            "One of them is not your board.",
            f'{fix}   or: board = "{value}" in finn-tui.toml',
            changes,
        )
    return check


def _host_build_dir(facts: Facts, context: Context) -> Check:
    place = facts.build_place
    default = facts.build_dir.default if facts.build_dir else "/tmp/finn_dev_USER"
    home = facts.system.home if facts.system else ""
    proposal = f"{home}/{_BUILD_FOLDER}" if home.startswith("/") else None
    why = (
        "FINN's container writes all that it builds there, for hours; Vivado's projects and logs "
        "are lost with it."
    )

    def problem_of(value: str) -> tuple[Verdict, str] | None:
        if not value.startswith("/"):
            return Verdict.WRONG, f"{value or '(empty)'} is not an absolute path"
        odd = [*launch.odd_characters(value), *(c for c in ":," if c in value)]
        if odd:
            return Verdict.WRONG, f"{value} has {' '.join(map(repr, odd))}: FINN does not quote it"
        if place is None or value != facts.env.get("FINN_HOST_BUILD_DIR"):
            return None
        real = place.real if place.real.startswith("/") else value
        lost = preflight.not_lasting(PurePosixPath(real), place.file_system)
        if lost:
            return Verdict.WRONG, lost
        if place.exists and not place.folder:
            return Verdict.WRONG, f"{value} is not a folder"
        if not place.writable:
            reason = "its disk is read-only" if place.read_only else "you may not write there"
            return Verdict.WRONG, f"{place.nearest if not place.exists else value}: {reason}"
        if place.free_bytes < launch.BUILD_BYTES:
            need = text.size(launch.BUILD_BYTES)
            return Verdict.WRONG, f"{value}: {text.size(place.free_bytes)} free, {need} are needed"
        if place.free_files is not None and place.free_files < _FEW_FILES:
            return Verdict.WARNING, f"{value}: room for only {place.free_files:,} more files"
        return None

    def describe(value: str) -> str:
        if place is None:
            return value
        return f"{value}: {text.size(place.free_bytes)} free on {place.file_system or 'its disk'}"

    check = _variable(
        facts,
        context,
        "FINN_HOST_BUILD_DIR",
        problem_of,
        why,
        proposal,
        f"FINN's container builds in {default}, which a restart empties",
        uses_container(facts),
        describe,
    )
    if check.verdict is Verdict.OK and place is not None and not place.exists:
        return _make(check, place.path, context)
    if check.changes and proposal and not context.host:
        fix = f"mkdir -p {shlex.quote(proposal)}   and   {check.fix}"
        changes = (MakeFolder(proposal), *check.changes)
        return Check(check.id, check.title, check.verdict, check.value, check.why, fix, changes)
    return check


def _make(check: Check, path: str, context: Context) -> Check:
    shown = f"{path} is not there yet"
    changes = () if context.host else (MakeFolder(path),)
    fix = f"mkdir -p {shlex.quote(path)}"
    return Check(
        check.id, check.title, Verdict.WARNING, shown, "Docker makes it as root's.", fix, changes
    )


def _tool_paths(facts: Facts, context: Context) -> Check:
    id, title = "tool-paths", "VIVADO_PATH and others"
    if facts.environment is None or facts.folders is None:
        part = "environment" if facts.environment is None else "folders"
        return _unknown(facts, id, title, part)
    present = [name for name in _TOOL_PATHS if facts.env.get(name)]
    why = "FINN takes Vivado's version and Vitis HLS's headers from these folders."
    broken = [name for name in present if name in facts.folders and not facts.folders[name].exists]
    if broken:
        shown = "; ".join(f"{name} = {facts.env[name]}: no such folder" for name in broken)
        best = best_installation(facts)
        fix = f"unset {' '.join(broken)}"
        if best is not None and best.settings:
            fix = "   and   ".join(f"source {shlex.quote(path)}" for path in best.settings)
        return Check(id, title, Verdict.WRONG, shown, why, fix)
    empty = [name for name in present if name in facts.folders and not facts.folders[name].settings]
    if empty:
        shown = "; ".join(f"{name} = {facts.env[name]}: no settings64.sh in it" for name in empty)
        why = "FINN's container sources it; a folder without it is not one version of the tools."
        best = best_installation(facts)
        fix = f"unset {' '.join(empty)}"
        if best is not None and best.settings:
            fix += "   or the folder of " + "   or of ".join(map(shlex.quote, best.settings))
        return Check(id, title, Verdict.WARNING, shown, why, fix)
    root, version = facts.env.get("FINN_XILINX_PATH"), facts.env.get("FINN_XILINX_VERSION")
    others = [
        name for name in present if root and version and version not in facts.env[name].split("/")
    ]
    if others:
        shown = "; ".join(f"{name} = {facts.env[name]}" for name in others)
        shown += f", and FINN_XILINX_VERSION is {version}"
        why = "run-docker.sh replaces these paths by the ones of FINN_XILINX_VERSION."
        fix = f"unset {' '.join(others)}   or source the settings64.sh of {version}"
        return Check(id, title, Verdict.WARNING, shown, why, fix)
    shown = ", ".join(f"{name} = {facts.env[name]}" for name in present)
    return Check(id, title, Verdict.OK, shown or "none is set; settings64.sh sets XILINX_VIVADO")
