"""How the images of an archive are called in the files of other programs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from vstc.formats.objects.store import InstanceClip


def file_name(clip: InstanceClip, index: int) -> str:
    """Return ``<clip>/<frame>`` with the suffix of the image; ``.jpg`` when that is unknown."""
    suffix = ".jpg"
    if clip.frames is not None:
        name = clip.frames[index].rpartition("/")[2]
        suffix = name.removeprefix(clip.frame_names[index]) or suffix
    return f"{clip.id}/{clip.frame_names[index]}{suffix}"


def image_entries(clips: Iterable[InstanceClip]) -> Iterator[dict[str, Any]]:
    """Number the frames of all clips from 1, as the list ``images`` of COCO does."""
    number = 0
    for clip in clips:
        for index in range(len(clip.frame_names)):
            number += 1
            size = {"height": clip.height, "width": clip.width}
            yield {"id": number, "file_name": file_name(clip, index)} | size
