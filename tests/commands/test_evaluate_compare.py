from __future__ import annotations

import csv
import json
import shutil

import pytest
from typer.testing import CliRunner

from tests.evaluation.many_clips import write_clips, write_flickering
from tests.tiny_runs import write_run
from vstc.artifacts.manifest import read_manifest

QUICK = ("--resamples", 200)
TIMED = ("--size", "48x64", "--repeats", 2, "--set", "seconds=0", "--set", "warm_up_seconds=0")
FILES = {
    "comparison.json", "manifest.json", "table.csv", "table.md", "table.tex", "tradeoff.png",
    "tradeoff.svg",
}  # fmt: skip


@pytest.fixture(scope="module")
def places(app, tmp_path_factory):
    """A data set of six clips, and two runs on it: metrics, and the cost of their networks."""
    root = tmp_path_factory.mktemp("places")
    dataset = write_clips(root / "data", 6)

    def call(*arguments):
        done = CliRunner().invoke(app, [str(argument) for argument in arguments])
        assert done.exit_code == 0, done.stderr

    for name, share in (("baseline", 0.2), ("student", 0.05)):
        run = write_run(root / name, root / "data", seed=len(name))
        predictions = write_flickering(
            root / f"predict-{name}", dataset, share=share, seed=len(name), run=run
        )
        call("evaluate", predictions, "--dataset", root / "data", "-o", root / f"eval-{name}")
        call("evaluate", "efficiency", run, *TIMED, "-o", root / f"cost-{name}")
    return root


@pytest.fixture
def compare(run, places, tmp_path):
    def call(*arguments, names=("eval-baseline", "eval-student"), code=0):
        runs = [places / name for name in names]
        return run("evaluate", "compare", *runs, *QUICK, *arguments, code=code)

    return call


def test_scores_changes_and_claims_are_printed_and_nothing_is_written(compare, places, tmp_path):
    before = sorted(places.rglob("*"))
    done = compare()
    for word in ("baseline", "student", "mIoU", "TC per clip", "6 clips", "intervals of 95 %"):
        assert word in done.stdout
    assert "student is more accurate than baseline: mIoU +" in done.stdout
    assert "student is steadier than baseline: TC +" in done.stdout
    assert "(95 %, 6 clips)" in done.stdout
    assert "no ranks: no run has fps" in done.stderr
    assert sorted(places.rglob("*")) == before
    assert list(tmp_path.iterdir()) == []


def test_speed_comes_from_the_efficiency_of_the_same_network(compare, places):
    names = ("cost-student", "eval-baseline", "eval-student", "cost-baseline")
    record = compare("--json", names=names).json
    for row in record["runs"]:
        cost = json.loads((places / f"cost-{row['name']}" / "efficiency.json").read_text())
        assert row["scores"]["fps"] == cost["latency"]["network"]["fps"]
        assert row["scores"]["params"] == cost["num_parameters_inference"] / 1e6
    assert [row["name"] for row in record["runs"]] == ["baseline", "student"]
    assert record["runs"][1]["ranks"]["miou"] == record["runs"][1]["ranks"]["tc"] == 1
    assert " R " in compare(names=names).stdout


def test_the_artifact_holds_tables_and_pictures(compare, places, tmp_path):
    output = tmp_path / "comparison"
    record = compare("-o", output, "--json").json
    assert {path.name for path in output.iterdir()} - {".lock"} == FILES
    assert json.loads((output / "comparison.json").read_text()) == record
    rows = list(csv.DictReader((output / "table.csv").open(newline="")))
    assert float(rows[1]["tc_low"]) == record["runs"][1]["differences"]["tc"]["low"]
    manifest = read_manifest(output, kind="vstc.comparison")
    assert manifest["metrics"]["claims"] == record["claims"]
    ids = [read_manifest(places / f"eval-{name}")["id"] for name in ("baseline", "student")]
    assert [ref["id"] for ref in manifest["inputs"]] == ids


def test_dry_run_writes_nothing(compare, tmp_path):
    record = compare("-o", tmp_path / "comparison", "--dry-run", "--json").json
    assert record["dry_run"]
    assert list(tmp_path.iterdir()) == []


def test_an_existing_output_is_refused_resumed_or_replaced(compare, tmp_path):
    first = compare("-o", tmp_path / "c", "--json").json
    assert "output exists" in compare("-o", tmp_path / "c", code=4).stderr
    assert compare("-o", tmp_path / "c", "--resume", "--json").json == first
    assert "seed" in compare("-o", tmp_path / "c", "--resume", "--seed", 1, code=4).stderr
    assert compare("-o", tmp_path / "c", "--overwrite", "--json").json == first


def test_runs_may_be_named(compare, places):
    record = compare("--name", f"ours={places / 'eval-student'}", "--json").json
    assert [row["name"] for row in record["runs"]] == ["baseline", "ours"]


def test_a_run_that_was_judged_twice_is_told_apart_by_its_folders(compare, places, run):
    again = places / "eval-again"
    if not again.exists():
        run("evaluate", places / "predict-student", "--dataset", places / "data", "-o", again)
    record = compare("--json", names=("eval-student", "eval-again")).json
    assert [row["name"] for row in record["runs"]] == [
        "student (eval-student)", "student (eval-again)",
    ]  # fmt: skip
    assert "neither steadier nor less steady" in record["claims"][1]


@pytest.fixture(scope="module")
def other_protocol(app, places):
    folder = places / "eval-other"
    arguments = ["evaluate", places / "predict-student", "--dataset", places / "data", "-o", folder]
    done = CliRunner().invoke(app, [str(a) for a in [*arguments, "--absent", "zero", "--limit", 5]])
    assert done.exit_code == 0, done.stderr
    return folder


def test_what_was_judged_differently_is_refused_and_named(compare, other_protocol):
    names = ("eval-baseline", "eval-other")
    failed = compare(names=names, code=3)
    assert "absent (null there, zero here)" in failed.stderr
    assert "it lacks 1 of 6 clips, the first is clip5" in failed.stderr
    assert "--allow-different" in failed.stderr
    allowed = compare("--allow-different", "-q", names=names)
    assert "warning: student was judged differently than baseline" in allowed.stderr
    assert "no interval: the runs were judged on different clips" in allowed.stdout


@pytest.mark.parametrize(
    ("arguments", "names", "message"),
    [
        ((), ("eval-baseline",), "nothing to compare"),
        (("--level", 1), ("eval-baseline", "eval-student"), "level"),
        (("--scores", "miou,vc8"), ("eval-baseline", "eval-student"), "unknown score: vc8"),
        (("--name", "x"), ("eval-baseline", "eval-student"), "NAME=ARTIFACT"),
    ],
)
def test_bad_values_are_refused(compare, arguments, names, message):
    assert message in compare(*arguments, names=names, code=2).stderr


def test_missing_foreign_and_corrupt_inputs_are_named(compare, run, places, tmp_path):
    good = places / "eval-baseline"
    assert "not found" in run("evaluate", "compare", good, tmp_path / "no", code=3).stderr
    foreign = compare(names=("eval-baseline", "eval-student", "baseline"), code=3).stderr
    assert "is a vstc.checkpoint" in foreign
    broken = tmp_path / "broken"
    shutil.copytree(good, broken)
    (broken / "clips" / "clip2.json").write_text("{")
    assert "clip2.json" in run("evaluate", "compare", good, broken, code=3).stderr
    (broken / "metrics.json").unlink()
    assert "metrics.json" in run("evaluate", "compare", good, broken, code=3).stderr


def test_efficiency_of_another_network_is_refused(compare, run, places, tmp_path):
    other = write_run(tmp_path / "other", places / "data", seed=77)
    run("evaluate", "efficiency", other, *TIMED, "-o", tmp_path / "cost")
    failed = compare(tmp_path / "cost", code=3)
    assert "of a network that no run here was made with" in failed.stderr
    shutil.copytree(places / "cost-student", tmp_path / "twice")
    doubled = compare(places / "cost-student", tmp_path / "twice", code=2)
    assert "of the same network" in doubled.stderr
