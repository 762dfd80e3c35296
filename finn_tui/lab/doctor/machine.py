"""Checks of containers and of the machine: disk, memory, locale, limits, clock, programs."""

from __future__ import annotations

from pathlib import PurePosixPath

from finn_tui.base import text
from finn_tui.lab.doctor.check import Check, Verdict
from finn_tui.lab.doctor.context import Context, set_variable
from finn_tui.lab.doctor.facts import Docker, Facts, Locale
from finn_tui.lab.doctor.variables import uses_container
from finn_tui.runs.launch import launch, preflight

#: s by which clocks may differ before licences and times of files suffer.
_CLOCK_SECONDS = 60.0
_FEW_FILES = 1024
_COMPILE = ("bash", "git", "g++")


def containers(facts: Facts, context: Context) -> list[Check]:
    """Checks of docker, its image, podman and apptainer."""
    needed = uses_container(facts)
    rows = [_docker(facts, needed)]
    if facts.docker is not None and facts.docker.daemon:
        rows.append(_image(facts, facts.docker, needed))
    rows.append(_others(facts))
    return rows


def checks(facts: Facts, context: Context) -> list[Check]:
    """Checks of the machine itself."""
    return [
        _disk(facts),
        _memory(facts, context),
        _locale(facts, context),
        _files(facts),
        _display(facts),
        _clock(facts, context),
        _programs(facts),
    ]


def _unknown(facts: Facts, id: str, title: str, part: str) -> Check:
    problem = facts.problems.get(part, "the machine did not say it")
    return Check(id, title, Verdict.UNKNOWN, problem)


def _docker(facts: Facts, needed: bool) -> Check:
    id, title = "docker", "Docker"
    docker = facts.docker
    if docker is None:
        return _unknown(facts, id, title, "docker")
    bad = Verdict.WRONG if needed else Verdict.WARNING
    why = "FINN's run-docker.sh starts FINN in a container."
    if docker.path is None:
        if not needed or (facts.apptainer and facts.apptainer.image):
            value = "not installed; only FINN's container needs it"
            return Check(id, title, Verdict.OK, value)
        fix = "Ask the administrator to install docker, or use finn-plus: finn-tui engine install"
        return Check(id, title, bad, "not installed", why, fix)
    if docker.daemon:
        return Check(id, title, Verdict.OK, f"{docker.version or '?'}, the daemon answers")
    if facts.system and facts.system.uid == 0:
        denied = False
    else:
        denied = docker.socket.exists and not docker.socket.usable
    if denied or "permission denied" in (docker.problem or "").lower():
        return _denied(docker, bad, why)
    value = f"{docker.path}: {docker.problem or 'the daemon does not answer'}"
    return Check(id, title, bad, value, why, "sudo systemctl start docker")


def _denied(docker: Docker, verdict: Verdict, why: str) -> Check:
    id, title = "docker", "Docker"
    if docker.group.listed and not docker.group.active:
        value = "you are in the group docker, but not in this login"
        return Check(id, title, verdict, value, why, "Log out and in again, or: newgrp docker")
    value = "you may not use the daemon: you are not in the group docker"
    fix = 'sudo usermod -aG docker "$USER"   then log out and in again'
    if not docker.group.exists:
        fix = f"sudo groupadd docker && {fix}"
    return Check(id, title, verdict, value, why, fix)


def _image(facts: Facts, docker: Docker, needed: bool) -> Check:
    id, title = "image", "FINN's image"
    tag = facts.env.get("FINN_DOCKER_TAG")
    why = "The first start of run-docker.sh builds it: half an hour, and some GB."
    fix = "Run ./run-docker.sh once in FINN's folder, on a machine with network."
    if tag and tag not in docker.images and facts.env.get("FINN_DOCKER_PREBUILT") == "1":
        value = f"FINN_DOCKER_TAG is {tag}, which is not there"
        why = "With FINN_DOCKER_PREBUILT=1 run-docker.sh does not build it."
        return Check(id, title, Verdict.WRONG, value, why, f"docker pull {tag}")
    if docker.images:
        return Check(id, title, Verdict.OK, ", ".join(docker.images[:3]))
    if not needed:
        return Check(id, title, Verdict.OK, "none; only FINN's container needs it")
    return Check(id, title, Verdict.WARNING, "none yet", why, fix)


def _others(facts: Facts) -> Check:
    id, title = "podman", "Podman, apptainer"
    if facts.podman is None and facts.apptainer is None:
        return _unknown(facts, id, title, "podman")
    image = facts.apptainer.image if facts.apptainer else None
    if image and facts.apptainer and facts.apptainer.path is None:
        value = f"FINN_SINGULARITY is {image}, and neither apptainer nor singularity is there"
        why = "run-docker.sh starts FINN with `singularity exec` then."
        return Check(
            id,
            title,
            Verdict.WRONG,
            value,
            why,
            "module load apptainer   or: unset FINN_SINGULARITY",
        )
    present = [
        shown
        for shown in (
            facts.podman.version or facts.podman.path if facts.podman else None,
            facts.apptainer.path if facts.apptainer else None,
        )
        if shown
    ]
    return Check(id, title, Verdict.OK, ", ".join(present) or "not installed; not needed")


def _disk(facts: Facts) -> Check:
    id, title = "disk", "Disk"
    if not facts.places:
        return _unknown(facts, id, title, "places")
    rows = [f"{place.path}: {text.size(place.free_bytes)} free" for place in facts.places]
    need = launch.BUILD_BYTES
    full = [
        place
        for place in facts.places
        if place.free_bytes < need
        and not preflight.not_lasting(PurePosixPath(place.real or "/"), place.file_system)
    ]
    if full:
        why = f"A build takes up to {text.size(need)}; it fails when the disk is full."
        fix = "finn-tui runs clean   removes working files of old runs"
        return Check(id, title, Verdict.WARNING, "; ".join(rows), why, fix)
    return Check(id, title, Verdict.OK, "; ".join(rows))


def _memory(facts: Facts, context: Context) -> Check:
    id, title = "memory", "Memory"
    memory = facts.memory
    if memory is None or memory.available_bytes is None or memory.total_bytes is None:
        return _unknown(facts, id, title, "memory")
    total, free = memory.total_bytes, memory.available_bytes
    if memory.limit_bytes is not None:
        total, free = min(total, memory.limit_bytes), min(free, memory.limit_bytes)
    want = preflight.build_memory_gb(context.part)
    value = f"{text.size(free)} free of {text.size(total)}"
    if memory.limit_bytes is not None and memory.limit_bytes < memory.total_bytes:
        value += ", the limit of this container or job"
    part = context.part or "an unknown part"
    why = f"A build for {part} wants {want} GB; the kernel ends Vivado where there is less."
    fix = "End other programs, or: export NUM_DEFAULT_WORKERS=1   (fewer tools at once)"
    if total < want * 1e9:
        return Check(id, title, Verdict.WRONG, value, why, fix)
    if free < want * 1e9:
        return Check(id, title, Verdict.WARNING, value, why, fix)
    return Check(id, title, Verdict.OK, value)


def _locale(facts: Facts, context: Context) -> Check:
    id, title = "locale", "Locale"
    if facts.locale is None:
        return _unknown(facts, id, title, "locale")
    charset = (facts.locale.charset or "").upper().replace("-", "")
    names = ("LC_ALL", "LC_CTYPE", "LANG")
    named = [f"{name}={facts.env[name]}" for name in names if facts.env.get(name)] or ["no LANG"]
    if facts.locale.problem is None and charset == "UTF8":
        return Check(id, title, Verdict.OK, f"UTF-8 ({named[0]})")
    if facts.locale.problem is not None:
        # Python itself sets LC_CTYPE=C.UTF-8 for what it starts, which hides a wrong LANG.
        missing = [each for each in named if not _is_installed(each.split("=")[-1], facts.locale)]
        verdict, value = Verdict.WRONG, f"{(missing or named)[0]} is not installed"
        why = 'Vivado ends with "locale::facet::_S_create_c_locale name not valid".'
    else:
        verdict, value = Verdict.WARNING, f"{facts.locale.charset or 'unknown'} ({named[0]})"
        why = "Names with other letters than ASCII break FINN's and Vivado's files."
    choice = _utf8(facts.locale)
    if choice is None:
        fix = "sudo apt-get install locales && sudo locale-gen en_US.UTF-8"
        return Check(id, title, verdict, value, why, fix)
    fix, changes = set_variable(facts, context, "LC_ALL", choice)
    return Check(id, title, verdict, value, why, fix, changes)


def _is_installed(name: str, locale: Locale) -> bool:
    """Return whether a locale of UTF-8, C or POSIX is among those of the machine."""
    plain = name.lower().replace("utf-8", "utf8")
    return name in ("C", "POSIX") or plain in (
        each.lower().replace("utf-8", "utf8") for each in locale.installed
    )


def _utf8(locale: Locale) -> str | None:
    order = ("en_us.", "c.")
    ranked = [
        name for start in order for name in locale.installed if name.lower().startswith(start)
    ]
    return next(iter([*ranked, *locale.installed]), None)


def _files(facts: Facts) -> Check:
    id, title = "open-files", "Open files"
    if facts.limits is None:
        return _unknown(facts, id, title, "limits")
    soft, hard = facts.limits.files, facts.limits.files_hard
    value = f"at most {soft:,} a process" if soft is not None else "no limit"
    if soft is not None and soft < _FEW_FILES:
        allowed = min(hard, 4096) if hard is not None else 4096
        why = "Vivado and FINN's parallel steps have some hundred files open each."
        fix = f"ulimit -n {allowed}"
        if allowed < _FEW_FILES:
            fix = "Ask the administrator to raise nofile in /etc/security/limits.conf."
        return Check(id, title, Verdict.WARNING, value, why, fix)
    return Check(id, title, Verdict.OK, value)


def _display(facts: Facts) -> Check:
    display = facts.env.get("DISPLAY")
    value = f"DISPLAY is {display}" if display else "none"
    return Check("display", "X display", Verdict.OK, f"{value}; builds need none")


def _clock(facts: Facts, context: Context) -> Check:
    id, title = "clock", "Clock"
    if facts.clock is None:
        return _unknown(facts, id, title, "clock")
    away = facts.clock.time - context.now
    why = "Licences, time left and the order of files go by the clock."
    fix = "sudo timedatectl set-ntp true"
    if context.host and context.now and abs(away) > _CLOCK_SECONDS:
        way = "ahead of" if away > 0 else "behind"
        value = f"{text.time_span(abs(away))} {way} this machine's"
        return Check(id, title, Verdict.WARNING, value, why, fix)
    if facts.clock.synchronized is False:
        return Check(id, title, Verdict.WARNING, "no time server keeps it", why, fix)
    kept = "kept by a time server" if facts.clock.synchronized else "set"
    return Check(id, title, Verdict.OK, kept)


def _programs(facts: Facts) -> Check:
    id, title = "programs", "Compiler and git"
    if facts.programs is None:
        return _unknown(facts, id, title, "programs")
    missing = [name for name in _COMPILE if not facts.programs.get(name)]
    if not missing:
        return Check(id, title, Verdict.OK, ", ".join(_COMPILE))
    value = f"no {', '.join(missing)}"
    why = "FINN fetches its dependencies with git and compiles simulations with g++."
    fix = f"sudo apt-get install {' '.join(missing)}"
    return Check(id, title, Verdict.WARNING, value, why, fix)
