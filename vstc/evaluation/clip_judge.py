"""Judge one clip: true against predicted labels, and each prediction against the next one."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import nullcontext
from enum import StrEnum

import cv2
import numpy as np
from numpy.typing import NDArray

from vstc.data.labels import VOID, read_true_labels
from vstc.errors import InputError
from vstc.evaluation.clip_result import ClipResult
from vstc.evaluation.flow_sources import FlowSource, fit_flow
from vstc.evaluation.label_sources.source import LabelSource
from vstc.formats.dataset import Clip, Dataset
from vstc.formats.images import image_size
from vstc.metrics.confusion import ConfusionMatrix
from vstc.metrics.consistency import TemporalConsistency

Labels = NDArray[np.uint8]
Size = tuple[int, int]


class Metric(StrEnum):
    """Groups of values that are computed together."""

    MIOU = "miou"
    TC = "tc"


class ClipJudge:
    """Judges clips one by one; holds no state of a clip, so threads may share it.

    Args:
        dataset: Class table and true labels.
        predictions: What is judged.
        flow: Flow for TC; None leaves TC out.
        metrics: What is computed.
        resize_predictions: Bring predictions to the size of the labels, by nearest pixel;
            else another size is an error.
    """

    def __init__(
        self,
        dataset: Dataset,
        predictions: LabelSource,
        *,
        flow: FlowSource | None,
        metrics: Collection[Metric] = tuple(Metric),
        resize_predictions: bool = False,
    ) -> None:
        self.dataset = dataset
        self._predictions = predictions
        self._flow = flow if Metric.TC in metrics else None
        self._wants_miou = Metric.MIOU in metrics
        self._resize = resize_predictions

    def judge(self, clip: Clip, advance: Callable[[int], None]) -> ClipResult:
        """Count one clip, frame after frame.

        Args:
            clip: The clip.
            advance: Takes the number of frames just finished.

        Raises:
            InputError: A labelled frame has no prediction, or a file does not fit.
        """
        available = self._predictions.available(clip)
        labelled = set(clip.labelled_indices) if self._wants_miou else set[int]()
        self._refuse_missing(clip, labelled, available)
        confusion = ConfusionMatrix(self.dataset.num_classes, VOID)
        consistency = TemporalConsistency(self.dataset.num_classes, VOID)
        flow = self._flow if clip.is_consecutive else None
        size = self._label_size(clip)
        flow_size: Size | None = None
        pair_indices: list[int] = []
        previous: Labels | None = None
        with flow.open(clip) if flow else nullcontext() as clip_flow:
            for index, name in enumerate(clip.frame_names):
                predicted = None
                if name in available and (clip_flow is not None or index in labelled):
                    predicted = self._predicted(clip, name, size)
                    size = (predicted.shape[0], predicted.shape[1])
                if predicted is not None and size is not None and index in labelled:
                    confusion.update(self._true(clip, index, size), predicted)
                if clip_flow is not None and predicted is not None and previous is not None:
                    field = clip_flow.prev_to_next(index - 1)
                    flow_size = (field.shape[0], field.shape[1])
                    consistency.update(
                        clip.id,
                        labels_prev=previous,
                        labels_next=predicted,
                        flow_prev_to_next=fit_flow(field, (previous.shape[0], previous.shape[1])),
                    )
                    pair_indices.append(index - 1)
                previous = predicted
                advance(1)
        return ClipResult(
            clip_id=clip.id,
            size=size,
            confusion=confusion.counts if labelled else None,
            n_labelled=len(labelled),
            consistency=consistency.clips.get(clip.id),
            flow_size=flow_size,
            pair_indices=tuple(pair_indices),
            n_skipped_pairs=len(clip.frames) - 1 - len(pair_indices) if flow else 0,
        )

    def _predicted(self, clip: Clip, frame_name: str, size: Size | None) -> Labels:
        labels = self._predictions.labels(clip, frame_name)
        if size is None or labels.shape == size:
            return labels
        if self._resize:
            resized = cv2.resize(labels, (size[1], size[0]), interpolation=cv2.INTER_NEAREST_EXACT)
            return np.asarray(resized, np.uint8)
        raise InputError(
            f"prediction {clip.id}/{frame_name} is {_shown(labels.shape)}, "
            f"the labels are {_shown(size)}",
            hint="predict at the size of the labels, or add --resize-predictions",
        )

    def _true(self, clip: Clip, index: int, size: Size) -> Labels:
        labels = read_true_labels(self.dataset, clip, index)
        if labels is None:
            raise ValueError(f"frame {index} of clip {clip.id} has no label")
        if labels.shape != size:
            raise InputError(
                f"labels of clip {clip.id} differ in size: {clip.frame_names[index]} is "
                f"{_shown(labels.shape)}, others are {_shown(size)}"
            )
        return labels

    def _label_size(self, clip: Clip) -> Size | None:
        """Return the size of the first label of a clip; None leaves it to the predictions."""
        for path in clip.labels.values():
            return image_size(self.dataset.root / path)
        return None

    def _refuse_missing(
        self, clip: Clip, labelled: Collection[int], available: Collection[str]
    ) -> None:
        names = clip.frame_names
        missing = [names[index] for index in sorted(labelled) if names[index] not in available]
        if missing:
            raise InputError(
                f"predictions lack {len(missing)} labelled frames of clip {clip.id}, "
                f"the first is {missing[0]}",
                hint="finish them with vstc predict --resume, or choose clips with --split",
            )


def _shown(size: tuple[int, ...]) -> str:
    return f"{size[1]}x{size[0]}"
