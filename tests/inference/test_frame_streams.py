"""Frames from everywhere in one form; reading ahead of their use, and stopping at any moment."""

from __future__ import annotations

import io
import os
import threading
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tests.formats.test_camera import FakeCapture
from tests.formats.y4m_streams import planes, stream
from tests.inference.made_streams import MadeStream
from vstc.errors import ConfigError, InputError
from vstc.formats.dataset import load_dataset
from vstc.formats.frames import FrameReader
from vstc.formats.images import encode_rgb
from vstc.formats.video.files import VideoWriter
from vstc.formats.video.y4m import Y4mReader
from vstc.inference import inputs
from vstc.inference.frame_streams import CameraStream, ClipStream, FrameStream, Y4mStream
from vstc.inference.inputs import FrameInput, is_live, open_input
from vstc.inference.read_ahead import ReadAhead


def write_folder(folder: Path, sizes: list[tuple[int, int]]) -> Path:
    folder.mkdir(parents=True)
    for index, size in enumerate(sizes):
        image = np.random.default_rng(index).integers(0, 256, (*size, 3), np.uint8)
        (folder / f"f{index}.png").write_bytes(encode_rgb(image))
    return folder


def write_video(path: Path, frames: int) -> Path:
    with VideoWriter(path, fps=12.5, size=(48, 64)) as video:
        for index in range(frames):
            video.write(np.full((48, 64, 3), 10 * index, np.uint8))
    return path


def stored(path: Path) -> FrameInput:
    opened = open_input(str(path), output=None)
    assert isinstance(opened, FrameInput)
    return opened


def clip_stream(path: Path, **options: Any) -> ClipStream:
    dataset = stored(path).dataset
    return ClipStream(dataset, dataset.clips[0], **options)


def test_a_data_set_has_a_stream_for_each_clip(moving_dataset: Path) -> None:
    dataset = load_dataset(moving_dataset)
    reader = FrameReader(dataset)
    for clip in dataset.clips:
        frames = ClipStream(dataset, clip)
        assert (frames.clip_id, frames.size) == (clip.id, (48, 64))
        assert (frames.fps, frames.num_frames) == (10, 6)
        read = list(frames)
        assert [frame.index for frame in read] == list(range(6))
        assert [frame.name for frame in read] == clip.frame_names
        np.testing.assert_array_equal(read[3].image, reader.read(clip, 3))


def test_some_frames_of_a_clip_keep_their_places_and_names(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "shots", [(8, 9), (10, 11), (12, 13)])
    frames = clip_stream(folder, indices=[1, 2])
    assert (frames.num_frames, frames.size, frames.fps) == (2, (10, 11), None)
    assert [(f.index, f.name, f.image.shape) for f in frames] == [
        (1, "f1", (10, 11, 3)),
        (2, "f2", (12, 13, 3)),
    ]


def test_a_video_is_a_stream_of_numbered_frames(tmp_path: Path) -> None:
    frames = clip_stream(write_video(tmp_path / "drive.mp4", 5))
    assert (frames.clip_id, frames.size, frames.fps) == ("drive", (48, 64), 12.5)
    read = list(frames)
    assert [f.name for f in read] == [f"{i:06d}" for i in range(5)]
    assert np.abs([f.image.mean() - 10 * f.index for f in read]).max() < 3


def y4m_stream(data: bytes) -> Y4mStream:
    return Y4mStream(Y4mReader(io.BytesIO(data)), clip_id="stdin")


def test_a_pipe_is_a_stream_of_unknown_length() -> None:
    data = stream([planes("420", (6, 8), seed=s) for s in range(3)], size=(6, 8), tags="F30:1")
    frames = y4m_stream(data)
    assert (frames.size, frames.fps, frames.num_frames) == ((6, 8), 30.0, None)
    assert [f.name for f in frames] == ["000000", "000001", "000002"]
    assert frames.frames == 3
    assert y4m_stream(stream([], size=(6, 8), tags="")).fps is None


def test_a_limit_ends_a_stream_that_would_go_on() -> None:
    frames = y4m_stream(stream([planes("420", (6, 8))] * 5, size=(6, 8)))
    frames.limit = 2
    assert len(list(frames)) == 2


def test_a_camera_gives_frames_until_it_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[FakeCapture] = []

    def open_capture(index: int) -> FakeCapture:
        made.append(FakeCapture(index, frames=5))
        return made[-1]

    monkeypatch.setattr(cv2, "VideoCapture", open_capture)
    frames = open_input("camera:3", output=None)
    assert isinstance(frames, CameraStream)
    assert (frames.clip_id, frames.size, frames.fps, frames.num_frames) == (
        *("camera3", (4, 6), 30.0),
        None,
    )
    names = []
    for frame in frames:
        names.append(frame.name)
        if len(names) == 2:
            frames.close()
    assert names == ["000000", "000001"]
    assert made[0].is_released
    assert made[0].index == 3


def test_a_camera_that_is_pulled_out_says_so_after_its_frames(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cv2, "VideoCapture", lambda index: FakeCapture(index, frames=3))
    frames = open_input("0", output=None)
    with (
        pytest.raises(InputError, match="camera 0 stopped after 3 frames"),
        ReadAhead(frames, depth=2) as ahead,  # type: ignore[arg-type]
    ):
        assert [frame.index for frame in ahead] == [0, 1, 2]


def test_what_is_live_is_known_before_it_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert [is_live(text) for text in ("-", "camera:0", "12", "./12", "drive.mp4")] == [
        *(True, True, True),
        *(False, False),
    ]
    write_folder(tmp_path / "12", [(8, 8)])
    assert not is_live("12")  # a folder that is there goes before a camera
    assert isinstance(open_input("12", output=None), FrameInput)
    with pytest.raises(ConfigError, match="camera:front names no camera"):
        is_live("camera:front")


def test_a_video_that_holds_less_than_it_declares_has_a_remark(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    from vstc.formats.video import files as video

    path = write_video(tmp_path / "drive.mp4", 5)
    assert stored(path).remarks == []
    open_reader = video.VideoReader.__init__

    def boast(self: video.VideoReader, where: Path) -> None:
        open_reader(self, where)
        self.info = replace(self.info, declared_frames=9)

    monkeypatch.setattr(video.VideoReader, "__init__", boast)
    (remark,) = stored(path).remarks
    assert "declares 9 frames but 5 can be decoded" in remark


def test_a_decoder_that_dies_gives_the_frames_before_and_then_its_error(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "shots", [(8, 9)] * 5)
    (folder / "f3.png").write_bytes((folder / "f3.png").read_bytes()[:50])
    with ReadAhead(clip_stream(folder), depth=4) as frames:
        assert [next(frames).name for _ in range(3)] == ["f0", "f1", "f2"]
        with pytest.raises(InputError, match=r"f3\.png"):
            next(frames)
    with ReadAhead(MadeStream(9, before=dies_at(4)), depth=2) as frames:
        assert [next(frames).index for _ in range(4)] == [0, 1, 2, 3]
        with pytest.raises(RuntimeError, match="decoder"):
            next(frames)


def dies_at(index: int) -> Any:
    def before(number: int) -> None:
        if number == index:
            raise RuntimeError("the decoder died")

    return before


@pytest.mark.parametrize("depth", [1, 3])
def test_reading_ahead_never_grows_and_keeps_the_order(depth: int) -> None:
    frames = MadeStream(100)
    with ReadAhead(frames, depth=depth) as ahead:
        for used, frame in enumerate(ahead):
            assert frame.index == used
            time.sleep(0.001)
            # Those that wait, one in the reader's hand, and the one that is used.
            assert frames.given <= used + depth + 2
    assert frames.released == 1


@pytest.mark.parametrize("error", [KeyboardInterrupt, InputError, BrokenPipeError])
def test_the_reader_ends_with_whoever_uses_it(error: type[BaseException]) -> None:
    threads = threading.active_count()
    frames = MadeStream(None)

    def use() -> None:
        with ReadAhead(frames, depth=2) as ahead:
            for frame in ahead:
                if frame.index == 3:
                    raise error("enough")

    with pytest.raises(error):
        use()
    assert threading.active_count() == threads
    assert frames.released == 1
    assert frames.given <= 3 + 2 + 2
    assert list(frames) == []


class PipedStdin:
    """Standard input that is a real pipe."""

    def __init__(self) -> None:
        reader, self.writer = os.pipe()
        self.buffer = os.fdopen(reader, "rb")

    def isatty(self) -> bool:
        return False


def test_a_reader_that_waits_for_a_silent_pipe_can_be_stopped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also in the middle of a frame, which is no error then."""
    stdin = PipedStdin()
    monkeypatch.setattr("sys.stdin", stdin)
    data = stream([planes("420", (6, 8))] * 2, size=(6, 8))
    os.write(stdin.writer, data[:-10])
    frames = inputs.open_input("-", output=None)
    assert isinstance(frames, FrameStream)
    threads = threading.active_count()
    with ReadAhead(frames, depth=4) as ahead:
        assert next(ahead).name == "000000"
    assert threading.active_count() == threads
    os.close(stdin.writer)
    stdin.buffer.close()
