"""``vstc predict``: data sets, folders and videos; killed and resumed; what it refuses."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.killed_command import run_killed
from tests.moving import draw_scene, write_moving_dataset
from tests.tiny_runs import write_run
from vstc.artifacts.manifest import read_manifest
from vstc.evaluation.label_sources.folder import FolderLabels
from vstc.formats.cityscapes import CITYSCAPES_CLASSES
from vstc.formats.dataset import load_dataset, write_dataset
from vstc.formats.images import encode_rgb, read_color_labels, read_labels
from vstc.formats.label_encoding import CITYSCAPES_LABEL_IDS
from vstc.formats.video.files import VideoWriter

pytestmark = pytest.mark.usefixtures("one_thread")
QUIET = ["--device", "cpu", "-q"]


@pytest.fixture(scope="module")
def trained(moving_dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("trained") / "run", moving_dataset, seed=7)


def digests(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*.png"))
    }


def test_every_frame_of_a_data_set_gets_a_label_map(
    moving_dataset: Path, trained: Path, tmp_path: Path, run: Any
) -> None:
    shown = run("predict", trained, moving_dataset, "-o", tmp_path / "out", *QUIET, "--json").json
    assert shown["frames"] == 18
    assert len(digests(tmp_path / "out")) == 18
    manifest = read_manifest(tmp_path / "out", kind="vstc.predictions")
    assert [ref["role"] for ref in manifest["inputs"]] == ["checkpoint", "dataset"]
    assert json.loads((tmp_path / "out/timing.json").read_text())["frames"] == 18


def test_its_output_can_be_evaluated(
    moving_dataset: Path, trained: Path, tmp_path: Path, run: Any
) -> None:
    run("predict", trained, moving_dataset, "-o", tmp_path / "out", *QUIET, "--split", "val")
    judged = run(
        *("evaluate", tmp_path / "out", "--dataset", moving_dataset, "-o", tmp_path / "metrics"),
        *("--flow", moving_dataset / "flow", "--split", "val", "-q", "--json"),
    ).json
    assert judged["counts"]["labelled_frames"] > 0
    assert judged["counts"]["skipped_pairs"] == 0
    assert 0 <= judged["totals"]["miou"] <= 1
    assert 0 <= judged["totals"]["tc"] <= 1


def test_a_folder_of_images_needs_no_index(trained: Path, tmp_path: Path, run: Any) -> None:
    frames = tmp_path / "shots"
    frames.mkdir()
    scene = draw_scene(0, num_frames=3, size=(37, 51))
    for index, image in enumerate(scene.frames):
        (frames / f"f{index}.png").write_bytes(encode_rgb(image))
    run("predict", trained, frames, "-o", tmp_path / "out", *QUIET, "--confidence")
    names = {name.partition("/")[2] for name in digests(tmp_path / "out")}
    assert names == {f"f{i}.png" for i in range(3)} | {f"confidence/f{i}.png" for i in range(3)}
    maps = [path for path in (tmp_path / "out").rglob("f0.png")]
    assert all(read_labels(path).shape == (37, 51) for path in maps)


def test_a_video_gives_one_map_a_frame_and_an_overlay(
    trained: Path, tmp_path: Path, run: Any
) -> None:
    with VideoWriter(tmp_path / "drive.mp4", fps=25, size=(48, 64)) as video:
        for image in draw_scene(1, num_frames=7).frames:
            video.write(image)
    arguments = ["--overlay", "--flip", "--scales", "0.75,1", "--batch", 3]
    shown = run(
        "predict", trained, tmp_path / "drive.mp4", "-o", tmp_path / "out", *QUIET, *arguments
    )
    assert shown.stderr == ""
    assert len(digests(tmp_path / "out")) == 7
    assert len(list((tmp_path / "out").rglob("overlay.mp4"))) == 1
    assert (tmp_path / "out/dataset.json").is_file()


def test_label_ids_for_the_server_of_cityscapes_can_be_judged_as_they_are(
    moving_dataset: Path, tmp_path: Path, run: Any
) -> None:
    record = load_dataset(moving_dataset).record
    classes = list(CITYSCAPES_CLASSES)
    root = str(moving_dataset)
    write_dataset(tmp_path, record.model_copy(update={"classes": classes, "root": root}))
    trained = write_run(tmp_path / "run", tmp_path, seed=7)
    for out, arguments in [("ids", []), ("server", ["--format", "cityscapes", "--overlay"])]:
        run("predict", trained, tmp_path, "-o", tmp_path / out, *QUIET, "--limit", 1, *arguments)
    label_ids = np.array(CITYSCAPES_LABEL_IDS, np.uint8)
    for path in (tmp_path / "ids").rglob("*.png"):
        ids = read_labels(path)
        server = tmp_path / "server" / path.relative_to(tmp_path / "ids")
        np.testing.assert_array_equal(read_labels(server), label_ids[ids])
        np.testing.assert_array_equal(read_color_labels(server, classes), ids)
    assert read_manifest(tmp_path / "server")["config"]["format"] == "cityscapes"
    dataset = load_dataset(tmp_path)
    clip = dataset.clips[0]
    name = clip.frame_names[0]
    judged = FolderLabels(tmp_path / "server", dataset).labels(clip, name)
    np.testing.assert_array_equal(judged, read_labels(tmp_path / f"ids/{clip.id}/{name}.png"))


def test_label_ids_need_the_classes_of_cityscapes(
    moving_dataset: Path, trained: Path, tmp_path: Path, run: Any
) -> None:
    command = ["predict", trained, moving_dataset, "-o", tmp_path / "out", *QUIET]
    said = run(*command, "--format", "cityscapes", code=3).stderr
    assert "the checkpoint has 3 classes, Cityscapes has 19" in said
    assert not (tmp_path / "out").exists()


def test_killed_and_resumed_predictions_are_those_of_an_undisturbed_run(
    moving_dataset: Path, trained: Path, tmp_path: Path, run: Any
) -> None:
    command = ["predict", trained, moving_dataset, *QUIET, "--confidence", "--batch", 4]
    command += ["--workers", 2]
    kills, _ = run_killed(command, tmp_path / "killed", moments=[0, 9, 20], seed=3)
    assert kills >= 2
    run(*command, "-o", tmp_path / "whole")
    assert digests(tmp_path / "killed") == digests(tmp_path / "whole")
    assert len(digests(tmp_path / "whole")) == 36
    assert read_manifest(tmp_path / "killed")["id"] == read_manifest(tmp_path / "whole")["id"]
    assert not list((tmp_path / "killed").rglob("*.partial"))


def test_dry_run_writes_nothing(
    moving_dataset: Path, trained: Path, tmp_path: Path, run: Any
) -> None:
    shown = run(
        *("predict", trained, moving_dataset, "-o", tmp_path / "out", *QUIET),
        *("--dry-run", "--json", "--limit", 2),
    ).json
    assert (shown["clips"], shown["units"]) == (2, 12)
    assert list(tmp_path.iterdir()) == []


def test_an_existing_output_is_refused_resumed_or_replaced(
    moving_dataset: Path, trained: Path, tmp_path: Path, run: Any
) -> None:
    command = ["predict", trained, moving_dataset, "-o", tmp_path / "out", *QUIET]
    run(*command, "--limit", 1)
    assert "--resume" in run(*command, "--limit", 1, code=4).stderr
    run(*command, "--limit", 1, "--resume")
    assert "limit (1 then, 2 now)" in run(*command, "--limit", 2, "--resume", code=4).stderr
    run(*command, "--limit", 2, "--overwrite")
    assert len(digests(tmp_path / "out")) == 12


@pytest.mark.parametrize(
    ("code", "arguments", "says"),
    [
        (2, ["--set", "flipp=true"], "unknown setting: flipp\n\nhint: choose one of: flip"),
        (2, ["--scales", "1,x"], "1,x is not a list of numbers"),
        (2, ["--scales", "0"], "scales"),
        (2, ["--split", "tset"], "unknown split: tset"),
        (2, ["--checkpoint", "first"], "checkpoint"),
        (3, ["--checkpoint", "last"], "checkpoint not found"),
        (5, ["--device", "cuda:77"], "device cuda:77 is not available here"),
        (5, ["--device", "gpu"], "no such device: gpu"),
    ],
)
def test_wrong_options_are_refused_before_anything_is_written(
    moving_dataset: Path,
    trained: Path,
    tmp_path: Path,
    run: Any,
    code: int,
    arguments: list[str],
    says: str,
) -> None:
    done = run(
        "predict", trained, moving_dataset, "-o", tmp_path / "out", *QUIET, *arguments, code=code
    )
    assert done.stderr.startswith("error: ")
    assert says in done.stderr
    assert done.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_a_missing_or_broken_run_or_input_is_refused(
    moving_dataset: Path, trained: Path, tmp_path: Path, run: Any
) -> None:
    def says(network: Path, frames: Path) -> str:
        done = run("predict", network, frames, "-o", tmp_path / "out", *QUIET, code=3)
        assert done.stdout == ""
        assert not (tmp_path / "out/manifest.json").exists()
        return str(done.stderr)

    assert "not found" in says(tmp_path / "none", moving_dataset)
    assert "nothing to read at" in says(trained, tmp_path / "none")
    assert "a vstc.checkpoint is needed" in says(make_other_artifact(tmp_path), moving_dataset)
    (tmp_path / "cut.pt").write_bytes((trained / "best.pt").read_bytes()[:5000])
    assert "is damaged" in says(tmp_path / "cut.pt", moving_dataset)
    (tmp_path / "text.mp4").write_text("no video")
    assert "text.mp4" in says(trained, tmp_path / "text.mp4")
    dataset = write_moving_dataset(tmp_path / "data", train=1, val=0).folder
    frame = dataset / "frames/train0/002.png"
    frame.write_bytes(frame.read_bytes()[:99])
    assert "frames/train0/002.png" in says(trained, dataset)
    # What was whole before the broken frame is kept; once repaired, the run can go on.
    frame.write_bytes(encode_rgb(np.zeros((48, 64, 3), np.uint8)))
    run("predict", trained, dataset, "-o", tmp_path / "out", *QUIET, "--resume")
    assert len(digests(tmp_path / "out")) == 6


def make_other_artifact(folder: Path) -> Path:
    from vstc.artifacts.workspace import open_artifact

    with open_artifact(folder / "other", kind="vstc.flow", config={}) as workspace:
        workspace.finish()
    return folder / "other"
