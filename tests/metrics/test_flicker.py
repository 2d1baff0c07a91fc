from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.metrics.test_video_consistency import blocks, clip_of
from vstc.metrics.flicker import FlickerCounter, FlickerCounts, FlickerStep, flicker_scores
from vstc.metrics.video_consistency import (
    VideoConsistencyProtocol,
    VoidRule,
    WindowRule,
    video_consistency,
)


def counts_of(predicted, true=None, *, num_classes=6):
    counter = FlickerCounter(num_classes)
    for index, labels in enumerate(predicted):
        counter.update(labels, None if true is None else true[index])
    return counter.clip


def scores_of(predicted, true=None, *, num_classes=6):
    return flicker_scores([counts_of(predicted, true)], num_classes=num_classes)


def holed(seed):
    """Predictions with pixels that have no label here and there."""
    true, predicted = blocks(seed, frames=7, noise=0.2)
    predicted[np.random.default_rng(seed).random(predicted.shape) < 0.1] = 255
    return true, predicted


def mean_share(frames, is_event, counts):
    """Mean over steps of the share of pixels, from a loop over pixels."""
    values = []
    for labels in frames:
        pixels = list(zip(*(frame.ravel().tolist() for frame in labels), strict=True))
        counted = [pixel for pixel in pixels if counts(*pixel)]
        if counted:
            values.append(sum(is_event(*pixel) for pixel in counted) / len(counted))
    return pytest.approx(np.mean(values), abs=1e-12)


@given(seed=st.integers(0, 2**16))
@settings(max_examples=15, deadline=None)
def test_rates_equal_loops_over_pixels(seed):
    true, predicted = holed(seed)
    scores = scores_of(predicted, true)
    pairs = list(zip(predicted, predicted[1:], strict=False))
    assert scores.change_rate == mean_share(
        pairs, lambda a, b: a != b, lambda a, b: 255 not in (a, b)
    )
    assert scores.aba_rate == mean_share(
        list(zip(predicted, predicted[1:], predicted[2:], strict=False)),
        lambda a, b, c: a == c != b,
        lambda *pixel: 255 not in pixel,
    )
    assert scores.excess_change_rate == mean_share(
        [
            (*pair, *truth)
            for pair, truth in zip(pairs, zip(true, true[1:], strict=False), strict=True)
        ],
        lambda a, b, *truth: a != b,
        lambda a, b, s, t: 255 not in (a, b, s) and s == t,
    )


@given(seed=st.integers(0, 2**16))
@settings(max_examples=15, deadline=None)
def test_excess_change_is_what_vc2_lacks_to_one(seed):
    clips = {str(i): blocks(seed + i, frames=5 + i) for i in range(2)}
    windows = {name: clip_of(*pair, lengths=(2,)) for name, pair in clips.items()}
    protocol = VideoConsistencyProtocol(windows=WindowRule.ALL, void=VoidRule.IGNORE)
    vc2 = video_consistency(windows, 2, protocol).vc
    counts = [counts_of(predicted, true) for true, predicted in clips.values()]
    scores = flicker_scores(counts, num_classes=6)
    assert scores.excess_change_rate == pytest.approx(1 - vc2, abs=1e-12)


@given(seed=st.integers(0, 2**16))
@settings(max_examples=15, deadline=None)
def test_area_flicker_follows_its_definition(seed):
    _, predicted = holed(seed)
    flicker = counts_of(predicted).area_flicker()
    for k in range(6):
        area = (predicted == k).sum(axis=(1, 2))
        expected = np.abs(np.diff(area)).mean() / area.mean() if area.any() else None
        assert flicker[k] == (None if expected is None else pytest.approx(expected))


def test_a_still_clip_does_not_flicker():
    true, _ = blocks(0)
    still = true[[0] * 5]
    scores = scores_of(still, still)
    assert (scores.change_rate, scores.excess_change_rate, scores.aba_rate) == (0, 0, 0)
    assert scores.area_flicker == 0


def test_a_single_frame_flip_is_two_changes_and_one_return():
    predicted = np.zeros((5, 2, 2), np.uint8)
    predicted[2, 0, 0] = 1
    scores = scores_of(predicted)
    assert scores.change_rate == pytest.approx(2 / 4 / 4)
    assert scores.aba_rate == pytest.approx(1 / 3 / 4)
    assert scores.excess_change_rate is None


def test_labels_that_go_on_to_another_class_do_not_return():
    predicted = np.arange(3, dtype=np.uint8).reshape(3, 1, 1)
    assert scores_of(predicted).aba_rate == 0
    assert scores_of(predicted).change_rate == 1


def test_steps_are_returned_one_by_one():
    counter = FlickerCounter(3)
    zeros, ones = np.zeros((1, 2), np.uint8), np.ones((1, 2), np.uint8)
    assert counter.update(zeros) == FlickerStep()
    assert counter.update(ones, ones) == FlickerStep(1.0, None, None)
    assert counter.update(zeros, ones) == FlickerStep(1.0, 1.0, 1.0)


def test_a_break_lets_no_step_join_its_sides():
    predicted = blocks(1, frames=8, noise=0.2)[1]
    counter = FlickerCounter(6)
    for index, labels in enumerate(predicted):
        if index == 4:
            counter.break_off()
        counter.update(labels)
    alone = [counts_of(predicted[:4]), counts_of(predicted[4:])]
    for name, (total, n_steps) in counter.clip.rates.items():
        assert total == pytest.approx(sum(part.rates[name][0] for part in alone))
        assert n_steps == sum(part.rates[name][1] for part in alone)
    changes = counter.clip.area_change
    np.testing.assert_array_equal(changes, alone[0].area_change + alone[1].area_change)
    assert (counter.clip.num_frames, counter.clip.num_pairs) == (8, 6)


def test_without_anything_to_compare_values_are_null():
    for predicted in (np.zeros((1, 2, 2), np.uint8), np.full((3, 2, 2), 255, np.uint8)):
        scores = scores_of(predicted)
        assert scores.change_rate is None
        assert scores.aba_rate is None
        assert scores.area_flicker is None
    assert flicker_scores([], num_classes=2).per_class_area_flicker == (None, None)


@given(seed=st.integers(0, 2**16))
@settings(max_examples=10, deadline=None)
def test_renaming_the_classes_renames_the_scores(seed):
    true, predicted = holed(seed)
    names = np.arange(256, dtype=np.uint8)
    names[:6] = np.random.default_rng(seed).permutation(6)
    plain, other = scores_of(predicted, true), scores_of(names[predicted], names[true])
    assert other.change_rate == plain.change_rate
    assert other.area_flicker == pytest.approx(plain.area_flicker)
    renamed = tuple(other.per_class_area_flicker[names[k]] for k in range(6))
    assert renamed == plain.per_class_area_flicker


def test_sets_average_pairs_for_rates_and_clips_for_areas():
    clips = [counts_of(blocks(i, frames=4 + 3 * i, noise=0.2)[1]) for i in range(3)]
    whole = flicker_scores(clips, num_classes=6)
    parts = [flicker_scores([clip], num_classes=6) for clip in clips]
    pairs = [clip.num_pairs for clip in clips]
    assert whole.change_rate == pytest.approx(
        sum(part.change_rate * n for part, n in zip(parts, pairs, strict=True)) / sum(pairs)
    )
    assert whole.area_flicker == pytest.approx(np.mean([part.area_flicker for part in parts]))
    assert clips[1].rate("change_rate") == parts[1].change_rate


def test_excluded_classes_are_left_out_of_the_mean_area_flicker():
    clip = counts_of(blocks(4, noise=0.2)[1])
    scores = flicker_scores([clip], num_classes=6, excluded=(0, 1, 2, 3, 4))
    assert scores.area_flicker == scores.per_class_area_flicker[5]


def test_what_was_counted_survives_json():
    true, predicted = holed(5)
    clip = counts_of(predicted, true)
    again = FlickerCounts.from_json(json.loads(json.dumps(clip.as_json())))
    assert again.as_json() == clip.as_json()
    assert flicker_scores([again], num_classes=6) == flicker_scores([clip], num_classes=6)


def test_maps_of_different_shape_are_refused():
    counter = FlickerCounter(3)
    counter.update(np.zeros((2, 3), np.uint8))
    with pytest.raises(ValueError, match="label maps differ"):
        counter.update(np.zeros((3, 2), np.uint8))
