"""What is still to come of a build."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from finn_tui.runs.documents import StepStatus
from finn_tui.runs.eta import (
    Eta,
    Kind,
    Outlook,
    PastBuild,
    estimate,
    expected,
    expected_words,
    past_builds,
    usual_steps,
    words,
)
from finn_tui.runs.live.jobs import DEFAULT_STEPS, Job, JobState, Stage
from finn_tui.runs.live.snapshot import RunSnapshot
from finn_tui.runs.steps import Step
from tests.runs.conftest import MakeRun

KIND = Kind("cnv", "Pynq-Z2", "1.6", "published", "simulate")
NAMES = ("step_streamline", "step_hw_ipgen", "step_set_fifo_depths", "step_synthesize_bitfile")
TOOK = (5.0, 200.0, 6000.0, 2000.0)


def at(done: int, seconds: float = 0.0) -> list[Step]:
    """A build with ``done`` steps behind it, in the next for ``seconds``."""
    waiting = [StepStatus.WAITING] * (len(NAMES) - done - 1)
    states = [*[StepStatus.FINISHED] * done, StepStatus.RUNNING, *waiting]
    times = [*TOOK[:done], seconds]
    return [
        Step(name, state, times[n] if n < len(times) else None)
        for n, (name, state) in enumerate(zip(NAMES, states, strict=False))
    ]


def build(scale: float = 1.0, kind: Kind = KIND) -> PastBuild:
    return PastBuild(kind, {n: t * scale for n, t in zip(NAMES, TOOK, strict=True)})


def eta_of(*args: object, **options: object) -> Eta:
    result = estimate(*args, **options)  # type: ignore[arg-type]
    assert result is not None
    return result


def test_steps_do_not_count_alike() -> None:
    result = eta_of(at(2), KIND, [build(), build()])
    # Half of the steps are behind, a fortieth of the time.
    assert result.share == (5 + 200) / sum(TOOK)
    assert result.seconds == 8000
    assert "2 earlier builds of this folding" in result.source


def test_the_likest_builds_are_asked() -> None:
    other = Kind("cnv", "Pynq-Z2", "1.6", "ones", "simulate")
    foreign = Kind("tfc", "Pynq-Z2", "1.6", "published", "simulate")
    rehearsal = Kind("cnv", "Pynq-Z2", "1.6", "published", "simulate", 20.0)
    history = [build(9, foreign), build(0.01, rehearsal), build(2, other), build(1)]
    assert eta_of(at(0), KIND, history).seconds == sum(TOOK)
    near = eta_of(at(0), KIND, history[:3])
    assert near.seconds == 2 * sum(TOOK)
    assert near.high - near.low > 0.7 * near.seconds  # and trusted less
    none = eta_of(at(0), KIND, history[:2])
    assert none.builds == 0
    assert none.source == "published builds"
    assert none.high > 3 * none.seconds


def test_without_history_a_rehearsal_goes_by_its_seconds() -> None:
    kind = Kind("tfc", "Pynq-Z2", "1.6", "ones", "minimal", 100.0)
    result = eta_of(at(0), kind)
    assert 60 < result.seconds < 120
    assert result.low < result.seconds < result.high


@given(
    st.lists(st.floats(0.5, 2.0), min_size=1, max_size=6),
    st.lists(st.tuples(st.integers(0, 3), st.floats(0.0, 0.9)), min_size=2, max_size=8),
)
def test_the_band_narrows_as_the_build_gets_on(
    scales: list[float], moments: list[tuple[int, float]]
) -> None:
    history = [build(scale) for scale in scales]
    likely = [eta_of(at(0), KIND, history).seconds]
    bands = []
    for done, part in sorted(moments):
        # In no step longer than the shortest of earlier builds took.
        result = eta_of(at(done, part * TOOK[done] * min(scales)), KIND, history)
        assert 0 <= result.low <= result.seconds <= result.high
        assert 0 <= result.share <= 1
        bands.append(result.high - result.low)
        likely.append(result.seconds)
    assert all(b <= a + 1e-6 for a, b in pairwise(bands))
    assert all(b <= a + 1e-6 for a, b in pairwise(likely))


def test_a_step_that_takes_longer_than_ever_is_not_about_to_end_for_ever() -> None:
    history = [build(), build(1.05)]
    late = eta_of(at(3, 2.0 * TOOK[3]), KIND, history)
    later = eta_of(at(3, 4.0 * TOOK[3]), KIND, history)
    assert 0 < late.seconds < later.seconds
    assert late.high - late.low < later.high - later.low


def test_the_tools_tell_how_far_a_bitfile_is() -> None:
    def picture(synthesized: int, *stages: Stage, running: tuple[str, ...] = ()) -> RunSnapshot:
        runs = [
            Job("synthesis", f"r{n}", JobState.FINISHED if n < synthesized else JobState.RUNNING)
            for n in range(10)
        ]
        state = JobState.RUNNING if stages else JobState.QUEUED
        shell = Job("project", "accelerator", JobState.RUNNING)
        return RunSnapshot(
            0.0,
            jobs=(
                shell,
                *runs,
                Job("implementation", "impl_1", state, None, None, stages, running),
            ),
        )

    history = [build(), build()]
    # It has taken 500 s and is half way with synthesis: slower than before.
    slow = eta_of(at(3, 500.0), KIND, history, picture(5))
    assert slow.seconds > eta_of(at(3, 500.0), KIND, history).seconds
    placing = [
        Stage("init_design", JobState.FINISHED, 1),
        Stage("opt_design", JobState.FINISHED, 1),
    ]
    early = eta_of(
        at(3, 1200.0),
        KIND,
        history,
        picture(10, *placing, Stage("place_design", JobState.RUNNING, 1)),
    )
    late = eta_of(
        at(3, 1200.0),
        KIND,
        history,
        picture(
            10,
            *placing,
            Stage("place_design", JobState.RUNNING, 1),
            running=("place_design", "Placer", "Detail Placement"),
        ),
    )
    assert late.seconds < early.seconds


def test_simulating_fifos_is_named() -> None:
    note = eta_of(at(2, 100.0), KIND, [build()]).note
    assert note is not None and "simulating" in note
    assert eta_of(at(1), KIND, [build()]).note is None
    hardware = [Step("step_generate_hardware", StepStatus.RUNNING, 10.0)]
    layers = (Job("hls", "a", JobState.FINISHED), Job("hls", "b", JobState.FINISHED))
    assert eta_of(hardware, KIND, (), RunSnapshot(0.0, jobs=layers)).note == note
    half = (layers[0], Job("hls", "b", JobState.RUNNING))
    assert eta_of(hardware, KIND, (), RunSnapshot(0.0, jobs=half)).note is None


def test_in_words() -> None:
    def eta(seconds: float, low: float, high: float) -> str:
        return words(Eta(seconds, low, high, 0.5, "somewhere"))

    assert eta(42.4, 30, 55) == "about 42 s left (30 to 55)"
    assert eta(720, 540, 900) == "about 12 min left (9 to 15)"
    assert eta(9000, 7200, 18000) == "about 2.5 h left (2.0 to 5.0)"
    assert eta(3, 3.1, 3.2) == "about 3 s left"


def test_the_other_runs_of_a_folder_are_the_history(make_run: MakeRun) -> None:
    for number in (1, 2):
        run = make_run(f"2026010{number}T000000Z-tfc-w1a1-000{number}", state="succeeded")
        (run.path / "events.jsonl").write_text(
            '{"t": 1, "event": "step", "status": "finished", "name": "a", "seconds": 80.0}\n'
        )
    current = make_run("20260103T000000Z-tfc-w1a1-0003")
    result = Outlook(current).of(RunSnapshot(0.0, steps=(Step("a", StepStatus.RUNNING, 20.0),)))
    assert result is not None
    assert (result.seconds, result.builds) == (60.0, 2)


def test_a_build_that_has_not_begun_takes_what_earlier_ones_took() -> None:
    assert expected(KIND, [build()]).seconds == sum(TOOK)
    assert expected_words(expected(KIND, [build()])).startswith("about 2.3 h (")
    # One that failed early names only its first steps: the others are still expected.
    early = PastBuild(KIND, {NAMES[0]: TOOK[0]})
    assert expected(KIND, [early]).seconds > 2250
    assert expected(KIND, [early, build()]).seconds == sum(TOOK)
    rehearsal = Kind("cnv", "Pynq-Z2", "1.6", "published", "minimal", 20.0)
    assert 20 < expected(rehearsal).seconds < 40
    assert expected(KIND).source == "published builds"


def test_nothing_to_say() -> None:
    assert estimate([], KIND) is None
    assert estimate([Step("step_x", StepStatus.FINISHED, 1.0)], KIND) is None


def test_history_is_what_runs_have_finished(make_run: MakeRun) -> None:
    run = make_run(state="failed", heartbeat=40.0)
    lines = [
        '{"t": 1, "event": "steps", "names": ["a", "b", "c"]}',
        '{"t": 1, "event": "step", "status": "started", "name": "a", "index": 1, "count": 3}',
        '{"t": 9, "event": "step", "status": "finished", "name": "a", "seconds": 8.0}',
        '{"t": 9, "event": "step", "status": "started", "name": "b", "index": 2, "count": 3}',
    ]
    (run.path / "events.jsonl").write_text("\n".join(lines) + "\n")
    broken = make_run("20260103T030405Z-tfc-w1a1-00ff")
    (broken.path / "run.json").write_text("{")
    (past,) = past_builds([run, broken])
    assert past.seconds == {"a": 8.0}
    assert past.kind.model == "tfc-w1a1"
    assert past.kind.rehearsal == 2.0


def test_usual_steps_are_those_of_a_like_build_or_finns() -> None:
    kind = Kind("tfc-w1a1", "Pynq-Z2")
    default = usual_steps(kind)
    assert tuple(default) == DEFAULT_STEPS
    assert default["step_synthesize_bitfile"] == 2250.0
    earlier = PastBuild(kind, {"step_mine": 7.0, "step_synthesize_bitfile": 100.0})
    assert usual_steps(kind, [earlier]) == {"step_mine": 7.0, "step_synthesize_bitfile": 100.0}
    # Once the builder has named them, they are its own.
    assert list(usual_steps(kind, [earlier], ["step_other", "step_mine"])) == [
        "step_other",
        "step_mine",
    ]
