"""Alpha mattes in image files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from vstc.errors import InputError
from vstc.formats.images import encode_gray

Alpha = NDArray[np.float32]
ALPHA_SUFFIXES = frozenset({".png", ".tif", ".tiff"})
_WHITE = {np.dtype(np.uint8): 255.0, np.dtype(np.uint16): 65535.0, np.dtype(np.int32): 65535.0}


def read_alpha(path: Path) -> Alpha:
    """Read an alpha matte: grey of 8 or 16 bit, grey in colour channels, or a cut-out.

    A file whose alpha channel is not opaque everywhere is a cut-out, and that channel the matte.

    Returns:
        (H, W) float32 in [0, 1].

    Raises:
        InputError: Unreadable, or coloured and opaque.
    """
    try:
        with Image.open(path) as image:
            has_palette = image.mode in {"P", "PA"} or "transparency" in image.info
            values = np.asarray(image.convert("RGBA") if has_palette else image)
    except (OSError, UnidentifiedImageError, SyntaxError, ValueError) as error:
        raise InputError(f"alpha is not readable: {path}: {error}") from error
    if values.dtype == np.bool_:
        return values.astype(np.float32)
    if values.dtype.kind == "f":
        return np.asarray(np.clip(values, 0, 1), np.float32)
    return _one_channel(values, path).astype(np.float32) / np.float32(_WHITE[values.dtype])


def encode_alpha(alpha: Alpha) -> bytes:
    """Encode a matte, (H, W) in [0, 1], as grey PNG of 8 bit."""
    return encode_gray(np.rint(np.clip(alpha, 0, 1) * 255).astype(np.uint8))


def _one_channel(values: NDArray[np.generic], path: Path) -> NDArray[np.generic]:
    if values.ndim == 2:
        return values
    channels = values.shape[2]
    if channels in (2, 4) and (values[..., -1] != 255).any():
        return values[..., -1]
    grey = values[..., 0]
    if channels >= 3 and not ((values[..., 1] == grey) & (values[..., 2] == grey)).all():
        raise InputError(
            f"alpha {path} is coloured and opaque", hint="give grey mattes, or cut-outs with alpha"
        )
    return grey
