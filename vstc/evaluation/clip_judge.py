"""Judge one clip: read its frames once, and show them to every metric group."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from functools import reduce
from operator import or_

from vstc.errors import InputError
from vstc.evaluation.clip_frames import ClipFrames, Helpers
from vstc.evaluation.clip_result import ClipResult
from vstc.evaluation.flow_sources.source import FlowNeeds, FlowSource
from vstc.evaluation.frame import JudgedFrame
from vstc.evaluation.groups.base import ClipCounter, MetricGroup
from vstc.evaluation.label_sources.source import LabelSource
from vstc.evaluation.label_sources.strays import StrayIds
from vstc.formats.dataset import Clip, Dataset


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

    def judge(
        self, clip: Clip, advance: Callable[[int], None], helpers: Helpers | None = None
    ) -> ClipResult:
        """Count one clip, frame after frame.

        Args:
            clip: The clip.
            advance: Takes the number of frames just finished.
            helpers: Threads that read ahead; they do not change the result.

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
        needs = _flow_needs(active.values())
        flow = self._flow if needs else None
        size, done = None, 0
        with flow.open(clip) if flow else nullcontext() as clip_flow:
            frames = ClipFrames(
                self.dataset,
                self._predictions,
                clip,
                wanted=wanted,
                labelled=labelled,
                flow=clip_flow,
                needs=needs,
                resize=self._resize,
            )
            for frame in frames.read(helpers):
                size = frame.size
                _show(frame, counters, active)
                advance(frame.index + 1 - done)
                done = frame.index + 1
        advance(len(clip.frames) - done)
        parts = {name: counter.result() for name, counter in counters.items()}
        stray = self._strays.of(clip) if self._strays else None
        return ClipResult(
            clip_id=clip.id, size=size, parts=parts, strays=stray.as_json() if stray else None
        )

    def _labelled(self, clip: Clip, groups: Collection[MetricGroup]) -> Collection[int]:
        wants_truth = any(group.needs_truth for group in groups)
        return set(clip.labelled_indices) if wants_truth else set[int]()


def _flow_needs(groups: Iterable[MetricGroup]) -> FlowNeeds | None:
    """Return what of the flow the groups will ask for; None for nothing."""
    needs = [group.flow_needs for group in groups if group.flow_needs is not None]
    return reduce(or_, needs) if needs else None


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
