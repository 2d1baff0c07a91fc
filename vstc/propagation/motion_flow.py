"""Flow from the motion vectors in video files: at the cost of no more than the decoding."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from vstc.errors import InputError
from vstc.formats.dataset import Clip, Dataset, VideoFrame
from vstc.formats.video.motion_field import MotionField
from vstc.formats.video.motion_vectors import MotionVectorReader, require_motion_vectors
from vstc.inference.coded_clip import CodedClipStream
from vstc.inference.frame_streams import ClipStream
from vstc.propagation.carrying.maps import Flow
from vstc.propagation.flows import ClipFlows
from vstc.propagation.frames import FlowSource, PreparedFrame
from vstc.propagation.settings import MOTION_VECTORS

_COMPUTE = "choose computed flow, such as --flow-method dis-ultrafast"


class MotionVectorFlow:
    """Flow of one clip from a frame of a video to the frame before; zero where there is none.

    Frames that were opened by ``open_clip`` bring their vectors with them. For others the video
    is decoded once more.

    Args:
        path: The video.
        numbers: Number in the video of each frame of the clip.
        open_reader: Opens the video, or gives one that is open; None opens it when it is needed.
    """

    def __init__(
        self,
        path: Path,
        numbers: Sequence[int],
        *,
        open_reader: Callable[[], MotionVectorReader] | None = None,
    ) -> None:
        self._path = path
        self._numbers = numbers
        self._open_reader = open_reader or _Shared(path).open

    def flow(self, target: PreparedFrame, source: PreparedFrame) -> Flow:
        """Read flow_target_to_source.

        Raises:
            InputError: The source is not the frame before the target, the frames have another
                size than the video, or its vectors do not all point into the frame before.
        """
        return self.field(target, source).flow_next_to_prev

    def field(self, target: PreparedFrame, source: PreparedFrame) -> MotionField:
        """Read flow_target_to_source and where it is known; see ``flow``."""
        if target.index != source.index + 1:
            raise InputError(
                f"motion vectors lead from a frame to the one before, not from {target.index} to "
                f"{source.index}: look-ahead and masks of two flows need both directions",
                hint=_COMPUTE,
            )
        now, before = self._numbers[target.index], self._numbers[source.index]
        if now != before + 1:
            raise InputError(
                f"frames {before} and {now} of {self._path} are no neighbours: motion "
                "vectors do not lead from one to the other",
                hint=_COMPUTE,
            )
        vectors = target.vectors or self._open_reader().vectors(now)
        if vectors.size != target.size:
            height, width = vectors.size
            raise InputError(
                f"{self._path} has frames of {height} x {width} pixels, these have "
                f"{target.size[0]} x {target.size[1]}"
            )
        return vectors.dense()


class MotionVectorFlows:
    """Gives the flow of clips that are videos, or parts of videos.

    Args:
        dataset: The clips; None stands for a pipe or a camera, which has no motion vectors.

    Attributes:
        method: Name of the method.
    """

    method = MOTION_VECTORS

    def __init__(self, dataset: Dataset | None) -> None:
        self._dataset = dataset
        self._last: _Shared | None = None

    def of(self, clip: Clip | None) -> FlowSource:
        """Return the flow of a clip.

        Raises:
            InputError: The clip is no video.
        """
        path, numbers = self._place(clip)
        if self._last is None or self._last.path != path:
            self._last = _Shared(path)
        return MotionVectorFlow(path, numbers, open_reader=self._last.open)

    def check(self, clips: Sequence[Clip]) -> None:
        """Look whether all clips have motion vectors, as far as the heads of files tell.

        Raises:
            SetupError: PyAV is not installed.
            InputError: A clip is no video or leaves frames out, or its vectors are of no use.
        """
        require_motion_vectors()
        good: set[Path] = set()
        for clip in clips:
            if not clip.frames:
                continue
            path, numbers = self._place(clip)
            if list(numbers) != list(range(numbers[0], numbers[0] + len(numbers))):
                raise InputError(
                    f"clip {clip.id} leaves out frames of {path}: motion vectors lead from a "
                    "frame to the one before only",
                    hint=_COMPUTE,
                )
            if path not in good:
                MotionVectorReader(path)
                good.add(path)

    def _place(self, clip: Clip | None) -> tuple[Path, list[int]]:
        if clip is None or self._dataset is None:
            raise InputError(
                "motion vectors are in video files, not in a pipe or a camera's frames",
                hint=_COMPUTE,
            )
        frames = [self._dataset.frame_source(clip, index) for index in range(len(clip.frames))]
        in_videos = [frame for frame in frames if isinstance(frame, VideoFrame)]
        videos = {frame.video for frame in in_videos}
        if len(in_videos) < len(frames) or len(videos) != 1:
            raise InputError(
                f"motion vectors are in video files, and clip {clip.id} is not one video",
                hint=_COMPUTE,
            )
        return Path(videos.pop()), [frame.index for frame in in_videos]


def open_clip(
    dataset: Dataset,
    clip: Clip,
    flows: ClipFlows | None,
    *,
    indices: Sequence[int] | None = None,
) -> ClipStream:
    """Open the frames of a clip; they bring motion vectors along where those are the flow.

    Args:
        dataset: The data set.
        clip: The clip.
        flows: Where flow comes from; None if nothing moves.
        indices: Places of the frames to read, rising; None reads all.
    """
    kind = CodedClipStream if isinstance(flows, MotionVectorFlows) else ClipStream
    return kind(dataset, clip, indices=indices)


class _Shared:
    """A reader that several threads and clips share, opened when one of them needs it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._reader: MotionVectorReader | None = None
        self._guard = threading.Lock()

    def open(self) -> MotionVectorReader:
        with self._guard:
            if self._reader is None:
                self._reader = MotionVectorReader(self.path)
            return self._reader
