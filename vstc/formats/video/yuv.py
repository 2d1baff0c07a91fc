"""Between RGB and planes of luma and chroma, 8 bits, as videos store them.

Legend: Y is luma; U (Cb) and V (Cr) are chroma, centred on 128. In the limited range black is
Y = 16, white is Y = 235 and chroma spans 16..240; in the full range everything spans 0..255.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

Array8 = NDArray[np.uint8]
_SD_HEIGHT = 576
_EXPANDED = ((np.arange(256) - 16) * (255 / 219)).round().clip(0, 255).astype(np.uint8)


class Matrix(StrEnum):
    """Which weights of red and blue make luma: ITU-R BT.601 or BT.709, item 3.2 each."""

    BT601 = "bt601"
    BT709 = "bt709"

    @property
    def weights(self) -> tuple[float, float]:
        """The weights of red and of blue; that of green is the rest of 1."""
        return (0.299, 0.114) if self is Matrix.BT601 else (0.2126, 0.0722)


def guess_matrix(height: int, *, is_full_range: bool) -> Matrix:
    """Choose the matrix of a picture that does not say which, as ffplay does.

    Limited range above 576 lines is BT.709, all else BT.601 (ffmpeg's own scaler takes BT.601 at
    any height, so that converting a high picture with it shifts colours a little).
    """
    is_high = height > _SD_HEIGHT and not is_full_range
    return Matrix.BT709 if is_high else Matrix.BT601


@dataclass(frozen=True)
class YuvColors:
    """How numbers in the planes stand for colours.

    Attributes:
        matrix: Weights of the colours.
        is_full_range: Luma and chroma span 0..255.
    """

    matrix: Matrix
    is_full_range: bool

    @cached_property
    def from_rgb(self) -> NDArray[np.float64]:
        """(3, 4): Y, U and V of (R, G, B, 1)."""
        red, blue = self.matrix.weights
        luma = np.array([red, 1 - red - blue, blue])
        u = (np.array([0, 0, 1]) - luma) / (2 * (1 - blue))
        v = (np.array([1, 0, 0]) - luma) / (2 * (1 - red))
        offset, span, chroma_span = (0, 255, 255) if self.is_full_range else (16, 219, 224)
        scale = np.array([[span], [chroma_span], [chroma_span]]) / 255
        return np.hstack([np.stack([luma, u, v]) * scale, [[offset], [128], [128]]])

    @cached_property
    def to_rgb(self) -> NDArray[np.float64]:
        """(3, 4): R, G and B of (Y, U, V, 1)."""
        inverse = np.linalg.inv(self.from_rgb[:, :3])
        return np.hstack([inverse, -inverse @ self.from_rgb[:, 3:]])


@dataclass(frozen=True)
class ChromaGrid:
    """How many pixels share a chroma value: rows and columns; None stands for no chroma."""

    rows: int
    columns: int

    def size(self, height: int, width: int) -> tuple[int, int]:
        """Return the size of a chroma plane; a last odd row or column has its own values."""
        return -(-height // self.rows), -(-width // self.columns)


def planes_to_rgb(luma: Array8, chroma: tuple[Array8, Array8], colors: YuvColors) -> Array8:
    """Convert planes to RGB; every pixel takes the chroma value of its cell.

    That is what OpenCV and ffmpeg do when they decode a video file. The result is within 1 of
    the exact real-valued one.

    Args:
        luma: (H, W).
        chroma: U and V, each of ``ChromaGrid.size``.
        colors: What the numbers mean.

    Returns:
        (H, W, 3) RGB.
    """
    planes = [luma, *(_enlarged(plane, luma.shape) for plane in chroma)]
    return np.asarray(cv2.transform(cv2.merge(planes), colors.to_rgb), np.uint8)


def gray_to_rgb(luma: Array8, *, is_full_range: bool) -> Array8:
    """Convert a lone luma plane (H, W) to (H, W, 3) RGB."""
    if not is_full_range:
        luma = _EXPANDED[luma]
    return np.asarray(cv2.cvtColor(luma, cv2.COLOR_GRAY2RGB), np.uint8)


def rgb_to_planes(
    rgb: Array8, grid: ChromaGrid, colors: YuvColors
) -> tuple[Array8, Array8, Array8]:
    """Convert (H, W, 3) RGB to planes Y, U and V; a cell has the mean chroma of its pixels."""
    height, width = rgb.shape[:2]
    luma, *chroma = cv2.split(cv2.transform(rgb, colors.from_rgb))
    rows, columns = grid.size(height, width)
    bottom, right = rows * grid.rows - height, columns * grid.columns - width
    if bottom or right:
        chroma = [
            cv2.copyMakeBorder(plane, 0, bottom, 0, right, cv2.BORDER_REPLICATE) for plane in chroma
        ]
    if (grid.rows, grid.columns) != (1, 1):
        # A whole factor, for which this is the mean of the cell.
        size = (columns, rows)
        chroma = [cv2.resize(plane, size, interpolation=cv2.INTER_AREA) for plane in chroma]
    u, v = (np.asarray(plane, np.uint8) for plane in chroma)
    return np.asarray(luma, np.uint8), u, v


def _enlarged(plane: Array8, size: tuple[int, ...]) -> Array8:
    if plane.shape == size:
        return plane
    rows, columns = (-(-full // part) for full, part in zip(size, plane.shape, strict=True))
    whole = (plane.shape[1] * columns, plane.shape[0] * rows)
    large = cv2.resize(plane, whole, interpolation=cv2.INTER_NEAREST)
    return np.asarray(large[: size[0], : size[1]], np.uint8)
