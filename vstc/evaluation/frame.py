"""A frame as the metric groups see it: predicted and true labels, and the flow to its neighbour."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vstc.evaluation.flow_sources.source import ClipFlow, FlowNeeds
from vstc.flow.remap import fit_flow

Labels = NDArray[np.uint8]
Size = tuple[int, int]


class PairFlow:
    """Flow between a frame and the one before it, fetched when a group asks for it.

    Args:
        clip_flow: Flow of the clip.
        index: Place of the earlier frame.
        size: Height and width that fields are brought to.

    Attributes:
        source_size: Height and width of the flow before it was fitted; None until fetched.
    """

    def __init__(self, clip_flow: ClipFlow, index: int, size: Size) -> None:
        self._clip_flow = clip_flow
        self._index = index
        self._size = size
        self._prev_to_next: NDArray[np.float32] | None = None
        self._next_to_prev: NDArray[np.float32] | None = None
        self.source_size: Size | None = None

    def fetch(self, needs: FlowNeeds) -> None:
        """Fetch what will be asked for."""
        if needs.prev_to_next:
            self.prev_to_next()
        if needs.next_to_prev:
            self.next_to_prev()

    def prev_to_next(self) -> NDArray[np.float32]:
        """Return the flow on the grid of the earlier frame, (H, W, 2) in pixels."""
        if self._prev_to_next is None:
            self._prev_to_next = self._fitted(self._clip_flow.prev_to_next(self._index))
        return self._prev_to_next

    def next_to_prev(self) -> NDArray[np.float32]:
        """Return the flow on the grid of the later frame, (H, W, 2) in pixels."""
        if self._next_to_prev is None:
            self._next_to_prev = self._fitted(self._clip_flow.next_to_prev(self._index))
        return self._next_to_prev

    def visible_prev(self) -> NDArray[np.bool_]:
        """Return which pixels of the earlier frame are still seen in the later one, (H, W)."""
        return self._clip_flow.visible_prev(self._index)

    def visible_next(self) -> NDArray[np.bool_]:
        """Return which pixels of the later frame were seen in the earlier one, (H, W)."""
        return self._clip_flow.visible_next(self._index)

    def _fitted(self, field: NDArray[np.float32]) -> NDArray[np.float32]:
        self.source_size = (field.shape[0], field.shape[1])
        return fit_flow(field, self._size)


@dataclass(frozen=True)
class JudgedFrame:
    """A frame with a prediction.

    Attributes:
        index: Place in the clip.
        predicted: Predicted ids, (H, W); 255 is "no label".
        true: True ids, (H, W), void 255; None for a frame without label, or when nobody asked.
        previous: The frame before it; None for the first frame, after a frame without
            prediction, and in clips whose frames do not follow one another.
        flow: Flow between ``previous`` and this frame; None without one of them.
    """

    index: int
    predicted: Labels
    true: Labels | None
    previous: JudgedFrame | None = None
    flow: PairFlow | None = None

    @property
    def size(self) -> Size:
        """Height and width."""
        return (self.predicted.shape[0], self.predicted.shape[1])

    def alone(self) -> JudgedFrame:
        """Return the frame without its past, so that a clip does not pile up in memory."""
        return replace(self, previous=None, flow=None)


class FrameSink(Protocol):
    """Takes the frames of one clip in time order."""

    def update(self, frame: JudgedFrame) -> None:
        """Count a frame."""
