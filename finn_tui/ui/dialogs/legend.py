"""What the signs and colours of each screen mean, for the help screen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

#: By place: (sign, role that colours it, meaning).
LEGEND: Mapping[str, Sequence[tuple[str, str, str]]] = {
    "tune": (
        ("II", "ii", "bottleneck: holds the II"),
        ("████", "bar", "cycles as a part of the II"),
        ("‹2›", "edit", "the knob that + and - step"),
        ("≠", "", "a width converter comes before"),
        ("?", "", "LUT unknown: FINN has no model of this op"),
        ("≤", "", "latency: FINN's critical path, an upper bound"),
        ("•", "accent", "marked: edited together"),
        ("L", "warn", "locked for the solver"),
        ("█", "bar", "resources of the layers"),
        ("▒", "bar", "FIFOs and width converters"),
        ("│", "faint", "FINN's fill limit of the part"),
        ("OVER", "bad", "more than the part has"),
    ),
    "runs": (
        ("▸", "accent", "running"),
        ("✓", "good", "succeeded"),
        ("✗", "bad", "failed"),
        ("■", "warn", "cancelled"),
        ("◌", "dim", "queued"),
        ("·", "faint", "still to come"),
        ("?", "bad", "lost: the process is gone"),
        ("SIMULATED", "sim", "numbers of stand-ins"),
    ),
    "board": (
        ("▸", "accent", "running"),
        ("✓", "good", "done"),
        ("✗", "bad", "failed"),
        ("SIMULATED", "sim", "numbers of stand-ins"),
    ),
    "results": (
        ("-", "faint", "not built or not measured"),
        ("SIMULATED", "sim", "numbers of stand-ins"),
    ),
    "flow": (
        ("RANDOM", "warn", "weights are not trained"),
        ("✓", "good", "same outputs as the original"),
        ("•", "", "the stage that others are compared with"),
        ("new ≠", "good", "nodes that the stage added or changed"),
        ("●╮", "accent", "a node; a branch begins there"),
    ),
    "learn": (
        ("[12]", "accent", "the present cycle"),
        ("*4 x 8", "accent", "PE and SIMD tried here, not in Tune"),
    ),
    "viewer": (
        ("│", "accent", "marked lines"),
        ("match", "match", "what was searched for"),
    ),
}
