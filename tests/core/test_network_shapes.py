"""Shapes of networks, and what is said where they do not work out."""

from __future__ import annotations

import dataclasses

import pytest

from finn_tui.core.network_shapes import Network, ShapesDoNotFit, layers

VGG9 = Network(
    family="conv",
    input=(3, 32, 32),
    classes=100,
    weight_bits=1,
    activation_bits=1,
    channels=(64, 64, 128, 128, 256, 256, 256),
    pool=(False, True, False, True, False, True, False),
    padding=(1, 1, 1, 1, 1, 0, 0),
    fully_connected=(128,),
    fc_inputs=(256, 128),
)


def test_the_shapes_of_the_labs_network() -> None:
    rows = layers(VGG9)
    assert [row.name for row in rows] == [
        *("conv 1", "conv 2", "pool 2", "conv 3", "conv 4", "pool 4", "conv 5", "conv 6"),
        *("pool 6", "conv 7", "dense 1", "dense 2"),
    ]
    by_name = {row.name: row for row in rows}
    assert by_name["conv 5"].output == (256, 8, 8)
    assert by_name["conv 6"].output == (256, 6, 6)
    assert by_name["pool 6"].output == (256, 3, 3)
    assert by_name["conv 7"].output == (256, 1, 1)
    assert by_name["dense 2"].output == (100,)
    assert by_name["conv 2"].weights == 64 * 64 * 9
    assert by_name["conv 2"].macs == 64 * 64 * 9 * 32 * 32


def test_dense_layers_behind_an_image_are_fed_flat() -> None:
    rows = layers(dataclasses.replace(VGG9, padding=(1,) * 7, fc_inputs=()))
    assert "256x4x4 -> 4096" in rows[-3].text()


@pytest.mark.parametrize(
    ("change", "what", "shown"),
    [
        ({"padding": (0,) * 7}, "pooling behind convolution 6 gets 256x1x1", "conv 5"),
        ({"pool": (True,) * 7}, "convolution 6 of 7 gets 256x1x1", "pool 5"),
        ({"padding": (1,) * 7}, "dense layer 1 takes 256 features and gets 4096", "256x4x4"),
        ({"fully_connected": (64,)}, "dense layer 2 takes 128 features and gets 64", "256 -> 64"),
        ({"pool": (False,)}, "pool has 1 entries for 7 convolutions", "[False]"),
        ({"kernel": 1, "pool": (True,) * 7, "padding": (0,) * 7}, "pooling behind", "256x2x2"),
    ],
)
def test_what_does_not_work_out_is_explained_with_the_shapes(
    change: dict[str, object], what: str, shown: str
) -> None:
    with pytest.raises(ShapesDoNotFit) as caught:
        layers(dataclasses.replace(VGG9, **change))  # type: ignore[arg-type]
    assert what in caught.value.what
    assert shown in caught.value.why
    assert caught.value.fix
