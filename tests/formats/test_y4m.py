"""YUV4MPEG2: every layout, what is refused, where a stream may end, and others' decoders."""

from __future__ import annotations

import io
import shutil
import subprocess
import tracemalloc
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.formats.test_yuv import exact_rgb
from tests.formats.y4m_streams import CHROMA, planes, spread, stream
from vstc.errors import InputError, OutputError
from vstc.formats.video.y4m import Y4mReader, Y4mWriter
from vstc.formats.video.yuv import Matrix, YuvColors

SIZE = (6, 10)
TWO = stream([planes("420jpeg", SIZE, seed=seed) for seed in range(2)], size=SIZE)


def read(data: bytes, **options: object) -> Y4mReader:
    return Y4mReader(io.BytesIO(data), **options)  # type: ignore[arg-type]


def says(data: bytes) -> str:
    with pytest.raises(InputError) as caught:
        list(read(data))
    assert caught.value.message.startswith("standard input ") or caught.value.message.startswith(
        "standard input:"
    )
    return f"{caught.value.message} | {caught.value.hint}"


@pytest.mark.parametrize("layout", CHROMA)
@pytest.mark.parametrize("size", [SIZE, (5, 7), (1, 1), (577, 3)])
def test_every_layout_is_read_as_the_equations_say(layout: str, size: tuple[int, int]) -> None:
    given_planes = planes(layout, size)
    reader = read(stream([given_planes], size=size, tags=f"F25:1 C{layout}"))
    (frame,) = reader
    assert frame.shape == (*size, 3)
    luma, *chroma = given_planes
    if not chroma:
        assert (frame == luma[..., None]).all()
        return
    matrix = Matrix.BT709 if size[0] > 576 else Matrix.BT601
    yuv = np.stack([luma, *(spread(plane, size) for plane in chroma)], -1).astype(float)
    exact = exact_rgb(yuv, YuvColors(matrix, False)).clip(0, 255)
    assert np.abs(frame - exact).max() < 1


@pytest.mark.parametrize(
    ("tags", "is_full"),
    [
        ("C420jpeg XCOLORRANGE=FULL", True),
        ("C420jpeg XYSCSS=420JPEG XCOLORRANGE=LIMITED", False),
        ("C420jpeg XYSCSS=420JPEG", False),
        ("Cmono", True),
        ("Cmono XCOLORRANGE=LIMITED", False),
    ],
)
def test_the_range_is_what_the_stream_says(tags: str, is_full: bool) -> None:
    layout = tags.split()[0][1:]
    flat = [np.full_like(plane, 128) for plane in planes(layout, SIZE)]
    flat[0][:] = 235
    reader = read(stream([flat], size=SIZE, tags=tags))
    assert reader.header.is_full_range is is_full
    assert set(np.unique(reader.read())) == {235 if is_full else 255}


def test_a_matrix_that_is_given_goes_before_the_guess() -> None:
    given_planes = planes("444", SIZE)
    data = stream([given_planes], size=SIZE, tags="C444")
    (frame,) = read(data, matrix=Matrix.BT709)
    exact = exact_rgb(np.stack(given_planes, -1).astype(float), YuvColors(Matrix.BT709, False))
    assert np.abs(frame - exact.clip(0, 255)).max() < 1


@pytest.mark.parametrize(
    ("tags", "fps", "layout"),
    [
        ("F30000:1001 Ip A1:1 C420mpeg2 XYSCSS=420MPEG2", Fraction(30000, 1001), "420mpeg2"),
        ("C422 F25:1", Fraction(25), "422"),
        ("F0:0 I?", None, "420"),
        ("", None, "420"),
        ("XSOMETHING F12:1 Ximportant?", Fraction(12), "420"),
    ],
)
def test_the_header_is_read_in_any_order(tags: str, fps: Fraction | None, layout: str) -> None:
    header = read(stream([], size=(48, 64), tags=tags)).header
    assert (header.size, header.fps, header.layout) == ((48, 64), fps, layout)


def test_parameters_of_a_frame_are_passed_over() -> None:
    data = stream([planes("420", SIZE)], size=SIZE, frame_tags=" Ip XNOTE=1")
    assert len(list(read(data))) == 1


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "is empty"),
        (b"\x00\x00\x00\x20ftypisom" + bytes(2000), "is no YUV4MPEG2 stream: it begins with"),
        (b"YUV4MPEG W4 H4\n", "is no YUV4MPEG2 stream"),
        (b"YUV4MPEG2 W4 H", "ends inside its first line"),
        (b"YUV4MPEG2 W0 H4 C420\n", "has no width from 1 to 32768: W0"),
        (b"YUV4MPEG2 W4 H0 C420\n", "has no height from 1 to 32768: H0"),
        (b"YUV4MPEG2 W4 C420\n", "has no height"),
        (b"YUV4MPEG2 W-4 H4\n", "has no width from 1 to 32768: W-4"),
        (b"YUV4MPEG2 W99999999999 H4\n", "has no width"),
        (b"YUV4MPEG2 W4 H4 C420p10\n", "has the colour space C420p10; read are 420, 420jpeg"),
        (b"YUV4MPEG2 W4 H4 C411\n", "-pix_fmt yuv420p"),
        (b"YUV4MPEG2 W4 H4 C444alpha\n", "C444alpha"),
        (b"YUV4MPEG2 W4 H4 It\n", "is interlaced (top field first) | make whole frames with"),
        (b"YUV4MPEG2 W4 H4 Ib\n", "bottom field first"),
        (b"YUV4MPEG2 W4 H4 Im\n", "mixed"),
        (b"YUV4MPEG2 W4 H4 F25\n", "has no frame rate as in F25:1: F25"),
        (TWO + b"progress: 3 %\n", "frame 2 does not begin with FRAME: b'progress: 3 %"),
        (TWO[:-1], f"ends inside frame 1: {len(planes('420', SIZE)[0].ravel()) * 3 // 2 - 1} of"),
        (TWO + b"FRA", "frame 2 does not begin with FRAME: b'FRA'"),
        (TWO + b"FRAME", "ends inside frame 2: 0 of 90 bytes"),
    ],
)
def test_a_spoilt_stream_is_one_clear_error(data: bytes, what: str) -> None:
    assert what in says(data)


@given(cut=st.integers(0, len(TWO)))
def test_a_stream_cut_anywhere_gives_its_whole_frames_then_ends_or_says_why(cut: int) -> None:
    starts = [i for i in range(len(TWO)) if TWO.startswith(b"FRAME\n", i)]
    frame_bytes = len(b"FRAME\n") + 90
    whole = sum(cut >= start + frame_bytes for start in starts)
    is_between = cut in {starts[0], *(start + frame_bytes for start in starts)}
    frames: list[np.ndarray] = []

    def read_all() -> None:
        frames.extend(read(TWO[:cut]))

    if is_between:
        read_all()
    else:
        with pytest.raises(InputError, match="standard input"):
            read_all()
    assert len(frames) == whole


def test_a_name_of_its_own_stands_in_the_messages() -> None:
    with pytest.raises(InputError, match=r"^drive\.y4m is empty"):
        read(b"", name="drive.y4m")


class Endless(io.RawIOBase):
    """A stream of the same frame for ever, in the small bites of a pipe."""

    def __init__(self, head: bytes, frame: bytes) -> None:
        self._data, self._frame = head, frame

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        self._data = self._data or self._frame
        count = min(len(buffer), len(self._data), 4096)
        buffer[:count] = self._data[:count]
        self._data = self._data[count:]
        return count


def test_memory_does_not_grow_with_the_frames_of_a_stream() -> None:
    data = stream([planes("420", (120, 160))], size=(120, 160))
    head, _, frame = data.partition(b"\n")
    reader = Y4mReader(io.BufferedReader(Endless(head + b"\n", frame)))  # type: ignore[arg-type]

    def peak(frames: int) -> int:
        tracemalloc.reset_peak()
        for _ in range(frames):
            assert reader.read() is not None
        return tracemalloc.get_traced_memory()[1]

    tracemalloc.start()
    few, many = peak(5), peak(200)
    tracemalloc.stop()
    assert many < few + 20_000
    assert reader.frames == 205


def written(frames: list[np.ndarray], *, fps: float = 25) -> bytes:
    target = io.BytesIO()
    writer = Y4mWriter(target, size=frames[0].shape[:2], fps=fps)
    for frame in frames:
        writer.write(frame)
    return target.getvalue()


def shades(size: tuple[int, int]) -> np.ndarray:
    """A picture whose colours change slowly."""
    y, x = np.mgrid[: size[0], : size[1]] / max(size)
    return np.stack([255 * x, 255 * y, 255 * (1 - x)], -1).round().astype(np.uint8)


@pytest.mark.parametrize("size", [(60, 80), (61, 81), (600, 64)])
def test_what_is_written_is_read_again_within_the_rounding(size: tuple[int, int]) -> None:
    frame = shades(size)
    reader = read(written([frame, frame[::-1].copy()]))
    assert reader.header.layout == "420jpeg"
    back = list(reader)
    assert len(back) == 2
    step = np.abs(np.diff(frame.astype(int), axis=0)).max()  # a cell shares its chroma
    assert np.abs(back[0].astype(int) - frame).max() <= 3 + 2 * step
    assert np.abs(back[0].astype(int) - frame).mean() < 1.5
    assert np.abs(back[1].astype(int) - frame[::-1]).mean() < 1.5


@pytest.mark.parametrize(
    ("fps", "tag"),
    [(25, "F25:1"), (30000 / 1001, "F30000:1001"), (23.976023976, "F24000:1001"), (12.5, "F25:2")],
)
def test_the_header_that_is_written_is_ffmpegs(fps: float, tag: str) -> None:
    head = written([shades((4, 6))], fps=fps).partition(b"\n")[0].decode()
    assert head == f"YUV4MPEG2 W6 H4 {tag} Ip A1:1 C420jpeg XYSCSS=420JPEG XCOLORRANGE=LIMITED"


def test_impossible_videos_and_other_frames_are_refused() -> None:
    for size, fps in [((0, 4), 25.0), ((4, 4), 0.0), ((4, 4), float("nan"))]:
        with pytest.raises(OutputError, match="cannot write a video"):
            Y4mWriter(io.BytesIO(), size=size, fps=fps)
    writer = Y4mWriter(io.BytesIO(), size=(4, 6), fps=25)
    with pytest.raises(ValueError, match="expected uint8"):
        writer.write(np.zeros((6, 4, 3), np.uint8))


class Reluctant(io.BytesIO):
    """Takes at most seven bytes at a time, as a pipe may."""

    def write(self, data: bytes) -> int:  # type: ignore[override]
        return super().write(bytes(data[:7]))


def test_a_pipe_that_takes_a_part_gets_the_rest_too() -> None:
    target = Reluctant()
    Y4mWriter(target, size=(4, 6), fps=25).write(shades((4, 6)))
    assert target.getvalue() == written([shades((4, 6))])


def by_opencv(path: Path) -> list[np.ndarray]:
    """Decode with the ffmpeg inside OpenCV; it takes BT.601 at any height."""
    capture = cv2.VideoCapture(str(path))
    frames = []
    while (got := capture.read())[0]:
        frames.append(cv2.cvtColor(got[1], cv2.COLOR_BGR2RGB))
    if not frames:
        pytest.skip("this OpenCV does not read YUV4MPEG2")
    return frames


@pytest.mark.parametrize(
    "tags", ["C420jpeg", "C422", "C444", "Cmono", "C420jpeg XCOLORRANGE=FULL", "C420mpeg2"]
)
def test_frames_are_those_that_ffmpeg_decodes(tags: str, tmp_path: Path) -> None:
    """Flat colours, for scalers differ in how they spread chroma; ffmpeg's has errors up to 3."""
    layout = tags.split()[0][1:]
    path = tmp_path / "x.y4m"
    flat = []
    for seed in range(8):
        frame = planes(layout, (16, 32), seed=seed)
        for plane in frame:
            plane[:] = plane[0, 0]
        flat.append(frame)
    path.write_bytes(stream(flat, size=(16, 32), tags=f"F25:1 Ip A1:1 {tags}"))
    theirs = by_opencv(path)
    ours = list(read(path.read_bytes()))
    assert len(ours) == len(theirs) == 8
    for mine, other in zip(ours, theirs, strict=True):
        assert np.abs(mine.astype(int) - other).max() <= 4


def test_what_is_written_is_decoded_by_ffmpeg(tmp_path: Path) -> None:
    path = tmp_path / "x.y4m"
    frame = shades((48, 64))
    path.write_bytes(written([frame] * 3))
    theirs = by_opencv(path)
    assert len(theirs) == 3
    assert np.abs(theirs[0].astype(int) - frame).mean() < 2.5


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
def test_ffmpeg_reads_what_is_written_and_writes_what_is_read() -> None:
    command = ["ffmpeg", "-v", "error", "-i", "-", "-f", "yuv4mpegpipe", "-"]
    data = written([shades((48, 64))] * 3)
    done = subprocess.run(command, input=data, capture_output=True, check=True)
    ours, theirs = list(read(data)), list(read(done.stdout))
    assert len(theirs) == 3
    np.testing.assert_array_equal(ours, theirs)
