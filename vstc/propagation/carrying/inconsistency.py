"""Where carried labels cannot be trusted: the Inconsistencies Attention Module of EVS.

Paul et al. 2020, section 3.4: labels are carried forth, back and forth again; where that changes
them the flow is unreliable. The paper's small shares (below 1 % after one step, below 5 % after
four, growing) mean that the mask travels with the labels and gathers what every step adds. How
far it is dilated and smoothed the paper does not say, and that is what matters most: undilated it
finds a tenth of the wrong pixels.

Masks are (h, w) uint8, 0 or 1, on the grid of the maps.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from vstc.propagation.carrying.carry import age_by_one, carry_ids
from vstc.propagation.carrying.maps import Map, Size, outside_frame

Mask = NDArray[np.uint8]
Attention = NDArray[np.float32]


@dataclass(frozen=True)
class StepMaps:
    """The maps of one step, from the frame that is known, a, to its neighbour b.

    Attributes:
        there: map_a_to_b, (h, w, 2) on the grid of b.
        back: map_b_to_a on the grid of a; None where the mask is not needed.
        blind: Mask of the pixels of b whose flow is a gap; None where there is none, or where that
            is not to be doubted.
    """

    there: Map
    back: Map | None
    blind: Mask | None = None


@dataclass(frozen=True)
class Doubt:
    """What is known about the trust in carried labels.

    Attributes:
        flagged: Mask of pixels that some step since the last network found inconsistent.
        age: Frames since a network last saw the pixel, at most 255, (h, w) uint8.
    """

    flagged: Mask
    age: NDArray[np.uint8]

    @property
    def share(self) -> float:
        """Share of flagged pixels, undilated, in [0, 1]."""
        return cv2.countNonZero(self.flagged) / self.flagged.size


def no_doubt(size: Size) -> Doubt:
    """Return the state of a frame that a network has just segmented."""
    return Doubt(np.zeros(size, np.uint8), np.zeros(size, np.uint8))


def inconsistent_labels(labels_a: NDArray[np.uint8], maps: StepMaps) -> Mask:
    """Mark pixels of b whose label changes on the way forth, back and forth (Eq. 3).

    Args:
        labels_a: Ids of frame a, (h, w).
        maps: Both ways.
    """
    if maps.back is None:
        raise ValueError("the check of labels needs the map back")
    forth = carry_ids(labels_a, maps.there)
    forth_back_forth = carry_ids(carry_ids(forth, maps.back), maps.there)
    return np.asarray(forth != forth_back_forth, np.uint8)


def gather_doubt(
    doubt_a: Doubt, labels_a: NDArray[np.uint8], maps: StepMaps, *, with_outside: bool
) -> Doubt:
    """Carry the doubts of a to b and add those of this step.

    Args:
        doubt_a: What is doubted in a.
        labels_a: Ids of a, (h, w).
        maps: Both ways; gaps of the flow are flagged too.
        with_outside: Flag what is read beyond the rim of a; repeated rims agree with themselves
            and would pass.
    """
    flagged = carry_ids(doubt_a.flagged, maps.there)
    flagged |= inconsistent_labels(labels_a, maps)
    if with_outside:
        flagged |= outside_frame(maps.there)
    if maps.blind is not None:
        flagged |= maps.blind
    return Doubt(flagged, age_by_one(carry_ids(doubt_a.age, maps.there)))


def spread(mask: Mask, *, radius: int, sigma: float) -> Attention:
    """Dilate a mask by a square and smooth it, so that it covers the surroundings too.

    Args:
        mask: 0 or 1.
        radius: The square has side 2 * radius + 1; 0 leaves the mask as it is.
        sigma: Standard deviation of the Gaussian in pixels; 0 does not smooth.

    Returns:
        (h, w) float32 in [0, 1].
    """
    if radius:
        mask = np.asarray(cv2.dilate(mask, np.ones((2 * radius + 1,) * 2, np.uint8)), np.uint8)
    weights = mask.astype(np.float32)
    if not sigma:
        return weights
    smooth = cv2.GaussianBlur(weights, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(np.clip(smooth, 0, 1), np.float32)


def attention(doubt: Doubt, *, radius: int, sigma: float, max_age: int | None) -> Attention:
    """Return M of Eq. 4: how much a pixel is to be taken from the refiner.

    Args:
        doubt: What is doubted.
        radius: Of the dilation.
        sigma: Of the smoothing.
        max_age: From this age on M is 1: without a limit, pixels that are never flagged would
            be carried on for ever.
    """
    weights = spread(doubt.flagged, radius=radius, sigma=sigma)
    if max_age is not None:
        weights[doubt.age >= max_age] = 1
    return weights


def settle(doubt: Doubt, weights: Attention) -> Doubt:
    """Return what is still doubted after pixels were replaced with these weights.

    A pixel counts as seen by the network if at least half of it is the network's.
    """
    is_carried = np.asarray(weights < 0.5, np.uint8)
    return Doubt(doubt.flagged * is_carried, doubt.age * is_carried)


def fuse_scores(
    warped_BKhw: torch.Tensor, refined_BKhw: torch.Tensor, weights: Attention
) -> torch.Tensor:
    """Return M * P_refiner + (1 - M) * P_warped (Eq. 4).

    Args:
        warped_BKhw: Carried probabilities.
        refined_BKhw: Probabilities of the refiner, or of the key network itself.
        weights: M, (h, w).
    """
    weights_hw = torch.from_numpy(weights).to(warped_BKhw.device)
    # This form gives exactly one of the two where M is 0 or 1.
    return weights_hw * refined_BKhw + (1 - weights_hw) * warped_BKhw
