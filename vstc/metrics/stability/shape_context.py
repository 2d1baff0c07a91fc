"""Shape context histograms: where the other points of a contour lie, seen from each point.

Belongie et al. 2002, with the bins of Perazzi et al. 2016: five rings, whose radii are fractions
of the mean distance between the contour's points, times twelve sectors of 30 degrees.

Which bin a pair of points falls into is decided without division, square root or arc tangent, but
exactly as the reference's float64 operations decide it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NUM_RINGS, NUM_SECTORS = 5, 12
NUM_BINS = NUM_RINGS * NUM_SECTORS
# In mean distances. The reference takes them from numpy's logspace, which rounds two of them up.
RADII = (1 / 8, math.nextafter(1 / 4, 1), math.nextafter(1 / 2, 1), 1.0, 2.0)
_BLOCK = 1 << 15  # pairs of points per step, so that the work arrays stay in the cache
_DOUBT = 1e-9  # pixels; a projection below is exact to 1e-11 for coordinates up to 10^4


def shape_histograms(points: NDArray[np.float32]) -> NDArray[np.unsignedinteger]:
    """Count for each point how many points lie in each ring and sector around it.

    Args:
        points: (n, 2) as (x, y) in pixels.

    Returns:
        (n, 60) counts; column ``ring * 12 + sector``, outermost ring first, sectors from +x
        towards +y. A point counts itself in the innermost ring and the first sector. Points
        farther away than twice the mean distance are not counted. The type is the smallest
        that holds n.
    """
    limits = _squared_limits(mean_distance(points))
    sectors = _rank_along_sector_limits(points)
    num_codes = (NUM_RINGS + 1) * NUM_SECTORS  # one ring more: too far away
    by_code = np.empty((len(points), num_codes), np.min_scalar_type(len(points)))
    for rows, squared in _squared_distances(points):
        codes = sectors.codes(rows)
        rings = np.zeros_like(codes)
        for limit in limits:
            rings += squared < limit
        codes += rings * np.uint8(NUM_SECTORS)
        first_codes = np.arange(len(codes))[:, None] * num_codes
        counts = np.bincount((codes + first_codes).reshape(-1), minlength=len(codes) * num_codes)
        by_code[rows] = counts.reshape(-1, num_codes)
    histograms: NDArray[np.unsignedinteger] = by_code.take(_CODE_OF_BIN, axis=1)
    for row in np.flatnonzero(sectors.is_doubtful).tolist():
        histograms[row] = histogram_by_angles(points, row, limits)
    return histograms


def mean_distance(points: NDArray[np.float32]) -> float:
    """Return the mean of the n x n distances of all points, those to themselves included."""
    total = 0.0
    for _, squared in _squared_distances(points):
        total += float(np.sqrt(squared, out=squared).sum())
    return total / len(points) ** 2


def histogram_by_angles(
    points: NDArray[np.float32], row: int, squared_limits: list[float]
) -> NDArray[np.int64]:
    """Count the (60,) neighbours of one point with the reference's own formula for the angle."""
    to_x, to_y = (points.astype(np.float64) - points[row]).T
    turn = 2 * np.pi
    angles = np.fmod(np.fmod(np.arctan2(to_y, to_x), turn) + turn, turn)
    sectors = np.floor(angles / (turn / NUM_SECTORS)).astype(np.int64)
    sectors = np.minimum(sectors, NUM_SECTORS - 1)  # a whole turn less one bit rounds to 12
    squared = to_x * to_x + to_y * to_y
    rings = np.sum([squared < limit for limit in squared_limits], axis=0)
    counts = np.bincount(rings * NUM_SECTORS + sectors, minlength=NUM_BINS + NUM_SECTORS)
    return counts[NUM_SECTORS:]


def _squared_distances(
    points: NDArray[np.float32],
) -> Iterator[tuple[slice, NDArray[np.float64]]]:
    """Yield the n x n squared distances in blocks of rows; the next block overwrites it."""
    x, y = points.astype(np.float64).T.copy()
    num_rows = max(1, _BLOCK // len(points))
    blocks = np.empty((2, num_rows, len(points)))
    for start in range(0, len(points), num_rows):
        rows = slice(start, min(start + num_rows, len(points)))
        across, down = blocks[:, : rows.stop - rows.start]
        np.subtract(x, x[rows, None], out=across)
        np.subtract(y, y[rows, None], out=down)
        np.multiply(across, across, out=across)
        np.multiply(down, down, out=down)
        yield rows, np.add(across, down, out=across)


def _squared_limits(mean: float) -> list[float]:
    """Find for each ring the smallest squared distance that is outside.

    Square root and division round monotonously, so that ``squared < limit`` says precisely the
    same as ``sqrt(squared) / mean < radius``.
    """
    limits = []
    for radius in RADII:
        limit = (radius * mean) ** 2
        while math.sqrt(limit) / mean < radius:
            limit = math.nextafter(limit, math.inf)
        while math.sqrt(below := math.nextafter(limit, 0)) / mean >= radius:
            limit = below
        limits.append(limit)
    return limits


@dataclass(frozen=True)
class _SectorRanks:
    """The points' order along the normals of the lines between sectors.

    A point lies to the left of the line through another one in a given direction if its projection
    on the line's normal is larger: comparing ranks replaces the angles of all pairs.

    Attributes:
        base: (n,) rank for the direction 0 degrees, where +x itself is on the left.
        others: Five times (n,) rank for 30, 60, 120, 150 and 90 degrees.
        is_doubtful: (n,) whether a rank may be wrong by rounding.
    """

    base: NDArray[np.signedinteger]
    others: list[NDArray[np.signedinteger]]
    is_doubtful: NDArray[np.bool_]

    def codes(self, rows: slice) -> NDArray[np.uint8]:
        """Return (rows, n) codes of the sector of each point seen from some of them.

        Upper half plane: the number of lines passed, 0-5. Lower half plane: 6 + that number, which
        counts down there from 5 to 0 as the angle grows.
        """
        codes: NDArray[np.uint8] = np.less(self.base, self.base[rows, None]).view(np.uint8)
        codes *= np.uint8(NUM_SECTORS // 2)
        for rank in self.others:
            codes += np.greater(rank, rank[rows, None])
        return codes


# The sector of code 0-5 is the code itself, that of 6-11 is counted backwards.
_CODE_OF_SECTOR = np.array([0, 1, 2, 3, 4, 5, 11, 10, 9, 8, 7, 6])
_CODE_OF_BIN = (np.arange(1, NUM_RINGS + 1)[:, None] * NUM_SECTORS + _CODE_OF_SECTOR).reshape(-1)


def _rank_along_sector_limits(points: NDArray[np.float32]) -> _SectorRanks:
    """Rank the points for all lines; axis-parallel neighbours go where the reference has them."""
    x, y = points.astype(np.float64).T
    places, index = np.unique(x + 1j * y, return_inverse=True)
    x, y = places.real, places.imag
    rank_type = np.int16 if len(points) < 1 << 15 else np.int32

    def ranked(order: NDArray[np.intp]) -> NDArray[np.signedinteger]:
        ranks: NDArray[np.signedinteger] = np.empty(len(order), rank_type)
        ranks[order] = np.arange(len(order))
        return ranks[index]

    is_doubtful = np.zeros(len(places), np.bool_)
    others = []
    for degrees in (30, 60, 120, 150):
        normal = y * math.cos(math.radians(degrees)) - x * math.sin(math.radians(degrees))
        others.append(ranked(np.argsort(normal)))
        is_doubtful |= _have_close_neighbours(normal)
    for along_axis in (x, y):  # equal values are no matter of doubt here
        values, place = np.unique(along_axis, return_inverse=True)
        is_doubtful |= _have_close_neighbours(values)[place]
    # Left of straight up is what has the smaller x, and what lies straight above.
    others.append(ranked(np.lexsort((y, -x))))
    return _SectorRanks(ranked(np.lexsort((x, y))), others, is_doubtful[index])


def _have_close_neighbours(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    order = np.argsort(values)
    is_close = np.diff(values[order]) < _DOUBT
    close = np.zeros(len(values), np.bool_)
    close[order[:-1][is_close]] = True
    close[order[1:][is_close]] = True
    return close
