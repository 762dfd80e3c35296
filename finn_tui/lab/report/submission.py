"""The folder that is handed in: parts with tables, plots and pictures, two PDFs, and the zip."""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from finn_tui.base import files
from finn_tui.base.errors import FinnTuiError
from finn_tui.base.progress import OnProgress, Progress, ignore
from finn_tui.base.text import clean
from finn_tui.lab.course import notes, pictures
from finn_tui.lab.course.definition import Course
from finn_tui.lab.course.facts import exported_path, read_progress, trainings
from finn_tui.lab.course.progress import StepProgress
from finn_tui.lab.report import charts, markdown, typesetter
from finn_tui.lab.report.document import DocumentWriter, PartContent
from finn_tui.lab.report.typesetter import Task
from finn_tui.lab.results.results_export import (
    REPORT_COLUMNS,
    SIMULATED,
    comma_separated,
    latex,
    provenance,
)
from finn_tui.lab.results.results_export import markdown as markdown_table
from finn_tui.lab.results.results_table import Experiment, experiments
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


def _todo_gaps(parts: Sequence[PartContent], workspace: Workspace) -> list[Gap]:
    """Return the notes that are handed in with places that are still to be written."""
    counts = [(each.part, notes.open_places(each.text or "")) for each in parts]
    return [
        Gap(
            f"{part.label}: {part.notes} still has {count} TODO",
            f"edit {notes.folder(workspace) / part.notes}",
        )
        for part, count in counts
        if count
    ]


def gaps_of(steps: Sequence[StepProgress]) -> list[Gap]:
    """Return the steps that are not done, with the command that does each."""
    return [
        Gap(f"{step.place}: {step.step.title}", step.command) for step in steps if not step.done
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
        remarks = [*writer.problems, *answer.damaged, *_missing_glyphs(answer.missing)]
        for name, error in answer.errors.items():
            if name.endswith(".pdf"):
                raise FinnTuiError(
                    f"{name} could not be set",
                    clean(error),
                    "Shorten the notes of that document until it can be set.",
                )
            remarks.append(f"{name}: no PNG was made ({clean(error)})")
        on_progress(Progress("report", f"writing {out.name}"))
        names = await asyncio.to_thread(writer.pack, out)
    simulated = any(row.any_simulated for part in parts for row in part.rows)
    gaps = (*gaps_of(steps), *_todo_gaps(parts, workspace))
    return Submission(out, tuple(names), gaps, tuple(remarks), simulated)


def _missing_glyphs(missing: Sequence[str]) -> list[str]:
    if not missing:
        return []
    shown = " ".join(missing[:12]) + (" ..." if len(missing) > 12 else "")
    return [
        f"no font of this machine has {len(missing)} characters of the text: {shown}. They are "
        "boxes in the PDF. Install a font that has them, such as Noto Sans CJK, or give one with "
        "--font FILE."
    ]


def _read_parts(workspace: Workspace, course: Course) -> list[PartContent]:
    runs = list_runs(workspace.runs_dir)
    rows, _ = experiments(runs)
    trained = list(trainings(runs))
    rows.reverse()
    parts = []
    for part in course.part:
        text = notes.read(notes.folder(workspace) / part.notes)
        own = [row for row in rows if part.model is not None and row.model == part.model]
        content = PartContent(part, text, own)
        for name, draw in charts.CHARTS.items():
            chart = draw(own)
            if chart is not None:
                content.charts[f"{part.id}-{name}{_mark(own)}.svg"] = chart.svg()
        content.pictures = pictures.paths(workspace, part.id)
        content.trainings = [each for each in trained if each.model == part.model]
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
        parts: Sequence[PartContent],
        root: Path,
    ) -> None:
        self._workspace = workspace
        self._course = course
        self._group = group
        self._parts = parts
        self._root = root
        self._documents = DocumentWriter(workspace, group, steps)
        self.tasks: list[Task] = []
        self._left_out: list[str] = []
        self.characters = ""
        self._files: dict[str, Path] = {}

    @property
    def problems(self) -> list[str]:
        """What was left out, in words."""
        return [*self._documents.problems, *self._left_out]

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
            folder = self._root / name
            folder.mkdir()
            document = self._documents.document(title, parts, folder)
            (folder / "content.json").write_text(json.dumps(document), encoding="utf-8")
            shutil.copyfile(_HERE / "template.typ", folder / "main.typ")
            found.update(markdown.characters(document))
            self.tasks.append(Task(f"{name}/main.typ", f"{name}.pdf"))
            self._files[f"{name}.pdf"] = self._root / f"{name}.pdf"
        self.characters = "".join(sorted(found))[:4000]

    def _write_part(self, part: PartContent) -> None:
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
                self._left_out.append(f"{path.name} is left out: {why}")
                continue
            shutil.copyfile(path, folder / path.name)
            self._files[f"{part.part.id}/{path.name}"] = folder / path.name
            if path.suffix.lower() == ".svg":
                self._png(part, folder / path.name)
        exported = exported_path(self._workspace, part.part.model or "")
        if exported is not None:
            self._files[f"{part.part.id}/{exported.name}"] = exported

    def _add(self, part: PartContent, name: str, text: str) -> None:
        path = self._root / "out" / part.part.id / name
        path.write_text(text, encoding="utf-8")
        self._files[f"{part.part.id}/{name}"] = path

    def _png(self, part: PartContent, svg: Path) -> None:
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
        # Exported files may be dated before 1980, for which a zip has no date.
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False) as file:
            for part in self._parts:
                if part.part.model is not None:
                    # A part without anything is seen to be empty.
                    file.writestr(zipfile.ZipInfo(f"{top}/{part.part.id}/"), b"")
            for name, path in there.items():
                file.write(path, f"{top}/{name}")
        files.replace(out, archive.read_bytes())
        return [f"{top}/{name}" for name in there]
