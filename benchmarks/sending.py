"""Sending a sweep to a cluster behind SSH: the run folders of 200 foldings until sbatch is asked.

Run by hand: ``uv run python benchmarks/sending.py [--runs 200] [--megabytes 2] [--delay 0.2]
[--loss 0.02]``. Prints JSON. Starts OpenSSH's sshd on the loopback or, with a delay, in a network
namespace behind a line that is that slow (root). Of Slurm there is only an sbatch that takes the
job. Also measured: bytes that crossed the line, against what one folder has.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from finn_tui.engine.catalogue import EngineSpec
from finn_tui.hosts.catalogue import Host, SlurmEntry
from finn_tui.hosts.ssh.connection import SshConnection
from finn_tui.hosts.ssh.login import connect
from finn_tui.runs.launch.launch import BuildRequest
from finn_tui.runs.placement import read_placement
from finn_tui.runs.remote import jobs
from finn_tui.runs.remote.link import Link
from tests.hosts import sshd
from tests.hosts.lossy_line import lossy_line


@contextlib.contextmanager
def cluster(folder: Path, delay: float, loss: float) -> Iterator[Host]:
    """A login node whose sbatch gives every job the number 1.

    Args:
        folder: for its files.
        delay: seconds there and back.
        loss: part of the packets that get lost in each direction.
    """
    with contextlib.ExitStack() as stack:
        address, prefix = "127.0.0.1", tuple[str, ...]()
        if delay:
            line = stack.enter_context(lossy_line(delay=delay / 2, loss=loss))
            address, prefix = line.address, line.prefix
        server = sshd.server_in(folder / "sshd", address=address, prefix=prefix)
        command = folder / "sshd" / "bin" / "sbatch"
        command.write_text("#!/bin/sh\ncat >/dev/null\necho 1\n")
        command.chmod(0o755)
        server.start()
        stack.callback(server.stop)
        yield Host(
            name="cluster",
            host=address,
            port=server.port,
            user=server.user,
            key=server.key,
            folder=str(folder / "there"),
            engine=(sys.executable,),
            slurm=SlurmEntry(parallel=4),
        )


def requests(folder: Path, count: int, megabytes: float) -> list[BuildRequest]:
    """Builds of one network with different foldings.

    Args:
        folder: for the network.
        count: how many.
        megabytes: of its graph.
    """
    (folder / "sample").mkdir(parents=True)
    (folder / "dataflow.onnx").write_bytes(os.urandom(int(megabytes * 1e6)))
    (folder / "sample" / "input.npy").write_bytes(os.urandom(50_000))
    return [
        BuildRequest(
            model="net",
            graph=folder / "dataflow.onnx",
            folder=folder,
            folding={"Defaults": {}, "MVAU_0": {"PE": number + 1, "SIMD": 1}},
            folding_name=f"folding{number}",
            board="Pynq-Z2",
            part="xc7z020clg400-1",
            clock_ns=10.0,
            engine=EngineSpec("cluster", (sys.executable,)),
            rehearse=1.0,
        )
        for number in range(count)
    ]


async def send(host: Host, asked: Sequence[BuildRequest], runs_dir: Path) -> dict[str, Any]:
    """Send the builds as one array, and see that all of them are there."""
    async with connect(host.machine, trust=True) as connection:
        link = Link(host, SshConnection(host.machine, connection))
        await link.archive()
        begin = time.monotonic()
        processor = time.process_time()
        runs = await jobs.launch_jobs(asked, runs_dir, link)
        seconds = time.monotonic() - begin
    for run in runs:
        placement = read_placement(run.path)
        assert placement is not None and placement.job == "1"
        there = Path(placement.folder)
        assert (there / "model.onnx").read_bytes() == (run.path / "model.onnx").read_bytes()
        assert (there / "run.json").read_bytes() == (run.path / "run.json").read_bytes()
    size = sum(path.stat().st_size for path in runs[0].path.rglob("*") if path.is_file())
    return {
        "runs": len(runs),
        "seconds": round(seconds, 1),
        "processor_seconds": round(time.process_time() - processor, 1),
        "folder_megabytes": round(size / 1e6, 2),
        "all_folders_megabytes": round(len(runs) * size / 1e6, 1),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--megabytes", type=float, default=2.0)
    parser.add_argument("--delay", type=float, default=0.0, help="seconds there and back")
    parser.add_argument("--loss", type=float, default=0.02)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        asked = requests(folder / "model", options.runs, options.megabytes)
        with cluster(folder, options.delay, options.loss) as host:
            answer = asyncio.run(send(host, asked, folder / "runs"))
    line = {"delay_s": options.delay, "loss": options.loss if options.delay else 0.0}
    print(json.dumps({"line": line, **answer}, indent=2))


if __name__ == "__main__":
    main()
