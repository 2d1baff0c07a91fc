"""Read trimaps of any program: palette, colour, alpha channel, other values, 16 bits."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from vstc.errors import InputError

GREY_TOLERANCE = 25
_LOSSY = frozenset({"JPEG", "MPO"})


@dataclass(frozen=True, eq=False)
class ForeignImage:
    """A grey image as found in a file.

    Attributes:
        grey: (H, W) uint8.
        mode: What Pillow calls the pixels of the file; ``L`` is one channel of 8 bits.
        remarks: What is unusual about the file, besides its mode and values.
    """

    grey: NDArray[np.uint8]
    mode: str
    remarks: tuple[str, ...] = ()


def read_as_it_is(path: Path) -> ForeignImage:
    """Read the grey values of an image file, whatever flavour it has.

    Palettes are looked up, equal colour channels are one, and an alpha channel is passed over:
    trimaps with one are opaque. 16 bits are scaled to 8, unless no value is above 255.

    Raises:
        InputError: Missing, damaged, or coloured.
    """
    try:
        with Image.open(path) as image:
            image.load()
            mode, is_lossy = image.mode, image.format in _LOSSY
            has_colors = mode in {"P", "PA", "CMYK", "YCbCr", "LAB", "HSV"}
            values = np.asarray(image.convert("RGBA") if has_colors else image)
    except (OSError, UnidentifiedImageError, SyntaxError, ValueError) as error:
        raise InputError(f"not readable: {error}") from error
    remarks = ["lossy: values are not what was written"] if is_lossy else []
    if values.ndim == 3 and values.shape[2] in (2, 4):
        if (values[..., -1] != 255).any():
            remarks.append("the alpha channel is not opaque")
        values = values[..., :-1]
    grey = values if values.ndim == 2 else _one_channel(values)
    return ForeignImage(_to_8_bits(grey), mode, tuple(remarks))


def _one_channel(values: NDArray[np.generic]) -> NDArray[np.generic]:
    colors = values.astype(np.int64)
    spread = int((colors.max(axis=2) - colors.min(axis=2)).max(initial=0))
    if spread > GREY_TOLERANCE:
        raise InputError(f"coloured: channels differ by up to {spread}")
    return np.sort(values, axis=2)[..., values.shape[2] // 2]


def _to_8_bits(values: NDArray[np.generic]) -> NDArray[np.uint8]:
    if values.dtype == np.bool_:
        return values.astype(np.uint8) * np.uint8(255)
    if values.dtype == np.uint8:
        return np.ascontiguousarray(values, np.uint8)
    if values.dtype.kind == "f":
        raise InputError("holds fractions, not whole numbers")
    if int(values.max(initial=0)) > 255:
        return np.asarray(values.astype(np.int64) * 255 // 65535, np.uint8)
    return values.astype(np.uint8)
