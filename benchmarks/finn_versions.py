"""Which FINN does what with finn-tui: a table of engines against capabilities, each cell run.

Run by hand, or at night: ``uv run python benchmarks/finn_versions.py ENGINE ...``; engines are
those of ``finn-tui engine list``, and ``1.5.0`` stands for that finn-plus, which is installed.
``--cnv`` adds CNV, ``--no-tfc`` and ``--no-builds`` leave out what they name; ``--cnv=FILE.onnx``
and ``--tfc=FILE.onnx`` are networks that are there already.
``--results=FILE.json`` keeps every row with its date, in place of an older one of the same FINN and
network; ``--docs=FILE.md`` prints all kept rows between the marks of that page, and nothing runs
where no engine is named.
Networks are QONNX files made once by the engine ``finn-plus``, so that all FINNs get the same ones.

Everything runs in a workspace that is thrown away. A build is a rehearsal: FINN's own Python from
end to end, and stand-ins for AMD's tools. Exit code 1 if any cell failed.
"""

from __future__ import annotations

import asyncio
import datetime
import json
import random
import re
import sys
import tempfile
import time
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from finn_tui.base import files
from finn_tui.core.folding import finn_json
from finn_tui.core.folding.knob_values import IllegalFolding
from finn_tui.core.folding.model import Folding, check
from finn_tui.engine import catalogue, provision
from finn_tui.lab.foldings.opened import Opened
from finn_tui.lab.models import presets
from finn_tui.lab.workbench import Workbench
from finn_tui.lab.workspace import Workspace
from finn_tui.runs.launch.processes import reconcile

FOLDINGS = 8
BUILD_SECONDS = 1200.0
#: Published folding with FINN alone: LUT, BRAM_18K, II and latency in cycles, by what a FINN is
#: like (finn-plus by its version).
TRUTH = {
    "tfc": {
        "0.8.1": (9662, 26, 64, 217),
        "0.9": (9662, 26, 64, 217),
        "0.10": (8502, 26, 64, 217),
        "0.10.1": (8502, 26, 64, 217),
        "dev": (8502, 26, 64, 217),
        "1.4.0": (8551, 26, 64, 273),
        "1.5.0": (8502, 26, 64, 273),
        "1.6.0": (8502, 26, 64, 273),
        "1.6.1": (8502, 26, 64, 273),
    },
    "cnv": {
        "0.8.1": (25873, 146, 32768, 247455),
        "0.9": (25873, 146, 32768, 247455),
        "0.10": (23247, 147, 32768, 247306),
        "0.10.1": (23247, 147, 32768, 247306),
        "dev": (24007, 147, 32768, 251600),
        "1.4.0": (24034, 147, 32768, 251600),
        "1.5.0": (24007, 147, 32768, 251600),
        "1.6.0": (24007, 147, 32768, 251600),
        "1.6.1": (24007, 147, 32768, 251600),
    },
}
MARKS = ("<!-- printed by benchmarks/finn_versions.py -->", "<!-- end -->")
COLUMNS = ("starts", "prepares", "opens", "tables", "truth", "published", "SetFolding", "builds")


class Failed(Exception):
    """A cell that is not as it should be; the text says how."""


@dataclass
class Row:
    """One FINN and one network.

    Attributes:
        lab: with its engine.
        network: "tfc" or "cnv".
        source: its QONNX file, or a preset's name.
        no_builds: leave out what takes longest.
        cells: by column, what was seen; begins with "FAILED" where it failed.
    """

    lab: Workbench
    network: str
    source: str
    no_builds: bool = False
    cells: dict[str, str] = field(default_factory=dict)
    opened: Opened | None = None

    async def starts(self) -> str:
        """Ask for version, boards and limits."""
        info = await self.lab.info()
        return str(info["version"])

    async def prepares(self) -> str:
        """Make the dataflow graph, its design and its tables."""
        self.opened = await self.lab.open(self.source, board="Pynq-Z2", clock_ns=10.0)
        checked = [stage for stage in self.opened.model.stages if stage.check]
        return (
            f"{len(self.opened.design.layers)} layers, {len(checked)} of "
            f"{len(self.opened.model.stages)} stages checked"
        )

    async def opens(self) -> str:
        """Open every intermediate graph of this FINN by itself, and go on from there."""
        opened = self._opened
        engine = await self.lab.engine()
        with tempfile.TemporaryDirectory() as folder:
            for number, stage in enumerate(opened.model.stages):
                answer = await engine.call(
                    "prepare",
                    {
                        "source": {"kind": "onnx", "path": str(stage.path)},
                        "out": f"{folder}/{number}",
                        "board": "Pynq-Z2",
                        "clock_ns": 10.0,
                        "check": False,
                    },
                )
                layers = answer["stages"][-1]["nodes"]
                if layers != len(opened.design.layers):
                    raise Failed(f"{stage.name} became {layers} layers")
        return f"{len(opened.model.stages)} graphs"

    async def tables(self) -> str:
        """Compare random foldings with FINN's own reports, layer by layer."""
        opened = self._opened
        rng = random.Random(7)
        rows = 0
        for _ in range(FOLDINGS):
            rows += await self._compare(self._random(opened, rng))
        return f"{rows} layer rows equal"

    def _random(self, opened: Opened, rng: random.Random) -> Folding:
        """A folding of one random legal point for each layer."""
        editor = opened.editor
        folding = editor.folding
        for layer in opened.design.layers:
            for _ in range(50):
                values = dict(folding.values[layer.name])
                for knob in layer.knobs:
                    values[knob.name] = rng.choice(knob.values)
                tried = folding.with_layer(layer.name, values)
                try:
                    check(opened.design, editor.tables, tried)
                except IllegalFolding:
                    continue
                folding = tried
                break
        return folding

    async def _compare(self, folding: Folding) -> int:
        """Count equal layers of a folding; ``Failed`` names the first that differs."""
        opened = self._opened
        estimate = opened.editor.estimate_of(folding)
        engine = await self.lab.engine()
        report = await engine.call(
            "reports",
            {
                "path": str(opened.model.dataflow),
                "part": opened.editor.device.part,
                "folding": finn_json.to_json(opened.design, folding),
            },
        )
        names = ("LUT", "BRAM_18K", "URAM", "DSP")
        for cost in estimate.layers:
            ours = (cost.cycles, *(cost.resources[name] for name in names))
            finn = report["resources"][cost.name]
            theirs = (report["cycles"][cost.name], *(finn.get(name, 0) for name in names))
            if ours != theirs:
                raise Failed(f"{cost.name}: {ours}, FINN says {theirs}")
        return len(opened.design.layers)

    async def truth(self) -> str:
        """Compare the published folding with what that FINN says alone."""
        opened = self._opened
        folding = self._published(opened)
        await self._compare(folding)
        engine = await self.lab.engine()
        report = await engine.call(
            "reports",
            {
                "path": str(opened.model.dataflow),
                "part": opened.editor.device.part,
                "folding": finn_json.to_json(opened.design, folding),
            },
        )
        rows = [report["resources"][layer.name] for layer in opened.design.layers]
        performance = report["performance"]
        seen = (
            round(sum(row["LUT"] for row in rows)),
            round(sum(row["BRAM_18K"] for row in rows)),
            int(performance["max_cycles"]),
            int(performance["critical_path_cycles"]),
        )
        version = self.cells["starts"]
        key = version.split()[1] if version.startswith("like ") else version
        wanted = TRUTH[self.network].get(key)
        if wanted is None:
            return f"{seen}: no truth kept for {key}"
        if seen != wanted:
            raise Failed(f"{seen}, kept is {wanted}")
        return "equal"

    def _published(self, opened: Opened) -> Folding:
        preset = presets.presets()[f"{self.network}-w1a1"]
        return preset.folding("published", opened.design, opened.editor.tables)

    async def published(self) -> str:
        """Apply the lab's tuples."""
        opened = self._opened
        folding = self._published(opened)
        opened.editor = replace_folding(opened, folding)
        return f"II {opened.editor.estimate_of(folding).ii_cycles:,}"

    async def set_folding(self) -> str:
        """Ask FINN's own heuristic."""
        opened = self._opened
        engine = await self.lab.engine()
        answer = await engine.call(
            "setfolding",
            {
                "path": str(opened.model.dataflow),
                "part": opened.editor.device.part,
                "cycles": 1000 if self.network == "tfc" else 50_000,
            },
        )
        return f"{len(answer['folding'])} layers"

    async def builds(self) -> str:
        """Rehearse a build of the published folding."""
        if self.no_builds:
            return "not run: --no-builds"
        opened = self._opened
        start = time.monotonic()
        run = await self.lab.build(opened, rehearse=True, seconds=1.0)
        while not (state := await asyncio.to_thread(reconcile, run)).final:
            if time.monotonic() - start > BUILD_SECONDS:
                raise Failed(f"not finished after {BUILD_SECONDS:.0f} s")
            await asyncio.sleep(0.5)
        if state.error is not None:
            raise Failed(f"{state.error}")
        if not list(run.deploy.rglob("*.bit")):
            raise Failed("no bitstream")
        if run.results().get("post_synthesis") is None:
            raise Failed("no figures after synthesis")
        return f"{time.monotonic() - start:.0f} s"

    @property
    def _opened(self) -> Opened:
        if self.opened is None:
            raise Failed("not prepared")
        return self.opened

    async def fill(self) -> None:
        """Run every cell."""
        work: tuple[Callable[[], Awaitable[str]], ...] = (
            self.starts,
            self.prepares,
            self.opens,
            self.tables,
            self.truth,
            self.published,
            self.set_folding,
            self.builds,
        )
        for column, cell in zip(COLUMNS, work, strict=True):
            try:
                self.cells[column] = await cell()
            except Exception as error:  # the table's boundary: a failure is a cell of it
                if not isinstance(error, Failed):
                    traceback.print_exc()
                self.cells[column] = f"FAILED: {error}"
            print(f"  {self.network} {column}: {self.cells[column]}", file=sys.stderr, flush=True)


def replace_folding(opened: Opened, folding: Folding) -> Any:
    """The editor with another folding."""
    old = opened.editor
    return type(old)(
        old.design, old.tables, old.device, old.clock_ns, folding, folding, "published", old.costs
    )


def keep(file: Path, name: str, row: Row) -> None:
    """Write a row into a file of results, with today's date."""
    rows = json.loads(file.read_text("utf-8")) if file.exists() else {}
    date = datetime.datetime.now(datetime.UTC).date().isoformat()
    rows[f"{name} {row.network}"] = {"date": date, "cells": row.cells}
    ordered = sorted(rows.items(), key=lambda each: _order(each[0]))
    files.replace(file, json.dumps(dict(ordered), indent=1) + "\n")


def _order(key: str) -> tuple[bool, list[int], str]:
    """Upstream by version, ``main`` and ``dev`` after them, then finn-plus."""
    numbers = [int(each) for each in re.findall(r"\d+", key)]
    return key.startswith("finn-plus"), numbers or [99], key


def table(rows: dict[str, dict[str, Any]]) -> str:
    """Return kept rows as a Markdown table."""
    lines = [
        "| FINN | network | " + " | ".join(COLUMNS) + " | date |",
        "|---|---|" + "---|" * (len(COLUMNS) + 1),
    ]
    for key, row in rows.items():
        texts = [row["cells"][each].splitlines()[0].replace("|", "/")[:120] for each in COLUMNS]
        name, _, network = key.rpartition(" ")
        lines.append(f"| {name} | {network} | {' | '.join(texts)} | {row['date']} |")
    return "\n".join(lines) + "\n"


def into_docs(results: Path, page: Path) -> None:
    """Print the kept rows between the marks of a page."""
    text = page.read_text("utf-8")
    before, rest = text.split(MARKS[0])
    after = rest.split(MARKS[1])[1]
    rows = table(json.loads(results.read_text("utf-8")))
    page.write_text(f"{before}{MARKS[0]}\n{rows}{MARKS[1]}{after}", "utf-8")


async def _spec(name: str) -> catalogue.EngineSpec:
    if name[0].isdigit():
        return await provision.install(version=name)
    spec = catalogue.find(name)
    return spec or await provision.install()


async def main(arguments: list[str]) -> int:
    """Print the table as Markdown and return the exit code."""
    networks = ["tfc", *(["cnv"] if "--cnv" in arguments else [])]
    if "--no-tfc" in arguments:
        networks.remove("tfc")
    names = [each for each in arguments if not each.startswith("-")]
    names = names or ([] if "--docs" in " ".join(arguments) else ["finn-plus"])
    sources = {
        network: Path(each.partition("=")[2])
        for network in networks
        for each in arguments
        if each.startswith(f"--{network}=")
    }
    no_builds = "--no-builds" in arguments
    rows: list[tuple[str, Row]] = []
    results = next((Path(each[10:]) for each in arguments if each.startswith("--results=")), None)
    page = next((Path(each[7:]) for each in arguments if each.startswith("--docs=")), None)
    with tempfile.TemporaryDirectory(prefix="finn-versions-") as folder:
        for network in networks:
            if network not in sources:
                async with Workbench(Workspace.open(Path(folder) / "export")) as lab:
                    sources[network] = Path(folder) / f"{network}.onnx"
                    await lab.export(f"{network}-w1a1", sources[network])
        for name in names:
            spec = await _spec(name)
            print(f"{spec.name}: {' '.join(spec.command)}", file=sys.stderr, flush=True)
            for network in networks:
                workspace = Workspace.open(Path(folder) / f"{spec.name}-{network}")
                async with Workbench(workspace, engine_name=spec.name) as lab:
                    row = Row(lab, network, str(sources[network]), no_builds)
                    await row.fill()
                    rows.append((spec.name, row))
                    if results is not None:
                        keep(results, spec.name, row)
    if results is not None and page is not None:
        into_docs(results, page)
    today = {f"{name} {row.network}": {"date": "today", "cells": row.cells} for name, row in rows}
    print(table(today), end="")
    return int(any(cell.startswith("FAILED") for _, row in rows for cell in row.cells.values()))


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1:])))
