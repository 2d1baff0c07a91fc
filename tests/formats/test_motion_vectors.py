"""Motion vectors: made-up ones everywhere, those of real encoders where PyAV is installed."""

from __future__ import annotations

import sys
from threading import Thread

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.formats.coded_videos import (
    BOTH_WAYS,
    FakeAv,
    encode,
    fake_frame,
    moving_texture,
    vectors,
)
from vstc.errors import InputError, SetupError
from vstc.flow.remap import warp_to_target
from vstc.formats.video.files import VideoReader
from vstc.formats.video.motion_field import dense_motion
from vstc.formats.video.motion_vectors import MotionVectorReader, require_motion_vectors

MADE_BY_X264_WITH_3_REFERENCES = bytes.fromhex(
    "0164001effe100196764001eacb201b07bcdc2000003000200000300601e2c5c9001000668ebc3cb22c0"
)


@pytest.fixture
def open_fake(monkeypatch, tmp_path):
    def open_frames(*frames, **kinds):
        module = FakeAv(list(frames), **kinds)
        monkeypatch.setitem(sys.modules, "av", module)
        path = tmp_path / "made_up.mp4"
        path.write_bytes(b"video")
        return MotionVectorReader(path), module

    return open_frames


def painted(rows, size, *, scale):
    """Paint block by block."""
    flow, known = np.zeros((*size, 2), np.float32), np.zeros(size, bool)
    for w, h, x, y, *motion in rows:
        inside = slice(max(y - h // 2, 0), y + h // 2), slice(max(x - w // 2, 0), x + w // 2)
        flow[inside], known[inside] = np.array(motion, np.float32) / scale, True
    return flow, known


@given(data=st.data(), height=st.integers(1, 70), width=st.integers(1, 70))
def test_blocks_are_painted_around_their_centre(data, height, width):
    rows = []
    for top in range(0, height, 16):
        for left in range(0, width, 16):
            w, h = data.draw(st.sampled_from([(16, 16), (16, 8), (8, 16), (8, 8)]))
            motion = data.draw(st.tuples(st.integers(-99, 99), st.integers(-99, 99)))
            if data.draw(st.booleans()):
                rows.append((w, h, left + w // 2, top + h // 2, *motion))
    scale = data.draw(st.sampled_from([2, 4]))
    found = dense_motion(vectors(*rows, scale=scale), (height, width))
    flow, known = painted(rows, (height, width), scale=scale)
    np.testing.assert_array_equal(found.flow_next_to_prev, flow)
    np.testing.assert_array_equal(found.has_vector, known)
    assert found.flow_next_to_prev.dtype == np.float32


def test_blocks_off_the_grid_or_beyond_the_frame_are_painted_too():
    rows = [(16, 8, 5, 3, 4, -8), (4, 4, 30, 9, 1, 2), (16, 16, 40, 15, 3, 3)]
    found = dense_motion(vectors(*rows), (16, 32))
    flow, known = painted(rows, (16, 32), scale=4)
    np.testing.assert_array_equal(found.flow_next_to_prev, flow)
    np.testing.assert_array_equal(found.has_vector, known)


def test_frames_come_with_their_own_vectors_in_any_order(open_fake):
    frames = [fake_frame(), *(fake_frame(vectors((16, 16, 8, 8, 4 * n, 0))) for n in range(1, 80))]
    reader, module = open_fake(*frames)
    assert reader.size == (16, 32)
    for index in (0, 3, 2, 79, 78):
        assert reader.read(index).flow_next_to_prev[0, 0, 0] == index
    assert module.opened == 1
    assert reader.read(1).flow_next_to_prev[0, 0, 0] == 1  # long forgotten
    assert module.opened == 2
    assert [field.flow_next_to_prev[0, 0, 0] for field in reader.stream()] == list(range(80))
    for index in (-1, 80):
        with pytest.raises(InputError, match=f"has no frame {index}"):
            reader.read(index)


def test_threads_share_a_reader(open_fake):
    count = 40
    frames = [fake_frame(), *(fake_frame(vectors((8, 8, 4, 4, n, 0))) for n in range(1, count))]
    reader, _ = open_fake(*frames)
    found = {}

    def read(indices):
        for index in indices:
            found[index] = float(reader.read(index).flow_next_to_prev[0, 0, 0]) * 4

    threads = [Thread(target=read, args=(range(start, count, 4),)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {index: index for index in range(count)}


def test_intra_frames_have_no_vectors(open_fake):
    reader, _ = open_fake(fake_frame(), fake_frame(vectors((16, 16, 8, 8, 4, 0))), fake_frame())
    assert [field.has_vector.mean() for field in reader.stream()] == [0, 0.5, 0]
    assert not reader.read(2).flow_next_to_prev.any()


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (fake_frame(vectors((8, 8, 4, 4, 0, 0)), kind=BOTH_WAYS), "frame 1 .*B-frame"),
        (fake_frame(vectors((8, 8, 4, 4, 0, 0), source=1)), "frame 1 refers to a later frame"),
        (fake_frame(interlaced=True), "frame 1 is interlaced"),
        (fake_frame(rotation=-90), "turned by -90 degrees"),
        (fake_frame(size=(16, 16)), "changes its size at frame 1"),
        (FakeAv.FFmpegError("Invalid data"), "damaged: frame 1 cannot be decoded, later ones can"),
    ],
)
def test_a_frame_that_is_not_predicted_from_the_one_before_is_an_error(open_fake, frame, reason):
    reader, _ = open_fake(fake_frame(), frame, fake_frame())
    for _ in range(2):  # whoever asks next meets the same error
        with pytest.raises(InputError, match=reason):
            reader.read(2)


@pytest.mark.parametrize(
    ("stream", "reason"),
    [
        ({"codec": "hevc"}, "decoder of hevc gives no motion vectors"),
        ({"codec": "h264"}, "header does not say"),
        ({"codec": "h264", "extradata": MADE_BY_X264_WITH_3_REFERENCES}, "refer to 3 others"),
    ],
)
def test_a_stream_that_may_refer_to_other_frames_is_refused_at_once(open_fake, stream, reason):
    with pytest.raises(InputError, match=reason) as caught:
        open_fake(fake_frame(), **stream)
    assert "-bf 0 -refs 1" in caught.value.hint


def test_a_stream_with_frames_that_none_refers_to_is_refused(open_fake):
    one_reference = bytes.fromhex("0164001effe100186764001eacb406c1ef370800000300080000030180")
    referred, passing = b"\0\0\0\x02\x41\x9a", b"\0\0\0\x02\x01\x9a"
    reader, _ = open_fake(fake_frame(), codec="h264", extradata=one_reference, packet=referred)
    assert not reader.read(0).has_vector.any()
    with pytest.raises(InputError, match="no frame refers to frame 0"):
        open_fake(fake_frame(), codec="h264", extradata=one_reference, packet=passing)


def test_a_missing_or_empty_video_is_an_error(open_fake, tmp_path):
    with pytest.raises(InputError, match="no frame that can be decoded"):
        open_fake()
    with pytest.raises(InputError, match="video not found"):
        MotionVectorReader(tmp_path / "gone.mp4")


def test_without_pyav_the_extra_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(SetupError) as caught:
        require_motion_vectors()
    assert caught.value.hint == 'pip install "vstc[video]"'


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("h264.mp4", {"bf": 0, "refs": 1}),
        ("h264.ts", {"bf": 0, "refs": 1}),
        ("mpeg4.avi", {"codec": "mpeg4"}),
        ("mpeg2.mpg", {"codec": "mpeg2video"}),
    ],
)
def test_encoders_find_how_a_texture_moves(tmp_path, name, options):
    pytest.importorskip("av")
    frames = moving_texture(6, step=(2, 3))
    path = encode(tmp_path / name, frames, threads=1, **options)
    fields = list(MotionVectorReader(path).stream())
    shown = list(VideoReader(path).stream())
    assert len(fields) == len(shown) == len(frames)
    assert not fields[0].has_vector.any()
    if name.endswith(".mpg"):  # of its last frame this decoder keeps the vectors to itself
        assert not fields.pop().has_vector.any()
    for before, now, field in zip(shown, shown[1:], fields[1:], strict=False):
        assert field.has_vector.mean() > 0.5
        inner = field.flow_next_to_prev[16:-16, 16:-16]
        np.testing.assert_allclose(np.median(inner, axis=(0, 1)), (-3, -2), atol=0.26)
        error = np.abs(warp_to_target(before, field.flow_next_to_prev) - now.astype(float))
        held = np.abs(before - now.astype(float))
        assert error[16:-16, 16:-16].mean() < 0.3 * held[16:-16, 16:-16].mean()


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"bf": 2, "refs": 1, "b-pyramid": "none"}, "others|B-frame"),
        ({"bf": 0, "refs": 3}, "refer to 3 others"),
        ({"codec": "mpeg4", "bf": 2}, "B-frame"),
    ],
)
def test_encoders_that_look_elsewhere_are_refused(tmp_path, options, reason):
    pytest.importorskip("av")
    path = encode(tmp_path / "other.mp4", moving_texture(8), threads=1, **options)
    with pytest.raises(InputError, match=reason):
        list(MotionVectorReader(path).stream())
