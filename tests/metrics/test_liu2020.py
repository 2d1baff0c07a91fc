from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from vstc.metrics import liu2020
from vstc.metrics.confusion import joint_histogram

IDS = st.sampled_from([0, 1, 2, 3, 4, 5, 254, 255])
MAPS = arrays(np.uint8, (4, 6), elements=IDS)


def slow_resample(labels, flow):
    """One pixel after the other, each step in the type that the kernel has it in."""
    height, width = labels.shape
    out = np.zeros((height, width), np.uint8)
    for y in range(height):
        for x in range(width):
            xf = np.float32(x) + np.float32(flow[y, x, 0])
            yf = np.float32(y) + np.float32(flow[y, x, 1])
            a = float(np.float32(xf - np.floor(xf)))
            b = float(np.float32(yf - np.floor(yf)))
            left, right = (min(max(math.floor(xf) + i, 0), width - 1) for i in (0, 1))
            top, bottom = (min(max(math.floor(yf) + i, 0), height - 1) for i in (0, 1))
            total = np.float32(0)
            total += np.float32((1 - a) * (1 - b) * float(labels[top, left]))
            total += np.float32(a * (1 - b) * float(labels[top, right]))
            total += np.float32((1 - a) * b * float(labels[bottom, left]))
            total += np.float32(a * b * float(labels[bottom, right]))
            out[y, x] = int(total)
    return out


def slow_areas(output, moved, *, num_classes, ignore_index):
    """Intersection and the two areas, by histograms whose last bin is closed."""

    def bin_of(value):
        return min(value, num_classes - 1) if value <= num_classes else None

    hits, out_area, moved_area = (np.zeros(num_classes, np.int64) for _ in range(3))
    for here, there in zip(output.ravel().tolist(), moved.ravel().tolist(), strict=True):
        shown = 255 if there == ignore_index else here
        for area, value in ((out_area, shown), (moved_area, there)):
            if bin_of(value) is not None:
                area[bin_of(value)] += 1
        if shown == there and bin_of(shown) is not None:
            hits[bin_of(shown)] += 1
    return hits, out_area, moved_area


@pytest.mark.parametrize("spread", [0.4, 3.0])
def test_resampling_equals_a_loop_over_pixels_to_the_bit(spread):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 256, (37, 21), dtype=np.uint8)
    flow = rng.normal(0, spread, (37, 21, 2)).astype(np.float32)
    found = liu2020.resample_label_indices(labels, flow)
    np.testing.assert_array_equal(found, slow_resample(labels, flow))


def test_zero_flow_keeps_every_label():
    labels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    found = liu2020.resample_label_indices(labels, np.zeros((16, 16, 2), np.float32))
    np.testing.assert_array_equal(found, labels)


def test_a_whole_pixel_shift_repeats_the_rim():
    labels = np.array([[1, 2, 3, 4]], np.uint8)
    shift = np.broadcast_to(np.float32([2, 0]), (1, 4, 2))
    assert liu2020.resample_label_indices(labels, shift).tolist() == [[3, 4, 4, 4]]
    assert liu2020.resample_label_indices(labels, -shift).tolist() == [[1, 1, 1, 2]]


def test_truncation_turns_some_of_a_constant_map_into_the_class_below():
    labels = np.full((400, 400), 13, np.uint8)
    flow = np.random.default_rng(0).uniform(-1, 1, (400, 400, 2)).astype(np.float32)
    moved = liu2020.resample_label_indices(labels, flow)
    assert set(np.unique(moved)) == {12, 13}
    assert (moved == 12).mean() == pytest.approx(0.018, abs=0.003)


def test_between_two_classes_others_appear():
    labels = np.array([[0, 8]], np.uint8)
    half = np.full((1, 2, 2), [0.5, 0], np.float32)
    assert liu2020.resample_label_indices(labels, half)[0, 0] == 4


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_flow_that_is_not_finite_gives_no_label(value):
    flow = np.zeros((2, 3, 2), np.float32)
    flow[0, 1, 1] = value
    moved = liu2020.resample_label_indices(np.ones((2, 3), np.uint8), flow)
    assert moved.tolist() == [[1, 255, 1], [1, 1, 1]]


@given(output=MAPS, moved=MAPS, ignore_index=st.sampled_from([255, 4, 5, 2]))
@settings(max_examples=80, deadline=None)
def test_counts_hold_intersection_and_areas_of_the_released_code(output, moved, ignore_index):
    counts = liu2020.count_pair(
        joint_histogram(output, moved), num_classes=4, ignore_index=ignore_index
    )
    hits, out_area, moved_area = slow_areas(output, moved, num_classes=4, ignore_index=ignore_index)
    np.testing.assert_array_equal(np.diagonal(counts)[:4], hits)
    np.testing.assert_array_equal(counts.sum(axis=1)[:4], out_area)
    np.testing.assert_array_equal(counts.sum(axis=0)[:4], moved_area)


def test_an_id_equal_to_the_class_count_is_counted_as_the_last_class():
    output, moved = np.array([[2, 3, 2]], np.uint8), np.array([[3, 3, 2]], np.uint8)
    counts = liu2020.count_pair(joint_histogram(output, moved), num_classes=3, ignore_index=255)
    assert counts[2, 2] == 2
    assert liu2020.agreement(counts).per_class[2] == pytest.approx(2 / (3 + 3 - 2))


def test_a_class_that_is_nowhere_counts_as_zero():
    counts = np.diag([5, 0, 3, 0])
    found = liu2020.agreement(counts)
    assert found.tc == pytest.approx(2 / 3, abs=1e-9)
    assert found.per_class == (5 / (5 + 1e-10), 0.0, 3 / (3 + 1e-10))
    assert liu2020.agreement(counts, excluded=(1,)).tc == pytest.approx(1, abs=1e-9)


def test_without_a_moved_label_there_is_no_value():
    found = liu2020.agreement(np.zeros((4, 4), np.int64))
    assert (found.tc, found.tc_acc, found.n_pixels) == (None, None, 0)


def test_too_many_classes_are_refused():
    with pytest.raises(ValueError, match="at most 254"):
        liu2020.count_pair(np.zeros((256, 256), np.int64), num_classes=255, ignore_index=255)
