from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vstc.metrics import vspw
from vstc.metrics.confusion import joint_histogram


def grid_sampled(labels, flow):
    """The call that the definition names: corners normalised one way and read another."""
    height, width = labels.shape
    y, x = np.mgrid[:height, :width].astype(np.float32)
    x = 2 * torch.from_numpy(x + flow[..., 0]) / max(width - 1, 1) - 1
    y = 2 * torch.from_numpy(y + flow[..., 1]) / max(height - 1, 1) - 1
    sampled = torch.nn.functional.grid_sample(
        torch.from_numpy(labels.astype(np.float32))[None, None],
        torch.stack([x, y], -1)[None],
        mode="nearest",
        padding_mode="zeros",
        align_corners=False,
    )
    return sampled[0, 0].numpy().astype(np.uint8)


@given(height=st.integers(1, 70), width=st.integers(1, 70), seed=st.integers(0, 2**16))
@settings(max_examples=40, deadline=None)
def test_warping_equals_grid_sample(height, width, seed):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 256, (height, width), dtype=np.uint8)
    flow = rng.normal(0, 4, (height, width, 2)).astype(np.float32)
    found = vspw.warp_labels_off_centre(labels, flow)
    np.testing.assert_array_equal(found, grid_sampled(labels, flow))


@pytest.mark.parametrize(("height", "width"), [(48, 64), (47, 64), (48, 63), (47, 63)])
def test_zero_flow_keeps_all_but_the_end_of_even_sides(height, width):
    labels = np.full((height, width), 3, np.uint8)
    warped = vspw.warp_labels_off_centre(labels, np.zeros((height, width, 2), np.float32))
    expected = labels.copy()
    if height % 2 == 0:
        expected[-1] = 0
    if width % 2 == 0:
        expected[:, -1] = 0
    np.testing.assert_array_equal(warped, expected)


def test_flow_that_leaves_the_frame_or_is_not_finite_gives_class_zero():
    flow = np.zeros((3, 3, 2), np.float32)
    flow[0, 0], flow[1, 1], flow[2, 0] = (-9, 0), (np.nan, 0), (0, np.inf)
    warped = vspw.warp_labels_off_centre(np.full((3, 3), 7, np.uint8), flow)
    assert warped.tolist() == [[0, 7, 7], [7, 0, 7], [0, 7, 7]]


def test_a_class_that_only_the_moved_labels_have_is_left_out():
    target, moved = np.array([[0, 0, 0, 1]], np.uint8), np.array([[0, 2, 0, 1]], np.uint8)
    counts = vspw.count_pair(joint_histogram(target, moved), num_classes=3, ignore_index=255)
    found = vspw.agreement(counts)
    assert found.per_class == (2 / 3, 1.0, None)
    assert found.tc == pytest.approx((2 / 3 + 1) / 2)
    assert (found.tc_acc, found.n_pixels) == (3 / 4, 4)
    assert vspw.agreement(counts, excluded=(0,)).tc == 1.0


def test_only_pixels_with_a_class_in_the_target_count():
    target, moved = np.array([[0, 255, 9, 1]], np.uint8), np.array([[0, 0, 0, 255]], np.uint8)
    counts = vspw.count_pair(joint_histogram(target, moved), num_classes=3, ignore_index=255)
    found = vspw.agreement(counts)
    assert found.n_pixels == 2
    assert found.per_class == (1.0, 0.0, None)


def test_without_a_counted_pixel_there_is_no_value():
    found = vspw.agreement(np.zeros((4, 4), np.int64))
    assert (found.tc, found.tc_acc, found.n_pixels) == (None, None, 0)
