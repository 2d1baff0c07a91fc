"""Scores of draws of clips, against an evaluation in which the clips are there that often."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from tests.evaluation.many_clips import write_clips, write_flickering
from vstc.errors import InputError
from vstc.evaluation.compare.additive import additive_score
from vstc.evaluation.compare.clip_sums import read_clip_sums
from vstc.evaluation.compare.runs import ComparedRun
from vstc.evaluation.evaluate import gather
from vstc.evaluation.groups.catalog import make_groups
from vstc.evaluation.plan import plan_evaluation
from vstc.evaluation.run import read_clip_result, read_record, run_evaluation
from vstc.evaluation.settings import EvaluateSettings, Metric

CLIPS = 4
RELEASED_VC_FRAMES = 17  # shorter clips have no value in it
CHOICES = {
    "default": {},
    "zero, a class excluded": {"absent": "zero", "exclude": ("box",)},
    "liu2020": {"tc": {"mode": "liu2020"}},
    "vspw": {"tc": {"mode": "vspw"}},
}


@pytest.fixture(scope="module", params=CHOICES, ids=list(CHOICES))
def judged(request, tmp_path_factory):
    """Settings, data set and folder of an evaluation with all metrics."""
    root = tmp_path_factory.mktemp("judged")
    frames = RELEASED_VC_FRAMES if request.param == "default" else 3
    dataset = write_clips(root / "data", CLIPS, frames=frames)
    predictions = write_flickering(root / "predictions", dataset, share=0.1, seed=1)
    settings = EvaluateSettings.model_validate(
        {"metrics": tuple(Metric), "vc_windows": (2, 3), **CHOICES[request.param]}
    )
    plan = plan_evaluation(str(predictions), root / "data", flow=None, settings=settings)
    run_evaluation(plan, root / "metrics", workers=1)
    return settings, dataset, root / "metrics"


def read_run(folder):
    record = read_record(folder)
    counts, sums = read_clip_sums(folder, record)
    return ComparedRun("run", record, counts=counts, sums=sums)


def test_every_total_of_an_evaluation_adds_up(judged):
    run = read_run(judged[2])
    totals = {key for key, value in run.record["totals"].items() if value is not None}
    assert totals >= {"miou", "tc", "tc_seq", "vc2_fixed", "aba_rate", "tsb", "boundary_f"}
    assert ("vc2" in totals) == (len(judged[1].clips[0].frames) >= RELEASED_VC_FRAMES)
    assert [key for key in totals if additive_score(run, key) is None] == []


def test_a_draw_scores_as_an_evaluation_of_its_clips(judged):
    settings, dataset, folder = judged
    run = read_run(folder)
    results = [read_clip_result(folder, clip.id) for clip in dataset.clips]
    rng = np.random.default_rng(3)
    for _ in range(3):
        drawn = rng.integers(0, CLIPS, CLIPS)
        # Copies under names of their own, since some groups keep clips by name.
        clips = [
            dataset.clips[i].model_copy(update={"id": f"draw{n}"}) for n, i in enumerate(drawn)
        ]
        expected = gather(
            make_groups(dataset, settings), clips, [results[i] for i in drawn]
        ).totals()
        weights = np.bincount(drawn, minlength=CLIPS)
        for key, value in run.record["totals"].items():
            if value is not None:
                found = additive_score(run, key)
                sums = np.tensordot(weights[None].astype(float), found.values, axes=1)
                assert found.score(sums)[0] == pytest.approx(expected[key], abs=1e-9), key


def test_counts_that_are_gone_or_foreign_are_named(judged, tmp_path):
    folder = tmp_path / "metrics"
    shutil.copytree(judged[2], folder)
    path = folder / "clips" / "clip1.json"
    content = json.loads(path.read_text())
    content["parts"]["flicker"] = {"clip": {"rates": 3}}
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match="counts of clip clip1"):
        read_run(folder)
    path.unlink()
    with pytest.raises(InputError, match=r"clip1\.json"):
        read_run(folder)


def test_scores_of_object_tracks_do_not_add_up(tmp_path):
    (tmp_path / "videos").mkdir()
    record = {"per_clip": [{"id": "a", "frames": 5}], "totals": {"ap": 0.5}, "protocol": {}}
    assert read_clip_sums(tmp_path, record) == ({}, {})
    assert additive_score(ComparedRun("run", record | {"per_class": []}), "ap") is None
