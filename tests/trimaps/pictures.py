"""Masks for the tests of trimaps, and slow forms of what is tested."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

Array8 = NDArray[np.uint8]


def masks(max_side: int = 14) -> st.SearchStrategy[Array8]:
    """Hard masks of 0 and 255, of any form."""
    sides = st.integers(1, max_side)
    values = st.sampled_from([0, 255])
    return st.tuples(sides, sides).flatmap(lambda size: arrays(np.uint8, size, elements=values))


def opacities(max_side: int = 14) -> st.SearchStrategy[Array8]:
    """Images of 0, 255 and values between."""
    sides = st.integers(1, max_side)
    values = st.sampled_from([0, 0, 1, 100, 254, 255, 255])
    return st.tuples(sides, sides).flatmap(lambda size: arrays(np.uint8, size, elements=values))


def slow_distance(where: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Distance of every pixel to the nearest one that is set, looking at all of them."""
    places = np.argwhere(where)
    grid = np.argwhere(np.ones_like(where)).reshape(*where.shape, 2)
    if not len(places):
        return np.full(where.shape, np.inf)
    apart = grid[:, :, None, :] - places
    return np.sqrt((apart**2).sum(axis=3).min(axis=2))


def slow_band(opacity: Array8, radius: float) -> Array8:
    trimap = np.full(opacity.shape, 128, np.uint8)
    trimap[slow_distance(opacity != 255) > radius] = 255
    trimap[slow_distance(opacity != 0) > radius] = 0
    return trimap


def square(size: tuple[int, int], top: int, left: int, height: int, width: int) -> Array8:
    image = np.zeros(size, np.uint8)
    image[top : top + height, left : left + width] = 255
    return image


def disc(size: tuple[int, int], center: tuple[int, int], radius: float) -> Array8:
    y, x = np.indices(size)
    inside = (y - center[0]) ** 2 + (x - center[1]) ** 2 <= radius**2
    return np.where(inside, np.uint8(255), np.uint8(0))
