"""Pixels and motion vectors of one decoding: those that the two readers give, and their errors."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from tests.formats.coded_videos import FakeAv, encode, fake_frame, moving_texture, vectors
from vstc.errors import InputError, SetupError
from vstc.formats.video.coded_frames import CodedVideoReader
from vstc.formats.video.files import VideoReader, VideoWriter
from vstc.formats.video.motion_vectors import MotionVectorReader

SIZE = (16, 32)


def made_up(level):
    """Make up a frame of one grey that moved by as many pixels."""
    block = vectors((16, 16, 8, 8, 4 * level, 0))
    return fake_frame(block, rgb=np.full((*SIZE, 3), (level, level + 1, level + 2), np.uint8))


@pytest.fixture
def open_fake(monkeypatch, tmp_path):
    def open_frames(*frames):
        module = FakeAv(list(frames))
        monkeypatch.setitem(sys.modules, "av", module)
        path = tmp_path / "made_up.mp4"
        path.write_bytes(b"video")
        return CodedVideoReader(path), module

    return open_frames


def levels(frame):
    return int(frame.image[0, 0, 0]), int(frame.vectors.dense().flow_next_to_prev[0, 0, 0])


def test_frames_come_with_their_vectors_in_any_order(open_fake):
    reader, module = open_fake(*map(made_up, range(12)))
    assert reader.size == SIZE
    for index in (0, 3, 3, 11):
        assert levels(reader.read(index)) == (index, index)
    assert reader.read(11) is reader.read(11)
    assert module.opened == 1
    assert levels(reader.read(2)) == (2, 2)
    assert module.opened == 2
    assert [levels(frame) for frame in reader.stream(start=9)] == [(n, n) for n in (9, 10, 11)]
    np.testing.assert_array_equal(reader.read(11).image[0, 0], (11, 12, 13))


def test_a_frame_beyond_the_end_is_an_error_and_the_last_stays(open_fake):
    reader, _ = open_fake(*map(made_up, range(3)))
    with pytest.raises(InputError, match="no frame 3: decoding ends after 3"):
        reader.read(3)
    with pytest.raises(InputError, match="no frame -1"):
        reader.read(-1)
    assert levels(reader.read(2)) == (2, 2)


def test_a_damaged_frame_in_the_middle_is_an_error_each_time(open_fake):
    broken = FakeAv.FFmpegError("Invalid data")
    reader, _ = open_fake(made_up(0), made_up(1), broken, broken, made_up(4))
    for _ in range(2):
        with pytest.raises(InputError, match="damaged: frame 2 cannot be decoded, later ones can"):
            list(reader.stream())
        assert levels(reader.read(1)) == (1, 1)


def test_what_is_damaged_at_the_end_is_left_out_as_by_the_other_reader(open_fake):
    broken = FakeAv.FFmpegError("Invalid data")
    reader, _ = open_fake(made_up(0), made_up(1), broken)
    assert len(list(reader.stream())) == 2
    reader, _ = open_fake(made_up(0), *[broken] * 17, made_up(1))
    assert len(list(reader.stream())) == 1


def test_another_size_in_the_middle_is_an_error(open_fake):
    reader, _ = open_fake(made_up(0), fake_frame(size=(32, 32)), made_up(2))
    with pytest.raises(InputError, match="changes its size at frame 1"):
        reader.read(2)


def test_a_decoder_that_dies_of_something_else_is_not_taken_for_a_damaged_file(open_fake):
    reader, _ = open_fake(made_up(0), MemoryError("no room"))
    with pytest.raises(MemoryError):
        reader.read(1)


def test_a_missing_or_empty_video_or_package_is_named(open_fake, monkeypatch, tmp_path):
    with pytest.raises(InputError, match="no frame that can be decoded"):
        open_fake()
    with pytest.raises(InputError, match="video not found"):
        CodedVideoReader(tmp_path / "gone.mp4")
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(SetupError, match="PyAV"):
        CodedVideoReader(tmp_path / "gone.mp4")


def assert_as_decoded_twice(path):
    reader = CodedVideoReader(path)
    frames = list(reader.stream())
    shown, fields = list(VideoReader(path).stream()), list(MotionVectorReader(path).stream())
    assert len(frames) == len(shown) == len(fields) > 2
    for frame, image, field in zip(frames, shown, fields, strict=True):
        np.testing.assert_array_equal(frame.image, image)
        np.testing.assert_array_equal(
            frame.vectors.dense().flow_next_to_prev, field.flow_next_to_prev
        )
        np.testing.assert_array_equal(frame.vectors.dense().has_vector, field.has_vector)
    np.testing.assert_array_equal(reader.read(2).image, shown[2])
    reader.close()


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("h264.mp4", {"bf": 0, "refs": 1}),
        ("h264.ts", {"bf": 0, "refs": 1}),
        ("deep.mp4", {"bf": 0, "refs": 1, "pix_fmt": "yuv420p10le"}),
        ("full.mp4", {"bf": 0, "refs": 1, "pix_fmt": "yuv444p"}),
        ("mpeg4.avi", {"codec": "mpeg4"}),
        ("mpeg2.mpg", {"codec": "mpeg2video"}),
    ],
)
def test_pixels_and_vectors_are_those_of_two_decodings(tmp_path, name, options):
    pytest.importorskip("av")
    frames = moving_texture(6, size=(90, 132), step=(2, 3))
    coloured = [np.dstack([f[:, :, 0], np.roll(f[:, :, 0], 9), 255 - f[:, :, 0]]) for f in frames]
    assert_as_decoded_twice(encode(tmp_path / name, coloured, threads=1, **options))


def test_a_real_drive_is_read_as_by_opencv(tmp_path, real_data):
    pytest.importorskip("av")
    with VideoReader(real_data / "video/udacity_clips/test_video.mp4") as reader:
        frames = [image for image, _ in zip(reader.stream(), range(6), strict=False)]
    path = encode(tmp_path / "drive.mp4", frames, bf=0, refs=1, threads=1)
    assert_as_decoded_twice(path)
    with pytest.raises(InputError, match="may refer to 2 others"):
        CodedVideoReader(real_data / "video/udacity_clips/test_video.mp4")


def test_real_damage_is_found_where_opencv_finds_it(tmp_path):
    pytest.importorskip("av")
    random, path = np.random.default_rng(0), tmp_path / "v.mp4"
    with VideoWriter(path, fps=25, size=(48, 64)) as writer:
        for _ in range(20):
            writer.write(random.integers(0, 256, (48, 64, 3), np.uint8))
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 5000] = bytes(5000)
    path.write_bytes(data)
    said = []
    for kind in (VideoReader, CodedVideoReader):
        with pytest.raises(InputError, match="damaged: frame") as caught:
            list(kind(path).stream())
        said.append((caught.value.message, caught.value.hint))
    assert said[0] == said[1]


def test_a_text_file_is_no_video(tmp_path):
    pytest.importorskip("av")
    path = tmp_path / "text.mp4"
    path.write_text("no video")
    with pytest.raises(InputError, match="damaged or of an unknown kind"):
        CodedVideoReader(path)
