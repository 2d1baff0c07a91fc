from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from vstc.metrics.boundary import (
    boundary_scores,
    boundary_tolerance,
    outline_of,
    region_similarity,
)

MASKS = arrays(np.bool_, (9, 11))


def slow_outline(mask):
    """The boundary map of the released code, pixel by pixel."""
    height, width = mask.shape
    outline = np.zeros_like(mask)
    for y in range(height):
        for x in range(width):
            neighbours = [(y, x + 1), (y + 1, x), (y + 1, x + 1)]
            inside = [(r, c) for r, c in neighbours if r < height and c < width]
            outline[y, x] = any(mask[place] != mask[y, x] for place in inside)
    return outline


def slow_dilation(outline, radius):
    """Dilation with a disk: every pixel of the outline marks its disk."""
    marked = np.zeros_like(outline)
    rows, columns = np.indices(outline.shape)
    for y, x in zip(*np.nonzero(outline), strict=True):
        marked |= (rows - y) ** 2 + (columns - x) ** 2 <= radius**2
    return marked


def slow_scores(true, predicted, radius):
    a, b = slow_outline(true), slow_outline(predicted)
    if not a.any() or not b.any():
        return (0.0 if b.any() else 1.0), (0.0 if a.any() else 1.0)
    precision = (b & slow_dilation(a, radius)).sum() / b.sum()
    return precision, (a & slow_dilation(b, radius)).sum() / a.sum()


def square(top, left, side=20, size=(60, 80)):
    mask = np.zeros(size, bool)
    mask[top : top + side, left : left + side] = True
    return mask


def smooth(seed, size=(40, 50)):
    coarse = np.random.default_rng(seed).random((5, 6)) < 0.5
    return np.kron(coarse, np.ones((8, 9), bool))[: size[0], : size[1]]


@given(mask=MASKS)
@settings(max_examples=60, deadline=None)
def test_outlines_equal_a_loop_over_pixels(mask):
    np.testing.assert_array_equal(outline_of(mask), slow_outline(mask))


@given(true=MASKS, predicted=MASKS, radius=st.integers(0, 4))
@settings(max_examples=60, deadline=None)
def test_scores_equal_dilation_with_disks(true, predicted, radius):
    scores = boundary_scores(true, predicted, tolerance=radius)
    assert (scores.precision, scores.recall) == slow_scores(true, predicted, radius)


@given(seed=st.integers(0, 2**16), radius=st.integers(1, 9))
@settings(max_examples=15, deadline=None)
def test_scores_of_large_shapes_equal_dilation_with_disks(seed, radius):
    true, predicted = smooth(seed), smooth(seed + 1)
    scores = boundary_scores(true, predicted, tolerance=radius)
    assert (scores.precision, scores.recall) == slow_scores(true, predicted, radius)


def test_the_tolerance_is_a_part_of_the_diagonal_rounded_up():
    assert boundary_tolerance((480, 854)) == math.ceil(0.008 * math.sqrt(480**2 + 854**2)) == 8
    assert boundary_tolerance((1024, 2048)) == 19
    assert boundary_tolerance((3, 4), share=1) == 5


def test_equal_masks_score_one():
    scores = boundary_scores(square(5, 5), square(5, 5), tolerance=1)
    assert (scores.precision, scores.recall, scores.f) == (1, 1, 1)


def test_a_shift_within_the_tolerance_costs_nothing():
    assert boundary_scores(square(5, 5), square(5, 8), tolerance=3).f == 1
    assert boundary_scores(square(5, 5), square(5, 8), tolerance=2).f < 1
    assert boundary_scores(square(5, 5), square(5, 50), tolerance=3).f == 0


def test_empty_masks_follow_the_released_code():
    some, none = square(5, 5), np.zeros((60, 80), bool)
    both = boundary_scores(none, none, tolerance=2)
    assert (both.precision, both.recall, both.f) == (1, 1, 1)
    missed = boundary_scores(some, none, tolerance=2)
    assert (missed.precision, missed.recall, missed.f) == (1, 0, 0)
    invented = boundary_scores(none, some, tolerance=2)
    assert (invented.precision, invented.recall, invented.f) == (0, 1, 0)


def test_a_mask_that_fills_the_frame_has_no_outline():
    full = np.ones((6, 7), bool)
    assert not outline_of(full).any()
    assert boundary_scores(full, ~full, tolerance=2).f == 1


@given(true=MASKS, predicted=MASKS)
@settings(max_examples=30, deadline=None)
def test_swapping_the_masks_swaps_precision_and_recall(true, predicted):
    there = boundary_scores(true, predicted, tolerance=1)
    back = boundary_scores(predicted, true, tolerance=1)
    assert (there.precision, there.recall) == (back.recall, back.precision)
    assert 0 <= there.f <= 1


def test_region_similarity_is_intersection_over_union():
    assert region_similarity(square(0, 0), square(0, 10)) == 200 / 600
    none = np.zeros((60, 80), bool)
    assert region_similarity(none, none) == 1
    assert region_similarity(square(0, 0), none) == 0


def test_masks_of_different_shape_are_refused():
    with pytest.raises(ValueError, match="differ in shape"):
        boundary_scores(np.zeros((2, 3), bool), np.zeros((3, 2), bool), tolerance=1)
