"""Video AP in plain loops over one track at a time, for tests to compare with."""

from __future__ import annotations

import math

import numpy as np

THRESHOLDS = np.linspace(0.5, 0.95, 10).tolist()
RECALLS = np.linspace(0, 1, 101).tolist()
RANGES = {
    "all": (0, 1e10),
    "small": (0, 128**2),
    "medium": (128**2, 256**2),
    "large": (256**2, 1e10),
}


def slow_match(case, threshold, area_range):
    """Return (score, is right, is ignored) of the found tracks, best first, and what counts."""
    low, high = area_range
    ignored = [
        crowd or not low <= area <= high
        for area, crowd in zip(case.true_areas, case.is_crowd, strict=True)
    ]
    true_order = sorted(range(len(ignored)), key=lambda g: ignored[g])
    found_order = sorted(range(len(case.scores)), key=lambda d: -case.scores[d])[:100]
    taken, rows = set(), []
    for d in found_order:
        best, match = min(threshold, 1 - 1e-10), None
        for g in true_order:
            if g in taken and not case.is_crowd[g]:
                continue
            if match is not None and not ignored[match] and ignored[g]:
                break
            if case.ious[d][g] < best:
                continue
            best, match = case.ious[d][g], g
        if match is None:
            is_ignored = not low <= case.found_areas[d] <= high
        else:
            taken.add(match)
            is_ignored = ignored[match]
        rows.append((case.scores[d], match is not None, is_ignored))
    return rows, ignored.count(False)


def slow_curve(cases, threshold, area_range, max_tracks):
    """Return the precision at 101 recalls and the final recall; None when nothing counts."""
    rows, num_true = [], 0
    for case in cases:
        of_video, counting = slow_match(case, threshold, area_range)
        rows += of_video[:max_tracks]
        num_true += counting
    if not num_true:
        return None
    hits = misses = 0
    points = []
    for _, is_right, is_ignored in sorted(rows, key=lambda row: -row[0]):
        hits += is_right and not is_ignored
        misses += not is_right and not is_ignored
        points.append((hits / num_true, hits / (hits + misses) if hits + misses else 0.0))
    sampled = [max((p for r, p in points if r >= wanted), default=0.0) for wanted in RECALLS]
    return sampled, points[-1][0] if points else 0.0


def slow_scores(cases, categories):
    """Return the totals of ``{(category, video): case}``."""

    def curves(area, max_tracks, thresholds):
        for category in categories:
            of_one = [cases[key] for key in sorted(cases) if key[0] == category]
            for threshold in thresholds:
                curve = slow_curve(of_one, threshold, RANGES[area], max_tracks)
                if curve is not None:
                    yield curve

    def precision(area="all", thresholds=THRESHOLDS):
        return mean([p for sampled, _ in curves(area, 100, thresholds) for p in sampled])

    def recall(area="all", max_tracks=100):
        return mean([final for _, final in curves(area, max_tracks, THRESHOLDS)])

    totals = {
        "ap": precision(),
        "ap50": precision(thresholds=THRESHOLDS[:1]),
        "ap75": precision(thresholds=THRESHOLDS[5:6]),
    }
    for size in ("small", "medium", "large"):
        totals[f"ap_{size}"] = precision(size)
        totals[f"ar_{size}"] = recall(size)
    for limit in (1, 10, 100):
        totals[f"ar{limit}"] = recall(max_tracks=limit)
    return totals


def mean(values):
    return math.fsum(values) / len(values) if values else None
