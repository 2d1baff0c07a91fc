"""YUV4MPEG2: uncompressed video in a pipe, as ``ffmpeg -f yuv4mpegpipe`` writes and reads it.

A line of text tells size, frame rate and layout; then every frame is a line ``FRAME`` and its
planes Y, U, V. Source: the manual page yuv4mpeg(5) of the MJPEG tools; ``XCOLORRANGE`` is
ffmpeg's. The format does not say which matrix made luma and chroma: see ``guess_matrix``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from vstc.errors import InputError, OutputError
from vstc.formats.video.pipe import STDIN_NAME, write_all
from vstc.formats.video.yuv import (
    ChromaGrid,
    Matrix,
    YuvColors,
    gray_to_rgb,
    guess_matrix,
    planes_to_rgb,
    rgb_to_planes,
)

Array8 = NDArray[np.uint8]
_MAGIC, _FRAME = b"YUV4MPEG2", b"FRAME"
_LONGEST_LINE = 1024
_LONGEST_SIDE = 32768
_HALF = ChromaGrid(2, 2)
# The 4:2:0 kinds differ in where chroma was sampled, by half a pixel: all are read alike.
_LAYOUTS: dict[str, ChromaGrid | None] = {
    "420": _HALF,
    "420jpeg": _HALF,
    "420mpeg2": _HALF,
    "420paldv": _HALF,
    "422": ChromaGrid(1, 2),
    "444": ChromaGrid(1, 1),
    "mono": None,
}
_MONO = "mono"
_WRITTEN = "420jpeg"
_INTERLACED = {"t": "top field first", "b": "bottom field first", "m": "mixed"}
_CONVERT = "-pix_fmt yuv420p -f yuv4mpegpipe"


@dataclass(frozen=True)
class Y4mHeader:
    """What the first line of a stream says.

    Attributes:
        size: Height and width.
        fps: Frames per second; None when the stream does not say.
        layout: The chroma layout by its name in the stream, such as ``420jpeg``.
        is_full_range: Values span 0..255; where the stream does not say, only ``mono`` does.
    """

    size: tuple[int, int]
    fps: Fraction | None
    layout: str
    is_full_range: bool

    @property
    def grid(self) -> ChromaGrid | None:
        """The grid of chroma values; None without chroma."""
        return _LAYOUTS[self.layout]

    @property
    def frame_bytes(self) -> int:
        """Bytes of the planes of a frame."""
        chroma = math.prod(self.grid.size(*self.size)) if self.grid else 0
        return math.prod(self.size) + 2 * chroma


class Y4mReader:
    """Reads a stream frame by frame, holding one at a time.

    Args:
        stream: The bytes.
        name: What messages call it.
        matrix: How luma and chroma were made; None guesses.

    Attributes:
        name: What messages call it.
        header: What the stream says of itself.
        frames: How many frames were read.

    Raises:
        InputError: It is no such stream, or of a kind that is not read.
    """

    def __init__(
        self, stream: BinaryIO, *, name: str = STDIN_NAME, matrix: Matrix | None = None
    ) -> None:
        self._stream = stream
        self.name = name
        self.header = _parse_header(_read_line(stream, name), name)
        height, is_full = self.header.size[0], self.header.is_full_range
        self._colors = YuvColors(matrix or guess_matrix(height, is_full_range=is_full), is_full)
        self._planes = np.empty(self.header.frame_bytes, np.uint8)
        self.frames = 0

    def read(self) -> Array8 | None:
        """Read the next frame, (H, W, 3) RGB; None when the stream ends between two frames.

        Raises:
            InputError: The stream ends inside a frame, or no frame is where one must begin.
        """
        line = _read_line(self._stream, self.name)
        if not line:
            return None
        if line.rstrip(b"\n").split(b" ")[0] != _FRAME:
            raise InputError(
                f"{self.name}: frame {self.frames} does not begin with FRAME: {line[:20]!r}",
                hint="something else than frames was written into the stream",
            )
        held = _read_into(self._stream, memoryview(self._planes.data))
        if held < len(self._planes) or not line.endswith(b"\n"):
            raise InputError(
                f"{self.name} ends inside frame {self.frames}: {held} of {len(self._planes)} "
                "bytes are there",
                hint="the program that writes it was stopped or failed: see what it says",
            )
        self.frames += 1
        return self._to_rgb()

    def __iter__(self) -> Iterator[Array8]:
        while (frame := self.read()) is not None:
            yield frame

    def _to_rgb(self) -> Array8:
        height, width = self.header.size
        luma = self._planes[: height * width].reshape(height, width)
        if self.header.grid is None:
            return gray_to_rgb(luma, is_full_range=self.header.is_full_range)
        size = self.header.grid.size(height, width)
        u, v = self._planes[height * width :].reshape(2, *size)
        return planes_to_rgb(luma, (u, v), self._colors)


class Y4mWriter:
    """Writes RGB frames as a stream of layout 4:2:0 in the limited range, which all players take.

    Args:
        stream: Where the bytes go.
        size: Height and width of the frames.
        fps: Frames per second.
        matrix: How luma and chroma are made; None takes what players assume of such a stream.

    Raises:
        OutputError: An impossible size or frame rate.
        BrokenPipeError: Nobody reads the stream any more; ``write_encoded`` raises it too.
    """

    def __init__(
        self, stream: BinaryIO, *, size: tuple[int, int], fps: float, matrix: Matrix | None = None
    ) -> None:
        if not (math.isfinite(fps) and fps > 0) or min(size) < 1:
            raise OutputError(f"cannot write a video of {fps} frames/s, size {size}")
        self.size = size
        self._stream = stream
        self._colors = YuvColors(matrix or guess_matrix(size[0], is_full_range=False), False)
        rate = Fraction(fps).limit_denominator(1001)
        words = (
            *(_MAGIC.decode(), f"W{size[1]}", f"H{size[0]}"),
            *(f"F{rate.numerator}:{rate.denominator}", "Ip", "A1:1", f"C{_WRITTEN}"),
            *("XYSCSS=420JPEG", "XCOLORRANGE=LIMITED"),
        )
        write_all(stream, (" ".join(words) + "\n").encode())

    def encode(self, frame: Array8) -> bytes:
        """Convert (H, W, 3) RGB to the bytes of a frame; any thread may do it."""
        if frame.shape != (*self.size, 3) or frame.dtype != np.uint8:
            raise ValueError(f"frame {frame.shape} {frame.dtype}, expected uint8 {self.size} x 3")
        planes = rgb_to_planes(frame, _HALF, self._colors)
        return b"".join([_FRAME, b"\n", *(plane.tobytes() for plane in planes)])

    def write_encoded(self, data: bytes) -> None:
        """Append a frame that was encoded before."""
        write_all(self._stream, data)

    def write(self, frame: Array8) -> None:
        """Append one (H, W, 3) uint8 RGB frame."""
        self.write_encoded(self.encode(frame))


def _parse_header(line: bytes, name: str) -> Y4mHeader:
    words = line.decode("latin-1").rstrip("\n").split(" ")
    if not line:
        raise InputError(
            f"{name} is empty", hint="the program before it wrote nothing: see what it says"
        )
    if words[0] == _MAGIC.decode() and not line.endswith(b"\n"):
        raise InputError(f"{name} ends inside its first line: {line[:60]!r}")
    if words[0] != _MAGIC.decode():
        raise InputError(
            f"{name} is no YUV4MPEG2 stream: it begins with {line[:16]!r}",
            hint="ffmpeg -i drive.mp4 -f yuv4mpegpipe - writes one",
        )
    tags = {word[0]: word[1:] for word in words[1:] if word and word[0] != "X"}
    extras = [word[1:] for word in words[1:] if word.startswith("X")]
    layout = _layout(tags.get("C", "420"), name)
    _refuse_interlaced(tags.get("I", "p"), name)
    return Y4mHeader(
        size=(_side(tags, "H", name), _side(tags, "W", name)),
        fps=_rate(tags.get("F", "0:0"), name),
        layout=layout,
        is_full_range=_is_full_range(extras, layout),
    )


def _layout(text: str, name: str) -> str:
    if text in _LAYOUTS:
        return text
    raise InputError(
        f"{name} has the colour space C{text}; read are {', '.join(_LAYOUTS)}, of 8 bits",
        hint=f"convert it with ffmpeg {_CONVERT}",
    )


def _refuse_interlaced(text: str, name: str) -> None:
    if text in _INTERLACED:
        raise InputError(
            f"{name} is interlaced ({_INTERLACED[text]})",
            hint=f"make whole frames with ffmpeg -vf yadif {_CONVERT}",
        )


def _side(tags: dict[str, str], tag: str, name: str) -> int:
    text = tags.get(tag, "")
    side = int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 0
    if not 1 <= side <= _LONGEST_SIDE:
        what = "width" if tag == "W" else "height"
        raise InputError(f"{name} has no {what} from 1 to {_LONGEST_SIDE}: {tag}{text}")
    return side


def _rate(text: str, name: str) -> Fraction | None:
    try:
        above, below = (int(part) for part in text.split(":"))
    except ValueError as error:
        raise InputError(f"{name} has no frame rate as in F25:1: F{text}") from error
    return Fraction(above, below) if above > 0 and below > 0 else None


def _is_full_range(extras: list[str], layout: str) -> bool:
    ranges = [text.partition("=")[2] for text in extras if text.startswith("COLORRANGE=")]
    return ranges[-1] == "FULL" if ranges else layout == _MONO


def _read_line(stream: BinaryIO, name: str) -> bytes:
    """Read up to a line end, or less when there is none within reach."""
    try:
        return stream.readline(_LONGEST_LINE)
    except OSError as error:
        raise InputError(f"cannot read {name}: {error.strerror or error}") from error


def _read_into(stream: BinaryIO, buffer: memoryview) -> int:
    """Fill a buffer; fewer bytes are there only at the end of the stream."""
    held = 0
    while held < len(buffer):
        count = stream.readinto(buffer[held:])  # type: ignore[attr-defined]
        if not count:
            break
        held += count
    return held
