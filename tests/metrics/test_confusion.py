from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tests.metrics.slow_references import slow_class_scores, slow_confusion
from vstc.metrics.confusion import ConfusionMatrix, joint_histogram, scores_from_counts

IDS = st.sampled_from([0, 1, 2, 3, 4, 7, 254, 255])
MAPS = arrays(np.uint8, (5, 7), elements=IDS)


def confusion_of(labels, predictions, *, num_classes=4, ignore_index=255):
    matrix = ConfusionMatrix(num_classes, ignore_index)
    matrix.update(labels, predictions)
    return matrix


def random_maps(seed, *, shape=(3, 40, 30), num_classes=5):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, num_classes, shape, dtype=np.uint8)
    labels[rng.random(shape) < 0.1] = 255
    predictions = np.where(rng.random(shape) < 0.7, labels, rng.integers(0, 8, shape))
    return labels, predictions.astype(np.uint8)


@given(labels=MAPS, predictions=MAPS, ignore_index=st.sampled_from([255, 4, 7]))
@settings(max_examples=60, deadline=None)
def test_counts_equal_a_loop_over_pixels(labels, predictions, ignore_index):
    matrix = confusion_of(labels, predictions, ignore_index=ignore_index)
    expected = slow_confusion(labels, predictions, num_classes=4, ignore_index=ignore_index)
    np.testing.assert_array_equal(matrix.counts, expected)
    assert matrix.counts.dtype == np.int64


@given(labels=MAPS, predictions=MAPS)
@settings(max_examples=60, deadline=None)
def test_class_scores_equal_set_arithmetic_on_masks(labels, predictions):
    scores = confusion_of(labels, predictions).scores()
    iou, recall = slow_class_scores(labels, predictions, num_classes=4, ignore_index=255)
    assert scores.per_class_iou == tuple(iou)
    assert scores.per_class_acc == tuple(recall)


@given(labels=MAPS, predictions=MAPS)
@settings(max_examples=60, deadline=None)
def test_scores_lie_between_zero_and_one_and_are_never_nan(labels, predictions):
    for absent in ("null", "zero"):
        scores = confusion_of(labels, predictions).scores(absent)
        for value in (scores.miou, scores.macc, scores.aacc, scores.fwiou):
            assert value is None or 0 <= value <= 1


def test_means_follow_their_definitions():
    counts = np.array([[6, 2, 1, 0], [1, 8, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]])
    scores = scores_from_counts(counts)
    assert scores.per_class_iou == (6 / 10, 8 / 11, 0.0)
    assert scores.miou == pytest.approx((6 / 10 + 8 / 11 + 0) / 3)
    assert scores.macc == pytest.approx((6 / 9 + 8 / 9) / 2)
    assert scores.aacc == pytest.approx(14 / 18)
    assert scores.fwiou == pytest.approx((9 * 6 / 10 + 9 * 8 / 11) / 18)
    assert scores.n_pixels == 18


def test_a_perfect_prediction_scores_one():
    labels, _ = random_maps(0)
    scores = confusion_of(labels[0], labels[0], num_classes=5).scores()
    assert (scores.miou, scores.macc, scores.aacc) == (1.0, 1.0, 1.0)
    assert scores.fwiou == pytest.approx(1.0)


def test_an_absent_class_is_left_out_or_counts_as_zero():
    labels = np.array([[0, 1, 2, 255]], np.uint8)
    matrix = confusion_of(labels, labels, num_classes=4)
    assert matrix.scores("null").miou == 1.0
    assert matrix.scores("null").per_class_iou == (1.0, 1.0, 1.0, None)
    assert matrix.scores("zero").miou == 3 / 4
    assert matrix.scores("zero").macc == 3 / 4


def test_without_a_counted_pixel_everything_is_null():
    void = np.full((3, 3), 255, np.uint8)
    for absent in ("null", "zero"):
        scores = confusion_of(void, np.zeros_like(void)).scores(absent)
        assert (scores.miou, scores.macc, scores.aacc, scores.fwiou) == (None,) * 4


def test_predictions_outside_the_table_are_misses():
    labels = np.zeros((1, 4), np.uint8)
    predictions = np.array([[0, 0, 9, 255]], np.uint8)
    scores = confusion_of(labels, predictions, num_classes=2).scores()
    assert scores.aacc == 0.5
    assert scores.per_class_iou == (0.5, None)


def test_predictions_on_ignored_pixels_are_no_false_positives():
    labels = np.array([[0, 255]], np.uint8)
    predictions = np.array([[0, 1]], np.uint8)
    assert confusion_of(labels, predictions, num_classes=2).scores().per_class_iou == (1.0, None)


def test_void_that_equals_the_class_count_is_not_the_last_class():
    labels = np.array([[10, 11, 11]], np.uint8)
    matrix = confusion_of(labels, np.full_like(labels, 10), num_classes=11, ignore_index=11)
    assert matrix.counts.sum() == 1
    assert matrix.scores().per_class_iou[10] == 1.0


def test_true_ids_outside_the_table_are_counted_apart():
    labels = np.array([[0, 12, 255]], np.uint8)
    assert confusion_of(labels, np.zeros_like(labels)).unknown_labels == 1


@given(seed=st.integers(0, 2**16))
@settings(max_examples=20, deadline=None)
def test_renaming_the_classes_renames_the_scores(seed):
    labels, predictions = random_maps(seed)
    order = np.random.default_rng(seed).permutation(5)
    renamed = np.arange(256, dtype=np.uint8)
    renamed[:5] = order
    plain = confusion_of(labels[0], predictions[0], num_classes=5).scores()
    other = confusion_of(renamed[labels[0]], renamed[predictions[0]], num_classes=5).scores()
    assert other.miou == pytest.approx(plain.miou)
    assert [other.per_class_iou[k] for k in order] == list(plain.per_class_iou)


def test_parts_merged_in_any_grouping_are_equal_to_one_pass():
    labels, predictions = random_maps(4)
    whole, first, second = (ConfusionMatrix(5) for _ in range(3))
    for index, pair in enumerate(zip(labels, predictions, strict=True)):
        whole.update(*pair)
        (first if index < 1 else second).update(*pair)
    second.merge(first)
    np.testing.assert_array_equal(second.counts, whole.counts)
    assert second.scores() == whole.scores()


def test_other_class_tables_are_refused_in_a_merge():
    with pytest.raises(ValueError, match="different class tables"):
        ConfusionMatrix(3).merge(ConfusionMatrix(4))


def test_maps_of_different_shape_are_refused():
    with pytest.raises(ValueError, match="differ in shape"):
        joint_histogram(np.zeros((2, 3), np.uint8), np.zeros((3, 2), np.uint8))


def test_excluded_classes_are_left_out_of_the_means_only():
    counts = np.array([[6, 2, 1, 0], [1, 8, 0, 0], [0, 3, 4, 0], [0, 0, 0, 0]])
    plain, scores = scores_from_counts(counts), scores_from_counts(counts, excluded=(0,))
    assert scores.miou == pytest.approx((8 / 14 + 4 / 8) / 2)
    assert scores.macc == pytest.approx((8 / 9 + 4 / 7) / 2)
    for name in ("aacc", "fwiou", "per_class_iou", "per_class_acc", "n_pixels"):
        assert getattr(scores, name) == getattr(plain, name)
    assert scores_from_counts(counts, excluded=(0, 1, 2)).miou is None


def test_excluded_ids_that_are_no_class_are_refused():
    with pytest.raises(ValueError, match=r"excluded classes \[5\]"):
        confusion_of(*np.zeros((2, 2, 2), np.uint8)).scores(excluded=(5,))
