from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vstc.metrics.boundary import boundary_scores, boundary_tolerance, region_similarity
from vstc.metrics.object_scores import AbsentObject, ObjectCounter, ObjectSums, object_scores


def scene(seed, *, frames=3):
    """Blocks of four ids with void, and a prediction moved by a few pixels."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 4, (frames, 6, 8), dtype=np.uint8)
    true = coarse.repeat(6, 1).repeat(6, 2)
    predicted = np.roll(true, rng.integers(-3, 4), axis=2)
    true[:, 10:14] = 255
    return true, predicted


def sums_of(true, predicted, ids=range(4), **choices):
    counter = ObjectCounter(list(ids), **choices)
    for pair in zip(true, predicted, strict=True):
        counter.update(*pair)
    return counter.clip


@given(seed=st.integers(0, 2**16))
@settings(max_examples=10, deadline=None)
def test_values_equal_those_of_single_masks_without_void(seed):
    true, predicted = scene(seed)
    means = sums_of(true, predicted).means()
    tolerance = boundary_tolerance(true.shape[1:])
    for k in range(4):
        pairs = [
            (t == k, (p == k) & (t != 255))
            for t, p in zip(true, predicted, strict=True)
            if (t == k).any() or ((p == k) & (t != 255)).any()
        ]
        j = [region_similarity(*pair) for pair in pairs]
        f = [boundary_scores(*pair, tolerance=tolerance).f for pair in pairs]
        assert means[k].j == pytest.approx(np.mean(j))
        assert means[k].f == pytest.approx(np.mean(f))


def test_a_perfect_prediction_scores_one():
    true, _ = scene(0)
    scores = object_scores([sums_of(true, true)])
    assert (scores.j, scores.f, scores.j_and_f) == (1, 1, 1)


def test_predictions_on_void_change_nothing():
    true, predicted = scene(1)
    other = predicted.copy()
    other[true == 255] = 3
    assert sums_of(true, other) == sums_of(true, predicted)


def test_an_absent_id_is_left_out_or_right():
    labels = np.zeros((2, 8, 8), np.uint8)
    labels[1, 2:5, 2:5] = 1
    left_out = sums_of(labels, labels * 0, ids=[1])
    assert left_out.sums == {1: (0.0, 0.0, 1)}
    davis = sums_of(labels, labels * 0, ids=[1], absent=AbsentObject.ONE)
    assert davis.sums == {1: (1.0, 1.0, 2)}


def test_objects_weigh_alike_whatever_clip_they_are_in():
    clips = [ObjectSums({1: (1.0, 2.0, 2), 2: (0.4, 0.8, 1)}), ObjectSums({1: (4.0, 2.0, 4)})]
    scores = object_scores(clips)
    assert scores.j == pytest.approx((0.5 + 0.4 + 1) / 3)
    assert scores.f == pytest.approx((1 + 0.8 + 0.5) / 3)
    assert scores.per_id[1].j == pytest.approx(0.75)
    assert scores.n_objects == 3


def test_values_of_a_frame_are_returned_by_id():
    true = np.zeros((10, 10), np.uint8)
    true[3:7, 3:7] = 2
    values = ObjectCounter([0, 1, 2]).update(true, true)
    assert {k: (value.j, value.f) for k, value in values.items()} == {0: (1, 1), 2: (1, 1)}


@given(seed=st.integers(0, 2**16))
@settings(max_examples=5, deadline=None)
def test_renaming_the_ids_renames_the_scores(seed):
    true, predicted = scene(seed, frames=2)
    names = np.arange(256, dtype=np.uint8)
    names[:4] = np.random.default_rng(seed).permutation(4)
    plain = object_scores([sums_of(true, predicted)])
    other = object_scores([sums_of(names[true], names[predicted])])
    assert other.j == pytest.approx(plain.j)
    assert {int(names[k]): value for k, value in plain.per_id.items()} == dict(other.per_id)


def test_frames_counted_one_by_one_are_equal_to_one_pass():
    true, predicted = scene(3)
    whole, parts = sums_of(true, predicted), ObjectSums()
    for t, p in zip(true, predicted, strict=True):
        for k, value in sums_of([t], [p]).means().items():
            parts.add(k, value)
    assert parts == whole


def test_what_was_counted_survives_json():
    clip = sums_of(*scene(4))
    assert ObjectSums.from_json(json.loads(json.dumps(clip.as_json()))) == clip


def test_nothing_gives_null():
    scores = object_scores([])
    assert (scores.j, scores.f, scores.j_and_f, scores.n_objects) == (None, None, None, 0)


def test_void_is_no_object_and_shapes_must_fit():
    with pytest.raises(ValueError, match="without void 255"):
        ObjectCounter([1, 255])
    with pytest.raises(ValueError, match="differ in shape"):
        ObjectCounter([1]).update(np.zeros((2, 3), np.uint8), np.zeros((3, 2), np.uint8))
