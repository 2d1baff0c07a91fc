"""``vstc predict`` between pipes and at a camera: what goes through, and who may leave when."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from tests.formats.test_camera import FakeCapture
from tests.moving import CLASSES, draw_scene
from tests.piped_command import PipedCommand, until
from tests.tiny_runs import write_run
from vstc.artifacts.manifest import read_manifest
from vstc.formats.class_scores import ScoreFile
from vstc.formats.images import encode_rgb, overlay_labels, read_labels
from vstc.formats.video.files import VideoReader, VideoWriter
from vstc.formats.video.y4m import Y4mReader, Y4mWriter

pytestmark = pytest.mark.usefixtures("one_thread")
QUIET = ["--device", "cpu", "-q"]
SIZE = (48, 64)
PALETTE = np.zeros((256, 3), np.uint8)
PALETTE[:3] = [entry.color for entry in CLASSES]


@pytest.fixture(scope="module")
def trained(moving_dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("trained") / "run", moving_dataset, seed=7)


def y4m_of(frames: list[np.ndarray], *, fps: float = 12.5) -> bytes:
    target = io.BytesIO()
    writer = Y4mWriter(target, size=SIZE, fps=fps)
    for frame in frames:
        writer.write(frame)
    return target.getvalue()


FRAMES = draw_scene(1, num_frames=7).frames
STREAM = y4m_of(FRAMES)
FRAME = STREAM[-(len(b"FRAME\n") + 4608) :]


def frames_of(data: bytes) -> list[np.ndarray]:
    return list(Y4mReader(io.BytesIO(data)))


class Done:
    """What a command made of its input."""

    def __init__(self, result: Any) -> None:
        self.code, self.stdout, self.stderr = result.exit_code, result.stdout_bytes, result.stderr


Predict = Callable[..., Done]


@pytest.fixture
def predict(app: Any, trained: Path) -> Predict:
    """Run ``vstc predict RUN`` with bytes on standard input."""

    def call(*arguments: object, stdin: bytes = b"", code: int = 0) -> Done:
        words = ["predict", str(trained), *map(str, arguments), "--device", "cpu"]
        result = CliRunner().invoke(app, words, input=stdin)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == code, result.stderr
        return Done(result)

    return call


def label_maps(folder: Path) -> list[np.ndarray]:
    return [read_labels(path) for path in sorted(folder.glob("*.png"))]


def files(folder: Path) -> set[str]:
    found = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    return found - {".lock"}


def test_a_pipe_is_predicted_as_the_same_frames_in_a_folder(
    predict: Predict, trained: Path, tmp_path: Path
) -> None:
    predict("-", "-o", tmp_path / "piped", "-q", stdin=STREAM)
    shots = tmp_path / "shots"
    shots.mkdir()
    for index, frame in enumerate(frames_of(STREAM)):
        (shots / f"{index:06d}.png").write_bytes(encode_rgb(frame))
    predict(shots, "-o", tmp_path / "stored", "-q")
    piped = sorted((tmp_path / "piped/stdin").iterdir())
    stored = sorted((tmp_path / "stored/shots").iterdir())
    assert len(piped) == 7
    assert [p.name for p in piped] == [p.name for p in stored]
    assert [p.read_bytes() for p in piped] == [p.read_bytes() for p in stored]
    manifest = read_manifest(tmp_path / "piped", kind="vstc.predictions")
    assert [ref["role"] for ref in manifest["inputs"]] == ["checkpoint"]
    metrics = manifest["metrics"]
    assert (metrics["frames"], metrics["source"], metrics["clip"]) == (7, "standard input", "stdin")
    assert (metrics["size"], metrics["fps"], metrics["ended"]) == ([48, 64], 12.5, "end of stream")


def test_a_video_goes_in_and_its_overlay_comes_out_without_a_folder(
    predict: Predict, tmp_path: Path
) -> None:
    done = predict("-", "--stdout", "y4m", stdin=STREAM)
    shown = frames_of(done.stdout)
    assert len(shown) == 7
    assert "frames_per_second" in done.stderr
    quiet = predict("-", "--stdout", "y4m-colors", "-q", "-o", tmp_path / "out", stdin=STREAM)
    assert quiet.stderr == ""
    maps = label_maps(tmp_path / "out/stdin")
    colors = frames_of(quiet.stdout)
    assert len(maps) == len(colors) == 7
    for frame, overlay, color, ids in zip(FRAMES, shown, colors, maps, strict=True):
        # Chroma is shared by 2 x 2 pixels on its way in and out.
        assert np.abs(color.astype(int) - PALETTE[ids]).mean() < 8
        assert np.abs(overlay.astype(int) - overlay_labels(frame, ids, PALETTE)).mean() < 8


def test_a_stored_video_can_be_shown_too(predict: Predict, tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "drive.mp4", fps=12.5, size=SIZE) as video:
        for frame in FRAMES:
            video.write(frame)
    both = predict(
        tmp_path / "drive.mp4", "--stdout", "y4m", "-o", tmp_path / "out", "-q", "--overlay"
    )
    reader = Y4mReader(io.BytesIO(both.stdout))
    assert reader.header.fps == 12.5
    with VideoReader(tmp_path / "out/drive/overlay.mp4") as overlay:
        pairs = list(zip(reader, overlay.stream(), strict=True))
    assert len(pairs) == 7
    assert max(np.abs(piped.astype(int) - stored).mean() for piped, stored in pairs) < 8
    alone = predict(tmp_path / "drive.mp4", "--stdout", "y4m", "-q")
    assert alone.stdout == both.stdout


def test_clips_of_a_data_set_follow_one_another(predict: Predict, moving_dataset: Path) -> None:
    done = predict(moving_dataset, "--stdout", "y4m", "-q", "--limit", 2)
    assert len(frames_of(done.stdout)) == 12


def test_all_that_can_be_written_is_written_of_a_pipe(
    predict: Predict, moving_dataset: Path, tmp_path: Path, run: Any
) -> None:
    predict(
        *("-", "-o", tmp_path / "out", "-q", "--confidence", "--overlay", "--probabilities"),
        *("--batch", 3, "--flip"),
        stdin=STREAM,
    )
    assert files(tmp_path / "out") == {
        *(f"stdin/{index:06d}.png" for index in range(7)),
        *(f"stdin/confidence/{index:06d}.png" for index in range(7)),
        *("stdin/overlay.mp4", "stdin.h5", "timing.json", "manifest.json"),
    }
    with VideoReader(tmp_path / "out/stdin/overlay.mp4") as overlay:
        assert overlay.count_frames() == 7
        assert overlay.info.fps == 12.5
    scores = ScoreFile(tmp_path / "out/stdin.h5", [])
    for index, labels in enumerate(label_maps(tmp_path / "out/stdin")):
        read = scores.read(f"{index:06d}").values.astype(np.float32)
        confidence = read_labels(tmp_path / f"out/stdin/confidence/{index:06d}.png")
        np.testing.assert_allclose(read.sum(axis=0), 1, atol=0.003)
        np.testing.assert_allclose(read.max(axis=0), confidence / 255, atol=0.004)
        own = np.take_along_axis(read, labels[None].astype(int), axis=0)[0]
        assert (read.max(axis=0) - own).max() <= 0.001  # ties, once rounded to 16 bits


def test_probabilities_of_a_data_set_can_be_evaluated_and_survive_a_resume(
    predict: Predict, moving_dataset: Path, tmp_path: Path, run: Any
) -> None:
    command = [moving_dataset, "-o", tmp_path / "out", "-q", "--probabilities", "--split", "val"]
    predict(*command)
    common = ["--dataset", moving_dataset, "--split", "val", "-q", "--json"]
    by_labels = run("evaluate", tmp_path / "out", "-o", tmp_path / "a", *common).json
    by_scores = run(
        *("evaluate", tmp_path / "out", "--format", "probabilities", "-o", tmp_path / "b"),
        *common,
    ).json
    assert by_scores["totals"]["miou"] == pytest.approx(by_labels["totals"]["miou"], abs=0.002)
    whole = (tmp_path / "out/val0.h5").read_bytes()
    (tmp_path / "out/manifest.json").rename(tmp_path / "out/progress.json")
    (tmp_path / "out/val0.h5").unlink()
    (tmp_path / "out/val0/003.png").unlink()
    predict(*command, "--resume")
    assert (tmp_path / "out/val0.h5").read_bytes() == whole


@pytest.mark.parametrize(
    ("code", "arguments", "says"),
    [
        (2, ["-"], "results have no place to go\n\nhint: give -o FOLDER, or --stdout y4m"),
        (2, ["-", "--stdout", "mp4"], "unknown --stdout: mp4\n\nhint: choose one of: y4m"),
        (2, ["-", "--stdout", "y4m", "--json"], "--stdout and --json both want standard output"),
        (2, ["-", "--stdout", "y4m", "--overlay"], "--overlay is about a folder"),
        (2, ["-", "--stdout", "y4m", "--set", "probabilities=true"], "--probabilities is about"),
        (2, ["-", "--stdout", "y4m", "--resume"], "--resume is about a folder"),
        (2, ["-", "-o", "{out}", "--resume"], "can be read again; standard input cannot"),
        (2, ["camera:0", "-o", "{out}", "--resume"], "can be read again; camera camera:0 cannot"),
        (2, ["{data}", "-o", "{out}", "--resume", "--stdout", "y4m"], "needs every frame anew"),
        (2, ["camera:x", "-o", "{out}"], "camera:x names no camera"),
        (3, ["-", "-o", "{out}"], "standard input is empty"),
        (5, ["camera:98", "-o", "{out}"], "camera 98 cannot be opened"),
    ],
)
def test_choices_that_do_not_fit_are_refused_before_anything_is_written(
    predict: Predict,
    moving_dataset: Path,
    tmp_path: Path,
    code: int,
    arguments: list[str],
    says: str,
) -> None:
    places = {"out": tmp_path / "out", "data": moving_dataset}
    done = predict(*(word.format(**places) for word in arguments), "-q", code=code)
    assert says in done.stderr
    assert done.stdout == b""
    assert not (tmp_path / "out").exists()


def test_a_dry_run_looks_at_the_stream_and_writes_nothing(predict: Predict, tmp_path: Path) -> None:
    done = predict("-", "-o", tmp_path / "out", "--dry-run", stdin=STREAM)
    assert b"'clips': 1" in done.stdout
    assert b"'units': None" in done.stdout
    done = predict("-", "--stdout", "y4m", "--dry-run", stdin=STREAM)
    assert b"YUV4MPEG2" not in done.stdout
    assert predict("-", "--stdout", "y4m", "--dry-run", stdin=b"x", code=3).stdout == b""
    assert list(tmp_path.iterdir()) == []


def test_an_output_that_is_there_is_refused_or_replaced(predict: Predict, tmp_path: Path) -> None:
    command = ["-", "-o", tmp_path / "out", "-q"]
    predict(*command, stdin=STREAM)
    assert "--overwrite" in predict(*command, stdin=STREAM, code=4).stderr
    predict(*command, "--overwrite", "--limit", 3, stdin=STREAM)
    assert len(label_maps(tmp_path / "out/stdin")) == 3
    assert read_manifest(tmp_path / "out")["metrics"]["frames"] == 3


def test_a_stream_cut_in_a_frame_is_an_error_that_keeps_the_frames_before(
    predict: Predict, tmp_path: Path
) -> None:
    command = ["-", "-o", tmp_path / "out", "-q", "--overlay", "--probabilities"]
    said = predict(*command, stdin=STREAM[:-100], code=3).stderr
    assert "standard input ends inside frame 6: 4508 of 4608 bytes" in said
    assert "(6 finished frames are kept)" in said
    assert files(tmp_path / "out") == {
        *(f"stdin/{index:06d}.png" for index in range(6)),
        *("stdin/overlay.mp4", "stdin.h5", "progress.json"),
    }
    assert len(ScoreFile(tmp_path / "out/stdin.h5", []).frames) == 6


def test_a_stream_without_frames_is_an_error(predict: Predict, tmp_path: Path) -> None:
    head = STREAM[: STREAM.index(b"\n") + 1]
    said = predict("-", "-o", tmp_path / "out", "-q", "--overlay", stdin=head, code=3).stderr
    assert "clip stdin holds no frame" in said
    assert files(tmp_path / "out") == {"progress.json"}


def test_a_camera_is_predicted_up_to_a_limit(
    predict: Predict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cv2, "VideoCapture", lambda index: FakeCapture(index, frames=9))
    predict("camera:0", "-o", tmp_path / "out", "-q", "--limit", 4)
    assert [ids.shape for ids in label_maps(tmp_path / "out/camera0")] == [(4, 6)] * 4
    said = predict("0", "-o", tmp_path / "all", "-q", code=3).stderr
    assert "camera 0 stopped after 9 frames (9 finished frames are kept)" in said


def test_a_change_of_size_stops_a_video_but_not_label_maps(
    predict: Predict, tmp_path: Path
) -> None:
    shots = tmp_path / "shots"
    shots.mkdir()
    for index, size in enumerate([(20, 30), (20, 30), (24, 30)]):
        (shots / f"f{index}.png").write_bytes(encode_rgb(np.zeros((*size, 3), np.uint8)))
    predict(shots, "-o", tmp_path / "maps", "-q")
    assert [ids.shape for ids in label_maps(tmp_path / "maps/shots")][2] == (24, 30)
    for option in ("--probabilities", "--overlay"):
        said = predict(shots, "-o", tmp_path / option[2:], "-q", option, code=3).stderr
        assert "frame f2 of clip shots is 30x24, the clip began with 30x20" in said
        assert len(label_maps(tmp_path / option[2:] / "shots")) >= 2
    piped = predict(shots, "--stdout", "y4m", "-q", code=3)
    assert "frame f2 of clip shots" in piped.stderr


def test_a_video_that_holds_less_than_it_says_is_warned_of(
    predict: Predict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    with VideoWriter(tmp_path / "drive.mp4", fps=12.5, size=SIZE) as video:
        for frame in FRAMES:
            video.write(frame)
    open_reader = VideoReader.__init__

    def boast(self: VideoReader, where: Path) -> None:
        open_reader(self, where)
        self.info = replace(self.info, declared_frames=9)

    monkeypatch.setattr(VideoReader, "__init__", boast)
    said = predict(tmp_path / "drive.mp4", "-o", tmp_path / "out", "-q").stderr
    assert "declares 9 frames but 7 can be decoded" in said


Start = Callable[..., PipedCommand]


@pytest.fixture
def start(trained: Path, tmp_path: Path) -> Iterator[Start]:
    """Start ``vstc predict RUN`` between two pipes."""
    started: list[PipedCommand] = []

    def call(*arguments: object) -> PipedCommand:
        words = ["predict", trained, *arguments, "--device", "cpu"]
        started.append(PipedCommand(words, tmp_path / f"pipes{len(started)}"))
        return started[-1]

    yield call
    for command in started:
        command.kill()


def feed_for_ever(command: PipedCommand, first: bytes) -> None:
    command.stdin.write(first)
    while True:
        command.stdin.write(FRAME)


@pytest.mark.parametrize("has_folder", [False, True])
def test_a_reader_that_leaves_ends_a_stream_with_0_and_whole_work(
    start: Start, tmp_path: Path, has_folder: bool
) -> None:
    out = ["-o", tmp_path / "out", "--overlay"] if has_folder else []
    running = start("-", "--stdout", "y4m", *out)
    running.stdin.write(STREAM[:10_000])
    assert running.stdout.read(1000).startswith(b"YUV4MPEG2 W64 H48 F25:2 ")
    running.stdout.close()
    with pytest.raises(BrokenPipeError):  # the stream would never end by itself
        feed_for_ever(running, STREAM[10_000:])
    assert running.wait() == 0, running.stderr
    assert "Traceback" not in running.stderr
    if has_folder:
        metrics = read_manifest(tmp_path / "out")["metrics"]
        assert metrics["ended"] == "reader gone"
        assert len(label_maps(tmp_path / "out/stdin")) == metrics["frames"] > 0
        assert (tmp_path / "out/stdin/overlay.mp4").is_file()
        assert not [name for name in files(tmp_path / "out") if "partial" in name]


def test_a_reader_that_leaves_a_stored_clip_leaves_work_to_go_on_with(
    start: Start, tmp_path: Path, predict: Predict
) -> None:
    shots = tmp_path / "shots"
    shots.mkdir()
    for index in range(60):
        (shots / f"{index:03d}.png").write_bytes(encode_rgb(FRAMES[index % 7]))
    running = start(shots, "--stdout", "y4m", "-o", tmp_path / "out")
    running.stdout.read(1000)
    running.stdout.close()
    assert running.wait() == 0, running.stderr
    assert "nobody reads standard output any more" in running.stderr
    assert 0 < len(label_maps(tmp_path / "out/shots")) < 60
    assert not (tmp_path / "out/manifest.json").exists()
    predict(shots, "-o", tmp_path / "out", "-q", "--resume")
    assert len(label_maps(tmp_path / "out/shots")) == 60


def test_a_writer_that_dies_in_a_frame_is_an_error(start: Start, tmp_path: Path) -> None:
    running = start("-", "--stdout", "y4m")
    writer = subprocess.Popen(
        [sys.executable, "-c", "import os, signal\nos.write(1, open('/dev/stdin', 'rb').read())\n"
         "os.kill(os.getpid(), signal.SIGKILL)"],
        stdin=subprocess.PIPE,
        stdout=running.stdin,
    )  # fmt: skip
    running.stdin.close()
    writer.communicate(STREAM[:-1])
    shown = frames_of(running.stdout.read())
    assert running.wait() == 3
    assert "standard input ends inside frame 6: 4607 of 4608 bytes" in running.stderr
    assert len(shown) <= 6


@pytest.mark.parametrize("stalls", ["stdin", "stdout"])
def test_ctrl_c_ends_a_stream_that_waits_with_130_and_whole_work(
    start: Start, tmp_path: Path, stalls: str
) -> None:
    out = tmp_path / "out"
    arguments = ["-", "-o", out, "--overlay", "--probabilities"]
    if stalls == "stdout":
        arguments += ["--stdout", "y4m"]
    running = start(*arguments)
    if stalls == "stdin":  # half a frame, then silence
        running.stdin.write(STREAM[:-2000])
        until(lambda: len(list(out.glob("stdin/*.png"))) == 6, "six frames")
    else:  # nobody reads what comes out
        os.set_blocking(running.stdin.fileno(), False)
        data = STREAM + 300 * FRAME

        def is_stuck() -> bool:
            nonlocal data
            before = len(list(out.glob("stdin/*.png")))
            written = running.stdin.write(data)
            data = data[written or 0 :]
            time.sleep(0.3)
            after = len(list(out.glob("stdin/*.png")))
            return written is None and 7 < before == after

        until(is_stuck, "a full pipe")
    running.interrupt()
    assert running.wait() == 130, running.stderr
    assert "the stream was interrupted; its" in running.stderr
    assert "--resume" not in running.stderr
    metrics = read_manifest(out)["metrics"]
    assert metrics["ended"] == "interrupt"
    maps = label_maps(out / "stdin")
    assert len(maps) >= 6
    with VideoReader(out / "stdin/overlay.mp4") as overlay:
        assert overlay.count_frames() == len(maps)
    assert len(ScoreFile(out / "stdin.h5", []).frames) == len(maps)
    assert not [name for name in files(out) if "partial" in name]


def test_ctrl_c_on_stored_frames_leaves_no_partial_files(start: Start, tmp_path: Path) -> None:
    shots = tmp_path / "shots"
    shots.mkdir()
    for index in range(80):
        (shots / f"{index:03d}.png").write_bytes(encode_rgb(FRAMES[index % 7]))
    out = tmp_path / "out"
    running = start(shots, "-o", out, "--probabilities")
    until(lambda: len(list(out.glob("shots/*.png"))) >= 5, "five frames")
    running.interrupt()
    assert running.wait() == 130
    assert "interrupted; finished work is kept: vstc predict" in running.stderr
    assert 5 <= len(label_maps(out / "shots")) < 80
    assert {name for name in files(out) if not name.endswith(".png")} == {
        *("progress.json", "dataset.json"),
    }


def test_the_chain_of_the_help_works_between_real_programs(trained: Path, tmp_path: Path) -> None:
    """A program | vstc predict | head, as a shell runs it."""
    (tmp_path / "x.y4m").write_bytes(STREAM + 40 * FRAME)
    vstc = f"{sys.executable} -m vstc predict {trained} - --stdout y4m --device cpu -q"
    line = f"cat x.y4m | {vstc} | head -c 9500 > out.y4m; echo ${{PIPESTATUS[@]}} > codes"
    environment = os.environ | {"PYTHONPATH": os.getcwd(), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        ["bash", "-c", line], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.stderr == ""
    assert (tmp_path / "codes").read_text().split()[1] == "0"
    data = (tmp_path / "out.y4m").read_bytes()
    assert len(data) == 9500
    reader = Y4mReader(io.BytesIO(data))
    assert reader.header.size == SIZE
    assert (reader.read() is not None, reader.read() is not None) == (True, True)
