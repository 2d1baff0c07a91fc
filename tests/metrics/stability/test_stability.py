from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.metrics.stability.shapes import blob, disc, mask_pair, recorded, small_masks
from tests.metrics.stability.slow_reference import slow_contours, slow_instability
from vstc.metrics.stability.stability import describe_mask, shape_distance, temporal_instability

CASES = sorted(recorded())
TIE_TOLERANCE = 5e-3


@pytest.mark.parametrize("case", CASES)
def test_t_equals_the_recorded_value(case):
    values = recorded()[case]
    tolerance = 1e-9 if values["tie_free"] else TIE_TOLERANCE
    first, second = mask_pair(case)
    assert temporal_instability(first, second) == pytest.approx(values["T"], abs=tolerance)
    swapped = temporal_instability(second, first)
    assert swapped == pytest.approx(values["T_swapped"], abs=tolerance)


@pytest.mark.parametrize("seed", range(6))
def test_t_of_random_shapes_equals_the_slow_reference(seed):
    first = blob(seed, height=30, width=40, sigma=3.0)
    second = blob(seed, height=30, width=40, sigma=2.8)
    expected = slow_instability(first, second)
    assert temporal_instability(first, second) == pytest.approx(expected, abs=TIE_TOLERANCE)


@settings(max_examples=60, deadline=None)
@given(small_masks(16))
def test_a_mask_has_no_shape_only_if_no_contour_is_left_and_equals_itself(mask):
    value = temporal_instability(mask, mask.copy())
    assert value == (0.0 if slow_contours(mask) else None)


@pytest.mark.parametrize("shift", [(1, 0), (0, 1), (7, 3), (20, 40), (3, 900)])
@pytest.mark.parametrize("seed", [3, 8])
def test_moving_by_whole_pixels_changes_almost_nothing(seed, shift):
    still, moved = np.zeros((2, 120, 1024), bool)
    still[:60, :80] = blob(seed)
    moved[shift[0] : shift[0] + 60, shift[1] : shift[1] + 80] = blob(seed)
    assert temporal_instability(still, moved) <= 1e-4


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000), st.integers(0, 1000))
def test_t_is_symmetric_up_to_ties_and_lies_between_zero_and_one(one, other):
    first, second = (describe_mask(blob(seed, sigma=6.0)) for seed in (one, other))
    there, back = shape_distance(first, second), shape_distance(second, first)
    assert there == pytest.approx(back, abs=4 * TIE_TOLERANCE)
    assert min(there, back) >= 0
    assert max(there, back) <= 1


def test_other_components_and_holes_are_ignored():
    object_prev, object_next = disc(radius=22, wave=3), disc(radius=22, wave=3.5)
    alone = temporal_instability(object_prev, object_next)
    with_hole = object_prev & ~disc(radius=5)
    with_hole[2:6, 70:76] = True
    assert temporal_instability(with_hole, object_next) == alone
    assert alone > 0


def test_rounder_and_bumpier_shapes_are_told_apart_by_degree():
    even = disc(radius=22)
    slightly, strongly = (temporal_instability(even, disc(radius=22, wave=w)) for w in (2, 6))
    assert 0 < slightly < strongly


def test_masks_without_an_outline_have_no_value():
    line, square = np.zeros((2, 20, 20), bool)
    line[5] = True
    square[4:9, 4:9] = True
    assert temporal_instability(line, square) is None
    assert temporal_instability(square, line) is None
    assert temporal_instability(square, square) == 0


def test_a_cut_out_mask_with_its_origin_has_the_same_descriptor():
    mask = np.zeros((200, 300), bool)
    mask[70:130, 150:230] = blob(4)
    whole, cut = describe_mask(mask), describe_mask(mask[61:140, 133:], origin=(61, 133))
    assert np.array_equal(whole.points, cut.points)
    assert np.array_equal(whole.histograms, cut.histograms)


def test_a_descriptor_is_small_when_pickled():
    shape = describe_mask(disc(500, 500, row=250, column=250, radius=220, wave=8))
    n = len(shape.points)
    assert n > 256
    assert len(pickle.dumps(shape)) < n * (60 * 2 + 2 * 4) + 1000
    loaded = pickle.loads(pickle.dumps(shape))
    assert np.array_equal(loaded.histograms, shape.histograms)
