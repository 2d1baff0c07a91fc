"""VC and flicker as ``vstc evaluate`` gathers them."""

from __future__ import annotations

import numpy as np
import pytest

from tests.evaluation.frames import clip_of, feed
from vstc.evaluation.groups.flicker import FlickerGroup
from vstc.evaluation.groups.video_consistency import VideoConsistencyGroup

SHAPE = (6, 8)


def still(num_frames, value=1):
    return [np.full(SHAPE, value, np.uint8) for _ in range(num_frames)]


def score(group, *clips):
    gatherer = group.gatherer()
    rows = []
    for number, (predicted, true) in enumerate(clips):
        clip = clip_of(f"clip{number}", len(predicted), labelled=range(len(predicted)))
        rows.append(gatherer.add(clip, feed(group, clip, predicted, true)))
    return rows, gatherer.scores()


def test_vc_names_what_is_constant_and_what_is_right():
    predicted = still(20)
    for labels in predicted:
        labels[0] = 2  # wrong all the time, in a sixth of the picture
    _, scores = score(VideoConsistencyGroup((8, 16)), (predicted, still(20)))
    assert scores.totals["vc8"] == scores.totals["vc16_fixed"] == 1
    assert scores.totals["vc8_correct"] == pytest.approx(5 / 6)
    assert scores.counts["vc8_windows"] == 12
    assert scores.counts["vc8_fixed_windows"] == 13


def test_short_clips_have_corrected_windows_only():
    _, scores = score(VideoConsistencyGroup((8,)), (still(10), still(10)))
    assert scores.totals["vc8"] is None
    assert scores.totals["vc8_fixed"] == 1


def test_no_window_spans_a_frame_without_label_or_prediction():
    true = still(20)
    true[10] = None
    predicted = still(20)
    group = VideoConsistencyGroup((8,))
    _, unlabelled = score(group, (predicted, true))
    predicted[10] = None
    _, missing = score(group, (predicted, still(20)))
    # Frames 0-9 hold three windows of 8, frames 11-19 two.
    assert unlabelled.counts["vc8_fixed_windows"] == missing.counts["vc8_fixed_windows"] == 5


def test_vc_takes_clips_with_labels_only():
    group = VideoConsistencyGroup((8,))
    assert not group.takes(clip_of("a", 9))
    assert group.takes(clip_of("a", 9, labelled=[0]))


def test_a_single_flip_shows_in_rates_and_area():
    predicted = still(4)
    predicted[1][:3] = 0
    rows, scores = score(FlickerGroup(2), (predicted, still(4)))
    assert scores.totals["change_rate"] == pytest.approx((0.5 + 0.5 + 0) / 3)
    assert scores.totals["excess_change_rate"] == scores.totals["change_rate"]
    assert scores.totals["aba_rate"] == pytest.approx(0.5 / 2)
    # Class 1 covers 48, 24, 48, 48 pixels, class 0 the 24 others once.
    assert list(scores.per_class["area_flicker"]) == pytest.approx([(48 / 3) / 6, (48 / 3) / 42])
    assert [rows[0].pairs[i]["change_rate"] for i in range(3)] == [0.5, 0.5, 0]


def test_without_truth_there_is_no_excess():
    rows, scores = score(FlickerGroup(2), (still(3), [None] * 3))
    assert scores.totals["excess_change_rate"] is None
    assert scores.totals["change_rate"] == 0
    assert rows[0].clip["aba_rate"] == 0


def test_a_gap_is_no_change():
    predicted = [*still(2, 0), None, *still(2, 1)]
    rows, scores = score(FlickerGroup(2), (predicted, [None] * 5))
    assert scores.totals["change_rate"] == 0
    assert sorted(rows[0].pairs) == [0, 3]
