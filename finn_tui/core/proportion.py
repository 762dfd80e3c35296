"""How sure a share of successes is, such as an accuracy measured on so many images."""

from __future__ import annotations

import math

#: The two-sided 95 % quantile of the normal distribution.
Z95 = 1.959963984540054


def wilson(correct: int, images: int, z: float = Z95) -> tuple[float, float]:
    """Return the Wilson score interval of a share, in percent.

    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", Journal of
    the American Statistical Association 22 (1927): unlike p +- z*sqrt(p(1-p)/n) it stays within 0
    and 100 % and holds for few images, too.

    Args:
        correct: successes.
        images: trials, at least 1.
        z: quantile of the normal distribution; of 95 % by default.
    """
    share, square = correct / images, z * z / images
    middle = (share + square / 2) / (1 + square)
    half = z / (1 + square) * math.sqrt(share * (1 - share) / images + square / (4 * images))
    return 100.0 * max(0.0, middle - half), 100.0 * min(1.0, middle + half)
