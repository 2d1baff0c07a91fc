"""``vstc data check``: what it prints, its exit codes, and its artifact."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

Run = Any


@pytest.fixture
def dataset(tmp_path: Path, run: Run) -> Path:
    for i in range(3):
        for folder in ("images", "labels"):
            (tmp_path / folder).mkdir(exist_ok=True)
        noise = np.random.default_rng(i).integers(0, 256, (10, 14, 3), np.uint8)
        cv2.imwrite(str(tmp_path / "images" / f"{i}.png"), noise)
        ids = np.zeros((10, 14), np.uint8)
        ids[:, :7] = 1
        Image.fromarray(ids).save(tmp_path / "labels" / f"{i}.png")
    folders = (tmp_path / "images", "--labels", tmp_path / "labels")
    run("data", "index", "folder", *folders, "--frame-step", 1, "-o", tmp_path / "set", "-q")
    return tmp_path / "set"


@pytest.fixture
def broken(dataset: Path) -> Path:
    ids = np.full((10, 14), 200, np.uint8)
    Image.fromarray(ids).save(dataset.parent / "labels" / "1.png")
    return dataset


def test_sound_data_set_leaves_with_0_and_writes_nothing(dataset: Path, run: Run) -> None:
    before = sorted(dataset.parent.rglob("*"))
    done = run("data", "check", dataset)
    assert "50.00" in done.stdout
    assert "3 frames read, 0 fault(s)" in done.stdout
    assert sorted(dataset.parent.rglob("*")) == before


def test_json_parses_and_progress_stays_off_stdout(dataset: Path, run: Run) -> None:
    done = run("data", "check", dataset, "--json")
    assert done.json["frames_read"] == 3
    assert done.json["faults"] == []
    assert [c["percent"] for c in done.json["splits"][0]["classes"]] == [50.0, 50.0]
    assert "check: 3/3 frames" in done.stderr


def test_faults_are_listed_and_leave_with_6(broken: Path, run: Run) -> None:
    done = run("data", "check", broken, code=6)
    assert "FAULT images 1: label holds ids" in done.stdout
    assert "1 fault(s)" in done.stderr
    done = run("data", "check", broken, "--json", code=6)
    assert done.json["faults"][0]["frame"] == "1"


def test_many_faults_are_shortened_for_people_only(
    dataset: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vstc.commands import data_check

    monkeypatch.setattr(data_check, "SHOWN_FAULTS", 2)
    for path in (dataset.parent / "images").iterdir():
        path.write_bytes(b"")
    done = run("data", "check", dataset, code=6)
    assert done.stdout.count("FAULT") == 2
    assert "and 1 more" in done.stdout
    assert len(run("data", "check", dataset, "--json", code=6).json["faults"]) == 3


def test_artifact_is_written_also_when_there_are_faults(broken: Path, run: Run) -> None:
    out = broken.parent / "check"
    run("data", "check", broken, "-o", out, code=6)
    report = json.loads((out / "check.json").read_text())
    manifest = json.loads((out / "manifest.json").read_text())
    assert len(report["faults"]) == 1
    assert manifest["kind"] == "vstc.check"
    assert manifest["metrics"] == {"frames": 3, "faults": 1}
    assert manifest["inputs"][0]["kind"] == "vstc.dataset"


def test_existing_output_is_refused_resumed_or_renewed(dataset: Path, run: Run) -> None:
    out = dataset.parent / "check"
    run("data", "check", dataset, "-o", out)
    first = (out / "manifest.json").read_bytes()
    whole = (out / "check.json").read_bytes()
    assert "--resume" in run("data", "check", dataset, "-o", out, code=4).stderr
    again = run("data", "check", dataset, "-o", out, "--resume", "--json")
    assert again.json["frames_read"] == 3
    assert "nothing to do" in again.stderr
    assert (out / "manifest.json").read_bytes() == first
    run("data", "check", dataset, "-o", out, "--limit", 1, "--resume", code=4)
    (out / "check.json").write_text("{")
    run("data", "check", dataset, "-o", out, "--resume", code=3)
    run("data", "check", dataset, "-o", out, "--overwrite")
    assert (out / "check.json").read_bytes() == whole


def test_dry_run_checks_but_writes_nothing(broken: Path, run: Run) -> None:
    out = broken.parent / "check"
    run("data", "check", broken, "-o", out, "--dry-run", code=6)
    assert not out.exists()


def test_resumed_after_a_crash_equals_never_interrupted(
    dataset: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vstc.data import check

    whole, cut = dataset.parent / "whole", dataset.parent / "cut"
    run("data", "check", dataset, "-o", whole)

    def crash(*_arguments: object) -> None:
        raise KeyError("crash")

    with monkeypatch.context() as patch:
        patch.setattr(check, "read_unit", crash)
        with pytest.raises(KeyError):
            run("data", "check", dataset, "-o", cut)
    assert not (cut / "manifest.json").exists()
    run("data", "check", dataset, "-o", cut, "--resume")
    assert (cut / "check.json").read_bytes() == (whole / "check.json").read_bytes()


def test_missing_corrupt_and_duplicate_indices_are_input_errors(
    dataset: Path, run: Run, tmp_path: Path
) -> None:
    assert "dataset.json is missing" in run("data", "check", tmp_path / "none", code=3).stderr
    alone = tmp_path / "alone"
    alone.mkdir()
    index = json.loads((dataset / "dataset.json").read_text())
    index["clips"][0]["frames"].append("other/0.png")
    (alone / "dataset.json").write_text(json.dumps(index))
    assert "stands twice: 0" in run("data", "check", alone, code=3).stderr
    (alone / "dataset.json").write_text("{")
    run("data", "check", alone, code=3)


def test_unknown_split_is_a_usage_error(dataset: Path, run: Run) -> None:
    assert "choose one of: all" in run("data", "check", dataset, "--split", "al", code=2).stderr
