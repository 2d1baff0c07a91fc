"""How fast propagation is on this machine, beside the bound that its parts imply."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from vstc.artifacts.workspace import Workspace, open_artifact
from vstc.inference.efficiency import device_name
from vstc.inference.frame_streams import StreamFrame
from vstc.inference.sinks.label_files import LabelFile
from vstc.propagation.clip_writer import ClipWriter, Outputs, Threads
from vstc.propagation.clock import Part, PartClock, PartTime
from vstc.propagation.engine import Propagated
from vstc.propagation.equipment import Equipment
from vstc.propagation.flows import ClipFlows
from vstc.propagation.measuring.artifact import KIND, SCHEMA_VERSION
from vstc.propagation.measuring.frames import BenchmarkFrames, FrameSupply
from vstc.propagation.measuring.operating_points import plain_point, preset_of
from vstc.propagation.measuring.part_times import MeasuredParts, Write, measure_parts
from vstc.propagation.measuring.rates import PartTimes, bound_pipelined, rate_sequential
from vstc.propagation.run_settings import PropagateRunSettings, Propagation
from vstc.propagation.settings import PropagateSettings
from vstc.propagation.stages import Networks

PER_FRAME = "every frame"
_CLIP = "clip"


@dataclass(frozen=True)
class BenchmarkCase:
    """An operating point to measure.

    Attributes:
        name: Its name.
        settings: How results are propagated.
        equipment: Its networks.
        flows: Where its flow comes from; None if nothing moves.
    """

    name: str
    settings: PropagateRunSettings
    equipment: Equipment
    flows: ClipFlows | None


@dataclass(frozen=True)
class PipelineRun:
    """What the pipeline did on all frames.

    Attributes:
        frames: Frames that came out.
        rate: Frames per second from a key frame to a key frame, after the warm-up.
        latency_p50_ms: From a frame's coming to its result, after the warm-up.
        latency_p95_ms: The same.
        seconds: Of the whole run, by the clock on the wall.
        cpu_seconds: Of the whole run, all threads.
        cores: Cores of the machine.
        times: Of each part in the whole run.
    """

    frames: int
    rate: float
    latency_p50_ms: float
    latency_p95_ms: float
    seconds: float
    cpu_seconds: float
    cores: int
    times: dict[Part, PartTime]

    @property
    def cores_bound(self) -> float:
        """Frames per second if all cores worked on nothing else, all the time."""
        return self.cores * self.frames / self.cpu_seconds


@dataclass(frozen=True)
class BenchmarkRow:
    """What was measured at one operating point.

    Attributes:
        name: Name of the operating point.
        settings: How results are propagated.
        threads: How many worked.
        alone: What the parts take one after the other.
        piped: What the pipeline did.
    """

    name: str
    settings: PropagateSettings
    threads: Threads
    alone: MeasuredParts
    piped: PipelineRun

    @property
    def network_busy(self) -> float:
        """Share of the time that some network ran in the pipeline."""
        times = self.piped.times
        return (times[Part.NETWORK].wall + times[Part.REFINER].wall) / self.piped.seconds

    @property
    def added(self) -> float:
        """Processor time of all that is not flow, warping or networks, as a share of those."""
        return self.piped.cpu_seconds / self._needed_cpu - 1

    @property
    def added_but_files(self) -> float:
        """The same without decoding and writing, which prediction frame by frame has too."""
        times = self.piped.times
        return self.added - (times[Part.DECODE].cpu + times[Part.WRITE].cpu) / self._needed_cpu

    def as_json(self, model: PartTimes, *, per_frame_rate: float) -> dict[str, Any]:
        """Return plain JSON values.

        Args:
            model: What the parts take, for the bound.
            per_frame_rate: Frames per second when every frame is segmented.
        """
        settings, rate, cpu = self.settings, self.piped.rate, self.piped.cpu_seconds
        bound = bound_pipelined(settings, model, workers=self.threads.workers)
        return {
            "name": self.name,
            "preset": preset_of(settings),
            "interval": settings.interval,
            "network_scale": settings.network_scale,
            "flow_method": settings.flow.method if settings.warp else None,
            "refine": str(settings.refine),
            "frames": self.piped.frames,
            "frames_per_second": round(rate, 3),
            "bound": round(bound, 3),
            "share_of_bound": round(rate / bound, 4),
            "times_per_frame_rate": round(rate / per_frame_rate, 3),
            "cores_bound": round(self.piped.cores_bound, 3),
            "sequential": round(rate_sequential(settings, model), 3),
            "network_busy": round(self.network_busy, 4),
            "latency_p50_ms": round(self.piped.latency_p50_ms, 3),
            "latency_p95_ms": round(self.piped.latency_p95_ms, 3),
            "cpu_ms_per_frame": round(1000 * cpu / self.piped.frames, 4),
            "added": round(self.added, 4),
            "added_but_files": round(self.added_but_files, 4),
            "network_ms": round(model.key_network_ms[settings.network_scale], 4),
            "network_ms_in_pipeline": self._network_ms_in_pipeline(),
            "refiner_ms": round(model.refiner_ms, 4),
            "flow_ms": round(model.flow_ms, 4),
            "flows_per_step": settings.flows_per_step,
            "warp_ms": round(model.warp_ms, 4),
            "pays": rate > per_frame_rate,
            "settings": plain_point(settings),
            "parts": self.alone.as_json(),
        }

    @property
    def _needed_cpu(self) -> float:
        times, networks = self.piped.times, (Part.NETWORK, Part.REFINER)
        if self.threads.network == 1:
            network = sum(times[part].cpu for part in networks)
        else:  # the threads that torch has of its own were only seen alone
            network = sum(
                self.alone.times[part].cpu * times[part].calls / self.alone.times[part].calls
                for part in networks
                if self.alone.times[part].calls
            )
        return network + times[Part.FLOW].cpu + times[Part.WARP].cpu

    def _network_ms_in_pipeline(self) -> float:
        calls = self.piped.times[Part.NETWORK].seconds_of_call
        return round(1000 * float(np.median(calls)), 4)


@dataclass
class Benchmark:
    """All operating points, and where they were measured.

    Attributes:
        rows: The first is prediction frame by frame.
        threads: How many worked.
        device: Where networks ran.
        size: Height and width of the frames.
        load: Processes that wanted a core in the minute before, by the system's word.
    """

    rows: list[BenchmarkRow]
    threads: Threads
    device: torch.device
    size: tuple[int, int]
    load: float | None

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        per_frame = self.rows[0].piped.rate
        models = self._models()
        return {
            "schema": KIND,
            "schema_version": SCHEMA_VERSION,
            "machine": {
                "cores": os.cpu_count() or 1,
                "device": str(self.device),
                "device_name": device_name(self.device),
                "workers": self.threads.workers,
                "network_threads": self.threads.network,
                "load_before": self.load,
                "torch": torch.__version__,
                "opencv": cv2.__version__,
            },
            "size": list(self.size),
            "rows": [
                row.as_json(model, per_frame_rate=per_frame)
                for row, model in zip(self.rows, models, strict=True)
            ],
            "verdict": self.verdict(),
        }

    def verdict(self) -> str:
        """Say in words whether propagation pays on this machine with this network."""
        pairs = list(zip(self.rows, self._models(), strict=True))
        moving = [(row, _step_flow_ms(row, model)) for row, model in pairs if row.settings.warp]
        if not moving:
            return "no operating point moves labels: there is nothing to weigh"
        per_frame, network = self.rows[0].piped.rate, pairs[0][1].key_network_ms[1.0]
        cheapest, flow = min(moving, key=lambda pair: pair[1])
        best = max((row for row, _ in moving), key=lambda row: row.piped.rate)
        gain = best.piped.rate / per_frame
        pays = flow < network and gain > 1
        return (
            f"propagation {'pays' if pays else 'does not pay'} here: the flow of a step takes "
            f"{flow:.2f} ms at {cheapest.name}, shared by {self.threads.workers} threads, the "
            f"network {network:.2f} ms; {best.name} runs at {best.piped.rate:.1f} frames/s, "
            f"{gain:.2f} times the {per_frame:.1f} of every frame by the network"
        )

    def _models(self) -> list[PartTimes]:
        """Return the times of the parts; those of the network are of all rows with its scale."""
        calls: dict[float, list[float]] = {}
        for row in self.rows:
            seconds = row.alone.times[Part.NETWORK].seconds_of_call
            calls.setdefault(row.settings.network_scale, []).extend(seconds)
        network = {scale: 1000 * float(np.median(all_)) for scale, all_ in calls.items()}
        return [replace(row.alone.for_rates(), key_network_ms=network) for row in self.rows]


def per_frame_settings(settings: PropagateRunSettings) -> PropagateRunSettings:
    """Return the settings of prediction frame by frame, through the same pipeline."""
    every = Propagation.model_validate(
        {"interval": 1, "warp": False, "carry": "labels", "schedule": {"cuts": False}}
    )
    return settings.model_copy(update={"propagation": every})


def run_benchmark(
    cases: Sequence[BenchmarkCase],
    frames: BenchmarkFrames,
    *,
    threads: Threads,
    on_case: Callable[[str], None] = lambda _name: None,
) -> Benchmark:
    """Measure operating points one after the other.

    Args:
        cases: The first must be prediction frame by frame.
        frames: What to measure with.
        threads: How many work.
        on_case: Called with the name of each before it runs.

    Raises:
        InputError: The clip is too short.
    """
    for case in cases:
        frames.check(case.settings.propagation)
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    supply = FrameSupply(frames)
    rows = []
    for case in cases:
        on_case(case.name)
        rows.append(_measure(case, supply, frames, threads))
    return Benchmark(rows, threads, cases[0].equipment.device, supply.size, load)


def _measure(
    case: BenchmarkCase, supply: FrameSupply, frames: BenchmarkFrames, threads: Threads
) -> BenchmarkRow:
    settings = case.settings.propagation
    flows = None if case.flows is None else case.flows.of(frames.clip)
    networks = case.equipment.networks(frames.clip, flows)
    count, warm_up = frames.count_for(settings), frames.warm_up(settings)
    with _scratch(frames) as workspace, _torch_threads(threads.network):
        write = _writer(case, workspace)
        # Whole cycles: without the key frame that ends the last one.
        given = iter(supply.open(count - 1, case.flows))
        alone = measure_parts(given, networks, settings, warm_up=warm_up, write=write)
    with _scratch(frames) as workspace:
        piped = _run_pipeline(case, supply, networks, count, warm_up, workspace, threads)
    return BenchmarkRow(case.name, settings, threads, alone, piped)


def _run_pipeline(
    case: BenchmarkCase,
    supply: FrameSupply,
    networks: Networks,
    count: int,
    warm_up: int,
    workspace: Workspace | None,
    threads: Threads,
) -> PipelineRun:
    stamps: list[float] = []
    outputs = Outputs(workspace, None, lambda _: stamps.append(time.perf_counter()))
    clock = PartClock(keeps_calls=True)
    writer = ClipWriter(case.equipment.table, case.settings, outputs, threads, clock=clock)
    with writer.pipeline(case.settings) as pipeline:
        wall, cpu = time.perf_counter(), time.process_time()
        results = pipeline.run(supply.open(count, case.flows), networks)
        writer.write_clip(_CLIP, results, size=supply.size, fps=None)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    latencies = np.array(writer.figures.latencies[warm_up:])
    return PipelineRun(
        count,
        rate=(count - 1 - warm_up) / (stamps[-1] - stamps[warm_up]),
        latency_p50_ms=1000 * float(np.quantile(latencies, 0.5)),
        latency_p95_ms=1000 * float(np.quantile(latencies, 0.95)),
        seconds=wall,
        cpu_seconds=cpu,
        cores=os.cpu_count() or 1,
        times={part: clock.time_of(part) for part in Part},
    )


def _writer(case: BenchmarkCase, workspace: Workspace | None) -> Write | None:
    if workspace is None:
        return None
    file = LabelFile.of(case.equipment.table, case.settings.format)

    def write(frame: StreamFrame, result: Propagated) -> None:
        workspace.write_bytes(f"{_CLIP}/{frame.name}.png", file.encode(result.labels))

    return write


@contextmanager
def _scratch(frames: BenchmarkFrames) -> Iterator[Workspace | None]:
    if not frames.writes:
        yield None
        return
    with (
        tempfile.TemporaryDirectory(prefix="vstc-bench-") as folder,
        open_artifact(Path(folder) / "out", kind="vstc.predictions", config={}) as workspace,
    ):
        yield workspace


@contextmanager
def _torch_threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _step_flow_ms(row: BenchmarkRow, model: PartTimes) -> float:
    return model.flow_ms * row.settings.flows_per_step / row.threads.workers
