"""The folding that is being edited, kept in the workspace with its undo history and locks.

One file a model, ``working/<model's folder>.json``. Only the app reads it, so that an ended or
killed app goes on where it was; commands use saved foldings.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from finn_tui.base import files
from finn_tui.base.errors import FinnTuiError
from finn_tui.core.design import Design, Value
from finn_tui.core.editor import History
from finn_tui.core.estimate.estimate import Tables
from finn_tui.core.folding import model as foldings
from finn_tui.core.folding.model import Folding, IllegalFolding
from finn_tui.lab.foldings import saved_foldings
from finn_tui.lab.models.models import Model
from finn_tui.lab.workspace import Workspace

if TYPE_CHECKING:
    from finn_tui.lab.foldings.opened import Opened

#: Changes that can be taken back in the next session.
MOST_STEPS = 500
#: Bytes of the file; older changes are left out beyond them.
MOST_BYTES = 4_000_000

_Name = Annotated[str, Meta(max_length=200)]


@dataclass(frozen=True)
class WorkingFolding:
    """What is kept of a folding that is edited.

    Attributes:
        folding_name: what it is called on the screen.
        saved_name: the saved folding that was loaded or saved last; empty for none.
        history: the folding, what it is compared with, and what can be undone and redone.
        locked: names of layers that the solver leaves as they are.
    """

    folding_name: str
    saved_name: str
    history: History
    locked: frozenset[str]


class _Step(Struct, forbid_unknown_fields=True):
    """The layers that differ from the folding before; ``settings`` of a layer as a whole."""

    values: dict[str, dict[str, int | str]] = {}
    settings: dict[str, dict[str, Any]] = {}


class _Document(Struct, forbid_unknown_fields=True):
    format: Literal[1]
    design: _Name
    folding_name: _Name
    saved_name: _Name
    baseline_name: _Name
    folding: _Step
    baseline: _Step
    saved: _Step
    #: The newest first, each as it differs from the one before; the first from the folding.
    undo: Annotated[list[_Step], Meta(max_length=MOST_STEPS)]
    redo: Annotated[list[_Step], Meta(max_length=MOST_STEPS)]
    locked: list[str]


def path_of(workspace: Workspace, model: Model) -> Path:
    """Return where the working folding of a model is kept."""
    folder = model.folder
    try:
        inside = folder.relative_to(workspace.models_dir)
    except ValueError:
        digest = hashlib.sha256(str(folder).encode()).hexdigest()[:16]
        inside = Path(f"{model.name}-{digest}")
    return workspace.root / "working" / inside.parent / f"{inside.name}.json"


class Writer:
    """Writes the working foldings of one session.

    It keeps what it has worked out: a write costs what is new since the last one.
    """

    def __init__(self) -> None:
        self._design: Design | None = None
        self._fingerprint = ""
        self._steps: dict[tuple[int, int], tuple[Folding, Folding, _Step]] = {}

    def write(self, path: Path, design: Design, working: WorkingFolding) -> None:
        """Write a working folding in one go; may run in a thread.

        Raises:
            FinnTuiError: the file cannot be written (kind "disk").
        """
        if design is not self._design:
            self._design, self._fingerprint, self._steps = design, fingerprint(design), {}
        history, most = working.history, MOST_STEPS
        steps: dict[tuple[int, int], tuple[Folding, Folding, _Step]] = {}
        while True:
            document = _Document(
                1,
                self._fingerprint,
                working.folding_name,
                working.saved_name,
                history.baseline_name,
                _Step(_plain(history.folding.values), _plain(history.folding.settings)),
                _step(history.folding, history.baseline),
                _step(history.folding, history.saved),
                self._chain(history.folding, history.undo, most, steps),
                self._chain(history.folding, history.redo, most, steps),
                sorted(working.locked),
            )
            content = msgspec.json.encode(document)
            if len(content) <= MOST_BYTES or not most:
                break
            most //= 2
        self._steps = steps
        # The operating system writes it out in time: no use in waiting for the disk every second.
        files.replace(path, content, durable=False)

    def _chain(
        self,
        start: Folding,
        stack: Sequence[Folding],
        most: int,
        steps: dict[tuple[int, int], tuple[Folding, Folding, _Step]],
    ) -> list[_Step]:
        """Return the newest of a stack as steps, each from the one before.

        Args:
            start: the folding that the first step goes from.
            most: how many steps.
            steps: takes each step with its foldings, for the next write.
        """
        chain, before = [], start
        for after in islice(reversed(stack), most):
            key = (id(before), id(after))
            # The foldings are kept with the step, so that no other one gets their ids.
            known = self._steps.get(key) or steps.get(key)
            steps[key] = known or (before, after, _step(before, after))
            chain.append(steps[key][2])
            before = after
        return chain


def read(path: Path, design: Design, tables: Tables) -> WorkingFolding | None:
    """Read a working folding; None if there is none.

    Raises:
        FinnTuiError: the file is damaged or was made for another design. It is moved aside.
    """
    try:
        if not path.is_file():
            return None
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise _Unusable(f"It has more than {MOST_BYTES:,} bytes.")
        return _decode(content, design, tables)
    except (OSError, _Unusable, IllegalFolding, msgspec.MsgspecError, RecursionError) as error:
        why = error.what if isinstance(error, IllegalFolding) else str(error)
        aside = path.with_name(f"{path.stem}.unread.json")
        with contextlib.suppress(OSError):
            path.replace(aside)
        raise FinnTuiError(
            "the folding that was being edited could not be restored",
            f"{path}: {why}",
            f"The file was moved to {aside.name}; saved foldings are not affected (f loads one).",
        ) from error


def restore(workspace: Workspace, opened: Opened) -> WorkingFolding | None:
    """Go on with the folding of an earlier session; None if there is none.

    A saved folding that had no changes is loaded again if its file says something else now.

    Raises:
        FinnTuiError: as ``read``; the editor stays as it is.
    """
    path = path_of(workspace, opened.model)
    working = read(path, opened.design, opened.editor.tables)
    if working is None:
        return None
    editor = opened.editor
    editor.restore(working.history)
    if working.saved_name and not editor.unsaved:
        try:
            folding, _ = saved_foldings.read(workspace, opened, working.saved_name)
        except FinnTuiError:
            return replace(working, saved_name="")
        if folding != editor.folding:
            editor.load(folding, working.saved_name)
    return working


class _Unusable(Exception):
    """Why a well-formed file cannot be used."""


def fingerprint(design: Design) -> str:
    """Return what tells one design from another: its layers with all that can be set on them."""
    layers = [
        (layer.name, layer.op, layer.shape, [(knob.name, knob.values) for knob in layer.knobs])
        for layer in design.layers
    ]
    return hashlib.sha256(json.dumps(layers, default=str).encode()).hexdigest()


def _plain(layers: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    return {layer: dict(values) for layer, values in layers.items()}


def _step(before: Folding, after: Folding) -> _Step:
    """Return what differs in ``after``."""
    values, settings = {}, {}
    for layer, new in after.values.items():
        old = before.values[layer]
        if new is not old and new != old:
            values[layer] = dict(new)
    if after.settings is not before.settings:
        for layer in {**before.settings, **after.settings}:
            new_settings = after.settings.get(layer, {})
            if new_settings != before.settings.get(layer, {}):
                settings[layer] = dict(new_settings)
    return _Step(values, settings)


def _decode(content: bytes, design: Design, tables: Tables) -> WorkingFolding:
    document = msgspec.json.decode(content, type=_Document)
    if document.design != fingerprint(design):
        raise _Unusable(f"It was made for other layers than {design.model} has now.")
    if set(document.folding.values) != {layer.name for layer in design.layers}:
        raise _Unusable("It does not name every layer once.")
    apply = _Applying(design, tables)
    folding = apply.one(Folding({}, {}), document.folding)
    foldings.check(design, tables, folding)
    history = History(
        folding,
        apply.one(folding, document.baseline),
        document.baseline_name,
        apply.one(folding, document.saved),
        apply.chain(folding, document.undo),
        apply.chain(folding, document.redo),
    )
    locked = frozenset(document.locked) & set(design.by_name)
    return WorkingFolding(document.folding_name, document.saved_name, history, locked)


class _Applying:
    """Makes foldings of steps and checks what each of them changes."""

    def __init__(self, design: Design, tables: Tables) -> None:
        self._design, self._tables = design, tables

    def one(self, before: Folding, step: _Step) -> Folding:
        """Return the folding after a step.

        Raises:
            IllegalFolding, _Unusable: it is not legal for the design.
        """
        values: dict[str, Mapping[str, Value]] = dict(before.values)
        settings = dict(before.settings)
        for layer in (*step.values, *step.settings):
            if layer not in self._design.by_name:
                raise _Unusable(f"There is no layer {layer[:80]!r}.")
        for layer, chosen in step.values.items():
            if set(chosen) != set(self._tables[layer].knobs):
                raise _Unusable(f"The knobs of {layer} are others.")
            values[layer] = chosen
        for layer, changed in step.settings.items():
            if changed:
                settings[layer] = changed
            else:
                settings.pop(layer, None)
        folding = Folding(values, settings)
        if before.values:
            touched = {*step.values, *step.settings}
            foldings.check(self._design, self._tables, folding, touched)
        return folding

    def chain(self, start: Folding, steps: Iterable[_Step]) -> tuple[Folding, ...]:
        """Return a stack of foldings, the newest last."""
        stack, before = [], start
        for step in steps:
            before = self.one(before, step)
            stack.append(before)
        return tuple(reversed(stack))
