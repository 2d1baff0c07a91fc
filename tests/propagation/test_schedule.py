"""Key frames, scene cuts, and the switch between past and future."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.propagation.moving_frames import panning
from vstc.flow.providers import make_provider
from vstc.propagation.schedule import (
    AdaptiveSchedule,
    CutDetector,
    FixedSchedule,
    cut_score,
    frames_from_past,
    make_schedule,
    mean_difference,
    thumbnail,
)
from vstc.propagation.settings import PropagateSettings


def keys_of(schedule, shares_after, count):
    """Run a schedule; ``shares_after(distance)`` is the share after so many frames."""
    keys, distance = [0], 0
    for index in range(1, count):
        distance += 1
        is_key = schedule.is_key(index=index, distance=distance, share=None)
        if not is_key:
            share = shares_after(distance)
            is_key = schedule.is_key(index=index, distance=distance, share=share)
        if is_key:
            schedule.placed(distance=distance)
            keys.append(index)
            distance = 0
    return keys


def test_fixed_key_frames_lie_an_interval_apart():
    assert keys_of(FixedSchedule(4), lambda _: 1.0, 13) == [0, 4, 8, 12]
    assert keys_of(FixedSchedule(1), lambda _: 0.0, 4) == [0, 1, 2, 3]


def test_an_adaptive_key_frame_comes_when_too_much_is_doubted():
    def schedule(threshold):
        return AdaptiveSchedule(threshold=threshold, min_gap=2, max_gap=6, target_rate=None)

    assert keys_of(schedule(0.025), lambda d: 0.01 * d, 10) == [0, 3, 6, 9]
    assert keys_of(schedule(0.001), lambda d: 0.01 * d, 7) == [0, 2, 4, 6]
    assert keys_of(schedule(0.9), lambda d: 0.01 * d, 13) == [0, 6, 12]


@given(gap=st.floats(2.2, 9.5), slope=st.floats(0.002, 0.02), start=st.floats(1e-3, 0.5))
def test_the_threshold_finds_the_target_rate(gap, slope, start):
    schedule = AdaptiveSchedule(threshold=start, min_gap=2, max_gap=10, target_rate=1 / gap)
    keys = keys_of(schedule, lambda d: slope * d, 1500)
    gaps = np.diff(keys)[-100:]
    assert gaps.mean() == pytest.approx(gap, rel=0.05)


def test_given_key_frames_are_those_with_a_result():
    settings = PropagateSettings.model_validate({"schedule": {"kind": "given"}})
    schedule = make_schedule(settings, {0, 3, 5}.__contains__)
    assert keys_of(schedule, lambda _: 1.0, 8) == [0, 3, 5]


def test_a_cut_is_found_and_fast_motion_is_none():
    detector = CutDetector(0.045)
    pan, _ = panning(3, step=(10, 4))
    other, _ = panning(1, seed=5)
    first, second, third = (thumbnail(cv2.cvtColor(f, cv2.COLOR_RGB2GRAY)) for f in pan)
    elsewhere = thumbnail(cv2.cvtColor(other[0], cv2.COLOR_RGB2GRAY))
    assert mean_difference(first, second) > 0.045  # not to be told by the difference alone
    assert not detector.is_cut(first, second)
    assert not detector.is_cut(second, third)
    assert detector.is_cut(third, elsewhere)
    assert not detector.is_cut(first, first)


def test_the_score_of_a_cut_is_a_share_of_the_grey_range():
    worker = make_provider("dis-ultrafast", {"finest_scale": 0}).make_worker()
    black, white = np.zeros((48, 64), np.uint8), np.full((48, 64), 255, np.uint8)
    assert cut_score(black, white, worker) == 1
    assert cut_score(black, black, worker) == 0


def test_thumbnails_of_all_sizes_are_alike():
    assert thumbnail(np.zeros((360, 480), np.uint8)).shape == (48, 64)
    assert thumbnail(np.zeros((20, 15), np.uint8)).shape == (48, 64)


def test_a_little_more_than_half_the_way_comes_from_the_past():
    near = {gap: frames_from_past(gap, switch=0.55) for gap in (1, 2, 3, 4, 5, 6, 8, 10, 17)}
    assert near == {1: 0, 2: 1, 3: 1, 4: 2, 5: 2, 6: 3, 8: 4, 10: 5, 17: 9}
    assert frames_from_past(5, switch=1) == 4
    assert frames_from_past(5, switch=0) == 0
