"""Throughput on a board: batches of several sizes, with what makes the difference to the estimate.

The time of one image is its latency and never called a throughput.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from finn_tui.base.errors import FinnTuiError
from finn_tui.base.progress import OnProgress, ignore
from finn_tui.base.text import significant
from finn_tui.board.agent.driver import clock_differs
from finn_tui.board.agent_session import Conversation
from finn_tui.board.answers import BatchTimes, ThroughputAnswer
from finn_tui.board.catalogue import marks
from finn_tui.board.package import Package
from finn_tui.board.request import BoardRequest, one_second, ready, timeout
from finn_tui.board.results import BatchResult, Spread, Throughput, clock_note
from finn_tui.board.transport import Transport
from finn_tui.core.dma_port import frame_cycles
from finn_tui.engine.server.runs import runfiles

#: Runs that are not counted, and the most that are, for each size of a batch.
WARMUP, REPETITIONS = 1, 10
#: Seconds after which a size is not repeated any more, of the accelerator and again of the whole.
SECONDS = 2.0
#: Sizes in one go; a board has little memory for buffers.
_MOST_SIZES, _LARGEST = 20, 1_000_000
#: What the drivers' own test calls the steps around the accelerator.
_PARTS = {
    "fold_input[ms]": "fold",
    "pack_input[ms]": "pack",
    "copy_input_data_to_device[ms]": "copy in",
    "copy_output_data_from_device[ms]": "copy out",
    "unpack_output[ms]": "unpack",
    "unfold_output[ms]": "unfold",
}


async def throughput(
    link: Transport,
    run: Path,
    on_progress: OnProgress = ignore,
    *,
    batches: Sequence[int] = (),
    agent: Conversation | None = None,
) -> Throughput:
    """Measure batches of several sizes, each several times after a run to warm up.

    Args:
        batches: images of each; by default powers of ten from 1 to about a second's worth of the
            estimate, at most 10,000.
        agent: one that runs already; else one is started.

    Raises:
        FinnTuiError: sizes that cannot be, or what the board says.
    """
    what = await ready(link, run)
    sizes = _sizes(batches, what.fps)
    request = BoardRequest(link, what, "throughput", on_progress, agent)
    answer = await request.ask(
        ThroughputAnswer,
        batches=sizes,
        warmup=WARMUP,
        repetitions=REPETITIONS,
        seconds=SECONDS,
        batch=sizes[-1],
        timeout=timeout(what, sizes[-1]),
    )
    if [each.batch for each in answer.batches] != sizes:
        raise FinnTuiError(
            f"{request.board} measured other batches than it was asked for",
            f"{sizes} were asked for; nothing of it was recorded.",
            "Try again; if it stays so, look at the board's log.",
            kind="board",
        )
    part = (runfiles.read_json(str(run / "run.json")) or {}).get("part")
    done = measured(
        request.board, request.simulated, answer, what, part if isinstance(part, str) else ""
    )
    done = replace(done, replay=request.replay)
    await request.record({"throughput": done.as_dict()})
    request.say(done.text(), 1.0)
    return done


def _sizes(batches: Sequence[int], fps: float | None) -> list[int]:
    """The sizes to measure, in order."""
    if not batches:
        top = one_second(fps)
        return [10**power for power in range(len(str(top)))]
    sizes = sorted(set(batches))
    if sizes[0] < 1 or sizes[-1] > _LARGEST or len(sizes) > _MOST_SIZES:
        raise FinnTuiError(
            f"batches of {', '.join(map(str, sizes[:8]))} images cannot be measured",
            f"There can be {_MOST_SIZES} sizes from 1 to {_LARGEST:,} images.",
            "Give others: --batches 1,10,100,1000.",
        )
    if sizes[-1] == 1:
        raise FinnTuiError(
            "a batch of one image has no throughput",
            "Its time is the latency of the accelerator with the driver's start.",
            "Give larger ones, too: --batches 1,10,100,1000.",
        )
    return sizes


def measured(
    board: str, simulated: bool, answer: ThroughputAnswer, what: Package, part: str
) -> Throughput:
    """What was measured, with reasons.

    Args:
        board: its name. simulated: whether it has no FPGA.
        answer: of the agent, sizes in ascending order.
        what: the run.
        part: the FPGA part; empty if it is not known.
    """
    sweep = [_batch(times) for times in answer.batches]
    largest, times = sweep[-1], answer.batches[-1]
    assert largest.images_per_s is not None and largest.end_to_end_images_per_s is not None
    first = sweep[0] if sweep[0].batch == 1 else None
    return Throughput(
        board=board,
        simulated=simulated,
        images_per_s=largest.images_per_s,
        estimate_images_per_s=what.fps,
        batch=largest.batch,
        clock_mhz=answer.clock_mhz,
        metrics=times.metrics,
        build_clock_mhz=what.clock_mhz,
        clock_note=clock_note(what.clock_mhz, answer.clock_mhz),
        latency_ms=None if first is None else first.device_ms.median,
        end_to_end_images_per_s=largest.end_to_end_images_per_s,
        sweep=tuple(sweep),
        reasons=tuple(_reasons(sweep, answer.clock_mhz, what, part)),
    )


def _batch(times: BatchTimes) -> BatchResult:
    device, whole = _spread(times.device), _spread(times.whole)
    several = times.batch > 1
    return BatchResult(
        batch=times.batch,
        repetitions=len(times.device),
        device_ms=device,
        end_to_end_ms=whole,
        images_per_s=1e3 * times.batch / device.median if several else None,
        end_to_end_images_per_s=1e3 * times.batch / whole.median if several else None,
        bytes_in=times.bytes_in,
        bytes_out=times.bytes_out,
        in_mb_per_s=times.bytes_in / device.median / 1e3,
        out_mb_per_s=times.bytes_out / device.median / 1e3,
        parts_ms={name: times.metrics[key] for key, name in _PARTS.items() if key in times.metrics},
    )


def _spread(seconds: Sequence[float]) -> Spread:
    return Spread(1e3 * min(seconds), 1e3 * statistics.median(seconds), 1e3 * max(seconds))


def _reasons(sweep: Sequence[BatchResult], clock_mhz: float, what: Package, part: str) -> list[str]:
    """Where the difference to the estimate comes from, in words with numbers."""
    reasons = []
    largest = sweep[-1]
    batch, device = largest.batch, largest.device_ms.median
    bound = None if what.fps is None else what.fps * clock_mhz / what.clock_mhz
    if clock_differs(what.clock_mhz, clock_mhz):
        text = f"The clock is {clock_mhz:g} MHz, the build was for {what.clock_mhz:g} MHz"
        reasons.append(
            text + ("." if bound is None else f": the estimate is {bound:,.0f} images/s then.")
        )
    for name, count in (("input", largest.bytes_in), ("output", largest.bytes_out)):
        cycles = frame_cycles(part, count // batch)
        if cycles is None or bound is None or clock_mhz * 1e6 / cycles >= 0.999 * bound:
            continue
        if 1e3 * batch / largest.device_ms.min > clock_mhz * 1e6 / cycles:
            # Faster than the port lets through: this board's DMA is another.
            continue
        ii, bound = clock_mhz * 1e6 / bound, clock_mhz * 1e6 / cycles
        reasons.append(
            f"The {name} DMA needs {cycles:,} cycles for the {count // batch:,} bytes of an image, "
            f"more than the initiation interval of {ii:,.0f}: at most {bound:,.0f} images/s."
        )
    if bound is not None:
        rest = device - 1e3 * batch / bound
        share = rest / device
        text = (
            f"Of {significant(device)} ms for {batch:,} images, "
            f"{significant(max(0.0, rest), 2)} ms ({max(0.0, share):.0%}) are the "
            "pipeline's fill and the driver's start and polling of the DMA"
        )
        one = sweep[0].device_ms.median if sweep[0].batch == 1 else None
        reasons.append(
            text + ("." if one is None else f"; one image alone takes {significant(one, 2)} ms.")
        )
    reasons.append(_around(largest))
    return reasons


def _around(largest: BatchResult) -> str:
    """What packing and copying cost."""
    device, whole = largest.device_ms.median, largest.end_to_end_ms.median
    parts = sorted(largest.parts_ms.items(), key=lambda item: -item[1])
    named = ", ".join(f"{name} {significant(ms, 2)} ms" for name, ms in parts if ms >= 0.01 * whole)
    text = (
        f"With packing and copying the same batch takes {significant(whole)} ms, "
        f"{significant(whole / device, 2)} times the accelerator's own time"
    )
    return text + (f": {named} (the driver's own test)." if named else ".")


def sweep_rows(done: Mapping[str, Any]) -> list[list[str]]:
    """The measured sizes as rows of a table; see ``SWEEP_HEADINGS``.

    Args:
        done: as ``Throughput.as_dict`` gives it.
    """
    rows = []
    for each in done.get("sweep") or ():
        rate, whole = each["images_per_s"], each["end_to_end_images_per_s"]
        device = each["device_ms"]
        rows.append(
            [
                f"{each['batch']:,}",
                significant(device["median"]),
                f"{significant(device['min'])} to {significant(device['max'])}",
                "latency" if rate is None else f"{rate:,.0f}",
                significant(each["end_to_end_ms"]["median"]),
                "latency" if whole is None else f"{whole:,.0f}",
                significant(each["in_mb_per_s"]),
                significant(each["out_mb_per_s"]),
                str(each["repetitions"]),
                marks(done),
            ]
        )
    return rows


#: Of ``sweep_rows``.
SWEEP_HEADINGS = (
    "batch",
    "device ms",
    "spread",
    "images/s",
    "whole ms",
    "images/s",
    "MB/s in",
    "MB/s out",
    "times",
    "",
)
