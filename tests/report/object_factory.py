"""Masks of moving discs and their trimaps, as artifacts made by the real writers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vstc.artifacts.workspace import open_artifact
from vstc.formats.objects.rle import encode_mask
from vstc.formats.objects.store import (
    ClipWriter,
    FrameInstances,
    InstanceCategory,
    InstanceClip,
    InstanceMask,
    write_index,
)
from vstc.trimaps.export import export_trimaps, plan_export
from vstc.trimaps.settings import ExportSettings

HEIGHT, WIDTH, FRAMES = 60, 90, 8
CATEGORIES = (InstanceCategory(1, "person"), InstanceCategory(2, "dog & <cat>"))
# Start and speed in x, y, radius, category, score, and the frames in which it is there.
DISCS = {
    1: (15, 4, 22, 11, 1, 0.9, range(FRAMES)),
    4: (70, -3, 40, 8, 2, 0.5, (2, 3, 6, 7)),
}


def disc(track: int, index: int) -> NDArray[np.bool_]:
    x, speed, y, radius, *_ = DISCS[track]
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    return np.asarray((rows - y) ** 2 + (columns - x - speed * index) ** 2 < radius**2)


def instances_at(index: int) -> tuple[InstanceMask, ...]:
    there = [(t, d) for t, d in DISCS.items() if index in d[-1]]
    return tuple(
        InstanceMask(track, values[4], values[5], encode_mask(disc(track, index)))
        for track, values in there
    )


def make_instances(
    folder: Path,
    *,
    frames: Path | None = None,
    clips: int = 1,
    has_identity: bool = True,
    is_empty: bool = False,
) -> Path:
    """Write instance masks; ``frames`` is a folder to write images of the frames to."""
    names = tuple(f"{index:05d}" for index in range(FRAMES))
    made = []
    with open_artifact(folder, kind="vstc.instances", config={}) as workspace:
        for number in range(clips):
            images = tuple(f"clip{number}/{name}.png" for name in names) if frames else None
            clip = InstanceClip(f"clip{number}", HEIGHT, WIDTH, 25.0, names, images)
            with ClipWriter(folder, clip) as writer:
                for index, name in enumerate(names):
                    masks = () if is_empty else instances_at(index)
                    writer.write(FrameInstances(index, name, masks))
            made.append(clip)
        if frames:
            write_frames(frames, [clip.id for clip in made], names)
        write_index(
            folder,
            name="discs",
            source="a test",
            categories=CATEGORIES,
            clips=made,
            has_identity=has_identity,
            root=frames,
        )
        workspace.finish()
    return folder


def write_frames(folder: Path, clips: list[str], names: tuple[str, ...]) -> None:
    rng = np.random.default_rng(0)
    for clip in clips:
        (folder / clip).mkdir(parents=True)
        for name in names:
            image = rng.integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)
            Image.fromarray(image).save(folder / clip / f"{name}.png")


def make_trimaps(folder: Path, instances: Path, **settings: object) -> Path:
    chosen = ExportSettings.model_validate({"radius": 3.0} | settings)
    plan = plan_export(instances, chosen)
    config = chosen.as_json()
    with open_artifact(folder, kind="vstc.trimaps", config=config, inputs=plan.inputs) as workspace:
        workspace.finish(metrics=export_trimaps(plan, folder, workers=1))
    return folder
