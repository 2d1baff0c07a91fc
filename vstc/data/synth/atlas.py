"""All textures of a clip in one picture, each also at half, quarter ... size."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from vstc.data.synth.spec import Array8, Array64

LEVELS = 5
_PAD = 3
_MIN_SIDE = 4


@dataclass(frozen=True)
class Atlas:
    """The picture and where things lie in it.

    Attributes:
        image: (H, W, 3) uint8.
        sizes: (textures, 2) width and height at full size.
        placed: (textures, LEVELS, 4): scale x, scale y, offset x, offset y that take full-size
            texel coordinates (texel centres at integers) to this picture.
    """

    image: Array8
    sizes: Array64
    placed: Array64


def pack(textures: list[Array8]) -> Atlas:
    """Put textures side by side on shelves, with edges repeated around each."""
    pieces: list[tuple[int, int, Array8]] = []
    for index, texture in enumerate(textures):
        level_image = texture
        for level in range(LEVELS):
            if level:
                height, width = (side // 2 for side in level_image.shape[:2])
                if min(height, width) < _MIN_SIDE:
                    break
                level_image = np.asarray(
                    cv2.resize(level_image, (width, height), interpolation=cv2.INTER_AREA)
                )
            pieces.append((index, level, level_image))
    pieces.sort(key=lambda piece: (-piece[2].shape[0], piece[0], piece[1]))
    atlas_width = max(1024, *(piece[2].shape[1] + 2 * _PAD for piece in pieces))
    corners, atlas_height = _shelves([piece[2].shape[:2] for piece in pieces], atlas_width)
    image = np.zeros((atlas_height, atlas_width, 3), np.uint8)
    placed = np.zeros((len(textures), LEVELS, 4))
    for (index, level, piece), (x, y) in zip(pieces, corners, strict=True):
        height, width = piece.shape[:2]
        cv2.copyMakeBorder(
            piece,
            _PAD,
            _PAD,
            _PAD,
            _PAD,
            cv2.BORDER_REPLICATE,
            dst=image[y : y + height + 2 * _PAD, x : x + width + 2 * _PAD],
        )
        full_height, full_width = textures[index].shape[:2]
        scale = np.array([width / full_width, height / full_height])
        offset = 0.5 * scale - 0.5 + np.array([x + _PAD, y + _PAD])
        placed[index, level] = (*scale, *offset)
    for level in range(1, LEVELS):
        is_missing = placed[:, level, 0] == 0  # too small to be made smaller: stay at the last
        placed[is_missing, level] = placed[is_missing, level - 1]
    sizes = np.array([texture.shape[1::-1] for texture in textures], float)
    return Atlas(image, sizes, placed)


def _shelves(sizes: list[tuple[int, ...]], width: int) -> tuple[list[tuple[int, int]], int]:
    corners: list[tuple[int, int]] = []
    x = y = shelf = 0
    for piece_height, piece_width in sizes:
        if x + piece_width + 2 * _PAD > width:
            x, y, shelf = 0, y + shelf, 0
        corners.append((x, y))
        x += piece_width + 2 * _PAD
        shelf = max(shelf, piece_height + 2 * _PAD)
    return corners, y + shelf
