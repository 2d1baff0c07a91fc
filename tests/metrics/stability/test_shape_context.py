from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.metrics.stability.shapes import blob, disc, mask_pair, recorded
from tests.metrics.stability.slow_reference import slow_histograms
from vstc.metrics.stability.contour import find_contours, resample
from vstc.metrics.stability.shape_context import RADII, mean_distance, shape_histograms

WITH_OUTLINES = sorted(case for case, values in recorded().items() if "n_samples" in values)


def samples_of(mask):
    return resample(find_contours(mask).with_most_vertices())


@pytest.mark.parametrize("case", WITH_OUTLINES)
def test_the_first_histogram_and_the_mean_distance_equal_the_recorded_ones(case):
    values = recorded()[case]
    for side, mask in enumerate(mask_pair(case)):
        points = samples_of(mask)
        assert shape_histograms(points)[0].tolist() == values["histogram_row0"][side]
        assert mean_distance(points) == pytest.approx(values["mean_distance"][side], rel=1e-12)


@pytest.mark.parametrize("case", ["square_vs_rotated45", "square_3px", "tie_75", "white_noise"])
def test_histograms_of_recorded_shapes_equal_the_slow_reference(case):
    for mask in mask_pair(case):
        points = samples_of(mask)
        assert np.array_equal(shape_histograms(points), slow_histograms(points))


@pytest.mark.parametrize("mask", [blob(1), blob(2, sigma=2.0), disc(), disc(wave=4)])
def test_histograms_of_shapes_equal_the_slow_reference(mask):
    points = samples_of(mask)
    assert np.array_equal(shape_histograms(points), slow_histograms(points))


on_a_grid = st.tuples(st.integers(0, 20), st.integers(0, 20))
anywhere = st.tuples(st.integers(0, 1 << 23), st.integers(0, 1 << 22)).map(
    lambda place: (place[0] / 4096, place[1] / 4096)
)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.one_of(on_a_grid, anywhere), min_size=3, max_size=25, unique=True))
def test_histograms_of_any_points_equal_the_slow_reference(places):
    points = np.array([*places, places[0]], np.float32)
    assert np.array_equal(shape_histograms(points), slow_histograms(points))


@pytest.mark.parametrize("degrees", range(30, 360, 30))
def test_points_almost_on_a_sector_limit_go_where_the_formula_has_them(degrees):
    """Coordinates near 0 are fine-grained enough to come within 1e-9 px of the limit."""
    radii = np.linspace(0.001, 0.01, 40)[:, None]
    direction = np.array([math.cos(math.radians(degrees)), math.sin(math.radians(degrees))])
    points = np.concatenate([[(0, 0)], radii * direction, [(0.02, 0.02)]]).astype(np.float32)
    assert np.array_equal(shape_histograms(points), slow_histograms(points))


def test_each_point_counts_itself_and_nothing_beyond_twice_the_mean():
    points = samples_of(disc())
    histograms = shape_histograms(points)
    assert (histograms[:, 48] >= 1).all()
    assert (histograms.sum(axis=1) == len(points)).all()
    far = np.concatenate([points, [[4000, 30]]]).astype(np.float32)
    assert shape_histograms(far)[-1].sum() == 1


def test_counts_take_the_smallest_type():
    small, large = (
        samples_of(disc(radius=10)),
        samples_of(disc(500, 500, row=250, column=250, radius=220)),
    )
    assert (len(small) < 256 < len(large), shape_histograms(small).dtype) == (True, np.uint8)
    assert shape_histograms(large).dtype == np.uint16


def test_radii_are_those_of_logspace():
    assert pytest.approx(np.logspace(math.log10(1 / 8), math.log10(2), 5), rel=1e-15) == RADII
    assert RADII[1] > 0.25
    assert RADII[2] > 0.5
