import json

import cv2
import h5py
import numpy as np
import pytest

from tests.flow.moving_plane import make_dataset
from vstc.formats.dataset import write_dataset
from vstc.formats.flow.hdf5 import FlowArchive, FlowDirection
from vstc.formats.flow.kitti import read_kitti_flow, write_kitti_flow
from vstc.formats.flow.middlebury import read_flo, write_flo

NEXT_TO_PREV = FlowDirection.NEXT_TO_PREV


@pytest.fixture
def data(tmp_path):
    dataset = make_dataset(tmp_path / "data", {"a": 4, "b": 3})
    write_dataset(tmp_path / "data", dataset.record)
    return tmp_path / "data"


@pytest.fixture
def flow(data, tmp_path, run):
    run("flow", "precompute", data, "-o", tmp_path / "flow", "--method", "dis-ultrafast", "-q")
    return tmp_path / "flow"


def test_precompute_writes_flow_and_json(data, tmp_path, run):
    done = run("flow", "precompute", data, "-o", tmp_path / "flow", "--gaps", "1,2", "--json")
    assert done.json["fields"] == 2 * (3 + 2 + 2 + 1)
    assert set(done.json["thread_seconds"]) == {"decode", "flow", "pack", "write"}
    archive = FlowArchive(tmp_path / "flow")
    assert archive.clip_ids() == ["a", "b"]
    assert archive.reader("a").info.method == "dis-medium"
    manifest = json.loads((tmp_path / "flow" / "manifest.json").read_text())
    assert manifest["kind"] == "vstc.flow"
    assert manifest["config"]["gaps"] == [1, 2]


def test_precompute_takes_flags_sets_and_directions(data, tmp_path, run):
    options = ["--method", "dis-fast", "--finest-scale", "0", "--directions", "next-to-prev"]
    options += ["--set", "params.patch_stride=6", "--limit", "1", "--scale", "0.5", "-q"]
    run("flow", "precompute", data, "-o", tmp_path / "flow", *options)
    info = FlowArchive(tmp_path / "flow").reader("a").info
    assert info.directions == (NEXT_TO_PREV,)
    assert (info.params["finest_scale"], info.params["patch_stride"]) == (0, 6)
    assert info.size == (48, 64)
    assert not (tmp_path / "flow" / "b.h5").exists()


def test_precompute_replays_its_manifest(flow, data, tmp_path, run):
    run("flow", "precompute", data, "-o", tmp_path / "g", "--config", flow / "manifest.json", "-q")
    assert (tmp_path / "g" / "a.h5").read_bytes() == (flow / "a.h5").read_bytes()


def test_precompute_dry_run_writes_nothing(data, tmp_path, run):
    done = run("flow", "precompute", data, "-o", tmp_path / "flow", "--dry-run", "--json")
    assert done.json == {"clips": 2, "fields": 10, "output": str(tmp_path / "flow")}
    assert not (tmp_path / "flow").exists()


def test_precompute_refuses_overwrites_and_resumes(flow, data, run):
    command = ["flow", "precompute", data, "-o", flow, "--method", "dis-ultrafast"]
    assert "--resume" in run(*command, code=4).stderr
    before = (flow / "a.h5").read_bytes()
    assert "nothing to do" in run(*command, "--resume").stderr
    run(*command, "--overwrite", "-q")
    assert (flow / "a.h5").read_bytes() == before
    other = run("flow", "precompute", data, "-o", flow, "--method", "dis-fast", "--resume", code=4)
    assert "method" in other.stderr


def test_precompute_brings_back_a_clip_that_was_deleted(flow, data, run):
    before = (flow / "b.h5").read_bytes()
    (flow / "b.h5").unlink()
    run("flow", "precompute", data, "-o", flow, "--method", "dis-ultrafast", "--resume", "-q")
    assert (flow / "b.h5").read_bytes() == before


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--method", "raft"], 2, "unknown flow method: raft"),
        (["--set", "params.speed=1"], 2, "speed"),
        (["--gaps", "0"], 2, "gaps"),
        (["--directions", "up"], 2, "next-to-prev"),
        (["--split", "test"], 2, "unknown split"),
        (["--scale", "0.05"], 3, "too small"),
    ],
)
def test_precompute_refuses_what_is_wrong(data, tmp_path, run, options, code, message):
    done = run("flow", "precompute", data, "-o", tmp_path / "flow", *options, code=code)
    assert message in done.stderr


def test_precompute_names_missing_and_corrupt_frames(data, tmp_path, run):
    frame = data / "a_0001.png"
    frame.write_bytes(frame.read_bytes()[:300])
    done = run("flow", "precompute", data, "-o", tmp_path / "flow", "-q", code=3)
    assert "a_0001.png" in done.stderr
    assert run("flow", "precompute", tmp_path / "none", "-o", tmp_path / "x", code=3)


def test_inspect_writes_pictures_and_figures(flow, tmp_path, run):
    done = run("flow", "inspect", flow, "-o", tmp_path / "out", "--pair", "1", "--json", "-q")
    rows = done.json["rows"]
    assert [(row["clip"], row["direction"]) for row in rows] == [
        ("a", "next_to_prev"),
        ("a", "prev_to_next"),
        ("b", "next_to_prev"),
        ("b", "prev_to_next"),
    ]
    for row in rows:
        assert row["mean_magnitude"] == pytest.approx(np.hypot(2, 1), abs=0.3)
        assert row["error_after"] < 0.5 * row["error_before"]
        assert row["consistent_share"] > 0.8
        assert row["outside_share"] < 0.1
    assert json.loads((tmp_path / "out" / "statistics.json").read_text())["rows"] == rows
    assert cv2.imread(str(tmp_path / "out" / "a.png")).shape[0] > 3 * 96
    table = run("flow", "inspect", flow, "-o", tmp_path / "b", "--clip", "b", "-q").stdout
    assert "next_to_prev" in table


def test_inspect_goes_on_without_the_frames(flow, data, tmp_path, run):
    data.rename(tmp_path / "moved")
    done = run("flow", "inspect", flow, "-o", tmp_path / "out", "--json")
    assert done.json["rows"][0]["error_before"] is None
    assert "--dataset" in done.stderr
    options = ["--dataset", tmp_path / "moved", "--json", "-q"]
    again = run("flow", "inspect", flow, "-o", tmp_path / "again", *options)
    assert again.json["rows"][0]["error_before"] > 0


def test_inspect_manners(flow, tmp_path, run):
    run("flow", "inspect", flow, "-o", tmp_path / "out", "--dry-run")
    assert not (tmp_path / "out").exists()
    run("flow", "inspect", flow, "-o", tmp_path / "out", "-q")
    run("flow", "inspect", flow, "-o", tmp_path / "out", "-q", code=4)
    run("flow", "inspect", flow, "-o", tmp_path / "out", "-q", "--overwrite")
    missing = run("flow", "inspect", flow, "-o", tmp_path / "x", "--clip", "zz", code=3)
    assert f"error: flow for clip zz is missing in {flow}" in missing.stderr
    assert "hint: vstc flow precompute" in missing.stderr
    assert (
        "no pair 9"
        in run("flow", "inspect", flow, "-o", tmp_path / "y", "--pair", 9, code=3).stderr
    )
    assert "gap 3" in run("flow", "inspect", flow, "-o", tmp_path / "z", "--gap", 3, code=3).stderr
    run("flow", "inspect", tmp_path / "none", "-o", tmp_path / "w", code=3)


def test_inspect_names_a_damaged_file(flow, tmp_path, run):
    (flow / "b.h5").write_bytes((flow / "b.h5").read_bytes()[:5000])
    done = run("flow", "inspect", flow, "-o", tmp_path / "out", code=3)
    assert str(flow / "b.h5") in done.stderr


def make_truth(folder, *, kitti=False):
    folder.mkdir(parents=True)
    data = make_dataset(folder / "frames", {"a": 2}, size=(96, 128))
    for index, name in enumerate(("img0.png", "img1.png")):
        data.frame_source(data.clips[0], index).rename(folder / name)
    (folder / "frames").rmdir()
    flow = np.full((96, 128, 2), (-2, -1), np.float32)
    if kitti:
        known = np.zeros((96, 128), bool)
        known[20:-20, 20:-20] = True
        write_kitti_flow(folder / "flow_gt.png", flow, known=known)
    else:
        flow[:20] = 1e10
        write_flo(folder / "flow_gt.flo", flow)


def test_evaluate_judges_a_method(tmp_path, run):
    make_truth(tmp_path / "gt" / "one")
    make_truth(tmp_path / "gt" / "two", kitti=True)
    done = run("flow", "evaluate", tmp_path / "gt", "--method", "dis-medium", "--json")
    one, two = done.json["pairs"]
    assert one["known_share"] == pytest.approx(76 / 96)
    assert two["known_share"] == pytest.approx(56 * 88 / 96 / 128)
    assert two["mean"] < 0.1
    assert two["median"] < 0.1
    assert two["outlier_share"] == 0
    assert two["mean_magnitude"] == pytest.approx(np.hypot(2, 1))
    assert done.json["mean"]["mean"] == pytest.approx((one["mean"] + two["mean"]) / 2)
    assert "Fl-all" in run("flow", "evaluate", tmp_path / "gt").stdout


def test_evaluate_judges_files(tmp_path, run):
    make_truth(tmp_path / "gt" / "one")
    make_truth(tmp_path / "gt" / "two")
    estimates = tmp_path / "estimates"
    write_flo(estimates / "one.flo", np.full((96, 128, 2), (2, 2), np.float32))
    write_kitti_flow(estimates / "two.png", np.full((96, 128, 2), (-2, -1), np.float32))
    done = run("flow", "evaluate", tmp_path / "gt", "--estimates", estimates, "--json")
    assert [row["mean"] for row in done.json["pairs"]] == [5.0, 0.0]
    assert [row["outlier_share"] for row in done.json["pairs"]] == [1.0, 0.0]
    (estimates / "one.flo").unlink()
    done = run("flow", "evaluate", tmp_path / "gt", "--estimates", estimates, code=3)
    assert "no flow for pair one" in done.stderr


def test_evaluate_refuses_what_is_not_there_or_does_not_fit(tmp_path, run):
    assert "no true flow" in run("flow", "evaluate", tmp_path / "none", code=3).stderr
    make_truth(tmp_path / "gt" / "one")
    write_flo(tmp_path / "e" / "one.flo", np.zeros((20, 20, 2), np.float32))
    done = run("flow", "evaluate", tmp_path / "gt", "--estimates", tmp_path / "e", code=3)
    assert "(20, 20)" in done.stderr


@pytest.mark.parametrize("form", ["flo", "kitti"])
def test_export_and_import_give_the_same_flow(flow, data, tmp_path, run, form):
    run("flow", "export", flow, "-o", tmp_path / "files", "--format", form, "-q")
    suffix = "flo" if form == "flo" else "png"
    path = tmp_path / "files" / "a" / "next_to_prev" / f"a_0001_a_0002.{suffix}"
    expected = FlowArchive(flow).reader("a").read(1, direction=NEXT_TO_PREV)
    found = read_flo(path) if form == "flo" else read_kitti_flow(path).flow
    np.testing.assert_array_equal(found, expected)
    done = run("flow", "import", tmp_path / "files", data, "-o", tmp_path / "back", "--json", "-q")
    assert done.json["clips"] == ["a", "b"]
    back = FlowArchive(tmp_path / "back")
    np.testing.assert_array_equal(back.reader("a").read(1, direction=NEXT_TO_PREV), expected)
    assert back.reader("a").info.method == "imported"
    with h5py.File(tmp_path / "back" / "a.h5") as one, h5py.File(flow / "a.h5") as other:
        for direction in FlowDirection:
            np.testing.assert_array_equal(one[direction][()], other[direction][()])


def test_export_and_import_with_larger_gaps(data, tmp_path, run):
    options = ["--gaps", "2", "--method", "dis-ultrafast", "--directions", "next-to-prev", "-q"]
    run("flow", "precompute", data, "-o", tmp_path / "flow", *options)
    run("flow", "export", tmp_path / "flow", "-o", tmp_path / "files", "--clip", "a", "-q")
    assert (tmp_path / "files/a/next_to_prev/gap_2/a_0001_a_0003.flo").is_file()
    run("flow", "import", tmp_path / "files", data, "-o", tmp_path / "back", "-q")
    info = FlowArchive(tmp_path / "back").reader("a").info
    assert (info.gaps, info.directions) == ((2,), (NEXT_TO_PREV,))


def test_export_and_import_manners(flow, data, tmp_path, run):
    export = ["flow", "export", flow, "-o", tmp_path / "files"]
    run(*export, "--dry-run")
    assert not (tmp_path / "files").exists()
    assert "choose one of" in run(*export, "--format", "exr", code=2).stderr
    run(*export, "-q")
    run(*export, "-q", code=4)
    run(*export, "-q", "--resume")
    load = ["flow", "import", tmp_path / "files", data, "-o", tmp_path / "back"]
    run(*load, "--dry-run")
    assert not (tmp_path / "back").exists()
    victim = tmp_path / "files" / "b" / "prev_to_next" / "b_0000_b_0001.flo"
    victim.write_bytes(victim.read_bytes()[:50])
    assert "truncated" in run(*load, "-q", code=3).stderr
    victim.unlink()
    assert "b_0000_b_0001.flo" in run(*load, "-q", "--overwrite", code=3).stderr
    assert "no folder" in run("flow", "import", data, data, "-o", tmp_path / "x", code=3).stderr


def test_import_refuses_sparse_flow(flow, data, tmp_path, run):
    run("flow", "export", flow, "-o", tmp_path / "files", "--format", "kitti", "-q")
    known = np.ones((96, 128), bool)
    known[0, 0] = False
    path = tmp_path / "files" / "a" / "next_to_prev" / "a_0000_a_0001.png"
    write_kitti_flow(path, np.zeros((96, 128, 2), np.float32), known=known)
    done = run("flow", "import", tmp_path / "files", data, "-o", tmp_path / "back", code=3)
    assert "unknown pixels" in done.stderr
