"""Clips from a list of images, for files that know of images and not of videos."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import TypeVar

from pydantic import Field

from vstc.errors import InputError
from vstc.formats.objects.forms.frame_images import natural
from vstc.formats.objects.store import InstanceClip
from vstc.formats.objects.tracks import Numbered

AnyImage = TypeVar("AnyImage", bound="NamedImage")


class NamedImage(Numbered):
    """An image of a COCO file."""

    file_name: str
    height: int = Field(ge=1)
    width: int = Field(ge=1)


def clips_of_images(
    images: Sequence[AnyImage], path: Path
) -> tuple[list[InstanceClip], dict[tuple[str, str], AnyImage]]:
    """Take the images of one folder as the frames of a clip, in the order of their names.

    Images at the top belong to a clip named after the file. Images of one folder that differ in
    size are no frames of a video: each becomes a clip of one frame.

    Args:
        images: The images.
        path: The file that lists them.

    Returns:
        The clips, and the image of each clip and frame.

    Raises:
        InputError: Two images have one name.
    """
    folders: dict[str, list[AnyImage]] = {}
    for image in images:
        folder = PurePosixPath(image.file_name.lstrip("/")).parent.as_posix()
        folders.setdefault(path.stem if folder == "." else folder, []).append(image)
    groups: dict[str, list[AnyImage]] = {}
    for name, group in sorted(folders.items()):
        if len({(image.height, image.width) for image in group}) == 1:
            groups[name] = sorted(group, key=lambda image: natural(_stem(image)))
        else:
            for image in group:
                groups.setdefault(f"{name}/{_stem(image)}", []).append(image)
    clips, image_of = [], {}
    for name, group in groups.items():
        for image in group:
            if (name, _stem(image)) in image_of:
                raise InputError(f"{path} has two images of the name {name}/{_stem(image)}")
            image_of[name, _stem(image)] = image
        names = tuple(_stem(image) for image in group)
        clips.append(InstanceClip(name, group[0].height, group[0].width, None, names))
    return clips, image_of


def _stem(image: NamedImage) -> str:
    return PurePosixPath(image.file_name).stem
