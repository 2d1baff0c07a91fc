"""Where results go: whole files or none, in order, and a pipe whose reader may leave."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.inference.made_streams import ListSink, gray, result_of
from vstc.artifacts.workspace import Workspace, open_artifact
from vstc.errors import InputError, OutputError
from vstc.formats.class_scores import ScoreFile
from vstc.formats.dataset import LabelClass
from vstc.formats.images import overlay_labels, read_color_labels, read_labels
from vstc.formats.video.y4m import Y4mReader
from vstc.inference.checkpoint import ClassTable
from vstc.inference.results import FrameResult, ResultSink, Size, open_sinks
from vstc.inference.sinks.in_thread import InThread
from vstc.inference.sinks.label_files import LabelFile, LabelFiles
from vstc.inference.sinks.overlay_video import OverlayVideo
from vstc.inference.sinks.score_file import ScoreFiles
from vstc.inference.sinks.y4m_output import StdoutFormat, Y4mOutput
from vstc.inference.stream import StageTimes

CLASSES = [
    LabelClass(id=0, name="road", color=(0, 0, 0)),
    LabelClass(id=1, name="car", color=(200, 30, 30)),
    LabelClass(id=2, name="sky", color=(30, 30, 200)),
]
PALETTE = np.zeros((256, 3), np.uint8)
PALETTE[:3] = [entry.color for entry in CLASSES]
FILE = LabelFile.of(ClassTable(CLASSES, 255), "ids")


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with open_artifact(tmp_path / "out", kind="vstc.predictions", config={}) as opened:
        yield opened


def names(workspace: Workspace) -> set[str]:
    files = (path for path in workspace.path.rglob("*") if path.is_file())
    return {f.relative_to(workspace.path).as_posix() for f in files} - {".lock", "progress.json"}


def feed(
    sinks: list[ResultSink], frames: int, *, size: Size = (4, 6), fps: float | None = None
) -> None:
    with open_sinks(sinks, "drive", size=size, fps=fps):
        for index in range(frames):
            for sink in sinks:
                sink.write(result_of(index, size=size))


def feed_then_fail(sinks: list[ResultSink], frames: int, *, size: Size = (4, 6)) -> None:
    with open_sinks(sinks, "drive", size=size, fps=None):
        for index in range(frames):
            for sink in sinks:
                scores = np.full((3, *size), 1 / 3, np.float16)
                sink.write(result_of(index, size=size, probabilities=scores))
        raise KeyboardInterrupt


def test_all_sinks_are_closed_in_turn() -> None:
    first, second = ListSink(), ListSink()
    feed([first, second], 2)
    expected = ["open drive", "write 000000", "write 000001", "close"]
    assert first.calls == second.calls == expected


@pytest.mark.parametrize("fails", ["open drive", "write 000001", "close"])
def test_all_sinks_are_abandoned_when_one_fails(fails: str) -> None:
    other, failing = ListSink(), ListSink(fails=fails, error=OutputError("full"))
    with pytest.raises(OutputError, match="full"):
        feed([other, failing], 3)
    assert failing.calls[-2:] == [fails, "abandon"]
    assert other.calls[-1] == "abandon"


def test_a_sink_in_a_thread_gets_everything_in_order_and_a_few_wait() -> None:
    most = 0

    class Slow(ListSink):
        def write(self, result: FrameResult) -> None:
            nonlocal most
            time.sleep(0.002)
            most = max(most, taken - len(self.calls) + 1)
            super().write(result)

    inner, taken = Slow(), 0
    outer = InThread(inner, StageTimes())
    with open_sinks([outer], "drive", size=(4, 6), fps=None):
        for taken in range(20):
            outer.write(result_of(taken))
    assert inner.calls == ["open drive", *(f"write {i:06d}" for i in range(20)), "close"]
    assert len(inner.threads) == 2
    assert most <= 3 + 1
    assert "write" not in " ".join(thread.name for thread in threading.enumerate())


def test_an_error_in_the_thread_reaches_the_caller() -> None:
    inner = ListSink(fails="write 000002", error=OutputError("full"))
    with pytest.raises(OutputError, match="full"):
        feed([InThread(inner, StageTimes())], 20)
    assert inner.calls[-1] == "abandon"


def label_sink(workspace: Workspace, *, confidence: bool = False) -> LabelFiles:
    return LabelFiles(workspace, FILE, confidence=confidence, workers=2, times=StageTimes())


def test_label_files_hold_ids_colours_and_confidences(workspace: Workspace) -> None:
    sink = label_sink(workspace, confidence=True)
    with open_sinks([sink], "drive", size=(4, 6), fps=None):
        for index in range(3):
            sink.write(result_of(index, confidence=gray(9 * index)[..., 0]))
    assert len(names(workspace)) == 6
    for index in range(3):
        path = workspace.path / f"drive/{index:06d}.png"
        assert (read_labels(path) == index).all()
        assert (read_color_labels(path, CLASSES) == index).all()
        confidence = read_labels(workspace.path / f"drive/confidence/{index:06d}.png")
        assert (confidence == 9 * index).all()


def test_frames_that_were_taken_are_written_when_the_work_is_abandoned(
    workspace: Workspace,
) -> None:
    with pytest.raises(KeyboardInterrupt):
        feed_then_fail([label_sink(workspace)], 12)
    assert names(workspace) == {f"drive/{index:06d}.png" for index in range(12)}


def read_video(path: Path) -> list[np.ndarray]:
    capture = cv2.VideoCapture(str(path))
    frames = []
    while (got := capture.read())[0]:
        frames.append(cv2.cvtColor(got[1], cv2.COLOR_BGR2RGB))
    return frames


def test_an_overlay_shows_frames_and_colours(workspace: Workspace) -> None:
    feed([OverlayVideo(workspace, PALETTE)], 3, size=(32, 48), fps=12.5)
    frames = read_video(workspace.path / "drive/overlay.mp4")
    assert len(frames) == 3
    for index, frame in enumerate(frames):
        result = result_of(index, size=(32, 48))
        expected = overlay_labels(result.frame, result.labels, PALETTE)
        assert np.abs(frame.astype(int) - expected).mean() < 4


@pytest.mark.parametrize("keeps_part", [True, False])
def test_what_is_abandoned_half_way_is_kept_only_where_it_cannot_be_had_again(
    workspace: Workspace, keeps_part: bool
) -> None:
    video = OverlayVideo(workspace, PALETTE, keeps_part=keeps_part)
    scores = ScoreFiles(workspace, 3, keeps_part=keeps_part)
    with pytest.raises(KeyboardInterrupt):
        feed_then_fail([video, scores], 5, size=(32, 48))
    assert names(workspace) == ({"drive/overlay.mp4", "drive.h5"} if keeps_part else set())
    if keeps_part:
        assert len(read_video(workspace.path / "drive/overlay.mp4")) == 5
        assert len(ScoreFile(workspace.path / "drive.h5", []).frames) == 5


@pytest.mark.parametrize("keeps_part", [True, False])
def test_nothing_is_left_of_a_clip_without_frames(workspace: Workspace, keeps_part: bool) -> None:
    video = OverlayVideo(workspace, PALETTE, keeps_part=keeps_part)
    scores = ScoreFiles(workspace, 3, keeps_part=keeps_part)
    with pytest.raises(KeyboardInterrupt):
        feed_then_fail([video, scores], 0)
    assert names(workspace) == set()


def test_frames_of_another_size_are_refused_by_name(workspace: Workspace) -> None:
    odd = result_of(7, size=(8, 6), probabilities=np.zeros((3, 8, 6), np.float16))
    sinks: list[ResultSink] = [
        OverlayVideo(workspace, PALETTE),
        ScoreFiles(workspace, 3),
        Y4mOutput(io.BytesIO(), PALETTE),
    ]
    for sink in sinks:
        with (
            pytest.raises(InputError, match="frame 000007 of clip drive is 6x8, the clip began"),
            open_sinks([sink], "drive", size=(4, 6), fps=None),
        ):
            sink.write(odd)
    assert names(workspace) == set()


@pytest.mark.parametrize("format", StdoutFormat)
def test_a_pipe_gets_all_frames_in_order(format: StdoutFormat) -> None:
    target = io.BytesIO()
    sink = Y4mOutput(target, PALETTE, format=format)
    feed([sink], 9, size=(32, 48), fps=30)
    feed([sink], 2, size=(32, 48), fps=12)  # a second clip follows in the same video
    reader = Y4mReader(io.BytesIO(target.getvalue()))
    frames = list(reader)
    assert reader.header.fps == 30
    assert len(frames) == 11
    for index, frame in enumerate([*frames[:9], *frames[9:]]):
        result = result_of(index if index < 9 else index - 9, size=(32, 48))
        expected = PALETTE[result.labels]
        if format is StdoutFormat.Y4M:
            expected = overlay_labels(result.frame, result.labels, PALETTE)
        assert np.abs(frame.astype(int) - expected).max() <= 3


def test_a_clip_of_another_size_does_not_fit_into_the_video_of_a_pipe() -> None:
    sink = Y4mOutput(io.BytesIO(), PALETTE)
    feed([sink], 1)
    with pytest.raises(InputError, match="clip drive is 8x4, but the video in standard output is"):
        feed([sink], 1, size=(4, 8))


class Leaving(io.BytesIO):
    """A pipe whose reader leaves after some bytes."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most

    def write(self, data: bytes) -> int:  # type: ignore[override]
        if self.tell() >= self.most:
            raise BrokenPipeError
        return super().write(data)


@pytest.mark.parametrize("most", [0, 100, 8000])
def test_a_reader_that_leaves_ends_the_work_and_keeps_the_files(
    workspace: Workspace, most: int
) -> None:
    labels, pipe = label_sink(workspace), Y4mOutput(Leaving(most), PALETTE)
    with pytest.raises(BrokenPipeError):
        feed([pipe, labels], 60, size=(32, 48))
    written = names(workspace)
    assert len(written) < 60
    assert all((read_labels(workspace.path / name) < 3).all() for name in written)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("y4m")]
