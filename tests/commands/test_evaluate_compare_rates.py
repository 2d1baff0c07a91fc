"""Operating points from end to end: propagate, evaluate, measure, and compare with rates."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.moving import write_moving_dataset
from tests.tiny_runs import write_run

pytestmark = pytest.mark.usefixtures("one_thread")
CPU = ("--device", "cpu", "-q")
RUNS = ("frame", "evs-08", "fast", "slow")


@pytest.fixture(scope="module")
def places(app: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network, four ways to run it with their metrics, and the rates of three of them."""
    root = tmp_path_factory.mktemp("places")
    data = write_moving_dataset(root / "moving", train=0, val=1, num_frames=12).folder
    network = write_run(root / "network", data, seed=3)

    def call(*words: object) -> None:
        done = CliRunner().invoke(app, [str(word) for word in words])
        assert done.exit_code == 0, done.stderr

    how = {
        "frame": ("predict", network, data),
        "evs-08": ("propagate", network, data, "--preset", "evs-08"),
        "fast": ("propagate", network, data, "--preset", "fast"),
        "slow": ("propagate", network, data, "--preset", "fast", "--interval", 3),
    }
    for name, words in how.items():
        call(*words, "-o", root / name, *CPU)
        judged = ("--dataset", data, "--metrics", "miou,tc", "-o", root / f"e-{name}", "-q")
        call("evaluate", root / name, *judged)
    what = ("--benchmark", "--presets", "evs-08,fast", "--limit", 31, "-o", root / "rates")
    call("propagate", network, data, *what, *CPU)
    return root


def compare(run: Any, places: Path, *words: object, code: int = 0, runs: Any = RUNS) -> Any:
    folders = [places / f"e-{name}" for name in runs]
    return run("evaluate", "compare", *folders, *words, "--resamples", 0, code=code)


def test_runs_get_the_rates_of_their_operating_points(
    places: Path, tmp_path: Path, run: Any
) -> None:
    out = tmp_path / "compared"
    told = compare(run, places, places / "rates", "-o", out, "--json").json
    measured = json.loads((places / "rates" / "rates.json").read_text())["rows"]
    rates = {row["name"]: row["frames_per_second"] for row in measured}
    points = ["every frame", "evs-08", "fast", None]
    assert [row["operating_point"] for row in told["runs"]] == points
    assert [row["scores"]["rate"] for row in told["runs"]] == [rates.get(p) for p in points]
    (note,) = [text for text in told["notes"] if "has no rate" in text]
    assert note.startswith("e-slow has no rate: no operating point with its settings")
    assert "fast differs in interval" in note
    assert any("e-fast, e-slow: that TC is higher than deserved" in w for w in told["warnings"])
    rows = list(csv.DictReader((out / "tradeoff.csv").open(newline="")))
    assert [(row["run"], row["point"]) for row in rows] == [
        ("e-frame", "every frame"), ("e-evs-08", "evs-08"), ("e-fast", "fast"),
    ]  # fmt: skip
    for row, judged in zip(rows, told["runs"], strict=False):
        assert float(row["rate"]) == judged["scores"]["rate"]
        assert float(row["miou"]) == 100 * judged["scores"]["miou"]
        assert float(row["tc_acc"]) == 100 * judged["scores"]["tc_acc"]
    assert "yes" in {row["on_front"] for row in rows}
    svg = (out / "tradeoff.svg").read_text()
    assert "evs-08" in svg
    assert "frames per second (64x48" in svg
    assert (out / "tradeoff.png").stat().st_size > 1000


def test_a_run_that_a_person_named_keeps_its_name(places: Path, tmp_path: Path, run: Any) -> None:
    named = ("--name", f"ours={places / 'e-fast'}", "-o", tmp_path / "c")
    compare(run, places, places / "rates", *named)
    rows = csv.DictReader((tmp_path / "c" / "tradeoff.csv").open(newline=""))
    assert [row["point"] for row in rows] == ["every frame", "evs-08", "ours"]


def test_without_rates_there_is_no_table_of_points(places: Path, tmp_path: Path, run: Any) -> None:
    told = compare(run, places, "-o", tmp_path / "c", "--json").json
    assert {row["operating_point"] for row in told["runs"]} == {None}
    assert not (tmp_path / "c" / "tradeoff.csv").exists()


def test_rates_of_no_run_are_refused(places: Path, tmp_path: Path, run: Any) -> None:
    (data,) = {index.parent for index in (places / "moving").rglob("dataset.json")}
    other = write_run(tmp_path / "other", data, seed=77)
    what = ("--benchmark", "--presets", "evs-08", "--limit", 16, "-o", tmp_path / "rates")
    run("propagate", other, data, *what, *CPU)
    said = compare(run, places, tmp_path / "rates", code=3).stderr
    assert "no run has a rate: its network is none of those that were measured" in said
