"""Input, output and steps of a network in the app: chosen before it is prepared, changed after."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finn_tui.base.errors import FinnTuiError
from finn_tui.ui.context import AppContext
from finn_tui.ui.state import Topic

if TYPE_CHECKING:
    from finn_tui.lab.models.handling import ConsentRequired, Handling
    from finn_tui.lab.models.models import FailedPreparation, Model

#: Told the handling that was chosen.
Accept = Callable[["Handling"], None]

_TITLES = {
    "preprocess": "pre-processing",
    "input_type": "input type",
    "topk": "top-k",
    "steps": "steps",
}
#: What can be chosen, and what it means; other texts are typed.
_CHOICES: Mapping[str, Sequence[tuple[str, str]]] = {
    "preprocess": (
        ("auto", "what the network says of its input"),
        ("none", "the accelerator takes the network's own input"),
        ("divide-255", "the accelerator takes UINT8 pixels and divides them"),
    ),
    "input_type": (
        ("auto", "what the network says, or its first quantizer"),
        ("UINT8", "pixels"),
        ("INT8", "signed whole numbers"),
        ("UINT4", ""),
        ("INT4", ""),
        ("BIPOLAR", "-1 and +1"),
        ("FLOAT32", "the first quantizer becomes a layer that takes floats"),
    ),
    "topk": (
        ("auto", "the class if the network gives scores and this converts"),
        ("none", "the network's own output; the host takes the largest"),
        ("1", "the class"),
        ("5", "the five best classes"),
    ),
    "steps": (
        ("auto", "FINN's own; another flow where they stop"),
        ("default", "FINN's own only"),
        ("residual", "scales past forks and joins"),
        ("depthwise", "scales past depthwise convolutions, average pools"),
        ("deconvolution", "transposed convolutions by pixel padding"),
        ("extended", "all of them, 1D convolutions as 2D"),
    ),
}
_HINTS = {
    "preprocess": "or type the path of an .onnx file that is put in front of the network",
    "input_type": "or type another data type of FINN, such as UINT2 or INT6",
    "topk": "or type a number of classes",
    "steps": "or type the path of a Python file with a list of steps; it runs once you agree",
}
_FILES = {"preprocess": (".onnx",), "steps": (".py",)}
_PATTERNS = {"input_type": r"(U?INT\d{1,2}|BIPOLAR|TERNARY|FLOAT32)", "topk": r"[1-9]\d{0,3}"}


class OpeningFailed(FinnTuiError):
    """A model could not be opened.

    Attributes:
        cause: why.
        model, board, handling: as it was asked for.
        failed: the stages that passed; None if none did.
    """

    def __init__(
        self,
        cause: FinnTuiError,
        model: str,
        board: str | None,
        handling: Handling | None,
        failed: FailedPreparation | None,
    ) -> None:
        super().__init__(cause.what, cause.why, cause.fix, kind=cause.kind, detail=cause.detail)
        self.cause, self.model, self.board = cause, model, board
        self.handling, self.failed = handling, failed


def used(model: Model) -> dict[str, str]:
    """Return what became of each setting when a model was prepared, by the setting's name."""
    handling: Mapping[str, Any] = model.info.get("handling") or {}
    front = handling.get("file") or handling.get("preprocess") or ""
    return {
        "preprocess": str(front),
        "input_type": str(handling.get("input_type") or ""),
        "topk": str(handling.get("topk") or "none"),
        "steps": str(model.info.get("flow") or ""),
    }


def ask_handling(
    context: AppContext,
    name: str,
    chosen: Handling,
    accept: Accept,
    *,
    became: Mapping[str, str] | None = None,
    notes: Sequence[str] = (),
    key: str = "prepare",
) -> None:
    """Let the user choose input, output and steps of a network.

    Args:
        context: the app.
        name: of the network.
        chosen: what the dialog begins with.
        accept: called with the handling once it is to be prepared so.
        became: what each setting was when the network was prepared.
        notes: what was assumed then, and why.
        key: the row that the cursor begins on.
    """
    from finn_tui.ui.dialogs.handling import HandlingDialog
    from finn_tui.ui.toolkit.listing import Column, Content, Row

    became = became or {}
    rows = [Row("prepare", [("prepare it so", "accent"), ("", ""), ("", "")])]
    for field, title in _TITLES.items():
        value = str(getattr(chosen, field))
        same = value in ("auto", became.get(field))
        meaning = became.get(field, "") if same and value == "auto" else ""
        text = f"= {meaning}" if meaning else dict(_CHOICES[field]).get(value, "")
        rows.append(Row(field, [(title, ""), (value, "strong"), (text, "dim")]))
    columns = [Column("", 15), Column("", 14), Column("")]

    def taken(field: str | None) -> None:
        if field == "prepare":
            accept(chosen)
        elif field is not None:
            _ask_value(
                context,
                field,
                str(getattr(chosen, field)),
                lambda value: ask_handling(
                    context,
                    name,
                    chosen if value is None else replace(chosen, **{field: value}),
                    accept,
                    became=became,
                    notes=notes,
                    key=field if value is None else "prepare",
                ),
            )

    title = f"Input, output and steps of {name}"
    context.show_dialog(HandlingDialog(title, Content(columns, rows), notes, key), taken)


def ask_again(context: AppContext, model: Model, accept: Accept) -> None:
    """Tell how the open model is handled, and let the user change it.

    Args:
        context: the app.
        model: the open one.
        accept: called with what is to be otherwise, if anything is.
    """
    from finn_tui.lab.models.handling import Handling

    said = Handling.of(model.info["source"])

    def changed(chosen: Handling) -> None:
        difference = chosen.changed_from(said)
        if difference:
            accept(difference)

    ask_handling(context, model.title, said, changed, became=used(model), notes=model.notes)


def ask_first(context: AppContext, model: str, open_named: Callable[..., None]) -> None:
    """Open a model; a file, which is none of the workspace's yet, is asked about first.

    Args:
        context: the app.
        model: name, preset or path.
        open_named: opens it, given its name and ``handling``.
    """
    from finn_tui.lab.models.handling import Handling
    from finn_tui.ui.toolkit.text_input import is_path

    if not is_path(model, (".onnx",)):
        open_named(model)
        return
    said = Handling("auto", "auto", "auto", "auto")
    ask_handling(
        context,
        Path(model).name,
        said,
        lambda chosen: open_named(model, handling=chosen.changed_from(said)),
        notes=("auto follows what the network says; what that was is told here (H) later",),
    )


def _ask_value(
    context: AppContext, field: str, present: str, then: Callable[[str | None], None]
) -> None:
    from finn_tui.ui.dialogs.choose import ChooseDialog
    from finn_tui.ui.toolkit.listing import Column, Content, Row
    from finn_tui.ui.toolkit.text_input import why_no_file

    files, pattern = _FILES.get(field), _PATTERNS.get(field)

    def refuse(text: str) -> str | None:
        if files is not None:
            return why_no_file(text, _TITLES[field], files)
        fits = pattern is not None and re.fullmatch(pattern, text.upper())
        return None if fits else f"{text} is no {_TITLES[field]}; {_HINTS[field]}"

    rows = [Row(value, [(value, ""), (text, "dim")]) for value, text in _CHOICES[field]]
    dialog = ChooseDialog(
        _TITLES[field].capitalize(),
        Content([Column("", 14), Column("")], rows),
        present,
        free=refuse,
        files=files,
        hint=_HINTS[field],
    )
    context.show_dialog(dialog, then)


def ask_consent(context: AppContext, required: ConsentRequired, then: Callable[[], None]) -> None:
    """Show a file of steps and ask whether it may run.

    Args:
        context: the app.
        required: the file.
        then: called once the user has agreed.
    """
    from finn_tui.ui.dialogs.choose import Notice

    def take(answer: str | None) -> None:
        if answer != "y":
            return
        try:
            required.agree()
        except FinnTuiError as error:
            context.show_error(error)
        else:
            then()

    lines = len(required.text.splitlines())
    dialog = Notice(
        f"Run {required.path.name}?",
        [
            (f"{required.path} has {lines} lines of Python. {required.why}", ""),
            ("Read it first: enter shows it.", "accent"),
        ],
        [("y", "run it, as long as it does not change")],
        role="warn",
        detail=required.text,
    )
    context.show_dialog(dialog, take)


def offer(context: AppContext, error: OpeningFailed, again: Accept) -> None:
    """Show why a model could not be opened, and what can be done about it.

    Args:
        context: the app.
        error: what happened.
        again: opens the model with another handling.
    """
    from finn_tui.lab.models.handling import ConsentRequired, Handling

    wished = error.handling or Handling()
    if isinstance(error.cause, ConsentRequired):
        ask_consent(context, error.cause, lambda: again(wished))
        return
    names = [field.name for field in fields(Handling)]
    present = Handling(**{name: getattr(wished, name) or "auto" for name in names})

    def changed(chosen: Handling) -> None:
        # What stays as it was is left to the preset, or to what the workspace says.
        values = {name: getattr(chosen, name) for name in names}
        kept = {name: getattr(wished, name) for name in names}
        again(
            Handling(
                **{
                    name: kept[name] if values[name] == getattr(present, name) else values[name]
                    for name in names
                }
            )
        )

    def take(answer: str | None) -> None:
        if answer == "t":
            again(replace(wished, topk="none"))
        elif answer == "f" and error.failed is not None:
            context.state.flow.failed, context.state.flow.stage = error.failed, -1
            context.show_mode("flow")
            context.state.publish(Topic.FLOW)
        elif answer == "i":
            notes = error.failed.notes if error.failed is not None else ()
            ask_handling(context, Path(error.model).name, present, changed, notes=notes)

    context.show_error(error, answers_to(error), take, lambda: again(wished))


def answers_to(error: OpeningFailed) -> tuple[tuple[str, str], ...]:
    """Return what the user can do about a network that was not prepared, by key."""
    answers = []
    if "--topk none" in error.fix:
        answers.append(("t", "leave out the top-k"))
    if error.failed is not None:
        answers += [("f", "stages that passed"), ("i", "input, output, steps")]
    return tuple(answers)
