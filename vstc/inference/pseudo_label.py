"""Pseudo labels: a teacher's labels with test-time augmentation, kept where it is sure.

Liu et al. 2022, Algorithm 1. Two passes, so that a threshold may depend on the whole set: the
first writes class ids and confidences frame by frame, the second keeps pixels by the rule.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vstc.artifacts.workspace import Workspace
from vstc.errors import InputError
from vstc.formats.dataset import Clip, Dataset, DatasetRecord, relative_root, write_dataset
from vstc.formats.frames import FrameReader
from vstc.formats.images import encode_gray, encode_labels, read_labels
from vstc.inference.network import FrameNetwork
from vstc.inference.settings import PseudoLabelSettings
from vstc.inference.stream import Prediction, StageTimes, WriteBehind, predict_frames

Array8 = NDArray[np.uint8]
TIMING = "timing.json"
_LEVELS = 256
_MEDIAN_CAP = 0.9


@dataclass(frozen=True)
class FramePlan:
    """The frames of a clip that get a pseudo label."""

    clip: Clip
    indices: list[int]

    def names(self) -> list[str]:
        """Return the names of these frames."""
        return [self.clip.frame_names[index] for index in self.indices]


def plan_frames(
    dataset: Dataset, clips: Sequence[Clip], *, include_labelled: bool
) -> list[FramePlan]:
    """Choose the frames to label.

    Args:
        dataset: The data set.
        clips: Its clips that are wanted.
        include_labelled: Also label frames that have a true label.

    Raises:
        InputError: Nothing is left to label.
    """
    plans: list[FramePlan] = []
    for clip in clips:
        labelled = set() if include_labelled else set(clip.labelled_indices)
        indices = [index for index in range(len(clip.frames)) if index not in labelled]
        if indices:
            plans.append(FramePlan(clip, indices))
    if not plans:
        raise InputError(
            f"every frame of data set {dataset.name} has a true label already",
            hint="add --include-labelled to label them all the same",
        )
    return plans


def make_pseudo_labels(
    network: FrameNetwork,
    dataset: Dataset,
    plans: list[FramePlan],
    settings: PseudoLabelSettings,
    *,
    workspace: Workspace,
    workers: int,
    advance: Callable[[int], None],
) -> dict[str, Any]:
    """Label frames and write the result as a data set.

    The output holds ``argmax/``, ``confidence/`` and ``labels/``, each ``<clip>/<frame>.png``,
    and a ``dataset.json`` whose frames are those of the input.

    Args:
        network: The teacher.
        dataset: Where the frames are.
        plans: Which frames.
        settings: Augmentation and threshold.
        workspace: The output.
        workers: Threads that encode and write.
        advance: Takes the number of frames just finished; every frame counts twice, once a pass.

    Returns:
        Thresholds and shares kept by class name, and timing.
    """
    times = StageTimes()
    _predict_all(network, dataset, plans, settings, workspace, workers, advance, times)
    histogram = confidence_histogram(workspace.path, plans, dataset.num_classes)
    thresholds = class_thresholds(histogram, settings.min_confidence)
    clips = [_keep_sure_pixels(dataset, plan, thresholds, workspace, advance) for plan in plans]
    record = DatasetRecord(
        name=f"{dataset.name}-pseudo",
        root=relative_root(dataset.root, workspace.path),
        classes=dataset.record.classes,
        ignore_index=dataset.ignore_index,
        label_source="pseudo",
        clips=clips,
    )
    write_dataset(workspace.path, record)
    workspace.write_json(TIMING, times.as_json())
    return _summary(dataset, histogram, thresholds) | times.as_json()


def confidence_histogram(
    folder: Path, plans: Sequence[FramePlan], num_classes: int
) -> NDArray[np.int64]:
    """Count pixels by predicted class and confidence level, (C, 256)."""
    histogram = np.zeros((num_classes, _LEVELS), np.int64)
    for plan in plans:
        for name in plan.names():
            labels, confidence = _read_first_pass(folder, plan.clip, name)
            joint = labels.astype(np.int64) * _LEVELS + confidence
            counts = np.bincount(joint.reshape(-1), minlength=histogram.size)
            histogram += counts.reshape(num_classes, _LEVELS)
    return histogram


def class_thresholds(histogram: NDArray[np.int64], rule: str) -> NDArray[np.int64]:
    """Turn a rule into the lowest confidence level that is kept, by class.

    Args:
        histogram: (C, 256) counts by class and level; level L is confidence L / 255.
        rule: ``none``, ``fixed:P`` or ``class-median``, see ``PseudoLabelSettings``.

    Returns:
        (C,) levels 0..255.
    """
    num_classes = len(histogram)
    if rule == "none":
        return np.zeros(num_classes, np.int64)
    if rule != "class-median":
        share = float(rule.partition(":")[2])
        return np.full(num_classes, int(np.ceil(share * 255 - 1e-9)), np.int64)
    cap = int(np.ceil(_MEDIAN_CAP * 255 - 1e-9))
    counts = histogram.sum(axis=1, keepdims=True)
    medians = (2 * histogram.cumsum(axis=1) < counts).sum(axis=1)
    return np.asarray(np.minimum(medians, cap), np.int64)


def _predict_all(
    network: FrameNetwork,
    dataset: Dataset,
    plans: list[FramePlan],
    settings: PseudoLabelSettings,
    workspace: Workspace,
    workers: int,
    advance: Callable[[int], None],
    times: StageTimes,
) -> None:
    reader = FrameReader(dataset)
    total = 2 * sum(len(plan.indices) for plan in plans)
    palette = dataset.palette()
    done = 0
    with WriteBehind(workers, times) as writes:
        for plan in plans:
            names = plan.clip.frame_names
            missing = [
                index
                for index in plan.indices
                if not workspace.has(_file("argmax", plan.clip, names[index]))
            ]
            advance(len(plan.indices) - len(missing))
            for prediction in predict_frames(
                network,
                reader,
                plan.clip,
                missing,
                scales=settings.scales,
                flip=settings.flip,
                batch=settings.batch,
                times=times,
            ):
                name = names[prediction.index]
                writes.submit(_writer(workspace, plan.clip, name, prediction, palette))
                done += 1
                workspace.progress(done, total)
                advance(1)


def _writer(
    workspace: Workspace, clip: Clip, name: str, prediction: Prediction, palette: Array8
) -> Callable[[], None]:
    def write() -> None:
        # The class ids come last: where they are, the confidence is too.
        confidence = encode_gray(prediction.confidence)
        workspace.write_bytes(_file("confidence", clip, name), confidence)
        labels = encode_labels(prediction.labels, palette)
        workspace.write_bytes(_file("argmax", clip, name), labels)

    return write


def _keep_sure_pixels(
    dataset: Dataset,
    plan: FramePlan,
    thresholds: NDArray[np.int64],
    workspace: Workspace,
    advance: Callable[[int], None],
) -> Clip:
    """Write the kept labels of a clip and return it as a clip of the new data set."""
    levels = np.zeros(_LEVELS, np.int64)
    levels[: len(thresholds)] = thresholds
    palette = dataset.palette()
    to_root = PurePosixPath(Path(os.path.relpath(workspace.path, dataset.root)).as_posix())
    labels: dict[str, str] = {}
    pseudo: dict[str, tuple[float, float]] = {}
    for name in plan.names():
        ids, confidence = _read_first_pass(workspace.path, plan.clip, name)
        is_kept = confidence >= levels[ids]
        kept = np.where(is_kept, ids, dataset.ignore_index).astype(np.uint8)
        file = _file("labels", plan.clip, name)
        workspace.write_bytes(file, encode_labels(kept, palette))
        labels[name] = str(to_root / file)
        pseudo[name] = (round(float(confidence.mean()) / 255, 4), round(float(is_kept.mean()), 4))
        advance(1)
    return plan.clip.model_copy(update={"labels": labels, "pseudo": pseudo, "instances": {}})


def _read_first_pass(folder: Path, clip: Clip, name: str) -> tuple[Array8, Array8]:
    labels = read_labels(folder / _file("argmax", clip, name))
    return labels, read_labels(folder / _file("confidence", clip, name))


def _file(what: str, clip: Clip, name: str) -> str:
    return f"{what}/{clip.id}/{name}.png"


def _summary(
    dataset: Dataset, histogram: NDArray[np.int64], thresholds: NDArray[np.int64]
) -> dict[str, Any]:
    kept = histogram * (np.arange(_LEVELS) >= thresholds[:, None])
    counts, kept_counts = histogram.sum(axis=1), kept.sum(axis=1)
    by_class = {
        entry.name: {
            "threshold": round(float(thresholds[entry.id]) / 255, 4),
            "predicted_share": round(float(counts[entry.id] / max(counts.sum(), 1)), 5),
            "kept_share": (
                round(float(kept_counts[entry.id] / counts[entry.id]), 4)
                if counts[entry.id]
                else None
            ),
        }
        for entry in dataset.classes
    }
    return {
        "kept_share": round(float(kept_counts.sum() / max(counts.sum(), 1)), 4),
        "classes": by_class,
    }
