"""What the values of a trimap mean, and how sure a source must be of a pixel.

Everything that a trimap is made from is one (H, W) uint8 image of opacity: 0 is surely background,
255 surely foreground, anything between is not sure. A hard mask has no value between.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BACKGROUND, UNKNOWN, FOREGROUND = 0, 128, 255
TRIMAP_VALUES = (BACKGROUND, UNKNOWN, FOREGROUND)
MASK_FROM = 128

Trimap = NDArray[np.uint8]
Opacity = NDArray[np.uint8]


@dataclass(frozen=True)
class Certainty:
    """From which values on a source is sure.

    Attributes:
        background_to: Values up to this are surely background.
        foreground_from: Values from this on are surely foreground.
    """

    background_to: int
    foreground_from: int

    def snap(self, values: NDArray[np.uint8]) -> Opacity:
        """Set what is sure to 0 or 255; what is not sure keeps its value.

        Args:
            values: (H, W), 0 background to 255 foreground.
        """
        table = np.arange(256, dtype=np.uint8)
        table[: self.background_to + 1] = BACKGROUND
        table[self.foreground_from :] = FOREGROUND
        return table[values]


ALPHA = Certainty(0, 255)
PROBABILITIES = Certainty(25, 230)
# Trimaps of other programs: the tolerance of pymatting and closed-form-matting, 0.1 and 0.9.
FOREIGN_TRIMAPS = Certainty(25, 230)
