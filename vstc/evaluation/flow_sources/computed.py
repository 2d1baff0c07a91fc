"""Flow that is computed when it is asked for."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vstc.evaluation.flow_sources.source import (
    FORWARD_ONLY,
    ClipFlow,
    FlowField,
    FlowNeeds,
    VisibleMask,
    no_visibility,
)
from vstc.flow.providers import FlowProvider, FlowWorker
from vstc.formats.dataset import Clip, Dataset
from vstc.formats.frames import FrameReader

_KEPT = 8


class ComputedFlow:
    """Computes flow from the grey frames of a data set when it is asked for.

    Args:
        dataset: Where the frames are.
        provider: The method.
    """

    def __init__(self, dataset: Dataset, provider: FlowProvider) -> None:
        self._reader = FrameReader(dataset)
        self._provider = provider
        self._worker = provider.make_worker()

    def check(self, clips: Sequence[Clip], needs: FlowNeeds = FORWARD_ONLY) -> None:
        """Refuse what cannot be computed.

        Raises:
            InputError: Visibility is asked for.
        """
        if needs.visibility:
            raise no_visibility(f"computed flow ({self._provider.name})")

    def reference(self) -> None:
        """Return None: nothing is read but the data set."""

    @contextmanager
    def open(self, clip: Clip) -> Iterator[ClipFlow]:
        """Open the flow of one clip."""
        yield _ComputedClipFlow(self._reader, self._worker, clip)

    def describe(self) -> dict[str, Any]:
        """Say for the record where the flow comes from; ``scale`` is relative to the frames."""
        return {
            "source": "computed",
            "method": self._provider.name,
            "params": dict(self._provider.params),
            "scale": 1.0,
        }


class _ComputedClipFlow:
    """Flow of one clip; threads may ask for pairs that lie near one another."""

    def __init__(self, reader: FrameReader, worker: FlowWorker, clip: Clip) -> None:
        self._reader = reader
        self._worker = worker
        self._clip = clip
        self._grays: dict[int, NDArray[np.uint8]] = {}
        self._next = 0
        self._decoding = threading.Lock()

    def prev_to_next(self, index: int) -> FlowField:
        prev, following = self._pair(index)
        return self._worker.flow(prev, following)

    def next_to_prev(self, index: int) -> FlowField:
        prev, following = self._pair(index)
        return self._worker.flow(following, prev)

    def visible_prev(self, index: int) -> VisibleMask:
        raise no_visibility("computed flow")

    visible_next = visible_prev

    def _pair(self, index: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Return two grey frames; the last ones are kept, since pairs share them."""
        with self._decoding:
            pair = self._gray(index), self._gray(index + 1)
            for old in [i for i in self._grays if i < index - _KEPT]:
                del self._grays[old]
        return pair

    def _gray(self, index: int) -> NDArray[np.uint8]:
        """Decode a frame, and before it those that were passed over: videos run forwards only."""
        if index in self._grays:
            return self._grays[index]
        first = self._next if 0 <= index - self._next <= _KEPT else index
        for place in range(first, index + 1):
            frame = self._reader.read(self._clip, place)
            self._grays[place] = np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), np.uint8)
        self._next = index + 1
        return self._grays[index]
