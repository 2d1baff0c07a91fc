"""Motion vectors that a video's codec stored, as backward flow; needs the extra ``video``.

A video encoder cuts each frame into blocks and notes where in an earlier frame it found the like
of each. Where every frame refers to the frame before it and to no other, those vectors are flow
that costs a decoding. They serve to describe pixels in few bytes: on plain surfaces
they may be far from the true motion.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vstc.errors import InputError, SetupError
from vstc.formats.h264 import H264Header, is_referred_to, read_header

# Here a P-frame refers to the frame before by definition, if there are no B-frames. The decoders
# of later codecs (HEVC, VP9, AV1) give no vectors.
_SINGLE_REFERENCE_CODECS = frozenset({"mpeg1video", "mpeg2video", "mpeg4"})
_H264 = "h264"
_INTRA, _PREDICTED = 1, 2  # AV_PICTURE_TYPE_I and _P
_PAST = -1
_KEPT_FRAMES = 64


@dataclass(frozen=True)
class MotionField:
    """The motion of one frame.

    Attributes:
        flow_next_to_prev: (H, W, 2) float32 in pixels on the grid of the frame, constant on each
            block: sampling the frame before at grid + flow gives the frame. Zero without vector.
        has_vector: (H, W) bool; False where the codec found nothing alike, or did not look, and
            all over the last frame of MPEG-1 and 2, of which the decoder tells nothing.
    """

    flow_next_to_prev: NDArray[np.float32]
    has_vector: NDArray[np.bool_]


def require_motion_vectors() -> None:
    """Refuse to go on where PyAV is not installed.

    Raises:
        SetupError: It is not.
    """
    _import_av()


def dense_motion(vectors: NDArray[np.void], size: tuple[int, int]) -> MotionField:
    """Paint blocks with their vectors.

    Of partitions below 8 x 8 decoders give one for all of the 8 x 8.

    Args:
        vectors: (N,) with the fields of FFmpeg's ``AVMotionVector``: w, h, dst_x, dst_y, the
            centre of the block, and motion_x, motion_y in 1/motion_scale pixels.
        size: Height and width; blocks may reach beyond.
    """
    height, width = size
    if len(vectors) == 0:
        return MotionField(np.zeros((height, width, 2), np.float32), np.zeros(size, np.bool_))
    extent = np.stack([vectors["h"], vectors["w"]], axis=1).astype(np.int64)
    centre = np.stack([vectors["dst_y"], vectors["dst_x"]], axis=1).astype(np.int64)
    corner = centre - extent // 2
    cell = int(np.gcd.reduce(np.concatenate([extent, corner]), axis=None))
    rows, columns = -(-height // cell), -(-width // cell)
    motion = np.stack([vectors["motion_x"], vectors["motion_y"]], axis=1).astype(np.float32)
    motion /= vectors["motion_scale"].astype(np.float32)[:, None]
    flow = np.zeros((rows, columns, 2), np.float32)
    known = np.zeros((rows, columns), np.bool_)
    shape = extent[:, 0] << 8 | extent[:, 1]  # one number, which sorts faster than two
    for kind in np.unique(shape):
        chosen = shape == kind
        y, x = (corner[chosen] // cell).T
        for down, right in np.ndindex((kind >> 8) // cell, (kind & 255) // cell):
            inside = (y + down >= 0) & (y + down < rows) & (x + right >= 0) & (x + right < columns)
            place = (y + down)[inside], (x + right)[inside]
            flow[place] = motion[chosen][inside]
            known[place] = True
    return MotionField(_enlarged(flow, cell, size), _enlarged(known, cell, size))


def _enlarged(cells: NDArray[Any], factor: int, size: tuple[int, int]) -> NDArray[Any]:
    rows, columns, *depth = cells.shape
    large = np.empty((rows * factor, columns * factor, *depth), cells.dtype)
    large.reshape(rows, factor, columns, factor, *depth)[:] = cells[:, None, :, None]
    return large[: size[0], : size[1]]


class MotionVectorReader:
    """Reads the motion of the frames of a video; frames are numbered as by ``VideoReader``.

    Reading forward decodes what lies between, going far back starts anew: always exact, cheapest
    in order. An object may serve several threads.

    Args:
        path: The video.

    Raises:
        SetupError: PyAV is not installed.
        InputError: The file is missing or no video, or its frames may refer to others than the
            one before. Some of that shows only while reading.

    Attributes:
        path: The video.
        size: Height and width of its frames.
    """

    def __init__(self, path: Path) -> None:
        self._av = _import_av()
        if not path.is_file():
            raise InputError(f"video not found: {path}")
        self.path = path
        self.size = (0, 0)
        self._guard = threading.Lock()
        self._restart()
        if not self._advance():
            raise InputError(f"video has no frame that can be decoded: {path}")

    def read(self, index: int) -> MotionField:
        """Read the motion of a frame against the one before it.

        Args:
            index: Number of the frame; the first has no vectors.

        Raises:
            InputError: The video ends before that frame, or is damaged, or a frame refers to
                others than the one before.
        """
        with self._guard:
            vectors = self._find(index)
        return dense_motion(vectors, self.size)

    def stream(self) -> Iterator[MotionField]:
        """Read the motion of all frames in order."""
        index = 0
        while True:
            with self._guard:
                if index >= self._next and not self._advance():
                    return
                vectors = self._find(index)
            yield dense_motion(vectors, self.size)
            index += 1

    def _find(self, index: int) -> NDArray[np.void]:
        if index not in self._recent and 0 <= index < self._next:
            self._restart()
        while self._next <= index and self._advance():
            pass
        if index not in self._recent:
            raise InputError(
                f"video {self.path} has no frame {index}: decoding ends after {self._next}"
            )
        return self._recent[index]

    def _restart(self) -> None:
        self._recent: dict[int, NDArray[np.void]] = {}
        self._next = 0
        self._coming = self._decode()

    def _advance(self) -> bool:
        try:
            vectors = next(self._coming, None)
        except InputError:
            self._restart()  # so that whoever reads on meets the same error
            raise
        if vectors is None:
            return False
        self._recent[self._next] = vectors
        self._next += 1
        self._recent.pop(self._next - 1 - _KEPT_FRAMES, None)
        return True

    def _decode(self) -> Iterator[NDArray[np.void]]:
        try:
            with self._av.open(str(self.path)) as container:
                if not container.streams.video:
                    raise InputError(f"{self.path} holds no video")
                stream = container.streams.video[0]
                header = self._checked_header(stream.codec_context)
                stream.codec_context.options = {"flags2": "+export_mvs"}
                yield from self._vectors(container.demux(stream), header)
        except self._av.FFmpegError as error:
            raise InputError(
                f"video {self.path} is damaged or of an unknown kind: {error}",
                hint=f"copy the file again, or convert it: {_CONVERT}",
            ) from error

    def _vectors(self, packets: Any, header: H264Header | None) -> Iterator[NDArray[np.void]]:
        index = 0
        for packet in packets:
            if header and packet.size and not is_referred_to(bytes(packet), header.length_bytes):
                raise self._refusal(f"no frame refers to frame {index}")
            for frame in packet.decode():
                yield self._checked_vectors(frame, index)
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

    def _checked_vectors(self, frame: Any, index: int) -> NDArray[np.void]:
        size = (int(frame.height), int(frame.width))
        if index == 0:
            self.size = size
        if size != self.size:
            raise InputError(f"video {self.path} changes its size at frame {index}")
        kind = int(frame.pict_type)
        if kind not in {_INTRA, _PREDICTED}:
            raise self._refusal(f"frame {index} is no I- or P-frame; it may be a B-frame")
        if frame.interlaced_frame:
            raise self._refusal(f"frame {index} is interlaced")
        if frame.rotation:
            raise self._refusal(f"it is shown turned by {frame.rotation} degrees")
        data = frame.side_data.get("MOTION_VECTORS")
        vectors = _NO_VECTORS if data is None else np.array(data.to_ndarray())
        if len(vectors) and (vectors["source"] != _PAST).any():
            raise self._refusal(f"frame {index} refers to a later frame")
        return vectors

    def _refusal(self, reason: str, *, is_found: bool = True) -> InputError:
        what = "may not all be about the frame before" if is_found else "cannot be had"
        return InputError(
            f"motion vectors of {self.path} {what}: {reason}",
            hint=f"convert it ({_CONVERT}), or compute flow, such as dis-ultrafast",
        )


_CONVERT = "ffmpeg -i IN -c:v libx264 -bf 0 -refs 1 OUT.mp4"
_NO_VECTORS = np.zeros(0, np.dtype([("source", np.int32)]))


def _import_av() -> Any:
    try:
        import av
    except ImportError as error:
        raise SetupError(
            "motion vectors of a video need PyAV, which is not installed",
            hint='pip install "vstc[video]"',
        ) from error
    return av
