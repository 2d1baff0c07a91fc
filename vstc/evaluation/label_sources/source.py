"""What gives predicted labels, and the forms in which they may come."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from vstc.artifacts.manifest import InputRef
from vstc.evaluation.label_sources.strays import StrayIds
from vstc.formats.dataset import Clip


class PredictionFormat(StrEnum):
    """What the files of a folder hold.

    ``AUTO``: ids or colours, each file as it is; class scores where the files are such.
    ``IDS``: ids of the class table, palette or grey. ``COLORS``: colours of the class table.
    ``CITYSCAPES``: label ids 0 .. 33 of Cityscapes. ``MASKS``: 0 is background, all else class 1.
    ``TRIMAPS``: 0, 128 and 255 are background, unknown and foreground.
    ``INSTANCES``: ids that are no classes. ``PROBABILITIES``: a score of every class.
    """

    AUTO = "auto"
    IDS = "ids"
    COLORS = "colors"
    CITYSCAPES = "cityscapes"
    MASKS = "masks"
    TRIMAPS = "trimaps"
    INSTANCES = "instances"
    PROBABILITIES = "probabilities"


class LabelSource(Protocol):
    """Gives predicted label maps; called from several threads, one clip per thread."""

    def available(self, clip: Clip) -> Collection[str]:
        """Return the names of the frames of a clip that have a prediction."""

    def labels(self, clip: Clip, frame_name: str) -> NDArray[np.uint8]:
        """Return the predicted class ids of a frame, (H, W); 255 is "no label"."""


class OpenedSource(LabelSource, Protocol):
    """A label source that an evaluation record can name.

    Attributes:
        strays: Ids outside the class table that were read so far.
    """

    strays: StrayIds

    def reference(self) -> InputRef | None:
        """Refer to what is read as an input; None where the data set itself is.

        Raises:
            InputError: An artifact that is not complete.
        """

    def describe(self) -> dict[str, Any]:
        """Tell what labels are made of, as plain JSON values, for the record."""
