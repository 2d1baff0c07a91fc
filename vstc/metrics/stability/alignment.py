"""Which points of two closed contours belong together, given what each pair would cost.

Dynamic time warping as in Perazzi et al. 2016: the cheapest monotone path through the matrix of
costs, once from an arbitrary start, then again from the best pair of that first path.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Path:
    """Nodes of a path, from its end to its start.

    Attributes:
        rows: (P,) indices into the first contour.
        columns: (P,) indices into the second contour.
    """

    rows: NDArray[np.int64]
    columns: NDArray[np.int64]


def mean_matched_cost(costs: NDArray[np.float64]) -> float:
    """Align two closed contours and return the mean cost of their matched points.

    Args:
        costs: (n1, n2) cost of each pair of points.
    """
    path = cheapest_path(costs)
    along = costs[path.rows, path.columns]
    best = int(np.argmin(along[:-1]))  # the start does not count
    path = cheapest_path(
        costs, first_row=int(path.rows[best]) + 1, first_column=int(path.columns[best]) + 1
    )
    along = costs[path.rows, path.columns]
    return float(along[_one_to_one(path, along)].mean())


def cheapest_path(costs: NDArray[np.float64], *, first_row: int = 0, first_column: int = 0) -> Path:
    """Find the cheapest path through a matrix, in steps (1, 0), (0, 1) and (1, 1).

    A path costs the sum over its nodes without the first. Of equally cheap ways into a node the
    diagonal is preferred, then the one from the row above.

    Args:
        costs: (n1, n2) finite costs.
        first_row: Row where the path starts; it ends in the row before, going round.
        first_column: Likewise for columns.
    """
    num_rows, num_columns = costs.shape
    num_diagonals = num_rows + num_columns - 1
    places = _Places(costs.shape, first_row, first_column)
    is_from_above = np.empty((num_diagonals, num_rows), np.bool_)
    is_from_diagonal = np.empty((num_diagonals, num_rows), np.bool_)
    # Sums along one anti-diagonal each, by row + 1; what lies outside the matrix stays infinite.
    current, last, second_last = np.full((3, num_rows + 1), np.inf)
    current[1] = 0
    cheapest, node_costs = np.empty((2, num_rows))
    for diagonal in range(1, num_diagonals):
        second_last, last, current = last, current, second_last
        low, high = max(0, diagonal - num_columns + 1), min(num_rows, diagonal + 1)
        above, left, across = last[low:high], last[low + 1 : high + 1], second_last[low:high]
        step, nodes = cheapest[low:high], node_costs[low:high]
        np.less_equal(above, left, out=is_from_above[diagonal, low:high])
        np.minimum(above, left, out=step)
        np.less_equal(across, step, out=is_from_diagonal[diagonal, low:high])
        np.minimum(across, step, out=step)
        np.take(costs, places.of(diagonal, low, high), out=nodes, mode="clip")
        np.add(step, nodes, out=current[low + 1 : high + 1])
    rows, columns = _traced_back(is_from_above, is_from_diagonal, num_columns)
    return Path((rows + first_row) % num_rows, (columns + first_column) % num_columns)


class _Places:
    """Flat places of the nodes on an anti-diagonal of a matrix whose rows and columns go round."""

    def __init__(self, shape: tuple[int, ...], first_row: int, first_column: int) -> None:
        num_rows, num_columns = shape
        self._num_columns = num_columns
        self._rows = np.roll(np.arange(num_rows) * num_columns, -first_row)
        self._columns_reversed = np.roll(np.arange(num_columns), -first_column)[::-1].copy()
        self._places = np.empty(num_rows, np.intp)

    def of(self, diagonal: int, low: int, high: int) -> NDArray[np.intp]:
        """Return the places for rows low to high; they are overwritten by the next call."""
        start = self._num_columns - 1 - diagonal + low
        places = self._places[low:high]
        columns = self._columns_reversed[start : start + high - low]
        return np.add(self._rows[low:high], columns, out=places)


def _traced_back(
    is_from_above: NDArray[np.bool_], is_from_diagonal: NDArray[np.bool_], num_columns: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    num_rows = is_from_above.shape[1]
    row, column = num_rows - 1, num_columns - 1
    rows, columns = [row], [column]
    while row or column:
        if is_from_diagonal[row + column, row]:
            row, column = row - 1, column - 1
        elif is_from_above[row + column, row]:
            row -= 1
        else:
            column -= 1
        rows.append(row)
        columns.append(column)
    return np.array(rows), np.array(columns)


def _one_to_one(path: Path, costs: NDArray[np.float64]) -> NDArray[np.int64]:
    """Choose nodes so that no row and no column comes twice; return their places on the path.

    Of each row's nodes the cheapest stays (of equals the one nearest to the end), then of each
    column's nodes (of equals the one with the smallest row).
    """
    order = np.lexsort((costs, path.rows))
    order = order[np.unique(path.rows[order], return_index=True)[1]]
    order = order[np.lexsort((path.rows[order], costs[order], path.columns[order]))]
    chosen: NDArray[np.int64] = order[np.unique(path.columns[order], return_index=True)[1]]
    return chosen
