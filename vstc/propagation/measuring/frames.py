"""The frames that a benchmark runs on, the same ones at every operating point."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np

from vstc.errors import InputError
from vstc.formats.dataset import Clip, Dataset, VideoFrame
from vstc.inference.frame_streams import ClipStream, StreamFrame
from vstc.propagation.flows import ClipFlows
from vstc.propagation.motion_flow import open_clip
from vstc.propagation.settings import PropagateSettings

DEFAULT_FRAMES = 60
_KEPT_IN_MEMORY = 32


@dataclass(frozen=True)
class BenchmarkFrames:
    """The frames to measure with.

    Attributes:
        dataset: Where they are.
        clip: The clip.
        count: How many frames are run at each operating point, at most.
        size: Height and width that they are brought to; None keeps theirs.
        decodes: Decode them as they come; else they are decoded before.
        writes: Write label maps, into a folder that is deleted.
        is_bound: Flow belongs to the pairs of the clip, stored or in the video: frames come once.
    """

    dataset: Dataset
    clip: Clip
    count: int = DEFAULT_FRAMES
    size: tuple[int, int] | None = None
    decodes: bool = True
    writes: bool = True
    is_bound: bool = False

    @property
    def can_repeat(self) -> bool:
        """Tell whether a short clip runs forth and back; videos are not decoded backwards."""
        in_video = any(isinstance(frame, VideoFrame) for frame in self.clip.frames)
        return not self.is_bound and not (self.decodes and in_video)

    def warm_up(self, settings: PropagateSettings) -> int:
        """Return how many frames do not count: a whole number of cycles."""
        cycles = max(1, round(self.count / 6 / settings.interval))
        return cycles * settings.interval

    def count_for(self, settings: PropagateSettings) -> int:
        """Return how many frames are run: the last one is a key frame of a fixed schedule."""
        count = self.count
        if not self.can_repeat:
            kept = len(self.clip.frames) if self.decodes else _KEPT_IN_MEMORY
            count = min(count, kept, len(self.clip.frames))
        return max(count - 1, 0) // settings.interval * settings.interval + 1

    def check(self, settings: PropagateSettings) -> None:
        """Refuse too few frames for two cycles after the warm-up.

        Raises:
            InputError: There are too few.
        """
        needed = self.warm_up(settings) + 2 * settings.interval + 1
        if self.count_for(settings) < needed:
            raise InputError(
                f"{self.count_for(settings)} frames are too few to measure an interval of "
                f"{settings.interval}: {needed} are needed",
                hint=self._hint(),
            )

    def _hint(self) -> str:
        if self.can_repeat:
            return "give more frames with --limit, or other --presets"
        if self.is_bound:
            return "give a longer clip, or computed flow, which a short one can repeat with"
        return "give a longer video, or --without decode, which repeats frames from memory"


def forth_and_back(length: int, count: int) -> list[int]:
    """Return so many places in a clip; neighbours stay neighbours when it is too short.

    Args:
        length: Frames of the clip.
        count: How many places.
    """
    there = list(range(length))
    order = there + there[-2:0:-1]
    return [order[place % len(order)] for place in range(count)]


class FrameSupply:
    """Gives the frames of a benchmark again and again.

    Args:
        frames: Which frames.

    Attributes:
        size: Height and width.
    """

    def __init__(self, frames: BenchmarkFrames) -> None:
        self._frames = frames
        self._kept: dict[type[ClipStream], list[StreamFrame]] = {}
        self.size = frames.size or ClipStream(frames.dataset, frames.clip).size

    def open(self, count: int, flows: ClipFlows | None = None) -> FramePass:
        """Begin a pass over so many frames.

        Args:
            count: How many.
            flows: Where flow comes from; frames bring motion vectors along if that is it.
        """
        frames = self._frames
        if not frames.decodes:
            return FramePass(_repeated(self._in_memory(flows), count), lambda: None)
        order = forth_and_back(len(frames.clip.frames), count)
        stream = open_clip(frames.dataset, frames.clip, flows, indices=order)
        is_repeated = count > len(frames.clip.frames)
        fitted = (
            replace(self._fitted(f), index=place, name=f"{place:06d}" if is_repeated else f.name)
            for place, f in enumerate(stream)
        )
        return FramePass(fitted, stream.close)

    def _in_memory(self, flows: ClipFlows | None) -> list[StreamFrame]:
        first = range(min(_KEPT_IN_MEMORY, len(self._frames.clip.frames)))
        stream = open_clip(self._frames.dataset, self._frames.clip, flows, indices=first)
        kept = self._kept.get(type(stream))
        if kept is None:
            kept = self._kept[type(stream)] = [self._fitted(frame) for frame in stream]
        stream.close()
        return kept

    def _fitted(self, frame: StreamFrame) -> StreamFrame:
        size = self._frames.size
        if size is None or frame.image.shape[:2] == size:
            return frame
        fitted = cv2.resize(frame.image, (size[1], size[0]), interpolation=cv2.INTER_AREA)
        return replace(frame, image=np.asarray(fitted, np.uint8))


def _repeated(kept: list[StreamFrame], count: int) -> Iterator[StreamFrame]:
    for place, index in enumerate(forth_and_back(len(kept), count)):
        yield replace(kept[index], index=place, name=f"{place:06d}")


class FramePass:
    """One pass over the frames, which may be closed at any time."""

    def __init__(self, frames: Iterator[StreamFrame], close: Callable[[], None]) -> None:
        self._frames = frames
        self._close = close

    def __iter__(self) -> Iterator[StreamFrame]:
        """Go over the frames, once."""
        return self._frames

    def close(self) -> None:
        """End it."""
        self._close()
