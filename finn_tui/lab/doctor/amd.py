"""Checks of AMD's tools: Vivado, Vitis HLS, the patch for dates, the licence."""

from __future__ import annotations

import re
import shlex

from finn_tui.lab.doctor.check import Check, Verdict
from finn_tui.lab.doctor.context import Context
from finn_tui.lab.doctor.facts import Facts, Installation
from finn_tui.lab.doctor.variables import best_installation
from finn_tui.runs.launch import preflight

#: FINN's HLS code needs this Vitis HLS; the last version without AMD's mend for dates is 2021.2.
_OLDEST, _LAST_BROKEN = "2020.2", "2021.99"
#: From here on Vitis HLS is started through vitis-run.
_VITIS_RUN = "2024.2"
_PATCH_ARTICLE = "AMD's article 76960, y2k22_patch-1.2.zip"
_VERSION = re.compile(r"v(20\d\d\.\d)")


def checks(facts: Facts, context: Context) -> list[Check]:
    """Checks of all tools."""
    return [
        _vivado(facts),
        _vitis_hls(facts),
        *_patch(facts),
        _licence(facts, context),
    ]


def version(facts: Facts) -> str | None:
    """The version of Vivado that is used: what it says itself, else its path, else variables."""
    for line in facts.vivado.lines if facts.vivado else ():
        if match := _VERSION.search(line):
            return match[1]
    tool = (facts.tools or {}).get("vivado")
    if tool is not None and tool.version:
        return tool.version
    return facts.env.get("FINN_XILINX_VERSION")


def _vivado(facts: Facts) -> Check:
    id, title = "vivado", "Vivado"
    if facts.tools is None or "vivado" in facts.problems:
        part = "vivado" if "vivado" in facts.problems else "tools"
        problem = facts.problems.get(part, "the machine did not say it")
        return Check(id, title, Verdict.UNKNOWN, problem)
    if facts.vivado is None:
        return _absent(facts, id, title, "vivado")
    said = facts.vivado
    why = "Every real build ends with Vivado."
    if not any("vivado v" in line.lower() for line in said.lines):
        last = said.problem or (said.lines[-1] if said.lines else "it says nothing")
        fix = f"{shlex.quote(said.path)} -version   shows why; often a library (libtinfo.so.5)"
        verdict = Verdict.UNKNOWN if said.problem else Verdict.WRONG
        return Check(id, title, verdict, f"{said.path} does not start: {last}", why, fix)
    number = version(facts) or "?"
    if number < _OLDEST:
        value = f"{number} in {said.path}"
        why = f"FINN's HLS code needs {_OLDEST} or later; 2022.2 is what FINN recommends."
        return Check(id, title, Verdict.WRONG, value, why, "Install Vivado 2022.2.")
    return Check(id, title, Verdict.OK, f"{number}, {said.path}")


def _absent(facts: Facts, id: str, title: str, product: str) -> Check:
    used = version(facts)
    same = [each for each in facts.installations or () if each.version == used]
    best = next((each for each in same if getattr(each, product)), best_installation(facts))
    folder = getattr(best, product) if best else None
    if best is not None and folder:
        value = f"installed in {folder}, not on PATH"
        why = "FINN's container finds it by FINN_XILINX_PATH; other FINNs need it on PATH."
        fix = "   and   ".join(f"source {shlex.quote(path)}" for path in best.settings)
        return Check(id, title, Verdict.WARNING, value, why, fix or f"Add {folder}/bin to PATH.")
    why = "Estimates, foldings and rehearsals work without it; real builds do not."
    fix = "Install AMD's tools here, or build on another host (finn-tui hosts add)."
    return Check(id, title, Verdict.WARNING, "not found", why, fix)


def _vitis_hls(facts: Facts) -> Check:
    id, title = "vitis_hls", "Vitis HLS"
    if facts.tools is None:
        problem = facts.problems.get("tools", "the machine did not say it")
        return Check(id, title, Verdict.UNKNOWN, problem)
    tool = facts.tools.get("vitis_hls")
    used = version(facts)
    if tool is None or not tool.path:
        if used and used > _VITIS_RUN:
            home = next((i.vitis for i in facts.installations or () if i.version == used), None)
            if home:
                return Check(id, title, Verdict.OK, f"{used}, in {home} (vitis-run)")
        return _absent(facts, id, title, "vitis_hls")
    if tool.version and used and tool.version != used:
        value = f"{tool.version} in {tool.path}; Vivado is {used}"
        why = "IPs of one version are often refused by the other, when the layers are stitched."
        fix = "Source the settings64.sh of one version only."
        return Check(id, title, Verdict.WARNING, value, why, fix)
    return Check(id, title, Verdict.OK, f"{tool.version or '?'}, {tool.path}")


def _patch(facts: Facts) -> list[Check]:
    """Whether tools of 2021 and before can still export an IP."""
    id, title = "y2k22", "Patch for dates since 2022"
    used = {version(facts), facts.env.get("FINN_XILINX_VERSION")}
    old = [
        each
        for each in facts.installations or ()
        if each.vitis_hls and each.version in used and each.version <= _LAST_BROKEN
    ]
    if not old:
        return []
    unpatched = [each for each in old if not each.patched]
    if not unpatched:
        return [Check(id, title, Verdict.OK, f"{', '.join(e.version for e in old)}: applied")]
    value = f"{', '.join(each.version for each in unpatched)}: not applied"
    why = (
        "Vitis HLS up to 2021.2 writes today's date into a number that is too small since 2022: "
        'every HLS layer fails with "is an invalid argument. Please specify an integer value".'
    )
    return [Check(id, title, Verdict.WRONG, value, why, _patch_fix(unpatched[0]))]


def _patch_fix(installation: Installation) -> str:
    root = shlex.quote(installation.root)
    command = f"cd {root} && unzip y2k22_patch-1.2.zip && python3 y2k22_patch/patch.py"
    return f"As the owner of {root}: {command}   ({_PATCH_ARTICLE})"


def _licence(facts: Facts, context: Context) -> Check:
    id, title = "licence", "Licence"
    if facts.licence is None:
        problem = facts.problems.get("licence", "the machine did not say it")
        return Check(id, title, Verdict.UNKNOWN, problem)
    files, servers = facts.licence.files, facts.licence.servers
    usable = [file for file in files if file.exists and file.readable and file.files]
    gone = [file for file in files if file.variable and file not in usable]
    reached = [server.address for server in servers if server.reachable]
    silent = [
        f"{server.address} ({server.problem or 'no answer'})"
        for server in servers
        if not server.reachable
    ]
    part = context.part
    if part and not preflight.needs_licence(part):
        named = reached + [file.path for file in usable]
        value = f"{part} needs no paid licence"
        return Check(id, title, Verdict.OK, f"{value}; {named[0]} is there" if named else value)
    named = reached + [file.path for file in usable]
    problems = [f"{file.variable}: {file.path} cannot be read" for file in gone]
    problems += [f"{server} cannot be reached" for server in silent]
    why = f"{part or 'The part'} needs a paid licence: Vivado stops at synthesis without one."
    fix = "export XILINXD_LICENSE_FILE=PORT@HOST   (or the path of your .lic file)"
    if silent:
        fix = "Connect to the network of the licence server (VPN), or correct PORT@HOST."
    if named:
        value = f"{', '.join(named)}"
        if not problems:
            return Check(id, title, Verdict.OK, value)
        value += f"; {'; '.join(problems)}"
        return Check(id, title, Verdict.WARNING, value, "Vivado tries each of them.", fix)
    if problems:
        return Check(id, title, Verdict.WRONG, "; ".join(problems), why, fix)
    return Check(id, title, Verdict.WARNING, "no licence file or server is named", why, fix)
