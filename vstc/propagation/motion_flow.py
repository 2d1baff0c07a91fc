"""Flow from the motion vectors in video files: costs one more decoding, one direction only."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from vstc.errors import InputError
from vstc.formats.dataset import Clip, Dataset, VideoFrame
from vstc.formats.motion_vectors import MotionVectorReader, require_motion_vectors
from vstc.propagation.frames import FlowSource, PreparedFrame
from vstc.propagation.maps import Flow
from vstc.propagation.settings import MOTION_VECTORS

_COMPUTE = "choose computed flow, such as --flow-method dis-ultrafast"


class MotionVectorFlow:
    """Flow of one clip from a frame of a video to the frame before; zero where there is none.

    Args:
        vectors: Reads the video.
        numbers: Number in the video of each frame of the clip.
    """

    def __init__(self, vectors: MotionVectorReader, numbers: Sequence[int]) -> None:
        self._vectors = vectors
        self._numbers = numbers

    def flow(self, target: PreparedFrame, source: PreparedFrame) -> Flow:
        """Read flow_target_to_source.

        Raises:
            InputError: The source is not the frame before the target, the frames have another
                size than the video, or its vectors do not all point into the frame before.
        """
        if target.index != source.index + 1:
            raise InputError(
                f"motion vectors lead from a frame to the one before, not from {target.index} to "
                f"{source.index}: look-ahead and masks of two flows need both directions",
                hint=_COMPUTE,
            )
        now, before = self._numbers[target.index], self._numbers[source.index]
        if now != before + 1:
            raise InputError(
                f"frames {before} and {now} of {self._vectors.path} are no neighbours: motion "
                "vectors do not lead from one to the other",
                hint=_COMPUTE,
            )
        height, width = self._vectors.size
        if (height, width) != target.size:
            raise InputError(
                f"{self._vectors.path} has frames of {height} x {width} pixels, these have "
                f"{target.size[0]} x {target.size[1]}"
            )
        return self._vectors.read(now).flow_next_to_prev


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
        self._last: MotionVectorReader | None = None

    def of(self, clip: Clip | None) -> FlowSource:
        """Return the flow of a clip.

        Raises:
            SetupError: PyAV is not installed.
            InputError: The clip is no video, or its vectors are of no use.
        """
        path, numbers = self._place(clip)
        if self._last is None or self._last.path != path:
            self._last = MotionVectorReader(path)
        return MotionVectorFlow(self._last, numbers)

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
