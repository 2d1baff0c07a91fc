"""From a score of every class to the class with the highest, channel by channel."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from vstc.errors import InputError
from vstc.formats.class_scores import ClassScores

_SUM_TOLERANCE = 0.01
_LEAST = -1e-6
_FLOAT32_BYTES = 4


def best_class(
    scores: ClassScores, *, num_classes: int, size: tuple[int, int] | None = None
) -> NDArray[np.uint8]:
    """Return the class with the highest score; on ties the one with the lowest id.

    Args:
        scores: Scores of a frame.
        num_classes: How many classes there must be.
        size: Height and width that scores are brought to first, bilinearly with pixel centres
            at half integers; None keeps theirs.

    Returns:
        (H, W) class ids.

    Raises:
        InputError: Another number of channels, a value that is not finite, or probabilities
            that are negative or do not sum to 1 (within 0.01 and the rounding of integers).
    """
    values = scores.values
    _refuse_other_channels(scores, num_classes)
    wide = values.dtype.kind == "f" and values.dtype.itemsize > _FLOAT32_BYTES
    dtype = np.float64 if wide else np.float32
    total = np.zeros(values.shape[1:], dtype)
    shape = values.shape[1:] if size is None else size
    labels = np.zeros(shape, np.uint8)
    best = np.full(shape, -np.inf, dtype)
    for index in range(num_classes):
        channel = values[index].astype(dtype) * dtype(scores.scale)
        _refuse_strange_values(channel, index, scores)
        total += channel
        if channel.shape != tuple(shape):
            resized = cv2.resize(channel, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR)
            channel = np.asarray(resized, dtype)
        is_better = channel > best
        np.copyto(best, channel, where=is_better)
        labels[is_better] = index
    if not scores.are_logits:
        _refuse_other_sums(total, scores)
    return labels


def _refuse_other_channels(scores: ClassScores, num_classes: int) -> None:
    shape = scores.values.shape
    if shape[0] == num_classes and min(shape) > 0:
        return
    hint = "the channels are the classes that count, in the order of their ids"
    if shape[-1] == num_classes:
        hint = "the classes come first: save array.transpose(2, 0, 1)"
    raise InputError(
        f"scores have the shape {shape}, but there are {num_classes} classes: {scores.place}",
        hint=hint,
    )


def _refuse_strange_values(channel: NDArray[np.floating], index: int, scores: ClassScores) -> None:
    is_bad = ~np.isfinite(channel)
    if not scores.are_logits:
        is_bad |= channel < _LEAST
    if is_bad.any():
        y, x = np.argwhere(is_bad)[0]
        what = "logit" if scores.are_logits else "probability"
        value = float(channel[y, x])
        raise InputError(
            f"{what} of class {index} is {value:g} at ({x}, {y}): {scores.place}",
            hint="raw network outputs are called logits" if np.isfinite(value) else None,
        )


def _refuse_other_sums(total: NDArray[np.floating], scores: ClassScores) -> None:
    rounding = 0.0
    if scores.values.dtype.kind != "f":
        rounding = len(scores.values) * scores.scale / 2
    error = np.abs(total - 1)
    if error.max() > _SUM_TOLERANCE + rounding:
        y, x = np.unravel_index(int(error.argmax()), error.shape)
        raise InputError(
            f"probabilities sum to {total[y, x]:.4g} at ({x}, {y}), not to 1: {scores.place}",
            hint="raw network outputs are called logits",
        )
