"""Steady a trimap in time: the median over three frames along optical flow."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from vstc.trimaps.object_trimap import ObjectTrimap
from vstc.trimaps.patch import Patch, Size
from vstc.trimaps.values import BACKGROUND, FOREGROUND, MASK_FROM, UNKNOWN, Trimap

Flow = NDArray[np.float32]


def smooth_along_flow(
    current: ObjectTrimap,
    *,
    earlier: ObjectTrimap | None,
    later: ObjectTrimap | None,
    flow_current_to_earlier: Flow | None,
    flow_current_to_later: Flow | None,
) -> ObjectTrimap:
    """Give each pixel the median of its values in the frame before, its own and the next.

    A pixel that flickers into or out of the unknown band for one frame is calmed; nothing is
    carried on farther than one frame. What a mask of this frame says still holds: foreground
    appears only inside of it, background only outside. A frame where the object is absent, and a
    place that the flow leads out of the frame, count as the current value.

    Args:
        current: The object in this frame.
        earlier: In the frame before; None when it is absent there.
        later: In the next frame; None likewise.
        flow_current_to_earlier: (H, W, 2) on the grid of this frame: sampling the frame before at
            grid + flow gives this one. None when ``earlier`` is.
        flow_current_to_later: The same for the next frame.

    Returns:
        The object with its smoothed trimap, in the same window. Its core may have to be kept anew.
    """
    own = current.trimap
    if earlier is None or flow_current_to_earlier is None:
        return current  # of two values, neither has a majority: the own one stands
    if later is None or flow_current_to_later is None:
        return current
    median = _median(
        own.values,
        _carried(earlier.trimap, own, flow_current_to_earlier),
        _carried(later.trimap, own, flow_current_to_later),
    )
    is_inside = current.opacity.values >= MASK_FROM
    median[(median == FOREGROUND) & ~is_inside] = UNKNOWN
    median[(median == BACKGROUND) & is_inside] = UNKNOWN
    return replace(current, trimap=Patch(own.window, median))


def _median(first: Trimap, second: Trimap, third: Trimap) -> Trimap:
    low, high = np.minimum(first, second), np.maximum(first, second)
    return np.maximum(low, np.minimum(high, third))


def _carried(source: Patch, own: Patch, flow_own_to_source: Flow) -> Trimap:
    """Sample another frame's trimap where the flow points, within the window of this one."""
    window, size = own.window, flow_own_to_source.shape[:2]
    flow = flow_own_to_source[window.slices]
    y, x = np.indices((window.height, window.width), np.float32)
    x, y = x + (flow[:, :, 0] + window.left), y + (flow[:, :, 1] + window.top)
    carried = cv2.remap(
        source.values,
        x - source.window.left,
        y - source.window.top,
        cv2.INTER_NEAREST,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(0,),
    )
    return np.where(_is_inside(x, y, size), carried, own.values).astype(np.uint8)


def _is_inside(x: Flow, y: Flow, size: Size) -> NDArray[np.bool_]:
    return np.asarray((x >= 0) & (y >= 0) & (x <= size[1] - 1) & (y <= size[0] - 1))
