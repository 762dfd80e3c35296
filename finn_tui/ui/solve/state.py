"""State of the solver for one model: the form, the progress, the answer.

Nothing here needs a screen; ``screen.py`` draws it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from finn_tui.base.errors import FinnTuiError
from finn_tui.base.progress import Progress
from finn_tui.core.compare import Comparison, Side, compare
from finn_tui.core.device import RESOURCES
from finn_tui.core.optimize.solve import Infeasible, Solution
from finn_tui.lab.solver.options import SolveOptions
from finn_tui.lab.solver.requests import SETFOLDING, SolveRequest
from finn_tui.ui.state import AppState
from finn_tui.ui.toolkit.styled_line import rate, whole
from finn_tui.ui.tune.infrastructure_rows import TITLES
from finn_tui.ui.tune.notice import Notice
from finn_tui.ui.tune.state import TuneState

#: Names of goals as the form has them.
GOALS = (
    ("target", "a frame rate"),
    ("fill", "fastest that fits"),
    ("balance", "same II, smaller"),
)
_LIMITS = (("finn", "FINN's fill limits"), ("part", "100% of the part"), ("own", "own limits"))
_COUNTS = ((True, "layers, FIFOs, converters"), (False, "layers only"))
_LEAST = ((False, "sum of utilizations"), (True, "highest utilization"))


@dataclass(frozen=True)
class Field:
    """One line of the form.

    Attributes:
        kind: "choice" (one of ``choices``), "text" (typed) or "set" (each is in or out).
        choices: (value, label).
        unit: after a typed text.
    """

    key: str
    title: str
    kind: str
    choices: Sequence[tuple[object, str]] = ()
    unit: str = ""


@dataclass
class Form:
    """The values of the form.

    Attributes:
        values: of the choices, by field.
        texts: as typed, by field.
        fixed: knobs that stay.
        at: the line that keys change, and ``knob`` the one under the cursor in a set.
    """

    values: dict[str, object] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    fixed: set[str] = field(default_factory=set)
    at: int = 0
    knob: int = 0


class SolveState:
    """The solver's state of one model.

    Attributes:
        form: what is asked for.
        request: what is being answered or was last; None before.
        message, began: what it does now, and since when (monotonic seconds).
        solution, error: what came of it; at most one of the two.
        fastest: the fastest that fits the form's limits, or why nothing does; None while unknown.
    """

    def __init__(self, tune: TuneState, foldings: Sequence[str] = ()) -> None:
        """Create the state.

        Args:
            tune: the open model.
            foldings: names that the form offers as limits.
        """
        self.tune = tune
        self.foldings = foldings
        self.form = Form(
            {"goal": "target", "limits": "finn", "bill": "", "whole": True, "even": False}
        )
        self.request: SolveRequest | None = None
        self.message = ""
        self.began = 0.0
        self.solution: Solution | None = None
        self.error: FinnTuiError | None = None
        self.fastest: Solution | FinnTuiError | None = None
        self._fastest_of: object = None
        self.refusal = ""

    @property
    def busy(self) -> bool:
        """Whether the solver works on the request."""
        return self.tune.solver == "busy"

    def leave_unseen(self) -> None:
        """Record that there is an answer that the user has not seen."""
        self.tune.solver = "done"

    def look_at(self) -> None:
        """Record that the user has seen the answer."""
        if not self.busy:
            self.tune.solver = ""

    # The form

    @property
    def fields(self) -> list[Field]:
        """Return the lines of the form; they depend on the choices."""
        values, device = self.form.values, self.tune.editor.device
        form_fields = [Field("goal", "goal", "choice", GOALS)]
        if values["goal"] == "target":
            form_fields.append(Field("fps", "rate", "text", unit="frames/s"))
        if device.budget:
            form_fields.append(Field("limits", "limits", "choice", _LIMITS))
        if device.budget and values["limits"] == "own":
            form_fields += [
                Field(name, f"  {TITLES[name]}", "text", unit="% of the part")
                for name in self._resources
            ]
        references = [("", "no limit"), *((name, name) for name in self.foldings)]
        if values["goal"] != "fill":
            references.insert(1, (SETFOLDING, "SetFolding"))
        form_fields.append(Field("bill", "resources at most", "choice", references))
        form_fields.append(Field("even", "minimize", "choice", _LEAST))
        form_fields.append(Field("whole", "count", "choice", _COUNTS))
        form_fields.append(
            Field("knobs", "may change", "set", [(name, name) for name in self.knobs])
        )
        return form_fields

    @property
    def _resources(self) -> list[str]:
        budget = self.tune.editor.device.budget
        return [name for name in RESOURCES if budget.get(name)]

    @property
    def knobs(self) -> list[str]:
        """Return the knobs that the solver may change."""
        layers = self.tune.editor.design.layers
        return list(dict.fromkeys(knob.name for layer in layers for knob in layer.chosen))

    @property
    def current_field(self) -> Field:
        """Return the field that keys change."""
        fields = self.fields
        self.form.at = min(self.form.at, len(fields) - 1)
        return fields[self.form.at]

    def choice(self, field: Field) -> int:
        """Return the index of a field's selected choice."""
        values = [value for value, _ in field.choices]
        value = self.form.values[field.key]
        return values.index(value) if value in values else 0

    def move(self, direction: int) -> None:
        """Go to the next or previous line; after the last comes the first."""
        count = len(self.fields)
        self.form.at = (min(self.form.at, count - 1) + direction) % count

    def turn(self, direction: int) -> None:
        """Select the next choice of the line, or the next knob of its set."""
        line, self.refusal = self.current_field, ""
        if line.kind == "choice":
            at = (self.choice(line) + direction) % len(line.choices)
            self.form.values[line.key] = line.choices[at][0]
        elif line.kind == "set" and line.choices:
            self.form.knob = (self.form.knob + direction) % len(line.choices)

    def toggle(self) -> None:
        """Fix or free the knob under the cursor."""
        line = self.current_field
        if line.kind == "set" and line.choices:
            self.form.fixed ^= {str(line.choices[self.form.knob % len(line.choices)][0])}

    def type(self, text: str) -> None:
        """Add typed letters to a text field; digits on another line are the frame rate."""
        line, self.refusal = self.current_field, ""
        if line.kind != "text":
            if not text.isdigit():
                return
            self.form.values["goal"] = "target"
            self.form.at = next(i for i, f in enumerate(self.fields) if f.key == "fps")
            self.form.texts["fps"] = ""
            line = self.current_field
        self.form.texts[line.key] = self.form.texts.get(line.key, "") + text

    @property
    def text(self) -> str:
        """Return the text of the current field; empty for a field without text."""
        return self.form.texts.get(self.current_field.key, "")

    def write(self, text: str) -> None:
        """Set the text of the current field."""
        self.refusal = ""
        self.form.texts[self.current_field.key] = text

    @property
    def limits(self) -> dict[str, float]:
        """Return the limits as fractions of the part, by resource.

        Raises:
            FinnTuiError: one that was typed is no number.
        """
        device, chosen = self.tune.editor.device, self.form.values["limits"]
        if chosen == "part" or not device.budget:
            return {}
        if chosen == "finn":
            return {
                name: device.limits.get(name, 1.0) for name in RESOURCES if name in device.budget
            }
        shares = {}
        for name in self._resources:
            text = self.form.texts.get(name, "").strip().removesuffix("%")
            if text:
                shares[name] = number(text, f"{TITLES[name]} {text}") / 100
        return shares

    def solve_options(self) -> SolveOptions:
        """Return the solver options of the form; raises as ``limits``."""
        values = self.form.values
        return SolveOptions(
            limits=self.limits,
            locked=tuple(sorted(self.tune.locked)),
            include_infrastructure=bool(values["whole"]),
            fixed=tuple(name for name in self.knobs if name in self.form.fixed),
            minimax=bool(values["even"]),
        )

    def build_request(self) -> SolveRequest:
        """Return the request of the form.

        Raises:
            FinnTuiError: what was typed cannot be asked.
        """
        goal, reference = str(self.form.values["goal"]), str(self.form.values["bill"])
        if goal == "fill" and reference == SETFOLDING:
            reference = ""
        if goal != "target":
            return SolveRequest(goal, None, self.solve_options(), reference)
        text = self.form.texts.get("fps", "").strip()
        if not text:
            raise FinnTuiError("the frame rate is missing", "", "Type a number.")
        request = SolveRequest(goal, number(text, text), self.solve_options(), reference)
        request.cycles(self.tune.editor)
        return request

    # The fastest that fits, told beside the form

    def wants_fastest(self) -> SolveRequest | None:
        """Return the request for the fastest that fits, if its answer is not known yet."""
        if not self.tune.editor.device.budget:
            return None
        try:
            reference = str(self.form.values["bill"])
            request = SolveRequest(
                "fill", None, self.solve_options(), "" if reference == SETFOLDING else reference
            )
        except FinnTuiError:
            return None
        of = (request, self.tune.editor.folding if self.tune.locked or self.form.fixed else None)
        if of == self._fastest_of:
            return None
        self._fastest_of, self.fastest = of, None
        return request

    def set_fastest(self, request: SolveRequest, answer: Solution | FinnTuiError) -> None:
        """Store the fastest that fits, if it still answers the form.

        Args:
            request: that was sent.
            answer: the solution, or why there is none.
        """
        if isinstance(self._fastest_of, tuple) and self._fastest_of[0] is request:
            self.fastest = answer

    # The answer

    def begin(self, request: SolveRequest) -> None:
        """Record that the solver works on a request."""
        self.request, self.tune.solver = request, "busy"
        self.message, self.began = "", time.monotonic()
        self.solution = self.error = None

    def report(self, progress: Progress) -> None:
        """Store the solver's progress."""
        self.message = progress.message

    def end(self, solution: Solution | None = None, error: FinnTuiError | None = None) -> None:
        """Store the answer.

        Args:
            solution: the folding.
            error: why there is none.
            both None if the solver was stopped.
        """
        self.tune.solver, self.solution, self.error = "", solution, error

    def leave(self) -> None:
        """Discard the answer; the form stays as it is."""
        self.solution = self.error = None
        self.look_at()

    def comparison(self) -> Comparison | None:
        """Return the comparison of the present folding with the answer."""
        if self.solution is None:
            return None
        editor, folding = self.tune.editor, self.solution.folding
        return compare(
            editor.design,
            Side("now", editor.folding, editor.estimate),
            Side("solved", folding, editor.estimate_of(folding)),
        )

    def accept(self) -> None:
        """Apply the answer to the folding, as one step to undo."""
        tune, solution = self.tune, self.solution
        if solution is None:
            return
        before = tune.editor.estimate
        differ = sum(
            solution.folding.values[name] != values
            for name, values in tune.editor.folding.values.items()
        )
        tune.editor.replace(solution.folding)
        after = tune.editor.estimate
        tune.notice = Notice(
            f"solved: II {whole(before.ii_cycles)} → {whole(after.ii_cycles)}, "
            f"{rate(after.fps)} fps; {differ} layers changed, u undoes it",
            "good",
        )
        tune.go_to(after.bottleneck)
        self.leave()

    @property
    def title(self) -> str:
        """Return the request as a short text."""
        request = self.request
        if request is None or request.goal == "fill":
            return "the fastest that fits"
        if request.goal == "balance":
            return "the smallest at the present II"
        return f"the smallest for {rate(request.fps or 0)} frames/s"

    @property
    def offers_fastest(self) -> bool:
        """Whether the fastest that fits can replace an unreachable request."""
        request = self.request
        return (
            isinstance(self.error, Infeasible) and request is not None and (request.goal != "fill")
        )


def number(text: str, subject: str) -> float:
    """Return a number from text such as "3000", "3,000" or "3k".

    Args:
        text: as typed.
        subject: its name in the error.

    Raises:
        FinnTuiError: it is none.
    """
    plain = text.replace(",", "").replace("_", "").replace(" ", "").lower()
    factor = 1000.0 if plain.endswith("k") else 1.0
    try:
        return float(plain.removesuffix("k")) * factor
    except ValueError as error:
        raise FinnTuiError(f"{subject} is not a number", "", "Type one such as 3000.") from error


def solve_state(state: AppState, tune: TuneState, foldings: Sequence[str] = ()) -> SolveState:
    """Return the solver's state of a model; create it at the first use.

    Args:
        state: the app's, which keeps it.
        tune: the model.
        foldings: names of foldings that the form can name; empty leaves them as they are.
    """
    solving = state.find(SolveState)
    if solving is None or solving.tune is not tune:
        solving = SolveState(tune, foldings)
        state.put(solving)
    if foldings:
        solving.foldings = foldings
    return solving
