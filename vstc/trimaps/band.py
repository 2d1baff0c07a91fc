"""The rule for export: an unknown band of one Euclidean radius on both sides of the edge."""

from __future__ import annotations

import math

import numpy as np

from vstc.trimaps.distance import depth
from vstc.trimaps.values import BACKGROUND, FOREGROUND, UNKNOWN, Opacity, Trimap


def band_trimap(opacity: Opacity, *, radius: float) -> Trimap:
    """Make everything unknown that is not sure or lies within a radius of what is not.

    For a hard mask that is a band on both sides of its edge: pixels of either side stay known when
    the nearest pixel of the other side is farther away than the radius. The same as eroding and
    dilating by a disc, but exact, symmetric, and of the same cost for every radius. Box and even
    kernels reach farther to some sides.

    Args:
        opacity: (H, W) uint8; 0 surely background, 255 surely foreground, else not sure.
        radius: In pixels; 0 leaves a hard mask without an unknown pixel.

    Returns:
        (H, W) uint8 of 0, 128 and 255. At the edge of the frame an object stays foreground.
    """
    trimap = np.full(opacity.shape, UNKNOWN, np.uint8)
    trimap[depth(opacity == FOREGROUND) > radius] = FOREGROUND
    trimap[depth(opacity == BACKGROUND) > radius] = BACKGROUND
    return trimap


def band_reach(radius: float) -> int:
    """Return how far beyond the object the band goes, in whole pixels."""
    return math.ceil(radius)
