from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tests.metrics.slow_references import slow_warp
from vstc.metrics.warping import warp_labels_next_to_prev

STEPS = st.integers(-8 * 64, 8 * 64).map(lambda steps: steps / 64)


def random_labels(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 19, (height, width), dtype=np.uint8)


def constant_flow(height, width, u, v):
    return np.broadcast_to(np.float32([u, v]), (height, width, 2)).copy()


@given(flow=arrays(np.float32, (35, 6, 2), elements=STEPS.map(np.float32)))
@settings(max_examples=25, deadline=None)
def test_equals_a_loop_over_pixels_for_flow_in_64ths(flow):
    labels = random_labels(35, 6)
    np.testing.assert_array_equal(warp_labels_next_to_prev(labels, flow), slow_warp(labels, flow))


def test_equals_a_loop_over_pixels_for_any_flow():
    flow = np.random.default_rng(1).normal(0, 5, (70, 33, 2)).astype(np.float32)
    labels = random_labels(70, 33)
    np.testing.assert_array_equal(warp_labels_next_to_prev(labels, flow), slow_warp(labels, flow))


@given(u=st.integers(-9, 9), v=st.integers(-9, 9))
@settings(max_examples=25, deadline=None)
def test_a_whole_pixel_shift_differs_from_a_roll_only_in_the_leaving_strip(u, v):
    labels = random_labels(8, 8)
    warped = warp_labels_next_to_prev(labels, constant_flow(8, 8, u, v))
    rows, columns = np.mgrid[:8, :8]
    stays = (rows + v >= 0) & (rows + v < 8) & (columns + u >= 0) & (columns + u < 8)
    np.testing.assert_array_equal(warped[stays], np.roll(labels, (-v, -u), (0, 1))[stays])
    assert (warped[~stays] == 255).all()


@pytest.mark.parametrize(("u", "column"), [(0.5, 1), (0.484375, 0), (-0.5, 0), (-0.515625, None)])
def test_halves_round_up(u, column):
    labels = np.array([[10, 11, 12]], np.uint8)
    warped = warp_labels_next_to_prev(labels, constant_flow(1, 3, u, 0))
    assert warped[0, 0] == (255 if column is None else labels[0, column])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e9, -1e9, 32766.0, 65536.0])
def test_flow_that_points_nowhere_gives_the_fill_value(value):
    labels = np.zeros((4, 5), np.uint8)
    assert (warp_labels_next_to_prev(labels, constant_flow(4, 5, value, 0), fill=77) == 77).all()
    assert (warp_labels_next_to_prev(labels, constant_flow(4, 5, 0, value), fill=77) == 77).all()


def test_inputs_keep_their_values_and_may_be_views():
    labels, flow = random_labels(40, 40)[:, ::2], constant_flow(20, 40, 1, 0).transpose(1, 0, 2)
    before = labels.copy(), flow.copy()
    warped = warp_labels_next_to_prev(labels, flow)
    np.testing.assert_array_equal(labels, before[0])
    np.testing.assert_array_equal(flow, before[1])
    np.testing.assert_array_equal(warped[:, :-1], labels[:, 1:])


def test_flow_of_another_size_is_refused():
    with pytest.raises(ValueError, match="does not fit"):
        warp_labels_next_to_prev(random_labels(4, 4), constant_flow(4, 5, 0, 0))
