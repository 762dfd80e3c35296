"""What a build puts around the accelerator: DMA, interconnect, reset and the processor's port.

FINN has no estimate of it. The figures here are of published builds, read from their reports, and
say whose they are; another design's DMA differs with its stream widths, and nothing is scaled. For
a family of parts of which no report is known there is no figure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from finn_tui.core.device import RESOURCES


@dataclass(frozen=True)
class ShellPart:
    """One block of it. ``use``: units of each of ``RESOURCES``; ``widths``: of its streams, as
    far as the build says."""

    name: str
    use: tuple[int, int, int, int]
    widths: str = ""


@dataclass(frozen=True)
class Shell:
    """All that one build put around its accelerator.

    Attributes:
        family: of the part, in words.
        parts: the blocks; the same on every design with one input and one output, DMA apart.
        source: the repository and file, or the user's own run.
        tool: FINN and Vivado, as far as the source says.
        state: of the design when it was counted.
        others: what other published builds took, for a sense of how far it may be off.
        own: whether the user's own build is the source.
    """

    family: str
    parts: tuple[ShellPart, ...]
    source: str
    tool: str
    state: str
    others: str = ""
    own: bool = False

    @property
    def whose(self) -> str:
        """The source in a few words."""
        return self.source if self.own else self.source.split(",")[0].removeprefix("github.com/")

    @property
    def use(self) -> Mapping[str, float]:
        """Units of each resource in all."""
        return {
            name: float(sum(part.use[at] for part in self.parts))
            for at, name in enumerate(RESOURCES)
        }

    @property
    def dma(self) -> Mapping[str, float]:
        """Units of each resource of the first DMA, which is the input's; nothing if not named."""
        use = next((part.use for part in self.parts if "DMA" in part.name), (0, 0, 0, 0))
        return dict(zip(RESOURCES, map(float, use), strict=True))

    def as_json(self) -> dict[str, Any]:
        """Return what stands under ``extra.shell``."""
        return {
            **{name: int(amount) for name, amount in self.use.items()},
            "family": self.family,
            "source": self.source,
            "tool": self.tool,
            "state": self.state,
            "others": self.others,
            "own": self.own,
            "parts": [
                {
                    "name": part.name,
                    **dict(zip(RESOURCES, part.use, strict=True)),
                    "widths": part.widths,
                }
                for part in self.parts
            ],
        }


_ZYNQ = Shell(
    "Zynq-7000",
    (
        ShellPart("input DMA", (1149, 1, 0, 0), "stream 40 bits"),
        ShellPart("output DMA", (938, 1, 0, 0), "stream 8 bits"),
        ShellPart("AXI SmartConnect to memory", (3814, 0, 0, 0), "two DMAs"),
        ShellPart("AXI interconnect for control", (508, 0, 0, 0), "two DMAs"),
        ShellPart("reset", (17, 0, 0, 0)),
        ShellPart("processor", (0, 0, 0, 0)),
    ),
    "github.com/akhilvasan/finn_cybsec, report/post_synth_resources.xml, commit d470f847",
    "FINN 0.10.1, Vivado 2022.2, xc7z020",
    "routed",
    # Blocks synthesized each for itself, before the whole is optimized: SmartConnect 5556, DMAs of
    # 8 bits 1084 and 1397 (2 BRAM_18K each), interconnect 556, reset and processor 43.
    "8,636 LUT and 4 BRAM_18K synthesized block by block, Vivado 2022.1 (github.com/bol-edu/"
    "2022-fall-ntu, commit ceff7ca9)",
)

_ZYNQ_US = Shell(
    "Zynq UltraScale+",
    (
        ShellPart("input DMA", (747, 1, 0, 0)),
        ShellPart("output DMA", (704, 1, 0, 0)),
        ShellPart("AXI SmartConnect to memory", (3306, 0, 0, 0), "two DMAs"),
        ShellPart("AXI interconnect for control", (1281, 0, 0, 0), "two DMAs"),
        ShellPart("reset", (15, 0, 0, 0)),
        ShellPart("processor", (0, 0, 0, 0)),
    ),
    "github.com/kf7lsu/pytorchFACILE, output_final/report/post_synth_resources.xml, "
    "commit 0301a9d8",
    "FINN of 2021, Vivado 2019.1, xczu3eg",
    "after implementation",
    "SmartConnect 3,359, interconnect 1,299, output DMA 985 LUT; an input DMA for a wide stream "
    "2,953 LUT and 36 BRAM_18K; Vivado 2019.1, xczu7ev (github.com/zhangks98/eeg-adapt, commit "
    "1a4d06eb)",
)

#: By the beginning of a part's name: those that FINN builds by the same template. Alveo and Versal
#: builds have other shells, of which no report per block is known.
_BY_PART = {"xc7z": _ZYNQ, "xczu": _ZYNQ_US, "xck26": _ZYNQ_US}


def published(part: str) -> Shell | None:
    """Return the shell of a published build for the same family of parts; None if unknown."""
    return next((shell for start, shell in _BY_PART.items() if part.startswith(start)), None)


def own(
    part: str, run: str, tool: str, top: Mapping[str, Any], layers: Sequence[Mapping[str, Any]]
) -> Shell | None:
    """Return the shell of a user's build: the design without the layers in its report.

    Args:
        run: name of the run.
        top: resources of the whole design after synthesis.
        layers: of its layers, FIFOs and converters, each with ``name``; a DMA among them counts
            as a block of the shell.

    Returns:
        None where the report does not add up, as one that lists no layers.
    """
    inside = [row for row in layers if "IODMA" not in row["name"]]
    if not inside:
        return None
    dmas = [row for row in layers if "IODMA" in row["name"]]
    rest = [
        int(top.get(name, 0)) - sum(int(row.get(name, 0)) for row in layers) for name in RESOURCES
    ]
    if any(amount < 0 for amount in rest):
        return None
    parts = [ShellPart(f"DMA {row['name']}", _use(row)) for row in dmas]
    parts.append(ShellPart("interconnect, reset, processor", (rest[0], rest[1], rest[2], rest[3])))
    family = published(part)
    name = family.family if family is not None else part
    return Shell(name, tuple(parts), f"your run {run}", tool, "after synthesis", own=True)


def _use(row: Mapping[str, Any]) -> tuple[int, int, int, int]:
    lut, bram, uram, dsp = (int(row.get(name, 0)) for name in RESOURCES)
    return lut, bram, uram, dsp
