"""The workspace: a folder with the user's models, foldings, runs and settings."""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from finn_tui.core.device import clock_period
from finn_tui.errors import FinnTuiError

SETTINGS = "finn-tui.toml"
ALERTS = ("osc9", "osc777", "bell", "off")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")


@dataclass
class Settings:
    """What finn-tui.toml says; every key may be missing.

    Attributes:
        board: FINN's name of the board.
        clock_ns: clock period that is asked of synthesis.
        engine: name of the engine; empty means the first there is, or the one that is installed.
        model: the model that the app opens.
        rehearse: build with stand-ins for AMD's tools.
        rehearsal_seconds: how long the stand-ins take in all.
        parallel_builds: how many builds run at once; the others wait for their turn.
        notify: a shell command that is started when a build has ended, with FINN_TUI_RUN,
            FINN_TUI_STATE and FINN_TUI_FOLDER in its environment.
        alert: how the terminal tells that a build has ended: ``osc9`` and ``osc777`` (what
            terminals make desktop messages of), ``bell``, or ``off``.
        to: name of the PYNQ machine that `d` deploys to.
        boards: parts and budgets of boards that FINN does not know, by name:
            ``[boards.MyBoard]``, ``part = "xc7z010clg400-1"``, ``LUT = 17600``, ...
    """

    board: str = "Pynq-Z2"
    clock_ns: float = 10.0
    engine: str = ""
    model: str = ""
    rehearse: bool = False
    rehearsal_seconds: float = 30.0
    parallel_builds: int = 1
    notify: str = ""
    alert: str = "osc9"
    to: str = "simulated"
    boards: dict[str, dict[str, Any]] = field(default_factory=dict)


class Workspace:
    """A folder that holds one user's work; see DESIGN "What lies on disk"."""

    def __init__(self, root: Path, settings: Settings) -> None:
        self.root = root
        self.settings = settings

    @classmethod
    def open(cls, root: Path) -> Workspace:
        """Open a folder as a workspace; it is made when something is first written.

        Raises:
            FinnTuiError: if it is no folder, or its settings cannot be understood.
        """
        root = root.expanduser().absolute()
        if root.exists() and not root.is_dir():
            raise FinnTuiError(
                f"{root} is not a folder",
                "A workspace is a folder in which models, foldings and runs are kept.",
                "Name a folder with --workspace; it may be a new one.",
            )
        return cls(root, _read_settings(root / SETTINGS))

    @property
    def models_dir(self) -> Path:
        """One folder a model."""
        return self.root / "models"

    @property
    def foldings_dir(self) -> Path:
        """Foldings that the user saved."""
        return self.root / "foldings"

    @property
    def runs_dir(self) -> Path:
        """One folder a run."""
        return self.root / "runs"

    def models(self) -> list[str]:
        """Names of the models that have been prepared here."""
        found = self.models_dir.glob("*/*/model.json") if self.models_dir.is_dir() else ()
        return sorted({path.parent.parent.name for path in found})

    def foldings(self) -> dict[str, Path]:
        """Saved foldings by name."""
        if not self.foldings_dir.is_dir():
            return {}
        return {path.stem: path for path in sorted(self.foldings_dir.glob("*.json"))}

    def save_folding(self, name: str, document: dict[str, Any]) -> Path:
        """Save a folding under a name, over an older one of that name.

        Raises:
            FinnTuiError: for a name that is no plain file name, or a disk that does not take it.
        """
        path = self.foldings_dir / f"{plain_name(name)}.json"
        write_text(path, json.dumps(document, indent=2) + "\n")
        return path

    def save_settings(self) -> None:
        """Write the settings that differ from the defaults; comments in the file stay."""
        # Only who writes settings needs it; it takes a tenth of the app's start to import.
        import tomlkit

        path = self.root / SETTINGS
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            text = ""
        document = tomlkit.parse(text)
        defaults = Settings()
        for key in vars(defaults):
            value = getattr(self.settings, key)
            if key in document or value != getattr(defaults, key):
                document[key] = value
        write_text(path, tomlkit.dumps(document))


def plain_name(name: str) -> str:
    """``name``, if it can be a file's name everywhere. Raises ``FinnTuiError`` otherwise."""
    if not _NAME.fullmatch(name):
        raise FinnTuiError(
            f"{name!r} cannot be a name",
            "A name starts with a letter or digit and has letters, digits, '.', '_' and '-' only.",
            "Choose another name.",
        )
    return name


def write_text(path: Path, text: str) -> None:
    """Replace a file's content in one go. Raises ``FinnTuiError`` (kind "disk") if that fails."""
    partial = path.with_name(path.name + ".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        raise FinnTuiError(
            f"{path} could not be written",
            str(error),
            "Make room on the disk or choose another workspace; nothing that was there is lost.",
            kind="disk",
        ) from error


def _read_settings(path: Path) -> Settings:
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Settings()
    except (OSError, ValueError) as error:
        raise FinnTuiError(
            f"{path} cannot be read", str(error), "Correct the file, or remove it."
        ) from error
    settings = Settings()
    for key, value in document.items():
        if not hasattr(settings, key):
            raise FinnTuiError(
                f"{path}: {key} is no setting",
                f"Settings are {', '.join(vars(settings))}.",
                "Correct the name, or remove the line.",
            )
        wanted = type(getattr(settings, key))
        if wanted is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if type(value) is not wanted:
            raise FinnTuiError(
                f"{path}: {key} = {value!r} is not understood",
                f"It must be a {wanted.__name__}.",
                f"The default is {getattr(settings, key)!r}.",
            )
        setattr(settings, key, value)
    if settings.parallel_builds < 1:
        raise FinnTuiError(
            f"{path}: parallel_builds = {settings.parallel_builds} would never build anything",
            "It is how many builds run at once.",
            "Write 1 or more.",
        )
    if settings.alert not in ALERTS:
        raise FinnTuiError(
            f"{path}: alert = {settings.alert!r} is not known",
            f"It is one of {', '.join(ALERTS)}.",
            "Correct it, or remove the line.",
        )
    clock_period(settings.clock_ns)
    return settings
