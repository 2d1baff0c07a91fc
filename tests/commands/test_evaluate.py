from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from tests.evaluation.scenes import (
    VOID,
    true_labels,
    write_labels,
    write_predictions,
    write_scene,
)
from vstc.artifacts.manifest import read_manifest

TABLES = ("table.csv", "table.md", "table.tex")


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    return write_scene(tmp_path_factory.mktemp("scene"))


@pytest.fixture
def predictions(scene, tmp_path):
    def spill(labels, clip, index):
        labels[labels == 2] = 0 if (clip.id, index) == ("pan", 2) else 2
        return labels

    return write_predictions(tmp_path / "predictions", scene, change=spill)


@pytest.fixture
def evaluate(run, scene, tmp_path):
    def call(predictions, *arguments, output="metrics", code=0):
        output_folder = tmp_path / output
        return run(
            "evaluate", predictions, "--dataset", scene.folder, "-o", output_folder, *arguments,
            code=code,
        )  # fmt: skip

    return call


def test_the_true_labels_are_right_everywhere(evaluate, tmp_path):
    record = evaluate("labels", "--json").json
    totals = record["totals"]
    assert (totals["miou"], totals["macc"], totals["aacc"]) == (1.0, 1.0, 1.0)
    assert 0.9 < totals["tc"] <= 1.0
    counts = {k: n for k, n in record["counts"].items() if not k.startswith("vc")}
    assert counts == {
        "clips": 3,
        "labelled_frames": 8,
        "labelled_pixels": 8 * 64 * 44,
        "pairs": 2,
        "valid_pairs": 2,
        "valid_pair_pixels": record["counts"]["valid_pair_pixels"],
        "skipped_pairs": 4,
    }
    assert json.loads((tmp_path / "metrics" / "metrics.json").read_text()) == record


def test_the_artifact_names_its_protocol_and_inputs(evaluate, predictions, tmp_path):
    record = evaluate(predictions, "--json").json
    tc = record["protocol"]["tc"]
    assert (tc["mode"], tc["border"], tc["direction"]) == ("nearest", "ignore", "next")
    assert (tc["flow"]["source"], tc["flow"]["method"]) == ("computed", "dis-medium")
    assert record["protocol"]["flow_sizes"] == record["protocol"]["sizes"] == ["64x48"]
    manifest = read_manifest(tmp_path / "metrics", kind="vstc.metrics")
    assert manifest["metrics"] == record["totals"]
    assert [ref["role"] for ref in manifest["inputs"]] == ["dataset", "predictions"]
    assert len((tmp_path / "metrics" / "per_pair.csv").read_text().splitlines()) == 1 + 6


def test_a_flicker_lowers_both_scores(evaluate, predictions):
    steady = evaluate("labels", "--json", "--split", "val", output="a").json
    flickering = evaluate(predictions, "--json", "--split", "val", output="b").json
    assert flickering["totals"]["miou"] < steady["totals"]["miou"]
    by_clip = {clip["id"]: clip for clip in flickering["per_clip"]}
    assert by_clip["pan"]["tc"] < by_clip["still"]["tc"] == 1.0


def test_tables_show_totals_classes_and_clips(evaluate, predictions):
    out = evaluate(predictions).stdout
    for word in ("mIoU", "mAcc", "aAcc", "TC per clip", "ground", "sign", "still", "dis-medium"):
        assert word in out


def test_what_is_absent_is_null(evaluate):
    record = evaluate("labels", "--json", "--split", "test").json
    assert record["totals"]["tc"] is None
    assert record["protocol"]["tc"] is None
    assert [clip["tc"] for clip in record["per_clip"]] == [None]
    only_tc = evaluate("labels", "--metrics", "tc", "--json", output="b").json
    assert set(only_tc["totals"]) == {"tc", "tc_seq", "tc_acc", "jitter", "jitter_drop"}


def test_dry_run_writes_nothing(evaluate, predictions, tmp_path):
    before = sorted(tmp_path.rglob("*"))
    work = evaluate(predictions, "--dry-run", "--json").json
    assert work == {"dry_run": True, "clips": 3, "frames": 10}
    assert sorted(tmp_path.rglob("*")) == before


def test_an_existing_output_is_refused_resumed_or_replaced(evaluate, predictions):
    first = evaluate(predictions, "--json").json
    assert "output exists" in evaluate(predictions, code=4).stderr
    assert evaluate(predictions, "--resume", "--json").json == first
    assert evaluate(predictions, "--overwrite", "--json").json == first
    assert "metrics" in evaluate(predictions, "--resume", "--metrics", "tc", code=4).stderr


def test_killed_and_resumed_is_as_uninterrupted(evaluate, predictions, tmp_path):
    evaluate(predictions, output="whole")
    broken = predictions / "still" / "still_001.png"
    content = broken.read_bytes()
    # As long as before: an input folder without a manifest is known by its names and sizes.
    broken.write_bytes(bytes(len(content)))
    evaluate(predictions, "--workers", 1, code=3)
    assert (tmp_path / "metrics" / "clips" / "pan.json").is_file()
    assert not (tmp_path / "metrics" / "manifest.json").exists()
    broken.write_bytes(content)
    evaluate(predictions, "--resume")
    for name in ("metrics.json", "per_pair.csv", "clips/still.json"):
        resumed = (tmp_path / "metrics" / name).read_bytes()
        assert resumed == (tmp_path / "whole" / name).read_bytes()
    ids = [read_manifest(tmp_path / name)["id"] for name in ("whole", "metrics")]
    assert ids[0] == ids[1]


def test_requirements_decide_the_exit_code(evaluate, predictions, tmp_path):
    evaluate(predictions, "--require", "miou>=0.5", "--require", "tc>0.5", output="a")
    failed = evaluate(predictions, "--require", "miou>=0.999", output="b", code=6)
    assert "miou>=0.999 is not met" in failed.stderr
    assert (tmp_path / "b" / "manifest.json").is_file()
    absent = evaluate("labels", "--split", "test", "--require", "tc>=0", output="c", code=6)
    assert "tc is absent" in absent.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--require", "tc=0.7"), "NAME>=LIMIT"),
        (("--require", "iou>=0.7"), "miou"),
        (("--metrics", "miou,vcc"), "unknown metric: vcc"),
        (("--metrics", ","), "--metrics is empty"),
        (("--absent", "nan"), "absent"),
        (("--split", "dev"), "unknown split: dev"),
        (("--flow-method", "raft"), "unknown flow method: raft"),
        (("--set", "tc_mode=liu2020"), "unknown setting: tc_mode"),
    ],
)
def test_bad_values_are_refused_before_work(evaluate, tmp_path, arguments, message):
    assert message in evaluate("labels", *arguments, code=2).stderr
    assert not (tmp_path / "metrics").exists()


def test_missing_inputs_are_named(evaluate, run, predictions, tmp_path):
    assert "predictions not found" in evaluate(tmp_path / "none", code=3).stderr
    (tmp_path / "empty").mkdir()
    empty = evaluate(tmp_path / "empty", code=3).stderr
    assert "holds no prediction" in empty
    assert "pan/pan_000.png" in empty
    missing = run("evaluate", "labels", "--dataset", tmp_path / "no", "-o", tmp_path / "m", code=3)
    assert "no data set" in missing.stderr
    assert "not found" in evaluate(predictions, "--flow", tmp_path / "no-flow", code=3).stderr
    shutil.rmtree(predictions / "still")
    assert "lacks 1 of 3 clips, the first is still" in evaluate(predictions, code=3).stderr


def test_splits_without_predictions_are_left_out(evaluate, predictions):
    shutil.rmtree(predictions / "sparse")
    assert evaluate(predictions, "--json").json["protocol"]["splits"] == ["val"]
    assert evaluate(predictions, "--split", "test", code=3).exit_code == 3


def test_corrupt_predictions_are_named(evaluate, scene, predictions):
    first = predictions / "pan" / "pan_002.png"
    first.write_bytes(first.read_bytes()[:60])
    assert str(first) in evaluate(predictions, output="a", code=3).stderr
    write_labels(first, np.zeros((4, 4), np.uint8))
    assert "4x4" in evaluate(predictions, output="b", code=3).stderr
    Image.fromarray(np.full((48, 64, 3), 7, np.uint8)).save(first)
    assert "colour that no class has" in evaluate(predictions, output="c", code=3).stderr


def test_predictions_are_resized_on_request(evaluate, scene, predictions):
    clip = scene.clip("pan")
    for index, name in enumerate(clip.frame_names):
        write_labels(predictions / "pan" / f"{name}.png", true_labels(clip, index)[::2, ::2])
    record = evaluate(predictions, "--resize-predictions", "--json").json
    assert record["protocol"]["resize_predictions"] == "nearest"
    assert record["totals"]["miou"] == 1.0


def test_true_labels_outside_the_class_table_are_refused(run, tmp_path):
    scene = write_scene(tmp_path / "scene")
    path = scene.root / "labels" / "still_000.png"
    write_labels(path, np.full((48, 64), VOID + 4, np.uint8))
    failed = run(
        "evaluate", "labels", "--dataset", scene.folder, "-o", tmp_path / "metrics", code=3
    )
    assert "label id 7 is not in the class table" in failed.stderr


def test_a_manifest_replays_its_settings(evaluate, predictions, tmp_path):
    evaluate(predictions, "--split", "val", "--flow-method", "dis-fast", output="a")
    again = evaluate(predictions, "--config", tmp_path / "a" / "manifest.json", output="b")
    assert again.exit_code == 0
    ids = [read_manifest(tmp_path / name)["id"] for name in ("a", "b")]
    assert ids[0] == ids[1]


@pytest.fixture(scope="module")
def stored_flow(app, scene, tmp_path_factory):
    folder = tmp_path_factory.mktemp("flow") / "flow"
    done = CliRunner().invoke(
        app, ["flow", "precompute", str(scene.folder), "-o", str(folder), "-q"]
    )
    assert done.exit_code == 0, done.stderr
    return folder


def test_stored_flow_gives_what_computed_flow_gives(evaluate, predictions, stored_flow, tmp_path):
    computed = evaluate(predictions, "--json", output="a").json
    stored = evaluate(predictions, "--flow", stored_flow, "--json", output="b").json
    assert stored["totals"]["tc"] == pytest.approx(computed["totals"]["tc"], abs=0.01)
    assert stored["counts"]["pairs"] == computed["counts"]["pairs"] == 6
    flow = stored["protocol"]["tc"]["flow"]
    assert (flow["source"], flow["method"]) == ("stored", "dis-medium")
    assert flow["params"] == computed["protocol"]["tc"]["flow"]["params"]
    manifest = read_manifest(tmp_path / "b")
    assert flow["id"] == {ref["role"]: ref["id"] for ref in manifest["inputs"]}["flow"]


def test_a_bare_folder_of_flow_files_will_do(evaluate, predictions, stored_flow, tmp_path):
    bare = tmp_path / "bare"
    shutil.copytree(stored_flow, bare, ignore=shutil.ignore_patterns("manifest.json"))
    record = evaluate(predictions, "--flow", bare, "--json").json
    assert record["protocol"]["tc"]["flow"]["source"] == "stored"


def test_flow_that_does_not_fit_is_refused_before_work(
    run, evaluate, scene, predictions, stored_flow, tmp_path
):
    both = evaluate(predictions, "--flow", stored_flow, "--flow-method", "dis-fast", code=2)
    assert "no effect" in both.stderr
    copy = tmp_path / "flow"
    shutil.copytree(stored_flow, copy)
    (copy / "still.h5").unlink()
    assert "flow for clip still is missing" in evaluate(predictions, "--flow", copy, code=3).stderr
    shutil.copy(copy / "pan.h5", copy / "still.h5")
    assert "other frames" in evaluate(predictions, "--flow", copy, code=3).stderr
    one_way = tmp_path / "one_way"
    run("flow", "precompute", scene.folder, "-o", one_way, "--directions", "next-to-prev")
    failed = evaluate(predictions, "--flow", one_way, code=3)
    assert "has no prev_to_next" in failed.stderr
    assert not (tmp_path / "metrics").exists()


def test_a_folder_of_flo_files_gives_what_computed_flow_gives(
    evaluate, run, predictions, stored_flow, tmp_path
):
    run("flow", "export", stored_flow, "-o", tmp_path / "flo")
    computed = evaluate(predictions, "--metrics", "tc", "--json", output="a").json
    read = evaluate(
        predictions, "--metrics", "tc", "--flow", tmp_path / "flo", "--json", output="b"
    ).json
    assert read["totals"]["tc"] == pytest.approx(computed["totals"]["tc"], abs=0.01)
    assert read["protocol"]["tc"]["flow"]["source"] == "flo"


def test_a_flow_cache_is_filled_once_and_read_after(evaluate, predictions, tmp_path):
    arguments = (predictions, "--metrics", "tc", "--flow-cache", tmp_path / "flow", "--json")
    cold = evaluate(*arguments, output="a").json
    files = {path: path.stat().st_mtime_ns for path in (tmp_path / "flow").glob("*.h5")}
    warm = evaluate(*arguments, output="b").json
    assert warm == cold
    assert files == {path: path.stat().st_mtime_ns for path in (tmp_path / "flow").glob("*.h5")}
    assert len(files) == 2
    assert cold["protocol"]["tc"]["flow"]["source"] == "cached"
    refused = evaluate(*arguments, "--flow-method", "farneback", output="c", code=4)
    assert "flow cache" in refused.stderr


def test_ids_outside_the_class_table_are_warned_about(evaluate, scene, predictions):
    path = predictions / "still" / "still_001.png"
    labels = true_labels(scene.clip("still"), 1)
    labels[20:22, :5] = 77
    write_labels(path, labels)
    done = evaluate(predictions, "--json")
    assert "ids that are no class, such as 77 in still/still_001; 10 pixels" in done.stderr
    assert done.json["strays"] == [
        {"clip": "still", "pixels": 10, "frames": 1, "first_id": 77, "first_frame": "still_001"}
    ]
    assert done.json["totals"]["aacc"] < 1


def test_propagated_predictions_are_warned_about(evaluate, run, scene, predictions, tmp_path):
    manifest = {
        "kind": "vstc.predictions", "schema_version": 1, "id": "0" * 16,
        "config": {"propagation": {"flow_method": "dis-medium"}}, "inputs": [], "outputs": [],
    }  # fmt: skip
    (predictions / "manifest.json").write_text(json.dumps(manifest))
    done = evaluate(predictions, "--json")
    assert "TC is inflated" in done.stderr
    assert done.json["protocol"]["propagated_with"] == ["dis-medium"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--tc-mode", "onehot"), {"mode": "onehot", "border": "ignore"}),
        (("--tc-mode", "liu2020"), {"mode": "liu2020", "border": "clamp"}),
        (("--tc-direction", "prev"), {"mode": "nearest", "direction": "prev"}),
        (("--tc-border", "clamp"), {"mode": "nearest", "border": "clamp"}),
        (("--tc-occlusion", "fb"), {"mode": "nearest", "occlusion": "fb"}),
    ],
)
def test_the_protocol_of_tc_is_chosen_and_recorded(evaluate, predictions, arguments, expected):
    record = evaluate(predictions, "--metrics", "tc", *arguments, "--json").json
    assert expected.items() <= record["protocol"]["tc"].items()
    assert 0 < record["totals"]["tc"] <= 1


def test_occlusion_by_mask_needs_stored_visibility(evaluate, predictions):
    refused = evaluate(predictions, "--metrics", "tc", "--tc-occlusion", "mask", code=3)
    assert "visib" in refused.stderr


def test_classes_are_excluded_by_name(evaluate, predictions):
    everything = evaluate(predictions, "--json", output="a").json
    without = evaluate(predictions, "--exclude", "sign", "--json", output="b").json
    ious = {row["name"]: row["iou"] for row in without["per_class"]}
    assert without["totals"]["miou"] == pytest.approx((ious["ground"] + ious["box"]) / 2)
    assert without["totals"]["aacc"] == everything["totals"]["aacc"]
    assert evaluate(predictions, "--exclude", "sing", code=2, output="c").stderr.count("sign")


def test_scores_are_written_as_tables(evaluate, predictions, tmp_path):
    evaluate(predictions)
    tables = {name: (tmp_path / "metrics" / name).read_text() for name in TABLES}
    assert "IoU" in tables["table.md"]
    assert tables["table.csv"].startswith("class,")
    assert r"\toprule" in tables["table.tex"]


def test_a_class_that_is_hardly_there_is_warned_about(evaluate, scene, predictions):
    def put_a_pixel(clip, index, name):
        labels = np.zeros_like(true_labels(clip, index))
        labels[20, 20 + index] = 1 if clip.id == "still" else 0
        write_labels(predictions / clip.id / f"{name}.png", labels)

    for clip in scene.clips:
        for index, name in enumerate(clip.frame_names):
            put_a_pixel(clip, index, name)
    done = evaluate(predictions, "--metrics", "tc", "--json")
    rows = {row["name"]: row for row in done.json["per_class"]}
    assert rows["box"]["tc"] == 0
    assert rows["box"]["tc_pixels"] == 4
    assert "hardly there: box (4 pixels" in done.stderr


def test_trimaps_are_three_classes(run, tmp_path):
    def write(folder, *, radius):
        for index in range(2):
            y, x = np.mgrid[:40, :60]
            distance = np.hypot(y - 20, x - 30 - index)
            trimap = np.where(distance < 8 - radius, 255, np.where(distance < 8 + radius, 128, 0))
            for name, image in (("maps", trimap), ("frames", trimap)):
                (folder / name / "a").mkdir(parents=True, exist_ok=True)
                Image.fromarray(image.astype(np.uint8)).save(folder / name / "a" / f"{index}.png")
        return folder

    true, thin = write(tmp_path / "true", radius=4), write(tmp_path / "thin", radius=2)
    index = ("data", "index", "folder", true / "frames", "--labels", true / "maps")
    run(*index, "--set", "label_encoding=trimaps", "-o", tmp_path / "index")
    words = ("evaluate", thin / "maps", "--dataset", tmp_path / "index", "--format", "trimaps")
    record = run(*words, "-o", tmp_path / "m", "--metrics", "miou", "--json").json
    iou = {row["name"]: row["iou"] for row in record["per_class"]}
    maps = [np.array(Image.open(f / "maps" / "a" / "0.png")) for f in (true, thin)]
    for name, value in (("background", 0), ("unknown", 128), ("foreground", 255)):
        both, either = np.logical_and(*(m == value for m in maps)), maps[0] == value
        either = either | (maps[1] == value)
        assert iou[name] == pytest.approx(both.sum() / either.sum(), abs=0.02)
    assert record["totals"]["miou"] == pytest.approx(sum(iou.values()) / 3)
    Image.fromarray(np.full((40, 60), 102, np.uint8)).save(true / "maps" / "a" / "1.png")
    refused = run(*words, "-o", tmp_path / "m2", "--metrics", "miou", code=3)
    assert "102" in refused.stderr


def test_propagated_predictions_are_scored_by_distance(evaluate, predictions):
    log = "index,frame,key_index,distance,is_refined,flagged_share\n"
    log += "".join(f"{i},pan_{i:03d},{i - i % 2},{i % 2},0,\n" for i in range(5))
    (predictions / "pan" / "propagation.csv").write_text(log)
    done = evaluate(predictions)
    assert "distance from key frame" in done.stdout
    record = evaluate(predictions, "--json", "--resume").json
    assert [entry["distance"] for entry in record["per_distance"]] == [0]
    assert record["totals"]["miou_propagated"] is None
