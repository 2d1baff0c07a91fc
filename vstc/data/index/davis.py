"""DAVIS and what is laid out like it: masks of objects beside the frames of each sequence.

Either ``JPEGImages/480p/<sequence>`` with ``Annotations/480p/<sequence>`` and lists of splits in
``ImageSets``, or ``<sequence>/frames`` with ``<sequence>/masks``.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from vstc.data.index.classes import ClassTable, encoded_table
from vstc.data.index.image_names import images_in, step_of
from vstc.data.index.source import Advance, Indexed, Source, natural_key
from vstc.errors import InputError
from vstc.formats.dataset import Clip
from vstc.formats.images import image_size
from vstc.formats.label_encoding import LabelEncoding

FPS = 24.0
_RESOLUTIONS = ("480p", "Full-Resolution", "1080p", "")
_IMAGES, _MASKS, _LISTS = "JPEGImages", "Annotations", "ImageSets"
_JOINED_LISTS = frozenset({"trainval"})  # repeat sequences of other lists


def find_davis(root: Path) -> Source:
    """Find sequences with masks; labels are object (any id) or background.

    Args:
        root: Folder of one of the two layouts.

    Raises:
        InputError: Neither layout, or a mask without its frame.
    """
    place = root.resolve()
    resolution = next((r for r in _RESOLUTIONS if (place / _IMAGES / r).is_dir()), None)
    if resolution is not None:
        folders = {
            folder.name: (folder, place / _MASKS / resolution / folder.name)
            for folder in _folders(place / _IMAGES / resolution)
        }
        splits = _splits(place / _LISTS, folders)
        fps: float | None = FPS
    else:
        folders = {f.name: (f / "frames", f / "masks") for f in _folders(place)}
        splits, fps = {}, None
    clips = [
        clip
        for name, (frames, masks) in folders.items()
        if (clip := _clip(name, frames, masks, place, splits.get(name, "all"), fps)) is not None
    ]
    if not clips:
        raise InputError(
            f"{root} holds no sequences with masks",
            hint="give a folder of JPEGImages/480p and Annotations/480p, or of <clip>/frames "
            "and <clip>/masks",
        )
    masks_of = [(clip, name) for clip in clips for name in clip.labels]

    def build(advance: Advance) -> Indexed:
        for clip, name in masks_of:
            _refuse_other_size(clip, name, place)
            advance(1)
        table = encoded_table(LabelEncoding.MASKS)
        assert isinstance(table, ClassTable)
        return Indexed(table, clips, _remarks(clips), LabelEncoding.MASKS)

    files = [str(name) for clip in clips for name in [*clip.frames, *clip.labels.values()]]
    return Source(
        name=place.name,
        place=str(root),
        root=place,
        files=sorted(files),
        units=len(masks_of),
        unit="masks",
        build=build,
    )


def _folders(place: Path) -> list[Path]:
    inner = [path for path in place.iterdir() if path.is_dir()] if place.is_dir() else []
    return sorted(inner, key=lambda path: natural_key(path.name))


def _clip(
    name: str, frames: Path, masks: Path, root: Path, split: str, fps: float | None
) -> Clip | None:
    """Describe a sequence; None for a folder without frames or without masks."""
    images = images_in(frames, root)
    labels = {PurePosixPath(path).stem: path for path in images_in(masks, root)}
    if not images or not labels:
        return None
    known = {PurePosixPath(path).stem for path in images}
    lost = [label for label in labels if label not in known]
    if lost:
        raise InputError(
            f"sequence {name}: {len(lost)} mask(s) have no frame in {frames}, first: {lost[0]}",
            hint="complete the frames, or remove the masks",
        )
    return Clip(
        id=name,
        split=split,
        fps=fps,
        frame_step=step_of(images),
        frames=list(images),
        labels=labels,
        instances=labels,
    )


def _splits(lists: Path, names: Iterable[str]) -> dict[str, str]:
    """Read the split of each sequence from the folder of lists that names most sequences."""
    known, best = set(names), dict[str, str]()
    for folder in [lists, *_folders(lists)]:
        found: dict[str, str] = {}
        for path in sorted(folder.glob("*.txt")):
            if path.stem in _JOINED_LISTS:
                continue
            for sequence in _sequences(path):
                if sequence in known:
                    found.setdefault(sequence, path.stem)
        if len(found) >= len(best):
            best = found
    return best


def _sequences(path: Path) -> list[str]:
    """Read a list: names, or ``/JPEGImages/480p/<sequence>/00000.jpg <mask>``."""
    words = [line.split()[0] for line in path.read_text(encoding="utf-8").splitlines() if line]
    return [PurePosixPath(w).parent.name if "/" in w else w for w in words]


def _refuse_other_size(clip: Clip, name: str, root: Path) -> None:
    frame = root / str(clip.frames[clip.frame_names.index(name)])
    mask = root / clip.labels[name]
    (height, width), found = image_size(frame), image_size(mask)
    if found != (height, width):
        raise InputError(
            f"mask {mask} is {found[1]}x{found[0]}, its frame {width}x{height}",
            hint="make the mask again at the size of the frame",
        )


def _remarks(clips: Iterable[Clip]) -> list[str]:
    lacking = [clip.id for clip in clips if len(clip.labels) < len(clip.frames)]
    if not lacking:
        return []
    return [f"{len(lacking)} clip(s) have frames without a mask, first: {lacking[0]}"]
