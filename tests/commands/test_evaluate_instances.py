from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from PIL import Image


def write_maps(folder, *, shift=0, videos=("a", "b"), frames=3):
    """Write two objects that move; ``shift`` moves the second one away from its place."""
    for video in videos:
        (folder / video).mkdir(parents=True)
        for index in range(frames):
            ids = np.zeros((40, 60), np.uint8)
            ids[5:15, 5 + index : 20 + index] = 1
            ids[22:34, 30 + shift : 45 + shift] = 2
            Image.fromarray(ids).save(folder / video / f"{index:05d}.png")
    return folder


@pytest.fixture
def truth(tmp_path):
    return write_maps(tmp_path / "truth")


@pytest.fixture
def evaluate(run, truth, tmp_path):
    def call(results, *arguments, output="metrics", code=0):
        words = ("evaluate", "instances", results, "--dataset", truth, "-o", tmp_path / output)
        return run(*words, *arguments, code=code)

    return call


def test_the_truth_itself_is_perfect(evaluate, truth, tmp_path):
    record = evaluate(truth, "--json").json
    assert record["totals"]["ap"] == record["totals"]["ap50"] == 1
    assert record["totals"]["ar1"] == 0.5
    assert json.loads((tmp_path / "metrics" / "metrics.json").read_text()) == record


def test_an_object_off_its_place_costs_precision(evaluate, tmp_path):
    results = write_maps(tmp_path / "results", shift=5)
    record = evaluate(results, "--json").json
    # The second object overlaps by 10 of 20 columns: IoU 0.5, on the lowest threshold only.
    assert record["totals"]["ap50"] == 1
    assert 0 < record["totals"]["ap75"] < 1
    assert "AP50" in evaluate(results, output="b").stdout


def test_missing_videos_are_refused_unless_only_common_ones_are_asked_for(evaluate, tmp_path):
    results = write_maps(tmp_path / "results", videos=("a",))
    assert "b" in evaluate(results, code=3).stderr
    assert evaluate(results, "--common", "--json").json["counts"]["clips"] == 1


def test_dry_run_writes_nothing_and_requirements_decide(evaluate, truth, tmp_path):
    assert evaluate(truth, "--dry-run", "--json").json["frames"] == 6
    assert not (tmp_path / "metrics").exists()
    assert "ap<0.5" in evaluate(truth, "--require", "ap<0.5", code=6).stderr
    assert "unknown metric" in evaluate(truth, "--require", "tc>0.5", code=2, output="b").stderr


def test_an_existing_output_is_refused_resumed_or_replaced(evaluate, truth):
    first = evaluate(truth, "--json").json
    assert "--resume" in evaluate(truth, code=4).stderr
    assert evaluate(truth, "--resume", "--json").json == first
    assert evaluate(truth, "--overwrite", "--json").json == first


def test_killed_and_resumed_is_as_uninterrupted(evaluate, truth, tmp_path):
    whole = evaluate(truth, "--json").json
    folder = tmp_path / "metrics"
    (folder / "manifest.json").rename(folder / "progress.json")
    (folder / "metrics.json").unlink()
    kept = sorted((folder / "videos").iterdir())
    kept[0].unlink()
    before = kept[1].stat().st_mtime_ns
    assert evaluate(truth, "--resume", "--json").json == whole
    assert kept[1].stat().st_mtime_ns == before


@pytest.mark.parametrize("spoil", ["size", "truncated", "frame"])
def test_maps_that_do_not_fit_are_named(evaluate, truth, tmp_path, spoil):
    results = shutil.copytree(truth, tmp_path / "results")
    victim = results / "b" / "00001.png"
    if spoil == "size":
        Image.fromarray(np.zeros((40, 59), np.uint8)).save(victim)
    elif spoil == "truncated":
        victim.write_bytes(victim.read_bytes()[:40])
    else:
        victim.unlink()
    assert "00001" in evaluate(results, code=3).stderr


def test_an_empty_result_list_scores_zero(run, tmp_path):
    video = {"id": 1, "width": 8, "height": 6, "length": 1, "file_names": ["a/0.jpg"]}
    mask = {"size": [6, 8], "counts": [0, 10, 38]}
    annotation = {
        "id": 1, "video_id": 1, "category_id": 3, "iscrowd": 0,
        "segmentations": [mask], "areas": [10], "bboxes": [[0, 0, 2, 6]],
    }  # fmt: skip
    truth = {"videos": [video], "categories": [{"id": 3, "name": "cat"}]}
    truth["annotations"] = [annotation]
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    (tmp_path / "results.json").write_text("[]")
    words = ("evaluate", "instances", tmp_path / "results.json", "--dataset")
    record = run(*words, tmp_path / "truth.json", "-o", tmp_path / "m", "--json").json
    assert record["totals"]["ap"] == 0
    annotation["id"] = 0
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    refused = run(*words, tmp_path / "truth.json", "-o", tmp_path / "m2", code=3)
    assert "id 0" in refused.stderr
