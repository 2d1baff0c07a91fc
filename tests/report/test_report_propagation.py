"""The page of propagated runs: what was done, rates, and accuracy over rate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.report.factory import make_dataset, make_run
from tests.report.rate_factory import MACHINE, make_judged, make_rates, propagated

RATES = {"every frame": 2.5, "evs-07": 11.0, "fast": 22.0}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("made")
    dataset = make_dataset(root / "data", frames=2, clips=1)
    run = make_run(root / "run", dataset, steps=2)
    configs = {"frame": {}, "evs": propagated("evs-07"), "changed": propagated("fast", interval=4)}
    metrics = {"frames": 23, "key_frames": 5, "refined_frames": 0, "frames_per_second": 7.25}
    judged = {
        name: make_judged(root / name, dataset, run, config, lift=0.1 * place, metrics=metrics)
        for place, (name, config) in enumerate(configs.items())
    }
    rates = make_rates(root / "rates", run, RATES)
    return {"root": root, "dataset": dataset, "run": run, "rates": rates} | judged


def test_accuracy_stands_over_the_rate_of_each_operating_point(
    made: dict[str, Path], page: Any
) -> None:
    read = page(made["frame"], made["evs"], made["rates"])
    assert "propagation" in read.ids
    (chart,) = [label for label in read.charts if label.startswith("mIoU over")]
    assert chart == (
        "mIoU over frames per second on shapes: every frame 20.0 at 2.5, evs-07 30.0 at 11"
    )
    assert "frames per second (64x48, a machine, 2 cores)" in read.text
    assert read.unclosed == []


def test_a_run_without_a_rate_is_named_and_left_out(made: dict[str, Path], page: Any) -> None:
    read = page(made["evs"], made["changed"], made["rates"])
    (chart,) = [label for label in read.charts if label.startswith("mIoU over")]
    assert chart.endswith(": evs-07 30.0 at 11")
    assert "has no rate: no operating point with its settings was measured" in read.text
    assert "fast differs in interval" in read.text
    alone = page(made["changed"], made["rates"])
    assert not any(label.startswith("mIoU over") for label in alone.charts)


def test_propagated_runs_are_listed_with_what_differs_from_their_presets(
    made: dict[str, Path], page: Any
) -> None:
    read = page(*(made["root"] / f"{name}-labels" for name in ("evs", "changed", "frame")))
    rows = {row[0]: row for row in read.rows if len(row) == 8}
    assert rows["evs-labels"] == [
        "evs-labels", "evs-07", "5", "dis-ultrafast", "23", "5", "0", "7.25",
    ]  # fmt: skip
    assert rows["changed-labels"][1:3] == ["fast but for interval", "4"]
    assert "frame-labels" not in rows


def test_rates_are_a_table_with_where_they_were_measured(made: dict[str, Path], page: Any) -> None:
    read = page(made["rates"])
    assert read.row("evs-07")[:3] == ["evs-07", "5", "11"]
    assert "Rates: rates" in read.text
    assert "frames of 48x64, cpu (a machine), 2 cores" in read.text
    assert "Propagation pays here." in read.text
    assert "Other artifacts" not in read.text


def test_rates_of_two_machines_give_tables_and_no_picture(
    made: dict[str, Path], page: Any, tmp_path: Path
) -> None:
    other = make_rates(
        tmp_path / "other", made["run"], {"best": 3.0}, machine=MACHINE | {"cores": 64}
    )
    read = page(made["evs"], made["rates"], other)
    assert not any(label.startswith("mIoU over") for label in read.charts)
    assert "No picture of accuracy over rate" in read.text
    assert read.row("best")[2] == "3"


def test_pages_without_propagation_have_no_such_section(project: Any, page: Any) -> None:
    read = page(*project.all)
    assert "propagation" not in read.ids
    assert "refiners" not in read.ids
