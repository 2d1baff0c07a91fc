"""``vstc propagate --benchmark``: what it measures and says; no figure is judged here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.moving import write_moving_dataset
from tests.tiny_runs import write_run

pytestmark = pytest.mark.usefixtures("one_thread")
HOW = ["--benchmark", "--device", "cpu", "-q"]
PARTS = {"decode", "flow", "warp", "network", "refiner", "draw", "write"}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_moving_dataset(
        tmp_path_factory.mktemp("moving"), train=1, val=0, num_frames=25
    ).folder


@pytest.fixture(scope="module")
def trained(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("trained") / "run", dataset, seed=7)


def test_rates_and_parts_stand_beside_the_bound(dataset: Path, trained: Path, run: Any) -> None:
    presets = "evs-01,evs-06,evs-07,evs-08,best"
    found = run("propagate", trained, dataset, *HOW, "--presets", presets, "--json").json
    rows = {row["name"]: row for row in found["rows"]}
    assert list(rows) == ["every frame", *presets.split(",")]
    for row in rows.values():
        assert row["frames_per_second"] > 0
        assert row["share_of_bound"] == pytest.approx(
            row["frames_per_second"] / row["bound"], abs=0.01
        )
        assert row["latency_p50_ms"] <= row["latency_p95_ms"]
        assert set(row["parts"]) == PARTS
        assert 0 < row["network_busy"] <= 1
    every, cycle = rows["every frame"], rows["evs-07"]
    assert every["times_per_frame_rate"] == 1
    assert every["network_ms"] == cycle["network_ms"]
    # S / max(network, flow of S - 1 steps / workers, warping of S - 1 steps)
    slowest = max(
        cycle["network_ms"],
        4 * cycle["flow_ms"] / found["machine"]["workers"],
        4 * cycle["warp_ms"],
    )
    assert cycle["bound"] == pytest.approx(5000 / slowest, rel=0.01)
    assert rows["evs-06"]["refiner_ms"] > 0
    assert rows["evs-06"]["parts"]["refiner"]["calls"] == 2  # of two cycles, behind two to warm up
    assert rows["evs-08"]["parts"]["flow"]["calls"] == 10  # grey frames alone
    assert rows["evs-08"]["flow_method"] is None
    assert cycle["parts"]["network"]["calls"] == 2
    assert found["refiner"] == "untrained"
    assert found["verdict"].startswith("propagation ")


def test_people_get_tables_and_a_verdict(dataset: Path, trained: Path, run: Any) -> None:
    shown = run("propagate", trained, dataset, *HOW[:3], "--presets", "evs-07")
    assert "evs-07, every 5" in shown.stdout
    assert "here: the flow of a step takes" in " ".join(shown.stdout.split())
    assert "measuring: every frame" in shown.stderr


def test_a_model_can_be_measured_untrained_at_any_size(dataset: Path, run: Any) -> None:
    command = ["propagate", "pspnet-tiny", dataset, *HOW, "--random-weights", "--json"]
    found = run(
        *command, "--presets", "balanced", "--size", "24x40", "--limit", 40,
        "--without", "decode,write", "--interval", 4, "--workers", 2,
    ).json  # fmt: skip
    assert (found["size"], found["network"]) == ([24, 40], "pspnet-tiny")
    assert found["left_out"] == ["decode", "write"]
    assert found["machine"]["workers"] == 2
    (_, row) = found["rows"]
    assert (row["interval"], row["frames"]) == (4, 37)  # more than the clip has
    assert row["parts"]["write"]["calls"] == 0


@pytest.mark.parametrize(
    ("code", "network", "arguments", "says"),
    [
        (2, None, [*HOW, "--presets", "evs-7"], "unknown preset: evs-7"),
        (2, None, [*HOW, "--without", "flow"], "unknown part to leave out: flow"),
        (2, None, [*HOW, "--size", "48"], "--size 48 is not HEIGHTxWIDTH"),
        (2, None, [*HOW, "-o", "{out}"], "--benchmark writes nothing"),
        (2, None, ["-o", "{out}", "--presets", "fast"], "--presets is about --benchmark"),
        (2, None, ["-o", "{out}", "--random-weights"], "--random-weights is about --benchmark"),
        (2, "labels", HOW, "a benchmark needs a network, and labels is none"),
        (2, "icnot", [*HOW, "--random-weights"], "unknown model: icnot"),
        (
            3,
            None,
            [*HOW, "--limit", "20"],
            "11 frames are too few to measure an interval of 10: 31",
        ),
    ],
)
def test_what_cannot_be_measured_is_refused(
    dataset: Path,
    trained: Path,
    tmp_path: Path,
    run: Any,
    code: int,
    network: str | None,
    arguments: list[str],
    says: str,
) -> None:
    words = [word.format(out=tmp_path / "out") for word in arguments]
    said = run("propagate", network or trained, dataset, *words, code=code).stderr
    assert says in said
    assert list(tmp_path.iterdir()) == []


def test_a_stream_cannot_be_measured(trained: Path, run: Any) -> None:
    assert "a pipe or camera gives them once" in run("propagate", trained, "-", *HOW, code=3).stderr


def test_a_dry_run_measures_nothing(dataset: Path, trained: Path, run: Any) -> None:
    command = ["propagate", trained, dataset, *HOW, "--presets", "fast,balanced"]
    shown = run(*command, "--dry-run", "--json", "--limit", 25, "--interval", 3).json
    assert shown["presets"] == ["fast", "balanced"]
    assert (shown["clip"], shown["frames"]) == ("train0", 25)
