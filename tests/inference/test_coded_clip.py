"""Clips of videos whose frames bring their motion vectors: one decoding, parts, closing."""

from __future__ import annotations

import sys
import threading

import numpy as np
import pytest

from tests.formats.coded_videos import FakeAv, fake_frame, vectors
from vstc.errors import InputError
from vstc.formats.dataset import Clip, Dataset, DatasetRecord, VideoFrame
from vstc.inference.coded_clip import CodedClipStream

SIZE = (16, 32)


def made_up(level):
    block = vectors((16, 16, 8, 8, 4 * level, 0))
    return fake_frame(block, rgb=np.full((*SIZE, 3), level, np.uint8))


@pytest.fixture
def module(monkeypatch, tmp_path):
    made = FakeAv([made_up(n) for n in range(9)])
    monkeypatch.setitem(sys.modules, "av", made)
    (tmp_path / "made_up.mp4").write_bytes(b"video")
    return made


def stream_of(folder, places, **options):
    frames = [VideoFrame(video="made_up.mp4", index=place) for place in places]
    clip = Clip(id="part", split="test", frames=frames)
    record = DatasetRecord(name="made up", root=".", classes=[], clips=[clip])
    return CodedClipStream(Dataset(record, folder), clip, **options)


def levels(frame):
    return int(frame.image[0, 0, 0]), int(frame.vectors.dense().flow_next_to_prev[0, 0, 0])


def test_frames_bring_their_vectors_and_the_video_is_opened_once(module, tmp_path):
    stream = stream_of(tmp_path, range(3, 8))
    assert (stream.size, stream.num_frames) == (SIZE, 5)
    frames = list(stream)
    assert [frame.index for frame in frames] == [0, 1, 2, 3, 4]
    assert [levels(frame) for frame in frames] == [(n, n) for n in range(3, 8)]
    assert module.opened == 1
    stream.close()
    stream.close()
    assert list(stream) == []


def test_a_part_of_a_clip_keeps_its_places(module, tmp_path):
    frames = list(stream_of(tmp_path, range(9), indices=[2, 3, 6]))
    assert [(frame.index, levels(frame)) for frame in frames] == [
        (2, (2, 2)), (3, (3, 3)), (6, (6, 6)),
    ]  # fmt: skip
    assert module.opened == 1


def test_closing_from_another_thread_ends_the_frames(module, tmp_path):
    stream = stream_of(tmp_path, range(9))
    given = []
    for frame in stream:
        given.append(frame.index)
        if len(given) == 2:
            closing = threading.Thread(target=stream.close)
            closing.start()
            closing.join()
    assert given == [0, 1]


def test_a_damaged_video_and_images_are_errors(module, tmp_path):
    module.frames[4] = FakeAv.FFmpegError("Invalid data")
    given = []
    with pytest.raises(InputError, match="damaged: frame 4"):
        given.extend(frame.index for frame in stream_of(tmp_path, range(9)))
    assert given == [0, 1, 2, 3]
    clip = Clip(id="images", split="test", frames=["a.png"])
    record = DatasetRecord(name="made up", root=".", classes=[], clips=[clip])
    with pytest.raises(InputError, match="no frame of a video"):
        list(CodedClipStream(Dataset(record, tmp_path), clip))
