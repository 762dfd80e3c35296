"""The images on which board and software differ: kept in the run folder, and told."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from finn_tui.base import files

#: Images that are kept.
MOST = 32


def keep_differences(
    run: Path,
    board: str,
    differs: npt.NDArray[np.bool_],
    arrays: Mapping[str, npt.NDArray[Any] | None],
    classes: Mapping[str, npt.NDArray[np.int64] | None],
) -> tuple[str | None, tuple[dict[str, Any], ...]]:
    """Write the first images that differ, with both outputs.

    Args:
        run: the run folder.
        board: the machine's name.
        differs: (N,) whether an image differs.
        arrays: of all images, by the name in the file; None for what is not known.
        classes: of all images, by what gives them: ``board``, ``software``, ``label``.

    Returns:
        The file in the run folder, and ``index``, ``board``, ``software`` and ``label`` of each.
        An older file goes where nothing differs.
    """
    path = f"board/{board}/differences.npz"
    indices = np.flatnonzero(differs)[:MOST]
    if not len(indices):
        (run / path).unlink(missing_ok=True)
        return None, ()
    known: dict[str, Any] = {
        name: array[indices] for name, array in arrays.items() if array is not None
    }
    for name in ("board", "software"):
        if (array := classes[name]) is not None:
            known[f"{name}_classes"] = array[indices]
    with files.replacing(run / path) as file:
        np.savez_compressed(file, indices=indices, **known)
    rows = tuple(
        {
            "index": int(index),
            **{
                name: None if array is None else int(array[index])
                for name, array in classes.items()
            },
        }
        for index in indices
    )
    return path, rows
