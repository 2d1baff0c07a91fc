"""Carrying ids and values, and drawing them at the size of the frame."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from vstc.propagation.carrying.carry import (
    Interpolation,
    age_by_one,
    carry_ids,
    carry_picture,
    carry_values,
    ids_of_scores,
    likeliest,
    one_hot,
    resize_ids,
    resize_scores,
)
from vstc.propagation.carrying.maps import identity_map, map_from_flow, map_to_tensor, scale_map

CPU = torch.device("cpu")


def random_map(seed, size=(20, 30), *, reach=6.0):
    """Return positions in steps of 1/64 px, many of them outside the frame."""
    rng = np.random.default_rng(seed)
    flow = rng.uniform(-reach, reach, (*size, 2))
    return map_from_flow((np.round(flow * 64) / 64).astype(np.float32))


@given(seed=st.integers(0, 10_000))
def test_ids_are_read_at_the_pixel_that_half_up_rounding_gives(seed):
    rng = np.random.default_rng(seed)
    ids, path = rng.integers(0, 256, (20, 30), dtype=np.uint8), random_map(seed)
    x = np.clip(np.floor(path[..., 0] + 0.5).astype(int), 0, 29)
    y = np.clip(np.floor(path[..., 1] + 0.5).astype(int), 0, 19)
    np.testing.assert_array_equal(carry_ids(ids, path), ids[y, x])


def test_a_half_rounds_up():
    ids = np.arange(8, dtype=np.uint8)[None].repeat(8, axis=0)
    path = map_from_flow(np.full((8, 8, 2), (0.5, -0.5), np.float32))
    np.testing.assert_array_equal(carry_ids(ids, path), np.minimum(ids + 1, 7))
    np.testing.assert_array_equal(carry_ids(ids.T.copy(), path), ids.T)


def test_nearest_values_are_the_ones_that_ids_would_be():
    ids = np.random.default_rng(2).integers(0, 200, (20, 30), dtype=np.uint8)
    path = random_map(2)
    values = torch.from_numpy(ids.astype(np.float32))[None, None]
    read = carry_values(values, map_to_tensor(path, CPU), interpolation=Interpolation.NEAREST)
    np.testing.assert_array_equal(read[0, 0].numpy(), carry_ids(ids, path))


@pytest.mark.parametrize("seed", range(3))
def test_bilinear_values_equal_those_of_opencv(seed):
    values = np.random.default_rng(seed).random((20, 30), dtype=np.float32)
    path = random_map(seed)
    expected = cv2.remap(values, path, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    read = carry_values(torch.from_numpy(values)[None, None], map_to_tensor(path, CPU))
    # OpenCV before 5 rounds positions to 1/32 px.
    np.testing.assert_allclose(read[0, 0].numpy(), expected, atol=0.035)
    identity = map_to_tensor(identity_map((20, 30)), CPU)
    same = carry_values(torch.from_numpy(values)[None, None], identity)
    np.testing.assert_allclose(same[0, 0].numpy(), values, atol=1e-5)


def test_probabilities_stay_probabilities():
    scores = torch.rand(1, 5, 20, 30).softmax(dim=1)
    read = carry_values(scores, map_to_tensor(random_map(3), CPU))
    torch.testing.assert_close(read.sum(dim=1), torch.ones(1, 20, 30))
    assert read.min() >= 0


def test_a_picture_moves_by_whole_pixels():
    rgb = np.random.default_rng(4).integers(0, 256, (9, 12, 3), dtype=np.uint8)
    moved = carry_picture(rgb, map_from_flow(np.full((9, 12, 2), (2, 0), np.float32)))
    np.testing.assert_array_equal(moved[:, :-2], rgb[:, 2:])


@pytest.mark.parametrize("size", [(70, 30), (75, 63), (280, 120), (140, 45), (7, 11)])
def test_the_likeliest_class_is_that_of_enlarged_scores(size):
    scores = torch.randn(6, 70, 30)
    enlarged = F.interpolate(scores[None], size, mode="bilinear", align_corners=False)
    expected = enlarged.argmax(dim=1)[0].to(torch.uint8).numpy()
    drawn = likeliest(scores, size)
    assert (drawn != expected).mean() < 1e-3  # ties in the last bit
    assert drawn.dtype == np.uint8


def test_of_equal_scores_the_first_class_is_taken():
    np.testing.assert_array_equal(likeliest(torch.zeros(3, 4, 5), (8, 10)), np.zeros((8, 10)))


def test_channels_become_the_ids_that_they_stand_for():
    scores = torch.zeros(1, 3, 2, 2)
    scores[0, 2, 0, 0] = 1
    scores[0, 1, 1, 1] = 1
    ids = ids_of_scores(scores, size=(2, 2), channel_ids=np.array([4, 7, 255], np.uint8))
    assert ids.tolist() == [[255, 4], [4, 7]]


def test_one_hot_shares_sum_to_one_and_keep_void_apart():
    labels = np.full((8, 8), 1, np.uint8)
    labels[:, 4:] = 255
    labels[:4, :2] = 0
    shares = one_hot(labels, num_classes=2, size=(2, 2))
    assert shares.shape == (1, 3, 2, 2)
    expected = [[[0.5, 0], [0, 0]], [[0.5, 0], [1, 0]], [[0, 1], [0, 1]]]
    np.testing.assert_allclose(shares[0].numpy(), expected)
    assert (
        ids_of_scores(
            one_hot(labels, num_classes=2, size=(8, 8)),
            size=(8, 8),
            channel_ids=np.array([0, 1, 255], np.uint8),
        ).tolist()
        == labels.tolist()
    )


def test_resizing_to_the_same_size_gives_the_same_object():
    ids, scores = np.zeros((4, 6), np.uint8), torch.zeros(1, 2, 4, 6)
    assert resize_ids(ids, (4, 6)) is ids
    assert resize_scores(scores, (4, 6)) is scores
    assert resize_ids(ids, (8, 12)).shape == (8, 12)


def test_age_stops_at_255():
    ages = np.array([[0, 7, 254, 255]], np.uint8)
    assert age_by_one(ages).tolist() == [[1, 8, 255, 255]]


@given(seed=st.integers(0, 1000))
def test_a_map_of_another_size_is_first_brought_to_the_size_of_the_ids(seed):
    ids = np.random.default_rng(seed).integers(0, 256, (45, 70), dtype=np.uint8)
    path = random_map(seed)
    expected = carry_ids(ids, scale_map(path, (45, 70)))
    # Positions on the border between two pixels may fall either way.
    assert (carry_ids(ids, path) != expected).mean() < 0.01
