"""Sampling maps: direction, composition, resolution, and the same on the device."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.propagation.moving_frames import panning
from vstc.flow.providers import make_provider
from vstc.metrics.warping import warp_labels
from vstc.models.grids import Grid
from vstc.propagation.carrying.carry import carry_ids
from vstc.propagation.carrying.maps import (
    compose_map_tensors,
    compose_maps,
    identity_map,
    map_against_flow,
    map_from_flow,
    map_to_tensor,
    outside_frame,
    positions_in_cells,
    scale_map,
)

CPU = torch.device("cpu")


def smooth_flow(seed, size=(40, 56), *, scale=30.0):
    rng = np.random.default_rng(seed)
    noise = rng.uniform(-1, 1, (*size, 2)).astype(np.float32)
    return cv2.GaussianBlur(noise, (0, 0), 6) * np.float32(scale)


def slow_composition(first, second):
    """Read the displacement of ``first`` bilinearly in float64, one pixel at a time."""
    height, width = first.shape[:2]
    displacement = first - identity_map((height, width))
    result = np.empty_like(first, np.float64)
    for row in range(height):
        for column in range(width):
            x, y = (float(v) for v in second[row, column])
            u, v = np.clip(x, 0, width - 1), np.clip(y, 0, height - 1)
            left, top = min(int(u), width - 2), min(int(v), height - 2)
            a, b = u - left, v - top
            part = displacement[top : top + 2, left : left + 2].astype(np.float64)
            upper = part[0, 0] * (1 - a) + part[0, 1] * a
            lower = part[1, 0] * (1 - a) + part[1, 1] * a
            result[row, column] = (x, y) + upper * (1 - b) + lower * b
    return result


def test_a_map_of_real_flow_points_the_right_way_and_the_swapped_one_is_worse_than_none():
    (prev, cur), (true_prev, true_cur) = panning(2, step=(3, 1))
    gray_prev, gray_cur = (cv2.cvtColor(f, cv2.COLOR_RGB2GRAY) for f in (prev, cur))
    worker = make_provider("dis-ultrafast").make_worker()
    right = carry_ids(true_prev, map_from_flow(worker.flow(gray_cur, gray_prev)))
    eq1 = carry_ids(true_prev, map_against_flow(worker.flow(gray_prev, gray_cur)))
    wrong = carry_ids(true_prev, map_from_flow(worker.flow(gray_prev, gray_cur)))
    errors = [(labels != true_cur).mean() for labels in (right, eq1, true_prev, wrong)]
    assert errors[0] < 0.02
    assert errors[1] < 0.02
    assert errors[0] < errors[2] < errors[3]


def test_both_forms_agree_where_flow_is_constant():
    flow = np.full((6, 8, 2), (2.5, -1.25), np.float32)
    np.testing.assert_array_equal(map_from_flow(flow), map_against_flow(-flow))


@pytest.mark.parametrize("seed", range(3))
def test_composition_equals_a_slow_one(seed):
    first = map_from_flow(smooth_flow(seed))
    second = map_from_flow(smooth_flow(seed + 10))
    np.testing.assert_allclose(
        compose_maps(first, second), slow_composition(first, second), atol=2e-2
    )


@given(
    steps=st.lists(st.tuples(st.integers(-4, 4), st.integers(-4, 4)), min_size=1, max_size=5),
    seed=st.integers(0, 1000),
)
def test_composed_equals_chained_for_whole_pixels(steps, seed):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 5, (24, 32), dtype=np.uint8)
    chained, path = labels, None
    for step in steps:
        there = map_from_flow(np.full((24, 32, 2), step, np.float32))
        chained = carry_ids(chained, there)
        path = there if path is None else compose_maps(path, there)
    # Rims differ: a chain repeats the rim of every frame, a composition that of the key frame.
    margin = 4 * len(steps)
    inner = (slice(margin, 24 - margin), slice(margin, 32 - margin))
    np.testing.assert_array_equal(carry_ids(labels, path)[inner], chained[inner])


def test_composing_with_the_identity_changes_nothing():
    path = map_from_flow(smooth_flow(4))
    identity = identity_map(path.shape[:2])
    np.testing.assert_allclose(compose_maps(path, identity), path, atol=1e-5)
    np.testing.assert_array_equal(compose_maps(identity, path), path)


def test_what_left_the_frame_and_comes_back_is_found_again():
    there = map_from_flow(np.full((10, 20, 2), (-6, 0), np.float32))
    back = map_from_flow(np.full((10, 20, 2), (6, 0), np.float32))
    np.testing.assert_array_equal(compose_maps(there, back), identity_map((10, 20)))


@pytest.mark.parametrize("seed", range(3))
def test_composition_on_the_device_equals_the_other(seed):
    first, second = map_from_flow(smooth_flow(seed)), map_from_flow(smooth_flow(seed + 10))
    composed = compose_map_tensors(map_to_tensor(first, CPU), map_to_tensor(second, CPU))
    twin = composed[0].permute(1, 2, 0).numpy()
    np.testing.assert_allclose(twin, compose_maps(first, second), atol=2e-2)


def test_carrying_equals_the_warping_of_the_metrics():
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 9, (40, 56), dtype=np.uint8)
    flow = np.round(smooth_flow(7) * 64) / np.float32(64)
    np.testing.assert_array_equal(
        carry_ids(labels, map_from_flow(flow)), warp_labels(labels, flow, clamp=True)
    )


def test_a_map_at_another_resolution_moves_by_the_same_part_of_the_frame():
    path = map_from_flow(np.full((16, 24, 2), (4, -2), np.float32))
    small = scale_map(path, (8, 6))
    np.testing.assert_allclose(small - identity_map((8, 6)), np.full((8, 6, 2), (1, -1)), atol=1e-6)
    assert scale_map(path, (16, 24)) is path


def test_outside_is_where_the_nearest_pixel_lies_beyond_the_rim():
    path = identity_map((3, 4)).copy()
    path[0, 0] = (-0.5, 0)
    path[0, 1] = (-0.6, 0)
    path[1, 0] = (3.4, 2.4)
    path[1, 1] = (3.5, 0)
    path[2, 2] = (0, 2.5)
    path[2, 3] = (0, -1)
    expected = np.zeros((3, 4), bool)
    expected[[0, 1, 2, 2], [1, 1, 2, 3]] = True
    np.testing.assert_array_equal(outside_frame(path), expected)


def test_positions_in_cells_follow_the_cells_of_a_network():
    frame_size = (65, 97)
    grid = Grid.on_corners((9, 13), frame_size)  # cells on every eighth pixel
    path = map_from_flow(np.full((16, 24, 2), (2, 1), np.float32))  # 97 / 24 px, 65 / 16 px
    places = positions_in_cells(path, grid, frame_size)[0].numpy()
    x, y = np.meshgrid(np.arange(13), np.arange(9))
    np.testing.assert_allclose(places[0], x + 2 * 97 / 24 / 8, atol=1e-5)
    np.testing.assert_allclose(places[1], y + 1 * 65 / 16 / 8, atol=1e-5)


def test_the_identity_is_shared_and_cannot_be_changed():
    assert identity_map((4, 5)) is identity_map((4, 5))
    with pytest.raises(ValueError, match="read-only"):
        identity_map((4, 5))[0, 0] = 1


def test_something_else_than_vectors_is_refused():
    with pytest.raises(ValueError, match=r"\(H, W, 2\)"):
        map_from_flow(np.zeros((4, 5), np.float32))
