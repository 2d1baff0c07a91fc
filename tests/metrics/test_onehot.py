from __future__ import annotations

import math
from collections import defaultdict
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from vstc.metrics.onehot import warp_labels_by_vote
from vstc.metrics.warping import warp_labels

STEPS = st.integers(-4 * 64, 4 * 64).map(lambda steps: np.float32(steps / 64))


def slow_vote(labels, flow, *, clamp, fill=255):
    """A weight for every id, in exact fractions."""
    height, width = labels.shape
    warped = np.full((height, width), fill, np.uint8)
    for row in range(height):
        for column in range(width):
            x = column + Fraction(float(flow[row, column, 0]))
            y = row + Fraction(float(flow[row, column, 1]))
            if clamp:
                x, y = min(max(x, 0), width - 1), min(max(y, 0), height - 1)
            near = math.floor(y + Fraction(1, 2)), math.floor(x + Fraction(1, 2))
            if not (0 <= near[0] < height and 0 <= near[1] < width):
                continue
            votes = defaultdict(Fraction)
            for i in (0, 1):
                for j in (0, 1):
                    top, left = math.floor(y) + i, math.floor(x) + j
                    weight = (1 - abs(y - top)) * (1 - abs(x - left))
                    top, left = min(max(top, 0), height - 1), min(max(left, 0), width - 1)
                    votes[int(labels[top, left])] += weight
            nearest = int(labels[near])
            best = max(votes.values())
            tied = [k for k, weight in votes.items() if weight == best]
            assert len(tied) == 1 or nearest in tied
            warped[row, column] = nearest if nearest in tied else tied[0]
    return warped


@given(
    labels=arrays(np.uint8, (7, 5), elements=st.sampled_from([0, 1, 2, 255])),
    flow=arrays(np.float32, (7, 5, 2), elements=STEPS),
    clamp=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_equals_a_vote_in_exact_fractions(labels, flow, clamp):
    found = warp_labels_by_vote(labels, flow, clamp=clamp)
    np.testing.assert_array_equal(found, slow_vote(labels, flow, clamp=clamp))


def test_equals_the_vote_over_several_blocks_of_rows():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, (70, 9), dtype=np.uint8)
    flow = (rng.integers(-200, 200, (70, 9, 2)) / 64).astype(np.float32)
    found = warp_labels_by_vote(labels, flow)
    np.testing.assert_array_equal(found, slow_vote(labels, flow, clamp=False))


def test_three_neighbours_outvote_the_nearest_one():
    labels = np.array([[1, 2], [2, 2]], np.uint8)
    flow = np.full((2, 2, 2), 0.375, np.float32)
    assert warp_labels(labels, flow)[0, 0] == 1
    assert warp_labels_by_vote(labels, flow)[0, 0] == 2


@pytest.mark.parametrize("ids", [(1, 2), (2, 1)])
def test_on_a_tie_the_nearest_pixel_wins_whatever_its_id(ids):
    labels = np.array([ids], np.uint8)
    flow = np.full((1, 2, 2), [0.5, 0], np.float32)
    assert warp_labels_by_vote(labels, flow)[0, 0] == ids[1]


def test_whole_pixels_are_copied():
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 9, (40, 33), dtype=np.uint8)
    flow = rng.integers(-5, 6, (40, 33, 2)).astype(np.float32)
    np.testing.assert_array_equal(warp_labels_by_vote(labels, flow), warp_labels(labels, flow))


@pytest.mark.parametrize("clamp", [False, True])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_flow_that_is_not_finite_gives_the_fill_value(value, clamp):
    labels = np.random.default_rng(0).integers(0, 9, (6, 6), dtype=np.uint8)
    flow = np.zeros((6, 6, 2), np.float32)
    flow[2, 3, 0], flow[5, 0, 1] = value, value
    warped = warp_labels_by_vote(labels, flow, clamp=clamp, fill=77)
    labels[2, 3] = labels[5, 0] = 77
    np.testing.assert_array_equal(warped, labels)
