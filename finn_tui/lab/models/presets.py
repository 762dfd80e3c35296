"""Presets: networks that finn-tui knows by name, with the foldings that the lab publishes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from msgspec import Meta, Struct
from msgspec.structs import asdict

from finn_tui.base import config, files, paths
from finn_tui.base.errors import FinnTuiError
from finn_tui.core.design import Design
from finn_tui.core.estimate.estimate import Tables
from finn_tui.core.folding import lab_tuples
from finn_tui.core.folding.model import Folding
from finn_tui.core.network_shapes import Network
from finn_tui.lab.models import ini_files, networks
from finn_tui.lab.workspace import name_of_file, plain_name


class DatasetEntry(Struct, frozen=True):
    """``[dataset]`` of a preset: the data set that the network is for.

    Attributes:
        name: ``mnist``, ``cifar10`` or ``cifar100``.
    """

    name: str | None = None


class FoldingEntry(Struct, frozen=True):
    """``[foldings.NAME]``: a folding that the preset brings.

    Attributes:
        mvau: PE, SIMD, in_fifo and perhaps out_fifo, ram_style of each matrix layer.
        thresholding_pe: PE of the first thresholding layers, in their order.
    """

    mvau: Annotated[
        tuple[tuple[int | str, ...], ...],
        Meta(description="A list of [PE, SIMD, in_fifo], one for each matrix layer."),
    ]
    thresholding_pe: tuple[int, ...] = ()


class ReferenceEntry(Struct, frozen=True):
    """``[[reference]]``: a published figure, and who published it.

    Attributes:
        what: the figure in words.
        value: a number or a list of numbers.
        unit: its unit.
        source: who published it, and where.
        dataset: the data set that an accuracy was measured on.
    """

    what: str
    value: Any
    unit: str
    source: str
    dataset: str | None = None


class PresetFile(Struct, frozen=True):
    """A file of ``presets/``: a network by name.

    Attributes:
        name: what commands call it.
        title: what it is, in words.
        network: the network's layers and bit widths.
        source: where the network comes from, as the engine prepares it: ``kind``, ``network``
            (Brevitas' name of one that it publishes weights for), ``input`` (its shape), ``topk``,
            or ``path`` of a file. Not needed beside ``[network]``.
        train: how it is trained where no published weights can be fetched: ``dataset``.
        dataset: the data set that it is for.
        foldings: foldings by name.
        reference: published figures.
    """

    name: Annotated[
        str,
        Meta(
            pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$",
            description="A name of letters, digits, '.', '_' and '-'.",
        ),
    ]
    title: str
    source: dict[str, Any] | None = None
    network: networks.NetworkEntry | None = None
    train: dict[str, Any] | None = None
    dataset: DatasetEntry = DatasetEntry()
    foldings: dict[str, FoldingEntry] = {}
    reference: tuple[ReferenceEntry, ...] = ()


@dataclass(frozen=True)
class Preset:
    """One file of ``presets/``.

    Attributes:
        source: what the engine's ``prepare`` is given.
        network: its layers and bit widths, where the file defines them.
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
    network: Network | None = None

    def folding(self, name: str, design: Design, tables: Tables) -> Folding:
        """A folding that the preset brings, for its design as prepared here.

        Raises:
            IllegalFolding: if the numbers are not legal for this design.
        """
        entry = self.foldings[name]
        return lab_tuples.from_tuples(
            design, tables, entry["mvau"], tuple(entry.get("thresholding_pe", ()))
        )

    @property
    def published(self) -> list[str]:
        """Published figures of one number each: what, value with unit, and who published it."""
        return [
            f"{reference['what']}: {reference['value']:,} {reference['unit']} "
            f"({reference['source']})"
            for reference in self.references
            if isinstance(reference["value"], int | float)
        ]

    @property
    def fifo_depths(self) -> tuple[int, ...]:
        """FIFO depths that its foldings ask for."""
        return tuple(
            sorted(
                {
                    depth
                    for entry in self.foldings.values()
                    for choice in entry.get("mvau", ())
                    for depth in choice[2:4]
                    if isinstance(depth, int)
                }
            )
        )


#: Files that define a network by themselves: ours, and Brevitas'.
SUFFIXES = (".toml", ".ini")


def presets(workspace: Path | None = None) -> dict[str, Preset]:
    """Return all presets by name; see ``load_presets``."""
    return load_presets(workspace)[0]


def load_presets(
    workspace: Path | None = None,
) -> tuple[dict[str, Preset], dict[str, FinnTuiError]]:
    """Read the presets that ship, the user's own and a workspace's; the later ones win.

    Args:
        workspace: a workspace's folder, whose folder ``presets`` is read too.

    Returns:
        all presets by name, and what is wrong with the other files, by the file's stem.
    """
    known: dict[str, Preset] = {}
    broken: dict[str, FinnTuiError] = {}
    folders = [paths.shipped_dir("presets"), paths.config_dir() / "presets"]
    if workspace is not None:
        folders.append(workspace / "presets")
    for folder in folders:
        for path in sorted(folder.glob("*.toml")) if folder.is_dir() else ():
            try:
                preset = read_preset(path)
            except FinnTuiError as error:
                broken[path.stem] = error
                # What is meant to take its place must not be answered by the one that ships.
                known.pop(path.stem, None)
            else:
                known[preset.name] = preset
                broken.pop(preset.name, None)
    return known, broken


def find_preset(name: str, workspace: Path) -> Preset:
    """Return the preset that a user names.

    Args:
        name: its name, its .toml file, or an .ini file of Brevitas.
        workspace: the workspace's folder.

    Raises:
        FinnTuiError: there is none of that name, or its file is broken.
    """
    path = Path(name).expanduser()
    if path.suffix in SUFFIXES and path.is_file():
        return read_preset(path)
    known, broken = load_presets(workspace)
    if name in broken:
        raise broken[name]
    if name in known:
        return known[name]
    raise FinnTuiError(
        f"there is no preset called {name}{config.did_you_mean(name, known)}",
        f"Presets: {', '.join(known)}.",
        "Name one of these or a .toml file; `finn-tui presets copy` makes one of your own.",
    )


def _of_ini(path: Path) -> Preset:
    entry, dataset = ini_files.read(path)
    network = networks.network(entry, path)
    name = name_of_file(path.stem)
    title = f"{name}, as {path.name} of Brevitas defines it"
    return Preset(name, title, networks.source(network), dataset, {}, (), path.absolute(), network)


def read_preset(path: Path) -> Preset:
    """Read one preset file, or an .ini file of Brevitas.

    Raises:
        FinnTuiError: it names the file, line, key and value.
    """
    if path.suffix == ".ini":
        return _of_ini(path)
    entry = config.read(path, PresetFile)
    network = networks.network(entry.network, path) if entry.network is not None else None
    if entry.source is not None:
        source = dict(entry.source)
        own = networks.published(str(source.get("network")))
        if network is not None and network != own:
            # A copy of a published network that was changed since: the layers say what it is.
            source = networks.source(network)
    elif network is not None:
        source = networks.source(network)
    else:
        raise FinnTuiError(
            f"{path} has neither [network] nor [source]",
            "[network] defines the layers; [source] names a file or a network of Brevitas.",
            "Copy a preset that ships and change it: finn-tui presets copy vgg9-w1a1 NAME.",
        )
    if entry.train is not None:
        source["train"] = entry.train
    return Preset(
        name=entry.name,
        title=entry.title,
        source=source,
        dataset=entry.dataset.name,
        foldings={name: asdict(folding) for name, folding in entry.foldings.items()},
        references=tuple(asdict(reference) for reference in entry.reference),
        path=path,
        network=network,
    )


def copy_preset(
    preset: Preset, name: str, workspace: Path, changes: Mapping[str, Any] | None = None
) -> Path:
    """Copy a preset's file into a workspace under another name, to be changed there.

    Args:
        preset: what is copied.
        name: the new preset's.
        workspace: the workspace's folder.
        changes: values of its ``[network]`` by key.

    Returns:
        the new file.

    Raises:
        FinnTuiError: the name is taken or cannot be a name, a change is not valid, or the file
            cannot be written.
    """
    # It takes a tenth of the app's start to import.
    import tomlkit

    target = workspace / "presets" / f"{plain_name(name)}.toml"
    # It takes a tenth of the app's start to import.

    known = presets(workspace)
    if name in known or target.exists():
        raise FinnTuiError(
            f"there is a preset called {name} already",
            f"It stands in {known[name].path if name in known else target}.",
            "Choose another name.",
        )
    document = tomlkit.parse(_text_of(preset))
    document["name"] = name
    if changes:
        if preset.network is None:
            raise FinnTuiError(
                f"{preset.name} has no [network]",
                f"Its network comes from {preset.path}.",
                "Copy a preset that defines its layers, such as vgg9-w1a1.",
            )
        document["title"] = f"{preset.title} ({', '.join(f'{k} {v}' for k, v in changes.items())})"
        table = document["network"]
        assert isinstance(table, dict)
        table.update(changes)
    text = tomlkit.dumps(document)
    content = text.encode("utf-8")
    entry = config.decode(config.parse(target, content), PresetFile, target, content)
    if entry.network is not None:
        networks.network(entry.network, target)
    files.replace(target, text)
    return target


def _text_of(preset: Preset) -> str:
    """The text of a preset's file; of an .ini file what it says as a preset."""
    if preset.path.suffix != ".ini" or preset.network is None:
        return preset.path.read_text(encoding="utf-8")
    import tomlkit

    document: dict[str, Any] = {"name": preset.name, "title": preset.title}
    document["network"] = preset.network.definition()
    if preset.dataset is not None:
        document["dataset"] = {"name": preset.dataset}
    return tomlkit.dumps(document)
