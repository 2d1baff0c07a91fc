"""What a network says of a frame, and where it can go."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from vstc.errors import InputError

Array8 = NDArray[np.uint8]
Size = tuple[int, int]


@dataclass(frozen=True)
class FrameResult:
    """Class ids of one frame and what belongs to them.

    Attributes:
        index: Place of the frame in its clip.
        name: Name of the frame.
        frame: (H, W, 3) RGB.
        labels: (H, W) uint8 ids.
        confidence: (H, W) uint8, probability of the predicted class times 255, rounded; None
            when nobody knows it.
        probabilities: (C, H, W) float16; None when they were not asked for.
    """

    index: int
    name: str
    frame: Array8
    labels: Array8
    confidence: Array8 | None = None
    probabilities: NDArray[Any] | None = None


class ResultSink(Protocol):
    """Takes results clip by clip; see ``open_sinks`` for the order of the calls.

    For a clip it is ``open``, ``write`` for each frame in order, and ``close``; ``abandon`` may
    come at any moment, also after ``close``. One thread calls all of them; a sink may have threads
    of its own.
    """

    def open(self, clip_id: str, *, size: Size, fps: float | None) -> None:
        """Begin a clip.

        Args:
            clip_id: Name of the clip.
            size: Height and width of its frames.
            fps: Frames per second; None when unknown.
        """

    def write(self, result: FrameResult) -> None:
        """Take a result; an error of an earlier one may be raised here."""

    def close(self) -> None:
        """Finish the clip: all that was taken is where it belongs, or an error is raised."""

    def abandon(self) -> None:
        """Give up what is open after an error: whole files stay, half ones go. Raises nothing."""


@contextmanager
def open_sinks(
    sinks: Sequence[ResultSink], clip_id: str, *, size: Size, fps: float | None
) -> Iterator[None]:
    """Open sinks for a clip; close all of them, or abandon all when the body or one of them fails.

    Args:
        sinks: The sinks.
        clip_id: Name of the clip.
        size: Height and width of its frames.
        fps: Frames per second; None when unknown.
    """
    try:
        for sink in sinks:
            sink.open(clip_id, size=size, fps=fps)
        yield
        for sink in sinks:
            sink.close()
    except BaseException:
        for sink in sinks:
            sink.abandon()
        raise


def refuse_other_size(result: FrameResult, size: Size, *, clip_id: str) -> None:
    """Refuse a frame that does not fit into a video or file of its clip.

    Raises:
        InputError: Its size is another one.
    """
    height, width = result.frame.shape[:2]
    if (height, width) != size:
        raise InputError(
            f"frame {result.name} of clip {clip_id} is {width}x{height}, "
            f"the clip began with {size[1]}x{size[0]}",
            hint="only label maps can differ in size within a clip",
        )
