"""Made-up label maps of street scenes: a few large regions with ragged outlines, small ones on top.

They are what metrics are measured on. At 2048x1024 the outlines of the large regions have as many
points as those of complicated regions of Cityscapes.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.uint8]
NUM_CLASSES = 19
# Train ids of Cityscapes, from top to bottom: sky, building, vegetation, sidewalk, road.
LARGE_CLASSES = (10, 2, 8, 1, 0)
# Pole, traffic light and sign, person, rider, car, truck, bicycle.
SMALL_CLASSES = (5, 6, 7, 11, 12, 13, 14, 18)
# Noise that makes a border ragged: its coarseness as a part of the frame's width, and its height
# as a part of the frame's height.
_RAGGEDNESS = ((0.078, 0.05), (0.012, 0.014), (0.002, 0.0052))
_TURN_PER_FRAME = 0.03


def make_label_maps(size: tuple[int, int], count: int, *, seed: int = 3) -> list[Labels]:
    """Make the label maps of a clip whose regions move slowly and change their shape.

    Args:
        size: Height and width.
        count: Frames.
        seed: Another seed is another scene.

    Returns:
        (H, W) ids of 19 classes.
    """
    rng = np.random.default_rng(seed)
    height, width = size
    borders = [_Border(width, rng) for _ in LARGE_CLASSES[1:]]
    places = rng.uniform(0.1, 0.9, (len(SMALL_CLASSES), 2))
    steps = rng.uniform(-0.004, 0.004, places.shape)
    phases = rng.uniform(0, 2 * np.pi, (len(SMALL_CLASSES), 3))
    maps = []
    for index in range(count):
        labels = _layers([border.at(index) for border in borders], height)
        for k, place in enumerate(places + index * steps):
            outline = _blob(place, phases[k] + _TURN_PER_FRAME * index, size=size)
            cv2.fillPoly(labels, [outline], SMALL_CLASSES[k])
        maps.append(labels)
    return maps


class _Border:
    """A ragged line from the left to the right rim that turns slowly into another one."""

    def __init__(self, width: int, rng: np.random.Generator) -> None:
        self._ends = _ragged(width, rng), _ragged(width, rng)

    def at(self, index: int) -> NDArray[np.float64]:
        """Return how far the line is below its mean, (W,), as parts of the frame's height."""
        first, second = self._ends
        angle = _TURN_PER_FRAME * index
        # Both ends are equally ragged, and so is each mixture.
        mixed: NDArray[np.float64] = np.cos(angle) * first + np.sin(angle) * second
        return mixed


def _ragged(width: int, rng: np.random.Generator) -> NDArray[np.float64]:
    total = np.zeros(width)
    for coarseness, height in _RAGGEDNESS:
        noise = rng.normal(size=(1, width)).astype(np.float32)
        sigma = max(coarseness * width, 0.5)
        smooth = np.asarray(cv2.GaussianBlur(noise, (0, 0), sigma), np.float64)[0]
        total += height * (smooth - smooth.mean()) / smooth.std()
    return total


def _layers(borders: list[NDArray[np.float64]], height: int) -> Labels:
    """Stack the large regions; a border never crosses the one above it."""
    rows = np.arange(height)[:, None]
    labels = np.full((height, len(borders[0])), LARGE_CLASSES[0], np.uint8)
    least = np.zeros(len(borders[0]))
    for k, border in enumerate(borders, start=1):
        level = height * (k / len(LARGE_CLASSES) + border)
        least = np.maximum(level, least + height / 64)
        labels[rows >= least] = LARGE_CLASSES[k]
    return labels


def _blob(
    place: NDArray[np.float64], phases: NDArray[np.float64], *, size: tuple[int, int]
) -> NDArray[np.int32]:
    """Return the outline of a small region, (N, 1, 2): an ellipse with three waves on it."""
    height, width = size
    angle = np.linspace(0, 2 * np.pi, 180, endpoint=False)
    waves = sum(0.08 * np.sin(n * angle + p) for n, p in zip((3, 7, 15), phases, strict=True))
    radius = height / 20 * (1 + np.asarray(waves))
    x = place[0] * width + radius * np.cos(angle) * 1.4
    y = place[1] * height + radius * np.sin(angle) * 0.8
    outline: NDArray[np.int32] = np.rint(np.stack([x, y], axis=1)).astype(np.int32)
    return outline[:, None]
