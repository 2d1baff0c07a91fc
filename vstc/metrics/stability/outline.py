"""Outlines of a binary mask: closed loops of crack edges, the borders between unlike pixels.

Vertices are pixel corners (row, column), 0 <= row <= H, 0 <= column <= W, held as flat numbers
``row * (W + 1) + column``. Outside the mask is background. A vertex where foreground pixels touch
only diagonally has four edges: a *saddle*. Saddles cut outlines into pieces, which are joined again
so that a loop never goes straight over a saddle. The order in which pieces are found and joined is
that of the reference implementation (Perazzi et al. 2016, released code): the loops come in the
same order, with the same first vertices.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Loops:
    """Closed polylines, one after the other in one array.

    Attributes:
        points: (P, 2) integer vertices; a loop's first point comes again as its last.
        starts: (L + 1,) where each loop begins; the last entry is P.
    """

    points: NDArray[np.int64]
    starts: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __iter__(self) -> Iterator[NDArray[np.int64]]:
        for index in range(len(self)):
            yield self.points[self.starts[index] : self.starts[index + 1]]


def trace_loops(mask: NDArray[np.bool_]) -> Loops:
    """Walk along all outlines of a mask.

    Args:
        mask: (H, W); true is foreground.

    Returns:
        Loops of (row, column) vertices in the order of the reference. Where saddles are involved,
        the direction of a loop says nothing.
    """
    edges = _Edges(mask)
    pieces = list(edges.pieces_between_saddles())
    closed = list(edges.pieces_without_saddle())
    loops = [*reversed(closed), *_joined(pieces)]
    lengths = np.fromiter(map(len, loops), np.int64, len(loops))
    flat = np.fromiter(chain.from_iterable(loops), np.int64, int(lengths.sum()))
    starts = np.concatenate([[0], np.cumsum(lengths)])
    return Loops(np.stack(np.divmod(flat, mask.shape[1] + 1), axis=1), starts)


@dataclass(frozen=True)
class _Piece:
    """Vertices from one saddle to the next (or back to it), and which end edges are vertical."""

    vertices: list[int]
    first_is_vertical: bool
    last_is_vertical: bool

    def other_end(self, saddle: int) -> int:
        return self.vertices[-1] if self.vertices[0] == saddle else self.vertices[0]

    def starting_at(self, saddle: int) -> list[int]:
        return self.vertices if self.vertices[0] == saddle else self.vertices[::-1]

    def is_vertical_at(self, saddle: int) -> bool:
        return self.first_is_vertical if self.vertices[0] == saddle else self.last_is_vertical


class _Edges:
    """Crack edges, vertical ones first, each directed so that foreground is on its left hand.

    Except at a saddle, every vertex is then the head of one edge and the tail of one edge.
    """

    def __init__(self, mask: NDArray[np.bool_]) -> None:
        padded = np.pad(np.ascontiguousarray(mask, np.bool_), 1)
        self.row_step = mask.shape[1] + 1
        self.tops = np.flatnonzero(padded[1:-1, 1:] != padded[1:-1, :-1])
        places = np.flatnonzero(padded[1:, 1:-1] != padded[:-1, 1:-1])
        self.lefts = places + places // mask.shape[1]  # rows of W places, rows of W + 1 vertices
        runs_down = padded[1:-1, 1:].reshape(-1)[self.tops]  # foreground right of the edge
        runs_left = padded[1:, 1:-1].reshape(-1)[places]  # foreground below the edge
        bottoms, rights = self.tops + self.row_step, self.lefts + 1
        tails = np.concatenate(
            [np.where(runs_down, self.tops, bottoms), np.where(runs_left, rights, self.lefts)]
        )
        heads = np.concatenate(
            [np.where(runs_down, bottoms, self.tops), np.where(runs_left, self.lefts, rights)]
        )
        is_saddle = _find_saddles(padded)
        self.saddles = np.flatnonzero(is_saddle)
        self.tails, self.heads = tails.tolist(), heads.tolist()
        self.after = _neighbours(heads, tails, is_saddle)
        self.before = _neighbours(tails, heads, is_saddle)
        self.is_walked = bytearray(len(tails))

    def pieces_between_saddles(self) -> Iterator[_Piece]:
        """Yield pieces, last saddle first; from each saddle up, left, down, right."""
        first_lying = len(self.tops)
        spokes = [
            np.searchsorted(self.tops, self.saddles - self.row_step),
            first_lying + np.searchsorted(self.lefts, self.saddles - 1),
            np.searchsorted(self.tops, self.saddles),
            first_lying + np.searchsorted(self.lefts, self.saddles),
        ]
        for saddle, *leaving in zip(
            self.saddles[::-1].tolist(), *(edge[::-1].tolist() for edge in spokes), strict=True
        ):
            for edge in leaving:
                if not self.is_walked[edge]:
                    vertices, last = self._walk(edge, forward=self.tails[edge] == saddle)
                    yield _Piece(vertices, edge < first_lying, last < first_lying)

    def pieces_without_saddle(self) -> Iterator[list[int]]:
        """Yield whole loops in raster order of their first vertical edge, walked down along it."""
        for edge, top in enumerate(self.tops.tolist()):
            if not self.is_walked[edge]:
                yield self._walk(edge, forward=self.tails[edge] == top)[0]

    def _walk(self, edge: int, *, forward: bool) -> tuple[list[int], int]:
        """Follow edges to a saddle or back to the first one; return vertices and last edge."""
        onward, reached = (self.after, self.heads) if forward else (self.before, self.tails)
        vertices = [self.tails[edge] if forward else self.heads[edge]]
        is_walked, last = self.is_walked, edge
        while edge >= 0 and not is_walked[edge]:
            is_walked[edge] = 1
            vertices.append(reached[edge])
            last, edge = edge, onward[edge]
        return vertices, last


def _find_saddles(padded: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Say for each vertex, flat, whether only diagonal neighbours among its pixels are alike."""
    upper_left, upper_right = padded[:-1, :-1], padded[:-1, 1:]
    lower_left, lower_right = padded[1:, :-1], padded[1:, 1:]
    alike, unlike = upper_left == lower_right, upper_left != upper_right
    is_saddle: NDArray[np.bool_] = alike & unlike & (upper_right == lower_left)
    return is_saddle.reshape(-1)


def _neighbours(
    joints: NDArray[np.int64], facing: NDArray[np.int64], is_saddle: NDArray[np.bool_]
) -> list[int]:
    """Name for each edge the edge whose ``facing`` vertex is this one's joint; -1 at a saddle."""
    edge_at = np.empty(len(is_saddle), np.int64)
    edge_at[facing] = np.arange(len(facing))
    neighbours: list[int] = np.where(is_saddle[joints], -1, edge_at[joints]).tolist()
    return neighbours


def _joined(pieces: list[_Piece]) -> Iterator[list[int]]:
    """Join pieces to closed loops: turn off at each saddle, cut the walk where it meets itself."""
    unused: defaultdict[int, list[int]] = defaultdict(list)  # saddle -> piece numbers, ascending
    for number, piece in enumerate(pieces):
        for saddle in {piece.vertices[0], piece.vertices[-1]}:
            unused[saddle].append(number)
    for saddle in sorted(unused, reverse=True):
        while unused[saddle]:
            yield from _loops_of_one_walk(pieces, unused, saddle)


def _loops_of_one_walk(
    pieces: list[_Piece], unused: defaultdict[int, list[int]], saddle: int
) -> Iterator[list[int]]:
    """Walk from a saddle until all of the walk is cut off as loops."""
    walk: dict[int, _Piece] = {}  # saddle where a piece starts -> the piece, in order
    while True:
        last = next(reversed(walk.values()), None)
        number = _next_number(pieces, unused[saddle], saddle, last)
        piece = pieces[number]
        for end in {piece.vertices[0], piece.vertices[-1]}:
            unused[end].remove(number)
        walk[saddle] = piece
        saddle = piece.other_end(saddle)
        if saddle in walk:
            yield _cut_off(walk, saddle)
            if not walk:
                return


def _next_number(
    pieces: list[_Piece], candidates: list[int], saddle: int, last: _Piece | None
) -> int:
    """Choose the smallest piece number, or the second where the smallest goes straight on."""
    smallest = candidates[0]
    if last is None or len(candidates) == 1:
        return smallest
    goes_straight = pieces[smallest].is_vertical_at(saddle) == last.is_vertical_at(saddle)
    return candidates[1] if goes_straight else smallest


def _cut_off(walk: dict[int, _Piece], saddle: int) -> list[int]:
    """Take the pieces from a saddle on out of the walk; return them as one closed loop."""
    parts: list[list[int]] = []
    while saddle in walk:
        start, piece = walk.popitem()
        parts.append(piece.starting_at(start))
    loop = [vertex for part in reversed(parts) for vertex in part[:-1]]
    return [*loop, saddle]
