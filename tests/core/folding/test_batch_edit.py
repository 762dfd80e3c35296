"""Many layers at once: legal where it can be, left out with a reason where not, one undo."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from finn_tui.core.design import Design
from finn_tui.core.estimate.estimate import CostTable
from finn_tui.core.folding import model as foldings
from tests.core.designs import designs, residual
from tests.core.test_editor import editor_for

Case = tuple[Design, dict[str, CostTable]]


@given(designs, st.data())
def test_one_step_of_many_layers_is_legal_complete_and_undone_at_once(
    case: Case, data: st.DataObject
) -> None:
    editor = editor_for(case)
    names = [layer.name for layer in editor.design.layers]
    for _ in range(data.draw(st.integers(1, 3))):
        before = editor.folding
        layers = data.draw(st.lists(st.sampled_from(names), min_size=1))
        knob = data.draw(st.sampled_from(["PE", "SIMD", "ram_style"]))
        if data.draw(st.booleans()):
            batch = editor.step_batch(layers, knob, data.draw(st.sampled_from([1, -1])))
        else:
            batch = editor.set_batch(layers, knob, data.draw(st.sampled_from([1, 2, 3, 8])))
        foldings.check(editor.design, editor.tables, editor.folding)
        # Every change is told: of those that were asked for, and of those that followed.
        reported = {(layer, knob) for layer, *_ in batch.changed} | {m[:2] for m in batch.moved}
        really = {
            (name, key)
            for name in names
            for key, value in before.values[name].items()
            if editor.folding.values[name][key] != value
        }
        assert reported == really
        assert {name for name, *_ in batch.skipped} <= set(layers)
        assert not {name for name, *_ in batch.skipped} & {name for name, *_ in batch.changed}
        if really:
            assert editor.undo() and editor.folding == before
            assert editor.redo()


def test_the_reasons_name_what_is_in_the_way() -> None:
    editor = editor_for(residual(1))
    names = [layer.name for layer in editor.design.layers]
    batch = editor.set_batch(names, "SIMD", 16)
    assert [layer for layer, *_ in batch.changed] == ["MVAU_hls_0", "MVAU_hls_1", "MVAU_hls_2"]
    reasons = {layer: what for layer, what, _ in batch.skipped}
    assert reasons["AddStreams_hls_0"] == "AddStreams_hls_0 has no SIMD"
    batch = editor.step_batch(names, "SIMD", 1)
    assert batch.changed == ()
    assert batch.skipped[0][:2] == ("MVAU_hls_0", "SIMD 16 is the largest legal value here")
    batch = editor.set_batch(["MVAU_hls_0"], "SIMD", 5)
    assert batch.skipped == (
        ("MVAU_hls_0", "MVAU_hls_0: SIMD = 5 is not legal", "Legal values: 1, 2, 4, 8, 16."),
    )


def test_a_coupled_pair_takes_one_step_and_not_two() -> None:
    from tests.core.designs import conv_like

    editor = editor_for(conv_like())
    pool, window = "Pool_hls_0", "ConvolutionInputGenerator_rtl_1"
    batch = editor.step_batch([window, pool], "PE", 1)
    assert editor.folding.values[pool]["PE"] == editor.folding.values[window]["SIMD"] == 2
    assert batch.changed == ((pool, 1, 2),)
    assert batch.moved == ((window, "SIMD", 1, 2),)


def test_settings_are_set_together_from_what_is_typed() -> None:
    editor = editor_for(residual(1))
    names = ["MVAU_hls_0", "MVAU_hls_1"]
    batch = editor.set_batch(names, "outFIFODepths", "64")
    assert [new for _, _, new in batch.changed] == [[64], [64]]
    assert editor.undo() and not editor.can_undo


def test_options_count_who_cannot() -> None:
    editor = editor_for(residual(1))
    options = editor.options_batch(["MVAU_hls_0", "AddStreams_hls_0"], "SIMD")
    assert [option.value for option in options] == [1, 2, 4, 8, 16]
    assert {option.refused for option in options} == {1}
    assert not any(option.current for option in options)


def test_options_of_settings_are_their_values_or_usual_depths() -> None:
    editor = editor_for(residual(1))
    modes = editor.options_batch(["MVAU_hls_0"], "mem_mode")
    assert [option.value for option in modes] == ["internal_decoupled", "external"]
    depths = editor.options_batch(["MVAU_hls_0"], "outFIFODepths")
    assert [option.value for option in depths][:3] == [[2], [4], [8]]
    assert not any(option.refused for option in [*modes, *depths])


def test_an_option_tells_what_follows_and_why_it_cannot_be() -> None:
    from tests.core.designs import conv_like

    editor = editor_for(conv_like())
    options = editor.options_batch(["Pool_hls_0"], "PE")
    follows = {option.value: option.moved for option in options}
    assert follows[2] == (("ConvolutionInputGenerator_rtl_1", "SIMD", 1, 2),)
    assert all(not option.why for option in options)
