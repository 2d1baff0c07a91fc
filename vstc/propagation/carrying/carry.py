"""Carry ids, probabilities and features along sampling maps, and bring them to the frame's size.

Maps are those of ``vstc.propagation.carrying.maps``. What lies outside the frame is read from its
rim.
"""

from __future__ import annotations

from enum import StrEnum

import cv2
import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from numpy.typing import NDArray

from vstc.flow.warp import sample_at_positions
from vstc.propagation.carrying.maps import Map, Size, identity_map

Labels = NDArray[np.uint8]
OLDEST = 255
_BAND_ROWS = 32


class Interpolation(StrEnum):
    """How values are read between pixels; ids are always ``nearest``."""

    NEAREST = "nearest"
    BILINEAR = "bilinear"


def carry_ids(ids_a: NDArray[np.uint8], map_a_to_b: Map) -> NDArray[np.uint8]:
    """Read 8-bit values at floor(position + 0.5): half a pixel rounds up, as in ``warp_labels``.

    Args:
        ids_a: Label ids, or any 8-bit map that must not be mixed, (H, W).
        map_a_to_b: (h, w, 2), finite; of another size than the ids, it is first brought to
            theirs, as ``scale_map`` does.

    Returns:
        (H, W) on the grid of b.
    """
    if ids_a.shape == map_a_to_b.shape[:2]:
        x, y = cv2.split(map_a_to_b + np.float32(0.5))
    else:
        x, y = _scaled_positions(map_a_to_b, (ids_a.shape[0], ids_a.shape[1]))
    np.floor(x, out=x)
    np.floor(y, out=y)
    read = cv2.remap(ids_a, x, y, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(read, np.uint8)


def carry_values(
    values_BChw: torch.Tensor,
    map_a_to_b_B2HW: torch.Tensor,
    *,
    interpolation: Interpolation = Interpolation.BILINEAR,
) -> torch.Tensor:
    """Read probabilities, logits or features of a at the positions of a map.

    Args:
        values_BChw: Values of a; positions are in pixels of their grid.
        map_a_to_b_B2HW: (x, y) positions, from ``map_to_tensor``.
        interpolation: ``nearest`` rounds as ``carry_ids`` does.

    Returns:
        (B, C, H, W) float32 on the device of the values.
    """
    if interpolation is Interpolation.NEAREST:
        rounded = torch.floor(map_a_to_b_B2HW + 0.5)
        return sample_at_positions(values_BChw, rounded, mode="nearest")
    return sample_at_positions(values_BChw, map_a_to_b_B2HW)


def carry_picture(rgb_a: NDArray[np.uint8], map_a_to_b: Map) -> NDArray[np.uint8]:
    """Read a picture (H, W, 3) bilinearly at the positions of a map."""
    x, y = cv2.split(map_a_to_b)
    read = cv2.remap(rgb_a, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(read, np.uint8)


def age_by_one(age: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Add a frame to an age in frames; 255 stays."""
    return np.asarray(cv2.add(age, np.ones_like(age)), np.uint8)


def resize_ids(ids: Labels, size: Size) -> Labels:
    """Bring ids to another size by nearest pixel; returns the input if it fits."""
    if ids.shape == size:
        return ids
    resized = cv2.resize(ids, (size[1], size[0]), interpolation=cv2.INTER_NEAREST_EXACT)
    return np.asarray(resized, np.uint8)


def resize_scores(scores_BChw: torch.Tensor, size: Size) -> torch.Tensor:
    """Bring probabilities or logits to another size, bilinearly; returns the input if it fits.

    Borders lie on borders (pixel centres at half a pixel), as between a frame and its quarter.
    """
    if scores_BChw.shape[-2:] == size:
        return scores_BChw
    return F.interpolate(scores_BChw, size, mode="bilinear", align_corners=False)


def likeliest(scores_CHW: torch.Tensor, size: Size) -> Labels:
    """Enlarge scores bilinearly to a size and take the first channel that is largest.

    On the CPU this holds one enlarged channel of a band of rows at a time, which is twenty
    times as fast as enlarging everything before an argmax, and the same.

    Args:
        scores_CHW: Probabilities or logits of at most 256 channels, float32.
        size: Height and width wanted.

    Returns:
        (H, W) uint8 channel numbers.
    """
    if scores_CHW.device.type != "cpu":
        enlarged = resize_scores(scores_CHW[None], size)
        return enlarged.argmax(dim=1)[0].to(torch.uint8).cpu().numpy()
    scores = scores_CHW.detach().contiguous().numpy()
    rows, factor = scores.shape[1], size[0] // scores.shape[1]
    if factor < 2 or rows * factor != size[0]:
        return _likeliest_of(scores, size)
    # Bands that stay in the cache; a row more on either side makes them equal the whole.
    winner = np.empty(size, np.uint8)
    for top in range(0, rows, _BAND_ROWS):
        end = min(top + _BAND_ROWS, rows)
        low, high = max(top - 1, 0), min(end + 1, rows)
        band = _likeliest_of(scores[:, low:high], ((high - low) * factor, size[1]))
        start = (top - low) * factor
        winner[top * factor : end * factor] = band[start : start + (end - top) * factor]
    return winner


def ids_of_scores(
    scores_1Khw: torch.Tensor, *, size: Size, channel_ids: NDArray[np.uint8]
) -> Labels:
    """Return the likeliest ids at the size of the frame."""
    channels = likeliest(scores_1Khw[0], size)
    if np.array_equal(channel_ids, np.arange(len(channel_ids))):
        return channels
    table = np.zeros(256, np.uint8)
    table[: len(channel_ids)] = channel_ids
    return np.asarray(cv2.LUT(channels, table), np.uint8)


def one_hot(labels: Labels, *, num_classes: int, size: Size) -> torch.Tensor:
    """Turn ids into shares of classes at a smaller or equal size.

    Args:
        labels: Ids, (H, W); those from ``num_classes`` on count as void.
        num_classes: How many classes there are.
        size: Height and width wanted.

    Returns:
        (1, num_classes + 1, h, w) float32, the last channel void.
    """
    known = np.minimum(labels, num_classes)
    shares = [
        cv2.resize(
            np.asarray(known == channel, np.float32),
            (size[1], size[0]),
            interpolation=cv2.INTER_AREA,
        )
        for channel in range(num_classes + 1)
    ]
    return torch.from_numpy(np.stack(shares))[None]


def _likeliest_of(scores_Chw: NDArray[np.float32], size: Size) -> Labels:
    best = _enlarge(scores_Chw[0], size).copy()
    winner = np.zeros(size, np.uint8)
    is_larger = np.empty(size, np.uint8)
    for channel in range(1, len(scores_Chw)):
        enlarged = _enlarge(scores_Chw[channel], size)
        cv2.compare(enlarged, best, cv2.CMP_GT, dst=is_larger)
        cv2.max(best, enlarged, dst=best)
        # Channels come in rising order, so the last one that was larger is the maximum.
        np.bitwise_and(is_larger, channel, out=is_larger)
        cv2.max(winner, is_larger, dst=winner)
    return winner


def _scaled_positions(map_a_to_b: Map, size: Size) -> list[NDArray[np.float32]]:
    """Return x + 0.5 and y + 0.5 of a map at another size.

    One channel at a time and in place, this takes a third of the time of ``scale_map``, which
    counts as ids are mostly read at the size of the frame.
    """
    own = (map_a_to_b.shape[0], map_a_to_b.shape[1])
    displacement = map_a_to_b - identity_map(own)
    positions = []
    for axis, part in ((1, displacement[:, :, 0]), (0, displacement[:, :, 1])):
        scaled = part * np.float32(size[axis] / own[axis])
        resized = cv2.resize(scaled, (size[1], size[0]), interpolation=cv2.INTER_LINEAR)
        place = np.arange(size[axis], dtype=np.float32) + np.float32(0.5)
        field = np.asarray(resized, np.float32)
        field += place if axis == 1 else place[:, None]
        positions.append(field)
    return positions


def _enlarge(channel: NDArray[np.float32], size: Size) -> NDArray[np.float32]:
    if channel.shape == size:
        return channel
    enlarged = cv2.resize(channel, (size[1], size[0]), interpolation=cv2.INTER_LINEAR)
    return np.asarray(enlarged, np.float32)
