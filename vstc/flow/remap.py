"""Warping, resizing and checks of flow in numpy and OpenCV.

In all functions a flow is (H, W, 2) float32 on the grid of the target frame and points into the
source frame: sampling the source at grid + flow gives the target.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Flow = NDArray[np.float32]


def sample_positions(flow: Flow) -> tuple[Flow, Flow]:
    """Return x and y of grid + flow, each (H, W) float32."""
    y, x = np.indices(flow.shape[:2], np.float32)
    return x + flow[:, :, 0], y + flow[:, :, 1]


def warp_to_target(source: NDArray[np.uint8], flow_target_to_source: Flow) -> NDArray[np.uint8]:
    """Sample a frame bilinearly where the flow points; beyond the border its edge is repeated.

    Args:
        source: (H, W) or (H, W, C).
        flow_target_to_source: (H, W, 2) on the grid of the target.

    Returns:
        The target frame as the source shows it.
    """
    x, y = sample_positions(flow_target_to_source)
    warped = cv2.remap(source, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(warped, np.uint8)


def inside_frame(flow_target_to_source: Flow) -> NDArray[np.bool_]:
    """Return (H, W) bool: pixels whose flow stays within the frame, edges included."""
    height, width = flow_target_to_source.shape[:2]
    x, y = sample_positions(flow_target_to_source)
    return np.asarray((x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1))


def forward_backward_consistent(
    flow_target_to_source: Flow, flow_source_to_target: Flow
) -> NDArray[np.bool_]:
    """Tell where the way there and back ends near its start (Sundaram et al. 2010, Eq. 5).

    A pixel is consistent if |there + back|^2 <= 0.01 (|there|^2 + |back|^2) + 0.5, with ``back``
    read where ``there`` points, and that point lies inside the frame.

    Args:
        flow_target_to_source: (H, W, 2) on the grid of the target.
        flow_source_to_target: (H, W, 2) on the grid of the source.

    Returns:
        (H, W) bool.
    """
    there = flow_target_to_source
    x, y = sample_positions(there)
    back = cv2.remap(flow_source_to_target, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    distance = np.square(there + back).sum(axis=2)
    allowed = 0.01 * (np.square(there).sum(axis=2) + np.square(back).sum(axis=2)) + 0.5
    return np.asarray((distance <= allowed) & inside_frame(there))


def fit_flow(flow: Flow, size: tuple[int, int]) -> Flow:
    """Bring a flow field to another resolution, bilinearly, vectors scaled alike.

    Args:
        flow: (h, w, 2) in pixels of its own grid.
        size: Height and width wanted.

    Returns:
        (H, W, 2) in pixels of the new grid; the input itself when the size is right.
    """
    height, width = flow.shape[:2]
    if (height, width) == size:
        return flow
    resized = cv2.resize(flow, (size[1], size[0]), interpolation=cv2.INTER_LINEAR)
    scale = np.array([size[1] / width, size[0] / height], np.float32)
    return np.asarray(resized * scale, np.float32)
