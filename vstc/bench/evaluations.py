"""Cost of whole evaluations, and of the decoding and flow that no evaluation can do without."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vstc.bench.cost import Cost, median_cost, stopwatch
from vstc.bench.metric_clips import MetricClips
from vstc.evaluation.plan import plan_evaluation
from vstc.evaluation.run import run_evaluation
from vstc.evaluation.settings import EvaluateSettings, Metric
from vstc.flow.providers import make_provider, one_opencv_thread
from vstc.formats.dataset import Clip
from vstc.formats.frames import FrameReader
from vstc.formats.images import read_labels


@dataclass(frozen=True)
class ConsistencyCost:
    """TC of one clip beside its parts, on the same cores, in turns.

    Attributes:
        size: Height and width.
        frames: Frames of the clip.
        workers: Threads.
        flow_method: Name in the catalog.
        parts: Decoding frames and predictions once and computing the flow of each pair, by a
            plain pool of threads that does nothing else; median of the repeats.
        whole: The evaluation, from opening its inputs to writing its record; median.
        wall_ratio: ``whole`` over ``parts``, wall time.
        cpu_ratio: The same in processor time.
        tc: What came out.
    """

    size: tuple[int, int]
    frames: int
    workers: int
    flow_method: str
    parts: Cost
    whole: Cost
    wall_ratio: float
    cpu_ratio: float
    tc: float | None

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


@dataclass(frozen=True)
class Scaling:
    """Cost of one metric over several clips.

    One worker alone keeps OpenCV to one thread, so that it stands for one core.

    Attributes:
        metric: The metric.
        workers: Threads, or processes for Tsb.
        clips: Clips.
        pairs: Pairs of neighbouring frames of all clips.
        cost: The whole evaluation.
        speedup: Wall time of the first row of the metric over this one's.
    """

    metric: str
    workers: int
    clips: int
    pairs: int
    cost: Cost
    speedup: float

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


def measure_consistency(
    clips: MetricClips, *, size: tuple[int, int], flow_method: str, workers: int, repeats: int
) -> ConsistencyCost:
    """Measure TC of the clips beside their parts.

    Args:
        clips: What is judged; one clip is the case to look at.
        size: Height and width, for the record.
        flow_method: Name in the catalog.
        workers: Threads.
        repeats: How often both are measured, in turns.
    """
    parts, wholes, tc = [], [], None
    for _ in range(repeats):
        parts.append(_parts_cost(clips, flow_method=flow_method, workers=workers))
        cost, record = _evaluate(clips, Metric.TC, flow_method=flow_method, workers=workers)
        wholes.append(cost)
        tc = record["totals"]["tc"]
    part, whole = median_cost(parts), median_cost(wholes)
    return ConsistencyCost(
        size=size,
        frames=sum(len(clip.frames) for clip in clips.clips),
        workers=workers,
        flow_method=flow_method,
        parts=part,
        whole=whole,
        wall_ratio=whole.wall_seconds / part.wall_seconds,
        cpu_ratio=whole.cpu_seconds / part.cpu_seconds,
        tc=tc,
    )


def measure_scaling(
    clips: MetricClips, metric: Metric, *, flow_method: str, workers: Sequence[int]
) -> list[Scaling]:
    """Measure the evaluation of one metric with different numbers of workers.

    Args:
        clips: What is judged; at least as many clips as workers.
        metric: What is computed.
        flow_method: Name in the catalog, for metrics that need flow.
        workers: Numbers of workers, the first one is what the others are compared with.
    """
    rows: list[Scaling] = []
    for count in workers:
        # OpenCV would spread a single worker's flow over all cores.
        with one_opencv_thread() if count == 1 else nullcontext():
            cost, _ = _evaluate(clips, metric, flow_method=flow_method, workers=count)
        first = rows[0].cost if rows else cost
        rows.append(
            Scaling(
                metric=str(metric),
                workers=count,
                clips=len(clips.clips),
                pairs=clips.num_pairs,
                cost=cost,
                speedup=first.wall_seconds / cost.wall_seconds,
            )
        )
    return rows


def _evaluate(
    clips: MetricClips, metric: Metric, *, flow_method: str, workers: int
) -> tuple[Cost, dict[str, Any]]:
    """Run ``vstc evaluate`` without its command line."""
    settings = EvaluateSettings(
        metrics=(metric,), flow_method=flow_method if metric is Metric.TC else None
    )
    with tempfile.TemporaryDirectory(dir=clips.folder) as name, stopwatch() as watch:
        plan = plan_evaluation(str(clips.predictions), clips.folder, settings=settings)
        record = run_evaluation(plan, Path(name) / "metrics", workers=workers)
    return watch.cost, record


def _parts_cost(clips: MetricClips, *, flow_method: str, workers: int) -> Cost:
    """Decode every file once and compute the flow of every pair, on so many threads."""
    with stopwatch() as watch, one_opencv_thread(), ThreadPoolExecutor(workers) as pool:
        reader, worker = FrameReader(clips.dataset), make_provider(flow_method).make_worker()
        for clip in clips.clips:
            frames = pool.map(partial(_gray, reader, clip), range(len(clip.frames)))
            labels = pool.map(read_labels, sorted((clips.predictions / clip.id).iterdir()))
            grays = list(frames)
            flows = pool.map(worker.flow, grays[:-1], grays[1:])
            for _ in chain(labels, flows):
                pass
    return watch.cost


def _gray(reader: FrameReader, clip: Clip, index: int) -> NDArray[np.uint8]:
    return np.asarray(cv2.cvtColor(reader.read(clip, index), cv2.COLOR_RGB2GRAY), np.uint8)
