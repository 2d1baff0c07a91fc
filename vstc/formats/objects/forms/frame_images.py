"""The images of the frames that masks belong to: found by name, held against the masks."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from vstc.errors import InputError
from vstc.formats.dataset import Dataset
from vstc.formats.images import IMAGE_SUFFIXES, image_size
from vstc.formats.objects.forms.source import InstanceSource
from vstc.formats.objects.store import InstanceClip
from vstc.formats.objects.tracks import shown_size

_PLACES = ("{}", "{}/frames", "480p/{}", "JPEGImages/480p/{}", "JPEGImages/{}")
_SHOWN = 3


class MissingMasks(StrEnum):
    """What to do with frames that have an image but no mask file.

    ``ERROR``: refuse. ``EMPTY``: they have no objects. ``SKIP``: they are no frames of the clip.
    """

    ERROR = "error"
    EMPTY = "empty"
    SKIP = "skip"


@dataclass(frozen=True)
class FrameImages:
    """Images of the frames of clips.

    Attributes:
        root: Folder that paths are relative to.
        paths: By clip id: the image of each frame by its name, in time order.
        fps: Frames per second by clip id, where known.
    """

    root: Path
    paths: Mapping[str, Mapping[str, str]]
    fps: Mapping[str, float | None]


def images_in_folder(folder: Path, clip_ids: Sequence[str]) -> FrameImages:
    """Find the images of clips: in ``<clip>``, ``<clip>/frames`` or as DAVIS has them.

    Images at the top of the folder belong to the clip when there is only one.

    Raises:
        InputError: No folder, or a clip without images.
    """
    if not folder.is_dir():
        raise InputError(f"folder of frames not found: {folder}")
    root = folder.resolve()
    paths = {}
    for clip_id in clip_ids:
        places = [place.format(clip_id) for place in _PLACES] + ["."] * (len(clip_ids) == 1)
        for place in places:
            if found := _images(root / place, root):
                paths[clip_id] = found
                break
        else:
            raise InputError(
                f"{folder} has no frames of clip {clip_id}",
                hint="frames must be named <clip>/<frame>.jpg; --set clips takes some clips only",
            )
    return FrameImages(root, paths, {})


def images_of_dataset(dataset: Dataset, clip_ids: Sequence[str]) -> FrameImages:
    """Take the images of the clips of a data set.

    Raises:
        InputError: It lacks a clip, or the clip is in a video file.
    """
    paths, fps = {}, {}
    for clip_id in clip_ids:
        clip = dataset.clip(clip_id)
        if not all(isinstance(frame, str) for frame in clip.frames):
            raise InputError(f"clip {clip_id} of {dataset.name} is a video file, not images")
        paths[clip_id] = dict(zip(clip.frame_names, map(str, clip.frames), strict=True))
        fps[clip_id] = clip.fps if clip.frame_step == 1 else None
    return FrameImages(dataset.root, paths, fps)


def images_beside_masks(source: InstanceSource) -> FrameImages | None:
    """Take the images that lie beside the masks where they usually do; None when there are none."""
    folders = {name: path.resolve() for name, path in source.image_folders.items()}
    folders = {name: path for name, path in folders.items() if _images(path, path)}
    if not folders:
        return None
    root = Path(os.path.commonpath([str(path) for path in folders.values()]))
    return FrameImages(root, {name: _images(path, root) for name, path in folders.items()}, {})


def with_images(
    source: InstanceSource, images: FrameImages, missing: MissingMasks | None
) -> InstanceSource:
    """Give the clips of a source their images.

    Args:
        source: The masks.
        images: The images; clips that have none stay as they are.
        missing: What to do with images without a mask; default: an error, but where the source
            lists its frames, other images are no frames.

    Raises:
        InputError: A mask without image, an image without mask, or of another size.
    """
    missing = missing or (MissingMasks.SKIP if source.lists_frames else MissingMasks.ERROR)
    clips = [
        _with_images(clip, images, missing) if clip.id in images.paths else clip
        for clip in source.clips
    ]
    return replace(source, clips=tuple(clips))


def _with_images(clip: InstanceClip, images: FrameImages, missing: MissingMasks) -> InstanceClip:
    found = images.paths[clip.id]
    unknown = [name for name in clip.frame_names if name not in found]
    if unknown:
        raise InputError(
            f"clip {clip.id}: {len(unknown)} frame(s) of the masks have no image in "
            f"{images.root}: {_some(unknown)}"
        )
    known = set(clip.frame_names)
    lacking = [name for name in found if name not in known]
    if lacking and missing is MissingMasks.ERROR:
        raise InputError(
            f"clip {clip.id}: {len(lacking)} of {len(found)} frames have no mask: {_some(lacking)}",
            hint="--set missing_masks=empty takes them as frames without objects, "
            "missing_masks=skip leaves them out",
        )
    for name in clip.frame_names:
        path = images.root / found[name]
        size = image_size(path)
        if size != (clip.height, clip.width):
            raise InputError(
                f"clip {clip.id}, frame {name}: the mask is "
                f"{shown_size((clip.height, clip.width))}, the image {shown_size(size)}: {path}",
                hint="make the masks again at the size of the images",
            )
    names = list(found) if missing is MissingMasks.EMPTY else [n for n in found if n in known]
    return replace(
        clip,
        fps=clip.fps or images.fps.get(clip.id),
        frame_names=tuple(names),
        frames=tuple(found[name] for name in names),
    )


def _images(folder: Path, root: Path) -> dict[str, str]:
    """List the images of a folder by their names, in natural order."""
    if not folder.is_dir():
        return {}
    paths = [path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES]
    paths = [path for path in paths if not path.name.startswith(".")]
    paths.sort(key=lambda path: natural(path.stem))
    return {path.stem: path.relative_to(root).as_posix() for path in paths}


def natural(name: str) -> list[str | int]:
    """Order names as people do: 9 before 10."""
    parts = re.split(r"(\d+)", name)  # text and digits in turn
    return [int(part) if index % 2 else part for index, part in enumerate(parts)]


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
