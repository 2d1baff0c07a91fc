"""Frames, labels and flow under one affine map, against closed forms and the true motion."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from vstc.data.augment import (
    PADDING_RGB,
    Augmentation,
    CropMap,
    draw_crop,
    flip_matrix,
    rotation_matrix,
    scale_matrix,
    shift_matrix,
    warp_flow,
    warp_image,
    warp_labels,
    whole_frame,
)

Floats = NDArray[np.float64]
SIZE = (72, 96)
# The motion p -> p + L p + t of every pixel: a turn, a zoom and a shift.
MOTION = np.array([[0.02, -0.05], [0.04, -0.03]])
SHIFT = np.array([2.3, -1.6])


def grid(size: tuple[int, int]) -> Floats:
    """(x, y) of every pixel, (H, W, 2)."""
    y, x = np.mgrid[: size[0], : size[1]]
    return np.dstack([x, y]).astype(np.float64)


def true_flow(points: Floats) -> Floats:
    return points @ MOTION.T + SHIFT


def mapped(crop: CropMap, points: Floats) -> Floats:
    return points @ crop.linear.T + crop.matrix[:, 2]


def unmapped(crop: CropMap, points: Floats) -> Floats:
    return (points - crop.matrix[:, 2]) @ np.linalg.inv(crop.linear).T


def pattern(points: Floats) -> NDArray[np.uint8]:
    """A smooth picture that is known at any position."""
    x, y = points[..., 0], points[..., 1]
    channels = [np.sin(x / 7 + y / 11), np.cos(x / 9 - y / 6), np.sin(x / 13) * np.cos(y / 8)]
    return np.round(127.5 + 100 * np.dstack(channels)).astype(np.uint8)


def pair() -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.float32]]:
    """A frame, a later one and the true flow on the grid of the first."""
    points = grid(SIZE)
    came_from = (points - SHIFT) @ np.linalg.inv(np.eye(2) + MOTION).T
    return pattern(points), pattern(came_from), true_flow(points).astype(np.float32)


def chain(*steps: NDArray[np.float64], crop_size: tuple[int, int]) -> CropMap:
    """Apply 3x3 maps from left to right."""
    matrix = np.eye(3)
    for step in steps:
        matrix = step @ matrix
    return CropMap(matrix[:2], SIZE, crop_size)


def scaled(factor: float) -> tuple[float, float]:
    return SIZE[0] * factor, SIZE[1] * factor


MAPS = {
    "identity": chain(crop_size=SIZE),
    "crop": chain(shift_matrix(11, 7), crop_size=(41, 57)),
    "enlarge": chain(scale_matrix(1.7), shift_matrix(31, 22), crop_size=(65, 81)),
    "shrink and pad": chain(scale_matrix(0.6), shift_matrix(-5, -9), crop_size=(65, 81)),
    "flip": chain(flip_matrix(96), crop_size=SIZE),
    "scale and flip": chain(
        scale_matrix(1.3), flip_matrix(scaled(1.3)[1]), shift_matrix(20, 12), crop_size=(65, 81)
    ),
    "turn left": chain(rotation_matrix(10, SIZE), crop_size=SIZE),
    "turn right": chain(rotation_matrix(-7.5, SIZE), shift_matrix(9, 3), crop_size=(57, 65)),
    "all": chain(
        scale_matrix(1.45),
        rotation_matrix(8, scaled(1.45)),
        flip_matrix(scaled(1.45)[1]),
        shift_matrix(23, 17),
        crop_size=(73, 89),
    ),
    "all, smaller": chain(
        scale_matrix(0.7),
        rotation_matrix(-9, scaled(0.7)),
        flip_matrix(scaled(0.7)[1]),
        shift_matrix(-6, -4),
        crop_size=(65, 81),
    ),
}
each_map = pytest.mark.parametrize("crop", MAPS.values(), ids=MAPS)


def moved_flow(
    crop: CropMap, flow: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    rows, columns = window = crop.source_window()
    warped = warp_flow(flow[rows, columns], window, crop)
    return warped.flow, warped.valid


def residual(crop: CropMap, flow: NDArray[np.float32], valid: NDArray[np.bool_]) -> float:
    """Mean difference in grey levels of the cropped frame and the cropped other one at its flow."""
    frame, other, _ = pair()
    here, there = warp_image(frame, crop), warp_image(other, crop)
    end = (grid(crop.crop_size) + flow).astype(np.float32)
    found = cv2.remap(there, end[..., 0], end[..., 1], cv2.INTER_LINEAR)
    return float(np.abs(here[valid].astype(float) - found[valid]).mean())


@each_map
def test_flow_is_the_true_motion_seen_in_the_crop(crop: CropMap) -> None:
    flow, valid = moved_flow(crop, pair()[2])
    sources = unmapped(crop, grid(crop.crop_size))
    ends = mapped(crop, sources + true_flow(sources))
    error = np.linalg.norm(flow - (ends - grid(crop.crop_size)), axis=2)
    assert valid.mean() > 0.3
    assert error[valid].max() < 0.01


@each_map
def test_the_cropped_pair_fits_its_flow_as_well_as_the_uncropped_one(crop: CropMap) -> None:
    flow, valid = moved_flow(crop, pair()[2])
    inside = cv2.erode(valid.astype(np.uint8), np.ones((5, 5))).astype(bool)
    assert residual(crop, flow, inside) < 1.5


@pytest.mark.parametrize("name", [n for n in MAPS if n not in {"identity", "crop"}])
def test_moving_the_field_without_turning_its_vectors_is_worse(name: str) -> None:
    crop = MAPS[name]
    flow, valid = moved_flow(crop, pair()[2])
    wrong = flow @ np.linalg.inv(crop.linear).T.astype(np.float32)
    inside = cv2.erode(valid.astype(np.uint8), np.ones((5, 5))).astype(bool)
    assert residual(crop, wrong, inside) > 1.5 * residual(crop, flow, inside)


def test_a_flip_that_keeps_the_sign_of_u_is_worse_than_no_motion() -> None:
    crop = MAPS["flip"]
    flow, valid = moved_flow(crop, pair()[2])
    wrong = flow * np.array([-1, 1], np.float32)
    assert residual(crop, wrong, valid) > residual(crop, np.zeros_like(flow), valid)


@each_map
def test_frames_show_what_the_map_says(crop: CropMap) -> None:
    frame = pair()[0]
    sources = unmapped(crop, grid(crop.crop_size))
    seen = warp_image(frame, crop).astype(int)
    far = np.array([SIZE[1] - 1, SIZE[0] - 1])
    inside = ((sources >= 0) & (sources <= far)).all(axis=2)
    outside = ((sources <= -1) | (sources >= far + 1)).any(axis=2)
    assert np.abs(seen - pattern(sources).astype(int))[inside].max() <= 3
    assert (seen[outside] == PADDING_RGB).all()


@each_map
def test_labels_are_the_nearest_ones_and_255_outside(crop: CropMap) -> None:
    labels = np.random.default_rng(0).choice(np.array([0, 3, 11, 18, 255], np.uint8), SIZE)
    seen = warp_labels(labels, crop)
    assert set(np.unique(seen)) <= {0, 3, 11, 18, 255}
    sources = unmapped(crop, grid(crop.crop_size))
    nearest = np.floor(sources + 0.5).astype(int)
    # Beside the edge between two pixels the rounding of the program may take either.
    is_clear = (np.abs(sources + 0.5 - np.round(sources + 0.5)) > 0.02).all(axis=2)
    far = np.array([SIZE[1] - 1, SIZE[0] - 1])
    inside = ((nearest >= 0) & (nearest <= far)).all(axis=2)
    x, y = nearest[inside & is_clear].T
    assert (seen[inside & is_clear] == labels[y, x]).all()
    assert (seen[~inside & is_clear] == 255).all()


@each_map
def test_the_window_of_the_field_suffices(crop: CropMap) -> None:
    flow = pair()[2]
    part, part_valid = moved_flow(crop, flow)
    everything = (slice(0, SIZE[0]), slice(0, SIZE[1]))
    whole = warp_flow(flow, everything, crop)
    assert (part_valid == whole.valid).all()
    np.testing.assert_allclose(part[part_valid], whole.flow[part_valid], atol=0.002)


def test_the_window_of_a_small_crop_is_small() -> None:
    rows, columns = chain(shift_matrix(20, 30), crop_size=(17, 25)).source_window()
    assert (rows, columns) == (slice(29, 48), slice(19, 46))


def test_a_crop_that_sees_only_padding_has_no_valid_flow() -> None:
    crop = chain(scale_matrix(2.0), shift_matrix(300, -40), crop_size=(17, 17))
    flow, valid = moved_flow(crop, pair()[2])
    assert flow.shape == (17, 17, 2)
    assert not valid.any()
    assert (warp_labels(np.zeros(SIZE, np.uint8), crop) == 255).all()


def valid_by_hand(crop: CropMap, flow: NDArray[np.float32]) -> tuple[Floats, Floats]:
    """Distance in pixels by which start and end lie within source and crop (below 0: outside)."""
    points = grid(crop.crop_size)
    ends = points + flow
    crop_far = np.array(crop.crop_size[::-1]) - 1
    source_far = np.array(crop.source_size[::-1]) - 1
    start = unmapped(crop, points)
    there = unmapped(crop, ends)
    start_depth = np.minimum(start, source_far - start).min(axis=2)
    depths = [np.minimum(ends, crop_far - ends), np.minimum(there, source_far - there)]
    return start_depth, np.minimum(*[depth.min(axis=2) for depth in depths])


@each_map
def test_valid_pixels_are_those_that_start_and_end_inside(crop: CropMap) -> None:
    flow, valid = moved_flow(crop, pair()[2])
    start, end = valid_by_hand(crop, flow)
    assert not valid[(start < -0.05) | (end < -0.01)].any()
    assert valid[(start > 0.05) & (end > 0.01)].all()


def test_padded_pixels_are_invalid_and_a_still_frame_is_valid_elsewhere() -> None:
    crop = chain(shift_matrix(-8, -4), crop_size=(97, 121))
    _, valid = moved_flow(crop, np.zeros((*SIZE, 2), np.float32))
    expected = np.zeros((97, 121), bool)
    expected[4 : 4 + SIZE[0], 8 : 8 + SIZE[1]] = True
    assert (valid == expected).all()


def test_scale_one_without_flip_copies_pixels() -> None:
    random = np.random.default_rng(1)
    frame = random.integers(0, 256, (*SIZE, 3), np.uint8)
    labels = random.integers(0, 256, SIZE, np.uint8)
    flow = random.normal(0, 3, (*SIZE, 2)).astype(np.float32)
    augmentation = Augmentation(crop_size=(41, 57), scale=(1.0, 1.0), flip_probability=0.0)
    for _ in range(20):
        crop = draw_crop(random, augmentation, source_size=SIZE)
        left, top = (-crop.matrix[:, 2]).astype(int)
        part = (slice(top, top + 41), slice(left, left + 57))
        assert (warp_image(frame, crop) == frame[part]).all()
        assert (warp_labels(labels, crop) == labels[part]).all()
        assert (moved_flow(crop, flow)[0] == flow[part]).all()


def test_flip_alone_mirrors_pixels_and_the_x_of_flow() -> None:
    random = np.random.default_rng(2)
    frame = random.integers(0, 256, (*SIZE, 3), np.uint8)
    flow = random.normal(0, 3, (*SIZE, 2)).astype(np.float32)
    crop = MAPS["flip"]
    assert (warp_image(frame, crop) == frame[:, ::-1]).all()
    assert (moved_flow(crop, flow)[0] == flow[:, ::-1] * np.array([-1, 1], np.float32)).all()


def test_scaling_is_that_of_a_resize_with_half_pixel_centres() -> None:
    frame = pair()[0]
    crop = chain(scale_matrix(1.5), crop_size=(108, 144))
    resized = cv2.resize(frame, None, fx=1.5, fy=1.5, interpolation=cv2.INTER_LINEAR).astype(int)
    assert np.abs(warp_image(frame, crop).astype(int) - resized)[1:-1, 1:-1].max() <= 2


def test_turning_by_a_positive_angle_is_counter_clockwise_on_screen() -> None:
    turned = rotation_matrix(90, (101, 101)) @ [100, 50, 1]
    np.testing.assert_allclose(turned, [50, 0, 1], atol=1e-9)


def test_whole_frame_keeps_the_top_left_and_pads_the_rest() -> None:
    frame = pair()[0]
    seen = warp_image(frame, whole_frame(SIZE, (81, 89)))
    assert (seen[:72, :89] == frame[:, :89]).all()
    assert (seen[72:] == PADDING_RGB).all()


maps = st.builds(
    Augmentation,
    crop_size=st.tuples(st.sampled_from([17, 33, 65, 97]), st.sampled_from([17, 41, 81, 113])),
    scale=st.floats(0.3, 2.5).map(lambda factor: (factor, factor)),
    flip_probability=st.sampled_from([0.0, 1.0]),
    max_rotation_degrees=st.sampled_from([0.0, 10.0, 45.0]),
)


@settings(max_examples=80, deadline=None)
@given(augmentation=maps, seed=st.integers(0, 2**32 - 1), input_scale=st.sampled_from([0.5, 1, 1]))
def test_any_drawn_map_agrees_with_the_true_motion(
    augmentation: Augmentation, seed: int, input_scale: float
) -> None:
    random = np.random.default_rng(seed)
    crop = draw_crop(random, augmentation, source_size=SIZE, input_scale=input_scale)
    frame, _, field = pair()
    flow, valid = moved_flow(crop, field)
    sources = unmapped(crop, grid(crop.crop_size))
    error = np.linalg.norm(flow - true_flow(sources) @ crop.linear.T, axis=2)
    assert not valid.any() or error[valid].max() < 0.01
    start, end = valid_by_hand(crop, flow)
    assert not valid[(start < -0.05) | (end < -0.01)].any()
    assert np.linalg.det(crop.linear) != 0
    assert warp_image(frame, crop).shape == (*augmentation.crop_size, 3)
    labels = np.full(SIZE, 7, np.uint8)
    assert set(np.unique(warp_labels(labels, crop))) <= {7, 255}


@settings(max_examples=60, deadline=None)
@given(augmentation=maps, seed=st.integers(0, 2**32 - 1))
def test_an_upright_crop_is_full_of_image_or_holds_all_of_it(
    augmentation: Augmentation, seed: int
) -> None:
    if augmentation.max_rotation_degrees:
        return
    crop = draw_crop(np.random.default_rng(seed), augmentation, source_size=SIZE)
    corners = mapped(crop, np.array([[-0.5, -0.5], [SIZE[1] - 0.5, SIZE[0] - 0.5]]))
    low, high = corners.min(axis=0) + 0.5, corners.max(axis=0) + 0.5
    for axis, length in enumerate(augmentation.crop_size[::-1]):
        fills = low[axis] <= 1e-6 and high[axis] >= length - 1e-6
        is_held = low[axis] >= -1e-6 and high[axis] <= length + 1
        assert fills or is_held


def test_the_same_seed_draws_the_same_map_and_scales_stay_in_range() -> None:
    augmentation = Augmentation(crop_size=(33, 33), scale=(0.5, 2.0), flip_probability=0.5)
    drawn = [
        draw_crop(np.random.default_rng(seed), augmentation, source_size=SIZE)
        for seed in range(200)
    ]
    again = draw_crop(np.random.default_rng(7), augmentation, source_size=SIZE)
    assert (again.matrix == drawn[7].matrix).all()
    scales = np.array([crop.linear[1, 1] for crop in drawn])
    assert scales.min() >= 0.5
    assert scales.max() <= 2.0
    assert scales.std() > 0.3
    flips = np.mean([crop.linear[0, 0] < 0 for crop in drawn])
    assert 0.35 < flips < 0.65
