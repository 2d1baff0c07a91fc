from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.metrics.slow_references import slow_class_scores, slow_warp
from vstc.metrics.confusion import AbsentClass
from vstc.metrics.consistency import TemporalConsistency
from vstc.metrics.consistency_protocol import ConsistencyProtocol, Occlusion

GOLDENS = Path(__file__).parent / "goldens"


@pytest.fixture(scope="module")
def golden():
    arrays = np.load(GOLDENS / "tc.npz")
    record = json.loads((GOLDENS / "tc.json").read_text())
    return arrays["labels"], arrays["flows"], record


def add_clip(metric, clip_id, labels, flows, pairs=None):
    for t in range(len(flows)) if pairs is None else pairs:
        metric.update(
            clip_id,
            labels_prev=labels[t],
            labels_next=labels[t + 1],
            flow_prev_to_next=flows[t],
        )


def consistency_of(clips, *, num_classes=5, ignore_index=255):
    metric = TemporalConsistency(num_classes, ignore_index)
    for name, (labels, flows) in clips.items():
        add_clip(metric, name, labels, flows)
    return metric


def blocks(seed, *, frames=3, height=24, width=32):
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 5, (frames, height // 4, width // 4), dtype=np.uint8)
    labels = coarse.repeat(4, 1).repeat(4, 2)
    labels[rng.random(labels.shape) < 0.03] = 255
    flows = rng.normal(0, 2, (frames - 1, height, width, 2)).astype(np.float32)
    return labels, flows


def test_pooled_value_equals_the_recorded_one(golden):
    labels, flows, record = golden
    metric = consistency_of({str(s): (labels[s], flows[s]) for s in range(3)})
    scores, expected = metric.scores(), record["results"]["nearest_valid_pooled"]
    assert scores.tc == pytest.approx(expected["TC"], abs=1e-12)
    assert scores.per_class == pytest.approx(expected["iou_class"], abs=1e-12)
    counts = np.array(expected["confusion"])
    assert scores.tc_acc == pytest.approx(np.trace(counts) / counts.sum(), abs=1e-12)
    assert (scores.n_pairs, scores.n_valid_pairs) == (9, 9)
    assert scores.n_valid_pixels == counts.sum()


def test_mean_over_clips_equals_the_recorded_one(golden):
    labels, flows, record = golden
    metric = consistency_of({str(s): (labels[s], flows[s]) for s in range(3)})
    scores, expected = metric.scores(), record["results"]["nearest_valid_per_sequence"]
    assert scores.tc_seq == pytest.approx(expected["TC"], abs=1e-12)
    for s in range(3):
        clip = scores.per_clip[str(s)]
        assert clip.tc == pytest.approx(expected["per_sequence_miou"][s], abs=1e-12)
        for found, wanted in zip(clip.per_class, expected["per_sequence_iou"][s], strict=True):
            assert found == (None if wanted is None else pytest.approx(wanted, abs=1e-12))


@given(seed=st.integers(0, 2**16))
@settings(max_examples=15, deadline=None)
def test_equals_masks_after_a_slow_warp(seed):
    labels, flows = blocks(seed, frames=2)
    scores = consistency_of({"a": (labels, flows)}).scores()
    warped = slow_warp(labels[1], flows[0])
    prev = np.where(warped == 255, 255, labels[0])
    iou, _ = slow_class_scores(prev, warped, num_classes=5, ignore_index=255)
    assert scores.per_class == tuple(iou)
    valid = (labels[0] != 255) & (warped != 255)
    assert scores.n_valid_pixels == valid.sum()
    assert scores.per_clip["a"].pairs[0].accuracy == (labels[0] == warped)[valid].mean()


def test_a_still_clip_scores_one():
    labels, _ = blocks(0)
    still, zero = labels[[0, 0, 0]], np.zeros((2, 24, 32, 2), np.float32)
    scores = consistency_of({"a": (still, zero)}).scores()
    assert (scores.tc, scores.tc_seq, scores.tc_acc) == (1.0, 1.0, 1.0)
    assert [pair.accuracy for pair in scores.per_clip["a"].pairs] == [1.0, 1.0]


def test_a_shift_that_the_flow_explains_scores_one_on_what_stays():
    wide, _ = blocks(1, frames=1, width=40)
    labels = np.stack([wide[0, :, 5:37], wide[0, :, 2:34]])
    flow = np.broadcast_to(np.float32([3, 0]), (1, 24, 32, 2))
    scores = consistency_of({"a": (labels, flow)}).scores()
    assert scores.tc == 1.0
    assert scores.n_valid_pixels == (labels[0, :, :29] != 255).sum()


def test_opposite_flow_is_worse_on_a_moving_clip():
    wide, _ = blocks(1, frames=1, width=40)
    labels = np.stack([wide[0, :, 5:37], wide[0, :, 2:34]])
    flow = np.broadcast_to(np.float32([-3, 0]), (1, 24, 32, 2))
    assert consistency_of({"a": (labels, flow)}).scores().tc < 0.7


def test_void_in_either_frame_does_not_count():
    prev = np.array([[0, 11, 1, 255]], np.uint8)
    later = np.array([[0, 0, 11, 1]], np.uint8)
    zero = np.zeros((1, 1, 4, 2), np.float32)
    metric = consistency_of({"a": (np.stack([prev, later]), zero)}, num_classes=11, ignore_index=11)
    assert metric.scores().n_valid_pixels == 1
    assert metric.scores().tc == 1.0


def test_an_id_outside_the_table_counts_against_the_class_it_meets():
    labels = np.array([[[0, 0]], [[0, 9]]], np.uint8)
    scores = consistency_of({"a": (labels, np.zeros((1, 1, 2, 2), np.float32))}).scores()
    assert scores.per_class[0] == 0.5
    assert scores.tc_acc == 0.5


def test_hidden_pixels_do_not_count():
    labels = np.array([[[0, 1]], [[0, 2]]], np.uint8)
    metric = TemporalConsistency(5, protocol=ConsistencyProtocol(occlusion=Occlusion.MASK))
    pair = metric.update(
        "a",
        labels_prev=labels[0],
        labels_next=labels[1],
        flow_prev_to_next=np.zeros((1, 2, 2), np.float32),
        visible_prev=np.array([[True, False]]),
    )
    assert (pair.accuracy, pair.n_valid) == (1.0, 1)


def test_absent_classes_are_left_out_or_count_as_zero():
    labels = np.zeros((2, 4, 4), np.uint8)
    metric = consistency_of({"a": (labels, np.zeros((1, 4, 4, 2), np.float32))})
    assert metric.scores().tc == 1.0
    assert metric.scores(AbsentClass.ZERO).tc == 1 / 5


def test_without_a_valid_pixel_values_are_null():
    void = np.full((2, 4, 4), 255, np.uint8)
    scores = consistency_of({"a": (void, np.zeros((1, 4, 4, 2), np.float32))}).scores()
    assert (scores.tc, scores.tc_seq, scores.tc_acc) == (None, None, None)
    assert scores.per_clip["a"].pairs[0].accuracy is None
    assert (scores.n_pairs, scores.n_valid_pairs) == (1, 0)
    assert TemporalConsistency(5).scores().tc is None


@given(seed=st.integers(0, 2**16))
@settings(max_examples=15, deadline=None)
def test_renaming_the_classes_does_not_change_the_value(seed):
    labels, flows = blocks(seed)
    renamed = np.arange(256, dtype=np.uint8)
    renamed[:5] = np.random.default_rng(seed).permutation(5)
    plain = consistency_of({"a": (labels, flows)}).scores()
    other = consistency_of({"a": (renamed[labels], flows)}).scores()
    assert other.tc == pytest.approx(plain.tc, abs=1e-12)
    assert other.tc_acc == plain.tc_acc


@given(cut=st.integers(0, 4))
@settings(max_examples=5, deadline=None)
def test_parts_merged_are_equal_to_one_pass(cut):
    labels, flows = blocks(3, frames=5)
    more, more_flows = blocks(4)
    whole = consistency_of({"a": (labels, flows), "b": (more, more_flows)})
    first, second = TemporalConsistency(5), TemporalConsistency(5)
    add_clip(first, "a", labels, flows, range(cut))
    add_clip(second, "a", labels, flows, range(cut, 4))
    add_clip(second, "b", more, more_flows)
    first.merge(second)
    assert first.scores().per_clip == whole.scores().per_clip
    assert first.scores() == whole.scores()


def test_other_class_tables_are_refused_in_a_merge():
    with pytest.raises(ValueError, match="different class tables"):
        TemporalConsistency(3).merge(TemporalConsistency(3, ignore_index=11))
