"""What a run of propagation writes of each clip, and what it counts."""

from __future__ import annotations

import time
from array import array
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from vstc.artifacts.workspace import Workspace
from vstc.formats import propagation_log
from vstc.formats.dataset import class_palette
from vstc.formats.propagation_log import (
    PropagatedFrame,
    PropagationLogWriter,
    read_propagation_log,
)
from vstc.inference.checkpoint import ClassTable
from vstc.inference.frame_streams import StreamFrame
from vstc.inference.predict import TIMING
from vstc.inference.results import FrameResult, ResultSink, open_sinks
from vstc.inference.sinks.in_thread import InThread
from vstc.inference.sinks.label_files import LabelFile, LabelFiles
from vstc.inference.sinks.overlay_video import OverlayVideo
from vstc.inference.sinks.score_file import ScoreFiles
from vstc.inference.stream import StageTimes
from vstc.propagation.carrying.carry import resize_scores
from vstc.propagation.clock import Part, PartClock
from vstc.propagation.engine import Propagated
from vstc.propagation.run_settings import PropagateRunSettings
from vstc.propagation.threads.pipeline import DrawnFrame, Pipeline

Array8 = NDArray[np.uint8]
Size = tuple[int, int]


@dataclass(frozen=True)
class Outputs:
    """Where results go.

    Attributes:
        workspace: The artifact; None writes no files.
        outlet: Takes all results too; for an output that is not resumed.
        advance: Takes the number of frames just finished.
    """

    workspace: Workspace | None
    outlet: ResultSink | None
    advance: Callable[[int], None]


@dataclass(frozen=True)
class Threads:
    """How many threads work.

    Attributes:
        workers: Those that compute flow; as many draw, and as many write.
        network: Those that torch may use for a network on the processor.
    """

    workers: int
    network: int

    @classmethod
    def of(cls, workers: int | None, *, cores: int, device: torch.device) -> Threads:
        """Divide the cores.

        Where networks run on the processor they get half of the cores, or what flow leaves:
        more threads than cores would only slow each other.

        Args:
            workers: As asked for; None leaves the choice.
            cores: Cores of this machine.
            device: Where networks run.
        """
        if device.type != "cpu":
            return cls(workers or cores, 1)
        workers = workers or max(cores // 2, 1)
        return cls(workers, max(cores - workers, 1))


@dataclass
class Figures:
    """What a run counts; its size does not grow but for four bytes a frame."""

    seconds: float = 0.0
    propagated_frames: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    latencies: array[float] = field(default_factory=lambda: array("f"))

    @property
    def frames(self) -> int:
        """Frames of all clips, those of an earlier run included."""
        return self.counts["frames"]

    def add(self, entry: PropagatedFrame) -> None:
        """Count a frame of this run or an earlier one."""
        self.counts["frames"] += 1
        self.counts["key_frames"] += entry.distance == 0
        self.counts["refined_frames"] += entry.is_refined
        self.counts["cuts"] += entry.is_cut
        self.counts["missing_frames"] += entry.is_missing

    def as_json(self) -> dict[str, Any]:
        """Return counts, rate and latency."""
        names = ("frames", "key_frames", "refined_frames", "cuts", "missing_frames")
        rate = self.propagated_frames / self.seconds if self.seconds else None
        return {name: self.counts[name] for name in names} | {
            "frames_per_second": None if rate is None else round(rate, 3),
            "latency_p50_ms": self._latency_ms(0.5),
            "latency_p95_ms": self._latency_ms(0.95),
        }

    def _latency_ms(self, share: float) -> float | None:
        if not self.latencies:
            return None
        return round(1000 * float(np.quantile(np.frombuffer(self.latencies, "f4"), share)), 3)


class _ClockedTimes(StageTimes):
    """Gives the time of writes to the clock of parts."""

    def __init__(self, clock: PartClock) -> None:
        super().__init__()
        self._clock = clock

    def wrote(self, *, wall: float, cpu: float) -> None:
        self._clock.add(Part.WRITE, wall=wall, cpu=cpu)


class ClipWriter:
    """Writes the results of clips, and counts.

    Args:
        table: The classes.
        settings: What is written.
        outputs: Where results go.
        threads: How many work.
        keeps_part: A clip that ends with an error leaves files that go as far as it did: its
            frames cannot be had again.
        clock: Is added to.

    Attributes:
        figures: What was counted.
    """

    def __init__(
        self,
        table: ClassTable,
        settings: PropagateRunSettings,
        outputs: Outputs,
        threads: Threads,
        *,
        keeps_part: bool = False,
        clock: PartClock | None = None,
    ) -> None:
        self.figures = Figures()
        self._settings = settings
        self._outputs = outputs
        self._threads = threads
        self._keeps_part = keeps_part
        self._clock = clock or PartClock()
        self._num_classes = len(table.classes)
        self._sinks = self._file_sinks(table)
        if outputs.outlet is not None:
            self._sinks.append(outputs.outlet)

    def pipeline(self, settings: PropagateRunSettings) -> Pipeline:
        """Make the threads."""
        return Pipeline(
            settings.propagation,
            workers=self._threads.workers,
            network_threads=self._threads.network,
            clock=self._clock,
        )

    def keep(self, clip_id: str) -> bool:
        """Tell whether a clip is finished, and count its frames then."""
        workspace, name = self._outputs.workspace, _log_file(clip_id)
        if workspace is None or not workspace.has(name):
            return False
        for entry in read_propagation_log(workspace.path / name):
            self.figures.add(entry)
        return True

    def write_clip(
        self, clip_id: str, results: Generator[DrawnFrame], *, size: Size, fps: float | None
    ) -> None:
        """Write a clip as its results come."""
        started = time.perf_counter()
        try:
            with (
                closing(results),
                self._open_log(clip_id) as log,
                open_sinks(self._sinks, clip_id, size=size, fps=fps),
            ):
                shown: Array8 | None = None
                for drawn in results:
                    result = self._as_result(drawn, shown)
                    shown = result.frame
                    for sink in self._sinks:
                        sink.write(result)
                    self._count(drawn, log)
        finally:
            self.figures.seconds += time.perf_counter() - started

    def summary(self) -> dict[str, Any]:
        """Return the figures; with an artifact, write them and where the time went."""
        figures = self.figures.as_json()
        parts = self._clock.as_json()
        if self._outputs.workspace is not None:
            threads = {"workers": self._threads.workers, "network": self._threads.network}
            timing = figures | {"parts": parts, "threads": threads}
            self._outputs.workspace.write_json(TIMING, timing)
        shown = {f"{part}_seconds": times["seconds"] for part, times in parts.items()}
        return figures | shown

    def _file_sinks(self, table: ClassTable) -> list[ResultSink]:
        workspace, settings = self._outputs.workspace, self._settings
        file = LabelFile.of(table, settings.format)
        if workspace is None:
            return []
        times = _ClockedTimes(self._clock)
        workers = self._threads.workers
        sinks: list[ResultSink] = [
            LabelFiles(workspace, file, confidence=False, workers=workers, times=times)
        ]
        if settings.probabilities:
            scores = ScoreFiles(workspace, self._num_classes, keeps_part=self._keeps_part)
            sinks.append(InThread(scores, times))
        if settings.overlay:
            palette = class_palette(table.classes)
            video = OverlayVideo(workspace, palette, keeps_part=self._keeps_part)
            sinks.append(InThread(video, times))
        return sinks

    @contextmanager
    def _open_log(self, clip_id: str) -> Iterator[PropagationLogWriter | None]:
        workspace = self._outputs.workspace
        if workspace is None:
            yield None
            return
        log = PropagationLogWriter(workspace.path / _log_file(clip_id))
        try:
            yield log
        except BaseException:
            # What came once and cannot come again is told of as far as it went.
            if self._keeps_part and log.frames:
                log.close()
            else:
                log.abort()
            raise
        log.close()

    def _as_result(self, drawn: DrawnFrame, shown: Array8 | None) -> FrameResult:
        frame, result = drawn.frame, drawn.result
        if isinstance(frame, StreamFrame):
            image = frame.image
        elif shown is not None and shown.shape[:2] == result.labels.shape:
            image = shown
        else:
            image = np.zeros((*result.labels.shape, 3), np.uint8)
        probabilities = None
        if self._settings.probabilities:
            probabilities = self._probabilities(result)
        return FrameResult(
            frame.index, frame.name, image, result.labels, probabilities=probabilities
        )

    def _probabilities(self, result: Propagated) -> NDArray[Any]:
        assert result.scores is not None
        height, width = result.labels.shape
        with torch.inference_mode():
            scores = resize_scores(result.scores, (height, width))
            if self._settings.propagation.carries_feature and not result.is_key:
                scores = scores.softmax(dim=1)  # the logits of a head
            return scores[0].to(torch.float16).cpu().numpy()

    def _count(self, drawn: DrawnFrame, log: PropagationLogWriter | None) -> None:
        result = drawn.result
        entry = PropagatedFrame(
            drawn.frame.index,
            drawn.frame.name,
            drawn.frame.index - result.index + result.key_index,
            is_refined=result.is_refined,
            flagged_share=result.flagged_share,
            is_cut=result.is_cut,
            is_missing=result.is_missing,
        )
        if log is not None:
            log.write(entry)
        self.figures.add(entry)
        self.figures.propagated_frames += 1
        self.figures.latencies.append(drawn.latency)
        self._outputs.advance(1)


def _log_file(clip_id: str) -> str:
    return f"{clip_id}/{propagation_log.NAME}"
