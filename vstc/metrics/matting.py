"""Errors of alpha mattes, (H, W) in [0, 1]: Rhemann et al. 2009, and dtSSD of Erofeev et al. 2015.

Sums are over a region of a frame, as alphamatting.com takes them; benchmarks print SAD, gradient
and connectivity errors in thousands. Where the papers leave a choice, the evaluation code that was
published with Xu et al. 2017 decides, which nearly all tables follow since.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

Alpha = NDArray[np.floating]
Region = NDArray[np.bool_]
GRADIENT_SIGMA = 1.4
CONNECTIVITY_STEPS = 10
CONNECTIVITY_TOLERANCE = 0.15
_KERNEL_LEVEL = 0.01


def absolute_differences(predicted: Alpha, true: Alpha, region: Region | None = None) -> float:
    """Return SAD, the sum of absolute differences.

    Args:
        predicted: Predicted alpha, (H, W).
        true: True alpha, (H, W).
        region: Pixels that count, (H, W); None for all.

    Raises:
        ValueError: Shapes differ.
    """
    return float(np.abs(_difference(predicted, true, region)).sum())


def mean_squared_difference(
    predicted: Alpha, true: Alpha, region: Region | None = None
) -> float | None:
    """Return MSE over the pixels of the region; None where it is empty. Arguments as for SAD."""
    difference = _difference(predicted, true, region)
    return float(np.square(difference).mean()) if difference.size else None


def gradient_error(predicted: Alpha, true: Alpha, region: Region | None = None) -> float:
    """Return the sum of squared differences between the lengths of the gradients.

    The gradient is that of the matte under a Gaussian of sigma 1.4, by 9x9 kernels of unit
    energy; beyond the frame its outermost pixels go on (Rhemann et al. 2009, Eq. 1 with q = 2).
    The published code stretches each matte to [0, 1] first, which hides a wrong contrast; this
    one does not. Arguments as for SAD.
    """
    _refuse_other_shape(predicted, true, region)
    difference = _gradient_length(predicted) - _gradient_length(true)
    return float(np.square(difference if region is None else difference[region]).sum())


def connectivity_error(predicted: Alpha, true: Alpha, region: Region | None = None) -> float:
    """Return the sum of differences between the degrees of connectedness.

    A pixel hangs together with the object up to level l: the highest of the levels 0, 0.1 .. 1
    up to which it belongs to the largest 4-connected part of what reaches that level in both
    mattes. What alpha has above l, if at least 0.15, is disconnected (Rhemann et al. 2009, Eq. 2
    with p = 1). The published code leaves out the paper's weight by distance, and so does this.
    Arguments as for SAD.
    """
    _refuse_other_shape(predicted, true, region)
    level = _joint_level(np.minimum(predicted, true))
    difference = _disconnected(predicted, level) - _disconnected(true, level)
    return float(np.abs(difference if region is None else difference[region]).sum())


def temporal_difference(
    *,
    predicted_prev: Alpha,
    predicted_next: Alpha,
    true_prev: Alpha,
    true_next: Alpha,
    region: Region | None = None,
) -> float | None:
    """Return dtSSD of a pair of frames: how wrongly alpha changes in time.

    The root of the mean, over the pixels of the region, of the squared difference between the
    predicted and the true change. Erofeev et al. 2015 write the root of the sum, which grows with
    the frame; later tables take this mean, times 100.

    Args:
        predicted_prev: Predicted alpha of the earlier frame, (H, W).
        predicted_next: Predicted alpha of the later frame, (H, W).
        true_prev: True alpha of the earlier frame, (H, W).
        true_next: True alpha of the later frame, (H, W).
        region: Pixels that count, (H, W); None for all.

    Returns:
        None where the region is empty.
    """
    difference = _difference(predicted_next, true_next, region) - _difference(
        predicted_prev, true_prev, region
    )
    return math.sqrt(float(np.square(difference).mean())) if difference.size else None


def _difference(predicted: Alpha, true: Alpha, region: Region | None) -> NDArray[np.float64]:
    _refuse_other_shape(predicted, true, region)
    if region is not None:
        predicted, true = predicted[region], true[region]
    return np.subtract(predicted, true, dtype=np.float64)


def _gradient_length(alpha: Alpha) -> NDArray[np.float64]:
    """Return the length of the gradient under a Gaussian, (H, W)."""
    # The kernel ends where the Gaussian has fallen to the level.
    reach = math.sqrt(-2 * math.log(math.sqrt(2 * math.pi) * GRADIENT_SIGMA * _KERNEL_LEVEL))
    half = math.ceil(GRADIENT_SIGMA * reach)
    places = np.arange(-half, half + 1, dtype=np.float64)
    smooth = np.exp(-(places**2) / (2 * GRADIENT_SIGMA**2))
    slope = places * smooth
    smooth, slope = smooth / np.linalg.norm(smooth), slope / np.linalg.norm(slope)
    values = np.asarray(alpha, np.float64)
    along_x = cv2.sepFilter2D(values, cv2.CV_64F, slope, smooth, borderType=cv2.BORDER_REPLICATE)
    along_y = cv2.sepFilter2D(values, cv2.CV_64F, smooth, slope, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(np.hypot(along_x, along_y), np.float64)


def _joint_level(least: Alpha) -> NDArray[np.float64]:
    """Return the level up to which each pixel hangs together with the object, (H, W).

    Args:
        least: The lower of both alphas, (H, W).
    """
    level = np.zeros(least.shape, np.float64)
    is_joined = np.ones(least.shape, np.bool_)
    for step in range(1, CONNECTIVITY_STEPS + 1):
        threshold = step / CONNECTIVITY_STEPS
        is_joined &= _largest_part(least >= threshold)
        level[is_joined] = threshold
    return level


def _largest_part(mask: Region) -> Region:
    """Return the largest 4-connected part, the first one in raster order on ties."""
    _, parts, statistics, _ = cv2.connectedComponentsWithStats(
        mask.astype(np.uint8), connectivity=4
    )
    if len(statistics) == 1:
        return mask
    return np.asarray(parts == 1 + int(np.argmax(statistics[1:, cv2.CC_STAT_AREA])), np.bool_)


def _disconnected(alpha: Alpha, level: NDArray[np.float64]) -> NDArray[np.float64]:
    above = np.subtract(alpha, level, dtype=np.float64)
    return np.where(above >= CONNECTIVITY_TOLERANCE, above, 0.0)


def _refuse_other_shape(predicted: Alpha, true: Alpha, region: Region | None) -> None:
    shapes = {predicted.shape, true.shape} | ({region.shape} if region is not None else set())
    if len(shapes) > 1 or len(predicted.shape) != 2:
        raise ValueError(f"mattes and region must be (H, W) of one size, found {sorted(shapes)}")
