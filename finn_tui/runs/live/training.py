"""A training as its events tell it: curves, the present epoch, and what is still to come."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

from finn_tui.engine.server.runs import runfiles
from finn_tui.runs.folder import RunFolder, parse_event
from finn_tui.runs.launch.processes import reconcile
from finn_tui.runs.logs.tail import Tail


@dataclass(frozen=True)
class Epoch:
    """One epoch that is done, or was ended by the time limit.

    Attributes:
        number: from 1.
        loss: mean over its images; None where it ended before the first.
        train_accuracy (%): on its training images.
        accuracy (%): on the images that choose the best epoch.
        lr: learning rate at its beginning.
        seconds (s): since the epoch before.
    """

    number: int
    loss: float | None
    train_accuracy: float | None
    accuracy: float
    lr: float
    seconds: float


@dataclass(frozen=True)
class Point:
    """The training inside an epoch.

    Attributes:
        at: epochs done, with their part.
        loss: mean over the images of the epoch so far.
        accuracy (%): on them.
    """

    at: float
    loss: float
    accuracy: float


@dataclass(frozen=True)
class TrainingSnapshot:
    """A training at one moment.

    Attributes:
        at: when, seconds since the epoch.
        epochs: how many there will be; 0 before it has begun.
        images: training images in one epoch.
        dataset: its true name.
        classes: their names.
        device: what computes.
        parameters: weights and thresholds of the network.
        done: the epochs that are done.
        points: the curve of loss and accuracy, oldest first.
        epoch: the one that is trained now, from 1.
        epoch_images: images of it so far.
        lr: learning rate now.
        images_per_s (images/s): now.
        best: the best epoch so far.
        eta_s (s): until the last epoch is done; None before that can be said.
        message: what the runner said last.
    """

    at: float
    epochs: int = 0
    images: int = 0
    dataset: str = ""
    classes: tuple[str, ...] = ()
    device: str = ""
    parameters: int = 0
    done: tuple[Epoch, ...] = ()
    points: tuple[Point, ...] = ()
    epoch: int = 0
    epoch_images: int = 0
    lr: float | None = None
    images_per_s: float | None = None
    best: Epoch | None = None
    eta_s: float | None = None
    message: str = ""

    @property
    def share(self) -> float | None:
        """The part of all epochs that is done; None before it has begun."""
        if not self.epochs or not self.images:
            return None
        inside = self.epoch_images / self.images if self.epoch > len(self.done) else 0.0
        return min(1.0, (len(self.done) + inside) / self.epochs)


class TrainingWatcher:
    """Watches one training; call ``look`` as often as wanted, off the event loop."""

    def __init__(self, run: RunFolder) -> None:
        self._events = Tail(run.path / runfiles.EVENTS)
        self._snapshot = TrainingSnapshot(time.time())
        self._done: list[Epoch] = []
        self._points: list[Point] = []
        self._seconds = 0.0
        #: Seconds that an epoch of the present attempt takes, with its evaluation.
        self._epoch_seconds: float | None = None
        self._epoch_began = 0.0

    def look(self) -> TrainingSnapshot:
        """The training as it is now."""
        while lines := self._events.read():
            for line in lines:
                event = parse_event(line)
                if event is not None:
                    self._take(event)
        best = max(self._done, key=lambda epoch: (epoch.accuracy, -epoch.number), default=None)
        snapshot = replace(
            self._snapshot,
            at=time.time(),
            done=tuple(self._done),
            points=tuple(self._points),
            best=best,
        )
        return replace(snapshot, eta_s=self._eta(snapshot))

    def _take(self, event: dict[str, Any]) -> None:
        match event["event"]:
            case "training":
                self._begin(event)
            case "batch":
                part = event["images"] / max(1, self._snapshot.images)
                self._points.append(
                    Point(event["epoch"] - 1 + part, event["loss"], event["accuracy"])
                )
                self._snapshot = replace(
                    self._snapshot,
                    epoch=event["epoch"],
                    epoch_images=event["images"],
                    lr=event["lr"],
                    images_per_s=event.get("images_per_s"),
                )
            case "epoch":
                self._end_epoch(event)
            case "log":
                self._snapshot = replace(self._snapshot, message=str(event.get("text") or ""))
            case _:
                pass

    def _begin(self, event: dict[str, Any]) -> None:
        """Begin an attempt: what an earlier one did after its last checkpoint is done again."""
        first, images = event["first"], max(1, event["images"])
        done = event.get("done")
        start = first - 1 + (done if isinstance(done, int) else 0) / images
        self._done = [epoch for epoch in self._done if epoch.number < first]
        self._points = [point for point in self._points if point.at <= start]
        self._seconds = sum(epoch.seconds for epoch in self._done)
        self._epoch_seconds, self._epoch_began = None, event["t"]
        classes = event.get("classes")
        self._snapshot = replace(
            self._snapshot,
            epochs=event["epochs"],
            images=event["images"],
            dataset=str(event.get("dataset") or ""),
            classes=tuple(map(str, classes)) if isinstance(classes, list) else (),
            device=str(event.get("device") or ""),
            parameters=event["parameters"] if isinstance(event.get("parameters"), int) else 0,
            epoch=first,
            epoch_images=0,
        )

    def _end_epoch(self, event: dict[str, Any]) -> None:
        total = float(event.get("seconds") or 0.0)
        epoch = Epoch(
            event["epoch"],
            event.get("loss"),
            event.get("train_accuracy"),
            event["accuracy"],
            event.get("lr") or 0.0,
            max(0.0, total - self._seconds),
        )
        self._seconds = total
        self._epoch_seconds = max(0.0, event["t"] - self._epoch_began)
        self._epoch_began = event["t"]
        self._done = [one for one in self._done if one.number != epoch.number] + [epoch]

    def _eta(self, snapshot: TrainingSnapshot) -> float | None:
        if not snapshot.epochs or not snapshot.images:
            return None
        if self._epoch_seconds is None:
            if not snapshot.images_per_s:
                return None
            seconds = snapshot.images / snapshot.images_per_s
        else:
            seconds = self._epoch_seconds
        share = snapshot.share
        return None if share is None else max(0.0, (1.0 - share) * snapshot.epochs * seconds)


async def follow_training(run: RunFolder, *, poll: float = 1.0) -> AsyncIterator[TrainingSnapshot]:
    """Snapshots of a training, one every ``poll`` seconds, the last when it has ended.

    Raises:
        FinnTuiError: state.json is missing or broken.
    """
    watcher = TrainingWatcher(run)
    while True:
        # The state is read first: what was written before it is seen by the look.
        state = await asyncio.to_thread(reconcile, run)
        yield await asyncio.to_thread(watcher.look)
        if state.final:
            return
        await asyncio.sleep(poll)
