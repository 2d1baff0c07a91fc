"""Slow, obvious implementations that the metrics are compared with."""

from __future__ import annotations

import math

import numpy as np


def slow_confusion(labels, predictions, *, num_classes, ignore_index):
    counts = np.zeros((num_classes + 1, num_classes + 1), np.int64)
    for true, predicted in zip(labels.ravel().tolist(), predictions.ravel().tolist(), strict=True):
        if true == ignore_index:
            continue
        counts[min(true, num_classes), min(predicted, num_classes)] += 1
    return counts


def slow_warp(labels_next, flow_prev_to_next, fill=255):
    height, width = labels_next.shape
    warped = np.full((height, width), fill, np.uint8)
    for y in range(height):
        for x in range(width):
            u, v = (float(value) for value in flow_prev_to_next[y, x])
            if not (math.isfinite(u) and math.isfinite(v)):
                continue
            column, row = math.floor(x + u + 0.5), math.floor(y + v + 0.5)
            if 0 <= column < width and 0 <= row < height:
                warped[y, x] = labels_next[row, column]
    return warped


def slow_class_scores(labels, predictions, *, num_classes, ignore_index):
    """Class IoU and recall from boolean masks; None where the denominator is empty."""
    counted = labels != ignore_index
    iou, recall = [], []
    for k in range(num_classes):
        true, predicted = counted & (labels == k), counted & (predictions == k)
        union, hits = (true | predicted).sum(), (true & predicted).sum()
        iou.append(hits / union if union else None)
        recall.append(hits / true.sum() if true.any() else None)
    return iou, recall
