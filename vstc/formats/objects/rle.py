"""COCO run-length encoding of masks, as in YouTube-VIS, SA-V and COCO files.

A mask is read column by column; ``counts`` are the lengths of its runs, background first, so
that a mask with a set first pixel starts with 0. The compressed text packs each count into
characters of 5 bits, low bits first, after taking the difference to the count two before (from
the fourth on), as ``rleToString`` of the COCO mask interface does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vstc.errors import InputError
from vstc.formats.objects.runs import Runs, change_points, column_major

Counts = NDArray[np.int64]
_FIRST_CHARACTER = 48
_MAX_CHARACTERS = 7  # of one count: 35 bits, enough for the difference of two 32 bit numbers


@dataclass(frozen=True, eq=False)
class Rle:
    """A mask as run lengths.

    Attributes:
        height: Rows.
        width: Columns.
        counts: Run lengths, background first; they add up to ``height * width``.
    """

    height: int
    width: int
    counts: Counts

    @property
    def area(self) -> int:
        """Set pixels."""
        return int(self.counts[1::2].sum())

    @property
    def text(self) -> str:
        """The compressed text of the counts."""
        return compress_counts(self.counts)

    def as_json(self) -> dict[str, Any]:
        """Return the form of COCO files, with compressed counts."""
        return {"size": [self.height, self.width], "counts": self.text}

    def runs(self) -> Runs:
        """Return the ranges of set pixels, (N, 2); runs of length 0 are dropped."""
        bounds = np.cumsum(self.counts)
        ends = bounds[1::2]
        starts = bounds[0::2][: len(ends)]
        runs = np.stack([starts, ends], axis=1)
        return runs[starts < ends] if (self.counts[1:] == 0).any() else runs

    def bounding_box(self) -> tuple[int, int, int, int]:
        """Return (x, y, width, height) of the set pixels; all 0 for an empty mask."""
        runs = self.runs()
        if not len(runs):
            return (0, 0, 0, 0)
        first, last = runs[:, 0], runs[:, 1] - 1
        left, right = int(first[0]) // self.height, int(last[-1]) // self.height
        top, bottom = int((first % self.height).min()), int((last % self.height).max())
        if (first // self.height != last // self.height).any():  # a run goes on in the next column
            top, bottom = 0, self.height - 1
        return (left, top, right - left + 1, bottom - top + 1)


def encode_mask(mask: NDArray[np.bool_]) -> Rle:
    """Encode a mask.

    Args:
        mask: (H, W) bool, at least one pixel.
    """
    if mask.ndim != 2 or not mask.size or mask.dtype != np.bool_:
        raise ValueError(f"a mask is (H, W) bool, not {mask.shape} {mask.dtype}")
    flat = column_major(mask)
    counts = np.diff(change_points(flat), prepend=0)
    if flat[0]:
        counts = np.concatenate([[0], counts])
    return Rle(mask.shape[0], mask.shape[1], counts)


def decode_mask(rle: Rle) -> NDArray[np.bool_]:
    """Decode to an (H, W) bool mask, which lies column by column in memory."""
    is_set = np.arange(len(rle.counts)) % 2 == 1
    return np.repeat(is_set, rle.counts).reshape(rle.width, rle.height).T


def runs_to_rle(runs: Runs, *, height: int, width: int) -> Rle:
    """Encode runs of set pixels, sorted and apart from each other.

    Args:
        runs: Ranges of pixels counted column by column, (N, 2).
        height: Rows of the mask.
        width: Columns of the mask.
    """
    changes = runs.reshape(-1)
    if len(changes) and changes[-1] == height * width:
        changes = changes[:-1]
    return Rle(height, width, np.diff(changes, prepend=0, append=height * width))


def parse_rle(value: Any, *, where: str) -> Rle:
    """Read an RLE from the plain JSON values of a COCO file.

    Args:
        value: ``{"size": [height, width], "counts": text or list}``.
        where: File and place, for errors.

    Raises:
        InputError: Another form, bad characters, negative runs, or not as many as pixels.
    """
    if isinstance(value, list):
        raise InputError(f"{where} is a polygon; only RLE is read", hint="convert it to RLE")
    if not isinstance(value, dict) or not {"size", "counts"} <= value.keys():
        raise InputError(f'{where} is not an RLE: it needs "size" and "counts"')
    height, width = _size(value["size"], where)
    counts = _counts(value["counts"], where)
    if (counts < 0).any():
        index = int(np.flatnonzero(counts < 0)[0])
        raise InputError(f"{where}: RLE count {index} is negative: {counts[index]}")
    total = counts.sum(dtype=np.float64)  # does not wrap around
    if total != height * width:
        raise InputError(
            f"{where}: RLE counts add up to {total:.0f}, "
            f"but {height} rows x {width} columns are {height * width} pixels"
        )
    return Rle(height, width, counts)


def compress_counts(counts: Counts) -> str:
    """Write counts as the compressed text of COCO."""
    rest = np.array(counts, np.int64)
    rest[3:] -= counts[1:-2]
    codes = np.empty((len(rest), _MAX_CHARACTERS), np.uint8)
    is_used = np.zeros(codes.shape, np.bool_)
    pending = np.ones(len(rest), np.bool_)
    for place in range(_MAX_CHARACTERS):
        low = rest & 31
        rest >>= 5
        has_more = rest != np.where(low & 16, -1, 0)
        codes[:, place] = low + (has_more * 32 + _FIRST_CHARACTER)
        is_used[:, place] = pending
        pending &= has_more
        if not pending.any():
            break
    return codes[is_used].tobytes().decode("ascii")


def expand_counts(text: str, *, where: str) -> Counts:
    """Read counts from the compressed text of COCO.

    Args:
        text: The text.
        where: File and place, for errors.

    Raises:
        InputError: A character that cannot stand there, or an unfinished or too large count.
    """
    codes = (
        np.frombuffer(text.encode("utf-8", "surrogatepass"), np.uint8).astype(np.int64)
        - _FIRST_CHARACTER
    )
    if not len(codes):
        raise InputError(f"{where}: RLE has no counts")
    is_bad = (codes < 0) | (codes > 63)
    if is_bad.any():
        raise InputError(f"{where}: RLE text has a character outside '0' to 'o'")
    ends = np.flatnonzero(codes < 32)
    if codes[-1] >= 32:
        raise InputError(f"{where}: RLE text stops in the middle of a count")
    starts = np.concatenate([[0], ends[:-1] + 1])
    lengths = ends - starts + 1
    if lengths.max() > _MAX_CHARACTERS:
        raise InputError(f"{where}: RLE text has a count of more than 32 bits")
    place = np.arange(len(codes)) - np.repeat(starts, lengths)
    counts = np.add.reduceat((codes & 31) << (5 * place), starts)
    counts -= np.where(codes[ends] & 16, 1 << (5 * lengths), 0)
    np.cumsum(counts[1::2], out=counts[1::2])
    np.cumsum(counts[2::2], out=counts[2::2])
    return counts


def _size(value: Any, where: str) -> tuple[int, int]:
    is_size = isinstance(value, list) and len(value) == 2
    if not is_size or not all(type(part) is int and part > 0 for part in value):
        raise InputError(f"{where}: RLE size {value!r} is not [height, width]")
    return value[0], value[1]


def _counts(value: Any, where: str) -> Counts:
    if isinstance(value, str):
        return expand_counts(value, where=where)
    try:
        counts = np.array(value)
    except ValueError:  # lists of different lengths
        counts = np.array(None)
    if counts.ndim != 1 or counts.dtype.kind != "i":
        raise InputError(f"{where}: RLE counts are neither text nor a list of whole numbers")
    return counts.astype(np.int64, copy=False)
