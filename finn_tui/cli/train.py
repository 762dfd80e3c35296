"""`finn-tui train`, `evaluate`: networks and their accuracy, in the engine's environment."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from finn_tui.cli.builds import end
from finn_tui.cli.common import (
    HandlingChoice,
    Reporter,
    ask_about_notify,
    consent_option,
    echo,
    open_lab,
    print_json,
    run,
    shared_options,
)
from finn_tui.cli.follow import class_lines, follow

if TYPE_CHECKING:
    from finn_tui.runs.folder import RunFolder


class Duration(click.ParamType[float]):
    """A time: seconds, or a number with s, m or h."""

    name = "TIME"

    def convert(self, value: Any, param: Any, ctx: Any) -> float:
        """Return the seconds.

        Args:
            value: what was typed.
            param: the option.
            ctx: the command's context.
        """
        match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smh]?)", str(value).strip())
        if match is None or float(match[1]) <= 0:
            self.fail(f"{value!r} is no time; such as 90s, 30m or 2h", param, ctx)
        return float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[match[2]]


DATASET_OPTIONS = (
    click.option(
        "--dataset",
        metavar="DIR|NAME",
        help="Folder of the data set, or mnist, fashion-mnist, cifar10, cifar100, digits28.",
    ),
    click.option("--coarse", is_flag=True, help="The 20 coarse labels of CIFAR-100."),
    click.option("--no-download", is_flag=True, help="Only use data sets of this machine."),
)


def dataset_options(function: Any) -> Any:
    """Give a command the options that name a data set."""
    for option in reversed(DATASET_OPTIONS):
        function = option(function)
    return function


@click.command()
@click.argument("model", required=False)
@dataset_options
@click.option("--epochs", type=click.IntRange(1, 100_000), help="Passes over all images.")
@click.option("--batch", type=click.IntRange(2, 65_536), help="Images of one step.")
@click.option("--lr", type=float, help="Learning rate at the beginning.")
@click.option("--optimizer", type=click.Choice(["adam", "sgd"]))
@click.option("--momentum", type=click.FloatRange(0, 1), help="Of sgd.")
@click.option("--weight-decay", type=click.FloatRange(0, 1))
@click.option("--loss", type=click.Choice(["cross-entropy", "hinge"]), help="hinge: bnn_pynq's.")
@click.option("--schedule", type=click.Choice(["cosine", "step", "fixed"]))
@click.option("--milestones", metavar="E,E,..", help="Epochs after which step lowers the rate.")
@click.option("--augment", type=click.Choice(["crop-flip", "none"]))
@click.option("--seed", type=click.IntRange(0, 2**31), help="Of weights, order, augmentation.")
@click.option("--patience", type=click.IntRange(1), help="Stop after epochs without a better one.")
@click.option(
    "--validation",
    type=click.FloatRange(0, 0.5),
    help="Part of the training images that chooses the best epoch (default: the test images).",
)
@click.option("--threads", type=click.IntRange(1, 1024), help="CPU threads.")
@click.option("--device", help="auto, cpu, cuda or cuda:N.")
@click.option("--limit-time", type=Duration(), help="Stop after this time, such as 30m.")
@click.option("--weights", metavar="RUN|FILE", help="Weights to begin with.")
@click.option("--resume", "again", metavar="RUN", help="Continue a training from its checkpoint.")
@click.option("--detach", is_flag=True, help="Return at once; the training goes on.")
@shared_options()
@consent_option
def train(
    model: str | None,
    dataset: str | None,
    coarse: bool,
    no_download: bool,
    again: str | None,
    detach: bool,
    weights: str | None,
    consent: HandlingChoice,
    workspace: Path,
    as_json: bool,
    **values: Any,
) -> None:
    """Train a network and follow the training.

    MODEL is a preset, or a Python file that gives a Brevitas network as model and the shape of its
    input as INPUT; DATASET and TRAINING in it, such as DATASET = "cifar10" and
    TRAINING = {"epochs": 20}, stand for options.

    A training is a run as a build is: ctrl+c leaves it running, `finn-tui attach` comes back,
    `runs`, `logs` and `cancel` know it. The weights of the best epoch are build/best.pt in its run
    folder.

    Data sets are read from their usual files: IDX (MNIST, Fashion-MNIST, .gz or not), CIFAR-10
    and CIFAR-100 in the Python and the binary version. They are looked for in data/ of the
    workspace and in the user's data folder, and downloaded otherwise.
    """
    if (model is None) == (again is None):
        raise click.UsageError("name a MODEL, or a training with --resume")
    given = [name for name, value in values.items() if value is not None]
    if again is not None and (given or dataset or weights or coarse):
        raise click.UsageError("--resume goes on as the training was asked for; leave options out")
    ask_about_notify(workspace)
    options = _recipe(values)

    async def work(reporter: Reporter) -> RunFolder:
        from finn_tui.lab.models import training
        from finn_tui.lab.models.training import TrainOptions
        from finn_tui.runs.documents import RunKind

        async with open_lab(workspace, handling=consent) as lab:
            if model is None:
                return await lab.resume(
                    lab.find_run(again or "last", RunKind.TRAIN), None, reporter
                )
            labels = "coarse" if coarse else "fine"
            chosen = TrainOptions(dataset, labels, not no_download, weights, options)
            return await training.train(lab, model, chosen, reporter)

    with Reporter() as reporter:
        begun = run(work(reporter))
        reporter.say(f"run {begun.id}, {begun.request.subject}")
        state = begun.state() if detach else follow(begun, reporter)
    end(begun, state, as_json)


def _recipe(values: dict[str, Any]) -> dict[str, Any]:
    """Return the options as keys of run.json's ``training``."""
    recipe = dict(values)
    recipe["augmentation"] = recipe.pop("augment")
    recipe["limit_s"] = recipe.pop("limit_time")
    milestones = recipe.pop("milestones")
    if milestones is not None:
        try:
            recipe["milestones"] = [int(epoch) for epoch in milestones.split(",")]
        except ValueError as error:
            raise click.UsageError(f"--milestones {milestones} are no epochs: {error}") from error
        recipe["schedule"] = recipe["schedule"] or "step"
    return recipe


@click.command()
@click.argument("model", metavar="MODEL|RUN|FILE")
@dataset_options
@click.option("--checkpoint", metavar="RUN|FILE", help="Weights of a preset or a Python file.")
@shared_options()
@consent_option
def evaluate(
    model: str,
    dataset: str | None,
    coarse: bool,
    no_download: bool,
    checkpoint: str | None,
    consent: HandlingChoice,
    workspace: Path,
    as_json: bool,
) -> None:
    """Measure the accuracy of a network in software.

    A training's run or checkpoint is measured on the data set that it was trained on, a preset with
    the weights that it has in this workspace on the one that it is meant for, and so is a Python
    file with a network; --dataset names another.
    """
    from finn_tui.lab.models import training
    from finn_tui.lab.models.training import TrainOptions

    labels = "coarse" if coarse else "fine"
    options = TrainOptions(dataset, labels, not no_download, checkpoint)

    async def work(reporter: Reporter) -> dict[str, Any]:
        async with open_lab(workspace, handling=consent) as lab:
            return await training.evaluate(lab, model, options, reporter)

    with Reporter() as reporter:
        scores = run(work(reporter))
    if as_json:
        print_json(scores)
    else:
        note = (scores.get("weights") or {}).get("note")
        echo(
            f"accuracy    {scores['percent']:.2f} % of {scores['images']:,} test images of "
            f"{scores['dataset']}, in software; weights: {note}"
        )
        echo("\n".join(class_lines(scores)))
