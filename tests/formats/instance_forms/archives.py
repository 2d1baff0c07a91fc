"""Small archives of instance masks made in code, and how to compare two of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vstc.artifacts.workspace import open_artifact
from vstc.formats.objects.index import KIND
from vstc.formats.objects.rle import encode_mask
from vstc.formats.objects.store import (
    ClipWriter,
    FrameInstances,
    InstanceArchive,
    InstanceCategory,
    InstanceClip,
    InstanceMask,
    write_index,
)

CATEGORIES = (InstanceCategory(2, "person"), InstanceCategory(5, "dog"))
HEIGHT, WIDTH = 24, 31


def clip_of(clip_id: str, num_frames: int, *, step: int = 1) -> InstanceClip:
    names = tuple(f"{index * step:05d}" for index in range(num_frames))
    return InstanceClip(clip_id, HEIGHT, WIDTH, None, names)


def stripes(num_masks: int, *, shift: int = 0) -> list[NDArray[np.bool_]]:
    """Masks that do not overlap: every so many pixels in a row, with a hole."""
    numbers = (np.arange(HEIGHT * WIDTH) + shift) % (num_masks + 1)
    return [(numbers == place).reshape(HEIGHT, WIDTH) for place in range(num_masks)]


def frames_of(
    clip: InstanceClip, *, num_masks: int, score: float = 1.0, overlapping: bool = False
) -> list[FrameInstances]:
    """Masks that move; track 2 is absent from frame 1, and no one from none."""
    random = np.random.default_rng(num_masks)
    frames = []
    for index, name in enumerate(clip.frame_names):
        masks = stripes(num_masks, shift=3 * index)
        if overlapping:
            masks = [random.random((HEIGHT, WIDTH)) < 0.5 for _ in masks]
        instances = [
            InstanceMask(track, 2 if track % 2 else 5, score, encode_mask(mask))
            for track, mask in enumerate(masks, start=1)
            if not (track == 2 and index == 1)
        ]
        frames.append(FrameInstances(index, name, tuple(instances)))
    return frames


def write_archive(
    folder: Path,
    clips: Sequence[tuple[InstanceClip, Sequence[FrameInstances]]],
    *,
    has_identity: bool = True,
) -> InstanceArchive:
    with open_artifact(folder, kind=KIND, config={}) as workspace:
        for clip, frames in clips:
            with ClipWriter(folder, clip) as writer:
                for frame in frames:
                    writer.write(frame)
        write_index(
            folder,
            name="made",
            source="a test",
            categories=CATEGORIES,
            clips=[clip for clip, _ in clips],
            has_identity=has_identity,
            root=None,
        )
        workspace.finish()
    return InstanceArchive(folder)


Contents = dict[tuple[str, str], dict[int, tuple[str, int, tuple[int, ...]]]]


def masks_of(archive: InstanceArchive) -> Contents:
    """Compressed mask, area and box by clip, frame and track; masks that are not empty."""
    return {
        (clip.id, frame.name): {
            mask.track: (mask.rle.text, mask.rle.area, mask.rle.bounding_box())
            for mask in frame.instances
            if mask.rle.area
        }
        for clip in archive.clips
        for frame in archive.frames(clip.id)
    }


def kinds_of(archive: InstanceArchive) -> list[tuple[int, int, float]]:
    """Track, category and score of all masks."""
    return [
        (mask.track, mask.category_id, mask.score)
        for clip in archive.clips
        for frame in archive.frames(clip.id)
        for mask in frame.instances
    ]
