from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.metrics.stability.shapes import blob, blobs, mask_pair, recorded, small_masks
from tests.metrics.stability.slow_reference import (
    slow_contours,
    slow_douglas_peucker,
    slow_radial,
    slow_samples,
)
from vstc.metrics.stability.contour import bounding_box, find_contours, resample
from vstc.metrics.stability.outline import Loops
from vstc.metrics.stability.simplify import douglas_peucker, drop_close_neighbours

CASES = sorted(recorded())


def contours_of(mask, **options):
    found = find_contours(mask, **options)
    loops = [[tuple(point) for point in loop.tolist()] for loop in found.loops]
    return list(zip(loops, found.is_hole.tolist(), strict=True))


@pytest.mark.parametrize("case", CASES)
def test_contours_equal_the_recorded_ones(case):
    values = recorded()[case]
    for side, mask in enumerate(mask_pair(case)):
        found = find_contours(mask)
        assert len(found.loops) == values["n_contours"][side]
        assert np.diff(found.loops.starts).tolist() == values["vertices_per_contour"][side]
        assert found.is_hole.tolist() == values["is_hole"][side]
        if "selected_contour_xy" in values:
            contour = found.with_most_vertices()
            assert contour[:, ::-1].tolist() == values["selected_contour_xy"][side]
            assert len(resample(contour)) == values["n_samples"][side]


@settings(max_examples=100, deadline=None)
@given(st.one_of(small_masks(16), blobs()))
def test_contours_equal_the_slow_reference(mask):
    assert contours_of(mask) == slow_contours(mask)


polylines = st.lists(
    st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), min_size=2, max_size=30).map(
        lambda points: [*points, points[0]]
    ),
    min_size=1,
    max_size=4,
)


@settings(max_examples=100, deadline=None)
@given(polylines, st.sampled_from([0.1, 1.0, 3.0]))
def test_simplification_of_any_closed_polyline(lines, tolerance):
    starts = np.cumsum([0, *map(len, lines)])
    loops = Loops(np.array([point for line in lines for point in line]), starts)
    for ours, theirs in (
        (drop_close_neighbours, slow_radial),
        (douglas_peucker, slow_douglas_peucker),
    ):
        expected = [theirs(line, tolerance) for line in lines]
        found = [[tuple(p) for p in loop.tolist()] for loop in ours(loops, tolerance)]
        assert found == expected


def test_the_last_of_two_equally_rich_contours_is_taken():
    mask = np.zeros((12, 24), bool)
    mask[2:8, 2:8] = mask[3:9, 12:18] = True
    loops = list(find_contours(mask).loops)
    assert find_contours(mask).with_most_vertices().tolist() == loops[-1].tolist()
    assert len(loops[0]) == len(loops[1])


def test_a_hole_with_more_vertices_than_its_surround_is_taken():
    rows, columns = np.mgrid[:60, :60]
    mask = np.hypot(rows - 30, columns - 30) > 15
    contour = find_contours(mask).with_most_vertices()
    assert len(contour) > 5
    assert contour.min() == 15


@pytest.mark.parametrize("seed", range(5))
def test_a_cut_out_mask_has_the_contours_of_the_whole_one(seed):
    mask = np.zeros((90, 120), bool)
    mask[20:80, 30:110] = blob(seed)
    box = bounding_box(mask)
    origin = (box[0].start, box[1].start)
    assert contours_of(mask[box], origin=origin) == contours_of(mask)
    assert contours_of(mask) != contours_of(mask[box])


def test_the_bounding_box_of_nothing_is_none():
    assert bounding_box(np.zeros((3, 4), bool)) is None


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 900)), min_size=4, max_size=12))
def test_samples_equal_the_slow_reference(vertices):
    contour = np.array([*vertices, vertices[0]])
    samples = resample(contour)
    assert samples.dtype == np.float32
    assert np.array_equal(samples, slow_samples(contour))


def test_samples_are_at_most_three_pixels_apart_and_hold_all_vertices():
    contour = find_contours(blob(3)).with_most_vertices()
    samples = resample(contour)
    assert np.hypot(*np.diff(samples, axis=0).T).max() <= 3 + 1e-4
    assert {tuple(v) for v in contour[:, ::-1].tolist()} <= {tuple(p) for p in samples.tolist()}
    assert samples[0].tolist() == samples[-1].tolist()
