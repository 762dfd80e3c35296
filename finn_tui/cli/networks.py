"""`finn-tui presets`, `export`: networks by name."""

from __future__ import annotations

import tomllib
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from finn_tui.cli.common import (
    HandlingChoice,
    Reporter,
    consent_option,
    damaged,
    echo,
    number,
    open_lab,
    open_workspace,
    print_json,
    run,
    shared_options,
    table,
)

if TYPE_CHECKING:
    from finn_tui.lab.models.presets import Preset
    from finn_tui.lab.workspace import Workspace


@click.group()
def presets_group() -> None:
    """List, show and copy networks by name.

    A preset is a TOML file: layers, bit widths, data set, foldings. Those that ship, those of the
    configuration folder and those in presets/ of the workspace are known by name; any other is
    named by its file.
    """


def _document(workspace: Workspace, preset: Preset) -> dict[str, Any]:
    from finn_tui.lab.models import checkpoints

    weights = checkpoints.chosen(workspace, preset.name)
    return {
        "name": preset.name,
        "title": preset.title,
        "dataset": preset.dataset,
        "file": str(preset.path),
        "foldings": list(preset.foldings),
        "checkpoint": None if weights is None else str(weights["path"]),
    }


@presets_group.command("list")
@shared_options()
def list_presets(workspace: Path, as_json: bool) -> None:
    """List all networks that are known by name."""
    from finn_tui.lab.models.presets import load_presets

    opened = open_workspace(workspace)
    known, broken = load_presets(opened.root)
    documents = [_document(opened, preset) for preset in known.values()]
    if as_json:
        print_json({"presets": documents, "damaged": damaged(broken)})
        return
    rows = [
        (each["name"], each["title"], "trained" if each["checkpoint"] else "") for each in documents
    ]
    rows += [(name, f"{error.what}: {error.why}", "damaged") for name, error in broken.items()]
    echo(table(("preset", "network", ""), rows))


@presets_group.command("show")
@click.argument("name")
@shared_options()
def show_preset(name: str, workspace: Path, as_json: bool) -> None:
    """Show the layers of a network with their shapes.

    NAME is a preset, or the .toml file of one.
    """
    from finn_tui.core.network_shapes import layers, shape
    from finn_tui.lab.models.presets import find_preset

    opened = open_workspace(workspace)
    preset = find_preset(name, opened.root)
    network = preset.network
    rows = layers(network) if network is not None else []
    document = _document(opened, preset)
    if as_json:
        definition = network.definition() if network is not None else None
        print_json({**document, "definition": definition, "layers": [asdict(row) for row in rows]})
        return
    echo(f"{preset.title}\n{preset.path}\n")
    if network is None:
        echo(f"Its network is {preset.source.get('path') or preset.source.get('network')}.")
        return
    cells = [
        (
            row.name,
            row.what,
            shape(row.input),
            shape(row.output),
            number(row.weights),
            number(row.macs),
        )
        for row in rows
    ]
    echo(table(("layer", "", "input", "output", "weights", "MACs"), cells, "    rr"))
    echo(
        f"\n{number(sum(row.weights for row in rows))} weights of {network.weight_bits} bit, "
        f"activations of {network.activation_bits} bit, input of {network.input_bits} bit, "
        f"{number(sum(row.macs for row in rows))} MACs an image"
    )
    padded = [row.name for row, pad in zip(rows, network.padding, strict=False) if pad]
    if any(network.padding[1:]) and padded:
        echo(f"padded pixels of activations are {network.padding_value}")
    if document["checkpoint"]:
        echo(f"weights: {document['checkpoint']}")


@presets_group.command("copy")
@click.argument("name")
@click.argument("new")
@click.option(
    "--set",
    "settings",
    metavar="KEY=VALUE",
    multiple=True,
    help="A key of [network] in the copy, e.g. activation_bits=2; repeatable.",
)
@shared_options(json=False)
def copy(name: str, new: str, settings: tuple[str, ...], workspace: Path) -> None:
    """Copy a preset into the workspace, to be changed there.

    NEW is the name of the copy. Its [network] table says what the layers are.
    """
    from finn_tui.lab.models.presets import copy_preset, find_preset

    changes: dict[str, Any] = {}
    for setting in settings:
        try:
            changes |= tomllib.loads(setting)
        except ValueError as error:
            raise click.UsageError(f"--set {setting} is no KEY=VALUE of TOML: {error}") from error
    opened = open_workspace(workspace)
    echo(str(copy_preset(find_preset(name, opened.root), new, opened.root, changes)))


@click.command()
@click.argument("model")
@click.option(
    "--checkpoint",
    metavar="FILE|RUN|none",
    help="Trained weights: a training's run, best.tar or .pth; remembered.",
)
@click.option("--out", type=click.Path(path_type=Path), help="The file (default: MODEL.onnx).")
@shared_options()
@consent_option
def export(
    model: str,
    checkpoint: str | None,
    out: Path | None,
    consent: HandlingChoice,
    workspace: Path,
    as_json: bool,
) -> None:
    """Write a network as a QONNX file.

    MODEL is a preset, or a Python file with a Brevitas network. Its weights are those of
    --checkpoint, or those that were chosen before.
    """
    target = out or Path(f"{Path(model).stem}.onnx")

    async def work() -> dict[str, Any]:
        async with open_lab(workspace, handling=consent) as lab:
            with Reporter() as reporter:
                if checkpoint is not None:
                    from finn_tui.lab.models.model_request import choose_checkpoint

                    choose_checkpoint(lab.workspace, model, checkpoint)
                return await lab.export(model, target, reporter)

    answer = run(work())
    if as_json:
        print_json(answer)
        return
    echo(f"weights: {answer['weights']['note']}")
    padding = answer["padding"]
    if padding["layers"]:
        places = ", ".join(str(place) for place in padding["layers"])
        trained = f"they were {padding['value']} in training"
        same = " as in the hardware" if padding["value"] == -1 else ", and the hardware has -1"
        echo(f"padded activations of convolutions {places}: zeros in the file; {trained}{same}")
    echo(answer["file"])
