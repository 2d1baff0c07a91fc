"""Small artifacts of instances for the tests of trimaps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from tests.trimaps.pictures import disc
from vstc.formats.images import encode_gray, encode_rgb
from vstc.formats.objects.rle import encode_mask
from vstc.formats.objects.store import (
    ClipWriter,
    FrameInstances,
    InstanceCategory,
    InstanceClip,
    InstanceMask,
    write_index,
)

Array8 = NDArray[np.uint8]
SIZE = (60, 80)
CATEGORIES = [InstanceCategory(1, "person"), InstanceCategory(2, "dog")]


def write_archive(
    folder: Path,
    clips: Mapping[str, Sequence[Mapping[int, Array8]]],
    *,
    has_identity: bool = True,
    with_images: bool = False,
    score: float = 1.0,
) -> Path:
    """Write masks by clip, frame and track; odd tracks are persons, even ones dogs."""
    listed = []
    for clip_id, frames in clips.items():
        names = tuple(f"{index:05d}" for index in range(len(frames)))
        images = tuple(f"images/{clip_id}/{name}.png" for name in names) if with_images else None
        clip = InstanceClip(clip_id, *SIZE, fps=10.0, frame_names=names, frames=images)
        with ClipWriter(folder, clip) as writer:
            for index, objects in enumerate(frames):
                writer.write(FrameInstances(index, names[index], _instances(objects, score)))
                if images is not None:
                    write_file(folder / images[index], encode_rgb(textured(index)))
        listed.append(clip)
    write_index(
        folder,
        name="test",
        source="made up",
        categories=CATEGORIES,
        clips=listed,
        has_identity=has_identity,
        root=folder if with_images else None,
    )
    return folder


def _instances(objects: Mapping[int, Array8], score: float) -> tuple[InstanceMask, ...]:
    return tuple(
        InstanceMask(track, 2 - track % 2, score, encode_mask(image == 255))
        for track, image in objects.items()
    )


def two_discs(index: int) -> dict[int, Array8]:
    """Two discs that touch; the second is away in the frames 1 and 2."""
    objects = {1: disc(SIZE, (30, 22 + index), 15)}
    if index not in (1, 2):
        other = disc(SIZE, (30, 52 + index), 14)
        objects[2] = np.where(objects[1] == 255, np.uint8(0), other)
    return objects


def write_pair(folder: Path, **options: bool) -> Path:
    """An artifact of one clip, 5 frames."""
    return write_archive(folder, {"pair": [two_discs(index) for index in range(5)]}, **options)


def textured(index: int) -> Array8:
    """A frame whose pattern moves by one pixel to the right each time."""
    noise = np.random.default_rng(0).integers(0, 256, (SIZE[0], SIZE[1] + 40), np.uint8)
    smooth = cv2.GaussianBlur(noise, (0, 0), 2)
    part = smooth[:, 20 - index : 20 - index + SIZE[1]]
    part = cv2.normalize(part, None, 0, 255, cv2.NORM_MINMAX)
    return np.repeat(np.asarray(part, np.uint8)[:, :, None], 3, axis=2)


def write_file(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def write_gray(path: Path, image: NDArray[np.uint8] | NDArray[np.uint16]) -> None:
    write_file(path, encode_gray(image))


def read_png(path: Path) -> Array8:
    """The pixels of a file as they are."""
    return np.asarray(cv2.imread(str(path), cv2.IMREAD_UNCHANGED))


def files_below(folder: Path) -> dict[str, bytes]:
    """All files but the manifest, which tells times."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "manifest.json"
    }
