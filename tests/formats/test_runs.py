from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from vstc.formats.objects.rle import encode_mask
from vstc.formats.objects.runs import NO_RUNS, join_frames, num_pixels, runs_by_id, shared_pixels

shapes = st.tuples(st.integers(1, 10), st.integers(1, 10))
id_maps = shapes.flatmap(lambda hw: arrays(np.uint8, hw, elements=st.integers(0, 3)))
videos = st.tuples(st.integers(1, 4), st.integers(1, 8), st.integers(1, 8)).flatmap(
    lambda thw: st.tuples(arrays(np.bool_, thw), arrays(np.bool_, thw))
)


def runs_of_video(masks):
    frames = ((i, encode_mask(mask).runs()) for i, mask in enumerate(masks) if mask.any())
    return join_frames(frames, masks[0].size)


@given(ids=id_maps)
def test_runs_of_ids_are_those_of_their_masks(ids):
    found = runs_by_id(ids)
    assert list(found) == [value for value in np.unique(ids).tolist() if value]
    for value, runs in found.items():
        np.testing.assert_array_equal(runs, encode_mask(ids == value).runs())


@given(pair=videos)
def test_overlaps_of_videos_equal_those_of_their_pixels(pair):
    first, second = (runs_of_video(masks) for masks in pair)
    assert num_pixels(first) == pair[0].sum()
    assert shared_pixels(first, second) == (pair[0] & pair[1]).sum()
    assert shared_pixels(first, second) == shared_pixels(second, first)
    assert shared_pixels(first, first) == pair[0].sum()


def test_nothing_shares_nothing():
    one = encode_mask(np.ones((3, 4), bool)).runs()
    assert shared_pixels(one, NO_RUNS) == shared_pixels(NO_RUNS, one) == 0
    assert num_pixels(NO_RUNS) == 0
    np.testing.assert_array_equal(join_frames([], 12), NO_RUNS)


def test_a_later_frame_lies_behind_the_earlier_one():
    one = encode_mask(np.ones((3, 4), bool)).runs()
    np.testing.assert_array_equal(join_frames([(0, one), (2, one)], 12), [[0, 12], [24, 36]])
