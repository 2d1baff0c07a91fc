"""Object ids as PNG maps, one per frame, as in DAVIS: ``<video>/<frame>.png``."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from vstc.errors import InputError
from vstc.formats.images import read_labels

MASKS = "masks"
VOID = 255
_NO_VIDEOS = frozenset({MASKS, "frames", "confidence"})  # parts of a video


@dataclass(frozen=True)
class IdClip:
    """The id maps of a video; 0 is background, each other id an object.

    Attributes:
        name: Name of the video.
        paths: The files in time order.
        height: Rows of every map.
        width: Columns of every map.
    """

    name: str
    paths: tuple[Path, ...]
    height: int
    width: int

    @property
    def frame_names(self) -> list[str]:
        """Names of the files without suffix."""
        return [path.stem for path in self.paths]

    def read(self, index: int) -> NDArray[np.uint8]:
        """Read the ids of a frame, (H, W).

        Raises:
            InputError: The file is not readable or holds colours.
        """
        return self.read_path(self.paths[index])

    def read_path(self, path: Path) -> NDArray[np.uint8]:
        """Read the ids of one of the files.

        Raises:
            InputError: As ``read``.
        """
        ids = read_labels(path)
        if ids.shape != (self.height, self.width):
            raise InputError(f"{path} changed its size")
        return ids

    def __iter__(self) -> Iterator[NDArray[np.uint8]]:
        return (self.read(index) for index in range(len(self.paths)))

    def __len__(self) -> int:
        return len(self.paths)


def read_id_masks(folder: Path, *, is_nested: bool = False) -> list[IdClip]:
    """List the videos of a folder; only the headers of the files are read.

    Args:
        folder: Holds ``<video>/<frame>.png`` or ``<video>/masks/<frame>.png``; other folders in
            it are passed over.
        is_nested: Videos may lie deeper, and are named by their path, such as ``val/walk``.

    Returns:
        The videos in the order of their names, frames in the order of theirs (9 before 10).

    Raises:
        InputError: No folder, no video in it, or frames of a video that differ in size.
    """
    if not folder.is_dir():
        raise InputError(f"folder of id masks not found: {folder}")
    clips = []
    for place in folders_below(folder) if is_nested else _folders_in(folder):
        if paths := _maps(place):
            clips.append(_clip(place.relative_to(folder).as_posix(), paths))
    if not clips:
        raise InputError(
            f"{folder} holds no id masks", hint="files must be named <video>/<frame>.png"
        )
    return clips


def folders_below(folder: Path) -> list[Path]:
    """List the folders below one that may be videos, in the order of their paths."""
    found = []
    for place, inner, _ in os.walk(folder, followlinks=True):
        inner[:] = [name for name in inner if name not in _NO_VIDEOS]
        found += [Path(place) / name for name in inner]
    return sorted(found, key=lambda path: path.as_posix())


def _folders_in(folder: Path) -> list[Path]:
    inner = [path for path in folder.iterdir() if path.is_dir()]
    return sorted(inner, key=lambda path: path.name)


def read_id_clip(name: str, folder: Path) -> IdClip:
    """Take the files of one folder as a video; only their headers are read.

    Raises:
        InputError: No maps in it, or they differ in size.
    """
    paths = sorted(folder.glob("*.png"), key=_natural)
    if not paths:
        raise InputError(f"{folder} holds no id masks")
    return _clip(name, paths)


def _maps(place: Path) -> list[Path]:
    inner = place / MASKS
    return sorted((inner if inner.is_dir() else place).glob("*.png"), key=_natural)


def _natural(path: Path) -> list[str | int]:
    parts = re.split(r"(\d+)", path.stem)  # text and digits in turn
    return [int(part) if index % 2 else part for index, part in enumerate(parts)]


def _clip(name: str, paths: list[Path]) -> IdClip:
    sizes = [_size(path) for path in paths]
    height, width = Counter(sizes).most_common(1)[0][0]
    for path, size in zip(paths, sizes, strict=True):
        if size != (height, width):
            raise InputError(
                f"{path} is {size[1]}x{size[0]}, other maps of video {name} are {width}x{height}",
                hint="make it again at the size of the frames",
            )
    return IdClip(name, tuple(paths), height, width)


def _size(path: Path) -> tuple[int, int]:
    """Read (height, width) from the header, without turning it as frames are."""
    try:
        with Image.open(path) as image:
            return image.height, image.width
    except (OSError, UnidentifiedImageError) as error:
        raise InputError(f"map is not readable: {path}: {error}") from error


def is_void(ids: set[int]) -> bool:
    """Tell whether 255 is void among the ids of a video: beside other objects it is.

    Alone with background it is the one object of a binary mask.
    """
    return VOID in ids and bool(ids - {0, VOID})
