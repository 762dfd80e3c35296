"""The documents of a submission as data: what the template sets, and the pictures in it."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finn_tui.base.text import clean, number
from finn_tui.lab.course import notes, pictures
from finn_tui.lab.course.definition import Part
from finn_tui.lab.course.progress import StepProgress, TrainingFact
from finn_tui.lab.models.presets import presets
from finn_tui.lab.report import markdown, typesetter
from finn_tui.lab.report.markdown import Block
from finn_tui.lab.results.results_export import (
    REPORT_COLUMNS,
    SIMULATED,
    dataset_title,
    headings,
    provenance,
    texts,
)
from finn_tui.lab.results.results_table import Experiment

if TYPE_CHECKING:
    from finn_tui.lab.workspace import Workspace


@dataclass
class PartContent:
    """A part, read.

    Attributes:
        text: the student's notes; None if there are none.
        rows: the runs of its model, oldest first.
        charts: SVGs by file name.
        pictures: of screens.
        trainings: of its model that have ended well, newest first.
    """

    part: Part
    text: str | None
    rows: list[Experiment]
    charts: dict[str, str] = field(default_factory=dict)
    pictures: list[Path] = field(default_factory=list)
    trainings: list[TrainingFact] = field(default_factory=list)


class DocumentWriter:
    """Makes documents of parts, and puts the pictures that they show into their folders.

    Attributes:
        problems: what was left out, in words.
    """

    def __init__(self, workspace: Workspace, group: str, steps: Sequence[StepProgress]) -> None:
        self._workspace = workspace
        self._group = group
        self._steps = steps
        self._copies = 0
        self.problems: list[str] = []

    def document(self, title: str, parts: Sequence[PartContent], folder: Path) -> dict[str, Any]:
        """Return what the template sets.

        Args:
            title: of the document.
            parts: that it has.
            folder: gets the pictures of it.
        """
        blocks: list[Block] = []
        for at, part in enumerate(parts):
            blocks += self._part_blocks(part, folder, new_page=at > 0)
        version = metadata.version("finn-tui")
        return {
            "title": title,
            "group": f"Group {self._group}",
            "footer": f"made with finn-tui {version}",
            "language": "en",
            "fonts": list(typesetter.FALLBACK_FONTS),
            "head": self._head(parts),
            "blocks": blocks,
        }

    def _head(self, parts: Sequence[PartContent]) -> list[Block]:
        rows: list[tuple[str, list[markdown.Inline]]] = [
            ("Group", [markdown.text(self._group)]),
            ("Date", [markdown.text(datetime.now(UTC).strftime("%Y-%m-%d"))]),
        ]
        head: list[Block] = [{"kind": "facts", "rows": rows}]
        if any(row.any_simulated for part in parts for row in part.rows):
            remark = (
                " Figures with this mark come from rehearsals: stand-ins for Vivado and Vitis "
                "HLS, and a simulated board. They show that the flow works, and are no "
                "measurements of hardware."
            )
            head.append({"kind": "note", "parts": [{"kind": "simulated"}, markdown.text(remark)]})
        missing = [
            step
            for step in self._steps
            if not step.done and any(step.part.id == part.part.id for part in parts)
        ]
        if missing:
            items = [[markdown.paragraph(f"{step.place}: {step.step.title}")] for step in missing]
            head.append(markdown.note("Not done when this was made:"))
            head.append({"kind": "list", "ordered": False, "start": 1, "items": items})
        return head

    def _part_blocks(self, part: PartContent, folder: Path, *, new_page: bool) -> list[Block]:
        if part.text is None:
            title = part.part.heading
            blocks = [
                markdown.heading(title, 1, new_page=new_page),
                markdown.note(f"No notes yet: report/{part.part.notes} is not there."),
            ]
        else:
            blocks = markdown.read(part.text)
            if blocks and blocks[0]["kind"] == "heading":
                blocks[0]["new_page"] = new_page
        used = {block["name"] for block in blocks if block["kind"] == "insert"}
        # Results are shown even where the notes do not say where.
        for name in ("table", "plots", "pictures"):
            if part.part.model is not None and name not in used:
                blocks.append({"kind": "insert", "name": name})
        resolved: list[Block] = []
        for block in blocks:
            resolved += self._resolve(block, part, folder)
        return resolved

    def _resolve(self, block: Block, part: PartContent, folder: Path) -> list[Block]:
        if block["kind"] == "image":
            return [self._image(block, notes.folder(self._workspace), folder, part.part.notes)]
        if block["kind"] == "list":
            items = [
                [inner for child in item for inner in self._resolve(child, part, folder)]
                for item in block["items"]
            ]
            return [{**block, "items": items}]
        if block["kind"] == "quote":
            inner = [one for child in block["blocks"] for one in self._resolve(child, part, folder)]
            return [{**block, "blocks": inner}]
        if block["kind"] != "insert":
            return [block]
        inserts = {
            "table": self._table,
            "plots": lambda part: self._charts(part, folder),
            "pictures": lambda part: self._screens(part, folder),
            "facts": self._facts,
        }
        insert = inserts.get(block["name"])
        if insert is None:
            self.problems.append(
                f"{part.part.notes}: [[{block['name']}]] is unknown; there are "
                + ", ".join(f"[[{name}]]" for name in inserts)
            )
            return [markdown.paragraph(f"[[{block['name']}]]")]
        return insert(part)

    def _table(self, part: PartContent) -> list[Block]:
        if not part.rows:
            return [markdown.note(f"No run of {part.part.model} yet.")]
        columns = [
            column
            for column in REPORT_COLUMNS
            # A column without anything only makes the others narrow.
            if any(column.text(row) not in ("-", "") for row in part.rows)
        ]
        cells = [
            [
                [{"kind": "simulated"}] if cell == SIMULATED else [markdown.text(cell)]
                for cell in line
            ]
            for line in texts(part.rows, columns)
        ]
        table = markdown.table(
            [[markdown.text(title)] for title in headings(columns)],
            cells,
            ["right" if column.right else "left" for column in columns],
            f"Experiments with {part.part.model}. The estimate of LUT counts layers, FIFOs, width "
            "converters and the shell; error: estimate against build.",
        )
        origin: list[markdown.Inline] = []
        for line in provenance(part.rows):
            origin += [{"kind": "break"}] if origin else []
            if line.startswith(SIMULATED):
                origin.append({"kind": "simulated"})
            origin.append(markdown.text(line.removeprefix(f"{SIMULATED}:")))
        return [table, {"kind": "note", "parts": origin}] if origin else [table]

    def _charts(self, part: PartContent, folder: Path) -> list[Block]:
        blocks: list[Block] = []
        for name, svg in part.charts.items():
            (folder / name).write_text(svg, encoding="utf-8")
            blocks.append(_picture(name, "", 78))
        return blocks

    def _screens(self, part: PartContent, folder: Path) -> list[Block]:
        if not part.pictures:
            return []
        blocks = [markdown.heading("Screens", 2)]
        for path in part.pictures:
            if path.suffix.lower() == ".png" and path.with_suffix(".svg") in part.pictures:
                continue
            block = _picture(str(path), path.stem, 100)
            blocks.append(self._image(block, self._workspace.root, folder, part.part.notes))
        return blocks

    def _facts(self, part: PartContent) -> list[Block]:
        preset = presets(self._workspace.root).get(part.part.model or "")
        if preset is None:
            return []
        rows = [
            ("Network", [markdown.text(f"{preset.name}: {preset.title}")]),
            *(
                ("Published" if at == 0 else "", [markdown.text(line)])
                for at, line in enumerate(preset.published)
            ),
        ]
        trained = {row.trained_on for row in part.rows if row.trained_on}
        if trained:
            names = ", ".join(map(dataset_title, sorted(trained)))
            rows.insert(1, ("Trained on", [markdown.text(names)]))
        if part.trainings:
            text = f"{part.trainings[0].text()}, in software"
            rows.insert(1, ("Training", [markdown.text(text)]))
        boards = {(row.board, row.clock_ns) for row in part.rows}
        for board, clock in sorted(boards):
            rows.insert(1, ("Board", [markdown.text(f"{board}, {number(1000 / clock)} MHz")]))
        return [{"kind": "facts", "rows": rows}]

    def _image(self, block: Block, base: Path, folder: Path, source: str) -> Block:
        """Copy a picture into the document's folder; a remark where it cannot be shown."""
        path = Path(block["path"])
        remote = "://" in block["path"] or block["path"].startswith("data:")
        place = path if path.is_absolute() else base / path
        why = "nothing is fetched" if remote else pictures.problem(place, self._workspace.root)
        if why is not None:
            text = clean(block["path"])[:120]
            self.problems.append(f"{source}: the picture {text} is left out: {why}")
            return markdown.note(f"The picture {text} is left out: {why}.")
        self._copies += 1
        name = f"picture-{self._copies}{place.suffix.lower()}"
        shutil.copyfile(place, folder / name)
        return {**block, "path": name, "title": clean(place.name)}


def _picture(path: str, caption: str, width: int) -> Block:
    """Return a picture of so many percent of the page's width."""
    parts = [markdown.text(caption)] if caption else []
    return {"kind": "image", "path": path, "caption": parts, "width": width}
