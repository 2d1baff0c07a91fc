"""Masks moved along flow, against moving each label map on its own."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.instances.tracking.masks import box, constant_flow, random_masks
from vstc.formats.objects.rle import encode_mask
from vstc.formats.objects.runs import num_pixels
from vstc.instances.tracking.move import move_prev_to_next
from vstc.metrics.warping import warp_labels


@given(st.integers(0, 2**32 - 1), st.integers(0, 9))
def test_every_mask_moves_as_if_it_were_alone(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    size = (int(rng.integers(1, 14)), int(rng.integers(1, 14)))
    masks = random_masks(rng, count, size=size)
    flow = rng.normal(0, 2, (*size, 2)).astype(np.float32)
    moved = move_prev_to_next([encode_mask(mask).runs() for mask in masks], flow)
    for mask, runs in zip(masks, moved, strict=True):
        alone = warp_labels(mask.astype(np.uint8), flow, fill=0) > 0
        assert runs.tolist() == encode_mask(alone).runs().tolist()


def test_more_masks_than_one_map_has_ids_keep_their_places() -> None:
    masks = [box(x, y, 1, 1) for y in range(20) for x in range(30)]
    moved = move_prev_to_next([mask.runs() for mask in masks], constant_flow(0, 0))
    assert [runs.tolist() for runs in moved] == [mask.runs().tolist() for mask in masks]


def test_flow_points_from_the_next_frame_to_the_one_before() -> None:
    # Content moves 5 px right and 2 px down, so the next frame samples the one before up left.
    moved = move_prev_to_next([box(10, 10).runs()], constant_flow(-5, -2))
    assert moved[0].tolist() == box(15, 12).runs().tolist()


def test_mask_that_leaves_the_frame_is_empty() -> None:
    moved = move_prev_to_next([box(0, 0).runs()], constant_flow(20, 0))
    assert num_pixels(moved[0]) == 0


def test_no_mask_moves_to_none() -> None:
    assert move_prev_to_next([], constant_flow(1, 1)) == []
