"""Joint geometry of a sample: one affine map per sample, straight from the source to the crop.

Frames, labels and flow go through the same map with one interpolation each. Coordinates are
pixel centres, (x, y); the map takes a source position to a crop position, x' = A x + b.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Array8 = NDArray[np.uint8]
Float32 = NDArray[np.float32]
PADDING_RGB = (124, 116, 104)
IGNORED = 255
_FULLY_INSIDE = 0.999


@dataclass(frozen=True)
class Augmentation:
    """What may be drawn for a sample.

    Attributes:
        crop_size: (height, width) of the result.
        scale: Lowest and highest scale factor.
        flip_probability: Probability of a left-right mirror.
        max_rotation_degrees: Rotations are drawn from +- this angle; 0 for none.
    """

    crop_size: tuple[int, int]
    scale: tuple[float, float] = (0.5, 2.0)
    flip_probability: float = 0.5
    max_rotation_degrees: float = 0.0


@dataclass(frozen=True)
class CropMap:
    """An affine map from source pixels to crop pixels.

    Attributes:
        matrix: (2, 3) float64, [A | b].
        source_size: (height, width) of the source.
        crop_size: (height, width) of the crop.
    """

    matrix: NDArray[np.float64]
    source_size: tuple[int, int]
    crop_size: tuple[int, int]

    @property
    def linear(self) -> NDArray[np.float64]:
        """The part A that acts on vectors."""
        return self.matrix[:, :2]

    def inverse(self) -> NDArray[np.float64]:
        """Return the (2, 3) map from crop pixels to source pixels."""
        inverse_linear = np.linalg.inv(self.linear)
        return np.column_stack([inverse_linear, -inverse_linear @ self.matrix[:, 2]])

    def source_window(self, margin: int = 1) -> tuple[slice, slice]:
        """Return the rows and columns of the source that the crop can see, at least one each.

        A small crop in the corner of a turned frame may see nothing but padding.
        """
        height, width = self.crop_size
        corners = np.array([[0, 0, 1], [width - 1, 0, 1], [0, height - 1, 1]], np.float64)
        corners = np.vstack([corners, [width - 1, height - 1, 1]]) @ self.inverse().T
        low = np.floor(corners.min(axis=0)).astype(int) - margin
        high = np.ceil(corners.max(axis=0)).astype(int) + margin + 1
        source_height, source_width = self.source_size
        return _clipped(low[1], high[1], source_height), _clipped(low[0], high[0], source_width)


def scale_matrix(factor: float) -> NDArray[np.float64]:
    """Return the 3x3 map of an image scaled by ``factor``, with half-pixel centres."""
    offset = 0.5 * factor - 0.5
    return np.array([[factor, 0, offset], [0, factor, offset], [0, 0, 1]], np.float64)


def flip_matrix(width: float) -> NDArray[np.float64]:
    """Return the 3x3 map of a left-right mirror of an image ``width`` pixels wide."""
    return np.array([[-1, 0, width - 1], [0, 1, 0], [0, 0, 1]], np.float64)


def rotation_matrix(degrees: float, size: tuple[float, float]) -> NDArray[np.float64]:
    """Return the 3x3 map of a rotation about the centre, counter-clockwise on screen.

    Args:
        degrees: The angle.
        size: (height, width) of the image.
    """
    height, width = size
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, 1.0)
    return np.vstack([matrix, [0.0, 0.0, 1.0]])


def shift_matrix(left: float, top: float) -> NDArray[np.float64]:
    """Return the 3x3 map of a crop that begins at (left, top)."""
    return np.array([[1, 0, -left], [0, 1, -top], [0, 0, 1]], np.float64)


def draw_crop(
    random: np.random.Generator,
    augmentation: Augmentation,
    *,
    source_size: tuple[int, int],
    input_scale: float = 1.0,
) -> CropMap:
    """Draw scale, rotation, mirror and place of a crop.

    Args:
        random: Source of randomness.
        augmentation: The ranges.
        source_size: (height, width) of the frame.
        input_scale: Factor between a frame and the network's input at test time; it
            multiplies the drawn scale.
    """
    factor = float(random.uniform(*augmentation.scale)) * input_scale
    matrix = scale_matrix(factor)
    height, width = source_size[0] * factor, source_size[1] * factor
    if augmentation.max_rotation_degrees > 0:
        limit = augmentation.max_rotation_degrees
        matrix = rotation_matrix(float(random.uniform(-limit, limit)), (height, width)) @ matrix
    if random.random() < augmentation.flip_probability:
        matrix = flip_matrix(width) @ matrix
    top = _draw_offset(random, height, augmentation.crop_size[0])
    left = _draw_offset(random, width, augmentation.crop_size[1])
    matrix = shift_matrix(left, top) @ matrix
    return CropMap(matrix[:2], source_size, augmentation.crop_size)


def whole_frame(source_size: tuple[int, int], crop_size: tuple[int, int]) -> CropMap:
    """Return the map that keeps the top left of a frame unchanged, padded to the crop."""
    return CropMap(np.eye(2, 3), source_size, crop_size)


def warp_image(image: Array8, crop: CropMap) -> Array8:
    """Warp a frame to the crop, bilinear, padded with the mean colour of ImageNet.

    Args:
        image: (H, W, 3) RGB.
        crop: The map.
    """
    return _warp(image, crop, cv2.INTER_LINEAR, PADDING_RGB)


def warp_labels(labels: Array8, crop: CropMap) -> Array8:
    """Warp a label map to the crop, nearest, padded with 255."""
    return _warp(labels, crop, cv2.INTER_NEAREST, (IGNORED,))


@dataclass(frozen=True)
class WarpedFlow:
    """Flow in crop coordinates.

    Attributes:
        flow: (h, w, 2) vectors in crop pixels.
        valid: (h, w) bool: the pixel and the end of its vector lie inside both the source
            frame and the crop.
    """

    flow: Float32
    valid: NDArray[np.bool_]


def warp_flow(window: Float32, rows_columns: tuple[slice, slice], crop: CropMap) -> WarpedFlow:
    """Warp a flow field to the crop: F'(x') = A F(A^-1 (x' - b)).

    Args:
        window: (h, w, 2) the part of the field that ``crop.source_window()`` names; the
            direction is kept.
        rows_columns: That window.
        crop: The map; it must be the same for both frames of the pair.
    """
    rows, columns = rows_columns
    moved = crop.matrix @ np.vstack([shift_matrix(-columns.start, -rows.start)])
    height, width = crop.crop_size
    field = cv2.warpAffine(window, moved, (width, height), flags=cv2.INTER_LINEAR)
    ones = np.ones(window.shape[:2], np.float32)
    inside = cv2.warpAffine(ones, moved, (width, height), flags=cv2.INTER_LINEAR)
    turned = field.reshape(-1, 2) @ crop.linear.T.astype(np.float32)
    flow = np.asarray(turned.reshape(field.shape), np.float32)
    valid = (inside > _FULLY_INSIDE) & _ends_inside(flow, crop)
    return WarpedFlow(flow, valid)


def _clipped(low: int, high: int, length: int) -> slice:
    first = min(max(int(low), 0), length - 1)
    return slice(first, min(max(int(high), first + 1), length))


def _ends_inside(flow: Float32, crop: CropMap) -> NDArray[np.bool_]:
    """Tell where a vector ends inside the crop and inside the source frame."""
    height, width = crop.crop_size
    x = flow[..., 0] + np.arange(width, dtype=np.float32)
    y = flow[..., 1] + np.arange(height, dtype=np.float32)[:, None]
    inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    (a, b, c), (d, e, f) = crop.inverse()
    source_x, source_y = a * x + b * y + c, d * x + e * y + f
    source_height, source_width = crop.source_size
    inside &= (source_x >= 0) & (source_x <= source_width - 1)
    inside &= (source_y >= 0) & (source_y <= source_height - 1)
    return np.asarray(inside, np.bool_)


def _draw_offset(random: np.random.Generator, length: float, crop_length: int) -> int:
    """Draw where a crop begins; negative when the image is smaller and is padded instead."""
    slack = int(np.floor(length)) - crop_length
    return int(random.integers(min(slack, 0), max(slack, 0), endpoint=True))


def _warp(array: Array8, crop: CropMap, interpolation: int, border: tuple[int, ...]) -> Array8:
    height, width = crop.crop_size
    warped = cv2.warpAffine(
        array,
        crop.matrix,
        (width, height),
        flags=interpolation,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=border,
    )
    return np.asarray(warped, np.uint8)
