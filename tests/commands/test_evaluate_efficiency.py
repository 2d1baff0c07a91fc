from __future__ import annotations

import json

import pytest

from tests.tiny_runs import write_run
from vstc.artifacts.manifest import read_manifest
from vstc.formats.dataset import load_dataset

pytestmark = pytest.mark.usefixtures("one_thread")
QUICK = ("--size", "24x32", "--repeats", 2, "--set", "seconds=0", "--set", "warm_up_seconds=0")


@pytest.fixture(scope="module")
def trained(moving_dataset, tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("trained") / "run", moving_dataset)


def test_figures_are_printed_and_nothing_is_written(run, trained, tmp_path):
    before = sorted(trained.rglob("*"))
    done = run("evaluate", "efficiency", trained, *QUICK)
    for word in ("pspnet-tiny", "24x32", "GMACs", "fps", "p95", "network", "frame", "weights not"):
        assert word in done.stdout
    assert sorted(trained.rglob("*")) == before
    assert list(tmp_path.iterdir()) == []


def test_json_and_artifact_hold_the_same(run, trained, moving_dataset, tmp_path):
    output = tmp_path / "efficiency"
    record = run("evaluate", "efficiency", trained, *QUICK, "-o", output, "--json").json
    assert json.loads((output / "efficiency.json").read_text()) == record
    assert record["size"] == [24, 32]
    assert record["num_classes"] == load_dataset(moving_dataset).num_classes
    assert record["latency"]["network"]["calls"] == 2
    manifest = read_manifest(output, kind="vstc.efficiency")
    assert manifest["metrics"]["fps"] == record["latency"]["network"]["fps"]
    assert [ref["id"] for ref in manifest["inputs"]] == [read_manifest(trained)["id"]]


def test_a_checkpoint_file_will_do(run, trained):
    record = run("evaluate", "efficiency", trained / "best.pt", *QUICK, "--json").json
    assert record["model"] == "pspnet-tiny"


def test_dry_run_writes_nothing(run, trained, tmp_path):
    arguments = ("evaluate", "efficiency", trained, *QUICK, "-o", tmp_path / "e", "--dry-run")
    assert run(*arguments, "--json").json == {"dry_run": True, "device": "cpu", "size": [24, 32]}
    assert list(tmp_path.iterdir()) == []


def test_an_existing_output_is_refused_resumed_or_replaced(run, trained, tmp_path):
    arguments = ("evaluate", "efficiency", trained, *QUICK, "-o", tmp_path / "e", "--json")
    first = run(*arguments).json
    assert "output exists" in run(*arguments, code=4).stderr
    assert "output exists" in run(*arguments, "--dry-run", code=4).stderr
    assert run(*arguments, "--resume").json == first
    assert "batch" in run(*arguments, "--resume", "--batch", 2, code=4).stderr
    assert run(*arguments, "--overwrite", "--batch", 2).json["batch"] == 2


def test_a_manifest_replays_its_settings(run, trained, tmp_path):
    run("evaluate", "efficiency", trained, *QUICK, "--batch", 2, "-o", tmp_path / "e")
    manifest = tmp_path / "e" / "manifest.json"
    record = run("evaluate", "efficiency", trained, "--config", manifest, "--json").json
    assert (record["size"], record["batch"]) == ([24, 32], 2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--size", "24"), "--size 24 is not HEIGHTxWIDTH"),
        (("--size", "0x32"), "size"),
        (("--batch", 0), "--batch"),
        (("--set", "fps=3"), "unknown setting: fps"),
        (("--checkpoint", "newest"), "checkpoint"),
    ],
)
def test_bad_values_are_refused(run, trained, arguments, message):
    assert message in run("evaluate", "efficiency", trained, *arguments, code=2).stderr


def test_missing_and_corrupt_inputs_are_named(run, trained, tmp_path):
    assert "not found" in run("evaluate", "efficiency", tmp_path / "no", code=3).stderr
    broken = tmp_path / "broken.pt"
    broken.write_bytes((trained / "best.pt").read_bytes()[:500])
    assert str(broken) in run("evaluate", "efficiency", broken, code=3).stderr
    missing = run("evaluate", "efficiency", trained, "--device", "cuda:77", code=5).stderr
    assert "device" in missing


def test_a_spoilt_record_is_not_kept_as_the_result(run, trained, tmp_path):
    arguments = ("evaluate", "efficiency", trained, *QUICK, "-o", tmp_path / "e")
    run(*arguments)
    (tmp_path / "e" / "efficiency.json").write_text('{"schema": "vstc.efficiency"}')
    assert "not readable" in run(*arguments, "--resume", code=3).stderr
