"""``vstc pseudo-label``: a data set that a teacher labelled; killed, resumed, refused."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from tests.killed_command import run_killed
from tests.moving import CLASSES, write_moving_dataset
from tests.tiny_runs import write_run
from vstc.artifacts.manifest import read_manifest
from vstc.formats.dataset import load_dataset, write_dataset

pytestmark = pytest.mark.usefixtures("one_thread")
QUIET = ["--device", "cpu", "-q", "--scales", "1"]


@pytest.fixture(scope="module")
def teacher(moving_dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("teacher") / "run", moving_dataset, seed=7)


def digests(folder: Path) -> dict[str, str]:
    payload = [*folder.rglob("*.png"), folder / "dataset.json"]
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(payload)
    }


def test_unlabelled_frames_get_labels_and_the_shares_are_told(
    moving_dataset: Path, teacher: Path, tmp_path: Path, run: Any
) -> None:
    shown = run(
        *("pseudo-label", teacher, moving_dataset, "-o", tmp_path / "out", *QUIET, "--json"),
        *("--split", "train"),
    ).json
    assert 0 < shown["kept_share"] <= 1
    assert set(shown["classes"]) == {"ground", "square", "disc"}
    dataset = load_dataset(tmp_path / "out")
    assert [clip.id for clip in dataset.clips] == ["train0", "train1"]
    assert sum(len(clip.labels) for clip in dataset.clips) == 8
    manifest = read_manifest(tmp_path / "out", kind="vstc.dataset")
    assert manifest["config"]["min_confidence"] == "class-median"
    # The new data set stands in for the old one: its frames are those of the input.
    run("data", "check", tmp_path / "out", "-q")


def test_the_table_of_classes_is_printed(
    moving_dataset: Path, teacher: Path, tmp_path: Path, run: Any
) -> None:
    shown = run(
        *("pseudo-label", teacher, moving_dataset, "-o", tmp_path / "out", *QUIET),
        *("--limit", 1, "--no-flip", "--min-confidence", "fixed:0.5"),
    )
    assert "kept_share" in shown.stdout
    assert "disc" in shown.stdout


def test_killed_and_resumed_labels_are_those_of_an_undisturbed_run(
    moving_dataset: Path, teacher: Path, tmp_path: Path, run: Any
) -> None:
    command = ["pseudo-label", teacher, moving_dataset, *QUIET, "--include-labelled"]
    command += ["--workers", 1, "--batch", 4]
    # 18 frames: ids and confidences are 36 files, then come 18 files of labels.
    kills, _ = run_killed(command, tmp_path / "out", moments=[7, 30, 40], seed=4)
    assert kills >= 2
    # The index tells the way from the frames to the labels: both runs must bear one name.
    (tmp_path / "out").rename(tmp_path / "killed")
    run(*command, "-o", tmp_path / "out")
    assert digests(tmp_path / "killed") == digests(tmp_path / "out")
    assert len(digests(tmp_path / "out")) == 3 * 18 + 1
    assert read_manifest(tmp_path / "killed")["id"] == read_manifest(tmp_path / "out")["id"]


def test_dry_run_writes_nothing(
    moving_dataset: Path, teacher: Path, tmp_path: Path, run: Any
) -> None:
    shown = run(
        "pseudo-label", teacher, moving_dataset, "-o", tmp_path / "out", *QUIET, "--dry-run",
        "--json",
    ).json  # fmt: skip
    assert shown["units"] == 16  # eight frames, each passed over twice
    assert list(tmp_path.iterdir()) == []


def test_an_existing_output_is_refused(
    moving_dataset: Path, teacher: Path, tmp_path: Path, run: Any
) -> None:
    command = ["pseudo-label", teacher, moving_dataset, "-o", tmp_path / "out", *QUIET]
    run(*command, "--limit", 1)
    assert "--overwrite" in run(*command, "--limit", 1, code=4).stderr
    says = run(*command, "--limit", 1, "--resume", "--min-confidence", "none", code=4).stderr
    assert "min_confidence ('class-median' then, 'none' now)" in says


def renamed(folder: Path) -> Path:
    dataset = write_moving_dataset(folder, train=1, val=0)
    classes = [entry.model_copy(update={"name": entry.name[::-1]}) for entry in CLASSES]
    write_dataset(folder, dataset.record.model_copy(update={"classes": classes}))
    return folder


@pytest.mark.parametrize(
    ("code", "arguments", "says"),
    [
        (2, ["--min-confidence", "sure"], "use none, class-median, or fixed:P"),
        (2, ["--set", "min_confidense=none"], "unknown setting: min_confidense"),
        (3, ["--split", "val"], "has a true label already"),
        (5, ["--device", "cuda:77"], "is not available here"),
    ],
)
def test_wrong_options_are_refused_before_anything_is_written(
    moving_dataset: Path,
    teacher: Path,
    tmp_path: Path,
    run: Any,
    code: int,
    arguments: list[str],
    says: str,
) -> None:
    out = tmp_path / "out"
    done = run("pseudo-label", teacher, moving_dataset, "-o", out, *QUIET, *arguments, code=code)
    assert says in done.stderr
    assert done.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_a_teacher_of_other_classes_is_refused_before_anything_is_written(
    teacher: Path, tmp_path: Path, run: Any
) -> None:
    dataset = renamed(tmp_path / "data")
    done = run("pseudo-label", teacher, dataset, "-o", tmp_path / "out", *QUIET, code=3)
    assert "the teacher knows the classes ground, square, disc" in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_missing_or_broken_input_is_refused(
    moving_dataset: Path, teacher: Path, tmp_path: Path, run: Any
) -> None:
    out = ["-o", tmp_path / "out", *QUIET]
    assert "not found" in run("pseudo-label", tmp_path / "x", moving_dataset, *out, code=3).stderr
    assert "nothing to read" in run("pseudo-label", teacher, tmp_path / "x", *out, code=3).stderr
    dataset = write_moving_dataset(tmp_path / "data", train=1, val=0).folder
    frame = dataset / "frames/train0/004.png"
    frame.write_bytes(frame.read_bytes()[:99])
    assert "train0/004.png" in run("pseudo-label", teacher, dataset, *out, code=3).stderr
    assert not (tmp_path / "out/dataset.json").exists()
    assert not (tmp_path / "out/manifest.json").exists()
