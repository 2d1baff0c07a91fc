"""How matting networks get trimaps from true alpha for training; widths are drawn at random.

Written from the published rules of IndexNet matting (Lu et al. 2019), Deep Image Matting (Xu et
al. 2017, Keras port) and GCA matting (Li and Lu 2020). For export, `vstc.trimaps.band` is better:
these are meant to vary.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from vstc.trimaps.distance import depth
from vstc.trimaps.values import BACKGROUND, FOREGROUND, UNKNOWN, Opacity, Trimap

WIDEST_INDEXNET, WIDEST_DIM, WIDEST_GCA = 19, 19, 29


def indexnet_trimap(opacity: Opacity, *, radius: int) -> Trimap:
    """Make unknown what lies within a radius of a pixel that is not sure (IndexNet).

    A hard mask has no such pixel, and the distance to nothing is undefined: there the pixels on
    both sides of the edge take their place.

    Args:
        opacity: (H, W) uint8; 0 background, 255 foreground, else not sure.
        radius: In pixels, Euclidean; IndexNet draws 1 to 19.

    Returns:
        (H, W) uint8 of 0, 128 and 255.
    """
    foreground = opacity == FOREGROUND
    unsure = (opacity != BACKGROUND) & ~foreground
    if not unsure.any():
        unsure = _edge_pixels(opacity)
    trimap = np.where(foreground, np.uint8(FOREGROUND), np.uint8(BACKGROUND))
    if unsure.any():
        trimap[depth(~unsure) <= radius] = UNKNOWN
    return trimap


def dim_trimap(opacity: Opacity, *, iterations: int) -> Trimap:
    """Make unknown what is not foreground within some steps of the object (Deep Image Matting).

    The foreground is not eroded: of a hard mask, the band lies outside only. Steps are those of
    OpenCV's 3 x 3 ellipse, which is a cross.

    Args:
        opacity: (H, W) uint8; 0 background, 255 foreground, else not sure.
        iterations: Steps; the Keras port draws 1 to 19.

    Returns:
        (H, W) uint8 of 0, 128 and 255.
    """
    cross = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3))
    is_object = (opacity != BACKGROUND).view(np.uint8)
    # By its name: the third argument by place is the output, and would leave one step.
    reached = cv2.dilate(is_object, cross, iterations=iterations)
    trimap = np.asarray(reached, np.uint8) * np.uint8(UNKNOWN)
    trimap[opacity == FOREGROUND] = FOREGROUND
    return trimap


def gca_trimap(opacity: Opacity, *, foreground_size: int, background_size: int) -> Trimap:
    """Erode foreground and background, each by a disc of its own (GCA matting).

    Sizes are diameters. The released code erodes by OpenCV's ellipses, of which the even ones are
    half a pixel off their centre; here discs are exact and centred.

    Args:
        opacity: (H, W) uint8; 0 background, 255 foreground, else not sure.
        foreground_size: Diameter of the disc for the foreground; GCA draws 1 to 29.
        background_size: The same for the background.

    Returns:
        (H, W) uint8 of 0, 128 and 255. At the edge of the frame nothing is eroded.
    """
    trimap = np.full(opacity.shape, UNKNOWN, np.uint8)
    trimap[depth(opacity == FOREGROUND) > (foreground_size - 1) / 2] = FOREGROUND
    trimap[depth(opacity == BACKGROUND) > (background_size - 1) / 2] = BACKGROUND
    return trimap


def _edge_pixels(mask: Opacity) -> NDArray[np.bool_]:
    """Find pixels that have a neighbour of another value to the left, right, above or below."""
    edge = np.zeros(mask.shape, np.bool_)
    across = mask[:, 1:] != mask[:, :-1]
    down = mask[1:] != mask[:-1]
    edge[:, 1:] |= across
    edge[:, :-1] |= across
    edge[1:] |= down
    edge[:-1] |= down
    return edge
