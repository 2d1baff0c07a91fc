"""Maps of classes, as ``vstc predict`` writes them: each connected part of a class is an object.

Parts that touch at a corner are one. Nothing ties the objects of one frame to those of the next.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from vstc.errors import ConfigError, InputError, unknown_name
from vstc.formats.dataset import LabelClass
from vstc.formats.images import read_labels
from vstc.formats.objects.forms.source import InstanceSource, frame_by_frame
from vstc.formats.objects.id_masks import IdClip, read_id_masks
from vstc.formats.objects.rle import encode_mask
from vstc.formats.objects.store import InstanceCategory, InstanceClip, InstanceMask

FORM = "classes"
_CONFIDENCE = "confidence"
_CONNECTED_AT_CORNERS = 8


@dataclass(frozen=True)
class ObjectClasses:
    """Which classes are objects.

    Attributes:
        categories: The classes.
        min_area: Parts with fewer pixels are left out.
    """

    categories: tuple[InstanceCategory, ...]
    min_area: int


def choose_classes(names: Sequence[str], table: Sequence[LabelClass]) -> list[InstanceCategory]:
    """Look classes up by name or id.

    Args:
        names: Names, or ids as text.
        table: The classes that there are; empty when unknown: then only ids can be given.

    Raises:
        ConfigError: No class was chosen, or one does not exist.
    """
    known = {entry.name: entry.id for entry in table if not entry.ignore}
    name_of = {number: name for name, number in known.items()}
    if not names:
        listed = ", ".join(known) or "ids, such as 11"
        raise ConfigError(
            "class maps do not tell which classes are objects",
            hint=f"choose some with --objects: {listed}",
        )
    chosen = {}
    for name in names:
        number = known.get(name, int(name) if name.isascii() and name.isdigit() else None)
        if number is None or (table and number not in name_of):
            raise unknown_name("class", name, known)
        chosen[number] = InstanceCategory(number, name_of.get(number, f"class_{number}"))
    return list(chosen.values())


def find_class_maps(folder: Path, classes: ObjectClasses) -> InstanceSource:
    """Find class maps, ``<clip>/<frame>.png``.

    The score of an object is its mean confidence where ``<clip>/confidence/<frame>.png`` tells
    it, else 1.

    Raises:
        InputError: There are none, or maps of a clip differ in size.
    """
    clips = {clip.name: clip for clip in read_id_masks(folder, is_nested=True)}
    path_of = {
        (clip.name, name): path
        for clip in clips.values()
        for name, path in zip(clip.frame_names, clip.paths, strict=True)
    }

    def read(clip_id: str, name: str) -> tuple[InstanceMask, ...] | None:
        path = path_of.get((clip_id, name))
        return None if path is None else _objects(path, clips[clip_id], classes)

    return InstanceSource(
        form=FORM,
        place=folder,
        files=tuple(path.relative_to(folder).as_posix() for path in path_of.values()),
        categories=classes.categories,
        clips=tuple(
            InstanceClip(clip.name, clip.height, clip.width, None, tuple(clip.frame_names))
            for clip in clips.values()
        ),
        has_identity=False,
        read=frame_by_frame(read),
        image_folders={},
    )


def _objects(path: Path, clip: IdClip, classes: ObjectClasses) -> tuple[InstanceMask, ...]:
    labels = clip.read_path(path)
    confidence = _confidence(path, labels.shape)
    masks: list[InstanceMask] = []
    for category in classes.categories:
        is_class = (labels == category.id).astype(np.uint8)
        count, parts, boxes, _ = cv2.connectedComponentsWithStats(
            is_class, connectivity=_CONNECTED_AT_CORNERS
        )
        for part in range(1, count):
            if boxes[part, cv2.CC_STAT_AREA] < classes.min_area:
                continue
            pixels = parts == part
            score = 1.0 if confidence is None else float(confidence[pixels].mean()) / 255
            masks.append(InstanceMask(len(masks) + 1, category.id, score, encode_mask(pixels)))
    return tuple(masks)


def _confidence(path: Path, shape: Collection[int]) -> NDArray[np.uint8] | None:
    place = path.parent / _CONFIDENCE / path.name
    if not place.is_file():
        return None
    confidence = read_labels(place)
    if confidence.shape != shape:
        raise InputError(f"{place} has another size than {path}")
    return confidence
