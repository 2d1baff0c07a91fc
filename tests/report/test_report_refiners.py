"""The page of trained refiners and merging layers, beside what there is without them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.report.factory import make_dataset, make_run
from tests.report.refiner_factory import make_refiner


@pytest.fixture
def run(tmp_path: Path) -> Path:
    dataset = make_dataset(tmp_path / "data", frames=2, clips=1)
    return make_run(tmp_path / "network", dataset, steps=2)


def test_a_refiner_stands_beside_what_is_carried_alone(
    run: Path, page: Any, tmp_path: Path
) -> None:
    read = page(make_refiner(tmp_path / "refiner", run))
    assert "refiners" in read.ids
    assert "Other artifacts" not in read.text
    assert read.row("refiner") == [
        "refiner", "network", "136 310", "20", "54.0", "50.0 carried alone", "+4.0", "8.9",
    ]  # fmt: skip
    curves = "refiner, carried alone, refiner"
    assert f"Validation mIoU over the steps: {curves}" in read.charts
    assert f"mIoU by the distance from the key frame: {curves}" in read.charts
    assert "Loss: refined result over the steps: refiner" in read.charts
    assert read.unclosed == []


def test_a_merging_layer_stands_beside_the_mean_of_both(
    run: Path, page: Any, tmp_path: Path
) -> None:
    refiner = make_refiner(tmp_path / "refiner", run)
    merge = make_refiner(tmp_path / "merge", run, kind="vstc.merge", lift=0.01)
    read = page(refiner, merge)
    assert read.row("merge")[4:7] == ["52.0", "50.0 mean of both", "+2.0"]
    (chart,) = [label for label in read.charts if label.startswith("Validation mIoU")]
    assert chart.endswith("refiner, carried alone, refiner, merge, mean of both, merge")


def test_a_refiner_without_validation_or_log_is_told(run: Path, page: Any, tmp_path: Path) -> None:
    quiet = make_refiner(tmp_path / "quiet", run, validated=False)
    bare = make_refiner(tmp_path / "bare", run)
    (bare / "metrics.jsonl").unlink()
    read = page(quiet, bare)
    assert "quiet was not validated while it was trained." in read.text
    assert read.row("quiet")[4:7] == ["–", "–", "–"]
    assert read.row("bare")[4:7] == ["54.0", "–", "–"]
    assert not any(label.startswith("Validation mIoU") for label in read.charts)
