"""A clip as an H.264 video whose motion vectors link neighbours, in a folder that is deleted."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from vstc.errors import InputError, SetupError
from vstc.formats.dataset import Clip, Dataset
from vstc.formats.frames import FrameReader
from vstc.formats.video.coded_pictures import import_av
from vstc.propagation.motion_flow import MotionVectorFlow

_FPS = 15


@dataclass(frozen=True)
class Encoding:
    """How x264 encodes.

    Attributes:
        crf: Constant rate factor: the less, the better the pictures.
        preset: How long it looks.
    """

    crf: int
    preset: str = "medium"


def can_encode() -> bool:
    """Tell whether PyAV is installed."""
    try:
        import_av()
    except SetupError:
        return False
    return True


@contextmanager
def coded_flow(dataset: Dataset, clip: Clip, encoding: Encoding) -> Iterator[MotionVectorFlow]:
    """Encode a clip and give the motion vectors that the encoder chose.

    One thread encodes, as x264 decides otherwise with another number of them.

    Args:
        dataset: Where the frames are.
        clip: The clip; without a frame rate of its own it has 15 frames a second.
        encoding: How.

    Raises:
        SetupError: PyAV is not installed, or has no x264.
        InputError: A frame cannot be read, or the frames have an odd size.
    """
    with tempfile.TemporaryDirectory(prefix="vstc-carry-") as folder:
        path = Path(folder) / "clip.mp4"
        _encode(dataset, clip, encoding, path)
        yield MotionVectorFlow(path, range(len(clip.frames)))


def _encode(dataset: Dataset, clip: Clip, encoding: Encoding, path: Path) -> None:
    av = import_av()
    images = FrameReader(dataset).stream(clip)
    with av.open(str(path), "w") as container:
        try:
            rate = Fraction(clip.fps or _FPS).limit_denominator(1001)
            stream = container.add_stream("libx264", rate=rate)
        except ValueError as error:  # PyAV's word for an encoder that it does not know
            raise SetupError(
                "this PyAV cannot encode H.264: it has no libx264",
                hint='pip install "vstc[video]"',
            ) from error
        stream.pix_fmt = "yuv420p"
        stream.options = {
            "crf": str(encoding.crf),
            "preset": encoding.preset,
            "bf": "0",
            "refs": "1",
            "threads": "1",
        }
        for index, image in enumerate(images):
            height, width = image.shape[:2]
            if height % 2 or width % 2:
                raise InputError(f"clip {clip.id}: {height}x{width} is odd, H.264 takes even sizes")
            if index == 0:
                stream.height, stream.width = height, width
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
