"""Rates of optical flow: one thread, and the whole precompute pipeline beside its bound."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vstc.artifacts.atomic import atomic_write_bytes
from vstc.flow.pipeline import FlowPlan, FrameSource
from vstc.flow.precompute import precompute_flow
from vstc.flow.providers import make_provider, one_opencv_thread
from vstc.formats.dataset import Clip, Dataset, DatasetRecord, LabelClass
from vstc.formats.flow.hdf5 import Compression, FlowDirection, flow_path
from vstc.formats.images import encode_rgb

Array8 = NDArray[np.uint8]


@dataclass(frozen=True)
class FlowRate:
    """What was measured for one method and frame size.

    A field is the flow of one pair in one direction.

    Attributes:
        method: Name of the flow method.
        height: Rows of a frame.
        width: Columns of a frame.
        workers: Threads of the pipeline.
        compression: How fields were packed.
        single_ms: One field in one thread, nothing else: median of CPU time.
        bound_per_second: ``workers`` times the rate that this gives.
        memory_per_second: Fields per second of the pipeline, frames in memory.
        disk_per_second: The same, frames decoded from PNG files.
        memory_ratio: ``memory_per_second`` over the bound; what other programs on the machine
            take is missing here.
        memory_cpu_ratio: CPU seconds of the flow method alone over those of the pipeline: what
            the ratio would be on a quiet machine.
        disk_cpu_ratio: The same with decoding.
        field_bytes: Bytes of a field on disk.
        raw_bytes: Bytes of a field as float32.
    """

    method: str
    height: int
    width: int
    workers: int
    compression: str
    single_ms: float
    bound_per_second: float
    memory_per_second: float
    disk_per_second: float
    memory_ratio: float
    memory_cpu_ratio: float
    disk_cpu_ratio: float
    field_bytes: int
    raw_bytes: int

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


def bench_flow(
    *,
    methods: Sequence[str] = ("dis-ultrafast", "dis-fast", "dis-medium"),
    size: tuple[int, int] = (1024, 2048),
    num_frames: int = 13,
    workers: int | None = None,
    compression: Compression = Compression.FAST,
) -> list[FlowRate]:
    """Measure flow methods on a made-up clip.

    Args:
        methods: Names in the catalog.
        size: Height and width of the frames.
        num_frames: Length of the clip.
        workers: Threads of the pipeline; None is one per core.
        compression: How fields are packed.
    """
    frames = make_frames(size, num_frames)
    with tempfile.TemporaryDirectory(prefix="vstc-bench-") as name:
        folder = Path(name)
        dataset = _write_dataset(folder, frames)
        return [
            _measure(
                method,
                dataset,
                frames,
                folder=folder,
                plan=FlowPlan(workers=workers or os.cpu_count() or 1, compression=compression),
            )
            for method in methods
        ]


def make_frames(size: tuple[int, int], count: int) -> list[Array8]:
    """Make a clip of a textured plane that zooms and turns behind moving discs, RGB."""
    height, width = size
    rng = np.random.default_rng(0)
    plane = np.zeros((height, width), np.float32)
    for sigma in (1, 3, 9, 27):
        noise = rng.uniform(-1, 1, size).astype(np.float32)
        plane += np.asarray(cv2.GaussianBlur(noise, (0, 0), sigma), np.float32) * sigma
    plane8 = np.asarray(cv2.normalize(plane, plane, 0, 255, cv2.NORM_MINMAX), np.float32)
    texture = np.dstack([plane8, plane8[::-1], plane8[:, ::-1]]).astype(np.uint8)
    places, steps = rng.uniform(0, 1, (8, 2)), rng.uniform(-0.01, 0.01, (8, 2))
    frames = []
    for index in range(count):
        matrix = cv2.getRotationMatrix2D((width / 2, height / 2), 0.3 * index, 1 + 0.01 * index)
        frame = cv2.warpAffine(texture, matrix, (width, height), borderMode=cv2.BORDER_REFLECT)
        disc = np.zeros(size, np.uint8)
        for x, y in places + index * steps:
            cv2.circle(disc, (int(x * width), int(y * height)), height // 12, 1, -1)
        frames.append(np.where(disc[..., None] > 0, 255 - frame, frame).astype(np.uint8))
    return frames


class _MemoryFrames(FrameSource):
    def __init__(self, frames: Sequence[Array8]) -> None:
        self._frames = frames

    def read(self, clip: Clip, index: int) -> Array8:
        return self._frames[index]

    def stream(self, clip: Clip) -> Iterator[Array8]:
        yield from self._frames


def _write_dataset(folder: Path, frames: Sequence[Array8]) -> Dataset:
    names = [f"{index:06d}.png" for index in range(len(frames))]
    for name, frame in zip(names, frames, strict=True):
        atomic_write_bytes(folder / name, encode_rgb(frame))
    clip = Clip(id="bench", split="bench", fps=None, frame_step=1, frames=list(names))
    classes = [LabelClass(id=0, name="none", color=(0, 0, 0))]
    return Dataset(DatasetRecord(name="bench", root=".", classes=classes, clips=[clip]), folder)


def _measure(
    method: str, dataset: Dataset, frames: Sequence[Array8], *, folder: Path, plan: FlowPlan
) -> FlowRate:
    assert plan.workers is not None
    single = _single_seconds(method, frames)
    memory = _run_pipeline(
        method, dataset, folder=folder / "memory", plan=plan, source=_MemoryFrames(frames)
    )
    disk = _run_pipeline(method, dataset, folder=folder / "disk", plan=plan, source=None)
    bound = plan.workers / single
    height, width = frames[0].shape[:2]
    return FlowRate(
        method=method,
        height=height,
        width=width,
        workers=plan.workers,
        compression=str(plan.compression),
        single_ms=1000 * single,
        bound_per_second=bound,
        memory_per_second=1 / memory.wall,
        disk_per_second=1 / disk.wall,
        memory_ratio=1 / memory.wall / bound,
        memory_cpu_ratio=single / memory.cpu,
        disk_cpu_ratio=single / disk.cpu,
        field_bytes=memory.field_bytes,
        raw_bytes=8 * height * width,
    )


@dataclass(frozen=True)
class _Cost:
    """Seconds and bytes per field."""

    wall: float
    cpu: float
    field_bytes: int


def _single_seconds(method: str, frames: Sequence[Array8]) -> float:
    """Return the median CPU seconds of one field, over all pairs in both directions."""
    worker = make_provider(method).make_worker()
    grays = [np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), np.uint8) for frame in frames]
    seconds = []
    with one_opencv_thread():
        worker.flow(grays[0], grays[1])
        for prev, following in zip(grays, grays[1:], strict=False):
            for target, source in ((following, prev), (prev, following)):
                started = time.thread_time()
                worker.flow(target, source)
                seconds.append(time.thread_time() - started)
    return float(np.median(seconds))


def _run_pipeline(
    method: str, dataset: Dataset, *, folder: Path, plan: FlowPlan, source: FrameSource | None
) -> _Cost:
    wall, cpu = time.perf_counter(), time.process_time()
    done = precompute_flow(
        dataset, dataset.clips, make_provider(method), folder=folder, plan=plan, source=source
    )
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    flow_path(folder, dataset.clips[0].id).unlink()
    count = len(dataset.clips[0].frames) * len(FlowDirection) - len(FlowDirection)
    assert count == done.num_fields
    return _Cost(wall / count, cpu / count, done.size_bytes // count)
