"""Index a folder of images, with or without a folder of labels beside it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

import numpy as np
from pydantic import Field

from vstc.config import Settings
from vstc.data.index.classes import (
    UNUSED_ID,
    ClassTable,
    encoded_table,
    infer_class_table,
    read_class_table,
    refuse_other_table,
)
from vstc.data.index.source import (
    Advance,
    Indexed,
    Source,
    common_root,
    natural_key,
    refuse_twice,
)
from vstc.errors import InputError
from vstc.formats.dataset import Clip
from vstc.formats.images import IMAGE_SUFFIXES, read_labels
from vstc.formats.label_encoding import LabelEncoding

SPLIT_FOLDERS = ("train", "val", "test")


class FolderSettings(Settings):
    """Settings of ``vstc data index folder``.

    Attributes:
        name: Name of the data set; default: of the folder.
        labels: Folder of label images, with the same sub-folders and stems as the images.
        label_suffix: What the stem of a label has after the stem of its image.
        label_encoding: What the values of the labels mean: ``ids`` of the class table,
            ``cityscapes-label-ids``, or ``masks`` (0 is background, all else an object).
        classes: JSON file with the class table; default: made up from the ids in the labels.
        ignore_index: Label id of void, where no class table says it.
        fps: Frame rate of the source video.
        frame_step: Source frames between neighbours; without it frames are not consecutive.
        order: ``natural`` puts f9 before f10, ``lexical`` after it.
        split: Split of clips that lie in no folder called train, val or test.
    """

    name: str | None = None
    labels: str | None = None
    label_suffix: str = ""
    label_encoding: LabelEncoding = LabelEncoding.IDS
    classes: str | None = None
    ignore_index: int = Field(UNUSED_ID, ge=0, le=255)
    fps: float | None = Field(None, gt=0, le=10000)
    frame_step: int | None = Field(None, ge=1)
    order: Literal["natural", "lexical"] = "natural"
    split: str = "all"


@dataclass(frozen=True)
class _Matched:
    """Clips with their labels; ``orphans`` are labels without an image."""

    clips: list[Clip]
    labels: list[str]
    remarks: list[str]


def find_folder(images: Path, settings: FolderSettings, *, workers: int | None = None) -> Source:
    """Take a folder of images as one clip, or each of its sub-folders as a clip.

    Args:
        images: Folder of images. A first sub-folder called train, val or test names the split.
        settings: See ``FolderSettings``.
        workers: Threads that read labels when the class table is made up.

    Raises:
        InputError: No images, no matching labels, or two files with the same stem.
    """
    if not images.is_dir():
        hint = "for videos: vstc data index video" if images.is_file() else None
        raise InputError(f"not a folder: {images}", hint=hint)
    image_root = images.resolve()
    label_root = None
    if settings.labels is not None:
        label_root = Path(settings.labels).resolve()
        if not label_root.is_dir():
            raise InputError(f"not a folder: {settings.labels}", hint="correct --labels")
        if label_root == image_root:
            raise InputError(f"images and labels share the folder {images}", hint="separate them")
    root = common_root([image_root] + ([label_root] if label_root else []))
    matched = _match(image_root, label_root, root, settings)
    table = _known_table(settings, has_labels=bool(matched.labels))

    def build(advance: Advance) -> Indexed:
        if table is not None:
            return Indexed(table, matched.clips, matched.remarks, settings.label_encoding)
        ids = _ids_in([root / name for name in matched.labels], advance, workers)
        inferred = infer_class_table(ids, ignore_index=settings.ignore_index)
        return Indexed(inferred, matched.clips, [*matched.remarks, *_remarks_on(ids)])

    frames = [frame for clip in matched.clips for frame in clip.frames if isinstance(frame, str)]
    return Source(
        name=settings.name or image_root.name,
        place=str(images),
        root=root,
        files=[*frames, *matched.labels],
        units=0 if table is not None else len(matched.labels),
        unit="labels",
        build=build,
    )


def _remarks_on(ids: set[int]) -> list[str]:
    said = [f"class table made up from the ids found: {sorted(ids)}"]
    if ids == {0, 255}:
        said.append(
            "these look like masks, of which 255 is read as void: "
            "--set label_encoding=masks makes it an object"
        )
    return said


def _known_table(settings: FolderSettings, *, has_labels: bool) -> ClassTable | None:
    """Return the class table, or None when the labels have to be looked into."""
    if settings.classes is not None:
        table = read_class_table(Path(settings.classes))
        refuse_other_table(table, settings.label_encoding, where=settings.classes)
        return table
    if not has_labels:
        return ClassTable((), settings.ignore_index)
    return encoded_table(settings.label_encoding)


def _match(images: Path, labels: Path | None, root: Path, settings: FolderSettings) -> _Matched:
    label_of = _labels_by_key(labels, images, root, settings.label_suffix) if labels else {}
    clips: list[Clip] = []
    used: set[str] = set()
    unlabelled: list[str] = []
    for folder, names in _image_folders(images, skip=labels, order=settings.order):
        inner = folder.relative_to(images)
        frames = [(folder / name).relative_to(root).as_posix() for name in names]
        stems = [PurePosixPath(name).stem for name in names]
        refuse_twice(stems, where=f"{folder}, names without suffix:")
        keys = [(inner / stem).as_posix() for stem in stems]
        found = {s: label_of[key] for s, key in zip(stems, keys, strict=True) if key in label_of}
        used |= set(keys)
        unlabelled += [key for key in keys if key not in label_of]
        clips.append(_clip(images.name, inner, frames, found, settings))
    if not clips:
        raise InputError(
            f"no images in {images}", hint=f"known suffixes: {' '.join(sorted(IMAGE_SUFFIXES))}"
        )
    refuse_twice((clip.id for clip in clips), where=f"{images}, clip ids:")
    matching = [path for key, path in label_of.items() if key in used]
    if labels and not matching:
        raise InputError(
            f"no label in {labels} has the stem of an image in {images}",
            hint="give --label-suffix when labels are called like the image and a suffix",
        )
    orphans = sorted(label_of.keys() - used, key=natural_key)
    remarks = _counted("label(s) without an image", orphans)
    if settings.frame_step is None:
        remarks.append("without --frame-step, frames do not count as consecutive")
    if labels:
        remarks += _counted("image(s) without a label", unlabelled)
    return _Matched(clips, matching, remarks)


def _clip(
    name: str, inner: Path, frames: list[str], labels: dict[str, str], settings: FolderSettings
) -> Clip:
    parts = list(inner.parts)
    split = settings.split
    if parts and parts[0] in SPLIT_FOLDERS:
        split = parts[0]
    return Clip(
        id="_".join(parts) or name,
        split=split,
        fps=settings.fps,
        frame_step=settings.frame_step if len(frames) > 1 else None,
        frames=list(frames),
        labels=labels,
    )


def _image_folders(
    root: Path, *, skip: Path | None, order: Literal["natural", "lexical"]
) -> Iterator[tuple[Path, list[str]]]:
    """Walk folders in order, giving the image names of each that has some."""
    for folder, inner, names in os.walk(root, followlinks=True):
        here = Path(folder)
        inner[:] = [n for n in inner if not n.startswith(".") and here / n != skip]
        images = [n for n in names if _is_image(n)]
        if order == "natural":
            inner.sort(key=natural_key)
            images.sort(key=lambda n: natural_key(PurePosixPath(n).stem))
        else:
            inner.sort()
            images.sort()
        if images:
            yield here, images


def _labels_by_key(labels: Path, images: Path, root: Path, suffix: str) -> dict[str, str]:
    """Map the place and stem of the image that a label belongs to, to the label's path."""
    found: dict[str, str] = {}
    for folder, names in _image_folders(labels, skip=images, order="lexical"):
        stems = [PurePosixPath(n).stem for n in names]
        refuse_twice(stems, where=f"{folder}, names without suffix:")
        for name, stem in zip(names, stems, strict=True):
            if stem.endswith(suffix):
                bare = stem.removesuffix(suffix)
                key = (folder.relative_to(labels) / bare).as_posix()
                found[key] = (folder / name).relative_to(root).as_posix()
    return found


def _is_image(name: str) -> bool:
    return not name.startswith(".") and PurePosixPath(name).suffix.lower() in IMAGE_SUFFIXES


def _counted(what: str, names: list[str]) -> list[str]:
    if not names:
        return []
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return [f"{len(names)} {what}: {', '.join(names[:3])}{more}"]


def _ids_in(labels: list[Path], advance: Advance, workers: int | None) -> set[int]:
    """Collect the ids that occur; colour labels are refused here, they need a table."""

    def ids_of(path: Path) -> set[int]:
        return set(np.flatnonzero(np.bincount(read_labels(path).ravel(), minlength=256)).tolist())

    ids: set[int] = set()
    with ThreadPoolExecutor(workers or os.cpu_count() or 1) as pool:
        for found in pool.map(ids_of, labels):
            ids |= found
            advance(1)
    return ids
