"""``vstc data synth``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

SMALL = ("--splits", "train=1,val=1", "--frames", "3", "--size", "32x64", "--seed", "3")


def test_it_writes_a_data_set_and_its_true_flow(run: Any, tmp_path: Path) -> None:
    output = tmp_path / "synth"
    done = run("data", "synth", "-o", output, *SMALL, "--json")
    assert done.json["splits"]["val"] == {"clips": 1, "frames": 3, "labelled": 3}
    assert done.json["num_classes"] == 8
    assert not (output / "alpha").exists()
    assert json.loads((output / "manifest.json").read_text())["kind"] == "vstc.dataset"
    flow = json.loads((output / "truth-flow" / "manifest.json").read_text())
    assert flow["kind"] == "vstc.flow"
    assert run("info", output, "--json").json["faults"] == []
    assert run("info", output / "truth-flow", "--json").json["faults"] == []


def test_the_same_settings_give_the_same_id(run: Any, tmp_path: Path) -> None:
    ids = []
    for name in ("one", "two"):
        run("data", "synth", "-o", tmp_path / name, *SMALL)
        ids.append(json.loads((tmp_path / name / "manifest.json").read_text())["id"])
    assert ids[0] == ids[1]


def test_a_dry_run_writes_nothing(run: Any, tmp_path: Path) -> None:
    done = run("data", "synth", "-o", tmp_path / "synth", *SMALL, "--dry-run", "--json")
    assert done.json["dry_run"] is True
    assert list(tmp_path.iterdir()) == []


def test_an_old_output_is_refused_kept_or_replaced(run: Any, tmp_path: Path) -> None:
    output = tmp_path / "synth"
    run("data", "synth", "-o", output, *SMALL)
    first = (output / "manifest.json").read_bytes()
    assert "--resume" in run("data", "synth", "-o", output, *SMALL, code=4).stderr
    run("data", "synth", "-o", output, *SMALL, "--resume")
    assert (output / "manifest.json").read_bytes() == first
    other = [*SMALL[:-1], "4"]
    assert "seed" in run("data", "synth", "-o", output, *other, "--resume", code=4).stderr
    run("data", "synth", "-o", output, *other, "--overwrite")
    assert (output / "manifest.json").read_bytes() != first


def test_a_manifest_replays(run: Any, tmp_path: Path) -> None:
    run("data", "synth", "-o", tmp_path / "one", *SMALL, "--alpha")
    config = tmp_path / "one" / "manifest.json"
    run("data", "synth", "-o", tmp_path / "two", "--config", config)
    first, second = (
        json.loads((tmp_path / name / "manifest.json").read_text()) for name in ("one", "two")
    )
    assert first["id"] == second["id"]
    assert (tmp_path / "two" / "alpha").is_dir()


def test_clips_are_shared_out(run: Any, tmp_path: Path) -> None:
    done = run("data", "synth", "-o", tmp_path / "x", "--clips", "10", "--dry-run", "--json")
    assert {name: row["clips"] for name, row in done.json["splits"].items()} == {
        "train": 8,
        "val": 1,
        "test": 1,
    }


@pytest.mark.parametrize(
    ("flags", "part"),
    [
        (("--clips", "2", "--splits", "train=1"), "--clips"),
        (("--size", "big"), "HEIGHTxWIDTH"),
        (("--set", "nois=1"), "nois"),
        (("--noise", "-3"), "noise"),
        (("--resume", "--overwrite"), "exclude"),
    ],
)
def test_bad_options_are_told(run: Any, tmp_path: Path, flags: tuple[str, ...], part: str) -> None:
    refused = run("data", "synth", "-o", tmp_path / "x", *flags, code=2)
    assert part in refused.stderr
    assert not (tmp_path / "x").exists()
