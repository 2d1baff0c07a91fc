"""``vstc distill``: a student from labels, pseudo labels, a teacher and flow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from tests.moving import CLASSES, write_moving_dataset
from tests.tiny_runs import write_run
from vstc.artifacts.manifest import read_manifest
from vstc.formats.dataset import load_dataset, write_dataset

pytestmark = pytest.mark.usefixtures("one_thread")
QUICK = ["--model", "pspnet-tiny", "--crop", "33x41", "--batch", "2", "--steps", "2"]
QUIET = ["--workers", "1", "--device", "cpu", "-q", "--val-split", ""]


@pytest.fixture(scope="module")
def teacher(moving_dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("teacher") / "run"
    return write_run(folder, moving_dataset, model="pspnet-small", seed=5)


def test_a_student_learns_from_all_four_sources(
    moving_dataset: Path, teacher: Path, tmp_path: Path, run: Any
) -> None:
    run(
        *("pseudo-label", teacher, moving_dataset, "-o", tmp_path / "pseudo", "--split", "train"),
        *("--scales", "1", "--device", "cpu", "-q", "--min-confidence", "none"),
    )
    shown = run(
        *("distill", moving_dataset, "-o", tmp_path / "run", *QUICK, *QUIET, "--json"),
        *("--teacher", teacher, "--pseudo", tmp_path / "pseudo", "--ratio", "1:1"),
        *("--flow", moving_dataset / "flow", "--w-tl", 0.2, "--w-pf", 0.3, "--w-mf", 0.4),
    ).json
    assert shown["terms"] == ["ce", "pf", "mf", "tl"]
    assert shown["sources"]["pseudo"]["anchors"] == 8
    manifest = read_manifest(tmp_path / "run")
    roles = {ref["role"]: ref["kind"] for ref in manifest["inputs"]}
    assert roles == {
        "dataset": "raw", "pseudo": "vstc.dataset", "teacher": "vstc.checkpoint", "flow": "raw",
    }  # fmt: skip
    weights = manifest["config"]["weights"]
    assert (weights["tl"], weights["pf"], weights["mf"], weights["ce"]) == (0.2, 0.3, 0.4, 1.0)
    assert manifest["config"]["ratio"] == [1, 1]


def test_without_flow_the_temporal_loss_is_left_out(
    moving_dataset: Path, teacher: Path, tmp_path: Path, run: Any
) -> None:
    shown = run(
        *("distill", moving_dataset, "-o", tmp_path / "run", *QUICK, *QUIET, "--json"),
        *("--teacher", teacher / "best.pt"),
    ).json
    assert shown["terms"] == ["ce", "pf", "mf"]


@pytest.mark.parametrize("recipe", ["liu2020", "liu2022", "etc-code"])
def test_recipes_of_the_papers_run(
    moving_dataset: Path, teacher: Path, tmp_path: Path, run: Any, recipe: str
) -> None:
    small = ["--set", "mf.pool=adaptive:3", "--set", "class_weights=none"]
    run(
        *("distill", moving_dataset, "-o", tmp_path / "run", *QUICK, *QUIET, "--recipe", recipe),
        *("--teacher", teacher, "--flow", moving_dataset / "flow", *small),
        *("--terms", "ce,sf,pf,mf,tl"),
    )
    config = read_manifest(tmp_path / "run")["config"]
    forms = {"liu2020": "l2", "liu2022": "kl", "etc-code": "logit-mse"}
    assert config["tl"]["form"] == forms[recipe]


def test_dry_run_writes_nothing(
    moving_dataset: Path, teacher: Path, tmp_path: Path, run: Any
) -> None:
    run(
        *("distill", moving_dataset, "-o", tmp_path / "run", *QUICK, *QUIET, "--dry-run"),
        *("--teacher", teacher),
    )
    assert list(tmp_path.iterdir()) == []


def refused(run: Any, tmp_path: Path, code: int, dataset: Path, *arguments: object) -> str:
    out = tmp_path / "run"
    done = run("distill", dataset, "-o", out, *QUICK, *QUIET, *arguments, code=code)
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert not out.exists()
    return str(done.stderr)


def test_a_term_without_its_teacher_or_flow_is_a_usage_error(
    moving_dataset: Path, teacher: Path, tmp_path: Path, run: Any
) -> None:
    says = refused(run, tmp_path, 2, moving_dataset)
    assert "terms mf, pf need a teacher" in says
    assert "--teacher RUN" in says
    arguments = ("--teacher", teacher, "--terms", "ce,tl")
    assert "term tl needs flow" in refused(run, tmp_path, 2, moving_dataset, *arguments)


def test_an_existing_output_is_refused(
    moving_dataset: Path, teacher: Path, tmp_path: Path, run: Any
) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run/mine.txt").write_text("x")
    command = ["distill", moving_dataset, "-o", tmp_path / "run", *QUICK, *QUIET]
    done = run(*command, "--teacher", teacher, "--overwrite", code=4)
    assert "was not made by vstc" in done.stderr
    assert (tmp_path / "run/mine.txt").exists()


def test_a_teacher_that_is_missing_or_broken_is_refused(
    moving_dataset: Path, tmp_path: Path, run: Any
) -> None:
    says = refused(run, tmp_path, 3, moving_dataset, "--teacher", tmp_path / "none")
    assert "vstc.checkpoint not found" in says
    torch.save({"state_dict": {}}, tmp_path / "foreign.pth")
    says = refused(run, tmp_path, 3, moving_dataset, "--teacher", tmp_path / "foreign.pth")
    assert "is not a checkpoint of vstc" in says


def renamed(dataset: Path) -> Path:
    """Give the data set another class table."""
    record = load_dataset(dataset).record
    classes = [entry.model_copy(update={"name": f"new {entry.name}"}) for entry in CLASSES]
    write_dataset(dataset, record.model_copy(update={"classes": classes}))
    return dataset


def test_a_teacher_of_other_classes_is_refused(teacher: Path, tmp_path: Path, run: Any) -> None:
    dataset = renamed(write_moving_dataset(tmp_path / "data").folder)
    says = refused(run, tmp_path, 3, dataset, "--teacher", teacher)
    assert "was trained on other classes" in says


def test_pseudo_labels_of_other_classes_are_refused(
    moving_dataset: Path, teacher: Path, tmp_path: Path, run: Any
) -> None:
    pseudo = renamed(write_moving_dataset(tmp_path / "data").folder)
    says = refused(run, tmp_path, 3, moving_dataset, "--teacher", teacher, "--pseudo", pseudo)
    assert "are not those of" in says


def test_a_ratio_that_is_none_is_refused(
    moving_dataset: Path, teacher: Path, tmp_path: Path, run: Any
) -> None:
    for ratio in ("1", "1:x", "0:0"):
        assert "ratio" in refused(
            run, tmp_path, 2, moving_dataset, "--teacher", teacher, "--ratio", ratio
        )
