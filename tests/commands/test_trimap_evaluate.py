from __future__ import annotations

import json
import shutil

import pytest

from tests.evaluation.trimaps.scene import DISCS, write_scene
from tests.killed_command import run_killed
from vstc.evaluation.compare.additive import additive_score
from vstc.evaluation.compare.clip_sums import read_clip_sums
from vstc.evaluation.compare.runs import ComparedRun
from vstc.evaluation.run import read_record


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    return write_scene(tmp_path_factory.mktemp("trimaps"))


@pytest.fixture
def words(scene):
    truths = [f"--truth={width}={scene / 'truth' / width}" for width in ("narrow", "wide")]
    return ["trimap", "evaluate", scene / "trimaps", *truths, "--frames", scene / "frames"]


@pytest.fixture
def evaluate(run, words, tmp_path):
    def call(*arguments, output="metrics", code=0):
        return run(*words, "-o", tmp_path / output, *arguments, code=code)

    return call


def test_the_record_holds_iou_tc_and_both_tsb(evaluate, tmp_path):
    record = evaluate("--json").json
    assert record["schema"] == "vstc.metrics"
    assert 0 < record["totals"]["miou"] < 1
    assert {"tc", "tsb", "tsb_core"} < record["totals"].keys()
    assert [row["name"] for row in record["per_class"]] == ["background", "unknown", "foreground"]
    assert json.loads((tmp_path / "metrics" / "metrics.json").read_text()) == record
    text = evaluate(output="b").stdout
    assert "Tsb core" in text
    assert "unknown" in text


def test_dry_run_writes_nothing_and_requirements_decide(evaluate, tmp_path):
    told = evaluate("--dry-run", "--json").json
    assert (told["sequences"], told["frames"]) == (len(DISCS), 4 * len(DISCS))
    assert not (tmp_path / "metrics").exists()
    assert "tsb<0 is not met" in evaluate("--require", "tsb<0", "--metrics", "tsb", code=6).stderr
    assert "unknown metric" in evaluate("--require", "mad<1", code=2, output="b").stderr


def test_an_existing_output_is_refused_resumed_or_replaced(evaluate):
    first = evaluate("--json").json
    assert "--resume" in evaluate(code=4).stderr
    assert evaluate("--resume", "--json").json == first
    assert evaluate("--overwrite", "--json").json == first


def test_killed_and_resumed_is_as_uninterrupted(evaluate, words, tmp_path):
    evaluate("--workers", 1)
    killed = tmp_path / "killed"
    kills, _ = run_killed([*words, "--workers", 1], killed, moments=[0, 1])
    assert kills >= 1
    for name in ("metrics.json", "per_pair.csv", "per_frame.csv", "table.csv"):
        assert (killed / name).read_bytes() == (tmp_path / "metrics" / name).read_bytes()


def test_wrong_words_are_told(evaluate, scene, run, tmp_path):
    assert "NAME=FOLDER" in evaluate("--truth", "narrow", code=2).stderr
    assert "given twice" in evaluate("--truth", f"wide={scene}", code=2).stderr
    assert "unknown metric" in evaluate("--metrics", "miou", code=2).stderr
    gone = run("trimap", "evaluate", tmp_path / "gone", "-o", tmp_path / "m", code=3)
    assert "gone" in gone.stderr


def test_damaged_files_are_named(run, scene, tmp_path):
    trimaps = shutil.copytree(scene / "trimaps", tmp_path / "trimaps")
    victim = trimaps / "a" / "2_dog" / "00002.png"
    victim.write_bytes(victim.read_bytes()[:60])
    told = run("trimap", "evaluate", trimaps, "-o", tmp_path / "m", code=3).stderr
    assert "00002.png" in told


def test_two_evaluations_are_compared(run, evaluate, tmp_path):
    evaluate("--metrics", "iou,tsb")
    evaluate("--metrics", "iou,tsb", output="b")
    told = run("evaluate", "compare", tmp_path / "metrics", tmp_path / "b")
    assert "Tsb core" in told.stdout
    record = read_record(tmp_path / "metrics")
    counts, sums = read_clip_sums(tmp_path / "metrics", record)
    drawn_from = ComparedRun("metrics", record, counts=counts, sums=sums)
    for score in ("miou", "tsb", "tsb_core"):
        assert additive_score(drawn_from, score) is not None


def test_flow_that_is_computed_for_every_track_is_told(evaluate, tmp_path):
    hint = "--flow-cache FOLDER"
    assert hint in evaluate("--metrics", "tc").stderr
    cached = evaluate("--metrics", "tc", "--flow-cache", tmp_path / "cache", output="b")
    assert hint not in cached.stderr
    assert hint not in evaluate("--metrics", "tc", "--tracks", "2_dog", output="c").stderr
