"""The trainer: epochs over one uint8 tensor, with what it needs to go on after any end.

All randomness of a batch comes from the seed, the epoch and the number of the batch, and torch's
own generator (dropout) is kept in the checkpoint: a training that was killed and goes on ends with
the same weights as one that was not.
"""

import importlib
import math
import os
import time
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Tuple

from finn_tui.engine.protocol import EngineError
from finn_tui.engine.server.runs import runfiles
from finn_tui.engine.server.training import augment, checkpoints, evaluate
from finn_tui.engine.server.training.datasets import Dataset

Report = Callable[..., None]

#: How often checkpoints are written: at the end of an epoch, and in the middle of a long one.
SAVE_SECONDS = 10.0
CHECKPOINT_SECONDS = 120.0
#: Curves of a long training need no more points than this many in all.
_POINTS = 1500
_LEAST_REPORT_SECONDS = 1.0


class Recipe(NamedTuple):
    """How a network is trained.

    Attributes: ``epochs``, ``batch`` (images), ``lr``, ``optimizer`` (``adam``, ``sgd``),
    ``momentum`` and ``weight_decay`` of it, ``loss`` (``hinge`` is bnn_pynq's squared hinge,
    ``cross-entropy``), ``schedule`` (``fixed``, ``step`` with ``milestones`` and ``gamma``,
    ``cosine``), ``augmentation`` (``crop-flip``, ``none``), ``seed``, ``patience`` (epochs without
    a better one until it stops, 0 for never), ``limit_s`` (seconds in all, 0 for none),
    ``validation`` (part of the training images that chooses the best epoch; 0: the test images).
    """

    epochs: int = 40
    batch: int = 100
    lr: float = 0.02
    optimizer: str = "adam"
    momentum: float = 0.9
    weight_decay: float = 0.0
    loss: str = "cross-entropy"
    schedule: str = "cosine"
    milestones: Tuple[int, ...] = ()
    gamma: float = 0.1
    augmentation: str = "none"
    seed: int = 0
    patience: int = 0
    limit_s: float = 0.0
    validation: float = 0.0

    def rate(self, epoch: int, part: float) -> float:
        """Return the learning rate.

        Args:
            epoch: from 1.
            part: how much of it is done, 0 to 1.
        """
        if self.schedule == "cosine":
            return self.lr * 0.5 * (1.0 + math.cos(math.pi * (epoch - 1 + part) / self.epochs))
        if self.schedule == "step":
            return self.lr * self.gamma ** sum(epoch > milestone for milestone in self.milestones)
        return self.lr


def recipe_of(document: Dict[str, Any]) -> Recipe:
    """Return the recipe of a run's ``training``. Raises ``EngineError`` for values out of range."""
    values = {key: document[key] for key in Recipe._fields if document.get(key) is not None}
    if "milestones" in values:
        values["milestones"] = tuple(int(epoch) for epoch in values["milestones"])
    recipe = Recipe(**values)
    allowed = (
        ("epochs", 1 <= recipe.epochs <= 100_000, "1 to 100000"),
        ("batch", 2 <= recipe.batch <= 65_536, "2 to 65536 images"),
        ("lr", 0.0 < recipe.lr <= 100.0, "above 0, up to 100"),
        ("optimizer", recipe.optimizer in ("adam", "sgd"), "adam, sgd"),
        ("loss", recipe.loss in ("hinge", "cross-entropy"), "hinge, cross-entropy"),
        ("schedule", recipe.schedule in ("fixed", "step", "cosine"), "fixed, step, cosine"),
        ("augmentation", recipe.augmentation in ("none", "crop-flip"), "none, crop-flip"),
        ("validation", 0.0 <= recipe.validation <= 0.5, "0 to 0.5"),
    )
    for key, good, text in allowed:
        if not good:
            raise EngineError(
                "%s %r is out of range" % (key, getattr(recipe, key)), "", "Use %s" % text
            )
    return recipe


class Stopped(NamedTuple):
    """Why a training has ended: ``epochs``, ``patience`` or ``time``."""

    reason: str


class Trainer:
    """One training of one network on one data set."""

    def __init__(
        self,
        net: Any,
        data: Dataset,
        recipe: Recipe,
        folder: str,
        report: Report,
        definition: Dict[str, Any],
        device: str = "cpu",
    ) -> None:
        """Prepare the tensors and the optimizer.

        Args:
            net: with its first weights.
            data: the data set.
            recipe: how to train.
            folder: for the checkpoints; it exists.
            report: called with an event's name and data.
            definition: of the network, kept in the checkpoints.
            device: torch's name of it.
        """
        torch = self.torch = importlib.import_module("torch")
        self.data, self.recipe, self.folder, self.report = data, recipe, folder, report
        self.definition = definition
        self.device = torch.device(device)
        self.net = net.to(self.device)
        images, labels = torch.from_numpy(data.train_images), torch.from_numpy(data.train_labels)
        chosen, held = self._split(len(labels))
        self.images = images[chosen].to(self.device)
        self.labels = labels[chosen].to(self.device)
        test = (torch.from_numpy(data.test_images), torch.from_numpy(data.test_labels))
        self.held_images, self.held_labels = (images[held], labels[held]) if len(held) else test
        self.held_images = self.held_images.to(self.device)
        self.selected_on = "held-out training images" if len(held) else "test images"
        self.batches = len(self.labels) // recipe.batch or 1
        self.optimizer = self._optimizer()
        self.epoch, self.batch = 1, 0
        self.sums = [0.0, 0.0, 0.0]  # loss x images, correct, images of this epoch so far
        self.history: List[Dict[str, Any]] = []
        self.best: Optional[Dict[str, Any]] = None
        self.seconds = 0.0
        self.data_seconds = 0.0
        #: Where the data set was read from, for whoever prepares the trained network.
        self.dataset_folder, self.data_labels = data.source, "fine"
        #: Called when checkpoints have been written.
        self.on_saved: Callable[[], None] = lambda: None
        self._ended = -math.inf
        self._best_state: Optional[Dict[str, Any]] = None
        self._saved = self._reported = -math.inf
        self._deadline = math.inf

    def _split(self, count: int) -> Tuple[Any, Any]:
        """Return the indices of the images to train on, and of those held out."""
        order = self.torch.randperm(count, generator=self._generator(0, 0))
        held = round(count * self.recipe.validation)
        if not held:
            return self.torch.arange(count), order[:0]
        return order[held:].sort().values, order[:held].sort().values

    def _generator(self, epoch: int, batch: int) -> Any:
        generator = self.torch.Generator()
        seed = (self.recipe.seed * 1_000_003 + epoch) * 1_000_003 + batch
        return generator.manual_seed(seed % 2**64)  # the most that torch takes

    def _optimizer(self) -> Any:
        recipe, optim = self.recipe, self.torch.optim
        parameters = list(self.net.parameters())
        if recipe.optimizer == "sgd":
            return optim.SGD(
                parameters, lr=recipe.lr, momentum=recipe.momentum, weight_decay=recipe.weight_decay
            )
        return optim.Adam(parameters, lr=recipe.lr, weight_decay=recipe.weight_decay)

    # One batch

    def _loss(self, outputs: Any, labels: Any) -> Any:
        if self.recipe.loss == "cross-entropy":
            return self.torch.nn.functional.cross_entropy(outputs, labels)
        # bnn_pynq's squared hinge: +1 for the class, -1 for the others.
        targets = self.torch.full_like(outputs, -1.0).scatter_(1, labels[:, None], 1.0)
        return self.torch.relu(1.0 - outputs * targets).square().mean()

    def make_batch(self, epoch: int, batch: int, order: Any) -> Tuple[Any, Any]:
        """Return images as the network takes them, and labels.

        Args:
            epoch: from 1.
            batch: from 0.
            order: of the images in this epoch.
        """
        size = self.recipe.batch
        chosen = order[batch * size : (batch + 1) * size]
        images, labels = self.images[chosen], self.labels[chosen]
        if self.recipe.augmentation == "crop-flip":
            images = augment.crop_and_flip(images, self._generator(epoch, batch + 1))
        return evaluate.as_input(images), labels

    def step(self, images: Any, labels: Any, rate: float) -> Tuple[Any, Any]:
        """Do one step of the optimizer; return loss and number of hits, as tensors."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        outputs = self.net(images)
        loss = self._loss(outputs, labels)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        if hasattr(self.net, "clip_weights"):
            self.net.clip_weights(-1, 1)
        with self.torch.no_grad():
            hits = (outputs.argmax(1) == labels).sum()
        return loss.detach(), hits

    # Epochs

    def train(self) -> Stopped:
        """Train until the epochs are done, nothing gets better, or the time is over."""
        try:
            stopped = self._train()
        except Exception:
            # The weights are those of an epoch's middle, perhaps no numbers any more: the last
            # checkpoint stays what a later attempt goes on from, and the best epoch is not lost.
            if self._best_state is not None:
                self._save_best(self._best_state)
                self.on_saved()
            raise
        if self.history and self._saved < self._ended:
            self.save()
        return stopped

    def _train(self) -> Stopped:
        begun = time.monotonic() - self.seconds
        self._deadline = time.monotonic() + (self.recipe.limit_s or math.inf)
        while self.epoch <= self.recipe.epochs:
            finished = self._epoch(begun)
            self._end_epoch(begun, finished)
            if not finished:
                return Stopped("time")
            if self._patience_is_over():
                return Stopped("patience")
        return Stopped("epochs")

    def _epoch(self, begun: float) -> bool:
        """Do the rest of an epoch; return False if the time is over before its end."""
        recipe, torch = self.recipe, self.torch
        order = torch.randperm(len(self.labels), generator=self._generator(self.epoch, 0))
        order = order.to(self.device)
        self.net.train()
        loss_sum = torch.zeros((), device=self.device)
        hit_sum = torch.zeros((), dtype=torch.int64, device=self.device)
        images_done, span = 0, time.monotonic()
        for batch in range(self.batch, self.batches):
            if time.monotonic() > self._deadline:
                self._take(loss_sum, hit_sum, images_done)
                return False
            start = time.monotonic()
            images, labels = self.make_batch(self.epoch, batch, order)
            self.data_seconds += time.monotonic() - start
            rate = recipe.rate(self.epoch, batch / self.batches)
            loss, hits = self.step(images, labels, rate)
            loss_sum += loss * len(labels)
            hit_sum += hits
            images_done += len(labels)
            self.batch = batch + 1
            now = time.monotonic()
            due = max(_LEAST_REPORT_SECONDS, (now - begun) / _POINTS)
            if now - self._reported > due or self.batch == self.batches:
                self._take(loss_sum, hit_sum, images_done)
                self._report_batch(rate, images_done / max(1e-9, now - span))
                loss_sum.zero_()
                hit_sum.zero_()
                images_done, span = 0, time.monotonic()
                self.seconds = time.monotonic() - begun
                if now - self._saved > CHECKPOINT_SECONDS:
                    self.save()
        return True

    def _take(self, loss_sum: Any, hit_sum: Any, images: int) -> None:
        """Add what was done since the last report to the epoch's sums."""
        if not images:
            return
        loss = float(loss_sum)
        if not math.isfinite(loss):
            raise EngineError(
                "The loss is no number any more",
                "Epoch %d, after %d images: the weights have left the range of floats."
                % (self.epoch, int(self.sums[2]) + images),
                "Train with a lower learning rate: --lr %g" % (self.recipe.lr / 10),
            )
        self.sums = [self.sums[0] + loss, self.sums[1] + int(hit_sum), self.sums[2] + images]

    def _report_batch(self, rate: float, images_per_s: float) -> None:
        self._reported = time.monotonic()
        loss, hits, images = self.sums
        self.report(
            "batch",
            epoch=self.epoch,
            images=int(images),
            loss=round(loss / images, 6),
            accuracy=round(100.0 * hits / images, 3),
            lr=rate,
            images_per_s=round(images_per_s, 1),
        )

    def _end_epoch(self, begun: float, finished: bool) -> None:
        predictions = evaluate.predict(self.net, self.held_images)
        self.seconds = time.monotonic() - begun
        scores = evaluate.summary(predictions, self.held_labels.numpy(), self.data.classes)
        loss, hits, images = self.sums
        entry = {
            "epoch": self.epoch,
            "images": int(images),
            "loss": round(loss / images, 6) if images else None,
            "train_accuracy": round(100.0 * hits / images, 3) if images else None,
            "accuracy": scores["percent"],
            "lr": self.recipe.rate(self.epoch, 0.0),
            "seconds": round(self.seconds, 2),
        }
        better = self.best is None or scores["percent"] > self.best["accuracy"]
        if better:
            self.best = {"epoch": self.epoch, "accuracy": scores["percent"], "scores": scores}
            self._best_state = self._state()
        self.history.append(entry)
        if finished:
            self.epoch, self.batch, self.sums = self.epoch + 1, 0, [0.0, 0.0, 0.0]
        self._ended = time.monotonic()
        # Small networks have many epochs a second; the first has a checkpoint at once.
        if self._ended - self._saved > SAVE_SECONDS:
            self.save()
        assert self.best is not None
        self.report("epoch", **dict(entry, best=self.best["epoch"], finished=finished))

    def _patience_is_over(self) -> bool:
        assert self.best is not None
        patience = self.recipe.patience
        return bool(patience) and self.history[-1]["epoch"] - self.best["epoch"] >= patience

    # Checkpoints

    def save(self) -> None:
        """Write the best weights if they are new, and where a later attempt goes on."""
        if self._best_state is not None:
            self._save_best(self._best_state)
            self._best_state = None
        self.save_latest()
        self.on_saved()

    def _save_best(self, state: Dict[str, Any]) -> None:
        assert self.best is not None
        checkpoints.save(
            os.path.join(self.folder, runfiles.BEST_WEIGHTS),
            {
                "definition": self.definition,
                "state_dict": state,
                "epoch": self.best["epoch"],
                "accuracy": self.best["accuracy"],
                "dataset": self.data.name,
                "dataset_folder": self.dataset_folder,
                "labels": self.data_labels,
                "selected_on": self.selected_on,
                "seed": self.recipe.seed,
            },
        )

    def _state(self) -> Dict[str, Any]:
        return {key: value.cpu().clone() for key, value in self.net.state_dict().items()}

    def save_latest(self) -> None:
        """Write the checkpoint that a later attempt goes on from."""
        torch = self.torch
        self._saved = time.monotonic()
        document = {
            "definition": self.definition,
            "state_dict": self._state(),
            "optimizer": self.optimizer.state_dict(),
            "epoch": self.epoch,
            "batch": self.batch,
            "sums": list(self.sums),
            "history": self.history,
            "best": self.best,
            "seconds": self.seconds,
            "data_seconds": self.data_seconds,
            "dataset": self.data.name,
            "recipe": {**self.recipe._asdict(), "milestones": list(self.recipe.milestones)},
            "rng": torch.get_rng_state(),
        }
        if self.device.type == "cuda":
            document["cuda_rng"] = torch.cuda.get_rng_state(self.device)
        checkpoints.save(os.path.join(self.folder, runfiles.CHECKPOINT), document)

    def resume(self) -> None:
        """Go on where the last checkpoint of the folder is.

        Raises ``EngineError``: it is missing or damaged, or belongs to another network.
        """
        path = os.path.join(self.folder, runfiles.CHECKPOINT)
        document = checkpoints.load(path)
        try:
            self.net.load_state_dict(document["state_dict"])
            self.optimizer.load_state_dict(document["optimizer"])
            self.epoch, self.batch = int(document["epoch"]), int(document["batch"])
            self.sums = [float(value) for value in document["sums"]]
            # An epoch that a time limit cut is in the history; it is finished and counted again.
            self.history = [e for e in document["history"] if e["epoch"] < self.epoch]
            self.best = document["best"]
            self.seconds = float(document["seconds"])
            self.data_seconds = float(document["data_seconds"])
            self.torch.set_rng_state(document["rng"])
            if self.device.type == "cuda" and "cuda_rng" in document:
                self.torch.cuda.set_rng_state(document["cuda_rng"], self.device)
        except Exception as error:
            # Whatever a foreign document provokes in torch or here.
            raise EngineError(
                "The training cannot go on from %s" % path,
                "%s: %s" % (type(error).__name__, error),
                "Start it again as a new run",
            ) from error
