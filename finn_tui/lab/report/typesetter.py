"""Typst, which makes PDFs of documents and PNGs of SVGs, in an environment of its own.

It brings fonts, a renderer of SVG and the PDF writer in one wheel of 34 MB: too much for everyone
who never hands in a report, so that uv fetches it at the first report, like the engine. What it
sets comes as data in a folder, and it reads nothing outside of that folder but fonts.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from finn_tui.base import environments, paths, subprocesses
from finn_tui.base.errors import FinnTuiError
from finn_tui.base.progress import OnProgress, Progress, ignore
from finn_tui.base.text import clean

VERSION = "0.15.2"
#: An interpreter that has typst already; machines without a network use it.
VARIABLE = "FINN_TUI_REPORT_PYTHON"
#: Families that are preferred for what the fonts that come along do not have.
FALLBACK_FONTS = (
    "Noto Sans CJK TC",
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",
    "Noto Sans TC",
    "Microsoft JhengHei",
    "PingFang TC",
    "WenQuanYi Micro Hei",
    "Droid Sans Fallback",
    "DejaVu Sans Mono",
)
_HERE = Path(__file__).resolve().parent
#: Seconds that setting everything may take.
_LIMIT = 300.0


@dataclass(frozen=True)
class Task:
    """One file to make.

    Attributes:
        input: a Typst file in the folder.
        output: name of the file to write in the folder: .pdf or .png.
        ppi: pixels per inch of a PNG.
        inputs: what the Typst file is given.
    """

    input: str
    output: str
    ppi: float | None = None
    inputs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Typeset:
    """What came of it.

    Attributes:
        missing: characters that no font of this machine has.
        errors: why a file could not be made, by its name.
        damaged: pictures of documents that cannot be shown, in words.
    """

    missing: tuple[str, ...]
    errors: Mapping[str, str]
    damaged: tuple[str, ...]


def recipe() -> environments.Recipe:
    """Return what uv installs."""
    requirement = f"typst=={VERSION}"
    return environments.Recipe("typesetter of reports", "3.11", ((requirement,),), requirement)


async def ensure(on_progress: OnProgress = ignore) -> Path:
    """Return the interpreter of the typesetter's environment, made at the first need.

    Raises:
        FinnTuiError: it could not be installed, or the one named in ``FINN_TUI_REPORT_PYTHON`` is
            not there.
    """
    named = os.environ.get(VARIABLE)
    if named:
        if Path(named).exists():
            return Path(named)
        raise FinnTuiError(
            f"there is no Python at {named}",
            f"{VARIABLE} names it for the PDFs of reports.",
            f"Correct {VARIABLE} or unset it.",
        )
    return await environments.ensure(paths.data_dir() / "typesetter", recipe(), on_progress)


async def run(
    folder: Path,
    tasks: Sequence[Task],
    characters: str = "",
    fonts: Sequence[Path] = (),
    on_progress: OnProgress = ignore,
) -> Typeset:
    """Make files in a folder.

    Args:
        folder: holds all that is read; nothing outside of it is.
        tasks: what to make.
        characters: looked for in the fonts.
        fonts: font files to use beside those of the machine.
        on_progress: gets what is going on.

    Raises:
        FinnTuiError: the typesetter is not there, or ends without an answer.
    """
    python = await ensure(on_progress)
    on_progress(Progress("report", f"setting {len(tasks)} documents and pictures"))
    await asyncio.to_thread(_write_job, folder, tasks, characters, fonts)
    process = await asyncio.create_subprocess_exec(
        str(python),
        "-I",
        str(_HERE / "typst_job.py"),
        str(folder),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(_LIMIT):
            out, err = await process.communicate()
    except TimeoutError as error:
        raise FinnTuiError(
            f"the report was not set within {_LIMIT:.0f} s",
            "The typesetter was ended.",
            "Leave out large pictures, or split the text.",
        ) from error
    finally:
        await subprocesses.end(process)
    try:
        answer = json.loads(out)
        return Typeset(
            tuple(answer["missing"]), dict(answer["errors"]), tuple(map(clean, answer["damaged"]))
        )
    except (ValueError, KeyError, TypeError) as error:
        raise FinnTuiError(
            "the report could not be set",
            f"Typst ended with exit code {process.returncode}.",
            f"Remove {paths.data_dir() / 'typesetter'}; it is installed again.",
            detail=err.decode("utf-8", "replace")[-4000:],
        ) from error


def _write_job(folder: Path, tasks: Sequence[Task], characters: str, fonts: Sequence[Path]) -> None:
    job: dict[str, Any] = {
        "tasks": [
            {"input": task.input, "output": task.output, "inputs": dict(task.inputs)}
            | ({"ppi": task.ppi} if task.ppi else {})
            for task in tasks
        ],
        "characters": characters,
        "fonts": ["Libertinus Serif", *FALLBACK_FONTS],
    }
    (folder / "job.json").write_text(json.dumps(job), encoding="utf-8")
    for font in fonts:
        (folder / "fonts").mkdir(exist_ok=True)
        shutil.copyfile(font, folder / "fonts" / font.name)
