"""The workspace: a folder with the user's models, foldings, runs and settings."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import unicodedata
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from finn_tui.base import config, files
from finn_tui.base.errors import FinnTuiError

SETTINGS = "finn-tui.toml"
#: Which model each saved folding is for; FINN's own files have no place for it.
_FOLDING_MODELS = ".models"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")

_Units = Annotated[int, Meta(ge=0, description="A whole number, 0 or more.")]


class OwnBoard(Struct, frozen=True):
    """``[boards.NAME]``: a board that FINN does not know.

    Attributes:
        part: the FPGA part, such as ``xc7z010clg400-1``.
        LUT: look-up tables on the part; unknown if it is missing, as the next four.
        FF: flip-flops on the part.
        BRAM_18K: block RAM on the part, in halves of 18 kbit.
        URAM: UltraRAM blocks on the part.
        DSP: DSP slices on the part.
    """

    part: Annotated[
        str, Meta(min_length=1, description='The FPGA part, such as "xc7z010clg400-1".')
    ]
    LUT: _Units | None = None
    FF: _Units | None = None
    BRAM_18K: _Units | None = None
    URAM: _Units | None = None
    DSP: _Units | None = None

    @property
    def budget(self) -> dict[str, int]:
        """Units by resource, as far as they are known."""
        names = ("LUT", "FF", "BRAM_18K", "URAM", "DSP")
        units = {name: getattr(self, name) for name in names}
        return {name: value for name, value in units.items() if value is not None}


class Settings(Struct, frozen=True):
    """What finn-tui.toml says; every key may be missing.

    Attributes:
        board: FINN's name of the board type.
        clock_ns (ns): clock period that is asked of synthesis.
        engine: name of the engine; empty means the first there is, or the one that is installed.
        model: the model that the app opens.
        steps: how networks of .onnx files are prepared: ``auto``, ``default``, ``residual``,
            ``depthwise``, ``deconvolution``, ``extended``, or a Python file with a list of steps
            (relative to the workspace), which runs once the user has agreed to its content.
        rehearse: build with stand-ins for AMD's tools.
        rehearsal_seconds (s): how long the stand-ins take in all.
        parallel_builds: how many builds run at once; the others wait for their turn.
        notify: a shell command that is started when a build has ended, with FINN_TUI_RUN,
            FINN_TUI_STATE and FINN_TUI_FOLDER in its environment; the user is asked once.
        alert: how the terminal tells that a build has ended: ``osc9`` and ``osc777`` (what
            terminals make desktop messages of), ``bell``, or ``off``.
        to: name of the PYNQ machine that `d` deploys to.
        datasets: a user's own data set for validation by model name: an .npz file with the arrays
            images and labels (relative to the workspace), which `go`, `validate` and `d` use.
        boards: parts and budgets of boards that FINN does not know, by name.
    """

    board: str = "Pynq-Z2"
    clock_ns: Annotated[
        float,
        Meta(ge=0.5, le=1000, description="The clock period in ns, 0.5 to 1000 (10 is 100 MHz)."),
    ] = 10.0
    engine: str = ""
    model: str = ""
    steps: str = "auto"
    rehearse: bool = False
    rehearsal_seconds: Annotated[
        float, Meta(ge=0, description="Seconds that a rehearsal takes, 0 or more.")
    ] = 30.0
    parallel_builds: Annotated[
        int, Meta(ge=1, description="How many builds run at once, 1 or more.")
    ] = 1
    notify: str = ""
    alert: Literal["osc9", "osc777", "bell", "off"] = "osc9"
    to: str = "simulated"
    datasets: dict[str, str] = {}
    boards: dict[str, OwnBoard] = {}


class Workspace:
    """A folder that holds one user's work; see DESIGN "What lies on disk"."""

    def __init__(self, root: Path, *, tolerant: bool = False) -> None:
        self.root = root
        self.problem: FinnTuiError | None = None
        self._tolerant = tolerant
        self._settings: Settings | None = None
        self._stamp: files.Stamp | str = "not read yet"
        self._unsaved: dict[str, Any] = {}
        self._kept: dict[str, Any] = {}

    @classmethod
    def open(cls, root: Path, *, tolerant: bool = False) -> Workspace:
        """Open a folder as a workspace; it is made when something is first written.

        Args:
            root: the folder.
            tolerant: have the defaults for settings that cannot be understood; ``problem`` says
                why. Otherwise asking for them is an error, and what needs none works.

        Raises:
            FinnTuiError: it is no folder.
        """
        root = root.expanduser().absolute()
        if root.exists() and not root.is_dir():
            raise FinnTuiError(
                f"{root} is not a folder",
                "A workspace is a folder in which models, foldings and runs are kept.",
                "Name a folder with --workspace; it may be a new one.",
            )
        return cls(root, tolerant=tolerant)

    def dataset(self, model: str) -> Path | None:
        """Return the user's own data set of a model; None where there is none.

        Raises:
            FinnTuiError: the file that finn-tui.toml names is not there.
        """
        name = self.settings.datasets.get(model)
        if name is None:
            return None
        path = self.root / Path(name).expanduser()
        if not path.is_file():
            raise FinnTuiError(
                f"the data set {path} of {model} is not there",
                f"{self.root / SETTINGS} names it under [datasets].",
                "Correct that line, or give another file with --dataset.",
                kind="input",
            )
        return path

    def agreed_notify(self) -> str:
        """Return the command to start at a build's end; empty for none that the user agreed to.

        A workspace may come from somebody else, and the command runs with the user's rights.
        """
        from finn_tui.lab import consent

        command = self.settings.notify
        digest = consent.command_digest(command, self.root / SETTINGS)
        return command if command and consent.is_agreed(digest) else ""

    def declined_notify(self) -> bool:
        """Whether the user has said that this command of this workspace is never to run."""
        from finn_tui.lab import consent

        path = self.root / SETTINGS
        return consent.is_agreed(consent.command_digest(self.settings.notify, path, declined=True))

    def agree_to_notify(self, command: str, *, declined: bool = False) -> None:
        """Remember that the user agreed to the settings' ``notify``.

        Args:
            command: the one that the user was shown; the file may hold another by now.
            declined: the user does not want it to run, nor to be asked again.
        """
        from finn_tui.lab import consent

        path = self.root / SETTINGS
        consent.agree(consent.command_digest(command, path, declined=declined), path)

    @property
    def settings(self) -> Settings:
        """The settings that hold here: those of the file, but for what is kept against it.

        Raises:
            FinnTuiError: the file was never good, and the workspace is not a tolerant one.
        """
        settings = self.written
        return msgspec.structs.replace(settings, **self._kept) if self._kept else settings

    def keep(self, **values: Any) -> None:
        """Keep settings as they are for this process, whatever the file says from now on."""
        self._kept.update(values)

    @property
    def written(self) -> Settings:
        """The settings; read again when the file has changed, the last good ones if it is broken.

        ``problem`` says what is wrong with the file now; None if nothing is.

        Raises:
            FinnTuiError: the file was never good, and the workspace is not a tolerant one.
        """
        stamp = files.stamp(self.root / SETTINGS)
        if stamp != self._stamp:
            self._stamp = stamp
            try:
                self._settings, self.problem = config.read(self.root / SETTINGS, Settings), None
                # Whoever mended the file by hand has the last word.
                self._unsaved.clear()
            except FinnTuiError as error:
                self.problem = error
        if self._settings is None and self.problem is not None and not self._tolerant:
            raise self.problem
        settings = self._settings or Settings()
        return msgspec.structs.replace(settings, **self._unsaved) if self._unsaved else settings

    def check(self) -> FinnTuiError | None:
        """Return what is wrong with the file of settings now; None if nothing is."""
        with contextlib.suppress(FinnTuiError):
            _ = self.written
        return self.problem

    def change_settings(self, **changes: Any) -> None:
        """Set some settings, here and in the file; everything else in the file stays as it is.

        Raises:
            FinnTuiError: the file is broken or cannot be written. It stays as it is, and the
                change holds until this process ends.
        """
        import tomlkit

        defaults = Settings()

        def edit(document: tomlkit.TOMLDocument) -> None:
            for key, value in changes.items():
                if key in document or value != getattr(defaults, key):
                    document[key] = value

        self._kept = {key: value for key, value in self._kept.items() if key not in changes}
        self._unsaved.update(changes)
        self._settings = config.change(self.root / SETTINGS, Settings, edit)
        self._unsaved.clear()
        self.problem = None
        # Somebody may have written the file since.
        self._stamp = "not read yet"

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
        documents = self.models_dir.glob("*/*/model.json") if self.models_dir.is_dir() else ()
        return sorted({path.parent.parent.name for path in documents})

    def foldings(self) -> dict[str, Path]:
        """Saved foldings by name."""
        if not self.foldings_dir.is_dir():
            return {}
        return {path.stem: path for path in sorted(self.foldings_dir.glob("*.json"))}

    def folding_path(self, name: str) -> Path:
        """Where a folding of that name is saved. Raises as ``plain_name``."""
        return self.foldings_dir / f"{plain_name(name)}.json"

    def save_folding(
        self, name: str, document: dict[str, Any], model: tuple[str, str] | None = None
    ) -> Path:
        """Save a folding under a name, over an older one of that name.

        Args:
            name: what the user calls it.
            document: FINN's folding configuration.
            model: title and content of the model that it is for.

        Raises:
            FinnTuiError: for a name that is no plain file name, or a disk that does not take it.
        """
        path = self.folding_path(name)
        text = json.dumps(document, indent=2) + "\n"
        files.replace(path, text)
        if model is not None:
            digest = hashlib.sha256(text.encode()).hexdigest()
            entry = {"sha256": digest, "title": model[0], "content": model[1]}

            def add(content: bytes) -> bytes:
                return json.dumps({**_folding_models(content), name: entry}, indent=1).encode()

            files.update(self.foldings_dir / _FOLDING_MODELS, add)
        return path

    def model_of_folding(self, name: str) -> tuple[str, str] | None:
        """Title and content of the model that a folding was saved for.

        None if that is not known, or the file is another one than was saved then.
        """
        try:
            content = (self.foldings_dir / _FOLDING_MODELS).read_bytes()
            digest = files.sha256(self.foldings_dir / f"{name}.json")
        except OSError:
            return None
        entry = _folding_models(content).get(name)
        if not isinstance(entry, dict) or entry.get("sha256") != digest:
            return None
        return str(entry.get("title")), str(entry.get("content"))


def _folding_models(content: bytes) -> dict[str, Any]:
    try:
        document = json.loads(content or b"{}")
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def is_plain_name(name: str) -> bool:
    """Whether ``name`` can be a file's name everywhere."""
    return _NAME.fullmatch(name) is not None


def name_of_file(stem: str) -> str:
    """The nearest plain name to a file's: "netz-u-1" of "netz ü 1"."""
    letters = unicodedata.normalize("NFKD", stem.replace("ß", "ss")).encode("ascii", "ignore")
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", letters.decode()).strip("-._")[:80]
    return name or "network"


def plain_name(name: str) -> str:
    """``name``, if it can be a file's name everywhere. Raises ``FinnTuiError`` otherwise."""
    if not is_plain_name(name):
        raise FinnTuiError(
            f"{name!r} cannot be a name",
            "A name starts with a letter or digit and has letters, digits, '.', '_' and '-' only.",
            "Choose another name.",
        )
    return name
