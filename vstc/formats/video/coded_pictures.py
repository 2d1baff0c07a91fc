"""The pictures of a video as its decoder gives them, with their motion vectors; needs PyAV.

A video encoder cuts each frame into blocks and notes where in an earlier frame it found the like
of each. Where every frame refers to the frame before it and to no other, those vectors are flow
that costs nothing beside the decoding. They serve to describe pixels in few bytes: on plain
surfaces they may be far from the true motion.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vstc.errors import InputError, SetupError
from vstc.formats.video.h264 import H264Header, is_referred_to, read_header
from vstc.formats.video.motion_field import FrameVectors

# Here a P-frame refers to the frame before by definition, if there are no B-frames. The decoders
# of later codecs (HEVC, VP9, AV1) give no vectors.
_SINGLE_REFERENCE_CODECS = frozenset({"mpeg1video", "mpeg2video", "mpeg4"})
_H264 = "h264"
_INTRA, _PREDICTED = 1, 2  # AV_PICTURE_TYPE_I and _P
_PAST = -1
_ATTEMPTS = 16
_CONVERT = "ffmpeg -i IN -c:v libx264 -bf 0 -refs 1 OUT.mp4"
_NO_VECTORS = np.zeros(0, np.dtype([("source", np.int32)]))


@dataclass(frozen=True)
class CodedPicture:
    """A decoded picture.

    Attributes:
        frame: PyAV's frame; its pixels are still those of the codec.
        vectors: Its motion vectors.
    """

    frame: Any
    vectors: FrameVectors


def import_av() -> Any:
    """Return PyAV.

    Raises:
        SetupError: It is not installed.
    """
    try:
        import av
    except ImportError as error:
        raise SetupError(
            "motion vectors of a video need PyAV, which is not installed",
            hint='pip install "vstc[video]"',
        ) from error
    return av


def decode_pictures(path: Path) -> Generator[CodedPicture]:
    """Decode a video from its start; the file is closed with the generator.

    Args:
        path: The video.

    Raises:
        SetupError: PyAV is not installed.
        InputError: The file is missing, damaged or no video, or its frames may refer to others
            than the one before. Some of that shows only while reading.
    """
    av = import_av()
    if not path.is_file():
        raise InputError(f"video not found: {path}")
    return _Decoding(av, path).pictures()


class _Decoding:
    """One pass over a video."""

    def __init__(self, av: Any, path: Path) -> None:
        self._av = av
        self._path = path
        self._size: tuple[int, int] | None = None

    def pictures(self) -> Generator[CodedPicture]:
        try:
            with self._av.open(str(self._path)) as container:
                if not container.streams.video:
                    raise InputError(f"{self._path} holds no video")
                stream = container.streams.video[0]
                header = self._checked_header(stream.codec_context)
                stream.codec_context.options = {"flags2": "+export_mvs"}
                yield from self._decode(container.demux(stream), header)
        except self._av.FFmpegError as error:
            raise InputError(
                f"video {self._path} is damaged or of an unknown kind: {error}",
                hint=f"copy the file again, or convert it: {_CONVERT}",
            ) from error

    def _decode(self, packets: Any, header: H264Header | None) -> Iterator[CodedPicture]:
        index = failures = 0
        for packet in packets:
            try:
                frames = packet.decode()
            except self._av.FFmpegError:
                # At the end every attempt fails; at a damaged place a later one does not.
                failures += 1
                if failures > _ATTEMPTS:
                    return
                continue
            if frames and failures:
                raise InputError(
                    f"video {self._path} is damaged: frame {index} cannot be decoded, later ones "
                    "can",
                    hint="copy the file again, or make a whole one of what is left: "
                    f"ffmpeg -i {self._path.name} whole.mp4",
                )
            if header and packet.size and not is_referred_to(bytes(packet), header.length_bytes):
                raise self._refusal(f"no frame refers to frame {index}")
            for frame in frames:
                yield self._checked(frame, index)
                index += 1

    def _checked_header(self, codec: Any) -> H264Header | None:
        name = str(codec.name)
        if name in _SINGLE_REFERENCE_CODECS:
            return None
        if name != _H264:
            raise self._refusal(f"the decoder of {name} gives no motion vectors", is_found=False)
        try:
            header = read_header(bytes(codec.extradata or b""))
        except InputError as error:
            raise self._refusal(error.message) from error
        if header.num_references > 1:
            raise self._refusal(f"frames may refer to {header.num_references} others")
        if not header.is_progressive:
            raise self._refusal("it may hold fields in place of frames (interlaced)")
        return header

    def _checked(self, frame: Any, index: int) -> CodedPicture:
        size = (int(frame.height), int(frame.width))
        if self._size is None:
            self._size = size
        if size != self._size:
            raise InputError(f"video {self._path} changes its size at frame {index}")
        kind = int(frame.pict_type)
        if kind not in {_INTRA, _PREDICTED}:
            raise self._refusal(f"frame {index} is no I- or P-frame; it may be a B-frame")
        if frame.interlaced_frame:
            raise self._refusal(f"frame {index} is interlaced")
        if frame.rotation:
            raise self._refusal(f"it is shown turned by {frame.rotation} degrees")
        data = frame.side_data.get("MOTION_VECTORS")
        blocks = _NO_VECTORS if data is None else np.array(data.to_ndarray())
        if len(blocks) and (blocks["source"] != _PAST).any():
            raise self._refusal(f"frame {index} refers to a later frame")
        return CodedPicture(frame, FrameVectors(blocks, size))

    def _refusal(self, reason: str, *, is_found: bool = True) -> InputError:
        what = "may not all be about the frame before" if is_found else "cannot be had"
        return InputError(
            f"motion vectors of {self._path} {what}: {reason}",
            hint=f"convert it ({_CONVERT}), or compute flow, such as dis-ultrafast",
        )
