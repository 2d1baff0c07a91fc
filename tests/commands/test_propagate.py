"""``vstc propagate``: what it reads and writes; killed and resumed; what it refuses."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from tests.killed_command import run_killed
from tests.moving import CLASSES, draw_scene, write_moving_dataset
from tests.piped_command import PipedCommand, until
from tests.tiny_runs import write_run
from vstc.artifacts.manifest import read_manifest
from vstc.formats.class_scores import ScoreFile
from vstc.formats.dataset import class_palette, load_dataset
from vstc.formats.images import encode_labels, encode_rgb, read_labels
from vstc.formats.propagation_log import read_propagation_log
from vstc.formats.video.files import VideoReader, VideoWriter
from vstc.formats.video.y4m import Y4mReader, Y4mWriter
from vstc.propagation.engine import Propagator
from vstc.propagation.equipment import ModelEquipment
from vstc.propagation.frames import ComputedFlow
from vstc.propagation.presets import preset

pytestmark = pytest.mark.usefixtures("one_thread")
QUIET = ["--device", "cpu", "-q"]
SHARES = ["--carry", "probabilities", "--set", "propagation.carry_scale=0.25"]
SIZE = (48, 64)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_moving_dataset(tmp_path_factory.mktemp("moving12"), num_frames=12).folder


@pytest.fixture(scope="module")
def trained(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("trained") / "run", dataset, seed=7)


def digests(folder: Path) -> dict[str, str]:
    names = {".png", ".csv", ".h5", ".mp4"}
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.suffix in names
    }


def label_maps(folder: Path) -> list[np.ndarray]:
    return [read_labels(path) for path in sorted(folder.glob("*.png"))]


def log_of(folder: Path) -> list[tuple[int, int]]:
    entries = read_propagation_log(folder / "propagation.csv")
    return [(entry.index, entry.key_index) for entry in entries]


def test_every_frame_gets_a_label_map_and_every_clip_a_log(
    dataset: Path, trained: Path, tmp_path: Path, run: Any
) -> None:
    command = ["propagate", trained, dataset, "-o", tmp_path / "out", *QUIET, "--json"]
    shown = run(*command, "--preset", "balanced", "--interval", 4).json
    assert (shown["frames"], shown["key_frames"], shown["missing_frames"]) == (36, 9, 0)
    assert len(list((tmp_path / "out").rglob("*.png"))) == 36
    assert log_of(tmp_path / "out/val0") == [(i, i - i % 4) for i in range(12)]
    manifest = read_manifest(tmp_path / "out", kind="vstc.predictions")
    assert [ref["role"] for ref in manifest["inputs"]] == ["checkpoint", "dataset"]
    declared = manifest["config"]["propagation"]
    assert (declared["preset"], declared["interval"]) == ("balanced", 4)
    assert declared["flow_method"] == declared["flow"]["method"] == "dis-ultrafast"
    timing = json.loads((tmp_path / "out/timing.json").read_text())
    assert timing["parts"]["network"]["calls"] == 9
    assert timing["latency_p50_ms"] <= timing["latency_p95_ms"]
    assert manifest["volatile"] == ["timing.json"]


def test_the_labels_are_those_of_the_engine(
    dataset: Path, trained: Path, tmp_path: Path, run: Any
) -> None:
    import torch

    from vstc.formats.frames import FrameReader
    from vstc.inference.checkpoint import load_network

    run("propagate", trained, dataset, "-o", tmp_path / "out", *QUIET, "--preset", "evs-12")
    settings = preset("evs-12")
    equipment = ModelEquipment.of(load_network(trained), settings, device=torch.device("cpu"))
    flows = ComputedFlow(settings.flow.make_provider())
    data = load_dataset(dataset)
    for clip in data.clips:
        engine = Propagator(settings, equipment.networks(clip, flows))
        maps = label_maps(tmp_path / "out" / clip.id)
        for frame, labels in zip(FrameReader(data).stream(clip), maps, strict=True):
            (result,) = engine.step(frame)
            np.testing.assert_array_equal(labels, result.labels)


def test_its_output_can_be_evaluated_by_distance_and_is_told_apart(
    dataset: Path, trained: Path, tmp_path: Path, run: Any
) -> None:
    run("propagate", trained, dataset, "-o", tmp_path / "out", *QUIET, "--split", "val")
    done = run(
        *("evaluate", tmp_path / "out", "--dataset", dataset, "-o", tmp_path / "metrics"),
        *("--flow", dataset / "flow", "--split", "val", "-q", "--json"),
    )
    judged = done.json
    assert 0 <= judged["totals"]["miou_key"] <= 1
    assert 0 <= judged["totals"]["miou_propagated"] <= 1
    assert judged["protocol"]["propagated_with"] == ["dis-ultrafast"]


def test_true_labels_are_carried_along_stored_flow(dataset: Path, tmp_path: Path, run: Any) -> None:
    """With exact flow the shapes arrive where they are, but for what they uncover."""
    command = ["propagate", "labels", dataset, *QUIET, "--split", "val", "--schedule", "fixed"]
    command += ["--set", "propagation.map_scale=1", "--interval", 4]
    run(*command, "-o", tmp_path / "moved", "--flow", dataset / "flow")
    run(*command, "-o", tmp_path / "held", "--set", "propagation.warp=false")
    manifest = read_manifest(tmp_path / "moved")
    assert [ref["role"] for ref in manifest["inputs"]] == ["flow", "dataset"]
    assert manifest["config"]["propagation"]["flow_method"] == "truth"
    assert read_manifest(tmp_path / "held")["config"]["propagation"]["flow_method"] is None
    true = label_maps(dataset / "labels/val0")
    wrong = {
        name: np.mean([np.mean(a != b) for a, b in zip(maps, true, strict=True)])
        for name in ("moved", "held")
        if (maps := label_maps(tmp_path / name / "val0"))
    }
    assert wrong["moved"] < 0.5 * wrong["held"]


def test_another_programs_labels_of_some_frames_are_the_key_frames(
    dataset: Path, tmp_path: Path, run: Any
) -> None:
    (tmp_path / "keys/val0").mkdir(parents=True)
    for name in ("000", "007"):
        shutil.copy(dataset / f"labels/val0/{name}.png", tmp_path / "keys/val0")
    command = ["propagate", tmp_path / "keys", dataset, *QUIET, "--split", "val"]
    run(*command, "-o", tmp_path / "out")
    assert log_of(tmp_path / "out/val0") == [(i, 0 if i < 7 else 7) for i in range(12)]
    run(*command, "-o", tmp_path / "ahead", "--look-ahead", "--interval", 8)
    # Up to 0.55 of the gap of seven comes from the past.
    keys = [0, 0, 0, 0, 7, 7, 7, 7, 7, 7, 7, 7]
    assert log_of(tmp_path / "ahead/val0") == list(enumerate(keys))
    (tmp_path / "keys/val0/000.png").unlink()
    said = run(*command, "-o", tmp_path / "none", code=3).stderr
    assert "frame 000 is to be a key frame and has no labels\n\nhint: with --schedule" in said


def test_labels_for_raw_frames_get_a_table_of_their_own(tmp_path: Path, run: Any) -> None:
    (tmp_path / "shots").mkdir()
    (tmp_path / "keys").mkdir()
    scene = draw_scene(0, num_frames=5)
    for index, image in enumerate(scene.frames):
        (tmp_path / f"shots/f{index}.png").write_bytes(encode_rgb(image))
    labels = encode_labels(scene.labels[0], class_palette(CLASSES))
    (tmp_path / "keys/f0.png").write_bytes(labels)
    run("propagate", tmp_path / "keys", tmp_path / "shots", "-o", tmp_path / "out", *QUIET)
    maps = label_maps(tmp_path / "out/shots")
    assert len(maps) == 5
    np.testing.assert_array_equal(maps[0], scene.labels[0])
    assert (maps[4] == scene.labels[4]).mean() > 0.8


def test_a_video_with_all_outputs(trained: Path, tmp_path: Path, run: Any) -> None:
    with VideoWriter(tmp_path / "drive.mp4", fps=25, size=SIZE) as video:
        for image in draw_scene(1, num_frames=7).frames:
            video.write(image)
    arguments = ["--overlay", "--probabilities", *SHARES, "--look-ahead"]
    shown = run(
        "propagate", trained, tmp_path / "drive.mp4", "-o", tmp_path / "out", *QUIET, *arguments
    )
    assert shown.stderr == ""
    maps = label_maps(tmp_path / "out/drive")
    with VideoReader(tmp_path / "out/drive/overlay.mp4") as overlay:
        assert overlay.count_frames() == len(maps) == 7
    scores = ScoreFile(tmp_path / "out/drive.h5", [])
    for index, labels in enumerate(maps):
        read = scores.read(f"{index:06d}").values.astype(np.float32)
        np.testing.assert_allclose(read.sum(axis=0), 1, atol=0.004)
        own = np.take_along_axis(read, labels[None].astype(int), axis=0)[0]
        is_key = read_propagation_log(tmp_path / "out/drive/propagation.csv")[index].distance == 0
        # Key frames are labelled at full size, their probabilities carried at a quarter.
        assert is_key or (read.max(axis=0) - own).max() <= 0.001
    assert (tmp_path / "out/dataset.json").is_file()


@pytest.fixture(scope="module")
def refiner(
    dataset: Path, trained: Path, tmp_path_factory: pytest.TempPathFactory, app: Any
) -> Path:
    out = tmp_path_factory.mktemp("refiner") / "run"
    words = ["refiner", "train", trained, dataset, "-o", out, "--val-split", "", "--interval", 3]
    words += ["--crop", "33x41", "--batch", 2, "--steps", 1, "--width", 16, "--workers", 1, *QUIET]
    done = CliRunner().invoke(app, list(map(str, words)))
    assert done.exit_code == 0, done.stderr
    return out


def test_a_refiner_brings_the_settings_that_it_was_trained_with(
    dataset: Path, trained: Path, refiner: Path, tmp_path: Path, run: Any
) -> None:
    command = ["propagate", trained, dataset, *QUIET, "--limit", 1, "--refiner", refiner]
    shown = run(*command, "-o", tmp_path / "own", "--json").json
    assert (shown["key_frames"], shown["refined_frames"]) == (4, 8)
    manifest = read_manifest(tmp_path / "own")
    assert [ref["role"] for ref in manifest["inputs"]] == ["checkpoint", "refiner", "dataset"]
    declared = manifest["config"]["propagation"]
    assert (declared["preset"], declared["mode"], declared["refine"]) == (None, "evs", "every")
    shown = run(*command, "-o", tmp_path / "last", "--preset", "evs-06", "--json").json
    assert (shown["key_frames"], shown["refined_frames"]) == (3, 2)
    run(*command, "-o", tmp_path / "again", "--config", tmp_path / "own/manifest.json")
    assert read_manifest(tmp_path / "again")["id"] == manifest["id"]


def test_a_refiner_of_another_network_or_without_work_is_refused(
    dataset: Path, trained: Path, refiner: Path, tmp_path: Path, run: Any
) -> None:
    other = write_run(tmp_path / "other", dataset, seed=8)
    command = [dataset, "-o", tmp_path / "out", *QUIET, "--refiner"]
    said = run("propagate", other, *command, refiner, code=3).stderr
    assert "the refiner does not fit the network" in said
    said = run("propagate", trained, *command, refiner, "--preset", "best", code=2).stderr
    assert "the refiner would never be used: refine is never" in said
    said = run("propagate", trained, *command, trained, code=3).stderr
    assert "vstc.refiner is needed" in said
    said = run("propagate", "labels", *command, refiner, "--schedule", "fixed", code=2).stderr
    assert "labels as key frames have no network beside them" in said
    assert not (tmp_path / "out").exists()


def test_features_of_the_network_can_be_carried(
    dataset: Path, trained: Path, tmp_path: Path, run: Any
) -> None:
    command = ["propagate", trained, dataset, *QUIET, "--limit", 1, "--mode", "features", *SHARES]
    run(*command, "-o", tmp_path / "out", "--probabilities")
    scores = ScoreFile(tmp_path / "out/train0.h5", [])
    for name in ("000", "003"):
        read = scores.read(name).values.astype(np.float32)
        np.testing.assert_allclose(read.sum(axis=0), 1, atol=0.004)
    run(
        *command[:3], *QUIET, "--limit", 1, "--mode", "fusion", *SHARES, "--light", trained,
        "-o", tmp_path / "fused",
    )  # fmt: skip
    roles = [ref["role"] for ref in read_manifest(tmp_path / "fused")["inputs"]]
    assert roles == ["checkpoint", "light", "dataset"]


def test_killed_and_resumed_is_as_never_killed(
    dataset: Path, trained: Path, tmp_path: Path, run: Any
) -> None:
    command = ["propagate", trained, dataset, *QUIET, "--workers", 2, "--overlay"]
    command += ["--probabilities", *SHARES, "--look-ahead", "--interval", 4]
    kills, _ = run_killed(command, tmp_path / "killed", moments=[0, 9, 20, 30], seed=3)
    assert kills >= 2
    run(*command, "-o", tmp_path / "whole")
    assert digests(tmp_path / "killed") == digests(tmp_path / "whole")
    assert len(digests(tmp_path / "whole")) == 36 + 3 * 3
    killed, whole = (read_manifest(tmp_path / name) for name in ("killed", "whole"))
    assert killed["id"] == whole["id"]
    assert killed["metrics"]["key_frames"] == whole["metrics"]["key_frames"] == 9
    assert not list((tmp_path / "killed").rglob("*.partial*"))


def test_a_finished_clip_is_kept_and_a_half_one_done_anew(
    dataset: Path, trained: Path, tmp_path: Path, run: Any
) -> None:
    command = ["propagate", trained, dataset, "-o", tmp_path / "out", *QUIET]
    run(*command)
    whole = digests(tmp_path / "out")
    (tmp_path / "out/manifest.json").rename(tmp_path / "out/progress.json")
    (tmp_path / "out/train0/003.png").write_bytes(b"kept as it is")
    (tmp_path / "out/train1/propagation.csv").unlink()
    (tmp_path / "out/train1/003.png").write_bytes(b"done anew")
    shown = run(*command, "--resume", "--json").json
    assert shown["frames"] == 36
    changed = {n for n, digest in digests(tmp_path / "out").items() if digest != whole[n]}
    assert changed == {"train0/003.png"}


def test_a_manifest_repeats_its_run(dataset: Path, trained: Path, tmp_path: Path, run: Any) -> None:
    command = ["propagate", trained, dataset, *QUIET, "--limit", 1]
    run(*command, "-o", tmp_path / "a", "--preset", "best", "--flow-method", "dis-fast")
    run(*command, "-o", tmp_path / "b", "--config", tmp_path / "a/manifest.json")
    ids = [read_manifest(tmp_path / name)["id"] for name in ("a", "b")]
    assert ids[0] == ids[1]


def test_dry_run_writes_nothing(dataset: Path, trained: Path, tmp_path: Path, run: Any) -> None:
    shown = run(
        *("propagate", trained, dataset, "-o", tmp_path / "out", *QUIET),
        *("--dry-run", "--json", "--limit", 2, "--workers", 3),
    ).json
    assert (shown["clips"], shown["units"], shown["workers"]) == (2, 24, 3)
    assert shown["propagation"]["preset"] == "balanced"
    assert list(tmp_path.iterdir()) == []


def test_an_existing_output_is_refused_resumed_or_replaced(
    dataset: Path, trained: Path, tmp_path: Path, run: Any
) -> None:
    command = ["propagate", trained, dataset, "-o", tmp_path / "out", *QUIET, "--limit", 1]
    run(*command)
    assert "--resume" in run(*command, code=4).stderr
    run(*command, "--resume")
    said = run(*command, "--interval", 2, "--resume", code=4).stderr
    assert "propagation.interval (5 then, 2 now)" in said
    run(*command, "--interval", 2, "--overwrite")
    assert log_of(tmp_path / "out/train0")[3] == (3, 2)


@pytest.mark.parametrize(
    ("code", "arguments", "says"),
    [
        (2, ["--preset", "evs-15"], "unknown preset: evs-15\n\nhint: choose one of: evs-"),
        (2, ["--set", "propagation.iam.radios=2"], "unknown setting: propagation.iam.radios"),
        (2, ["--interval", "5", "--set", "propagation.interval=0", "--mode", "x"], "mode"),
        (2, ["--refine", "every"], "propagation: refine needs mode=evs"),
        (2, ["--preset", "evs-06"], "refine=last needs a refiner: train one with vstc refiner"),
        (2, ["--mode", "fusion", *SHARES], "mode=fusion needs a light network"),
        (2, ["--light", "{run}"], "the light network would never be used: mode is labels"),
        (2, ["--probabilities"], "probabilities need propagation.carry=probabilities"),
        (2, ["--flow-method", "raft"], "unknown flow method: raft"),
        (2, ["--flow-method", "dis-fast", "--flow", "{flow}"], "flow.method is dis-fast, and flow"),
        (2, ["--flow-method", "stored"], "flow.method is stored, and no flow is given"),
        (2, ["--split", "tset"], "unknown split: tset"),
        (3, ["--checkpoint", "last"], "checkpoint not found"),
        (3, ["--flow", "{none}"], "none"),
        (5, ["--device", "cuda:77"], "device cuda:77 is not available here"),
    ],
)
def test_wrong_options_are_refused_before_anything_is_written(
    dataset: Path,
    trained: Path,
    tmp_path: Path,
    run: Any,
    code: int,
    arguments: list[str],
    says: str,
) -> None:
    places = {"run": trained, "flow": dataset / "flow", "none": tmp_path / "none"}
    done = run(
        *("propagate", trained, dataset, "-o", tmp_path / "out", *QUIET),
        *(word.format(**places) for word in arguments),
        code=code,
    )
    assert done.stderr.startswith("error: ")
    assert says in done.stderr
    assert done.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_network_is_refused(
    dataset: Path, trained: Path, tmp_path: Path, run: Any
) -> None:
    def says(network: object, *arguments: object, code: int = 3) -> str:
        done = run(
            "propagate", network, dataset, "-o", tmp_path / "out", *QUIET, *arguments, code=code
        )
        assert not (tmp_path / "out/manifest.json").exists()
        return str(done.stderr)

    assert "no network at" in says(tmp_path / "none")
    assert "exported program of a kind that vstc cannot run" in says(tmp_path / "net.onnx")
    (tmp_path / "cut.pt").write_bytes((trained / "best.pt").read_bytes()[:5000])
    assert "is damaged" in says(tmp_path / "cut.pt")
    assert "is a vstc.flow" in says(make_other_artifact(tmp_path))
    (tmp_path / "empty").mkdir()
    assert "holds no prediction" in says(tmp_path / "empty")
    flow = write_moving_dataset(tmp_path / "other", num_frames=3).folder / "flow"
    assert "was made of other frames than clip train0" in says(trained, "--flow", flow)


def make_other_artifact(folder: Path) -> Path:
    from vstc.artifacts.workspace import open_artifact

    with open_artifact(folder / "other_kind", kind="vstc.flow", config={}) as workspace:
        workspace.finish()
    return folder / "other_kind"


def test_frames_far_apart_in_time_are_warned_of(tmp_path: Path, trained: Path, run: Any) -> None:
    folder = write_moving_dataset(tmp_path / "data", train=1, val=0).folder
    text = (folder / "dataset.json").read_text()
    (folder / "dataset.json").write_text(text.replace('"frame_step": 1', '"frame_step": 30'))
    said = run("propagate", trained, folder, "-o", tmp_path / "out", *QUIET).stderr
    assert "the frames of 1 clips, such as train0, do not follow one another" in said


def test_labels_of_all_frames_that_leave_nothing_to_carry_are_warned_of(
    dataset: Path, tmp_path: Path, run: Any
) -> None:
    command = ["propagate", "labels", dataset, *QUIET, "--split", "val", "--preset", "evs-07"]
    given = run(*command, "-o", tmp_path / "given").stderr
    fixed = run(*command, "-o", tmp_path / "fixed", "--schedule", "fixed").stderr
    assert "nothing will be carried; --schedule fixed takes one of every 5" in given
    assert "nothing will be carried" not in fixed


def test_a_damaged_frame_is_an_error_or_shows_what_was_carried(
    tmp_path: Path, trained: Path, run: Any
) -> None:
    folder = write_moving_dataset(tmp_path / "data", train=2, val=0, num_frames=8).folder
    frame = folder / "frames/train1/003.png"
    frame.write_bytes(frame.read_bytes()[:99])
    command = ["propagate", trained, folder, *QUIET, "--overlay"]
    said = run(*command, "-o", tmp_path / "out", code=3).stderr
    assert "frames/train1/003.png" in said
    assert "(8 finished frames are kept)" in said
    held = ["--set", "missing=hold", "--json"]
    shown = run(*command, "-o", tmp_path / "held", *held).json
    assert (shown["frames"], shown["missing_frames"]) == (16, 1)
    rows = read_propagation_log(tmp_path / "held/train1/propagation.csv")
    assert [row.index for row in rows if row.is_missing] == [3]
    maps = label_maps(tmp_path / "held/train1")
    np.testing.assert_array_equal(maps[3], maps[2])
    with VideoReader(tmp_path / "held/train1/overlay.mp4") as overlay:
        assert overlay.count_frames() == 8
    frame.write_bytes(encode_rgb(np.zeros((*SIZE, 3), np.uint8)))
    run(*command, "-o", tmp_path / "out", "--resume")
    assert len(label_maps(tmp_path / "out/train1")) == 8


def test_a_scene_cut_and_a_change_of_size_are_key_frames(
    tmp_path: Path, trained: Path, run: Any
) -> None:
    shots = tmp_path / "shots"
    shots.mkdir()
    images = [*draw_scene(0, num_frames=4).frames, *(255 - f for f in draw_scene(1).frames[:3])]
    images += draw_scene(1, num_frames=2, size=(40, 56)).frames
    for index, image in enumerate(images):
        (shots / f"f{index}.png").write_bytes(encode_rgb(image))
    run("propagate", trained, shots, "-o", tmp_path / "out", *QUIET, "--interval", 9)
    rows = read_propagation_log(tmp_path / "out/shots/propagation.csv")
    assert [row.index for row in rows if row.is_cut] == [4, 7]
    assert [row.index for row in rows if row.distance == 0] == [0, 4, 7]
    assert [labels.shape for labels in label_maps(tmp_path / "out/shots")][-1] == (40, 56)


@pytest.mark.parametrize("count", [1, 2])
def test_short_clips(tmp_path: Path, trained: Path, run: Any, count: int) -> None:
    folder = write_moving_dataset(tmp_path / "data", train=1, val=0, num_frames=count).folder
    run("propagate", trained, folder, "-o", tmp_path / "out", *QUIET, "--preset", "best")
    assert log_of(tmp_path / "out/train0") == [(i, 0) for i in range(count)]


FRAMES = draw_scene(1, num_frames=7).frames


def y4m_of(frames: list[np.ndarray], *, fps: float = 12.5) -> bytes:
    target = io.BytesIO()
    writer = Y4mWriter(target, size=SIZE, fps=fps)
    for frame in frames:
        writer.write(frame)
    return target.getvalue()


STREAM = y4m_of(FRAMES)
FRAME = STREAM[-(len(b"FRAME\n") + 4608) :]


def piped(app: Any, *arguments: object, stdin: bytes, code: int = 0) -> Any:
    result = CliRunner().invoke(app, ["propagate", *map(str, arguments)], input=stdin)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.stderr
    return result


def test_a_pipe_goes_in_and_a_pipe_comes_out(app: Any, trained: Path, tmp_path: Path) -> None:
    arguments = [trained, "-", "--stdout", "y4m", "-o", tmp_path / "out", *QUIET, "--overlay"]
    done = piped(app, *arguments, stdin=STREAM)
    assert len(list(Y4mReader(io.BytesIO(done.stdout_bytes)))) == 7
    assert done.stderr == ""
    assert log_of(tmp_path / "out/stdin") == [(i, i - i % 5) for i in range(7)]
    told = read_manifest(tmp_path / "out")["metrics"]
    assert (told["frames"], told["clip"], told["ended"]) == (7, "stdin", "end of stream")
    limited = piped(app, trained, "-", "--stdout", "y4m-colors", *QUIET, "--limit", 3, stdin=STREAM)
    assert len(list(Y4mReader(io.BytesIO(limited.stdout_bytes)))) == 3


def test_a_stream_that_breaks_keeps_the_frames_before(
    app: Any, trained: Path, tmp_path: Path
) -> None:
    arguments = [trained, "-", "-o", tmp_path / "out", *QUIET, "--probabilities", *SHARES]
    said = piped(app, *arguments, stdin=STREAM[:-100], code=3).stderr
    assert "standard input ends inside frame 6" in said
    assert "(6 finished frames are kept)" in said
    assert len(label_maps(tmp_path / "out/stdin")) == 6
    assert len(log_of(tmp_path / "out/stdin")) == 6
    assert len(ScoreFile(tmp_path / "out/stdin.h5", []).frames) == 6
    said = piped(app, trained, "-", "--stdout", "y4m", *QUIET, stdin=STREAM[:30], code=3).stderr
    assert "error: " in said


def test_labels_cannot_be_the_keys_of_a_pipe(app: Any, dataset: Path, tmp_path: Path) -> None:
    for network in ("labels", dataset / "labels"):
        said = piped(app, network, "-", "-o", tmp_path / "out", *QUIET, stdin=STREAM, code=3).stderr
        assert "labels cannot be the key frames of a pipe or a camera" in said
    assert not (tmp_path / "out").exists()


Start = Callable[..., PipedCommand]


@pytest.fixture
def start(trained: Path, tmp_path: Path) -> Iterator[Start]:
    """Start ``vstc propagate RUN`` between two pipes."""
    started: list[PipedCommand] = []

    def call(*arguments: object) -> PipedCommand:
        words = ["propagate", trained, *arguments, "--device", "cpu"]
        started.append(PipedCommand(words, tmp_path / f"pipes{len(started)}"))
        return started[-1]

    yield call
    for command in started:
        command.kill()


def feed_for_ever(command: PipedCommand) -> None:
    while True:
        command.stdin.write(FRAME)


@pytest.mark.parametrize("look_ahead", ["--look-ahead", "--no-look-ahead"])
def test_a_reader_that_leaves_ends_a_stream_with_0_and_whole_work(
    start: Start, tmp_path: Path, look_ahead: str
) -> None:
    running = start("-", "--stdout", "y4m", "-o", tmp_path / "out", "--overlay", look_ahead)
    running.stdin.write(STREAM)
    shown = b""
    while len(shown) < 2 * len(FRAME) + 100:
        shown += running.stdout.read(1000)
    assert shown.startswith(b"YUV4MPEG2 W64 H48 F25:2 ")
    running.stdout.close()
    with pytest.raises(BrokenPipeError):  # the stream would never end by itself
        feed_for_ever(running)
    assert running.wait() == 0, running.stderr
    assert "Traceback" not in running.stderr
    metrics = read_manifest(tmp_path / "out")["metrics"]
    assert metrics["ended"] == "reader gone"
    assert len(label_maps(tmp_path / "out/stdin")) >= metrics["frames"] > 0
    assert len(log_of(tmp_path / "out/stdin")) == metrics["frames"]
    left = [path.name for path in (tmp_path / "out").rglob("*") if "partial" in path.name]
    assert left == []


def test_ctrl_c_ends_a_stream_with_130_and_whole_work(start: Start, tmp_path: Path) -> None:
    out = tmp_path / "out"
    running = start("-", "-o", out, "--overlay")
    running.stdin.write(STREAM[:-2000])  # half a frame, then silence
    until(lambda: len(list(out.glob("stdin/*.png"))) == 6, "six frames")
    running.interrupt()
    assert running.wait() == 130, running.stderr
    assert "the stream was interrupted; its 6 frames" in running.stderr
    assert read_manifest(out)["metrics"]["ended"] == "interrupt"
    assert len(log_of(out / "stdin")) == 6


def test_ctrl_c_on_stored_frames_keeps_finished_clips(start: Start, tmp_path: Path) -> None:
    folder = write_moving_dataset(tmp_path / "data", train=1, val=0, num_frames=6).folder
    record = json.loads((folder / "dataset.json").read_text())
    (clip,) = record["clips"]
    long = {**clip, "id": "long", "frames": [], "labels": {}}
    for index in range(200):
        name = f"frames/long/{index:03d}.png"
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(folder / clip["frames"][index % 6], folder / name)
        long["frames"].append(name)
    (folder / "dataset.json").write_text(json.dumps({**record, "clips": [clip, long]}))
    out = tmp_path / "out"
    running = start(folder, "-o", out)
    until(lambda: len(list(out.glob("long/*.png"))) >= 5, "five frames")
    running.interrupt()
    assert running.wait() == 130
    assert "interrupted; finished work is kept: vstc propagate" in running.stderr
    assert (out / "train0/propagation.csv").is_file()
    assert not (out / "long/propagation.csv").exists()
    assert not (out / "manifest.json").exists()
    assert not list(out.rglob("*.partial"))


def can_mount(place: Path) -> bool:
    mount = ["unshare", "-m", "mount", "-t", "tmpfs", "-o", "size=100k", "none", str(place)]
    return os.geteuid() == 0 and subprocess.run(mount, capture_output=True).returncode == 0


def test_a_full_disk_leaves_finished_clips_and_nothing_that_looks_complete(
    dataset: Path, trained: Path, tmp_path: Path
) -> None:
    if not can_mount(tmp_path):
        pytest.skip("mounting a small disk needs root")
    disk, copy = tmp_path / "disk", tmp_path / "copy"
    disk.mkdir()
    words = [sys.executable, "-m", "vstc", "propagate", str(trained), str(dataset)]
    words += ["-o", f"{disk}/out", *QUIET, "--probabilities", *SHARES]
    # A clip of twelve frames with three classes takes 230 kB.
    script = f'mount -t tmpfs -o size=600k none {disk}; "$@"; echo $?; cp -r {disk}/out {copy}'
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", script, "sh", *words], capture_output=True, text=True
    )
    assert done.stdout == "4\n", done.stderr
    assert done.stderr.startswith(f"error: the disk is full: {disk}/out/")
    assert "\n\nhint: free some space, then run again with --resume" in done.stderr
    assert (copy / "train0/propagation.csv").is_file()
    assert not (copy / "val0/propagation.csv").exists()
    assert not (copy / "manifest.json").exists()


def test_the_log_is_a_table(dataset: Path, trained: Path, tmp_path: Path, run: Any) -> None:
    run(
        *("propagate", trained, dataset, "-o", tmp_path / "out", *QUIET, "--limit", 1),
        *("--set", "propagation.iam.always=true"),
    )
    with (tmp_path / "out/train0/propagation.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [row["frame"] for row in rows] == [f"{i:03d}" for i in range(12)]
    assert rows[5]["flagged_share"] == ""
    assert 0 <= float(rows[6]["flagged_share"]) <= 1
