"""Chi-square distance between all histograms of two contours."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_TILE = (32, 512)  # pairs per step: two work arrays of 128 KB stay in the processor's cache
# Sums of 60 terms are exact to some 1e-15; unlike histograms of n points differ by more than
# 1 / (4 n^3), so that what is smaller than this is zero.
_ROUNDING = 1e-14


def matching_cost(
    first: NDArray[np.unsignedinteger], second: NDArray[np.unsignedinteger]
) -> NDArray[np.float64]:
    """Compare each histogram of one contour with each of another.

    With the rows a and b as frequencies (they sum to 1) the cost of Perazzi et al. 2016 is
    ``sum (a - b)^2 / (a + b) / 2``. That equals ``1 - 2 sum 1 / (1/a + 1/b)``: one division and two
    additions per bin, none at all where a bin is empty on one side. The result does not
    depend on the order of the two contours.

    Args:
        first: (n1, K) counts, at least one in each row.
        second: (n2, K) counts.

    Returns:
        (n1, n2) costs in [0, 1]; 0 for equal frequencies.
    """
    inverse_first, inverse_second = _inverse_frequencies(first), _inverse_frequencies(second)
    costs = np.empty((len(first), len(second)))
    work = np.empty(_TILE)
    for top in range(0, len(first), _TILE[0]):
        rows = slice(top, top + _TILE[0])
        is_used = first[rows].any(axis=0)
        for left in range(0, len(second), _TILE[1]):
            columns = slice(left, left + _TILE[1])
            bins = np.flatnonzero(is_used & second[columns].any(axis=0)).tolist()
            tile = costs[rows, columns]
            overlap = np.zeros(tile.shape)
            term = work[: tile.shape[0], : tile.shape[1]]
            for index in bins:
                np.add(inverse_first[index, rows, None], inverse_second[index, columns], out=term)
                np.divide(1, term, out=term)
                np.add(overlap, term, out=overlap)
            np.multiply(overlap, 2, out=overlap)
            np.subtract(1, overlap, out=tile)
            tile[tile < _ROUNDING] = 0
    return costs


def _inverse_frequencies(histograms: NDArray[np.unsignedinteger]) -> NDArray[np.float64]:
    """Return (K, n) row sums over counts; infinite for empty bins."""
    counts = histograms.T.astype(np.float64)
    with np.errstate(divide="ignore"):
        return np.ascontiguousarray(counts.sum(axis=0) / counts)
