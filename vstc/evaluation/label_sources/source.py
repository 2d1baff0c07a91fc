"""What gives predicted labels, and the forms in which they may come."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vstc.formats.dataset import Clip


class LabelSource(Protocol):
    """Gives predicted label maps; called from several threads, one clip per thread."""

    def available(self, clip: Clip) -> Collection[str]:
        """Return the names of the frames of a clip that have a prediction."""

    def labels(self, clip: Clip, frame_name: str) -> NDArray[np.uint8]:
        """Return the predicted class ids of a frame, (H, W); 255 is "no label"."""
