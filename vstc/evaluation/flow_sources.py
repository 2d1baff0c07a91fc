"""Where evaluation gets optical flow from, and its fit to the size of the labels."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from vstc.formats.dataset import Clip

FlowField = NDArray[np.float32]


class ClipFlow(Protocol):
    """Gives the flow of the pairs of one clip."""

    def prev_to_next(self, index: int) -> FlowField:
        """Return the flow from frame ``index`` to ``index + 1``.

        Returns:
            (h, w, 2) float32 on the grid of frame ``index``, (x, y) in pixels of that grid:
            sampling the next frame at grid + flow gives the previous one.
        """


class FlowSource(Protocol):
    """Opens the flow of clips; called from several threads, one clip per thread."""

    def open(self, clip: Clip) -> AbstractContextManager[ClipFlow]:
        """Open the flow of one clip."""

    def describe(self) -> dict[str, Any]:
        """Say for the record where the flow comes from."""


def fit_flow(flow: FlowField, size: tuple[int, int]) -> FlowField:
    """Bring a flow field to the size of the labels, bilinearly, vectors scaled alike.

    Args:
        flow: (h, w, 2) in pixels of its own grid.
        size: Height and width wanted.

    Returns:
        (H, W, 2) in pixels of the new grid; the input itself when the size is right.
    """
    height, width = flow.shape[:2]
    if (height, width) == size:
        return flow
    resized = cv2.resize(flow, (size[1], size[0]), interpolation=cv2.INTER_LINEAR)
    scale = np.array([size[1] / width, size[0] / height], np.float32)
    return np.asarray(resized * scale, np.float32)
