"""Judge one clip: read its frames once, and show them to every metric group."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext

import cv2
import numpy as np
from numpy.typing import NDArray

from vstc.data.labels import read_true_labels
from vstc.errors import InputError
from vstc.evaluation.clip_result import ClipResult
from vstc.evaluation.flow_sources.source import ClipFlow, FlowSource
from vstc.evaluation.frame import JudgedFrame, PairFlow
from vstc.evaluation.groups.base import ClipCounter, MetricGroup
from vstc.evaluation.label_sources.source import LabelSource
from vstc.evaluation.label_sources.strays import StrayIds
from vstc.formats.dataset import Clip, Dataset
from vstc.formats.images import image_size

Labels = NDArray[np.uint8]
Size = tuple[int, int]


class ClipJudge:
    """Judges clips one by one; holds no state of a clip, so threads may share it.

    Args:
        dataset: Class table and true labels.
        predictions: What is judged.
        groups: What is computed, by name.
        flow: Flow for the groups that ask for it.
        resize_predictions: Bring predictions to the size of the labels, by nearest pixel;
            else another size is an error.
        strays: Where the source tells of ids that the class table does not have.
    """

    def __init__(
        self,
        dataset: Dataset,
        predictions: LabelSource,
        *,
        groups: Mapping[str, MetricGroup],
        flow: FlowSource | None = None,
        resize_predictions: bool = False,
        strays: StrayIds | None = None,
    ) -> None:
        self.dataset = dataset
        self.groups = dict(groups)
        self._predictions = predictions
        self._flow = flow
        self._resize = resize_predictions
        self._strays = strays

    @contextmanager
    def working(self, workers: int | None) -> Iterator[None]:
        """Hold what the groups need while clips are judged, such as processes."""
        with ExitStack() as stack:
            for group in self.groups.values():
                stack.enter_context(group.working(workers))
            yield

    def judge(self, clip: Clip, advance: Callable[[int], None]) -> ClipResult:
        """Count one clip, frame after frame.

        Args:
            clip: The clip.
            advance: Takes the number of frames just finished.

        Raises:
            InputError: A labelled frame has no prediction, or a file does not fit.
        """
        active = {name: group for name, group in self.groups.items() if group.takes(clip)}
        counters = {name: group.counter(clip) for name, group in active.items()}
        available = self._predictions.available(clip)
        labelled = self._labelled(clip, active.values())
        if any(not group.is_temporal for group in active.values()):
            _refuse_missing(clip, labelled, available)
        wanted = labelled
        if any(group.is_temporal for group in active.values()):
            wanted = {i for i, name in enumerate(clip.frame_names) if name in available}
        flow = self._flow if _need_flow(active.values()) else None
        size = self._label_size(clip)
        previous: JudgedFrame | None = None
        with flow.open(clip) if flow else nullcontext() as clip_flow:
            for index in range(len(clip.frames)):
                frame = None
                if index in wanted:
                    frame = self._frame(clip, index, size, has_truth=index in labelled)
                    frame = _join(frame, previous if clip.is_consecutive else None, clip_flow)
                    size = frame.size
                    _show(frame, counters, active)
                previous = frame.alone() if frame else None
                advance(1)
        parts = {name: counter.result() for name, counter in counters.items()}
        stray = self._strays.of(clip) if self._strays else None
        return ClipResult(
            clip_id=clip.id,
            size=size if wanted else None,
            parts=parts,
            strays=stray.as_json() if stray else None,
        )

    def _labelled(self, clip: Clip, groups: Collection[MetricGroup]) -> Collection[int]:
        wants_truth = any(group.needs_truth for group in groups)
        return set(clip.labelled_indices) if wants_truth else set[int]()

    def _frame(self, clip: Clip, index: int, size: Size | None, *, has_truth: bool) -> JudgedFrame:
        predicted = self._predicted(clip, clip.frame_names[index], size)
        true = None
        if has_truth:
            true = self._true(clip, index, (predicted.shape[0], predicted.shape[1]))
        return JudgedFrame(index=index, predicted=predicted, true=true)

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


def _need_flow(groups: Iterable[MetricGroup]) -> bool:
    return any(group.flow_needs is not None for group in groups)


def _join(
    frame: JudgedFrame, previous: JudgedFrame | None, clip_flow: ClipFlow | None
) -> JudgedFrame:
    """Tell a frame about the one before it."""
    if previous is None:
        return frame
    flow = PairFlow(clip_flow, previous.index, frame.size) if clip_flow else None
    return JudgedFrame(
        index=frame.index, predicted=frame.predicted, true=frame.true, previous=previous, flow=flow
    )


def _show(
    frame: JudgedFrame, counters: Mapping[str, ClipCounter], groups: Mapping[str, MetricGroup]
) -> None:
    for name, counter in counters.items():
        if groups[name].is_temporal or frame.true is not None:
            counter.update(frame)


def _refuse_missing(clip: Clip, labelled: Collection[int], available: Collection[str]) -> None:
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
