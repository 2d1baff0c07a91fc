"""Data sets whose motion is known: a textured plane that moves by (-2, -1) pixels a frame."""

import cv2
import numpy as np

from vstc.formats.dataset import Clip, Dataset, DatasetRecord, LabelClass


def make_frame(index, size, seed):
    noise = np.random.default_rng(seed).uniform(0, 255, (size[0] + 80, size[1] + 80))
    smooth = cv2.GaussianBlur(noise.astype(np.float32), (0, 0), 3)
    image = cv2.normalize(smooth, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)
    shifted = image[index : index + size[0], 2 * index : 2 * index + size[1]]
    return np.dstack([shifted, shifted, 255 - shifted])


def make_dataset(root, clips, *, size=(96, 128), step=1):
    """Clips of a plane that moves by (-2, -1) pixels a frame."""
    root.mkdir(parents=True, exist_ok=True)
    records = []
    for seed, (clip_id, count) in enumerate(clips.items()):
        names = []
        for index in range(count):
            names.append(f"{clip_id}_{index:04d}.png")
            cv2.imwrite(str(root / names[-1]), make_frame(index, size, seed))
        records.append(Clip(id=clip_id, split="train", fps=30, frame_step=step, frames=names))
    classes = [LabelClass(id=0, name="none", color=(0, 0, 0))]
    return Dataset(DatasetRecord(name="t", root=".", classes=classes, clips=records), root)
