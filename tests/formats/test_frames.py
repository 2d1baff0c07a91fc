"""Frames of a clip: the same pixels by place and in order, from images and from video."""

from __future__ import annotations

import threading
from pathlib import Path

import cv2
import numpy as np
import pytest

from vstc.errors import InputError
from vstc.formats.dataset import Clip, Dataset, DatasetRecord, LabelClass, VideoFrame
from vstc.formats.frames import FrameReader
from vstc.formats.images import encode_rgb

COUNT, HEIGHT, WIDTH = 7, 48, 64


def frame(index: int) -> np.ndarray:
    image = np.full((HEIGHT, WIDTH, 3), (30, 60, 90), np.uint8)
    image[8:40, 6 * index : 6 * index + 16] = (220, 30 * index, 10)
    return image


def make(folder: Path, frames: list[str | VideoFrame]) -> tuple[Dataset, Clip]:
    clip = Clip(id="a", split="train", frames=frames)
    classes = [LabelClass(id=0, name="road", color=(1, 2, 3))]
    record = DatasetRecord(name="n", root=".", classes=classes, clips=[clip])
    return Dataset(record, folder), clip


@pytest.fixture
def images(tmp_path: Path) -> tuple[Dataset, Clip]:
    for index in range(COUNT):
        (tmp_path / f"{index}.png").write_bytes(encode_rgb(frame(index)))
    return make(tmp_path, [f"{index}.png" for index in range(COUNT)])


@pytest.fixture
def video(tmp_path: Path) -> tuple[Dataset, Clip]:
    """Frames 1, 3 and 5 of a video of seven frames."""
    codec = cv2.VideoWriter.fourcc(*"MJPG")
    writer = cv2.VideoWriter(str(tmp_path / "v.avi"), codec, 10.0, (WIDTH, HEIGHT))
    for index in range(COUNT):
        writer.write(cv2.cvtColor(frame(index), cv2.COLOR_RGB2BGR))
    writer.release()
    return make(tmp_path, [VideoFrame(video="v.avi", index=index) for index in (1, 3, 5)])


def test_images_are_read_by_place_and_in_order(images: tuple[Dataset, Clip]) -> None:
    dataset, clip = images
    reader = FrameReader(dataset)
    for index in (4, 0, 6):
        np.testing.assert_array_equal(reader.read(clip, index), frame(index))
    streamed = list(reader.stream(clip, start=2))
    assert len(streamed) == COUNT - 2
    for index, image in enumerate(streamed, start=2):
        np.testing.assert_array_equal(image, frame(index))


def test_video_frames_are_the_ones_that_the_index_names(video: tuple[Dataset, Clip]) -> None:
    dataset, clip = video
    reader = FrameReader(dataset)
    for place, index in ((2, 5), (0, 1), (1, 3), (2, 5)):
        difference = reader.read(clip, place).astype(int) - frame(index)
        assert np.abs(difference).mean() < 6


def test_video_stream_equals_random_access(video: tuple[Dataset, Clip]) -> None:
    dataset, clip = video
    streamed = list(FrameReader(dataset).stream(clip))
    for place in (2, 1, 0):
        np.testing.assert_array_equal(FrameReader(dataset).read(clip, place), streamed[place])


def test_threads_share_a_reader_of_video(video: tuple[Dataset, Clip]) -> None:
    dataset, clip = video
    reader = FrameReader(dataset)
    expected = [reader.read(clip, place) for place in range(3)]
    wrong: list[int] = []

    def read_all(start: int) -> None:
        for step in range(9):
            place = (start + step) % 3
            if not np.array_equal(reader.read(clip, place), expected[place]):
                wrong.append(place)

    threads = [threading.Thread(target=read_all, args=(start,)) for start in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_cache_keeps_as_many_bytes_as_allowed(images: tuple[Dataset, Clip]) -> None:
    dataset, clip = images
    reader = FrameReader(dataset, cache_bytes=2 * HEIGHT * WIDTH * 3)
    first = reader.read(clip, 0)
    assert reader.read(clip, 0) is first
    second = reader.read(clip, 1)
    reader.read(clip, 2)
    assert reader.read(clip, 1) is second
    assert reader.read(clip, 0) is not first


def test_without_a_cache_every_read_decodes(images: tuple[Dataset, Clip]) -> None:
    dataset, clip = images
    reader = FrameReader(dataset)
    assert reader.read(clip, 0) is not reader.read(clip, 0)


def test_missing_frame_is_named_and_others_can_still_be_read(images: tuple[Dataset, Clip]) -> None:
    dataset, clip = images
    (dataset.root / "3.png").unlink()
    reader = FrameReader(dataset)
    with pytest.raises(InputError, match=r"cannot read .*3\.png: No such file"):
        reader.read(clip, 3)
    np.testing.assert_array_equal(reader.read(clip, 4), frame(4))
    with pytest.raises(InputError, match=r"3\.png"):
        list(reader.stream(clip))


def test_missing_video_and_frame_beyond_its_end_are_input_errors(
    video: tuple[Dataset, Clip],
) -> None:
    dataset, _ = video
    _, beyond = make(dataset.root, [VideoFrame(video="v.avi", index=50)])
    with pytest.raises(InputError, match=r"v\.avi"):
        FrameReader(dataset).read(beyond, 0)
    _, absent = make(dataset.root, [VideoFrame(video="w.avi", index=0)])
    with pytest.raises(InputError, match=r"w\.avi"):
        FrameReader(dataset).read(absent, 0)
