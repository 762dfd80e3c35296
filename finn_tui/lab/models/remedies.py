"""What to do about a network that pads bipolar activations with zeros: one command each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from finn_tui.lab.models.presets import Preset


def commands(preset: Preset | None) -> list[tuple[str, str]]:
    """Return the remedies for a network whose hardware pads otherwise than it was trained.

    Args:
        preset: that the network comes from; None for a file of the user's.

    Returns:
        what it does, and the command line.
    """
    if preset is None or preset.network is None:
        return [
            (
                "define the network as a preset, which pads with -1, and train it",
                "finn-tui presets copy vgg9-w1a1 mine",
            )
        ]
    name = preset.name
    train = f"finn-tui train {name}"
    if preset.network.padding_value == 0:
        true = f"{name}-pad"
        copy = f"finn-tui presets copy {name} {true} --set padding_value=-1"
        train = f"{copy} && finn-tui train {true}"
    two = f"{name}-a2"
    copy = f"finn-tui presets copy {name} {two} --set activation_bits=2 --set padding_value=0"
    return [
        ("train with padding -1", train),
        ("give the activations 2 bits", f"{copy} && finn-tui train {two}"),
    ]


def with_commands(
    warnings: Sequence[Mapping[str, Any]], preset: Preset | None
) -> list[dict[str, Any]]:
    """Return the engine's warnings with the commands that remedy them.

    Args:
        warnings: as ``prepare`` answers them.
        preset: that the network comes from.
    """
    remedied = []
    for warning in warnings:
        added: dict[str, Any] = {}
        if warning.get("kind") == "padding":
            added["commands"] = [list(each) for each in commands(preset)]
        remedied.append({**warning, **added})
    return remedied
