"""Parts of ``results.json`` that a build measures."""

from __future__ import annotations

from typing import Any

from msgspec import Struct


class PostSynthesis(Struct, frozen=True):
    """Resources after synthesis.

    Attributes:
        LUT: look-up tables.
        FF: flip-flops.
        SRL: look-up tables used as shift registers; they count among LUT.
        BRAM_18K: block RAM in halves of 18 kbit.
        URAM: UltraRAM blocks.
        DSP: DSP slices.
        layers: the same for each layer, with its name.
        source: the report, as a path in the run folder.
        simulated: whether stand-ins made it.
    """

    LUT: int | None = None
    FF: int | None = None
    SRL: int | None = None
    BRAM_18K: int | None = None
    URAM: int | None = None
    DSP: int | None = None
    layers: tuple[dict[str, Any], ...] = ()
    source: str | None = None
    simulated: bool = False


class Timing(Struct, frozen=True):
    """Timing after routing.

    Attributes:
        wns (ns): worst negative slack; below 0 the clock is missed.
        tns (ns): total negative slack.
        clock_ns (ns): clock period that was asked for.
        met: whether the clock is met.
        fmax_mhz (MHz): highest clock that the worst path allows.
        source: the report, as a path in the run folder.
        simulated: whether stand-ins made it.
    """

    wns: float | None = None
    tns: float | None = None
    clock_ns: float | None = None
    met: bool | None = None
    fmax_mhz: float | None = None
    source: str | None = None
    simulated: bool = False


class StepTimes(Struct, frozen=True):
    """How long the steps took.

    Attributes:
        seconds (s): by FINN's name of the step; of one that was built twice, the last time.
        total_seconds (s): their sum.
        source: the file they come from.
        simulated: whether stand-ins took part.
    """

    seconds: dict[str, float] = {}
    total_seconds: float | None = None
    source: str | None = None
    simulated: bool = False


class ToolVersion(Struct, frozen=True):
    """A tool that worked in the build.

    Attributes:
        name: such as ``Vivado``.
        version: as it says.
        source: its log, as a path in the run folder.
        simulated: whether it was a stand-in.
    """

    name: str
    version: str
    source: str | None = None
    simulated: bool = False


class ToolWarning(Struct, frozen=True):
    """A warning of the tools that matters, each id once.

    Attributes:
        severity: such as ``CRITICAL WARNING``.
        id: the tool's number of it.
        text: what it says.
        count: how often it came.
        source: the log in which it came first, as a path in the run folder.
        line: the line in it, from 1.
        simulated: whether a stand-in said it.
    """

    severity: str | None = None
    id: str | None = None
    text: str | None = None
    count: int = 0
    source: str | None = None
    line: int | None = None
    simulated: bool = False
