"""The frames of a clip with all that tracking needs of them, prepared a little ahead."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vstc.flow.remap import fit_flow
from vstc.formats.objects.store import FrameInstances, InstanceClip
from vstc.instances.tracking.motion import Flow, Gray, Motion
from vstc.instances.tracking.pictures import PictureReader, Pictures, refuse_other_shape


@dataclass(frozen=True, eq=False)
class FedFrame:
    """A frame.

    Attributes:
        instances: Its masks.
        picture: (h, w, 3) RGB; None when it is not known or not wanted.
        flow_next_to_prev: Flow on the grid of its masks, (H, W, 2), into the frame before; None
            when it is not known.
    """

    instances: FrameInstances
    picture: NDArray[np.uint8] | None
    flow_next_to_prev: Flow | None


@dataclass(frozen=True, eq=False)
class _Coming:
    instances: FrameInstances
    picture: NDArray[np.uint8] | None
    flow: Future[Flow] | None


class FrameFeed:
    """Prepares the frames of a clip in order.

    Masks and pictures are read in the calling thread, flow is made in a pool; ``ahead`` frames
    are held at most.

    Args:
        clip: The clip.
        pictures: The picture of each frame.
        motion: Gives flow; None for none.
        keeps_pictures: Whether pictures are wanted besides flow.
        pool: Makes flow.
        ahead: How many frames may be in work.
    """

    def __init__(
        self,
        clip: InstanceClip,
        *,
        pictures: Pictures,
        motion: Motion | None,
        keeps_pictures: bool,
        pool: Executor,
        ahead: int,
    ) -> None:
        self._clip = clip
        self._pictures = pictures
        self._motion = motion
        self._keeps_pictures = keeps_pictures
        self._pool = pool
        self._ahead = ahead
        self._reader = PictureReader()
        self._prev: Gray | None = None

    def frames(self, masks: Iterator[FrameInstances]) -> Iterator[FedFrame]:
        """Yield the frames with their pictures and flow.

        Args:
            masks: The masks of all frames, in order.

        Raises:
            InputError: A picture or flow is damaged or has another shape than the masks.
        """
        waiting: deque[_Coming] = deque()
        try:
            for instances in masks:
                waiting.append(self._begin(instances))
                if len(waiting) > self._ahead:
                    yield _finished(waiting.popleft())
            while waiting:
                yield _finished(waiting.popleft())
        finally:
            for coming in waiting:
                if coming.flow is not None:
                    coming.flow.cancel()
            self._reader.close()

    def _begin(self, instances: FrameInstances) -> _Coming:
        picture = self._read(instances.index)
        task = self._task(instances.index, picture)
        flow = None if task is None else self._pool.submit(self._fitted, task)
        return _Coming(instances, picture if self._keeps_pictures else None, flow)

    def _read(self, index: int) -> NDArray[np.uint8] | None:
        is_needed = self._motion is not None and self._motion.needs_pictures
        picture = self._pictures[index]
        if picture is None or not (is_needed or self._keeps_pictures):
            return None
        image = self._reader.read(picture)
        height, width = image.shape[:2]
        name = self._clip.frame_names[index]
        refuse_other_shape((height, width), self._clip, what=f"the picture of frame {name}")
        return image

    def _task(self, index: int, picture: NDArray[np.uint8] | None) -> Callable[[], Flow] | None:
        if self._motion is None:
            return None
        gray = None
        if picture is not None and self._motion.needs_pictures:
            gray = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8)
        prev, self._prev = self._prev, gray
        if index == 0:
            return None
        return self._motion.task(self._clip, index, prev=prev, gray=gray)

    def _fitted(self, task: Callable[[], Flow]) -> Flow:
        flow = task()
        height, width = flow.shape[:2]
        refuse_other_shape((height, width), self._clip, what="flow")
        return fit_flow(flow, (self._clip.height, self._clip.width))


def _finished(coming: _Coming) -> FedFrame:
    flow = None if coming.flow is None else coming.flow.result()
    return FedFrame(coming.instances, coming.picture, flow)
