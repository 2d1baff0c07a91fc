"""300VW-Mask: face parts in sequences of a second, as ids 0 .. 4 or in the colours of its maker.

``images_orig/<video>_<frame>.jpg`` and ``labels_orig/<video>_<frame>.png``, with lists of splits
in ``data_splits/split_1`` (train, val and test) and ``split_2`` (A, B and C).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, UnidentifiedImageError

from vstc.config import Settings
from vstc.data.index.classes import UNUSED_ID, ClassTable, distinct_color
from vstc.data.index.source import Advance, Indexed, Source, refuse_missing, refuse_twice
from vstc.errors import InputError
from vstc.formats.dataset import Clip, LabelClass

_NAMES = ("background", "face", "eyes", "outer_mouth", "inner_mouth")
# The colours that its Matlab code paints: 1 in a channel, saved as 1 or as 255.
_PAINTED = ((0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 1, 1), (0, 0, 1))
_IMAGES, _LABELS, _LISTS = "images_orig", "labels_orig", "data_splits"
_SPLIT_OF = {"train_per10": "train", "val_per10": "val", "test_per10": "test"}
_FRAME = re.compile(r"(.+)_(\d+)")
_COLOR_MODES = {"RGB", "RGBA"}


class Vw300Settings(Settings):
    """Settings of ``vstc data index 300vw-mask``.

    Attributes:
        lists: Which lists of splits: ``split_1`` or ``split_2``; ``none`` takes all frames.
    """

    lists: str = "split_1"


class _Frame(NamedTuple):
    video: str
    number: int
    split: str
    image: str
    label: str


@dataclass(frozen=True)
class _Looked:
    """How a label file holds classes: ``scale`` is 0 for ids, else what a painted 1 is."""

    path: Path
    scale: int


def find_vw300_mask(root: Path, settings: Vw300Settings | None = None) -> Source:
    """Find the sequences: frames of one split that follow one another are a clip.

    Args:
        root: Folder of ``images_orig`` and ``labels_orig``.
        settings: Which lists.

    Raises:
        InputError: Not the data set, a malformed list, or files missing.
    """
    lists = (settings or Vw300Settings()).lists
    place = root.resolve()
    if not (place / _IMAGES).is_dir() or not (place / _LABELS).is_dir():
        raise InputError(
            f"{root} is not 300VW-Mask", hint=f"give the folder that holds {_IMAGES} and {_LABELS}"
        )
    frames = sorted(_listed(place, lists) if lists != "none" else _all_frames(place))
    if not frames:
        raise InputError(f"{root} has no frames of 300VW-Mask")
    clips = [_clip(run) for run in _runs(frames)]
    refuse_twice((clip.id for clip in clips), where=f"{root}, sequences:")
    files = [name for frame in frames for name in (frame.image, frame.label)]
    refuse_missing(place, files, named_by=f"{_LISTS}/{lists}")

    def build(advance: Advance) -> Indexed:
        looked = []
        for clip in clips:
            looked.append(_look_at(place / next(iter(clip.labels.values()))))
            advance(1)
        return Indexed(_table([found for found in looked if found is not None]), clips)

    return Source(
        name="300vw-mask",
        place=str(root),
        root=place,
        files=sorted(files),
        units=len(clips),
        unit="clips",
        build=build,
    )


def _listed(root: Path, lists: str) -> Iterator[_Frame]:
    folder = root / _LISTS / lists
    paths = sorted(folder.glob("*.txt"))
    if not paths:
        raise InputError(
            f"no lists of splits in {folder}",
            hint="--set lists=split_1 or split_2, or lists=none for all frames",
        )
    for path in paths:
        split = _SPLIT_OF.get(path.stem, path.stem)
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            if not line.strip():
                continue
            words = [word.lstrip("/") for word in line.split()]
            if len(words) != 2:
                raise InputError(f"{path}, line {number} is not an image and a label: {line!r}")
            yield _frame(words[0], words[1], split)


def _all_frames(root: Path) -> Iterator[_Frame]:
    for path in (root / _IMAGES).glob("*.jpg"):
        yield _frame(f"{_IMAGES}/{path.name}", f"{_LABELS}/{path.stem}.png", "all")


def _frame(image: str, label: str, split: str) -> _Frame:
    match = _FRAME.fullmatch(Path(image).stem)
    if match is None:
        raise InputError(f"{image} is not named <video>_<frame>.jpg")
    return _Frame(match[1], int(match[2]), split, image, label)


def _runs(frames: Sequence[_Frame]) -> Iterator[list[_Frame]]:
    """Cut sorted frames where the video or split changes, or a number is left out."""
    frames = sorted(frames, key=lambda frame: (frame.split, frame.video, frame.number))
    run: list[_Frame] = []
    for frame in frames:
        is_next = run and (frame.split, frame.video, frame.number - 1) == (
            run[-1].split,
            run[-1].video,
            run[-1].number,
        )
        if run and not is_next:
            yield run
            run = []
        run.append(frame)
    if run:
        yield run


def _clip(run: Sequence[_Frame]) -> Clip:
    return Clip(
        id=f"{run[0].video}_{run[0].number:06d}",
        split=run[0].split,
        frame_step=1 if len(run) > 1 else None,
        frames=[frame.image for frame in run],
        labels={Path(frame.image).stem: frame.label for frame in run},
    )


def _look_at(path: Path) -> _Looked | None:
    """Tell ids from colours, and how bright the colours are; None where all is black."""
    try:
        with Image.open(path) as image:
            image.load()
            is_color = image.mode in _COLOR_MODES
            values = np.asarray(image.convert("RGB") if is_color else image)
    except (OSError, UnidentifiedImageError, SyntaxError, ValueError) as error:
        raise InputError(f"label is not readable: {path}: {error}") from error
    highest = int(values.max())
    if not is_color and highest < len(_NAMES):
        return _Looked(path, 0)
    if is_color and highest in (0, 1, 255):
        return _Looked(path, highest) if highest else None
    what = "colours" if is_color else "ids"
    raise InputError(
        f"{path} holds {what} up to {highest}, which are none of 300VW-Mask",
        hint="labels are ids 0 to 4, or colours of channels 0 and 255",
    )


def _table(looked: Sequence[_Looked]) -> ClassTable:
    first = looked[0] if looked else _Looked(Path(), 0)
    for other in looked:
        if other.scale != first.scale:
            raise InputError(
                f"labels are coded in two ways: {first.path} and {other.path}",
                hint="bring all labels to ids 0 to 4",
            )
    classes = []
    for number, (name, painted) in enumerate(zip(_NAMES, _PAINTED, strict=True)):
        red, green, blue = (first.scale * channel for channel in painted)
        color = (red, green, blue) if first.scale else distinct_color(number)
        classes.append(LabelClass(id=number, name=name, color=color))
    return ClassTable(classes, UNUSED_ID)
