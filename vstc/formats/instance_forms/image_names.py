"""How the images of an archive are called in the files of other programs."""

from __future__ import annotations

from vstc.formats.instance_store import InstanceClip


def file_name(clip: InstanceClip, index: int) -> str:
    """Return ``<clip>/<frame>`` with the suffix of the image; ``.jpg`` when that is unknown."""
    suffix = ".jpg"
    if clip.frames is not None:
        name = clip.frames[index].rpartition("/")[2]
        suffix = name.removeprefix(clip.frame_names[index]) or suffix
    return f"{clip.id}/{clip.frame_names[index]}{suffix}"
