"""Which found tracks of a video are right: the greedy matching of COCO, on whole tracks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

IOU_THRESHOLDS = np.linspace(0.5, 0.95, 10)
MAX_FOUND = 100
AREA_RANGES: Mapping[str, tuple[float, float]] = {
    "all": (0.0, 1e10),
    "small": (0.0, 128.0**2),
    "medium": (128.0**2, 256.0**2),
    "large": (256.0**2, 1e10),
}

Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class TrackOverlaps:
    """The found and the true tracks of one category in one video.

    Attributes:
        scores: Confidence of D found tracks, (D,).
        found_areas: Their mean areas in pixels, (D,).
        true_areas: Mean areas of G true tracks, (G,).
        is_crowd: True tracks that stand for several objects and never count as missed, (G,).
        ious: Overlap of each found with each true track over the whole video, (D, G) in [0, 1].
    """

    scores: Floats
    found_areas: Floats
    true_areas: Floats
    is_crowd: Flags
    ious: Floats

    def __post_init__(self) -> None:
        """Refuse arrays that do not fit together."""
        found, true = len(self.scores), len(self.true_areas)
        shapes = (self.found_areas.shape, self.is_crowd.shape, self.ious.shape)
        if shapes != ((found,), (true,), (found, true)):
            raise ValueError(f"{found} found and {true} true tracks, but arrays of {shapes}")


@dataclass(frozen=True, eq=False)
class TrackMatches:
    """Found tracks of one category in one video, best first, after matching.

    R area ranges (the order of ``AREA_RANGES``), T thresholds, D found tracks.

    Attributes:
        scores: (D,).
        is_right: Matched to a true track, (R, T, D).
        is_ignored: Neither right nor wrong, (R, T, D).
        num_true: True tracks that count, (R,).
    """

    scores: Floats
    is_right: Flags
    is_ignored: Flags
    num_true: NDArray[np.int64]


def best_first(scores: Floats) -> NDArray[np.int64]:
    """Return the places of the found tracks that count: by falling score, equal ones in order."""
    return np.argsort(-scores, kind="stable")[:MAX_FOUND]


def match_tracks(overlaps: TrackOverlaps) -> TrackMatches:
    """Match found to true tracks, for each area range and IoU threshold on its own.

    The best found track chooses first. It takes the free true track with the largest overlap
    that reaches the threshold, the later one of equals. True tracks outside the area range and
    crowds are ignored: they are taken only when no other fits, and a crowd by any number of found
    tracks. A found track is ignored when its match is, or when it has none and its own area is
    outside the range.
    """
    order = best_first(overlaps.scores)
    low, high = np.array(list(AREA_RANGES.values())).T[:, :, None]
    is_ignored_true = (overlaps.true_areas < low) | (overlaps.true_areas > high)
    is_ignored_true |= overlaps.is_crowd
    found_areas = overlaps.found_areas[order]
    is_outside = (found_areas < low) | (found_areas > high)
    is_right, is_ignored = _match_in_order(overlaps.ious[order], is_ignored_true, overlaps.is_crowd)
    is_ignored |= ~is_right & is_outside[:, None, :]
    return TrackMatches(
        scores=overlaps.scores[order],
        is_right=is_right,
        is_ignored=is_ignored,
        num_true=(~is_ignored_true).sum(axis=1),
    )


def _match_in_order(
    ious_DG: Floats, is_ignored_RG: Flags, is_crowd_G: Flags
) -> tuple[Flags, Flags]:
    """Match all found tracks, best first.

    Returns:
        Whether each is matched, and whether its match is ignored, (R, T, D) both.
    """
    thresholds = np.minimum(IOU_THRESHOLDS, 1 - 1e-10)[:, None]
    num_found, num_true = ious_DG.shape
    num_ranges = len(is_ignored_RG)
    is_matched = np.zeros((num_ranges, len(IOU_THRESHOLDS), num_found), np.bool_)
    has_ignored_match = np.zeros_like(is_matched)
    if not num_true:
        return is_matched, has_ignored_match
    is_taken = np.zeros((num_ranges, len(IOU_THRESHOLDS), num_true), np.bool_)
    is_ignored = np.broadcast_to(is_ignored_RG[:, None, :], is_taken.shape)
    for found, iou_G in enumerate(ious_DG):
        fits = (iou_G >= thresholds) & (~is_taken | is_crowd_G)
        counts = fits & ~is_ignored
        is_counting = counts.any(axis=-1)
        wanted = np.where(is_counting[..., None], counts, fits)
        overlap = np.where(wanted, iou_G, -1.0)
        chosen = num_true - 1 - np.argmax(overlap[..., ::-1], axis=-1)
        is_hit = wanted.any(axis=-1)
        area, threshold = np.nonzero(is_hit)
        is_taken[area, threshold, chosen[is_hit]] = True
        is_matched[..., found] = is_hit
        has_ignored_match[..., found] = is_hit & ~is_counting
    return is_matched, has_ignored_match
