"""Flow between neighbouring frames inside a crop, stored or computed of the whole frames.

A flow here lies on the grid of its target frame's crop and points into the source frame's: read
the source at grid + flow. Both crops are cut alike, and vectors turn, grow and mirror with them.
"""

from __future__ import annotations

from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from vstc.data.augment import CropMap, warp_flow
from vstc.flow.providers import FlowProvider
from vstc.flow.remap import fit_flow
from vstc.formats.dataset import Clip
from vstc.formats.frames import FrameReader
from vstc.training.flows import FlowShelf
from vstc.training.samples import read_warped_flow

Flow = NDArray[np.float32]


class CropFlow(Protocol):
    """Gives flow inside crops; several threads call it at once."""

    def flow(self, clip: Clip, target: int, source: int, crop: CropMap) -> Flow:
        """Return flow_target_to_source, (h, w, 2) in crop pixels.

        Args:
            clip: The clip.
            target: Place of the frame on whose grid the flow is.
            source: Place of its neighbour.
            crop: How both are cut.

        Raises:
            InputError: There is none, or a frame cannot be read.
        """


class StoredCropFlow:
    """Flow from artifacts of ``vstc flow precompute``.

    Args:
        shelf: The artifacts.
    """

    def __init__(self, shelf: FlowShelf) -> None:
        self._shelf = shelf

    def flow(self, clip: Clip, target: int, source: int, crop: CropMap) -> Flow:
        """Read flow_target_to_source; see ``CropFlow``."""
        return read_warped_flow(self._shelf, clip, target, source, crop).flow


class ComputedCropFlow:
    """Flow that is computed of the whole frames, each time anew.

    Args:
        reader: Decodes frames.
        provider: The method.
        scale: Frames are shrunk by this before.
    """

    def __init__(self, reader: FrameReader, provider: FlowProvider, *, scale: float = 1.0) -> None:
        self._reader = reader
        self._worker = provider.make_worker()
        self._scale = scale

    def flow(self, clip: Clip, target: int, source: int, crop: CropMap) -> Flow:
        """Compute flow_target_to_source; see ``CropFlow``."""
        field = self._worker.flow(self._gray(clip, target), self._gray(clip, source))
        rows, columns = window = crop.source_window()
        full = fit_flow(field, crop.source_size)
        return warp_flow(np.ascontiguousarray(full[rows, columns]), window, crop).flow

    def _gray(self, clip: Clip, index: int) -> NDArray[np.uint8]:
        gray = cv2.cvtColor(self._reader.read(clip, index), cv2.COLOR_RGB2GRAY)
        if self._scale < 1:
            size = [max(round(side * self._scale), 1) for side in gray.shape[::-1]]
            gray = cv2.resize(gray, size, interpolation=cv2.INTER_AREA)
        return np.asarray(gray, np.uint8)
