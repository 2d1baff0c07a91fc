"""Masks for tests of tracking."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vstc.formats.objects.rle import Rle, encode_mask
from vstc.instances.tracking.tracker import Detection

HEIGHT, WIDTH = 40, 60
Mask = NDArray[np.bool_]


def box_mask(x: int, y: int, width: int = 8, height: int = 8) -> Mask:
    """A filled box; parts outside of the frame are cut off."""
    mask = np.zeros((HEIGHT, WIDTH), np.bool_)
    mask[max(y, 0) : max(y + height, 0), max(x, 0) : max(x + width, 0)] = True
    return mask


def box(x: int, y: int, width: int = 8, height: int = 8) -> Rle:
    """The same, encoded."""
    return encode_mask(box_mask(x, y, width, height))


def found(
    x: int, y: int, width: int = 8, height: int = 8, *, score: float = 1.0, category_id: int = 0
) -> Detection:
    """A detection of a box."""
    return Detection(box(x, y, width, height), score, category_id)


def random_masks(rng: np.random.Generator, count: int, *, size: tuple[int, int]) -> list[Mask]:
    """Masks of all kinds: blobs, noise, single pixels, full and empty ones."""
    height, width = size
    masks = []
    for kind in rng.integers(0, 6, count):
        mask = np.zeros(size, np.bool_)
        top, left = rng.integers(0, height), rng.integers(0, width)
        if kind == 0:
            mask = rng.random(size) < 0.3
        elif kind == 1:
            mask[top, left] = True
        elif kind == 2:
            mask[:] = True
        elif kind > 3:
            mask[top : top + height // 2, left : left + width // 2] = True
        masks.append(mask)
    return masks


def constant_flow(x: float, y: float) -> NDArray[np.float32]:
    """A flow field that is the same everywhere."""
    return np.full((HEIGHT, WIDTH, 2), (x, y), np.float32)
