"""A small data set made in code: a panning view, a still one, and frames far apart in time."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from vstc.formats.dataset import Clip, DatasetRecord, LabelClass, load_dataset, write_dataset
from vstc.formats.images import encode_labels, encode_rgb

HEIGHT, WIDTH = 48, 64
VOID = 3
CLASSES = [
    LabelClass(id=0, name="ground", color=(90, 60, 30)),
    LabelClass(id=1, name="box", color=(200, 40, 40)),
    LabelClass(id=2, name="sign", color=(40, 200, 40)),
    LabelClass(id=VOID, name="void", color=(0, 0, 0), ignore=True),
]


def world(seed):
    """Return a textured picture and its labels, wider than a frame."""
    rng = np.random.default_rng(seed)
    noise = rng.integers(0, 256, (HEIGHT // 3, WIDTH // 2, 3), dtype=np.uint8)
    picture = cv2.resize(noise, (2 * WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    labels = np.zeros((HEIGHT, 2 * WIDTH), np.uint8)
    labels[10:30, 20:44] = 1
    labels[24:40, 60:80] = 2
    labels[:4] = VOID
    return picture, labels


def write_scene(folder):
    """Write the data set; ``pan`` moves 2 px a frame, labels lack in its frames 1 and 3."""
    clips = [
        _write_clip(folder, "pan", "val", frames=5, step_px=2, unlabelled=(1, 3)),
        _write_clip(folder, "still", "val", frames=3, step_px=0),
        _write_clip(folder, "sparse", "test", frames=2, step_px=9, frame_step=None),
    ]
    write_dataset(
        folder,
        DatasetRecord(name="scene", root=".", classes=CLASSES, ignore_index=VOID, clips=clips),
    )
    return load_dataset(folder)


def write_predictions(folder, dataset, *, change=lambda labels, _clip, _index: labels):
    """Write the labels of every frame, changed, as ``<clip>/<frame>.png``."""
    for clip in dataset.clips:
        for index, name in enumerate(clip.frame_names):
            labels = true_labels(clip, index)
            write_labels(folder / clip.id / f"{name}.png", change(labels.copy(), clip, index))
    return folder


def true_labels(clip, index):
    step_px = {"pan": 2, "still": 0, "sparse": 9}[clip.id]
    return _view(world(len(clip.id))[1], index * step_px)


def write_labels(path: Path, labels):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode_labels(labels, np.zeros((256, 3), np.uint8)))


def _write_clip(folder, clip_id, split, *, frames, step_px, frame_step=1, unlabelled=()):
    picture, labels = world(len(clip_id))
    names, labelled = [], {}
    for index in range(frames):
        name = f"{clip_id}_{index:03d}"
        path = folder / "images" / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode_rgb(_view(picture, index * step_px)))
        names.append(f"images/{name}.png")
        if index not in unlabelled:
            labelled[name] = f"labels/{name}.png"
            write_labels(folder / labelled[name], _view(labels, index * step_px))
    return Clip(
        id=clip_id, split=split, fps=15, frame_step=frame_step, frames=names, labels=labelled
    )


def _view(wide, left):
    return np.ascontiguousarray(wide[:, left : left + WIDTH])
