"""Read from a metrics artifact what adds up over its clips: counts, and sums with their weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vstc.errors import InputError
from vstc.evaluation.groups.base import Part
from vstc.evaluation.groups.video_consistency import VARIANTS
from vstc.evaluation.run import read_clip_result
from vstc.evaluation.settings import Metric
from vstc.metrics.flicker import RATES, FlickerCounts
from vstc.metrics.object_scores import ObjectSums
from vstc.metrics.video_consistency import ClipWindows, video_consistency

# IoU of trimaps keeps a matrix for each true trimap.
TRIMAP_IOU = "iou"
# Where a metric group keeps its confusion matrix of a clip.
_COUNTS: dict[str, str] = {Metric.MIOU: "confusion", Metric.TC: "counts", TRIMAP_IOU: "counts"}
# What an evaluation of object tracks keeps in place of the counts of clips.
_OF_TRACKS = "videos"
Sums = dict[str, tuple[float, float]]


def read_clip_sums(
    folder: Path, record: Mapping[str, Any]
) -> tuple[dict[str, NDArray[np.int64]], dict[str, NDArray[np.float64]]]:
    """Read what a metrics artifact counted of every clip, one file at a time.

    Args:
        folder: The artifact.
        record: Its ``metrics.json``; N clips, K classes.

    Returns:
        Confusion matrices (N, K + 1, K + 1) by metric group, of trimaps (N, truths, 4, 4), and
        sums of values with their weights (N, 2) by name of the total; zeros where nothing was
        counted. Both are empty for an evaluation of object tracks, whose scores do not add up
        over videos.

    Raises:
        InputError: What was counted of a clip is missing or not readable.
    """
    if (folder / _OF_TRACKS).is_dir():
        return {}, {}
    counts: list[dict[str, NDArray[np.int64]]] = []
    sums: list[Sums] = []
    for row in record["per_clip"]:
        parts = read_clip_result(folder, row["id"]).parts
        try:
            counts.append(_counts(parts))
            sums.append(_sums(parts))
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"{folder} does not hold the counts of clip {row['id']}: {error!r}",
                hint="run its vstc evaluate again with --overwrite",
            ) from error
    return _stacked(counts), {key: np.asarray(v, np.float64) for key, v in _stacked(sums).items()}


def _counts(parts: Mapping[str, Part]) -> dict[str, NDArray[np.int64]]:
    found = {str(group): parts.get(group, {}).get(name) for group, name in _COUNTS.items()}
    return {group: np.array(rows, np.int64) for group, rows in found.items() if rows is not None}


def _sums(parts: Mapping[str, Part]) -> Sums:
    readers: dict[Metric, Callable[[Part], Sums]] = {
        Metric.FLICKER: _flicker,
        Metric.VC: _windows,
        Metric.BOUNDARY: _objects,
    }
    found: Sums = {}
    for group, read in readers.items():
        if group in parts:
            found |= read(parts[group])
    return found


def _flicker(part: Part) -> Sums:
    rates = FlickerCounts.from_json(part["clip"]).rates
    return {name: (rates[name][0], rates[name][1]) for name in RATES}


def _windows(part: Part) -> Sums:
    clip = ClipWindows.from_json(part)
    found: Sums = {}
    for length in sorted({length for length, *_ in clip.sums}):
        for variant, protocol in VARIANTS.items():
            scores = video_consistency({"": clip}, length, protocol)
            found[f"vc{length}{variant}"] = (
                (scores.vc or 0.0) * scores.n_windows,
                scores.n_windows,
            )
    return found


def _objects(part: Part) -> Sums:
    means = ObjectSums.from_json(part["objects"]).means().values()
    return {
        "boundary_f": (sum(value.f for value in means), len(means)),
        "region_j": (sum(value.j for value in means), len(means)),
    }


def _stacked(clips: list[Any]) -> dict[str, NDArray[Any]]:
    """Stack what clips hold by key, zeros for a clip that lacks one."""
    known = {key: np.asarray(value) for clip in clips for key, value in clip.items()}
    return {
        key: np.stack([np.asarray(clip.get(key, np.zeros_like(like))) for clip in clips])
        for key, like in known.items()
    }
