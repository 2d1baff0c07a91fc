"""Frames and labels made in code, with exact motion, and simple stand-ins for networks."""

from __future__ import annotations

import cv2
import numpy as np
import torch

from vstc.models.grids import Grid
from vstc.propagation.frames import prepare_frame
from vstc.propagation.networks import Feature, KeyResult, LabelKeys

HEIGHT, WIDTH = 96, 128
NUM_CLASSES = 4


def world(seed=0, *, height=3 * HEIGHT, width=3 * WIDTH):
    """Return a textured picture (H, W, 3) and its labels, larger than a frame."""
    rng = np.random.default_rng(seed)
    picture = np.zeros((height, width, 3), np.float32)
    for sigma in (1.5, 4, 12):
        noise = rng.uniform(-1, 1, picture.shape).astype(np.float32)
        picture += cv2.GaussianBlur(noise, (0, 0), sigma) * sigma
    picture = cv2.normalize(picture, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)
    labels = np.zeros((height, width), np.uint8)
    for _ in range(60):
        x, y = rng.integers(0, width), rng.integers(0, height)
        cv2.circle(labels, (int(x), int(y)), int(rng.integers(8, 24)), int(rng.integers(1, 4)), -1)
    return picture, labels


def panning(count, *, step=(2, 0), seed=0):
    """Return frames and labels of a camera that pans by whole pixels (x, y) a frame."""
    picture, labels = world(seed)
    frames, truth = [], []
    for index in range(count):
        x, y = WIDTH + index * step[0], HEIGHT + index * step[1]
        frames.append(np.ascontiguousarray(picture[y : y + HEIGHT, x : x + WIDTH]))
        truth.append(np.ascontiguousarray(labels[y : y + HEIGHT, x : x + WIDTH]))
    return frames, truth


def true_keys(truth, *, only=None):
    """Return the true labels as a key network; ``only`` names the frames that have some."""

    def labels_of(index):
        return truth[index] if only is None or index in only else None

    return LabelKeys(labels_of, num_classes=NUM_CLASSES)


class PanFlow:
    """The exact flow of ``panning``."""

    def __init__(self, step):
        self.step = step
        self.pairs = []

    def flow(self, target, source):
        self.pairs.append((target.index, source.index))
        distance = target.index - source.index
        flow = np.empty((*target.gray.shape, 2), np.float32)
        flow[:] = np.array(self.step, np.float32) * distance
        return flow


class ColorKeys:
    """A key network whose probabilities come from the colours of the frame; it counts its calls."""

    def __init__(self, num_classes=3):
        self.channel_ids = np.arange(num_classes, dtype=np.uint8)
        self.calls = []

    def has_result(self, index):
        return True

    def segment(self, frame, request):
        self.calls.append(frame.index)
        scores = self.scores(frame, frame.size)
        small = self.scores(frame, request.carry_size)
        feature = Feature(small, Grid.over_area(request.carry_size, frame.size), frame.size)
        return KeyResult(
            scores[0].argmax(dim=0).to(torch.uint8).numpy(),
            small[0].argmax(dim=0).to(torch.uint8).numpy(),
            small.softmax(dim=1) if request.probabilities else None,
            feature if request.feature else None,
        )

    def scores(self, frame, size):
        resized = cv2.resize(frame.rgb, (size[1], size[0]), interpolation=cv2.INTER_AREA)
        # The small steps make ties of equal colours impossible.
        scores = resized / np.float32(64) + np.float32(0.004) * np.arange(3, dtype=np.float32)
        return torch.from_numpy(scores).permute(2, 0, 1)[None].contiguous()

    def classify(self, feature, size):
        assert feature.grid.size == size
        return feature.values


def prepared(frames, settings):
    return [prepare_frame(index, frame, settings) for index, frame in enumerate(frames)]
