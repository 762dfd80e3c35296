"""Presets: networks that finn-tui knows by name, with the foldings that the lab publishes."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finn_tui import paths
from finn_tui.core import folding as foldings
from finn_tui.core.costs import Tables
from finn_tui.core.design import Design
from finn_tui.core.folding import Folding
from finn_tui.errors import FinnTuiError


@dataclass(frozen=True)
class Preset:
    """One file of ``presets/``.

    Attributes:
        source: what the engine's ``prepare`` is given.
        dataset: name of the dataset that the network is for ("mnist", "cifar10"), or None.
        foldings: by name, each with ``mvau`` tuples and optional ``thresholding_pe``.
        references: published figures: what, value, unit, source.
    """

    name: str
    title: str
    source: Mapping[str, Any]
    dataset: str | None
    foldings: Mapping[str, Mapping[str, Any]]
    references: tuple[Mapping[str, Any], ...]
    path: Path

    def folding(self, name: str, design: Design, tables: Tables) -> Folding:
        """A folding that the preset brings, for its design as prepared here.

        Raises:
            IllegalFolding: if the numbers are not legal for this design.
        """
        entry = self.foldings[name]
        return foldings.from_tuples(
            design, tables, entry["mvau"], tuple(entry.get("thresholding_pe", ()))
        )

    @property
    def fifo_depths(self) -> tuple[int, ...]:
        """FIFO depths that its foldings ask for."""
        return tuple(
            sorted(
                {
                    int(depth)
                    for entry in self.foldings.values()
                    for choice in entry.get("mvau", ())
                    for depth in choice[2:4]
                }
            )
        )


def presets() -> dict[str, Preset]:
    """All presets by name: those that ship, and the user's, which win.

    Raises:
        FinnTuiError: for a file that cannot be understood, with its path.
    """
    found: dict[str, Preset] = {}
    for folder in (paths.shipped_dir("presets"), paths.config_dir() / "presets"):
        if folder.is_dir():
            for path in sorted(folder.glob("*.toml")):
                preset = read_preset(path)
                found[preset.name] = preset
    return found


def read_preset(path: Path) -> Preset:
    """Read one preset file. Raises ``FinnTuiError`` with the path if it cannot be understood."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
        source = dict(document["source"])
        if "train" in document:
            source["train"] = document["train"]
        return Preset(
            name=document["name"],
            title=document["title"],
            source=source,
            dataset=document.get("dataset", {}).get("name"),
            foldings=document.get("foldings", {}),
            references=tuple(document.get("reference", ())),
            path=path,
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        missing = f"{error.args[0]} is missing" if isinstance(error, KeyError) else str(error)
        raise FinnTuiError(
            f"the preset {path} cannot be read",
            missing,
            "Compare it with a preset that ships, or remove it.",
        ) from error
