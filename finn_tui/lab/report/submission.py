"""The folder that is handed in: parts with tables, plots and pictures, two PDFs, and the zip."""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finn_tui.base import files
from finn_tui.base.errors import FinnTuiError
from finn_tui.base.progress import OnProgress, Progress, ignore
from finn_tui.base.text import clean, number
from finn_tui.lab.course import notes, pictures
from finn_tui.lab.course.definition import Course, Part
from finn_tui.lab.course.facts import read_progress
from finn_tui.lab.course.progress import StepProgress
from finn_tui.lab.presets import presets
from finn_tui.lab.report import charts, markdown, typesetter
from finn_tui.lab.report.markdown import Block
from finn_tui.lab.report.typesetter import Task
from finn_tui.lab.results_export import (
    REPORT_COLUMNS,
    SIMULATED,
    comma_separated,
    headings,
    latex,
    provenance,
    texts,
)
from finn_tui.lab.results_export import markdown as markdown_table
from finn_tui.lab.results_table import Experiment, experiments
from finn_tui.runs.folder import list_runs

if TYPE_CHECKING:
    from finn_tui.lab.workspace import Workspace

_HERE = Path(__file__).resolve().parent
#: Pixels per inch of PNGs of screens; a screen of 160 columns becomes 1950 pixels wide.
_PPI = 96.0


@dataclass(frozen=True)
class Gap:
    """Something that a complete submission would have.

    Attributes:
        what: in words, with the part.
        command: what makes it.
    """

    what: str
    command: str


@dataclass(frozen=True)
class Submission:
    """What was written.

    Attributes:
        path: the zip.
        names: of the files in it, in their order.
        gaps: what is still missing.
        notes: what the reader of the answer should know, such as characters without a font.
        simulated: whether any figure in it comes from stand-ins.
    """

    path: Path
    names: tuple[str, ...]
    gaps: tuple[Gap, ...]
    notes: tuple[str, ...]
    simulated: bool


@dataclass
class _PartContent:
    """A part, read.

    Attributes:
        text: the student's notes; None if there are none.
        rows: the runs of its model, oldest first.
        charts: SVGs by file name.
        pictures: of screens.
    """

    part: Part
    text: str | None
    rows: list[Experiment]
    charts: dict[str, str] = field(default_factory=dict)
    pictures: list[Path] = field(default_factory=list)


def check_group(group: str) -> str:
    """Return a group's name, if it can be part of file names.

    Raises:
        FinnTuiError: it cannot.
    """
    if not group or pictures.plain(group) != group or len(group) > 60:
        raise FinnTuiError(
            f"{clean(group)!r} cannot be the name of a group",
            "It becomes the name of the folder and of the zip: letters, digits, '.', '_', '+' "
            "and '-', up to 60.",
            "Give it as your teacher wrote it, such as --group 7.",
            kind="input",
        )
    return group


def gaps_of(steps: Sequence[StepProgress]) -> list[Gap]:
    """Return the steps that are not done, with the command that does each."""
    return [
        Gap(f"{step.place}: {step.step.title}", step.step.command)
        for step in steps
        if not step.done
    ]


async def write(
    workspace: Workspace,
    course: Course,
    group: str,
    out: Path,
    *,
    fonts: Sequence[Path] = (),
    on_progress: OnProgress = ignore,
) -> Submission:
    """Write the zip of a group from what the workspace holds; nothing is invented.

    Args:
        workspace: with runs, notes and pictures.
        course: names the parts.
        group: the group's name.
        out: the zip; replaced in one go.
        fonts: font files for what the machine's fonts do not have.
        on_progress: gets what is going on.

    Raises:
        FinnTuiError: notes that cannot be read, no typesetter, or a full disk.
    """
    check_group(group)
    on_progress(Progress("report", "reading runs and notes"))
    steps = await asyncio.to_thread(read_progress, workspace, course)
    parts = await asyncio.to_thread(_read_parts, workspace, course)
    with tempfile.TemporaryDirectory(prefix="finn-tui-report-") as temporary:
        root = Path(temporary)
        writer = _Writer(workspace, course, group, steps, parts, root)
        await asyncio.to_thread(writer.prepare)
        answer = await typesetter.run(root, writer.tasks, writer.characters, fonts, on_progress)
        remarks = [*writer.problems, *_missing_glyphs(answer.missing)]
        for name, error in answer.errors.items():
            if name.endswith(".pdf"):
                raise FinnTuiError(
                    f"{name} could not be set",
                    clean(error),
                    "Look for pictures in the notes that are damaged, and leave them out.",
                )
            remarks.append(f"{name}: no PNG was made ({clean(error)})")
        on_progress(Progress("report", f"writing {out.name}"))
        names = await asyncio.to_thread(writer.pack, out)
    simulated = any(row.any_simulated for part in parts for row in part.rows)
    return Submission(out, tuple(names), tuple(gaps_of(steps)), tuple(remarks), simulated)


def _missing_glyphs(missing: Sequence[str]) -> list[str]:
    if not missing:
        return []
    shown = " ".join(missing[:12]) + (" ..." if len(missing) > 12 else "")
    return [
        f"no font of this machine has {len(missing)} characters of the text: {shown}. They are "
        "boxes in the PDF. Install a font that has them, such as Noto Sans CJK, or give one with "
        "--font FILE."
    ]


def _read_parts(workspace: Workspace, course: Course) -> list[_PartContent]:
    rows, _ = experiments(list_runs(workspace.runs_dir))
    rows.reverse()
    parts = []
    for part in course.part:
        text = notes.read(notes.folder(workspace) / part.notes)
        own = [row for row in rows if part.model is not None and row.model == part.model]
        content = _PartContent(part, text, own)
        for name, draw in charts.CHARTS.items():
            chart = draw(own)
            if chart is not None:
                content.charts[f"{part.id}-{name}{_mark(own)}.svg"] = chart.svg()
        content.pictures = pictures.paths(workspace, part.id)
        parts.append(content)
    return parts


def _mark(rows: Sequence[Experiment]) -> str:
    return f"-{SIMULATED}" if any(row.any_simulated for row in rows) else ""


class _Writer:
    """Lays out the folder that the typesetter reads, and the one that is handed in."""

    def __init__(
        self,
        workspace: Workspace,
        course: Course,
        group: str,
        steps: Sequence[StepProgress],
        parts: Sequence[_PartContent],
        root: Path,
    ) -> None:
        self._workspace = workspace
        self._course = course
        self._group = group
        self._steps = steps
        self._parts = parts
        self._root = root
        self._copies = 0
        self.tasks: list[Task] = []
        self.problems: list[str] = []
        self.characters = ""
        self._files: dict[str, Path] = {}

    # The folder that is handed in

    def prepare(self) -> None:
        """Write everything that needs no typesetter, and list what does."""
        reports = [part for part in self._parts if part.part.model is not None]
        questions = [part for part in self._parts if part.part.model is None]
        for part in reports:
            self._write_part(part)
        found: set[str] = set()
        for name, title, parts in (
            ("Report", f"{self._course.title}: report", reports),
            ("Question", f"{self._course.title}: questions", questions),
        ):
            document = self._document(title, parts)
            folder = self._root / name
            (folder / "content.json").write_text(json.dumps(document), encoding="utf-8")
            shutil.copyfile(_HERE / "template.typ", folder / "main.typ")
            found.update(markdown.characters(document))
            self.tasks.append(Task(f"{name}/main.typ", f"{name}.pdf"))
            self._files[f"{name}.pdf"] = self._root / f"{name}.pdf"
        self.characters = "".join(sorted(found))[:4000]

    def _write_part(self, part: _PartContent) -> None:
        folder = self._root / "out" / part.part.id
        folder.mkdir(parents=True)
        stem = f"{part.part.id}-{part.part.model}-experiments{_mark(part.rows)}"
        if part.rows:
            origin = "\n".join(provenance(part.rows))
            table = markdown_table(part.rows, REPORT_COLUMNS)
            self._add(part, f"{stem}.md", f"{table}\n{origin}\n")
            self._add(part, f"{stem}.csv", comma_separated(part.rows))
            self._add(part, f"{stem}.tex", latex(part.rows))
        for name, svg in part.charts.items():
            self._add(part, name, svg)
            self._png(part, folder / name)
        for path in part.pictures:
            why = pictures.problem(path, self._workspace.root)
            if why is not None:
                self.problems.append(f"{path.name} is left out: {why}")
                continue
            shutil.copyfile(path, folder / path.name)
            self._files[f"{part.part.id}/{path.name}"] = folder / path.name
            if path.suffix.lower() == ".svg":
                self._png(part, folder / path.name)
        exported = self._workspace.models_dir / (part.part.model or "")
        for path in sorted(exported.glob("*.onnx")) if exported.is_dir() else ():
            self._files[f"{part.part.id}/{path.name}"] = path

    def _add(self, part: _PartContent, name: str, text: str) -> None:
        path = self._root / "out" / part.part.id / name
        path.write_text(text, encoding="utf-8")
        self._files[f"{part.part.id}/{name}"] = path

    def _png(self, part: _PartContent, svg: Path) -> None:
        """List the PNG of an SVG, unless the student has made one."""
        target = svg.with_suffix(".png")
        if any(path.name == target.name for path in part.pictures):
            return
        script = self._root / "picture.typ"
        if not script.exists():
            script.write_text(
                "#set page(width: auto, height: auto, margin: 0pt)\n"
                '#image("/" + sys.inputs.path)\n',
                encoding="utf-8",
            )
        inside = {"path": svg.relative_to(self._root).as_posix()}
        output = target.relative_to(self._root).as_posix()
        self.tasks.append(Task("picture.typ", output, _PPI, inside))
        self._files[f"{part.part.id}/{target.name}"] = target

    def pack(self, out: Path) -> list[str]:
        """Write the zip; returns the names in it."""
        top = f"{self._group}_lab_FINN"
        there = {name: path for name, path in sorted(self._files.items()) if path.is_file()}
        archive = self._root / "archive.zip"
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
            for part in self._parts:
                if part.part.model is not None:
                    # A part without anything is seen to be empty.
                    file.writestr(zipfile.ZipInfo(f"{top}/{part.part.id}/"), b"")
            for name, path in there.items():
                file.write(path, f"{top}/{name}")
        files.replace(out, archive.read_bytes())
        return [f"{top}/{name}" for name in there]

    # The documents

    def _document(self, title: str, parts: Sequence[_PartContent]) -> dict[str, Any]:
        """Return what the template sets, and put the pictures of it into its folder."""
        folder = self._root / title.rsplit(" ", 1)[1].capitalize().rstrip("s")
        folder.mkdir()
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

    def _head(self, parts: Sequence[_PartContent]) -> list[Block]:
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

    def _part_blocks(self, part: _PartContent, folder: Path, *, new_page: bool) -> list[Block]:
        if part.text is None:
            title = part.part.heading
            blocks: list[Block] = [
                markdown.heading(title, 1, new_page=new_page),
                markdown.note(f"No notes yet: report/{part.part.notes} is not there."),
            ]
            read = markdown.Notes(blocks)
        else:
            read = markdown.read(part.text)
            first = next((block for block in read.blocks if block["kind"] == "heading"), None)
            if first is not None and first is read.blocks[0]:
                first["new_page"] = new_page
        used = {block["name"] for block in read.blocks if block["kind"] == "insert"}
        # Results are shown even where the notes do not say where.
        for name in ("table", "plots", "pictures"):
            if part.part.model is not None and name not in used:
                read.blocks.append({"kind": "insert", "name": name})
        resolved: list[Block] = []
        for block in read.blocks:
            resolved += self._resolve(block, part, folder)
        return resolved

    def _resolve(self, block: Block, part: _PartContent, folder: Path) -> list[Block]:
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

    def _table(self, part: _PartContent) -> list[Block]:
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

    def _charts(self, part: _PartContent, folder: Path) -> list[Block]:
        blocks: list[Block] = []
        for name, svg in part.charts.items():
            (folder / name).write_text(svg, encoding="utf-8")
            blocks.append(_picture(name, "", 78))
        return blocks

    def _screens(self, part: _PartContent, folder: Path) -> list[Block]:
        if not part.pictures:
            return []
        blocks = [markdown.heading("Screens", 2)]
        for path in part.pictures:
            if path.suffix.lower() == ".png" and path.with_suffix(".svg") in part.pictures:
                continue
            block = _picture(str(path), path.stem, 100)
            blocks.append(self._image(block, self._workspace.root, folder, part.part.notes))
        return blocks

    def _facts(self, part: _PartContent) -> list[Block]:
        preset = presets().get(part.part.model or "")
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
            rows.insert(1, ("Trained on", [markdown.text(", ".join(sorted(trained)))]))
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
        return {**block, "path": name}


def _picture(path: str, caption: str, width: int) -> Block:
    """Return a picture of so many percent of the page's width."""
    parts = [markdown.text(caption)] if caption else []
    return {"kind": "image", "path": path, "caption": parts, "width": width}
