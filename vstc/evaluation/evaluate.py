"""Judge the clips of a data set in threads, and gather what they count in a fixed order."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from vstc.data.labels import VOID
from vstc.evaluation.clip_judge import ClipJudge
from vstc.evaluation.clip_result import ClipResult
from vstc.formats.dataset import Clip, Dataset
from vstc.metrics.confusion import (
    AbsentClass,
    ConfusionMatrix,
    SegmentationScores,
    scores_from_counts,
)
from vstc.metrics.consistency import ConsistencyScores, TemporalConsistency

TOTALS = ("miou", "macc", "aacc", "fwiou", "tc", "tc_seq", "tc_acc")


@dataclass(frozen=True)
class ClipScores:
    """What is known of one clip; its consistency stands in ``Evaluation.consistency``.

    Attributes:
        clip: The clip.
        size: Height and width that were judged; None when no frame was.
        segmentation: IoU and accuracies; None without a label.
        n_labelled: Frames with label and prediction.
        flow_size: Height and width of the flow; None without a pair.
        pair_indices: Place of the earlier frame of each pair.
        n_skipped_pairs: Neighbours of which one has no prediction.
    """

    clip: Clip
    size: tuple[int, int] | None
    segmentation: SegmentationScores | None
    n_labelled: int
    flow_size: tuple[int, int] | None
    pair_indices: tuple[int, ...]
    n_skipped_pairs: int


@dataclass(frozen=True)
class Evaluation:
    """Scores of predictions on the clips of a data set.

    Attributes:
        segmentation: IoU and accuracies of all labelled frames together.
        confusion: The counts behind them, rows true, columns predicted.
        consistency: Temporal consistency of all clips of consecutive frames.
        clips: The clips one by one, in the order of the data set.
    """

    segmentation: SegmentationScores
    confusion: ConfusionMatrix
    consistency: ConsistencyScores
    clips: tuple[ClipScores, ...]

    def totals(self) -> dict[str, float | None]:
        """Return the totals by name, in [0, 1]; None where nothing could be counted."""
        seg, con = self.segmentation, self.consistency
        values = (seg.miou, seg.macc, seg.aacc, seg.fwiou, con.tc, con.tc_seq, con.tc_acc)
        return dict(zip(TOTALS, values, strict=True))


def evaluate_predictions(
    judge: ClipJudge,
    clips: Sequence[Clip],
    *,
    absent: AbsentClass = AbsentClass.NULL,
    workers: int = 1,
    known: Callable[[Clip], ClipResult | None] = lambda _clip: None,
    keep: Callable[[ClipResult], None] = lambda _result: None,
    advance: Callable[[int], None] = lambda _frames: None,
) -> Evaluation:
    """Judge predictions on some clips.

    Counts are integers and are added in the order of the clips, so the result does not depend
    on ``workers``.

    Args:
        judge: Knows predictions, labels and flow.
        clips: The clips.
        absent: What a class scores that occurs nowhere.
        workers: Threads over clips.
        known: Gives the result of a clip that was judged earlier, or None.
        keep: Takes each new result, from the thread that made it.
        advance: Takes the number of frames just finished.

    Raises:
        InputError: Predictions, labels or flow are missing or do not fit.
    """
    advance = _one_at_a_time(advance)

    def result_of(clip: Clip) -> ClipResult:
        result = known(clip)
        if result is not None:
            advance(len(clip.frames))
            return result
        result = judge.judge(clip, advance)
        keep(result)
        return result

    if workers == 1 or len(clips) == 1:
        return _gather(judge.dataset, clips, map(result_of, clips), absent)
    with ThreadPoolExecutor(workers) as pool:
        try:
            return _gather(judge.dataset, clips, pool.map(result_of, clips), absent)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _gather(
    dataset: Dataset, clips: Sequence[Clip], results: Iterable[ClipResult], absent: AbsentClass
) -> Evaluation:
    confusion = ConfusionMatrix(dataset.num_classes, VOID)
    consistency = TemporalConsistency(dataset.num_classes, VOID)
    scores: list[ClipScores] = []
    for clip, result in zip(clips, results, strict=True):
        segmentation = None
        if result.confusion is not None:
            confusion.counts += result.confusion
            segmentation = scores_from_counts(result.confusion, absent=absent)
        if result.consistency is not None:
            consistency.add(clip.id, result.consistency)
        scores.append(
            ClipScores(
                clip=clip,
                size=result.size,
                segmentation=segmentation,
                n_labelled=result.n_labelled,
                flow_size=result.flow_size,
                pair_indices=result.pair_indices,
                n_skipped_pairs=result.n_skipped_pairs,
            )
        )
    return Evaluation(
        confusion.scores(absent), confusion, consistency.scores(absent), tuple(scores)
    )


def _one_at_a_time(advance: Callable[[int], None]) -> Callable[[int], None]:
    guard = threading.Lock()

    def guarded(frames: int) -> None:
        with guard:
            advance(frames)

    return guarded
