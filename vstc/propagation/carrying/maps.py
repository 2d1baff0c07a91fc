"""Sampling maps: where, in an earlier or later frame, each pixel of a frame is found.

``map_a_to_b`` is (H, W, 2) float32 on the grid of frame b: position (x, y) in pixels of frame a.
It moves what is known of a onto b: b(p) = a(map_a_to_b(p)). Pixel centres lie at whole numbers.
A sampling map has no direction in time; only the order of its two frames counts.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from vstc.flow.remap import fit_flow
from vstc.flow.warp import pixel_grid as torch_pixel_grid
from vstc.flow.warp import sample_at_positions
from vstc.models.grids import Grid, resample

Map = NDArray[np.float32]
Flow = NDArray[np.float32]
Size = tuple[int, int]


@lru_cache(maxsize=8)
def identity_map(size: Size) -> Map:
    """Return the map that moves nothing, (H, W, 2); it is shared and cannot be written to."""
    y, x = np.indices(size, np.float32)
    grid = np.ascontiguousarray(np.dstack([x, y]))
    grid.flags.writeable = False
    return grid


def map_from_flow(flow_b_to_a: Flow) -> Map:
    """Return map_a_to_b: grid + flow, where the flow lies on the grid of b and points into a.

    To carry from the previous frame to the current one, ``flow_next_to_prev`` belongs here; the
    other flow is the commonest mistake of the field, and worse than not to move at all.
    """
    return np.add(identity_map(_size(flow_b_to_a)), flow_b_to_a, dtype=np.float32)


def map_against_flow(flow_a_to_b: Flow) -> Map:
    """Return map_a_to_b of the flow on the grid of a: grid - flow.

    This is Paul et al. 2020, Eq. 1 and 2, where I_2(x, y) in Eq. 1 must read (x, y). The vector
    belongs to the pixel of a at the same place, so the map is right where flow is locally
    constant.
    """
    return np.subtract(identity_map(_size(flow_a_to_b)), flow_a_to_b, dtype=np.float32)


def compose_maps(map_a_to_b: Map, map_b_to_c: Map) -> Map:
    """Return map_a_to_c: map_a_to_b, read bilinearly where map_b_to_c points.

    What is read is the displacement, map minus grid, to which the exact position is added: the
    same thing in real numbers, but old OpenCV rounds positions to 1/32 px. Outside of b its
    border's displacement holds, so that what left the frame stays outside and may come back.

    Args:
        map_a_to_b: (H, W, 2) on the grid of b.
        map_b_to_c: (H, W, 2) on the grid of c, of the same size.
    """
    displacement = map_a_to_b - identity_map(_size(map_a_to_b))
    x, y = cv2.split(map_b_to_c)
    # One channel at a time: with two, OpenCV has no exact interpolation.
    read = [
        cv2.remap(part, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        for part in cv2.split(displacement)
    ]
    composed = np.asarray(cv2.merge(read), np.float32)
    return np.add(composed, map_b_to_c, out=composed)


def scale_map(map_a_to_b: Map, size: Size) -> Map:
    """Bring a map to another resolution of both frames; returns the input if it fits.

    Args:
        map_a_to_b: (h, w, 2).
        size: Height and width wanted.
    """
    if _size(map_a_to_b) == size:
        return map_a_to_b
    return map_from_flow(fit_flow(map_a_to_b - identity_map(_size(map_a_to_b)), size))


def outside_frame(map_a_to_b: Map) -> NDArray[np.bool_]:
    """Return (H, W) bool: pixels of b whose nearest pixel of a would lie outside the frame."""
    height, width = _size(map_a_to_b)
    x, y = map_a_to_b[:, :, 0], map_a_to_b[:, :, 1]
    is_inside = (x >= -0.5) & (x < width - 0.5) & (y >= -0.5) & (y < height - 0.5)
    return np.asarray(~is_inside)


def map_to_tensor(map_a_to_b: Map, device: torch.device) -> torch.Tensor:
    """Return a map as (1, 2, H, W) float32 on a device, x first."""
    return torch.from_numpy(map_a_to_b.transpose(2, 0, 1)[None].copy()).to(device)


def compose_map_tensors(
    map_a_to_b_B2HW: torch.Tensor, map_b_to_c_B2HW: torch.Tensor
) -> torch.Tensor:
    """Return map_a_to_c on the device; equals ``compose_maps`` to rounding."""
    height, width = map_a_to_b_B2HW.shape[-2:]
    grid = torch_pixel_grid(
        height, width, device=map_a_to_b_B2HW.device, dtype=map_a_to_b_B2HW.dtype
    )
    return map_b_to_c_B2HW + sample_at_positions(map_a_to_b_B2HW - grid, map_b_to_c_B2HW)


def positions_in_cells(map_a_to_b: Map, grid: Grid, frame_size: Size) -> torch.Tensor:
    """Turn a map that shares the frame's area into positions in cells of a network's grid.

    Args:
        map_a_to_b: (h, w, 2).
        grid: Where the cells lie in the frame.
        frame_size: Height and width of the frame.

    Returns:
        (1, 2, *grid.size) float32 on the CPU, (x, y) in cells.
    """
    size = _size(map_a_to_b)
    area, cpu = Grid.over_area(size, frame_size), torch.device("cpu")
    moved = resample(map_to_tensor(map_a_to_b - identity_map(size), cpu), area, grid)
    scale = torch.tensor([area.step[1] / grid.step[1], area.step[0] / grid.step[0]])
    return torch_pixel_grid(*grid.size, dtype=torch.float32) + moved * scale.view(1, 2, 1, 1)


def _size(field: NDArray[np.float32]) -> Size:
    if field.ndim != 3 or field.shape[2] != 2:
        raise ValueError(f"a field of vectors is (H, W, 2), not {field.shape}")
    return field.shape[0], field.shape[1]
