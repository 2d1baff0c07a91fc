"""A network as a source of predicted labels: every frame is predicted when it is asked for."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from vstc.formats.dataset import Clip, Dataset
from vstc.formats.frames import FrameReader
from vstc.inference.network import FrameNetwork


class LiveLabels:
    """Predicts labels on the fly; satisfies ``vstc.evaluation.label_sources.source.LabelSource``.

    Args:
        network: The network.
        dataset: Where the frames are.
    """

    def __init__(self, network: FrameNetwork, dataset: Dataset) -> None:
        self._network = network
        self._reader = FrameReader(dataset)

    def available(self, clip: Clip) -> Collection[str]:
        """Return the names of all frames: each can be predicted."""
        return set(clip.frame_names)

    def labels(self, clip: Clip, frame_name: str) -> NDArray[np.uint8]:
        """Predict the ids of a frame, (H, W)."""
        frame = self._reader.read(clip, clip.frame_names.index(frame_name))
        predicted: NDArray[np.uint8] = self._network.labels([frame])[0]
        return predicted
