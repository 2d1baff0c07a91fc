"""Average precision and recall of object tracks in videos, as YouTube-VIS counts them.

The COCO measure with the video as its unit (Yang et al. 2019, and the rules of the published
evaluation): the overlap of two tracks is the sum over frames of shared pixels by the sum of
joint pixels, at most so many found tracks per video and category count, and the size of a track
is its mean area over the frames that show it. Two differences change no number: matches are
booleans and not ids, so that a true track may have any id, and what cannot be counted is None
and not -1.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from vstc.metrics.track_matching import (
    AREA_RANGES,
    IOU_THRESHOLDS,
    Floats,
    TrackMatches,
    TrackOverlaps,
    match_tracks,
)

RECALL_POINTS = np.linspace(0.0, 1.0, 101)
MAX_TRACKS = (1, 10, 100)
_AREA_PLACES = {name: place for place, name in enumerate(AREA_RANGES)}
_PLACE_OF_50, _PLACE_OF_75 = 0, 5


@dataclass(frozen=True)
class CategoryScores:
    """Scores of a category in [0, 1]; None without a true track that counts.

    Attributes:
        ap: Precision, mean over recall points and IoU thresholds.
        ap50: The same at IoU 0.5 alone.
        ap75: The same at IoU 0.75 alone.
        ar1: Recall with one found track per video, mean over IoU thresholds.
        ar10: The same with 10.
        ar100: The same with 100.
        num_true: True tracks that count.
        num_found: Found tracks that were looked at, at most 100 per video.
    """

    ap: float | None
    ap50: float | None
    ap75: float | None
    ar1: float | None
    ar10: float | None
    ar100: float | None
    num_true: int
    num_found: int


@dataclass(frozen=True)
class TrackScores:
    """Scores in [0, 1], means over the categories with a true track that counts; else None.

    Attributes:
        ap: Precision; ``ap50`` to ``ar100`` as in ``CategoryScores``.
        ap_small: AP of tracks of up to 128 x 128 pixels.
        ap_medium: AP of tracks of 128 x 128 to 256 x 256 pixels.
        ap_large: AP of tracks from 256 x 256 pixels.
        ar_small: AR with 100 found tracks, of small ones.
        ar_medium: The same of medium ones.
        ar_large: The same of large ones.
        per_category: Scores by category id.
    """

    ap: float | None
    ap50: float | None
    ap75: float | None
    ap_small: float | None
    ap_medium: float | None
    ap_large: float | None
    ar1: float | None
    ar10: float | None
    ar100: float | None
    ar_small: float | None
    ar_medium: float | None
    ar_large: float | None
    per_category: Mapping[int, CategoryScores] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class _Curve:
    """Precision at the recall points, (T, 101), and the final recall, (T,)."""

    precision: Floats
    recall: Floats


class VideoAveragePrecision:
    """Accumulate matches over videos; the order in which they come changes nothing."""

    def __init__(self) -> None:
        self._matches: dict[int, dict[int, TrackMatches]] = {}

    def update(self, *, video_id: int, category_id: int, overlaps: TrackOverlaps) -> None:
        """Count the tracks of one category in one video.

        Args:
            video_id: The video; equal scores are ranked by the order of these ids.
            category_id: The category.
            overlaps: The tracks; those beyond the 100 best are passed over.

        Raises:
            ValueError: This category of this video was counted already.
        """
        self._add(video_id, category_id, match_tracks(overlaps))

    def merge(self, other: VideoAveragePrecision) -> None:
        """Add other videos or categories.

        Raises:
            ValueError: A category of a video was counted in both.
        """
        for category_id, videos in other._matches.items():
            for video_id, matches in videos.items():
                self._add(video_id, category_id, matches)

    def scores(self, category_ids: Sequence[int]) -> TrackScores:
        """Read the scores of the data set.

        Args:
            category_ids: All its categories.
        """
        matches = {number: self._in_order(number) for number in category_ids}

        def curves(area: str, max_tracks: int) -> list[_Curve | None]:
            return [_curve(of_one, area, max_tracks) for of_one in matches.values()]

        best = {area: curves(area, MAX_TRACKS[-1]) for area in AREA_RANGES}
        ar1, ar10, ar100 = (_recall(curves("all", limit)) for limit in MAX_TRACKS)
        return TrackScores(
            ap=_precision(best["all"]),
            ap50=_precision(best["all"], _PLACE_OF_50),
            ap75=_precision(best["all"], _PLACE_OF_75),
            ap_small=_precision(best["small"]),
            ap_medium=_precision(best["medium"]),
            ap_large=_precision(best["large"]),
            ar1=ar1,
            ar10=ar10,
            ar100=ar100,
            ar_small=_recall(best["small"]),
            ar_medium=_recall(best["medium"]),
            ar_large=_recall(best["large"]),
            per_category={number: _of_category(of_one) for number, of_one in matches.items()},
        )

    def _add(self, video_id: int, category_id: int, matches: TrackMatches) -> None:
        videos = self._matches.setdefault(category_id, {})
        if video_id in videos:
            raise ValueError(f"category {category_id} of video {video_id} was counted already")
        videos[video_id] = matches

    def _in_order(self, category_id: int) -> list[TrackMatches]:
        return [matches for _, matches in sorted(self._matches.get(category_id, {}).items())]


def _of_category(matches: Sequence[TrackMatches]) -> CategoryScores:
    by_limit = [[_curve(matches, "all", limit)] for limit in MAX_TRACKS]
    best = by_limit[-1]
    ar1, ar10, ar100 = (_recall(curves) for curves in by_limit)
    return CategoryScores(
        ap=_precision(best),
        ap50=_precision(best, _PLACE_OF_50),
        ap75=_precision(best, _PLACE_OF_75),
        ar1=ar1,
        ar10=ar10,
        ar100=ar100,
        num_true=sum(int(part.num_true[_AREA_PLACES["all"]]) for part in matches),
        num_found=sum(len(part.scores) for part in matches),
    )


def _curve(matches: Sequence[TrackMatches], area: str, max_tracks: int) -> _Curve | None:
    """Rank the found tracks of all videos together; None without a true track that counts."""
    place = _AREA_PLACES[area]
    num_true = sum(int(part.num_true[place]) for part in matches)
    if not num_true:
        return None
    scores = np.concatenate([part.scores[:max_tracks] for part in matches])
    order = np.argsort(-scores, kind="stable")
    is_right = np.concatenate([p.is_right[place, :, :max_tracks] for p in matches], axis=1)
    is_ignored = np.concatenate([p.is_ignored[place, :, :max_tracks] for p in matches], axis=1)
    is_right, is_counted = is_right[:, order], ~is_ignored[:, order]
    hits = np.cumsum(is_right & is_counted, axis=1).astype(np.float64)
    misses = np.cumsum(~is_right & is_counted, axis=1).astype(np.float64)
    recall = hits / num_true
    precision = hits / np.maximum(hits + misses, 1)
    falling = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    sampled = np.zeros((len(IOU_THRESHOLDS), len(RECALL_POINTS)))
    for row, recalls in enumerate(recall):
        reached = np.searchsorted(recalls, RECALL_POINTS, side="left")
        is_inside = reached < len(scores)
        sampled[row, is_inside] = falling[row, reached[is_inside]]
    final = recall[:, -1] if len(scores) else np.zeros(len(IOU_THRESHOLDS))
    return _Curve(sampled, final)


def _precision(curves: Iterable[_Curve | None], threshold: int | None = None) -> float | None:
    rows = slice(None) if threshold is None else slice(threshold, threshold + 1)
    known = [curve.precision[rows] for curve in curves if curve is not None]
    return float(np.mean(known)) if known else None


def _recall(curves: Iterable[_Curve | None]) -> float | None:
    known = [curve.recall for curve in curves if curve is not None]
    return float(np.mean(known)) if known else None
