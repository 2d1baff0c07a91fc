"""A network as a source of predicted labels: every frame is predicted when it is asked for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from vstc.formats.dataset import Clip, Dataset
from vstc.formats.frames import FrameReader
from vstc.inference.network import FrameNetwork

Size = tuple[int, int]


def _size_of_frames(_clip: Clip) -> Size | None:
    return None


class LiveLabels:
    """Predicts labels on the fly; satisfies ``LabelSource`` of ``vstc.evaluation``.

    Threads may share it: frames are decoded side by side, the network runs one at a time.

    Args:
        network: The network.
        dataset: Where the frames are.
        size_of: Height and width that the logits of a clip are brought to, bilinearly; None is
            the size of the frames.
    """

    def __init__(
        self,
        network: FrameNetwork,
        dataset: Dataset,
        *,
        size_of: Callable[[Clip], Size | None] = _size_of_frames,
    ) -> None:
        self._network = network
        self._reader = FrameReader(dataset)
        self._size_of = size_of
        self._guard = threading.Lock()

    def available(self, clip: Clip) -> Collection[str]:
        """Return the names of all frames: each can be predicted."""
        return set(clip.frame_names)

    def labels(self, clip: Clip, frame_name: str) -> NDArray[np.uint8]:
        """Predict the ids of a frame, (H, W)."""
        frame = self._reader.read(clip, clip.frame_names.index(frame_name))
        with self._guard:
            prepared = self._network.prepare([frame])
            size = self._size_of(clip)
            if size is not None:
                prepared = replace(prepared, size=size)
            predicted: NDArray[np.uint8] = self._network.run_labels(prepared)[0].cpu().numpy()
        return predicted
