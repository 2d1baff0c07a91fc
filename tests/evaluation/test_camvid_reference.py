"""TC of the true labels of CamVid equals the values of an independent measurement."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

REFERENCE = [
    ("dense_val", "dis-medium", 0.8721),
    ("dense_val", "dis-fast", 0.8665),
    ("dense_val", "dis-ultrafast", 0.8664),
    ("dense_train", "dis-medium", 0.8715),
    ("dense_train", "dis-fast", 0.8630),
    ("dense_train", "dis-ultrafast", 0.8579),
]


@pytest.fixture(scope="module")
def camvid(app, real_data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("camvid") / "index"
    root = real_data / "camvid"
    done = CliRunner().invoke(app, ["data", "index", "camvid", str(root), "-o", str(folder)])
    assert done.exit_code == 0, done.stderr
    return folder


@pytest.mark.parametrize(("split", "method", "expected"), REFERENCE)
def test_tc_with_flow_on_the_fly(run, camvid, tmp_path, split, method, expected):
    arguments = ("--metrics", "tc", "--split", split, "--flow-method", method, "--json")
    done = run("evaluate", "labels", "--dataset", camvid, "-o", tmp_path / "metrics", *arguments)
    assert done.json["totals"]["tc"] == pytest.approx(expected, abs=0.0006)


@pytest.mark.parametrize(("split", "expected"), [("dense_val", 0.8740), ("dense_train", 0.8712)])
def test_tc_of_the_earlier_labels_moved_by_backward_flow(run, camvid, tmp_path, split, expected):
    arguments = ("--metrics", "tc", "--split", split, "--tc-direction", "prev", "--json")
    done = run("evaluate", "labels", "--dataset", camvid, "-o", tmp_path / "metrics", *arguments)
    assert done.json["totals"]["tc"] == pytest.approx(expected, abs=0.0006)


@pytest.mark.parametrize("method", ["dis-medium", "dis-ultrafast"])
def test_tc_with_stored_flow(run, camvid, tmp_path, method):
    flow, splits = tmp_path / "flow", ("--split", "dense_val")
    run("flow", "precompute", camvid, "--method", method, *splits, "-o", flow, "-q")
    arguments = ("--metrics", "tc", *splits, "--flow", flow, "--json")
    done = run("evaluate", "labels", "--dataset", camvid, "-o", tmp_path / "metrics", *arguments)
    expected = {row[1]: row[2] for row in REFERENCE if row[0] == "dense_val"}[method]
    assert done.json["totals"]["tc"] == pytest.approx(expected, abs=0.002)
