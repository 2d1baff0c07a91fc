"""A data set of many short clips, and runs on it that differ in how much they flicker."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.evaluation.scenes import CLASSES, HEIGHT, VOID, WIDTH, world, write_labels
from vstc.artifacts.manifest import input_ref
from vstc.artifacts.workspace import open_artifact
from vstc.formats.dataset import Clip, Dataset, DatasetRecord, load_dataset, write_dataset
from vstc.formats.images import encode_rgb

STEP_PX = 2


def write_clips(folder: Path, count: int, *, frames: int = 3) -> Dataset:
    """Write clips that pan over a world of their own."""
    clips = []
    for number in range(count):
        picture, labels = world(number)
        names, labelled = [], {}
        for index in range(frames):
            name = f"clip{number}_{index}"
            view = np.s_[:, STEP_PX * index : STEP_PX * index + WIDTH]
            (folder / "images").mkdir(parents=True, exist_ok=True)
            (folder / "images" / f"{name}.png").write_bytes(
                encode_rgb(np.ascontiguousarray(picture[view]))
            )
            write_labels(folder / "labels" / f"{name}.png", np.ascontiguousarray(labels[view]))
            names.append(f"images/{name}.png")
            labelled[name] = f"labels/{name}.png"
        clips.append(
            Clip(id=f"clip{number}", split="val", fps=15, frame_step=1, frames=names,
                 labels=labelled)
        )  # fmt: skip
    record = DatasetRecord(
        name="clips", root=".", classes=CLASSES, ignore_index=VOID, clips=clips
    )  # fmt: skip
    write_dataset(folder, record)
    return load_dataset(folder)


def write_flickering(
    folder: Path, dataset: Dataset, *, share: float, seed: int, run: Path | None = None
) -> Path:
    """Write a predictions artifact: the true labels, a share of the pixels taken for ground.

    The share differs from clip to clip, so that intervals are not points.
    """
    rng = np.random.default_rng(seed)
    inputs = [] if run is None else [input_ref("checkpoint", run)]
    with open_artifact(folder, kind="vstc.predictions", config={}, inputs=inputs) as workspace:
        for number, clip in enumerate(dataset.clips):
            _, labels = world(number)
            for index, name in enumerate(clip.frame_names):
                view = labels[:, STEP_PX * index : STEP_PX * index + WIDTH].copy()
                clip_share = share * (1 + 0.3 * (number % 3))
                view[rng.random((HEIGHT, WIDTH)) < clip_share] = 0
                write_labels(folder / clip.id / f"{name}.png", view)
        workspace.finish()
    return folder
