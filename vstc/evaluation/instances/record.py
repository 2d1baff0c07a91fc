"""The record of an evaluation of object tracks, in the form of all ``metrics.json``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from vstc.evaluation.instances.judge import VideoResult
from vstc.evaluation.instances.plan import InstancePlan
from vstc.evaluation.record import KIND, SCHEMA_VERSION
from vstc.formats.objects.tracks import Video
from vstc.metrics.video_ap import TrackScores, VideoAveragePrecision

TOTALS = (
    "ap", "ap50", "ap75", "ar1", "ar10", "ar100",
    "ap_small", "ap_medium", "ap_large", "ar_small", "ar_medium", "ar_large",
)  # fmt: skip


def scores_of(plan: InstancePlan, results: Sequence[VideoResult]) -> TrackScores:
    """Gather what was counted of the videos."""
    metric = VideoAveragePrecision()
    for result in results:
        for category_id, overlaps in result.cases.items():
            metric.update(video_id=result.video_id, category_id=category_id, overlaps=overlaps)
    return metric.scores([category.id for category in plan.categories])


def instance_record(plan: InstancePlan, results: Sequence[VideoResult]) -> dict[str, Any]:
    """Build the content of ``metrics.json``; fractions in [0, 1], null where absent.

    Args:
        plan: What was judged.
        results: One of each video, in the order of the plan.
    """
    scores = scores_of(plan, results)
    sizes = sorted({(video.height, video.width) for video in plan.videos})
    return {
        "schema": KIND,
        "schema_version": SCHEMA_VERSION,
        "dataset": plan.name,
        "protocol": plan.protocol | {"sizes": [f"{width}x{height}" for height, width in sizes]},
        "totals": totals_of(scores),
        "counts": {
            "clips": len(plan.videos),
            "frames": plan.num_frames,
            "true_tracks": sum(result.num_true for result in results),
            "crowd_tracks": sum(result.num_crowds for result in results),
            "found_tracks": sum(result.num_found for result in results),
        },
        "per_class": [
            {"id": category.id, "name": category.name}
            | _renamed(asdict(scores.per_category[category.id]))
            for category in plan.categories
        ],
        "per_clip": [
            _clip_row(video, result) for video, result in zip(plan.videos, results, strict=True)
        ],
    }


def totals_of(scores: TrackScores) -> dict[str, float | None]:
    """Return the totals by name."""
    return {name: getattr(scores, name) for name in TOTALS}


def _renamed(values: dict[str, Any]) -> dict[str, Any]:
    names = {"num_true": "true_tracks", "num_found": "found_tracks"}
    return {names.get(name, name): value for name, value in values.items()}


def _clip_row(video: Video, result: VideoResult) -> dict[str, Any]:
    return {
        "id": video.label,
        "video_id": video.id,
        "frames": video.length,
        "size": f"{video.width}x{video.height}",
        "true_tracks": result.num_true,
        "crowd_tracks": result.num_crowds,
        "found_tracks": result.num_found,
        "mean_best_iou": result.mean_best_iou,
    }
