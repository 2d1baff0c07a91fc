from __future__ import annotations

import csv

import numpy as np
import pytest

from tests.evaluation.scenes import true_labels, write_predictions
from vstc.errors import InputError
from vstc.evaluation.clip_judge import ClipJudge
from vstc.evaluation.evaluate import evaluate_predictions, gather
from vstc.evaluation.flow_sources.computed import ComputedFlow
from vstc.evaluation.groups.catalog import make_groups
from vstc.evaluation.label_sources.folder import FolderLabels
from vstc.evaluation.record import FRAMES, PAIRS, ClipTables, metrics_record
from vstc.evaluation.settings import EvaluateSettings, Metric
from vstc.flow.providers import make_provider
from vstc.metrics.confusion import AbsentClass

BOTH = EvaluateSettings(metrics=(Metric.MIOU, Metric.TC))


@pytest.fixture(scope="module")
def judge(scene, tmp_path_factory):
    def shorten(labels, clip, index):
        labels[labels == 2] = 0 if clip.id == "still" and index == 1 else 2
        labels[12:20, 20 + index : 26] = 0
        return labels

    folder = write_predictions(tmp_path_factory.mktemp("predictions"), scene, change=shorten)
    flow = ComputedFlow(scene, make_provider("dis-medium"))
    groups = make_groups(scene, BOTH)
    return ClipJudge(scene, FolderLabels(folder, scene), groups=groups, flow=flow)


def test_the_result_does_not_depend_on_the_number_of_threads(scene, judge):
    records = [
        metrics_record(
            evaluate_predictions(judge, scene.clips, workers=workers), scene, protocol={}
        )
        for workers in (1, 3)
    ]
    assert records[0] == records[1]


def test_totals_come_from_the_counts_of_all_clips(scene, judge):
    whole = evaluate_predictions(judge, scene.clips)
    alone = [evaluate_predictions(judge, [clip]) for clip in scene.clips]
    counts = sum(np.array(part.extra()["confusion"]) for part in alone)
    assert (np.array(whole.extra()["confusion"]) == counts).all()
    steady = [part.totals()["tc"] for part in alone if part.totals()["tc"] is not None]
    assert whole.totals()["tc_seq"] == pytest.approx(sum(steady) / len(steady))
    assert whole.counts()["pairs"] == 6


def test_known_results_are_taken_and_new_ones_are_kept(scene, judge):
    kept, frames = {}, []
    first = evaluate_predictions(
        judge, scene.clips[:1], keep=lambda result: kept.setdefault(result.clip_id, result)
    )
    assert set(kept) == {"pan"}
    new = []
    again = evaluate_predictions(
        judge,
        scene.clips,
        known=lambda clip: kept.get(clip.id),
        keep=lambda result: new.append(result.clip_id),
        advance=frames.append,
    )
    assert new == ["still", "sparse"]
    assert sum(frames) == 10
    assert again.clips[0] == first.clips[0]
    assert again.totals() == evaluate_predictions(judge, scene.clips).totals()


def test_an_absent_class_counts_as_zero_on_request(scene, judge):
    sparse = [scene.clip("sparse")]
    null = evaluate_predictions(judge, sparse)
    groups = make_groups(scene, BOTH.model_copy(update={"absent": AbsentClass.ZERO}))
    zero = gather(groups, sparse, [judge.judge(sparse[0], lambda _frames: None)])
    assert null.totals()["tc"] is None
    assert zero.totals()["tc"] is None
    present = [iou for iou in null.scores["miou"].per_class["iou"] if iou is not None]
    assert zero.totals()["miou"] == pytest.approx(sum(present) / 3)


def test_the_tables_name_pairs_and_frames_in_order(scene, judge, tmp_path):
    with ClipTables(tmp_path, judge.groups.values()) as tables:
        evaluate_predictions(judge, scene.clips, take_rows=tables.add)
    frames = list(csv.DictReader((tmp_path / FRAMES).open(encoding="utf-8")))
    assert [row["frame"] for row in frames[:3]] == ["pan_000", "pan_002", "pan_004"]
    assert all(int(row["labelled_pixels"]) == 64 * 44 for row in frames)
    assert 0 < float(frames[0]["miou"]) < float(frames[0]["accuracy"]) < 1
    rows = list(csv.DictReader((tmp_path / PAIRS).open(encoding="utf-8")))
    assert [(row["frame"], row["next_frame"]) for row in rows[:2]] == [
        ("pan_000", "pan_001"),
        ("pan_001", "pan_002"),
    ]
    assert len(rows) == 6
    assert all(0 <= float(row["accuracy"]) <= 1 and int(row["valid_pixels"]) > 0 for row in rows)


def test_an_error_in_a_thread_reaches_the_caller(scene):
    class Broken:
        def available(self, clip):
            return set(clip.frame_names)

        def labels(self, clip, frame_name):
            if clip.id == "still":
                raise InputError("cannot read it")
            return true_labels(clip, clip.frame_names.index(frame_name))

    judge = ClipJudge(scene, Broken(), groups=make_groups(scene, BOTH))
    with pytest.raises(InputError, match="cannot read it"):
        evaluate_predictions(judge, scene.clips, workers=3)
