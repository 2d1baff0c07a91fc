from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from vstc.metrics.trimap import TrimapIou

TRUE = arrays(np.uint8, (4, 5), elements=st.sampled_from([0, 128, 255]))
PREDICTED = arrays(np.uint8, (4, 5), elements=st.sampled_from([0, 128, 255, 102]))


def scores_of(true, predicted):
    metric = TrimapIou(list(true))
    metric.update(true, predicted)
    return metric.scores()


def iou(true, predicted, value):
    union = ((true == value) | (predicted == value)).sum()
    return ((true == value) & (predicted == value)).sum() / union if union else None


@given(narrow=TRUE, wide=TRUE, predicted=PREDICTED)
@settings(max_examples=60, deadline=None)
def test_values_equal_masks_averaged_over_widths(narrow, wide, predicted):
    scores = scores_of({"narrow": narrow, "wide": wide}, predicted)
    found = (scores.background, scores.unknown, scores.foreground)
    for value, part in zip((0, 128, 255), found, strict=True):
        known = [v for true in (narrow, wide) if (v := iou(true, predicted, value)) is not None]
        assert part == (pytest.approx(np.mean(known)) if known else None)
    assert scores.miou == pytest.approx(np.mean([v for v in found if v is not None]))


def test_a_perfect_trimap_scores_one():
    trimap = np.array([[0, 0, 128, 255]], np.uint8)
    scores = scores_of({"middle": trimap}, trimap)
    assert (scores.background, scores.unknown, scores.foreground, scores.miou) == (1, 1, 1, 1)


def test_a_wider_band_costs_unknown_and_its_neighbours():
    true = np.array([[0, 0, 0, 128, 128, 255, 255, 255]], np.uint8)
    wide = np.array([[0, 0, 128, 128, 128, 128, 255, 255]], np.uint8)
    scores = scores_of({"middle": true}, wide)
    assert scores.per_width["middle"] == (2 / 3, 2 / 4, 2 / 3)


def test_frames_are_pooled_before_the_ratio():
    metric = TrimapIou(["middle"])
    metric.update({"middle": np.zeros((1, 3), np.uint8)}, np.zeros((1, 3), np.uint8))
    metric.update({"middle": np.zeros((1, 1), np.uint8)}, np.full((1, 1), 255, np.uint8))
    assert metric.scores().background == 3 / 4


@given(frames=st.lists(st.tuples(TRUE, PREDICTED), min_size=2, max_size=5), cut=st.integers(0, 5))
@settings(max_examples=20, deadline=None)
def test_parts_merged_are_equal_to_one_pass(frames, cut):
    whole, first, second = (TrimapIou(["middle"]) for _ in range(3))
    for index, (true, predicted) in enumerate(frames):
        whole.update({"middle": true}, predicted)
        (first if index < cut else second).update({"middle": true}, predicted)
    first.merge(second)
    assert first.scores() == whole.scores()


def test_nothing_gives_null():
    scores = TrimapIou(["narrow", "wide"]).scores()
    assert (scores.background, scores.miou) == (None, None)


def test_true_values_that_are_no_trimap_are_refused():
    with pytest.raises(ValueError, match="holds 102"):
        scores_of({"middle": np.array([[0, 102]], np.uint8)}, np.zeros((1, 2), np.uint8))


def test_widths_must_fit():
    with pytest.raises(ValueError, match="true trimaps must be"):
        TrimapIou(["narrow", "wide"]).update({"narrow": np.zeros((1, 1), np.uint8)}, np.zeros(1))
    with pytest.raises(ValueError, match="cannot be merged"):
        TrimapIou(["narrow"]).merge(TrimapIou(["wide"]))
    with pytest.raises(ValueError, match="at least one width"):
        TrimapIou([])
