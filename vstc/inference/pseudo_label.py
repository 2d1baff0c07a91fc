"""Pseudo labels: a teacher's labels with test-time augmentation, kept where it is sure.

Liu et al. 2022, Algorithm 1. Two passes, so that a threshold may depend on the whole set: the
first writes class ids and confidences frame by frame, the second keeps pixels by the rule.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vstc.artifacts.workspace import Workspace
from vstc.errors import InputError
from vstc.formats.dataset import (
    Clip,
    Dataset,
    DatasetRecord,
    class_palette,
    relative_root,
    write_dataset,
)
from vstc.formats.images import encode_gray, encode_labels, read_labels
from vstc.inference.checkpoint import ClassTable
from vstc.inference.frame_streams import ClipStream
from vstc.inference.network import FrameNetwork
from vstc.inference.results import FrameResult
from vstc.inference.settings import PseudoLabelSettings
from vstc.inference.stream import StageTimes, WriteBehind, predict_frames, unfinished

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
    table: ClassTable,
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
        table: Its classes, which become those of the new data set.
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
    first_pass = _FirstPass(network, table, dataset, settings, workspace, times)
    first_pass.run(plans, workers=workers, advance=advance)
    histogram = confidence_histogram(workspace.path, plans, len(table.classes))
    thresholds = class_thresholds(histogram, settings.min_confidence)
    second_pass = _SecondPass(table, dataset, thresholds, workspace)
    record = DatasetRecord(
        name=f"{dataset.name}-pseudo",
        root=relative_root(dataset.root, workspace.path),
        classes=table.classes,
        ignore_index=table.ignore_index,
        label_source="pseudo",
        clips=[second_pass.run(plan, advance) for plan in plans],
    )
    write_dataset(workspace.path, record)
    workspace.write_json(TIMING, times.as_json())
    return _summary(table, histogram, thresholds) | times.as_json()


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


def refuse_other_classes(table: ClassTable, dataset: Dataset) -> None:
    """Refuse a teacher of other classes; a data set without a class table takes the teacher's.

    Raises:
        InputError: The names differ.
    """
    theirs = [entry.name for entry in table.classes]
    ours = [entry.name for entry in dataset.classes]
    if ours and ours != theirs:
        raise InputError(
            f"the teacher knows the classes {', '.join(theirs)}, "
            f"data set {dataset.name} has {', '.join(ours)}"
        )


class _FirstPass:
    """Writes class ids and confidences of all frames."""

    def __init__(
        self,
        network: FrameNetwork,
        table: ClassTable,
        dataset: Dataset,
        settings: PseudoLabelSettings,
        workspace: Workspace,
        times: StageTimes,
    ) -> None:
        self._network = network
        self._palette = class_palette(table.classes)
        self._dataset = dataset
        self._settings = settings
        self._workspace = workspace
        self._times = times

    def run(
        self, plans: Sequence[FramePlan], *, workers: int, advance: Callable[[int], None]
    ) -> None:
        total = 2 * sum(len(plan.indices) for plan in plans)
        done = 0
        with WriteBehind(workers, self._times) as writes:
            for plan in plans:
                missing = self._missing(plan)
                done += len(plan.indices) - len(missing)
                advance(len(plan.indices) - len(missing))
                for prediction in self._predict(plan.clip, missing):
                    writes.submit(self._writer(plan.clip, prediction))
                    done += 1
                    self._workspace.progress(done, total)
                    advance(1)

    def _missing(self, plan: FramePlan) -> list[int]:
        names = plan.clip.frame_names

        def is_done(index: int) -> bool:
            return self._workspace.has(_file("argmax", plan.clip, names[index]))

        return unfinished(plan.indices, batch=self._settings.batch, is_done=is_done)

    def _predict(self, clip: Clip, indices: list[int]) -> Iterator[FrameResult]:
        return predict_frames(
            self._network,
            ClipStream(self._dataset, clip, indices=indices),
            scales=self._settings.scales,
            flip=self._settings.flip,
            batch=self._settings.batch,
            times=self._times,
        )

    def _writer(self, clip: Clip, prediction: FrameResult) -> Callable[[], None]:
        name = prediction.name

        def write() -> None:
            # The class ids come last: where they are, the confidence is too.
            assert prediction.confidence is not None
            confidence = encode_gray(prediction.confidence)
            self._workspace.write_bytes(_file("confidence", clip, name), confidence)
            labels = encode_labels(prediction.labels, self._palette)
            self._workspace.write_bytes(_file("argmax", clip, name), labels)

        return write


class _SecondPass:
    """Writes the labels that the thresholds keep."""

    def __init__(
        self,
        table: ClassTable,
        dataset: Dataset,
        thresholds: NDArray[np.int64],
        workspace: Workspace,
    ) -> None:
        self._palette = class_palette(table.classes)
        self._ignore_index = table.ignore_index
        self._levels = np.zeros(_LEVELS, np.int64)
        self._levels[: len(thresholds)] = thresholds
        self._workspace = workspace
        to_root = os.path.relpath(workspace.path.resolve(), dataset.root.resolve())
        self._to_root = PurePosixPath(Path(to_root).as_posix())

    def run(self, plan: FramePlan, advance: Callable[[int], None]) -> Clip:
        """Write the kept labels of a clip and return it as a clip of the new data set."""
        labels: dict[str, str] = {}
        pseudo: dict[str, tuple[float, float]] = {}
        for name in plan.names():
            ids, confidence = _read_first_pass(self._workspace.path, plan.clip, name)
            is_kept = confidence >= self._levels[ids]
            kept = np.where(is_kept, ids, self._ignore_index).astype(np.uint8)
            file = _file("labels", plan.clip, name)
            self._workspace.write_bytes(file, encode_labels(kept, self._palette))
            labels[name] = str(self._to_root / file)
            shares = (float(confidence.mean()) / 255, float(is_kept.mean()))
            pseudo[name] = (round(shares[0], 4), round(shares[1], 4))
            advance(1)
        return plan.clip.model_copy(update={"labels": labels, "pseudo": pseudo, "instances": {}})


def _read_first_pass(folder: Path, clip: Clip, name: str) -> tuple[Array8, Array8]:
    labels = read_labels(folder / _file("argmax", clip, name))
    return labels, read_labels(folder / _file("confidence", clip, name))


def _file(what: str, clip: Clip, name: str) -> str:
    return f"{what}/{clip.id}/{name}.png"


def _summary(
    table: ClassTable, histogram: NDArray[np.int64], thresholds: NDArray[np.int64]
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
        for entry in table.classes
    }
    return {
        "kept_share": round(float(kept_counts.sum() / max(counts.sum(), 1)), 4),
        "classes": by_class,
    }
