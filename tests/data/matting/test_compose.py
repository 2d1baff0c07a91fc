"""Composites follow the blending equation, and trimaps have a band of constant width."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from vstc.data.matting.compose import composite, cover, trimap_of

alphas = arrays(np.float32, (7, 9), elements=st.sampled_from([0.0, 0.25, 0.5, 1.0]))


@given(alphas)
def test_composite_is_the_blend_of_both(alpha: np.ndarray) -> None:
    random = np.random.default_rng(3)
    foreground, background = random.integers(0, 256, (2, 7, 9, 3)).astype(np.uint8)
    blended = composite(foreground, alpha, background)
    for y, x in np.ndindex(7, 9):
        share = float(alpha[y, x])
        expected = share * foreground[y, x].astype(float) + (1 - share) * background[y, x]
        np.testing.assert_allclose(blended[y, x], expected, atol=0.5)


@pytest.mark.parametrize("size", [(5, 9), (40, 20), (7, 100), (6, 8), (7, 9)])
def test_background_covers_the_foreground_and_keeps_its_shape(size: tuple[int, int]) -> None:
    ramp = np.linspace(0, 255, size[1], dtype=np.float32).astype(np.uint8)
    image = np.broadcast_to(ramp[np.newaxis, :, np.newaxis], (*size, 3)).copy()
    covered = cover(image, height=7, width=9)
    assert covered.shape == (7, 9, 3)
    middle = covered[3].astype(int)[:, 0]
    assert (np.diff(middle) >= -1).all()
    np.testing.assert_allclose(middle.mean(), 127.5, atol=255 / 9)  # within a pixel


def slow_trimap(alpha: np.ndarray, radius: int) -> np.ndarray:
    seeds = np.argwhere((alpha > 0) & (alpha < 1))
    trimap = np.where(alpha == 1, 255, 0)
    for y, x in np.ndindex(alpha.shape):
        if len(seeds) and np.hypot(*(seeds - (y, x)).T).min() <= radius:
            trimap[y, x] = 128
    return trimap


@given(alphas.filter(lambda a: bool(((a > 0) & (a < 1)).any())), st.integers(0, 4))
def test_unknown_lies_within_the_radius_of_a_fraction(alpha: np.ndarray, radius: int) -> None:
    np.testing.assert_array_equal(trimap_of(alpha, radius=radius), slow_trimap(alpha, radius))


def test_a_hard_matte_has_its_band_along_the_edge() -> None:
    alpha = np.zeros((9, 21), np.float32)
    alpha[:, :10] = 1
    row = trimap_of(alpha, radius=2)[4]
    np.testing.assert_array_equal(row, [255] * 7 + [128] * 6 + [0] * 8)


@pytest.mark.parametrize(("value", "expected"), [(0, 0), (1, 255)])
def test_a_matte_without_an_edge_has_no_band(value: int, expected: int) -> None:
    alpha = np.full((5, 6), value, np.float32)
    assert (trimap_of(alpha, radius=3) == expected).all()
