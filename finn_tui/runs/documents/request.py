"""``run.json``: what a run was asked to do."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct

from finn_tui.base.config import known_keys
from finn_tui.base.text import clean
from finn_tui.runs.documents.statuses import RunKind


class RunEngine(Struct, frozen=True):
    """The FINN that builds.

    Attributes:
        name: of the engine, as in ``finn-tui engine list``.
        python: its interpreter.
        command: what starts that interpreter.
        flavour: ``finn-plus`` or ``upstream``.
        version: of FINN.
    """

    name: str | None = None
    python: str | None = None
    command: tuple[str, ...] = ()
    flavour: str | None = None
    version: str | None = None


class RunRehearsal(Struct, frozen=True):
    """How stand-ins take the place of AMD's tools.

    Attributes:
        seconds (s): what the stand-ins take in all.
    """

    seconds: Annotated[float, Meta(ge=0, le=1e9, description="Seconds, 0 or more.")]


class RunWeights(Struct, frozen=True):
    """Where a model's weights come from.

    Attributes:
        kind: ``random``, ``trained``, ``file`` or ``pretrained``.
        dataset: the data set that they were trained on.
    """

    kind: str | None = None
    dataset: str | None = None


class RunSource(Struct, frozen=True):
    """Where a model comes from.

    Attributes:
        content: hash of what the model was prepared from.
        title: the model's name for people.
        weights: where its weights come from.
        retry_of: the run that was retried.
    """

    content: str | None = None
    title: str | None = None
    weights: Annotated[dict[str, Any], known_keys(RunWeights)] | None = None
    retry_of: str | None = None


class RunEstimate(Struct, frozen=True):
    """An estimate, as ``finn-tui estimate --json`` gives it; the keys that are used later.

    Attributes:
        ii_cycles (cycles): initiation interval of the design.
        latency_cycles (cycles): cycles along the longest path, FINN's critical path.
        fps (frames/s): clock / II.
        clock_ns (ns): clock period.
        total: sum of the layers by resource: LUT, BRAM_18K, URAM, DSP.
    """

    ii_cycles: int | None = None
    latency_cycles: int | None = None
    fps: float | None = None
    clock_ns: float | None = None
    total: dict[str, float] | None = None


Estimate = Annotated[dict[str, Any], known_keys(RunEstimate)]


class TrainingRequest(Struct, frozen=True):
    """How a network is trained.

    Attributes:
        definition: the network, as the engine builds it.
        dataset: the folder of the data set, or ``digits28``.
        dataset_name: its true name.
        labels: of CIFAR-100: ``fine`` or ``coarse``.
        epochs: how often all images are seen.
        batch (images): of one step.
        lr: the learning rate at the beginning.
        optimizer: ``adam`` or ``sgd``.
        momentum: of ``sgd``.
        weight_decay: of the optimizer.
        loss: ``hinge`` (squared, as bnn_pynq) or ``cross-entropy``.
        schedule: ``fixed``, ``step`` or ``cosine``.
        milestones: epochs after which ``step`` lowers the learning rate.
        gamma: by how much it does.
        augmentation: ``crop-flip`` (bnn_pynq's for CIFAR) or ``none``.
        seed: of weights, order and augmentation.
        patience (epochs): stop after so many without a better one; 0 for never.
        limit_s (s): stop after this time; 0 for no limit.
        validation: part of the training images that chooses the best epoch; 0: the test images.
        threads: CPU threads; null for a choice by the network's size.
        device: ``auto``, ``cpu`` or ``cuda``.
        weights: checkpoint to begin with; null for fresh weights.
    """

    definition: dict[str, Any]
    dataset: str
    dataset_name: str = ""
    labels: str = "fine"
    epochs: int = 40
    batch: int = 100
    lr: float = 0.02
    optimizer: str = "adam"
    momentum: float = 0.9
    weight_decay: float = 0.0
    loss: str = "cross-entropy"
    schedule: str = "cosine"
    milestones: tuple[int, ...] = ()
    gamma: float = 0.1
    augmentation: str = "none"
    seed: int = 0
    patience: int = 0
    limit_s: float = 0.0
    validation: float = 0.0
    threads: int | None = None
    device: str = "auto"
    weights: str | None = None


class RunRequest(Struct, frozen=True):
    """What a run was asked to do: ``run.json``; written once, never changed.

    A training has ``training``, and none of folding, board, part and clock.

    Attributes:
        id: name of the run folder.
        model: the model's name.
        created: when it was asked, ISO 8601 in UTC.
        folding: FINN's folding configuration.
        folding_name: what the user calls the folding.
        board: FINN's name of the board type.
        part: the FPGA part.
        clock_ns (ns): clock period.
        engine: the FINN that builds.
        host: where it runs, as the user named the machine.
        rehearsal: how AMD's tools are stand-ins; null for a real build.
        simulated: whether its figures are those of stand-ins.
        dataset: what the accelerator is validated on, as the driver calls it.
        estimate: as ``finn-tui estimate --json`` gives it; null if it was not asked.
        source: where the model comes from and what its weights are.
        fifo: how FIFO depths are set, ``simulate`` or ``minimal``.
        kind: ``build`` or ``train``.
        training: how the network is trained; null for a build.
        format: version of this document.
    """

    id: str
    model: str
    created: str
    folding: dict[str, Any]
    folding_name: str
    board: str
    part: str
    clock_ns: Annotated[
        float, Meta(gt=0, le=1e6, description="A clock period in ns, above 0 and up to 1000000.")
    ]
    engine: Annotated[dict[str, Any], known_keys(RunEngine)] = {}
    host: str = "local"
    rehearsal: Annotated[dict[str, Any], known_keys(RunRehearsal)] | None = None
    simulated: bool = False
    dataset: str | None = None
    estimate: Estimate | None = None
    source: Annotated[dict[str, Any], known_keys(RunSource)] = {}
    fifo: str = "simulate"
    kind: RunKind = RunKind.BUILD
    training: TrainingRequest | None = None
    format: int = 1

    @property
    def is_training(self) -> bool:
        """Whether it is a training, and no build."""
        return self.kind is RunKind.TRAIN

    @property
    def subject(self) -> str:
        """What is done with the model: the folding that is built, or what it is trained on."""
        if self.training is None:
            return self.folding_name
        return f"training on {clean(self.training.dataset_name or self.training.dataset)}"

    @property
    def content(self) -> str:
        """The hash of what its model was prepared from; empty where an older version asked."""
        return self.source.get("content") or ""
