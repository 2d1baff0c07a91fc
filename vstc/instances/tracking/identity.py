"""Count how often tracking loses the identity of an object."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vstc.formats.objects.rle import Rle
from vstc.instances.tracking.shapes import overlap_table, shape_of_mask
from vstc.instances.tracking.tracker import best_pairs

MIN_OVERLAP = 0.5


@dataclass(frozen=True)
class NumberedMask:
    """A mask and the number of the object that it shows."""

    number: int
    rle: Rle


@dataclass(frozen=True)
class IdentityCount:
    """How well identities are kept.

    Attributes:
        objects: True objects that were found at least once.
        links: Pairs of a found appearance of a true object and its found appearance before,
            however long ago.
        switches: Links whose two ends have different numbers.
        missed: Appearances of true objects that no found mask covers.
    """

    objects: int = 0
    links: int = 0
    switches: int = 0
    missed: int = 0

    def __add__(self, other: IdentityCount) -> IdentityCount:
        """Add up the counts of two clips."""
        return IdentityCount(
            self.objects + other.objects,
            self.links + other.links,
            self.switches + other.switches,
            self.missed + other.missed,
        )

    def as_json(self) -> dict[str, int]:
        """Return plain JSON values."""
        return {
            "objects": self.objects,
            "links": self.links,
            "switches": self.switches,
            "missed": self.missed,
        }


class IdentityCounter:
    """Compares the numbers of found masks with true identities, frame by frame of a clip."""

    def __init__(self) -> None:
        self._last: dict[int, int] = {}
        self._links = self._switches = self._missed = 0

    def step(self, found: Sequence[NumberedMask], true: Sequence[NumberedMask]) -> None:
        """Take the next frame.

        A found mask stands for the true one that it overlaps most, one to one from the best pair
        down, if their intersection over union is above 0.5. Empty masks do not count.

        Args:
            found: Masks with the numbers to judge.
            true: Masks with the true numbers, of the same size.
        """
        found = [mask for mask in found if mask.rle.area]
        true = [mask for mask in true if mask.rle.area]
        pairs = _pairs(found, true)
        self._missed += len(true) - len(pairs)
        for row, column in pairs:
            number, identity = found[row].number, true[column].number
            if identity in self._last:
                self._links += 1
                self._switches += self._last[identity] != number
            self._last[identity] = number

    def result(self) -> IdentityCount:
        """Return the counts so far."""
        return IdentityCount(len(self._last), self._links, self._switches, self._missed)


def _pairs(found: Sequence[NumberedMask], true: Sequence[NumberedMask]) -> list[tuple[int, int]]:
    if not (found and true):
        return []
    shapes = [shape for mask in found if (shape := shape_of_mask(mask.rle)) is not None]
    true_shapes = [shape for mask in true if (shape := shape_of_mask(mask.rle)) is not None]
    pixels = true[0].rle.height * true[0].rle.width
    table = overlap_table(shapes, true_shapes, pixels=pixels)
    return best_pairs(table, np.zeros(len(found)), threshold=MIN_OVERLAP)
