"""Folders of images as clips: ``<clip>/<frame>.png`` or ``<clip>/<track>/<frame>.png``."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from vstc.artifacts.fingerprint import fingerprint_files
from vstc.artifacts.manifest import InputRef
from vstc.data.index.source import natural_key
from vstc.errors import InputError
from vstc.formats.images import image_size

SUFFIX = ".png"
MASKS = "masks"
ONLY_TRACK = 1


@dataclass(frozen=True)
class ImageClip:
    """The images of one clip.

    Attributes:
        id: Path of its folder below the folder that was given, or the name of that.
        size: Height and width of all its images.
        frame_names: Names of the frames, without suffix, in natural order.
        tracks: Path of each image by track and frame name.
    """

    id: str
    size: tuple[int, int]
    frame_names: tuple[str, ...]
    tracks: Mapping[int, Mapping[str, Path]]


class ImageFolders:
    """The clips below a folder.

    A folder that holds images is a clip with one object; if its name is a number and it lies in
    another below the top, that one is the clip and the number the track. Images may lie in
    ``<clip>/masks`` as well.

    Args:
        folder: The folder.

    Raises:
        InputError: No such folder, no image in it, or images of a clip that differ in size.
    """

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise InputError(f"not a folder: {folder}")
        self.folder = folder
        self._files: list[str] = []
        grouped: dict[str, dict[int, dict[str, Path]]] = {}
        for place, paths in _folders_with_images(folder):
            clip_id, track = _clip_and_track(place, top=folder.resolve().name)
            grouped.setdefault(clip_id, {})[track] = {path.stem: path for path in paths}
            self._files += [path.relative_to(folder).as_posix() for path in paths]
        if not grouped:
            raise InputError(
                f"no {SUFFIX} file in {folder}", hint="files must be named <clip>/<frame>.png"
            )
        order = sorted(grouped, key=natural_key)
        self.clips = tuple(_image_clip(clip_id, grouped[clip_id]) for clip_id in order)

    def reference(self, role: str) -> InputRef:
        """Refer to all files by their names and sizes."""
        identity = fingerprint_files(self.folder, self._files)
        return InputRef(role=role, path=str(self.folder), kind="raw", id=identity)


def _folders_with_images(folder: Path) -> Iterator[tuple[PurePosixPath, list[Path]]]:
    for place, inner, names in os.walk(folder, followlinks=True):
        inner[:] = sorted(name for name in inner if not name.startswith("."))
        images = [n for n in names if n.lower().endswith(SUFFIX) and not n.startswith(".")]
        if images:
            here = PurePosixPath(Path(os.path.relpath(place, folder)).as_posix())
            yield here, [Path(place) / name for name in images]


def _clip_and_track(place: PurePosixPath, *, top: str) -> tuple[str, int]:
    if place.name == MASKS:
        place = place.parent
    if place == PurePosixPath("."):
        return top, ONLY_TRACK
    is_track = place.name.isdigit() and int(place.name) > 0 and len(place.parts) > 1
    return (str(place.parent), int(place.name)) if is_track else (str(place), ONLY_TRACK)


def _image_clip(clip_id: str, tracks: Mapping[int, Mapping[str, Path]]) -> ImageClip:
    names = sorted({name for files in tracks.values() for name in files}, key=natural_key)
    paths = [files[name] for files in tracks.values() for name in names if name in files]
    size = image_size(paths[0])
    for path in paths[1:]:
        found = image_size(path)
        if found != size:
            raise InputError(
                f"{path} is {found[1]}x{found[0]}, other images of clip {clip_id} are "
                f"{size[1]}x{size[0]}",
                hint="make it again at the size of the frames",
            )
    return ImageClip(clip_id, size, tuple(names), dict(sorted(tracks.items())))
