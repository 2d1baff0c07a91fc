"""Jitter: how unevenly temporal consistency runs over a clip.

A method that computes key frames in full and propagates in between has a high mean consistency
and drops at every key frame (Liu et al. 2022, Fig. 5); the mean hides that, these values do not.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True)
class Jitter:
    """Unevenness of a curve of accuracies; None with fewer than two known values.

    Attributes:
        deviation: Standard deviation over the known values (divided by their number).
        largest_drop: Largest fall from one pair to the next one, 0 when it never falls; None
            without two known values next to each other.
        n_pairs: Known values.
    """

    deviation: float | None
    largest_drop: float | None
    n_pairs: int


def jitter(accuracies: Sequence[float | None]) -> Jitter:
    """Measure how uneven the pairs of a clip are.

    Args:
        accuracies: Share of the pixels that agree, by pair in time order; None where no pixel
            could be compared.
    """
    known = [value for value in accuracies if value is not None]
    deviation = None
    if len(known) > 1:
        mean = math.fsum(known) / len(known)
        deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in known) / len(known))
    falls = [a - b for a, b in pairwise(accuracies) if a is not None and b is not None]
    return Jitter(deviation, max(0.0, *falls) if falls else None, len(known))
