"""The form of DAVIS: a map of object ids for each frame, ``<clip>/<frame>.png``.

Grey or palette; 0 is background, and 255 is void beside other ids, else the one object of a
binary mask. Files may lie in ``<clip>/masks`` too, with images in ``<clip>/frames``, or below
``Annotations/480p`` with images below ``JPEGImages/480p``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vstc.artifacts.workspace import Workspace
from vstc.formats.images import encode_labels, read_labels
from vstc.formats.objects.forms.painting import Overlap, paint_ids
from vstc.formats.objects.forms.source import OBJECT, InstanceSource
from vstc.formats.objects.id_masks import MASKS, VOID, IdClip, is_void, read_id_clip, read_id_masks
from vstc.formats.objects.rle import runs_to_rle
from vstc.formats.objects.runs import runs_by_id
from vstc.formats.objects.store import (
    FrameInstances,
    InstanceArchive,
    InstanceClip,
    InstanceMask,
)

FORM = "davis"
MAX_ID = VOID - 1
_ANNOTATIONS, _IMAGES = "Annotations", "JPEGImages"
_RESOLUTIONS = ("480p", "Full-Resolution", "")


def find_davis(folder: Path) -> InstanceSource:
    """Find maps of object ids.

    Args:
        folder: Holds clips, or ``Annotations``, or is a clip itself.

    Raises:
        InputError: There are none, or maps of a clip differ in size.
    """
    place = annotations_folder(folder)
    clips = {clip.name: clip for clip in _id_clips(place)}
    return InstanceSource(
        form=FORM,
        place=place,
        files=tuple(p.relative_to(place).as_posix() for c in clips.values() for p in c.paths),
        categories=(OBJECT,),
        clips=tuple(
            InstanceClip(clip.name, clip.height, clip.width, None, tuple(clip.frame_names))
            for clip in clips.values()
        ),
        has_identity=True,
        read=lambda clip: _read_clip(clips[clip.id], clip),
        image_folders={name: _image_folder(clip) for name, clip in clips.items()},
    )


def annotations_folder(folder: Path) -> Path:
    """Return the folder of the clips: ``Annotations/480p`` where the folder has it."""
    for resolution in _RESOLUTIONS:
        place = folder / _ANNOTATIONS / resolution
        if place.is_dir():
            return place
    return folder


class DavisWriter:
    """Writes ``<clip>/<frame>.png`` in the colours of DAVIS; files that are there are kept.

    Args:
        workspace: The output.
        overlap: What to do where masks overlap.
    """

    def __init__(self, workspace: Workspace, overlap: Overlap) -> None:
        self._workspace = workspace
        self._overlap = overlap
        self._palette = davis_palette()

    def write(
        self, archive: InstanceArchive, clip: InstanceClip, advance: Callable[[int], None]
    ) -> None:
        """Write the maps of a clip.

        Raises:
            InputError: Masks overlap, or a track is above 254.
        """
        for frame in archive.frames(clip.id):
            name = f"{clip.id}/{frame.name}.png"
            if not self._workspace.has(name):
                ids = paint_ids(clip, frame, overlap=self._overlap, max_id=MAX_ID, form=FORM)
                self._workspace.write_bytes(
                    name, encode_labels(ids.astype(np.uint8, order="C"), self._palette)
                )
            advance(1)

    def finish(self) -> None:
        """There is nothing left to write."""


def davis_palette() -> NDArray[np.uint8]:
    """Return the colours of DAVIS and PASCAL VOC, (256, 3) RGB: bits of the id, spread out."""
    ids = np.arange(256)
    palette = np.zeros((256, 3), np.uint8)
    for bit in range(8):
        for channel in range(3):
            value = (ids >> (3 * bit + channel)) & 1
            palette[:, channel] |= (value << (7 - bit)).astype(np.uint8)
    return palette


def _id_clips(place: Path) -> list[IdClip]:
    for own in (place, place / MASKS):
        if own.is_dir() and any(own.glob("*.png")):
            clip = place.resolve()
            return [read_id_clip(clip.parent.name if clip.name == MASKS else clip.name, own)]
    return read_id_masks(place, is_nested=True)


def _image_folder(clip: IdClip) -> Path:
    """Guess where the images are; the folder need not exist."""
    folder = clip.paths[0].parent
    if folder.name == MASKS:
        return folder.parent / "frames"
    parts = [_IMAGES if part == _ANNOTATIONS else part for part in folder.parts]
    return Path(*parts) if _ANNOTATIONS in folder.parts else folder / "frames"


def _read_clip(files: IdClip, clip: InstanceClip) -> Iterator[FrameInstances]:
    path_of = dict(zip(files.frame_names, files.paths, strict=True))
    ids: set[int] = set()
    for path in files.paths:
        ids.update(np.flatnonzero(np.bincount(read_labels(path).ravel(), minlength=256)).tolist())
    track_of = {value: value for value in ids - {0}}
    if is_void(ids):
        del track_of[VOID]
    elif VOID in ids:
        track_of = {VOID: 1}
    for index, name in enumerate(clip.frame_names):
        masks: list[InstanceMask] = []
        if name in path_of:
            for value, runs in runs_by_id(files.read_path(path_of[name])).items():
                if value in track_of:
                    rle = runs_to_rle(runs, height=clip.height, width=clip.width)
                    masks.append(InstanceMask(track_of[value], OBJECT.id, 1.0, rle))
        yield FrameInstances(index, name, tuple(masks))
