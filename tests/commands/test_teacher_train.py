"""``vstc teacher train``, from flags to a run folder, and what it refuses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.moving import CLASSES, draw_scene, write_flow, write_moving_dataset
from vstc.artifacts.manifest import read_manifest
from vstc.formats.dataset import class_palette, load_dataset
from vstc.formats.flow.hdf5 import FlowDirection
from vstc.formats.images import encode_labels
from vstc.inference.checkpoint import load_network, read_checkpoint

pytestmark = pytest.mark.usefixtures("one_thread")
QUICK = ["--model", "pspnet-tiny", "--crop", "33x41", "--batch", "2", "--steps", "2"]
QUIET = ["--workers", "1", "--device", "cpu", "-q"]


@pytest.fixture
def own_dataset(tmp_path: Path) -> Path:
    """A data set that a test may damage."""
    return write_moving_dataset(tmp_path / "data").folder


def test_a_baseline_is_trained_validated_and_recorded(
    moving_dataset: Path, tmp_path: Path, run: Any
) -> None:
    out = tmp_path / "run"
    shown = run("teacher", "train", moving_dataset, "-o", out, *QUICK, *QUIET, "--json").json
    assert shown["steps"] == 2
    assert shown["terms"] == ["ce"]
    assert shown["sources"]["labelled"] == {
        "dataset": "moving", "anchors": 4, "with_neighbours": 4,
    }  # fmt: skip
    assert 0 <= shown["best_miou"] <= 1
    manifest = read_manifest(out, kind="vstc.checkpoint")
    assert manifest["config"]["crop"] == [33, 41]
    assert manifest["metrics"]["best_miou"] == shown["best_miou"]
    assert [ref["role"] for ref in manifest["inputs"]] == ["dataset"]
    assert load_network(out).model.name == "pspnet-tiny"
    assert json.loads((out / "metrics.jsonl").read_text().splitlines()[0])["step"] == 2


def test_flow_turns_the_temporal_loss_on(moving_dataset: Path, tmp_path: Path, run: Any) -> None:
    shown = run(
        *("teacher", "train", moving_dataset, "-o", tmp_path / "run", *QUICK, *QUIET, "--json"),
        *("--flow", moving_dataset / "flow", "--tl", "l2", "--w-tl", 0.3),
    ).json
    assert shown["terms"] == ["ce", "tl"]
    assert shown["best_tc"] is not None
    config = read_manifest(tmp_path / "run")["config"]
    assert (config["tl"]["form"], config["weights"]["tl"]) == ("l2", 0.3)


def test_icnet_trains_by_the_same_loop(moving_dataset: Path, tmp_path: Path, run: Any) -> None:
    shown = run(
        *("teacher", "train", moving_dataset, "-o", tmp_path / "run", *QUICK, *QUIET, "--json"),
        *("--model", "icnet", "--flow", moving_dataset / "flow", "--terms", "ce,tl"),
    ).json
    assert shown["parameters"] > 6_600_000
    assert shown["best_tc"] is not None
    assert load_network(tmp_path / "run").model.name == "icnet"


def test_the_manifest_of_a_run_replays_it(moving_dataset: Path, tmp_path: Path, run: Any) -> None:
    first = ["teacher", "train", moving_dataset, *QUIET]
    run(*first, "-o", tmp_path / "a", *QUICK, "--limit", 1, "--val-split", "", "--seed", 3)
    run(*first, "-o", tmp_path / "b", "--config", tmp_path / "a/manifest.json")
    a, b = read_manifest(tmp_path / "a"), read_manifest(tmp_path / "b")
    assert a["config"] == b["config"]
    assert a["config"]["limit"] == 1
    weights = [load_network(tmp_path / name).model.state_dict() for name in "ab"]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_init_starts_from_given_weights(moving_dataset: Path, tmp_path: Path, run: Any) -> None:
    first = ["teacher", "train", moving_dataset, *QUICK, *QUIET, "--val-split", ""]
    run(*first, "-o", tmp_path / "a")
    weights = load_network(tmp_path / "a").model.state_dict()
    torch.save(weights, tmp_path / "w.pth")
    run(*first, "-o", tmp_path / "b", "--init", tmp_path / "w.pth", "--lr", 1e-12)
    again = load_network(tmp_path / "b").model.state_dict()
    kept = [n for n in weights if n.endswith("weight") and torch.allclose(weights[n], again[n])]
    assert len(kept) == len([n for n in weights if n.endswith("weight")])
    roles = [ref["role"] for ref in read_manifest(tmp_path / "b")["inputs"]]
    assert roles == ["dataset", "init"]
    run(*first, "-o", tmp_path / "c", "--init", tmp_path / "none.pth", code=3)


def test_dry_run_checks_all_and_writes_nothing(
    moving_dataset: Path, tmp_path: Path, run: Any
) -> None:
    out = tmp_path / "run"
    shown = run(
        *("teacher", "train", moving_dataset, "-o", out, *QUICK, *QUIET, "--dry-run", "--json"),
        *("--flow", moving_dataset / "flow"),
    ).json
    assert (shown["steps"], shown["batch"], shown["val_clips"]) == (2, 2, 1)
    assert list(tmp_path.iterdir()) == []


def test_an_existing_run_is_kept_resumed_or_overwritten(
    moving_dataset: Path, tmp_path: Path, run: Any
) -> None:
    command = ["teacher", "train", moving_dataset, "-o", tmp_path / "run", *QUICK, *QUIET]
    run(*command)
    before = (tmp_path / "run/last.pt").stat().st_mtime_ns
    assert "--resume" in run(*command, code=4).stderr
    run(*command, "--resume")
    assert (tmp_path / "run/last.pt").stat().st_mtime_ns == before
    assert "lr (0.01 then, 0.5 now)" in run(*command, "--resume", "--lr", 0.5, code=4).stderr
    run(*command, "--overwrite", "--lr", 0.5)
    assert read_manifest(tmp_path / "run")["config"]["lr"] == 0.5


def refused(run: Any, tmp_path: Path, code: int, dataset: Path, *arguments: object) -> str:
    """Run, expect the exit code, no output folder that looks complete, and no traceback."""
    out = tmp_path / "run"
    done = run("teacher", "train", dataset, "-o", out, *QUICK, *QUIET, *arguments, code=code)
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr
    assert not (out / "manifest.json").exists()
    return str(done.stderr)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--set", "lrr=1"], "unknown setting: lrr\n\nhint: choose one of: lr"),
        (["--set", "tl.fom=kl"], "tl.form"),
        (["--crop", "100x97"], "for instance 97"),
        (["--crop", "96x768"], "for instance 97"),
        (["--crop", "big"], "--crop big is not HEIGHTxWIDTH"),
        (["--batch", "1"], "batch"),
        (["--terms", "ce,tl"], "term tl needs flow"),
        (["--terms", "ce,pf"], "terms pf need a teacher"),
        (["--terms", "ce,xy"], "terms"),
        (["--model", "pspnet8"], "unknown model: pspnet8\n\nhint: choose one of: pspnet18"),
        (["--split", "trian"], "unknown split: trian\n\nhint: choose one of: train"),
        (["--recipe", "liu2021"], "unknown recipe: liu2021"),
        (["--set", "class_weights=cityscapes"], "are for 19 classes, data set moving has 3"),
        (["--tl", "l3"], "tl.form"),
    ],
)
def test_wrong_settings_are_usage_errors_before_anything_is_written(
    moving_dataset: Path, tmp_path: Path, run: Any, arguments: list[str], says: str
) -> None:
    assert says in refused(run, tmp_path, 2, moving_dataset, *arguments)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_missing_gpu_is_a_set_up_error(moving_dataset: Path, tmp_path: Path, run: Any) -> None:
    says = refused(run, tmp_path, 5, moving_dataset, "--device", "cuda")
    assert "device cuda is not available here" in says
    assert list(tmp_path.iterdir()) == []


def test_a_missing_or_broken_data_set_is_refused(tmp_path: Path, run: Any) -> None:
    assert "no data set at" in refused(run, tmp_path, 3, tmp_path / "none")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken/dataset.json").write_text('{"schema": "vstc.dataset", "clips"')
    assert "is not readable" in refused(run, tmp_path, 3, tmp_path / "broken")


def test_a_truncated_frame_in_the_middle_of_training_is_named(
    own_dataset: Path, tmp_path: Path, run: Any
) -> None:
    frame = own_dataset / "frames/train1/003.png"
    frame.write_bytes(frame.read_bytes()[:200])
    says = refused(run, tmp_path, 3, own_dataset, "--steps", "8")
    assert "frames/train1/003.png" in says


def test_a_label_of_wrong_size_is_named(own_dataset: Path, tmp_path: Path, run: Any) -> None:
    data = encode_labels(np.zeros((24, 32), np.uint8), class_palette(CLASSES))
    (own_dataset / "labels/train0/001.png").write_bytes(data)
    says = refused(run, tmp_path, 3, own_dataset, "--steps", "8")
    assert "labels/train0/001.png is 32x24, its frame is 64x48" in says
    assert "vstc data check" in says


def test_a_label_id_without_a_class_is_named(own_dataset: Path, tmp_path: Path, run: Any) -> None:
    data = encode_labels(np.full((48, 64), 200, np.uint8), class_palette(CLASSES))
    (own_dataset / "labels/train0/001.png").write_bytes(data)
    says = refused(run, tmp_path, 3, own_dataset, "--steps", "8")
    assert "label id 200 is not in the class table" in says
    assert "labels/train0/001.png" in says


def test_flow_that_does_not_fit_is_refused(own_dataset: Path, tmp_path: Path, run: Any) -> None:
    clip = load_dataset(own_dataset).clips[0]
    wrong = {
        "other size": (draw_scene(0, size=(24, 32)), clip, (1, 2), "is 32x24, its frames are"),
        "no gap 2": (draw_scene(0), clip, (1,), "lacks gap 2"),
        "other frames": (
            draw_scene(0, num_frames=5),
            clip.model_copy(update={"frames": clip.frames[1:]}),
            (1, 2),
            "was made of other frames",
        ),
    }
    for name, (scene, of_clip, gaps, says) in wrong.items():
        folder = tmp_path / name
        folder.mkdir()
        for file in (own_dataset / "flow").glob("*.h5"):
            (folder / file.name).write_bytes(file.read_bytes())
        of_clip.__dict__.pop("frame_names", None)
        write_flow(folder, of_clip, scene, gaps=gaps)
        arguments = ("--flow", folder, "--steps", "6", "--overwrite")
        assert says in refused(run, tmp_path, 3, own_dataset, *arguments), name
    (tmp_path / "empty").mkdir()
    refused(run, tmp_path, 3, own_dataset, "--flow", tmp_path / "empty", "--overwrite")
    (own_dataset / "flow/train1.h5").unlink()
    says = refused(run, tmp_path, 3, own_dataset, "--flow", own_dataset / "flow", "--overwrite")
    assert "flow for clip train1 is missing" in says


def test_flow_that_cannot_measure_tc_is_refused_before_training(
    own_dataset: Path, tmp_path: Path, run: Any
) -> None:
    clip = load_dataset(own_dataset).clip("val0")
    backward = (FlowDirection.NEXT_TO_PREV,)
    write_flow(tmp_path / "flow", clip, draw_scene(2), directions=backward)
    arguments = ("--terms", "ce", "--flow", tmp_path / "flow")
    says = refused(run, tmp_path, 3, own_dataset, *arguments)
    assert "has no prev_to_next between neighbours" in says
    assert not (tmp_path / "run").exists()


def test_a_data_set_without_the_default_split_says_how_to_train(tmp_path: Path, run: Any) -> None:
    dataset = write_moving_dataset(tmp_path / "data", val=0).folder
    says = refused(run, tmp_path, 2, dataset)
    assert "unknown split: val" in says
    assert '--val-split ""' in says


def test_still_frames_cannot_have_a_temporal_loss(tmp_path: Path, run: Any) -> None:
    dataset = write_moving_dataset(tmp_path / "data").folder
    text = (dataset / "dataset.json").read_text()
    (dataset / "dataset.json").write_text(text.replace('"frame_step": 1', '"frame_step": 30'))
    says = refused(run, tmp_path, 3, dataset, "--flow", dataset / "flow")
    assert "terms tl need clips of consecutive frames" in says


def test_a_diverged_loss_is_one_clear_error(moving_dataset: Path, tmp_path: Path, run: Any) -> None:
    arguments = ("--lr", "1e18", "--steps", "30", "--set", "log_every=1")
    says = refused(run, tmp_path, 3, moving_dataset, *arguments)
    assert "hint: start anew with a lower --lr" in says


def can_mount(place: Path) -> bool:
    mount = ["unshare", "-m", "mount", "-t", "tmpfs", "-o", "size=100k", "none", str(place)]
    return os.geteuid() == 0 and subprocess.run(mount, capture_output=True).returncode == 0


def test_a_full_disk_leaves_nothing_that_looks_complete(
    moving_dataset: Path, tmp_path: Path
) -> None:
    """The disk has room for one checkpoint, of 1 MB, but not for the next beside it."""
    if not can_mount(tmp_path):
        pytest.skip("mounting a small disk needs root")
    disk, copy = tmp_path / "disk", tmp_path / "copy"
    disk.mkdir()
    train = [sys.executable, "-m", "vstc", "teacher", "train", str(moving_dataset)]
    train += ["-o", f"{disk}/run", *QUICK, *QUIET, "--val-split", "", "--set", "checkpoint_every=1"]
    script = f'mount -t tmpfs -o size=1600k none {disk}; "$@"; echo $?; cp -r {disk}/run {copy}'
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", script, "sh", *train], capture_output=True, text=True
    )
    assert done.stdout == "4\n", done.stderr
    assert done.stderr.startswith(f"error: the disk is full: {disk}/run/last.pt\n\nhint: free")
    left = {path.name for path in copy.iterdir()} - {"metrics.jsonl", "progress.json"}
    assert left == {"last.pt"}
    assert read_checkpoint(copy / "last.pt")["step"] == 1
