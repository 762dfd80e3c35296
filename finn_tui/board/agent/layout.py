"""The order of an image's values: channels last is what accelerators take."""

from __future__ import annotations

from typing import Any, Tuple


def laid_out(images: Any, wanted: Tuple[int, ...]) -> Any:
    """Return images (N, ...) in the shape ``wanted`` of one image; None if they do not fit.

    Channels are put last if that is what fits.
    """
    import numpy as np

    if images.shape[1:] != wanted and images.ndim == 4:
        turned = images.transpose(0, 2, 3, 1)
        if turned.shape[1:] == wanted:
            images = turned
    if np.prod(images.shape[1:]) != np.prod(wanted):
        return None
    return np.ascontiguousarray(images.reshape((len(images), *wanted)))
