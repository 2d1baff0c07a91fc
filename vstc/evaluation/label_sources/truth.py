"""The true labels of a data set as if they had been predicted."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vstc.data.labels import read_true_labels
from vstc.errors import InputError
from vstc.evaluation.label_sources.strays import StrayIds
from vstc.formats.dataset import Clip, Dataset


class DatasetLabels:
    """The data set's own labels as if they were predictions.

    Args:
        dataset: The data set.
    """

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self.strays = StrayIds()

    def reference(self) -> None:
        """Refer to nothing: the data set is an input already."""

    def describe(self) -> dict[str, Any]:
        """Tell what the labels are made of."""
        return {"source": "labels"}

    def available(self, clip: Clip) -> Collection[str]:
        """Return the names of the labelled frames."""
        return clip.labels.keys()

    def labels(self, clip: Clip, frame_name: str) -> NDArray[np.uint8]:
        """Read the true ids of a frame, (H, W); void is 255.

        Raises:
            InputError: Unreadable, or an id that the class table does not have.
        """
        labels = read_true_labels(self._dataset, clip, clip.frame_names.index(frame_name))
        if labels is None:
            raise InputError(f"frame {frame_name} of clip {clip.id} has no label")
        return labels
