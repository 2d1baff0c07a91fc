"""One file for each object and frame: ``<clip>/<track>/<frame>.png``, black is background.

An object is absent from a frame that it has no file for, or a black one. Folders named by numbers
give the tracks; where one of them is 0, all count one higher. Folders with other names are
numbered from 1 in their order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from vstc.artifacts.workspace import Workspace
from vstc.errors import InputError
from vstc.formats.images import encode_gray, read_mask
from vstc.formats.objects.forms.frame_images import natural
from vstc.formats.objects.forms.source import OBJECT, InstanceSource, frame_by_frame
from vstc.formats.objects.id_masks import folders_below
from vstc.formats.objects.rle import decode_mask, encode_mask
from vstc.formats.objects.store import InstanceArchive, InstanceClip, InstanceMask
from vstc.formats.objects.tracks import shown_size

FORM = "files"
_FRAMES = "frames"  # a folder of images, and no object


@dataclass(frozen=True)
class _Objects:
    """A clip and the folder of each track."""

    clip: InstanceClip
    folders: Mapping[int, Path]

    def files(self) -> Iterator[Path]:
        for folder in self.folders.values():
            yield from sorted(folder.glob("*.png"))

    def masks(self, name: str) -> Iterator[InstanceMask]:
        for track, folder in sorted(self.folders.items()):
            path = folder / f"{name}.png"
            if path.is_file():
                mask = _read_mask(path, track, self.clip)
                if mask.rle.area:
                    yield mask


def find_files(folder: Path) -> InstanceSource:
    """Find clips whose objects have a folder each.

    Raises:
        InputError: There are none, or files of a clip differ in size.
    """
    if not folder.is_dir():
        raise InputError(f"folder of masks not found: {folder}")
    objects = {}
    for place in folders_below(folder):
        if tracks := _track_folders(place):
            clip_id = place.relative_to(folder).as_posix()
            objects[clip_id] = _objects(clip_id, tracks)
    if not objects:
        raise InputError(
            f"{folder} holds no masks", hint="files must be named <clip>/<track>/<frame>.png"
        )

    return InstanceSource(
        form=FORM,
        place=folder,
        files=tuple(
            path.relative_to(folder).as_posix()
            for found in objects.values()
            for path in found.files()
        ),
        categories=(OBJECT,),
        clips=tuple(found.clip for found in objects.values()),
        has_identity=True,
        read=frame_by_frame(lambda clip_id, name: tuple(objects[clip_id].masks(name))),
        image_folders={name: folder / name / _FRAMES for name in objects},
    )


class FilesWriter:
    """Writes ``<clip>/<track>/<frame>.png``, 0 and 255, for every frame of the clip.

    The file of a frame that does not show the object is black. Files that are there are kept.

    Args:
        workspace: The output.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def write(
        self, archive: InstanceArchive, clip: InstanceClip, advance: Callable[[int], None]
    ) -> None:
        """Write the files of a clip."""
        tracks = {mask.track for frame in archive.frames(clip.id) for mask in frame.instances}
        black = encode_gray(np.zeros((clip.height, clip.width), np.uint8))
        for frame in archive.frames(clip.id):
            masks = {mask.track: mask for mask in frame.instances}
            for track in sorted(tracks):
                name = f"{clip.id}/{track:03d}/{frame.name}.png"
                if self._workspace.has(name):
                    continue
                data = black
                if track in masks:
                    pixels = np.ascontiguousarray(decode_mask(masks[track].rle))
                    data = encode_gray(pixels.astype(np.uint8) * np.uint8(255))
                self._workspace.write_bytes(name, data)
            advance(1)

    def finish(self) -> None:
        """There is nothing left to write."""


def _track_folders(place: Path) -> dict[int, Path]:
    inner = (path for path in place.iterdir() if path.is_dir() and path.name != _FRAMES)
    folders = [path for path in inner if any(path.glob("*.png"))]
    folders.sort(key=lambda path: natural(path.name))
    if all(path.name.isascii() and path.name.isdigit() for path in folders):
        numbers = [int(path.name) for path in folders]
        shift = int(0 in numbers)
        found = {number + shift: path for number, path in zip(numbers, folders, strict=True)}
        if len(found) == len(folders):
            return found
    return dict(enumerate(folders, start=1))


def _objects(clip_id: str, tracks: Mapping[int, Path]) -> _Objects:
    sizes: Counter[tuple[int, int]] = Counter()
    names: set[str] = set()
    for folder in tracks.values():
        for path in folder.glob("*.png"):
            names.add(path.stem)
            sizes[_size(path)] += 1
    height, width = sizes.most_common(1)[0][0]
    frames = tuple(sorted(names, key=natural))
    found = _Objects(InstanceClip(clip_id, height, width, None, frames), tracks)
    if len(sizes) > 1:
        odd = next(path for path in found.files() if _size(path) != (height, width))
        raise InputError(
            f"{odd} is {shown_size(_size(odd))}, other masks of clip {clip_id} are "
            f"{shown_size((height, width))}",
            hint="make it again at the size of the frames",
        )
    return found


def _size(path: Path) -> tuple[int, int]:
    try:
        with Image.open(path) as image:
            return image.height, image.width
    except (OSError, UnidentifiedImageError) as error:
        raise InputError(f"mask is not readable: {path}: {error}") from error


def _read_mask(path: Path, track: int, clip: InstanceClip) -> InstanceMask:
    pixels = read_mask(path)
    if pixels.shape != (clip.height, clip.width):
        raise InputError(f"{path} changed its size")
    return InstanceMask(track, OBJECT.id, 1.0, encode_mask(pixels.astype(np.bool_)))
