"""Luma and chroma: known colours, a float reference, and what a round trip may lose."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vstc.formats.video.yuv import (
    ChromaGrid,
    Matrix,
    YuvColors,
    gray_to_rgb,
    guess_matrix,
    planes_to_rgb,
    rgb_to_planes,
)

WHOLE, HALF, WIDE = ChromaGrid(1, 1), ChromaGrid(2, 2), ChromaGrid(1, 2)
ALL_COLORS = [YuvColors(matrix, full) for matrix in Matrix for full in (False, True)]
WEIGHTS = {Matrix.BT601: (0.299, 0.587, 0.114), Matrix.BT709: (0.2126, 0.7152, 0.0722)}
every_kind = pytest.mark.parametrize(
    "colors", ALL_COLORS, ids=lambda c: f"{c.matrix}-{'full' if c.is_full_range else 'limited'}"
)


def exact_yuv(rgb: np.ndarray, colors: YuvColors) -> np.ndarray:
    """The standards' equations, written out: (..., 3) real numbers."""
    red, green, blue = (rgb[..., i] / 255 for i in range(3))
    kr, kg, kb = WEIGHTS[colors.matrix]
    luma = kr * red + kg * green + kb * blue
    u, v = (blue - luma) / (2 - 2 * kb), (red - luma) / (2 - 2 * kr)
    if colors.is_full_range:
        return np.stack([255 * luma, 128 + 255 * u, 128 + 255 * v], -1)
    return np.stack([16 + 219 * luma, 128 + 224 * u, 128 + 224 * v], -1)


def exact_rgb(yuv: np.ndarray, colors: YuvColors) -> np.ndarray:
    """The same equations solved for the colours; not cut to 0..255."""
    if colors.is_full_range:
        luma, u, v = yuv[..., 0] / 255, (yuv[..., 1] - 128) / 255, (yuv[..., 2] - 128) / 255
    else:
        luma, u, v = (yuv[..., 0] - 16) / 219, (yuv[..., 1] - 128) / 224, (yuv[..., 2] - 128) / 224
    kr, kg, kb = WEIGHTS[colors.matrix]
    red, blue = luma + (2 - 2 * kr) * v, luma + (2 - 2 * kb) * u
    return 255 * np.stack([red, (luma - kr * red - kb * blue) / kg, blue], -1)


def noise(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


@pytest.mark.parametrize(
    ("matrix", "is_full", "rgb", "yuv"),
    [
        (Matrix.BT601, False, (255, 255, 255), (235, 128, 128)),
        (Matrix.BT601, False, (0, 0, 0), (16, 128, 128)),
        (Matrix.BT601, False, (255, 0, 0), (81, 90, 240)),
        (Matrix.BT601, False, (0, 255, 0), (145, 54, 34)),
        (Matrix.BT601, False, (0, 0, 255), (41, 240, 110)),
        (Matrix.BT709, False, (255, 0, 0), (63, 102, 240)),
        (Matrix.BT709, False, (0, 255, 0), (173, 42, 26)),
        (Matrix.BT709, False, (0, 0, 255), (32, 240, 118)),
        (Matrix.BT601, True, (255, 255, 255), (255, 128, 128)),
        (Matrix.BT601, True, (255, 0, 0), (76, 85, 255)),
        (Matrix.BT601, True, (0, 0, 255), (29, 255, 107)),
    ],
)
def test_primaries_have_the_values_that_the_standards_print(
    matrix: Matrix, is_full: bool, rgb: tuple[int, ...], yuv: tuple[int, ...]
) -> None:
    frame = np.full((2, 2, 3), rgb, np.uint8)
    planes = rgb_to_planes(frame, WHOLE, YuvColors(matrix, is_full))
    made = [int(plane[0, 0]) for plane in planes]
    assert np.abs(np.subtract(made, yuv)).max() <= 1


@every_kind
def test_conversion_is_within_1_of_the_exact_one_both_ways(colors: YuvColors) -> None:
    rgb = noise(0, 61, 53, 3)
    made = np.stack(rgb_to_planes(rgb, WHOLE, colors), -1)
    assert np.abs(made - exact_yuv(rgb, colors).clip(0, 255)).max() < 1
    luma, u, v = noise(1, 3, 61, 53)
    read = planes_to_rgb(luma, (u, v), colors)
    exact = exact_rgb(np.stack([luma, u, v], -1).astype(float), colors).clip(0, 255)
    assert np.abs(read - exact).max() < 1


@every_kind
@given(color=st.tuples(*[st.integers(0, 255)] * 3), grid=st.sampled_from([WHOLE, HALF, WIDE]))
def test_a_flat_colour_comes_back_within_its_rounding(
    colors: YuvColors, color: tuple[int, int, int], grid: ChromaGrid
) -> None:
    """Each number is rounded to within 1; the inverse matrix tells what that does to a colour."""
    frame = np.full((3, 5, 3), color, np.uint8)
    luma, u, v = rgb_to_planes(frame, grid, colors)
    back = planes_to_rgb(luma, (u, v), colors)
    bound = 0.62 * np.abs(colors.to_rgb[:, :3]).sum(axis=1) + 0.65
    full_range_cut = 0.5 * np.abs(colors.to_rgb[:, 1:3]).max() if colors.is_full_range else 0
    assert (np.abs(back[0, 0].astype(int) - color) <= bound + full_range_cut).all()
    assert bound.max() < 3.1
    assert (back == back[0, 0]).all()


@every_kind
@pytest.mark.parametrize("grid", [HALF, WIDE])
@pytest.mark.parametrize("size", [(6, 8), (5, 7), (1, 1), (2, 3)])
def test_shared_chroma_is_the_mean_of_its_cell_and_spreads_over_it(
    colors: YuvColors, grid: ChromaGrid, size: tuple[int, int]
) -> None:
    rgb = noise(2, *size, 3)
    luma, *chroma = rgb_to_planes(rgb, grid, colors)
    whole = exact_yuv(rgb, colors)
    assert luma.shape == size
    for place, plane in enumerate(chroma, start=1):
        assert plane.shape == grid.size(*size)
        for row, column in np.ndindex(plane.shape):
            # A cell at an odd edge counts its last row or column twice.
            rows = np.minimum(np.arange(grid.rows) + row * grid.rows, size[0] - 1)
            columns = np.minimum(np.arange(grid.columns) + column * grid.columns, size[1] - 1)
            mean = whole[np.ix_(rows, columns)][..., place].mean()
            assert abs(plane[row, column] - mean) <= 1.2
    u, v = (p.repeat(grid.rows, 0).repeat(grid.columns, 1)[: size[0], : size[1]] for p in chroma)
    spread = exact_rgb(np.stack([luma, u, v], -1).astype(float), colors).clip(0, 255)
    assert np.abs(planes_to_rgb(luma, (chroma[0], chroma[1]), colors) - spread).max() < 1


def test_gray_is_spread_over_the_full_range_only_where_it_is_limited() -> None:
    luma = np.arange(256, dtype=np.uint8).reshape(16, 16)
    assert (gray_to_rgb(luma, is_full_range=True) == luma[..., None]).all()
    limited = gray_to_rgb(luma, is_full_range=False)
    exact = ((luma.astype(float) - 16) * 255 / 219).clip(0, 255)
    assert np.abs(limited - exact[..., None]).max() <= 0.5


@pytest.mark.parametrize(
    ("height", "is_full", "matrix"),
    [
        (480, False, Matrix.BT601),
        (576, False, Matrix.BT601),
        (577, False, Matrix.BT709),
        (1080, False, Matrix.BT709),
        (1080, True, Matrix.BT601),
    ],
)
def test_an_untold_matrix_is_guessed_as_ffplay_does(
    height: int, is_full: bool, matrix: Matrix
) -> None:
    assert guess_matrix(height, is_full_range=is_full) is matrix
