"""Instance artifacts for tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vstc.artifacts.workspace import open_artifact
from vstc.formats.objects.index import KIND
from vstc.formats.objects.rle import runs_to_rle
from vstc.formats.objects.runs import runs_by_id
from vstc.formats.objects.store import (
    ClipWriter,
    FrameInstances,
    InstanceCategory,
    InstanceClip,
    InstanceMask,
    write_index,
)

CATEGORIES = (InstanceCategory(0, "object"), InstanceCategory(1, "other"))


def write_archive(
    folder: Path,
    clips: Mapping[str, Sequence[Sequence[InstanceMask]]],
    *,
    size: tuple[int, int],
    names: Mapping[str, Sequence[str]] | None = None,
    has_identity: bool = False,
    frames_root: Path | None = None,
) -> Path:
    """Write a complete artifact; return its folder.

    Args:
        folder: Where to.
        clips: The masks of each frame, by clip.
        size: Height and width.
        names: Names of the frames, by clip; 00000, 00001 and so on otherwise.
        has_identity: Whether the tracks mean something.
        frames_root: Folder with ``<clip>/<frame>.png`` to name as images of the frames.
    """
    held = []
    with open_artifact(folder, kind=KIND, config={}) as workspace:
        for clip_id, frames in clips.items():
            found = (names or {}).get(clip_id) or [f"{index:05d}" for index in range(len(frames))]
            images = tuple(f"{clip_id}/{name}.png" for name in found)
            clip = InstanceClip(
                id=clip_id,
                height=size[0],
                width=size[1],
                fps=10.0,
                frame_names=tuple(found),
                frames=images if frames_root else None,
            )
            with ClipWriter(folder, clip) as writer:
                for index, (name, masks) in enumerate(zip(found, frames, strict=True)):
                    writer.write(FrameInstances(index, name, tuple(masks)))
            held.append(clip)
        write_index(
            folder,
            name="test",
            source="a test",
            categories=CATEGORIES,
            clips=held,
            has_identity=has_identity,
            root=frames_root,
        )
        workspace.finish()
    return folder


def masks_of_map(ids: NDArray[np.uint8], *, min_area: int = 1) -> list[InstanceMask]:
    """The objects of an id map, tracks as in the map."""
    masks = []
    for number, runs in runs_by_id(ids).items():
        rle = runs_to_rle(runs, height=ids.shape[0], width=ids.shape[1])
        if rle.area >= min_area:
            masks.append(InstanceMask(number, 0, 1.0, rle))
    return masks


def shuffled(
    frames: Sequence[Sequence[InstanceMask]], rng: np.random.Generator
) -> list[list[InstanceMask]]:
    """The same masks with new tracks in each frame, in another order."""
    result = []
    for masks in frames:
        tracks = rng.permutation(np.arange(1, len(masks) + 4))[: len(masks)].tolist()
        order = rng.permutation(len(masks)).tolist()
        result.append(
            [
                InstanceMask(track, masks[place].category_id, masks[place].score, masks[place].rle)
                for track, place in zip(tracks, order, strict=True)
            ]
        )
    return result
