"""What each part of propagation takes, measured one after the other, with nothing beside it."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from vstc.flow.providers import one_opencv_thread
from vstc.inference.frame_streams import StreamFrame
from vstc.propagation.carrying.inconsistency import StepMaps
from vstc.propagation.clock import Part, PartClock, PartTime
from vstc.propagation.engine import Propagated, draw
from vstc.propagation.frames import FlowSource, PreparedFrame, prepare_frame, step_maps
from vstc.propagation.measuring.rates import PartTimes
from vstc.propagation.order import DecidedFrame, make_order
from vstc.propagation.settings import PropagateSettings, Refine
from vstc.propagation.stages import Networks, Stages
from vstc.propagation.threads.made_ahead import KeysAhead
from vstc.propagation.threads.networks import SameThread, run_networks_in

Write = Callable[[StreamFrame, Propagated], None]
_SHOWN = tuple(part for part in Part if part is not Part.WAIT)


@dataclass(frozen=True)
class MeasuredParts:
    """What the frames after the warm-up took.

    Attributes:
        settings: How results were propagated.
        frames: Frames that were decided.
        steps: Frames that something was carried to.
        times: Of each part.
        cpu_seconds: Processor time of all, in all threads of the process.
    """

    settings: PropagateSettings
    frames: int
    steps: int
    times: dict[Part, PartTime]
    cpu_seconds: float

    def for_rates(self) -> PartTimes:
        """Return what the model of rates takes, in milliseconds on the wall.

        Calls of networks are told by their median, as a few of them are often far too slow.
        """
        network = self.times[Part.NETWORK].seconds_of_call
        refiner = self.times[Part.REFINER].seconds_of_call
        fields = self.steps * self.settings.flows_per_step
        return PartTimes(
            key_network_ms={self.settings.network_scale: _median_ms(network)},
            warp_ms=self._shared_ms(Part.WARP, self.steps),
            refiner_ms=_median_ms(refiner),
            fusion_ms=0.0,  # part of the chain, which is timed as warping
            flow_ms=self._shared_ms(Part.FLOW, fields),
        )

    @property
    def moved_cpu_ms(self) -> float:
        """Processor milliseconds a frame of flow, warping and networks: what has to be done."""
        needed = (Part.FLOW, Part.WARP, Part.NETWORK, Part.REFINER)
        return 1000 * sum(self.times[part].cpu for part in needed) / self.frames

    def as_json(self) -> dict[str, Any]:
        """Return the milliseconds of each part, for each frame, on the wall and the processor."""
        return {
            str(part): {
                "ms_per_frame": _rounded(1000 * time_of.wall / self.frames),
                "cpu_ms_per_frame": _rounded(1000 * time_of.cpu / self.frames),
                "ms_per_call": _median_ms(time_of.seconds_of_call),
                "calls": time_of.calls,
            }
            for part, time_of in self.times.items()
            if part in _SHOWN
        }

    def _shared_ms(self, part: Part, count: int) -> float:
        return 1000 * self.times[part].wall / count if count else 0.0


class _DirectMaps:
    """Makes maps when they are asked for, and times that."""

    def __init__(self, flows: FlowSource, settings: PropagateSettings, clock: PartClock) -> None:
        self._flows = flows
        self._settings = settings
        self._clock = clock

    def maps(self, target: PreparedFrame, source: PreparedFrame) -> StepMaps:
        with self._clock.part(Part.FLOW):
            return step_maps(self._flows, target, source, self._settings)


def measure_parts(
    frames: Iterator[StreamFrame],
    networks: Networks,
    settings: PropagateSettings,
    *,
    warm_up: int,
    write: Write | None,
) -> MeasuredParts:
    """Propagate frames in this thread and time every part.

    Torch's threads are those that are set.

    Args:
        frames: The frames, more than ``warm_up``.
        networks: With what.
        settings: How results are propagated.
        warm_up: Frames that are not counted: the first calls take longer.
        write: Writes a result; None writes none.
    """
    with one_opencv_thread():
        return _Measurement(networks, settings, warm_up, write).run(frames)


class _Measurement:
    def __init__(
        self, networks: Networks, settings: PropagateSettings, warm_up: int, write: Write | None
    ) -> None:
        self._settings = settings
        self._warm_up = warm_up
        self._write = write
        self._clock = PartClock(keeps_calls=True, cpu_clock=time.process_time)
        runner = SameThread(self._clock)
        request = Stages(settings, networks).key_request
        keys = KeysAhead(networks.key, runner, request=request, clock=self._clock)
        maps = None
        if settings.warp and networks.flows is not None:
            maps = _DirectMaps(networks.flows, settings, self._clock)
        self._stages = Stages(settings, run_networks_in(runner, networks, keys), mapper=maps)
        self._images: dict[int, StreamFrame] = {}
        self._frames = self._steps = 0
        self._started = time.process_time()

    def run(self, frames: Iterator[StreamFrame]) -> MeasuredParts:
        clock, order = self._clock, make_order(self._stages)
        while True:
            with clock.part(Part.DECODE):
                frame = next(frames, None)
            if frame is None:
                break
            if frame.index == self._warm_up:
                clock.reset()
                self._frames = self._steps = 0
                self._started = time.process_time()
            self._images[frame.index] = frame
            with clock.part(Part.FLOW):
                prepared = prepare_frame(
                    frame.index, frame.image, self._settings, vectors=frame.vectors
                )
            with clock.part(Part.WARP):
                decided = order.take(frame.index, prepared)
            self._finish(decided)
        cpu = time.process_time() - self._started
        times = {part: clock.time_of(part) for part in Part}
        return MeasuredParts(self._settings, self._frames, self._steps, times, cpu)

    def _finish(self, decided: list[DecidedFrame]) -> None:
        for one in decided:
            with self._clock.part(Part.DRAW):
                result = draw(self._stages, one)
            image = self._images.pop(one.index)
            if self._write is not None:
                with self._clock.part(Part.WRITE):
                    self._write(image, result)
            self._frames += 1
            carries_to_keys = self._settings.refine is Refine.FUSE
            self._steps += self._settings.warp and (carries_to_keys or not result.is_key)


def _median_ms(seconds: list[float]) -> float:
    return _rounded(1000 * statistics.median(seconds)) if seconds else 0.0


def _rounded(value: float) -> float:
    return round(value, 4)
