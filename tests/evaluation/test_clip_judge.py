from __future__ import annotations

import json
from contextlib import contextmanager

import numpy as np
import pytest

from tests.evaluation.scenes import HEIGHT, VOID, WIDTH, true_labels, write_predictions
from tests.metrics.slow_references import slow_confusion
from vstc.errors import InputError
from vstc.evaluation.clip_judge import ClipJudge
from vstc.evaluation.clip_result import ClipResult
from vstc.evaluation.groups.catalog import make_groups
from vstc.evaluation.label_sources.folder import FolderLabels
from vstc.evaluation.label_sources.truth import DatasetLabels
from vstc.evaluation.settings import EvaluateSettings, Metric
from vstc.flow.remap import fit_flow
from vstc.metrics.confusion import scores_from_counts


class ExactFlow:
    """The true flow of a clip: a constant vector, at any size."""

    def __init__(self, shift_px, *, scale=1):
        self.shift_px, self.scale = shift_px, scale

    @contextmanager
    def open(self, _clip):
        yield self

    def prev_to_next(self, _index):
        shape = (HEIGHT // self.scale, WIDTH // self.scale, 2)
        vector = np.array([self.shift_px / self.scale, 0], np.float32)
        return np.broadcast_to(vector, shape).copy()

    def describe(self):
        return {"source": "exact", "method": "exact"}


class ArrayLabels:
    def __init__(self, maps):
        self.maps = maps

    def available(self, _clip):
        return self.maps.keys()

    def labels(self, _clip, frame_name):
        return self.maps[frame_name]


class Judged:
    """The parts of a result under short names; None for a group that took no part."""

    def __init__(self, result):
        self.result = result
        seg, con = result.parts.get("miou"), result.parts.get("tc")
        self.size = result.size
        self.confusion = np.array(seg["confusion"]) if seg else None
        self.n_labelled = len(seg["frames"]) if seg else 0
        self.counts = np.array(con["counts"]) if con and con["counts"] else None
        self.pairs = con["pairs"] if con else []
        self.pair_indices = [index for index, _, _ in self.pairs]
        self.accuracies = [accuracy for _, accuracy, _ in self.pairs]
        self.n_skipped_pairs = con["skipped_pairs"] if con else 0
        self.flow_size = con["flow_size"] if con else None


def judge_clip(scene, clip_id, source, *, flow=None, metrics=(Metric.MIOU, Metric.TC), **options):
    frames = []
    groups = make_groups(scene, EvaluateSettings(metrics=metrics))
    judge = ClipJudge(scene, source, groups=groups, flow=flow, **options)
    result = judge.judge(scene.clip(clip_id), frames.append)
    assert sum(frames) == len(scene.clip(clip_id).frames)
    return Judged(result)


def all_labels(scene, clip_id):
    """Labels of all frames as a source gives them: void is 255."""
    clip = scene.clip(clip_id)
    maps = {name: true_labels(clip, i) for i, name in enumerate(clip.frame_names)}
    return {name: np.where(ids == VOID, 255, ids).astype(np.uint8) for name, ids in maps.items()}


def test_counts_equal_a_loop_over_the_labelled_frames(scene):
    rng = np.random.default_rng(0)
    clip = scene.clip("pan")
    maps = {n: rng.integers(0, 5, (HEIGHT, WIDTH), dtype=np.uint8) for n in clip.frame_names}
    result = judge_clip(scene, "pan", ArrayLabels(maps))
    expected = sum(
        slow_confusion(
            true_labels(clip, i), maps[clip.frame_names[i]], num_classes=3, ignore_index=VOID
        )
        for i in (0, 2, 4)
    )
    np.testing.assert_array_equal(result.confusion, expected)
    assert result.n_labelled == 3


def test_unlabelled_frames_take_part_in_consistency(scene):
    source = ArrayLabels(all_labels(scene, "pan"))
    result = judge_clip(scene, "pan", source, flow=ExactFlow(-2))
    assert result.pair_indices == [0, 1, 2, 3]
    assert result.n_skipped_pairs == 0
    assert result.accuracies == [1.0] * 4


def test_the_true_direction_of_flow_is_needed(scene):
    source = ArrayLabels(all_labels(scene, "pan"))
    right = judge_clip(scene, "pan", source, flow=ExactFlow(-2)).counts
    wrong = judge_clip(scene, "pan", source, flow=ExactFlow(2)).counts
    assert scores_from_counts(right).miou == 1.0
    assert scores_from_counts(wrong).miou < 0.85


def test_pairs_without_both_predictions_are_skipped_and_counted(scene):
    result = judge_clip(scene, "pan", DatasetLabels(scene), flow=ExactFlow(-2))
    assert result.pair_indices == []
    assert result.n_skipped_pairs == 4
    assert result.counts is None
    maps = all_labels(scene, "pan")
    del maps["pan_003"]
    result = judge_clip(scene, "pan", ArrayLabels(maps), flow=ExactFlow(-2))
    assert (result.pair_indices, result.n_skipped_pairs) == ([0, 1], 2)


def test_frames_far_apart_have_no_consistency(scene):
    source = ArrayLabels(all_labels(scene, "sparse"))
    result = judge_clip(scene, "sparse", source, flow=ExactFlow(-9))
    assert result.counts is None
    assert result.n_skipped_pairs == 0
    assert result.n_labelled == 2


def test_small_flow_is_enlarged_with_its_vectors(scene):
    source = ArrayLabels(all_labels(scene, "pan"))
    result = judge_clip(scene, "pan", source, flow=ExactFlow(-2, scale=4))
    assert result.accuracies == [1.0] * 4
    assert result.flow_size == (HEIGHT // 4, WIDTH // 4)
    assert result.size == (HEIGHT, WIDTH)


def test_fit_flow_keeps_a_linear_field_linear():
    y, x = np.mgrid[:6, :8].astype(np.float32) + 0.5
    flow = np.stack([x / 8, y / 6], -1).astype(np.float32)
    fitted = fit_flow(flow, (12, 24))
    y, x = np.mgrid[:12, :24].astype(np.float32) + 0.5
    inner = (slice(2, -2), slice(2, -2))
    np.testing.assert_allclose(fitted[..., 0][inner], (3 * x / 24)[inner], atol=1e-5)
    np.testing.assert_allclose(fitted[..., 1][inner], (2 * y / 12)[inner], atol=1e-5)
    assert fit_flow(flow, (6, 8)) is flow


def test_a_labelled_frame_without_prediction_is_an_error(scene):
    maps = all_labels(scene, "pan")
    del maps["pan_002"]
    with pytest.raises(InputError, match="lack 1 labelled frames of clip pan.*pan_002"):
        judge_clip(scene, "pan", ArrayLabels(maps))
    judge_clip(scene, "pan", ArrayLabels(maps), metrics=(Metric.TC,))


def test_predictions_of_another_size_need_to_be_asked_for(scene):
    maps = {name: labels[::2, ::2] for name, labels in all_labels(scene, "still").items()}
    with pytest.raises(InputError, match="32x24.*64x48") as caught:
        judge_clip(scene, "still", ArrayLabels(maps), flow=ExactFlow(0))
    assert "--resize-predictions" in caught.value.hint
    result = judge_clip(
        scene, "still", ArrayLabels(maps), flow=ExactFlow(0), resize_predictions=True
    )
    assert result.size == (HEIGHT, WIDTH)
    assert scores_from_counts(result.confusion).miou == 1.0


def test_only_the_wanted_metrics_are_computed(scene):
    source = ArrayLabels(all_labels(scene, "still"))
    without_tc = judge_clip(scene, "still", source, flow=ExactFlow(0), metrics=(Metric.MIOU,))
    without_miou = judge_clip(scene, "still", source, flow=ExactFlow(0), metrics=(Metric.TC,))
    assert without_tc.counts is None
    assert without_miou.confusion is None


def test_void_in_predicted_files_is_a_miss_and_breaks_no_pair(scene, tmp_path):
    def blot(labels, _clip, _index):
        labels[20:, :5] = VOID
        return labels

    source = FolderLabels(write_predictions(tmp_path, scene, change=blot), scene)
    result = judge_clip(scene, "still", source, flow=ExactFlow(0))
    assert scores_from_counts(result.confusion).aacc < 1
    assert scores_from_counts(result.counts).miou == 1
    assert result.pairs[0][2] == (HEIGHT - 4) * WIDTH - (HEIGHT - 20) * 5


def test_a_result_survives_its_file_form(scene):
    source = ArrayLabels(all_labels(scene, "pan"))
    for flow in (ExactFlow(-2), None):
        result = judge_clip(scene, "pan", source, flow=flow).result
        text = json.dumps(result.as_json(), allow_nan=False)
        again = ClipResult.from_json(json.loads(text))
        assert again.size == (HEIGHT, WIDTH)
        assert json.dumps(again.as_json()) == text
