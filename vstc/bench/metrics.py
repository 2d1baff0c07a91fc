"""Cost of the metrics: TC beside its parts, Tsb of a pair, scaling, and what a full set takes."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from vstc.bench.cost import Cost
from vstc.bench.evaluations import ConsistencyCost, Scaling, measure_consistency, measure_scaling
from vstc.bench.metric_clips import write_clips
from vstc.bench.stability_pair import StabilityPair, measure_stability_pair
from vstc.errors import ConfigError
from vstc.evaluation.settings import Metric
from vstc.flow.providers import make_provider

FULL_CLIPS, FULL_FRAMES = 100, 30


@dataclass(frozen=True)
class Projection:
    """What 100 clips of 30 frames would take, from the pairs that were measured.

    Attributes:
        metric: The metric.
        workers: As in the measurement.
        pairs: Pairs of the full set.
        measured_pairs: Pairs that were measured, of the same size.
        cost: Cost per measured pair times ``pairs``; starting up is part of it.
    """

    metric: str
    workers: int
    pairs: int
    measured_pairs: int
    cost: Cost

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


@dataclass(frozen=True)
class MetricsBench:
    """Everything that was measured in one run.

    Attributes:
        size: Height and width.
        cores: Cores of the machine.
        consistency: TC of one clip beside its parts.
        stability: Tsb of one pair, by number of workers.
        scaling: Both metrics over several clips, by number of workers.
        projection: What a full set takes, by metric.
    """

    size: tuple[int, int]
    cores: int
    consistency: ConsistencyCost
    stability: tuple[StabilityPair, ...]
    scaling: tuple[Scaling, ...]
    projection: tuple[Projection, ...]

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


def bench_metrics(
    *,
    size: tuple[int, int] = (1024, 2048),
    num_frames: int = 30,
    num_clips: int = 4,
    clip_frames: int = 6,
    workers: int | None = None,
    flow_method: str = "dis-medium",
    repeats: int = 3,
    on_progress: Callable[[str], None] = lambda _name: None,
) -> MetricsBench:
    """Measure TC and Tsb on made-up clips.

    Args:
        size: Height and width of frames and label maps.
        num_frames: Frames of the clip that TC is measured on.
        num_clips: Clips that scaling is measured on.
        clip_frames: Frames of each of these.
        workers: The most workers; 1 is measured beside. None is one per core.
        flow_method: Name in the catalog.
        repeats: How often short measurements are repeated; medians count.
        on_progress: Called with the name of each part before it runs.

    Raises:
        ConfigError: There is nothing to measure, or an unknown flow method.
    """
    if num_frames < 2 or clip_frames < 2 or repeats < 1:
        raise ConfigError(
            f"nothing to measure: {num_frames} and {clip_frames} frames, {repeats} repeats",
            hint="a clip needs two frames at least",
        )
    make_provider(flow_method)
    most = workers or os.cpu_count() or 1
    counts = sorted({1, most})
    stability = []
    for count in counts:
        on_progress(f"Tsb of a pair, {count} workers")
        stability.append(measure_stability_pair(size, workers=count, repeats=repeats))
    with tempfile.TemporaryDirectory(prefix="vstc-bench-") as name:
        on_progress("TC of a clip")
        one = write_clips(Path(name) / "one", size, num_clips=1, num_frames=num_frames)
        consistency = measure_consistency(
            one, size=size, flow_method=flow_method, workers=most, repeats=repeats
        )
        several = write_clips(
            Path(name) / "several", size, num_clips=num_clips, num_frames=clip_frames
        )
        scaling: list[Scaling] = []
        for metric in (Metric.TC, Metric.TSB):
            on_progress(f"{metric} of {num_clips} clips")
            scaling += measure_scaling(several, metric, flow_method=flow_method, workers=counts)
    return MetricsBench(
        size=size,
        cores=os.cpu_count() or 1,
        consistency=consistency,
        stability=tuple(stability),
        scaling=tuple(scaling),
        projection=tuple(_project(row) for row in scaling if row.workers == most),
    )


def _project(row: Scaling) -> Projection:
    pairs = FULL_CLIPS * (FULL_FRAMES - 1)
    return Projection(
        metric=row.metric,
        workers=row.workers,
        pairs=pairs,
        measured_pairs=row.pairs,
        cost=row.cost.times(pairs / row.pairs),
    )
