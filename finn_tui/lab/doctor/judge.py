"""All checks of a machine from its facts; no machine is asked here."""

from __future__ import annotations

from finn_tui.base.text import one_line
from finn_tui.lab.doctor import amd, finn, machine, variables
from finn_tui.lab.doctor.check import Check, Report, Verdict
from finn_tui.lab.doctor.context import Context, Reach
from finn_tui.lab.doctor.facts import Facts
from finn_tui.runs.launch import preflight


def judge(facts: Facts, context: Context) -> Report:
    """Judge a machine.

    Args:
        facts: what it said.
        context: what it is judged for.
    """
    groups = {
        "FINN": finn.checks(facts, context),
        "AMD's tools": amd.checks(facts, context),
        "Variables": variables.checks(facts, context),
        "Containers": machine.containers(facts, context),
        "Machine": [*machine.checks(facts, context), *_workspace(context), *_cache(context)],
    }
    if not context.host:
        named = [
            _named("hosts", "Hosts", context.hosts, "finn-tui hosts add NAME ADDRESS"),
            _named(
                "boards", "Boards", context.other_boards, "finn-tui boards add NAME --host ADDRESS"
            ),
        ]
        groups["Hosts and boards"] = [check for check in named if check is not None]
    system = facts.system
    name = f"{system.user}@{system.name}" if system and system.name else ""
    if system and system.os:
        name += f", {system.os}"
    return Report(context.host, name, {key: tuple(value) for key, value in groups.items() if value})


def _workspace(context: Context) -> list[Check]:
    if context.workspace is None:
        return []
    return [
        Check(
            "workspace",
            "Workspace",
            Verdict.OK if finding.verdict == "ok" else Verdict.WARNING,
            finding.what,
            finding.lost,
            finding.fix,
        )
        for finding in preflight.place(context.workspace / "runs")
    ]


def _cache(context: Context) -> list[Check]:
    """A check only where it fails: nothing else is written there to find that out."""
    problem = context.cache_problem
    if problem is None:
        return []
    value = one_line(f"{problem.what}: {problem.why}")
    why = "The engine's code is kept there; without it no engine starts and no build begins."
    return [Check("cache", "Cache folder", Verdict.WRONG, value, why, problem.fix)]


def _named(id: str, title: str, machines: tuple[Reach, ...] | None, add: str) -> Check | None:
    if machines is None:
        return None
    if not machines:
        return Check(id, title, Verdict.OK, f"none is named; {add}")
    broken = [each for each in machines if each.problem]
    texts = []
    for each in machines:
        if each.problem:
            texts.append(f"{each.name}: {each.problem}")
        elif each.seconds is not None:
            texts.append(f"{each.name} ({each.seconds * 1000:.0f} ms)")
        else:
            texts.append(f"{each.name} ({each.address})")
    if broken:
        why = "Builds and measurements on it cannot start."
        return Check(id, title, Verdict.WRONG, "; ".join(texts), why, broken[0].fix)
    tried = all(each.seconds is not None for each in machines)
    hint = "" if tried else "; --connect tries them"
    return Check(id, title, Verdict.OK, ", ".join(texts) + hint)
