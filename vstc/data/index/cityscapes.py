"""Cityscapes with its 19 classes: single frames, or the 30-frame snippets around them.

A frame is called ``<city>_<sequence>_<frame>``. Of each snippet, recorded at 17 Hz, the frame at
place 19 has a label.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from vstc.data.index.classes import UNUSED_ID, ClassTable
from vstc.data.index.source import Advance, Indexed, Source, refuse_twice
from vstc.errors import InputError
from vstc.formats.cityscapes import CITYSCAPES_CLASSES
from vstc.formats.dataset import Clip
from vstc.formats.label_encoding import LabelEncoding

FPS = 17.0
SNIPPET_FRAMES = 30
LABELLED_PLACE = 19
CITYSCAPES_TABLE = ClassTable(CITYSCAPES_CLASSES, UNUSED_ID)
_SPLITS = ("train", "val", "test", "train_extra")
_UNLABELLED_SPLITS = frozenset({"test"})
_FRAMES, _SEQUENCES, _LABELS = "leftImg8bit", "leftImg8bit_sequence", "gtFine"
_TRAIN_IDS, _LABEL_IDS = "_gtFine_labelTrainIds.png", "_gtFine_labelIds.png"
_FRAME = re.compile(r"(.+)_(\d{6})_(\d{6})_leftImg8bit\.png")


class Frame(NamedTuple):
    """A frame, and what its name says."""

    city: str
    sequence: str
    number: int
    path: str

    @property
    def key(self) -> str:
        """What frame and label have in common: ``<city>_<sequence>_<frame>``."""
        return f"{self.city}_{self.sequence}_{self.number:06d}"

    @property
    def name(self) -> str:
        """Name of the frame in a data set."""
        return PurePosixPath(self.path).stem


@dataclass(frozen=True)
class Labels:
    """Label files by frame key, all of one encoding."""

    path_of: dict[str, str]
    encoding: LabelEncoding


def find_cityscapes(root: Path) -> Source:
    """Find Cityscapes in the folders that its archives unpack to.

    Splits of which ``leftImg8bit_sequence`` is there become clips of 30 frames; of the others,
    each city becomes a clip of frames that do not follow one another. Labels are the train ids
    where every labelled frame has them, else the label ids, which are mapped when read.

    Args:
        root: Folder with ``leftImg8bit`` or ``leftImg8bit_sequence``, and with ``gtFine``.

    Raises:
        InputError: Neither is there, a snippet is not whole, or a label has no frame.
    """
    place = root.resolve()
    labels = _find_labels(place)
    clips: list[Clip] = []
    for split in _SPLITS:
        split_labels = {} if split in _UNLABELLED_SPLITS else labels.path_of
        if (place / _SEQUENCES / split).is_dir():
            frames = _frames_by_city(place, f"{_SEQUENCES}/{split}")
            clips += [_snippet(split, part, split_labels) for part in _snippets(frames)]
        elif (place / _FRAMES / split).is_dir():
            frames = _frames_by_city(place, f"{_FRAMES}/{split}")
            clips += [_city(split, part, split_labels) for part in frames]
    if not clips:
        what = "Cityscapes" if root.is_dir() else "a folder"
        raise InputError(
            f"{root} is not {what}",
            hint="give the folder that holds leftImg8bit/<split>/<city> or "
            "leftImg8bit_sequence/<split>/<city>, and gtFine/<split>/<city>",
        )
    refuse_twice((clip.id for clip in clips), where=f"{root}, cities and snippets:")
    _refuse_lost_labels(labels, clips, root)
    files = [name for clip in clips for name in [*clip.frames, *clip.labels.values()]]
    remarks = _remarks(place, clips, labels)

    def build(advance: Advance) -> Indexed:
        del advance
        return Indexed(CITYSCAPES_TABLE, clips, remarks, labels.encoding)

    return Source(
        name="cityscapes",
        place=str(root),
        root=place,
        files=sorted(str(name) for name in files),
        units=0,
        unit="files",
        build=build,
    )


def _find_labels(root: Path) -> Labels:
    train_ids, label_ids = {}, {}
    for split in _SPLITS:
        if split in _UNLABELLED_SPLITS:
            continue
        for path in _files(root, f"{_LABELS}/{split}"):
            name = PurePosixPath(path).name
            if name.endswith(_TRAIN_IDS):
                train_ids[name.removesuffix(_TRAIN_IDS)] = path
            elif name.endswith(_LABEL_IDS):
                label_ids[name.removesuffix(_LABEL_IDS)] = path
    if train_ids.keys() >= label_ids.keys():
        return Labels(train_ids, LabelEncoding.IDS)
    lacking = sorted(train_ids.keys() - label_ids.keys())
    if lacking:
        raise InputError(
            f"{root / _LABELS} has neither train ids nor label ids of all labelled frames: "
            f"{lacking[0]} lacks {_LABEL_IDS}, "
            f"{min(label_ids.keys() - train_ids.keys())} lacks {_TRAIN_IDS}",
            hint="unpack gtFine again, or make the train ids of all frames",
        )
    return Labels(label_ids, LabelEncoding.CITYSCAPES)


def _frames_by_city(root: Path, folder: str) -> list[list[Frame]]:
    """Collect the frames of a split, those of each city in the order of time."""
    cities: dict[str, list[Frame]] = {}
    for path in _files(root, folder):
        match = _FRAME.fullmatch(PurePosixPath(path).name)
        if match is None:
            raise InputError(
                f"not the name of a Cityscapes frame: {root / path}",
                hint="such as aachen_000000_000019_leftImg8bit.png; remove what does not belong",
            )
        frame = Frame(match[1], match[2], int(match[3]), path)
        cities.setdefault(PurePosixPath(path).parent.name, []).append(frame)
    return [sorted(frames) for _, frames in sorted(cities.items())]


def _files(root: Path, folder: str) -> Iterator[str]:
    """Give the PNG files below a folder, relative to the root."""
    for place, inner, names in os.walk(root / folder, followlinks=True):
        inner.sort()
        here = Path(place).relative_to(root).as_posix()
        yield from (f"{here}/{n}" for n in sorted(names) if n.endswith(".png") and n[0] != ".")


def _snippets(cities: Iterable[list[Frame]]) -> Iterator[list[Frame]]:
    """Cut the frames of each city where numbers are missing, and long runs after 30 frames."""
    for frames in cities:
        run: list[Frame] = []
        for frame in frames:
            is_next = run and frame[:2] == run[-1][:2] and frame.number == run[-1].number + 1
            if run and not is_next:
                raise _broken(run)
            run.append(frame)
            if len(run) == SNIPPET_FRAMES:
                yield run
                run = []
        if run:
            raise _broken(run)


def _broken(run: list[Frame]) -> InputError:
    return InputError(
        f"the snippet that begins with {run[0].path} is not whole: {len(run)} frames follow one "
        f"another, not {SNIPPET_FRAMES}",
        hint="unpack leftImg8bit_sequence again",
    )


def _snippet(split: str, frames: list[Frame], label_of: dict[str, str]) -> Clip:
    for place, frame in enumerate(frames):
        if place != LABELLED_PLACE and frame.key in label_of:
            raise InputError(
                f"{frame.path} has a label but is frame {place} of its snippet, not "
                f"{LABELLED_PLACE}",
                hint="frames are missing or too many: unpack leftImg8bit_sequence again",
            )
    return Clip(
        id=frames[LABELLED_PLACE].key,
        split=split,
        fps=FPS,
        frame_step=1,
        frames=[frame.path for frame in frames],
        labels=_labels_of(frames, label_of),
    )


def _city(split: str, frames: list[Frame], label_of: dict[str, str]) -> Clip:
    return Clip(
        id=PurePosixPath(frames[0].path).parent.name,
        split=split,
        fps=FPS,
        frame_step=None,
        frames=[frame.path for frame in frames],
        labels=_labels_of(frames, label_of),
    )


def _labels_of(frames: list[Frame], label_of: dict[str, str]) -> dict[str, str]:
    return {frame.name: label_of[frame.key] for frame in frames if frame.key in label_of}


def _refuse_lost_labels(labels: Labels, clips: list[Clip], root: Path) -> None:
    """Refuse labels of a split whose frames are there, but not theirs."""
    splits = {clip.split for clip in clips}
    used = {path for clip in clips for path in clip.labels.values()}
    lost = [
        path
        for path in sorted(labels.path_of.values())
        if path not in used and PurePosixPath(path).parts[1] in splits
    ]
    if lost:
        raise InputError(
            f"{len(lost)} label(s) of {root} have no frame, first: {lost[0]}",
            hint="unpack leftImg8bit again",
        )


def _remarks(root: Path, clips: list[Clip], labels: Labels) -> list[str]:
    remarks = []
    if labels.encoding is LabelEncoding.CITYSCAPES:
        remarks.append("labels hold label ids; they are mapped to the 19 train ids when read")
    if any(clip.split in _UNLABELLED_SPLITS for clip in clips):
        remarks.append("labels of the split test are blank and left out")
    bare = [clip.id for clip in clips if clip.split in ("train", "val") and not clip.labels]
    if bare:
        remarks.append(f"{len(bare)} clip(s) of train or val have no label, first: {bare[0]}")
    found = {path.name for place in (_FRAMES, _SEQUENCES) for path in (root / place).glob("*/")}
    if others := sorted(found - set(_SPLITS)):
        remarks.append(f"not a split of Cityscapes, left out: {', '.join(others)}")
    return remarks
