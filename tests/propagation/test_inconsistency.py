"""The mask of inconsistent labels, its age, and the fusion of Eq. 4."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vstc.propagation.carrying.inconsistency import (
    Doubt,
    StepMaps,
    attention,
    fuse_scores,
    gather_doubt,
    inconsistent_labels,
    no_doubt,
    settle,
    spread,
)
from vstc.propagation.carrying.maps import identity_map, map_against_flow, map_from_flow

SIZE = (24, 32)


def labels_with_box(*, left=10, width=8):
    labels = np.zeros(SIZE, np.uint8)
    labels[8:16, left : left + width] = 1
    return labels


def constant(x, y):
    return np.full((*SIZE, 2), (x, y), np.float32)


def steps(flow_cur_to_prev, flow_prev_to_cur=None):
    back = map_against_flow(flow_cur_to_prev)
    if flow_prev_to_cur is not None:
        back = map_from_flow(flow_prev_to_cur)
    return StepMaps(map_from_flow(flow_cur_to_prev), back)


def test_identical_frames_are_consistent():
    still = StepMaps(identity_map(SIZE), identity_map(SIZE))
    assert inconsistent_labels(labels_with_box(), still).sum() == 0
    doubt = gather_doubt(no_doubt(SIZE), labels_with_box(), still, with_outside=True)
    assert doubt.share == 0
    assert set(np.unique(doubt.age)) == {1}
    weights = attention(doubt, radius=4, sigma=2, max_age=None)
    assert weights.max() == 0


def test_motion_that_both_flows_agree_on_is_consistent():
    labels = labels_with_box()
    assert inconsistent_labels(labels, steps(constant(3, 1), constant(-3, -1))).sum() == 0
    assert inconsistent_labels(labels, steps(constant(3, 1))).sum() == 0


def test_flows_that_disagree_flag_the_borders_of_labels_only():
    labels = labels_with_box()
    # Forth 3 px and back 1: every round trip ends two pixels aside.
    flagged = inconsistent_labels(labels, steps(constant(3, 0), constant(-1, 0)))
    columns, rows = np.flatnonzero(flagged.any(axis=0)), np.flatnonzero(flagged.any(axis=1))
    assert columns.tolist() == [5, 6, 13, 14]
    assert rows.tolist() == list(range(8, 16))


def slow_check(labels, there, back):
    def read(values, path):
        height, width = values.shape
        result = np.empty_like(values)
        for y in range(height):
            for x in range(width):
                u, v = np.floor(path[y, x] + 0.5).astype(int)
                result[y, x] = values[np.clip(v, 0, height - 1), np.clip(u, 0, width - 1)]
        return result

    forth = read(labels, there)
    return (forth != read(read(forth, back), there)).astype(np.uint8)


@pytest.mark.parametrize("seed", range(3))
def test_the_check_equals_a_slow_one(seed):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, SIZE, dtype=np.uint8)
    there, back = (
        map_from_flow(rng.uniform(-3, 3, (*SIZE, 2)).astype(np.float32)) for _ in range(2)
    )
    flagged = inconsistent_labels(labels, StepMaps(there, back))
    np.testing.assert_array_equal(flagged, slow_check(labels, there, back))


def test_doubts_travel_with_the_labels_and_gather():
    flagged = np.zeros(SIZE, np.uint8)
    flagged[10, 20] = 1
    before = Doubt(flagged, np.full(SIZE, 3, np.uint8))
    step = steps(constant(2, 0), constant(-2, 0))
    after = gather_doubt(before, labels_with_box(), step, with_outside=False)
    assert np.argwhere(after.flagged).tolist() == [[10, 18]]
    assert set(np.unique(after.age)) == {4}
    bad = steps(constant(2, 0), constant(0, 0))
    more = gather_doubt(after, labels_with_box(), bad, with_outside=False)
    assert more.share > after.share
    assert more.flagged[10, 16] == 1


def test_what_is_read_beyond_the_rim_is_flagged_on_demand():
    step = steps(constant(3, 0), constant(-3, 0))
    nothing = np.zeros(SIZE, np.uint8)
    without = gather_doubt(no_doubt(SIZE), nothing, step, with_outside=False)
    with_outside = gather_doubt(no_doubt(SIZE), nothing, step, with_outside=True)
    assert without.share == 0
    assert np.flatnonzero(with_outside.flagged.any(axis=0)).tolist() == [29, 30, 31]


def test_dilation_is_a_maximum_over_a_square():
    mask = np.zeros(SIZE, np.uint8)
    mask[12, 16] = mask[0, 0] = 1
    wide = spread(mask, radius=2, sigma=0)
    expected = torch.nn.functional.max_pool2d(
        torch.from_numpy(mask.astype(np.float32))[None, None], 5, stride=1, padding=2
    )
    np.testing.assert_array_equal(wide, expected[0, 0].numpy())


@given(radius=st.integers(0, 5), sigma=st.floats(0, 4), seed=st.integers(0, 100))
def test_attention_stays_between_0_and_1_and_full_masks_stay_full(radius, sigma, seed):
    mask = (np.random.default_rng(seed).random(SIZE) < 0.05).astype(np.uint8)
    weights = spread(mask, radius=radius, sigma=sigma)
    assert weights.dtype == np.float32
    assert 0 <= weights.min() <= weights.max() <= 1
    np.testing.assert_allclose(
        spread(np.ones(SIZE, np.uint8), radius=radius, sigma=sigma), 1, rtol=1e-5
    )


def test_old_pixels_are_taken_from_the_network():
    age = np.zeros(SIZE, np.uint8)
    age[3, 4], age[5, 6] = 9, 10
    doubt = Doubt(np.zeros(SIZE, np.uint8), age)
    weights = attention(doubt, radius=4, sigma=2, max_age=10)
    assert np.argwhere(weights).tolist() == [[5, 6]]
    assert weights[5, 6] == 1


def test_fusion_gives_one_or_the_other_at_the_ends():
    warped, refined = torch.rand(1, 4, *SIZE), torch.rand(1, 4, *SIZE)
    zeros, ones = np.zeros(SIZE, np.float32), np.ones(SIZE, np.float32)
    assert torch.equal(fuse_scores(warped, refined, zeros), warped)
    assert torch.equal(fuse_scores(warped, refined, ones), refined)
    half = fuse_scores(warped, refined, ones / 4)
    torch.testing.assert_close(half, refined / 4 + warped * 0.75)


def test_pixels_that_were_replaced_are_young_and_trusted_again():
    doubt = Doubt(np.ones(SIZE, np.uint8), np.full(SIZE, 7, np.uint8))
    weights = np.full(SIZE, 0.49, np.float32)
    weights[2, 3] = 0.5
    settled = settle(doubt, weights)
    assert settled.flagged[2, 3] == settled.age[2, 3] == 0
    assert settled.flagged.sum() == 24 * 32 - 1
    assert settled.age[0, 0] == 7


def test_the_check_needs_the_way_back():
    with pytest.raises(ValueError, match="map back"):
        inconsistent_labels(labels_with_box(), StepMaps(identity_map(SIZE), None))
