"""Judge the clips of a data set in threads, and gather what they count in a fixed order."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from vstc.evaluation.clip_frames import Helpers
from vstc.evaluation.clip_judge import ClipJudge
from vstc.evaluation.clip_result import ClipResult
from vstc.evaluation.groups.base import ClipRows, GroupScores, MetricGroup, Value
from vstc.formats.dataset import Clip

TakeRows = Callable[[Clip, ClipRows], None]


@dataclass(frozen=True)
class ClipScores:
    """What is known of one clip.

    Attributes:
        clip: The clip.
        size: Height and width that were judged; None when no frame was.
        values: Values by column of ``per_clip``.
        strays: Predicted ids that the class table does not have; None without any.
    """

    clip: Clip
    size: tuple[int, int] | None
    values: Mapping[str, Value]
    strays: Mapping[str, Any] | None


@dataclass(frozen=True)
class Evaluation:
    """Scores of predictions on the clips of a data set.

    Attributes:
        scores: Scores of every group, by its name.
        clips: The clips one by one, in the order of the data set.
    """

    scores: Mapping[str, GroupScores]
    clips: tuple[ClipScores, ...]

    def totals(self) -> dict[str, float | None]:
        """Return the totals by name; None where nothing could be counted."""
        return {name: v for scores in self.scores.values() for name, v in scores.totals.items()}

    def counts(self) -> dict[str, int]:
        """Return what the totals rest on."""
        counts = {name: n for scores in self.scores.values() for name, n in scores.counts.items()}
        return {"clips": len(self.clips)} | counts

    def per_class(self, class_id: int) -> dict[str, Value]:
        """Return the scores of a class."""
        return {
            column: values[class_id]
            for scores in self.scores.values()
            for column, values in scores.per_class.items()
        }

    def extra(self) -> dict[str, Any]:
        """Return further entries of the record."""
        return {name: v for scores in self.scores.values() for name, v in scores.extra.items()}


def evaluate_predictions(
    judge: ClipJudge,
    clips: Sequence[Clip],
    *,
    workers: int = 1,
    known: Callable[[Clip], ClipResult | None] = lambda _clip: None,
    keep: Callable[[ClipResult], None] = lambda _result: None,
    advance: Callable[[int], None] = lambda _frames: None,
    take_rows: TakeRows = lambda _clip, _rows: None,
) -> Evaluation:
    """Judge predictions on some clips.

    Clips are gathered in their order, so the result does not depend on ``workers``.

    Args:
        judge: Knows predictions, labels and flow.
        clips: The clips.
        workers: Threads over clips; those that find no clip read ahead for the others.
        known: Gives the result of a clip that was judged earlier, or None.
        keep: Takes each new result, from the thread that made it.
        advance: Takes the number of frames just finished.
        take_rows: Takes what the tables say of each clip, in the order of the clips.

    Raises:
        InputError: Predictions, labels or flow are missing or do not fit.
    """
    results = judge_clips(judge, clips, workers=workers, known=known, keep=keep, advance=advance)
    return gather(judge.groups, clips, results, take_rows=take_rows)


def judge_clips(
    judge: ClipJudge,
    clips: Sequence[Clip],
    *,
    workers: int,
    known: Callable[[Clip], ClipResult | None],
    keep: Callable[[ClipResult], None],
    advance: Callable[[int], None],
) -> Iterator[ClipResult]:
    """Judge clips in threads and yield what they hold in their order; see above."""
    advance = _one_at_a_time(advance)
    over_clips = min(workers, len(clips))

    def result_of(clip: Clip) -> ClipResult:
        result = known(clip)
        if result is not None:
            advance(len(clip.frames))
            return result
        result = judge.judge(clip, advance, helpers)
        keep(result)
        return result

    with ExitStack() as stack:
        helpers = None
        if over_clips and workers // over_clips > 1:
            # Clips that are judged at the same time share these threads.
            helping = stack.enter_context(ThreadPoolExecutor(workers, "ahead"))
            helpers = Helpers(helping, workers // over_clips)
        if over_clips <= 1:
            yield from map(result_of, clips)
            return
        pool = stack.enter_context(ThreadPoolExecutor(over_clips, "clip"))
        try:
            yield from pool.map(result_of, clips)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def gather(
    groups: Mapping[str, MetricGroup],
    clips: Iterable[Clip],
    results: Iterable[ClipResult],
    *,
    take_rows: TakeRows = lambda _clip, _rows: None,
) -> Evaluation:
    """Add up what clips hold; of each clip only its row is kept."""
    gatherers = {name: group.gatherer() for name, group in groups.items()}
    columns = [column for group in groups.values() for column in group.columns().clips]
    scores: list[ClipScores] = []
    for clip, result in zip(clips, results, strict=True):
        rows = _merged(
            [gatherers[name].add(clip, part) for name, part in result.parts.items()], columns
        )
        take_rows(clip, rows)
        scores.append(ClipScores(clip, result.size, rows.clip, result.strays))
    found = {name: gatherer.scores() for name, gatherer in gatherers.items()}
    return Evaluation(found, tuple(scores))


def _merged(parts: Sequence[ClipRows], clip_columns: Sequence[str]) -> ClipRows:
    clip: dict[str, Value] = dict.fromkeys(clip_columns)
    pairs: dict[int, dict[str, Value]] = {}
    frames: dict[int, dict[str, Value]] = {}
    for part in parts:
        clip |= part.clip
        for index, values in part.pairs.items():
            pairs.setdefault(index, {}).update(values)
        for index, values in part.frames.items():
            frames.setdefault(index, {}).update(values)
    return ClipRows(
        clip=clip, pairs=dict(sorted(pairs.items())), frames=dict(sorted(frames.items()))
    )


def _one_at_a_time(advance: Callable[[int], None]) -> Callable[[int], None]:
    guard = threading.Lock()

    def guarded(frames: int) -> None:
        with guard:
            advance(frames)

    return guarded
