"""Motion vectors of one frame, block by block, and the dense field that they make."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class MotionField:
    """The motion of one frame.

    Attributes:
        flow_next_to_prev: (H, W, 2) float32 in pixels on the grid of the frame, constant on each
            block: sampling the frame before at grid + flow gives the frame. Zero without vector.
        has_vector: (H, W) bool; False where the codec found nothing alike, or did not look, and
            all over the last frame of MPEG-1 and 2, of which the decoder tells nothing.
    """

    flow_next_to_prev: NDArray[np.float32]
    has_vector: NDArray[np.bool_]


@dataclass(frozen=True)
class FrameVectors:
    """What the codec stored for one frame.

    Attributes:
        blocks: (N,) with the fields of FFmpeg's ``AVMotionVector``; empty for an intra frame.
        size: Height and width of the frame.
    """

    blocks: NDArray[np.void]
    size: tuple[int, int]

    def dense(self) -> MotionField:
        """Paint the blocks."""
        return dense_motion(self.blocks, self.size)


def dense_motion(vectors: NDArray[np.void], size: tuple[int, int]) -> MotionField:
    """Paint blocks with their vectors.

    Of partitions below 8 x 8 decoders give one for all of the 8 x 8.

    Args:
        vectors: (N,) with the fields of FFmpeg's ``AVMotionVector``: w, h, dst_x, dst_y, the
            centre of the block, and motion_x, motion_y in 1/motion_scale pixels.
        size: Height and width; blocks may reach beyond.
    """
    height, width = size
    if len(vectors) == 0:
        return MotionField(np.zeros((height, width, 2), np.float32), np.zeros(size, np.bool_))
    extent = np.stack([vectors["h"], vectors["w"]], axis=1).astype(np.int64)
    centre = np.stack([vectors["dst_y"], vectors["dst_x"]], axis=1).astype(np.int64)
    corner = centre - extent // 2
    cell = int(np.gcd.reduce(np.concatenate([extent, corner]), axis=None))
    rows, columns = -(-height // cell), -(-width // cell)
    motion = np.stack([vectors["motion_x"], vectors["motion_y"]], axis=1).astype(np.float32)
    motion /= vectors["motion_scale"].astype(np.float32)[:, None]
    flow = np.zeros((rows, columns, 2), np.float32)
    known = np.zeros((rows, columns), np.bool_)
    shape = extent[:, 0] << 8 | extent[:, 1]  # one number, which sorts faster than two
    for kind in np.unique(shape):
        chosen = shape == kind
        y, x = (corner[chosen] // cell).T
        for down, right in np.ndindex((kind >> 8) // cell, (kind & 255) // cell):
            inside = (y + down >= 0) & (y + down < rows) & (x + right >= 0) & (x + right < columns)
            place = (y + down)[inside], (x + right)[inside]
            flow[place] = motion[chosen][inside]
            known[place] = True
    return MotionField(_enlarged(flow, cell, size), _enlarged(known, cell, size))


def _enlarged(cells: NDArray[Any], factor: int, size: tuple[int, int]) -> NDArray[Any]:
    return cells.repeat(factor, axis=1).repeat(factor, axis=0)[: size[0], : size[1]]
