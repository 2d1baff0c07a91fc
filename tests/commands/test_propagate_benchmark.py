"""``vstc propagate --benchmark``: what it measures and says; no figure is judged here."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.moving import write_moving_dataset
from tests.tiny_runs import write_run
from vstc.artifacts.lineage import trace
from vstc.artifacts.manifest import read_manifest
from vstc.formats.video.files import VideoWriter
from vstc.propagation.measuring.artifact import read_rates
from vstc.propagation.measuring.operating_points import operating_point
from vstc.propagation.presets import PRESETS

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
    command = ["propagate", trained, dataset, *HOW, "--presets", presets, "--limit", 25]
    found = run(*command, "--json").json
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
    assert (
        rows["evs-06"]["parts"]["refiner"]["calls"] == 3
    )  # of three cycles, behind one to warm up
    assert rows["evs-08"]["parts"]["flow"]["calls"] == 15  # grey frames alone
    assert rows["evs-08"]["flow_method"] is None
    assert cycle["parts"]["network"]["calls"] == 3
    assert found["refiner"] == "untrained"
    assert found["verdict"].startswith("propagation ")


def test_people_get_tables_and_a_verdict(dataset: Path, trained: Path, run: Any) -> None:
    shown = run("propagate", trained, dataset, *HOW[:3], "--presets", "evs-07", "--limit", 25)
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
        (2, None, [*HOW, "--stdout", "y4m"], "--benchmark makes no video"),
        (2, None, [*HOW, "--overwrite"], "--overwrite is about a folder"),
        (2, None, ["-o", "{out}", "--presets", "fast"], "--presets is about --benchmark"),
        (2, None, ["-o", "{out}", "--random-weights"], "--random-weights is about --benchmark"),
        (2, None, [*HOW, "--light", "{run}"], "the light network would never be used"),
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
    words = [word.format(out=tmp_path / "out", run=trained) for word in arguments]
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


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("few")
    return write_moving_dataset(folder, train=1, val=0, num_frames=6).folder


def keep(
    run: Any, trained: Path | str, dataset: Path, output: Path, *more: object, **how: Any
) -> Any:
    quick = ["--presets", "evs-08,balanced", "--limit", 16, "-o", output]
    return run("propagate", trained, dataset, *HOW, *quick, *more, **how)


def test_rates_are_kept_with_their_tables(
    dataset: Path, trained: Path, tmp_path: Path, run: Any
) -> None:
    out = tmp_path / "rates"
    told = keep(run, trained, dataset, out, "--json").json
    assert read_rates(out) == told == json.loads((out / "rates.json").read_text())
    assert {path.name for path in out.iterdir()} - {".lock"} == {
        "manifest.json", "rates.csv", "rates.json", "rates.md",
    }  # fmt: skip
    for row, name in zip(told["rows"][1:], ("evs-08", "balanced"), strict=True):
        assert row["preset"] == row["name"] == name
        assert operating_point(row["settings"]) == PRESETS[name]
    table = list(csv.DictReader((out / "rates.csv").open(newline="")))
    assert [float(row["bound"]) for row in table] == [row["bound"] for row in told["rows"]]
    text = (out / "rates.md").read_text()
    assert "| balanced | 5 |" in text
    assert told["verdict"] in text
    manifest = read_manifest(out, kind="vstc.rates")
    assert [ref["role"] for ref in manifest["inputs"]] == ["checkpoint", "dataset"]
    assert set(manifest["metrics"]["frames_per_second"]) == {"every frame", "evs-08", "balanced"}
    assert trace(out).all_faults() == []


def test_kept_rates_are_refused_kept_or_measured_anew(
    dataset: Path, trained: Path, tmp_path: Path, run: Any
) -> None:
    out = tmp_path / "rates"
    keep(run, trained, dataset, out, "--dry-run")
    assert list(tmp_path.iterdir()) == []
    first = keep(run, trained, dataset, out, "--json").json
    assert "output exists" in keep(run, trained, dataset, out, code=4).stderr
    assert keep(run, trained, dataset, out, "--resume", "--json").json == first
    other = keep(run, trained, dataset, out, "--resume", "--interval", 4, code=4).stderr
    assert "benchmark.operating_points.balanced.interval" in other
    anew = keep(run, trained, dataset, out, "--overwrite", "--interval", 4, "--json").json
    assert [row["preset"] for row in anew["rows"]] == [None, None, None]
    assert [row["interval"] for row in anew["rows"]] == [1, 4, 4]


def test_a_short_clip_runs_forth_and_back(few: Path, trained: Path, run: Any) -> None:
    command = ["propagate", trained, few, *HOW, "--presets", "balanced", "--limit", 16]
    (_, row) = run(*command, "--json").json["rows"]
    assert row["frames"] == 16  # of a clip of 6
    assert row["parts"]["decode"]["calls"] > 0


def test_an_untrained_network_is_no_input(dataset: Path, tmp_path: Path, run: Any) -> None:
    keep(run, "pspnet-tiny", dataset, tmp_path / "rates", "--random-weights")
    manifest = read_manifest(tmp_path / "rates")
    assert [ref["role"] for ref in manifest["inputs"]] == ["dataset"]
    assert manifest["config"]["benchmark"]["random_weights"] == "pspnet-tiny"


def test_a_short_video_names_the_way_out(trained: Path, tmp_path: Path, run: Any) -> None:
    video = tmp_path / "short.mp4"
    with VideoWriter(video, fps=10, size=(48, 64)) as writer:
        for number in range(12):
            writer.write(np.full((48, 64, 3), 10 * number, np.uint8))
    command = ["propagate", trained, video, *HOW, "--presets", "balanced"]
    said = run(*command, code=3).stderr
    assert "12 frames are too few" in said
    assert "--without decode" in said


def test_a_light_network_is_measured_in_fusion_alone(
    few: Path, trained: Path, tmp_path: Path, run: Any
) -> None:
    light = write_run(tmp_path / "light", few, seed=8)
    what = ["--presets", "balanced", "--limit", 16, "--mode", "fusion", "--light", light]
    command = ["propagate", trained, few, *HOW, *what, "-o", tmp_path / "rates"]
    every, fused = run(*command, "--json").json["rows"]
    assert (every["settings"]["mode"], fused["settings"]["mode"]) == ("labels", "fusion")
    assert fused["parts"]["network"]["calls"] > 2  # as many as there are key frames
    roles = [ref["role"] for ref in read_manifest(tmp_path / "rates")["inputs"]]
    assert roles == ["checkpoint", "light", "dataset"]


def test_an_exported_program_is_measured_as_a_network(
    few: Path, trained: Path, tmp_path: Path, run: Any
) -> None:
    program = tmp_path / "network.pt2"
    run("export", trained, "-o", program, "-q")
    told = keep(run, program, few, tmp_path / "rates", "--json").json
    assert [row["name"] for row in told["rows"]] == ["every frame", "evs-08", "balanced"]
    (checkpoint, _) = read_manifest(tmp_path / "rates")["inputs"]
    assert checkpoint["role"] == "checkpoint"
    assert checkpoint["path"].endswith("network.pt2")
