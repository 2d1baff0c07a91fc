"""Still images: RGB frames, label maps of every PNG flavour, and writing them back."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from PIL.ImageFile import ImageFile

from vstc.errors import InputError
from vstc.formats.dataset import LabelClass

Array8 = NDArray[np.uint8]
IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff", ".ppm"})
_EXIF_ORIENTATION = 0x0112
_TURNED_BY_90 = frozenset({5, 6, 7, 8})
_NEXT_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")  # not stuffing, fill or restart
_COLOR_MODES = frozenset({"RGB", "RGBA"})
_SPREAD = {"L;2": 85, "L;4": 17}  # Pillow spreads 2 and 4 bit grey over 0..255
_FAST_PNG = [cv2.IMWRITE_PNG_COMPRESSION, 1]


def read_rgb(path: Path) -> Array8:
    """Read a colour image.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        InputError: Missing, truncated, or not an image.
    """
    data = _read_bytes(path)
    _refuse_truncated(path, data)
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
    if image is None:
        raise InputError(f"image is not readable: {path}", hint="replace the file")
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)


def image_size(path: Path) -> tuple[int, int]:
    """Read (height, width) from the header of an image, as ``read_rgb`` would give it.

    Raises:
        InputError: Missing or not an image.
    """
    try:
        with Image.open(path) as image:
            is_turned = image.getexif().get(_EXIF_ORIENTATION, 1) in _TURNED_BY_90
            height, width = image.height, image.width
            return (width, height) if is_turned else (height, width)
    except (OSError, UnidentifiedImageError) as error:
        raise InputError(f"image is not readable: {path}: {error}") from error


def bit_depth(path: Path) -> int:
    """Read the bits per channel from the header of an image: 8, or 16 for deep PNG and TIFF.

    ``read_rgb`` brings deep images to 8 bits without a word; this tells them apart.

    Raises:
        InputError: Missing or not an image.
    """
    head = _read_bytes(path, limit=25)
    if len(head) == 25 and head.startswith(b"\x89PNG"):
        return head[24]
    try:
        with Image.open(path) as image:
            return {"I": 32, "F": 32}.get(image.mode, 16 if image.mode.startswith("I;16") else 8)
    except (OSError, UnidentifiedImageError) as error:
        raise InputError(f"image is not readable: {path}: {error}") from error


def read_labels(path: Path, classes: Sequence[LabelClass] | None = None) -> Array8:
    """Read a label map as class ids, whatever flavour of PNG holds it.

    Palette files give their indices, grey files their values, and colour files are looked up
    in the colours of the class table (``cv2.imread`` would expand a palette to colours).

    Args:
        path: The label file.
        classes: The table, needed for colour files only.

    Returns:
        (H, W) uint8 ids.

    Raises:
        InputError: Unreadable, 16-bit with ids above 255, or a colour that no class has.
    """
    with _open_label(path) as image:
        packed = image.tile[0][3] if image.tile else None
        image.load()
        mode = image.mode
        if mode in _COLOR_MODES:
            return _ids_of_colors(np.asarray(image.convert("RGB")), classes, path)
        values = np.asarray(image)
    if mode in {"1", "LA"}:
        raise InputError(f"label {path} has mode {mode}", hint="save it as 8-bit grey or palette")
    if packed in _SPREAD:
        values = values // _SPREAD[packed]
    if values.dtype != np.uint8 and (values.min() < 0 or values.max() > 255):
        raise InputError(
            f"label {path} holds ids up to {values.max()}; at most 255 are possible",
            hint="write class ids as 8-bit grey or palette PNG",
        )
    return values.astype(np.uint8)


def read_color_labels(path: Path, classes: Sequence[LabelClass]) -> Array8:
    """Read a label map by its colours; of a palette file too, whatever its indices are.

    Returns:
        (H, W) uint8 ids.

    Raises:
        InputError: Unreadable, grey, or a colour that no class has.
    """
    with _open_label(path) as image:
        image.load()
        if image.mode not in _COLOR_MODES | {"P"}:
            raise InputError(f"label {path} has no colours but mode {image.mode}")
        return _ids_of_colors(np.asarray(image.convert("RGB")), classes, path)


def read_mask(path: Path) -> Array8:
    """Read a mask of one object: black, palette index 0 or False is background.

    Returns:
        (H, W) uint8: 0 background, 1 everything else.

    Raises:
        InputError: Unreadable, or with an alpha channel, which might be the mask itself.
    """
    with _open_label(path) as image:
        image.load()
        if image.mode in {"LA", "RGBA", "PA"}:
            raise InputError(
                f"mask {path} has an alpha channel (mode {image.mode})",
                hint="save it as grey or palette",
            )
        values = np.asarray(image)
    is_object = values.any(axis=2) if values.ndim == 3 else values != 0
    return np.asarray(is_object, np.uint8)


def encode_rgb(image: Array8) -> bytes:
    """Encode (H, W, 3) RGB as PNG, lightly compressed."""
    return _encode(np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2BGR), np.uint8))


def encode_gray(image: NDArray[np.uint8] | NDArray[np.uint16]) -> bytes:
    """Encode (H, W) grey values, 8 or 16 bit, as PNG."""
    return _encode(image)


def encode_labels(labels: Array8, palette: Array8) -> bytes:
    """Encode (H, W) ids as a palette PNG.

    Args:
        labels: Ids 0..255.
        palette: (256, 3) RGB colours.
    """
    image = Image.fromarray(labels, mode="P")
    image.putpalette(palette.tobytes())
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", compress_level=1)
    return buffer.getvalue()


def overlay_labels(
    image: Array8, labels: Array8, palette: Array8, *, opacity: float = 0.5
) -> Array8:
    """Blend the colours of a label map over a frame.

    Args:
        image: (H, W, 3) RGB.
        labels: (H, W) ids.
        palette: (256, 3) RGB; ids whose colour is black keep the frame as it is.
        opacity: 0 shows the frame, 1 the colours.
    """
    blended = cv2.addWeighted(image, 1 - opacity, color_labels(labels, palette), opacity, 0)
    is_hidden = cv2.LUT(labels, np.asarray(palette.max(axis=1) == 0, np.uint8))
    return np.asarray(cv2.copyTo(image, is_hidden, blended), np.uint8)


def color_labels(labels: Array8, palette: Array8) -> Array8:
    """Return the colours of a label map (H, W) by a palette (256, 3): (H, W, 3) RGB."""
    return np.asarray(cv2.LUT(cv2.merge([labels] * 3), palette[np.newaxis]), np.uint8)


@contextmanager
def _open_label(path: Path) -> Iterator[ImageFile]:
    try:
        with Image.open(path) as image:
            yield image
    except (OSError, UnidentifiedImageError, SyntaxError, ValueError) as error:
        raise InputError(f"label is not readable: {path}: {error}") from error


def _read_bytes(path: Path, *, limit: int = -1) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(limit)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error


def _refuse_truncated(path: Path, data: bytes) -> None:
    """Refuse files cut short, which OpenCV fills with grey without a word."""
    is_png, is_jpeg = data.startswith(b"\x89PNG"), data.startswith(b"\xff\xd8")
    tail = data[-64:]
    is_cut = (is_png and b"IEND" not in tail and not _has_png_end(data)) or (
        is_jpeg and b"\xff\xd9" not in tail and not _has_jpeg_end(data)
    )
    if is_cut:
        raise InputError(f"image is truncated: {path}", hint="copy the file again")


def _has_png_end(data: bytes) -> bool:
    """Walk the chunks to the end mark; something else may follow it in the file."""
    place = 8
    while place + 12 <= len(data):
        if data[place + 4 : place + 8] == b"IEND":
            return True
        place += 12 + int.from_bytes(data[place : place + 4], "big")
    return False


def _has_jpeg_end(data: bytes) -> bool:
    """Walk the segments to the end mark; cameras may put more data behind it."""
    place = 2
    while (found := _NEXT_MARKER.search(data, place)) is not None:
        if found.group()[1] == 0xD9:
            return True
        place = found.end() + int.from_bytes(data[found.end() : found.end() + 2], "big")
    return False


def _ids_of_colors(rgb: Array8, classes: Sequence[LabelClass] | None, path: Path) -> Array8:
    if not classes:
        raise InputError(
            f"{path} is a colour label", hint="give a class table with colours, or grey ids"
        )
    packed = rgb.astype(np.uint32) @ np.array([65536, 256, 1], np.uint32)
    colors = np.array([r * 65536 + g * 256 + b for r, g, b in (c.color for c in classes)])
    order = np.argsort(colors)
    place = np.clip(np.searchsorted(colors[order], packed), 0, len(colors) - 1)
    is_known = colors[order][place] == packed
    if not is_known.all():
        y, x = np.argwhere(~is_known)[0]
        color = tuple(int(v) for v in rgb[y, x])
        raise InputError(f"label {path} has a colour that no class has: {color} at ({x}, {y})")
    ids = np.array([c.id for c in classes], np.uint8)
    return ids[order][place]


def _encode(image: NDArray[np.uint8] | NDArray[np.uint16]) -> bytes:
    done, data = cv2.imencode(".png", image, _FAST_PNG)
    if not done:
        raise ValueError(f"PNG encoding failed for shape {image.shape}, {image.dtype}")
    return data.tobytes()
