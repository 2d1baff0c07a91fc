"""Discs that move over noise, with their alpha and trimaps of three widths."""

from __future__ import annotations

import cv2
import numpy as np
from PIL import Image

HEIGHT, WIDTH, FRAMES = 40, 56, 4
# Centre at the start, speed in x, and radius, by sequence.
DISCS = {
    "a/1_person": (14, 16, 2.3, 8),
    "a/2_dog": (26, 40, -1.4, 7),
    "b/1_person": (20, 20, 2.6, 9),
}
WIDTHS = {"narrow": 1.5, "wide": 4.0}


def depth(sequence, index):
    """Return how many pixels each pixel lies inside the disc, (H, W)."""
    y, x, speed, radius = DISCS[sequence]
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    return radius - np.hypot(rows - y, columns - x - speed * index)


def trimap(sequence, index, width):
    inside = depth(sequence, index)
    values = np.where(inside > width, 255, 128)
    return np.where(inside < -width, 0, values).astype(np.uint8)


def alpha(sequence, index):
    return np.rint(np.clip(depth(sequence, index) + 0.5, 0, 1) * 255).astype(np.uint8)


def frame(clip, index):
    rng = np.random.default_rng(len(clip) + ord(clip[0]))
    noise = rng.integers(0, 255, (HEIGHT // 4, WIDTH // 4, 3), dtype=np.uint8)
    image = cv2.resize(noise, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC) // 2
    for sequence in DISCS:
        if sequence.startswith(clip):
            image[depth(sequence, index) > 0] += 90
    return image


def write(folder, draw, *, sequences=tuple(DISCS), frames=range(FRAMES)):
    """Write ``<folder>/<sequence>/<frame>.png``."""
    for sequence in sequences:
        (folder / sequence).mkdir(parents=True)
        for index in frames:
            Image.fromarray(draw(sequence, index)).save(folder / sequence / f"{index:05d}.png")
    return folder


def write_scene(folder):
    """Write ``trimaps`` of width 2, ``truth/<width>``, ``alpha`` and ``frames``."""
    write(folder / "trimaps", lambda sequence, index: trimap(sequence, index, 2))
    for name, width in WIDTHS.items():
        write(folder / "truth" / name, lambda s, i, width=width: trimap(s, i, width))
    write(folder / "alpha", alpha)
    write(folder / "frames", frame, sequences=("a", "b"))
    return folder
