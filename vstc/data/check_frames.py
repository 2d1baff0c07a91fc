"""Read single frames with their labels and say what is wrong with them."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from vstc.data.labels import read_encoded_labels
from vstc.errors import InputError
from vstc.formats.dataset import Clip, Dataset, LabelClass, VideoFrame
from vstc.formats.images import bit_depth, image_size, read_rgb
from vstc.formats.label_encoding import LabelEncoding
from vstc.formats.video.files import VideoReader

# Counts of cv2.calcHist are float32, exact up to here.
_EXACT_PIXELS = 2**24


@dataclass(frozen=True)
class Unit:
    """A frame with what belongs to it; equal units are read once, whoever uses them."""

    source: Path | VideoFrame
    label: Path | None
    instances: Path | None
    encoding: LabelEncoding = LabelEncoding.IDS


@dataclass(frozen=True)
class Reading:
    """What one unit turned out to be.

    Attributes:
        size: (height, width) of the image; None when it is unreadable.
        digest: Checksum of its pixels.
        counts: (256,) pixels by label id; None without a readable label.
        faults: What is wrong, one sentence each.
    """

    size: tuple[int, int] | None = None
    digest: int | None = None
    counts: NDArray[np.int64] | None = None
    faults: list[str] = field(default_factory=list)


def unit_of(dataset: Dataset, clip: Clip, index: int) -> Unit:
    """Tell what has to be read for one frame of a clip."""
    instances = clip.instances.get(clip.frame_names[index])
    return Unit(
        source=dataset.frame_source(clip, index),
        label=dataset.label_path(clip, index),
        instances=None if instances is None else dataset.root / instances,
        encoding=dataset.record.label_encoding,
    )


def read_unit(unit: Unit, classes: Sequence[LabelClass], known_ids: frozenset[int]) -> Reading:
    """Read an image file with its label.

    Args:
        unit: A unit whose source is an image file.
        classes: The class table, for colour labels.
        known_ids: Ids that a label may hold.
    """
    assert isinstance(unit.source, Path)
    try:
        image = read_rgb(unit.source)
        depth = bit_depth(unit.source)
    except InputError as error:
        return _with_label(unit, None, [error.message], classes=classes, known_ids=known_ids)
    faults = [] if depth <= 8 else [f"image has {depth} bits per channel: {unit.source}"]
    return _with_label(unit, image, faults, classes=classes, known_ids=known_ids)


def read_video_units(
    units: Sequence[Unit], classes: Sequence[LabelClass], known_ids: frozenset[int]
) -> Iterator[Reading]:
    """Read frames of one video, in rising order, decoding it once.

    Where decoding ends too early, the first frame that is missing says so and no reading
    follows it.
    """
    first = units[0].source
    assert isinstance(first, VideoFrame)
    try:
        with VideoReader(Path(first.video)) as reader:
            for unit in units:
                assert isinstance(unit.source, VideoFrame)
                image = reader.read(unit.source.index)
                yield _with_label(unit, image, [], classes=classes, known_ids=known_ids)
    except InputError as error:
        yield Reading(faults=[error.message])


def _with_label(
    unit: Unit,
    image: NDArray[np.uint8] | None,
    faults: list[str],
    *,
    classes: Sequence[LabelClass],
    known_ids: frozenset[int],
) -> Reading:
    size = None if image is None else (image.shape[0], image.shape[1])
    digest = None if image is None else zlib.crc32(np.ascontiguousarray(image).data)
    counts = None
    try:
        if unit.label is not None:
            labels = read_encoded_labels(unit.label, classes, unit.encoding)
            faults = faults + _other_size("label", unit.label, labels.shape, size)
            counts = _count_ids(labels)
            faults = faults + _strange_ids(counts, known_ids, unit.label)
        if unit.instances is not None:
            found = image_size(unit.instances)
            faults = faults + _other_size("instance map", unit.instances, found, size)
    except InputError as error:
        faults = [*faults, error.message]
    return Reading(size, digest, counts, faults)


def _other_size(
    what: str, path: Path, found: tuple[int, ...], size: tuple[int, int] | None
) -> list[str]:
    if size is None or tuple(found) == size:
        return []
    height, width = found[0], found[1]
    return [f"{what} is {width}x{height}, its image {size[1]}x{size[0]}: {path}"]


def _count_ids(labels: NDArray[np.uint8]) -> NDArray[np.int64]:
    if labels.size > _EXACT_PIXELS:
        return np.bincount(labels.reshape(-1), minlength=256).astype(np.int64)
    # Unlike numpy's, this count releases the lock, so threads run side by side.
    histogram = cv2.calcHist([np.ascontiguousarray(labels)], [0], None, [256], [0, 256])
    return np.asarray(histogram).reshape(-1).astype(np.int64)


def _strange_ids(counts: NDArray[np.int64], known_ids: frozenset[int], path: Path) -> list[str]:
    strange = [int(value) for value in np.flatnonzero(counts) if int(value) not in known_ids]
    if not strange:
        return []
    listed = ", ".join(f"{value} ({counts[value]} pixels)" for value in strange[:5])
    more = f" and {len(strange) - 5} more" if len(strange) > 5 else ""
    return [f"label holds ids that are not in the class table: {listed}{more}: {path}"]
