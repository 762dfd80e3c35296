"""The board's outputs beside those of the software: equal, or how far apart and where first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from finn_tui.base.text import significant

Array = npt.NDArray[Any]

#: Differences up to this share of a sample's largest output come from float arithmetic.
TOLERANCE = 1e-3


@dataclass(frozen=True)
class Comparison:
    """Samples on the board and in software.

    Attributes:
        samples: how many were compared.
        classes_same: how many got the class that software gives; None where there are no classes.
        outputs_equal: of how many all outputs equal the software's but for float arithmetic; None
            where the software's outputs are not known, or the accelerator gives the class alone.
        difference: the largest difference of an output; None likewise.
        first: the first sample that differs, counted from 0; None if none does.
        converted: of the same samples, how many the dataflow graph gave the same for when the
            network was prepared; None where it is not known.
        reference: what the software was: "network" as it came, or its "dataflow graph".
    """

    samples: int
    classes_same: int | None
    outputs_equal: int | None
    difference: float | None
    first: int | None
    converted: int | None = None
    reference: str = "network"

    @property
    def differs(self) -> bool:
        """Whether the board computes something else than the software."""
        return self.first is not None

    def as_dict(self) -> dict[str, Any]:
        """As JSON shows it."""
        return {**asdict(self), "differs": self.differs}

    def text(self) -> str:
        """What a line says of it."""
        return text(self.as_dict())


def text(comparison: Any) -> str:
    """A comparison in words.

    Args:
        comparison: as ``Comparison.as_dict`` gives it.
    """
    software = "the dataflow graph in software" if _is_graph(comparison) else "software"
    return f"board against {software} on {comparison['samples']:,} samples: {counts(comparison)}"


def _is_graph(comparison: Any) -> bool:
    return bool(comparison.get("reference") == "dataflow graph")


def counts(comparison: Any) -> str:
    """What of a comparison is equal, what differs and where first; see ``text``."""
    samples, parts = comparison["samples"], []
    for name in ("classes_same", "outputs_equal"):
        same, what = comparison[name], name.partition("_")[0]
        if same is not None:
            differ = f"{samples - same} of {samples} {what} differ"
            parts.append(f"{what} equal" if same == samples else differ)
    if comparison["first"] is not None:
        parts.append(f"first in sample {comparison['first']}")
    if comparison["difference"]:
        parts.append(f"largest difference {significant(comparison['difference'])}")
    return ", ".join(parts)


def classes(outputs: Array, topk: int | None) -> npt.NDArray[np.int64]:
    """The class of each sample.

    Args:
        outputs: (N, ...) of the accelerator.
        topk: how many classes the accelerator names, best first; 0 for scores; None if not known.

    Raises:
        ValueError: what should be a class is none.
    """
    flat = outputs.reshape(len(outputs), -1)
    if not topk and flat.shape[1] > 1:
        return np.asarray(flat.argmax(axis=1), np.int64)
    first = flat[:, 0].astype(np.float64)
    whole = np.rint(first)
    if not np.isfinite(first).all() or (whole != first).any() or (whole < 0).any():
        raise ValueError("a class is no whole number")
    return whole.astype(np.int64)


def as_software(outputs: Array, reference: Array, tail: str | None) -> Array | None:
    """The board's outputs in the order of the software's, with what the host does to them.

    Args:
        outputs: (N, ...) of the board.
        reference: (N, ...) of the software.
        tail: the op that was left to the host (Softmax, LogSoftmax), or None.

    Returns:
        None if the number of values is another one.
    """
    if outputs[0].size != reference[0].size:
        return None
    wanted = reference.shape[1:]
    if outputs.shape[1:] != wanted and outputs.ndim == reference.ndim == 4:
        turned = outputs.transpose(0, 3, 1, 2)
        outputs = turned if turned.shape[1:] == wanted else outputs
    values = outputs.reshape(len(outputs), *wanted).astype(np.float64)
    if tail in ("Softmax", "LogSoftmax"):
        values = values - values.max(axis=-1, keepdims=True)
        total = np.exp(values).sum(axis=-1, keepdims=True)
        values = np.exp(values) / total if tail == "Softmax" else values - np.log(total)
    return values


def compare_outputs(board: Sequence[Array], software: Sequence[Array]) -> tuple[Array, Array]:
    """Compare all outputs element by element.

    Args:
        board: one array for each output, see ``as_software``.
        software: likewise.

    Returns:
        whether each sample is equal but for float arithmetic, and its largest difference.
    """
    equal = np.ones(len(board[0]), bool)
    largest = np.zeros(len(board[0]))
    for ours, reference in zip(board, software, strict=True):
        flat = reference.reshape(len(reference), -1).astype(np.float64)
        apart = np.abs(ours.reshape(len(ours), -1) - flat)
        # A NaN differs from everything.
        apart = np.where(np.isnan(apart), np.inf, apart).max(axis=1)
        largest = np.maximum(largest, apart)
        equal &= apart <= TOLERANCE * np.maximum(1e-6, np.abs(flat).max(axis=1))
    return equal, largest


def differing(
    board_classes: Array | None,
    software_classes: Array | None,
    outputs: tuple[Array, Array] | None,
) -> npt.NDArray[np.bool_]:
    """Whether each sample differs by what is known of it; see ``compared``."""
    differs: Array | None = None
    if board_classes is not None and software_classes is not None:
        differs = board_classes != software_classes
    if outputs is not None:
        differs = ~outputs[0] if differs is None else differs | ~outputs[0]
    return np.zeros(0, bool) if differs is None else differs


def compared(
    board_classes: Array | None,
    software_classes: Array | None,
    outputs: tuple[Array, Array] | None,
    converted: int | None = None,
    reference: str = "network",
) -> Comparison | None:
    """A comparison of what is known.

    Args:
        board_classes, software_classes: of each sample, None where there are none.
        outputs: as of ``compare_outputs``.
        converted, reference: see ``Comparison``.

    Returns:
        None where nothing is known.
    """
    same = equal = largest = None
    if board_classes is not None and software_classes is not None:
        same = int((board_classes == software_classes).sum())
    if outputs is not None:
        equal, largest = int(outputs[0].sum()), float(outputs[1].max(initial=0.0))
    differs = differing(board_classes, software_classes, outputs)
    if not len(differs):
        return None
    first = int(np.argmax(differs)) if differs.any() else None
    return Comparison(len(differs), same, equal, largest, first, converted, reference)
