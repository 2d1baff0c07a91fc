"""Where the pictures of frames are: a data set, a folder, or what the masks name themselves."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vstc.artifacts.fingerprint import fingerprint_files
from vstc.artifacts.manifest import InputRef
from vstc.errors import InputError
from vstc.formats.dataset import INDEX, Dataset, VideoFrame, dataset_ref, load_dataset
from vstc.formats.images import IMAGE_SUFFIXES, image_size, read_rgb
from vstc.formats.objects.store import InstanceArchive, InstanceClip
from vstc.formats.video.files import VideoReader

Picture = Path | VideoFrame
Pictures = Sequence[Picture | None]


class PictureSource(Protocol):
    """Knows the pictures of frames.

    Attributes:
        root: Folder that they lie in.
    """

    @property
    def root(self) -> Path:
        """Folder that they lie in."""

    def reference(self, clips: Sequence[InstanceClip]) -> InputRef | None:
        """Refer to what is read as an input; None when the masks tell it."""

    def of_clip(self, clip: InstanceClip) -> Pictures:
        """Return the picture of each frame, None where there is none."""


class NamedPictures:
    """The pictures that an archive of masks names itself.

    Args:
        archive: The archive.
    """

    def __init__(self, archive: InstanceArchive) -> None:
        self._archive = archive
        self.root = archive.root or archive.folder

    def reference(self, _clips: Sequence[InstanceClip]) -> None:
        """Return None: the archive stands for them."""

    def of_clip(self, clip: InstanceClip) -> Pictures:
        """Return the picture of each frame."""
        return [self._archive.frame_image(clip, index) for index in range(len(clip.frame_names))]


class DatasetPictures:
    """Frames of a data set, matched by the ids of clips and the names of frames.

    Args:
        path: The data set.

    Raises:
        InputError: It is missing or damaged.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._dataset: Dataset = load_dataset(path)
        self.root = self._dataset.root

    def reference(self, _clips: Sequence[InstanceClip]) -> InputRef:
        """Refer to the data set."""
        return dataset_ref("dataset", self._path)

    def of_clip(self, clip: InstanceClip) -> Pictures:
        """Return the picture of each frame."""
        same = [held for held in self._dataset.clips if held.id == clip.id]
        if not same:
            return [None] * len(clip.frame_names)
        places = {name: place for place, name in enumerate(same[0].frame_names)}
        return [
            self._dataset.frame_source(same[0], places[name]) if name in places else None
            for name in clip.frame_names
        ]


class FolderPictures:
    """Images in ``<folder>/<clip>/``, ``<folder>/<clip>/frames/``, or of one clip ``<folder>/``.

    Args:
        folder: The folder.
        is_only_clip: Whether there is one clip, whose images may lie in the folder itself.

    Raises:
        InputError: There is no such folder.
    """

    def __init__(self, folder: Path, *, is_only_clip: bool) -> None:
        if not folder.is_dir():
            raise InputError(f"no data set and no folder of frames: {folder}")
        self.root = folder
        self._is_only_clip = is_only_clip

    def reference(self, clips: Sequence[InstanceClip]) -> InputRef:
        """Refer to the images by their names and sizes."""
        pictures = [path for clip in clips for path in self.of_clip(clip) if path is not None]
        files = [path.relative_to(self.root).as_posix() for path in pictures]
        identity = fingerprint_files(self.root, files)
        return InputRef(role="frames", path=str(self.root), kind="raw", id=identity)

    def of_clip(self, clip: InstanceClip) -> Sequence[Path | None]:
        """Return the image of each frame.

        Raises:
            InputError: Two images have the name of a frame.
        """
        places = [self.root / clip.id, self.root / clip.id / "frames"]
        places += [self.root] if self._is_only_clip else []
        for place in places:
            if place.is_dir() and (images := _images_by_name(place)):
                return [images.get(name) for name in clip.frame_names]
        return [None] * len(clip.frame_names)


class PictureReader:
    """Reads pictures; a video stays open as long as its frames are asked for."""

    def __init__(self) -> None:
        self._video: VideoReader | None = None

    def read(self, picture: Picture) -> NDArray[np.uint8]:
        """Read a picture, (H, W, 3) RGB.

        Raises:
            InputError: Missing or damaged.
        """
        if isinstance(picture, Path):
            return read_rgb(picture)
        if self._video is None or str(self._video.path) != picture.video:
            self.close()
            self._video = VideoReader(Path(picture.video))
        return self._video.read(picture.index)

    def close(self) -> None:
        """Close the video."""
        if self._video is not None:
            self._video.close()
            self._video = None


def open_pictures(archive: InstanceArchive, frames: Path | None) -> PictureSource | None:
    """Find out where the pictures of frames are.

    Args:
        archive: The masks.
        frames: A data set or folder; None takes the images that the archive names.

    Returns:
        The source; None when nobody knows any picture.

    Raises:
        InputError: There is no data set or folder at that place.
    """
    if frames is None:
        is_named = archive.root is not None and any(clip.frames for clip in archive.clips)
        return NamedPictures(archive) if is_named else None
    if frames.is_file() or (frames / INDEX).is_file():
        return DatasetPictures(frames)
    return FolderPictures(frames, is_only_clip=len(archive.clips) == 1)


def check_pictures(source: PictureSource, clips: Sequence[InstanceClip]) -> None:
    """Look whether pictures are there and have the shape of the masks, by one of each clip.

    Raises:
        InputError: No clip has any, a file is missing, or its picture has another shape.
    """
    num_found = 0
    for clip in clips:
        pictures = [picture for picture in source.of_clip(clip) if picture is not None]
        num_found += len(pictures)
        if pictures and isinstance(pictures[0], Path):
            refuse_other_shape(image_size(pictures[0]), clip, what=str(pictures[0]))
    if not num_found:
        raise InputError(
            f"{source.root} has no picture of any frame, such as {clips[0].frame_names[:1]} of "
            f"clip {clips[0].id}",
            hint="clips of a data set must have the same ids; folders are <clip>/<frame>.jpg",
        )


def refuse_other_shape(size: tuple[int, int], clip: InstanceClip, *, what: str) -> None:
    """Refuse a picture or flow that shows more or less than the masks.

    Another resolution will do, and a side that is off by a pixel: what is compared are places
    relative to the frame, and the masks stay as they are.

    Raises:
        InputError: The sides have another proportion.
    """
    by_height, by_width = clip.height / size[0], clip.width / size[1]
    if abs(by_height / by_width - 1) > 1 / min(size) + 1 / min(clip.height, clip.width):
        raise InputError(
            f"{what} is {size[1]}x{size[0]}, masks of clip {clip.id} are "
            f"{clip.width}x{clip.height}: another shape",
            hint="give the frames that the masks were made of",
        )


def relative_names(pictures: Pictures, root: Path) -> tuple[str, ...] | None:
    """Name pictures relative to a folder; None unless all are images below it."""
    names = []
    for picture in pictures:
        if not isinstance(picture, Path) or not picture.is_relative_to(root):
            return None
        names.append(PurePosixPath(picture.relative_to(root)).as_posix())
    return tuple(names)


def _images_by_name(folder: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        path = Path(entry.path)
        if path.suffix.lower() not in IMAGE_SUFFIXES or entry.name.startswith("."):
            continue
        if path.stem in found:
            raise InputError(f"{folder} has two images called {path.stem}", hint="remove one")
        found[path.stem] = path
    return found
