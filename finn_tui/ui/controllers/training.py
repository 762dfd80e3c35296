"""Trainings: the question before one, and following it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from finn_tui.base.errors import FinnTuiError
from finn_tui.ui.controllers.base import Controller
from finn_tui.ui.dialogs.messages import OutlookReady
from finn_tui.ui.messages import WorkKind, WorkResult
from finn_tui.ui.runs.state import RunsState
from finn_tui.ui.runs.training_view import training_facts
from finn_tui.ui.state import Topic

if TYPE_CHECKING:
    from finn_tui.runs.folder import RunFolder
    from finn_tui.runs.live.training import TrainingSnapshot


@dataclass
class TrainingAdvanced(WorkResult):
    """The present state of the training on the Runs screen.

    Attributes:
        result: what it has reached so far, ``training`` of its results.
    """

    kind = WorkKind.FOLLOW
    run: str
    snapshot: TrainingSnapshot
    result: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class TrainingStarted(WorkResult):
    """A training has started in its own process."""

    kind = WorkKind.TRAIN
    run: RunFolder


class TrainingController(Controller):
    """Starts trainings and shows how far one is."""

    def do_app_train(self) -> None:
        """Train the open network after a confirmation."""
        tune = self.state.tune
        assert tune is not None, "the action is disabled without a network"
        opened = tune.opened.model
        preset = opened.preset
        model = str(preset.path if preset is not None else opened.info["source"]["path"])

        def begin() -> None:
            self.state.launching = True
            self.context.start(WorkKind.TRAIN, self._begin(model))

        facts = [(f"weights of {opened.name} from new", "strong")]
        self.context.confirm(
            f"Train {opened.name}",
            facts,
            "train",
            "looking for the data set ...",
            self._look_ahead(model),
            begin,
        )

    async def _look_ahead(self, model: str) -> OutlookReady:
        """Return the data set, the recipe, and how long it takes if that is known."""
        from finn_tui.base.text import time_span
        from finn_tui.lab.models import trainable
        from finn_tui.lab.models.training import outlook

        network = await asyncio.to_thread(trainable.find, model, self.lab.workspace.root)
        known = await asyncio.to_thread(outlook, self.lab.workspace, network)
        place = known.place
        facts = [
            (f"{place.name} in {place.folder}", "")
            if place is not None
            else (f"{known.wanted} is not here: it is downloaded", "warn")
            if known.wanted
            else (f"{network.title} names no data set: add DATASET to it", "bad"),
            *training_facts(known.values),
        ]
        if known.images_per_s:
            # The number of images is in the files; those of the published sets are known.
            images = 60_000 if "mnist" in known.wanted else 50_000
            seconds = images * known.values["epochs"] / known.images_per_s
            facts.append((f"up to {time_span(seconds)} at {known.images_per_s:,.0f} images/s", ""))
        return OutlookReady(facts)

    async def _begin(self, model: str) -> TrainingStarted:
        from finn_tui.lab.models.training import TrainOptions, train

        progress = self.context.progress_of(WorkKind.TRAIN)
        return TrainingStarted(await train(self.lab, model, TrainOptions(), progress))

    def training_started(self, message: TrainingStarted) -> None:
        """Show the training that has started."""
        self.launch_ended()
        self.state.chosen_run_id = message.run.id
        self.context.builds.watch_runs()
        self.context.show_mode("runs")

    def training_failed(self, error: FinnTuiError) -> None:
        """Show why a training could not start."""
        self.launch_ended()
        self.context.show_error(error)

    def launch_ended(self) -> None:
        """Record that no training is being started."""
        self.state.launching = False
        self.context.close_working(WorkKind.TRAIN)
        self.state.publish(Topic.RUNS)

    def training_advanced(self, message: TrainingAdvanced) -> None:
        """Store the snapshot of the training that is shown."""
        view = self.state.feature(RunsState)
        if message.run == view.log_of:
            view.training, view.training_result = message.snapshot, message.result
            view.snapshot_at = time.monotonic()
            self.state.publish(Topic.SNAPSHOT)


async def follow(context: Any, run: RunFolder) -> None:
    """Post snapshots of a training until it ends.

    Args:
        context: the app.
        run: the training.
    """
    from finn_tui.runs.live.training import follow_training

    async for snapshot in follow_training(run):
        results = await asyncio.to_thread(run.results)
        context.post_message(TrainingAdvanced(run.id, snapshot, results.get("training") or {}))
