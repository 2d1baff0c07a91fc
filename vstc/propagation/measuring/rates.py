"""Frame rates that the times of the parts imply: Paul et al.'s pipeline, and ours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vstc.propagation.settings import PropagateSettings


@dataclass(frozen=True)
class PartTimes:
    """Milliseconds that each part takes.

    Attributes:
        key_network_ms: The key network on a frame, by the factor that frames are shrunk with.
        warp_ms: Carrying everything by one frame.
        refiner_ms: The refiner with the fusion.
        fusion_ms: The fusion without a refiner.
        flow_ms: A flow field in one thread.
    """

    key_network_ms: dict[float, float]
    warp_ms: float
    refiner_ms: float
    fusion_ms: float
    flow_ms: float = 0.0


# Solved from the frame rates in Table 2 of Paul et al. 2020 (Titan Xp, 2048 x 1024); flow never
# limits them there. The refiner runs once in a cycle, and not at all where every frame is a key.
PAPER_TIMES = PartTimes(
    key_network_ms={1.0: 25.93, 0.5: 14.77}, warp_ms=0.099, refiner_ms=14.62, fusion_ms=1.1
)
PAPER_RATES = {
    "evs-01": 37, "evs-02": 49, "evs-03": 77, "evs-04": 74, "evs-05": 115, "evs-06": 122,
    "evs-07": 190, "evs-08": 192, "evs-09": 339, "evs-10": 372, "evs-11": 387, "evs-12": 634,
    "evs-13": 677, "evs-14": 1045,
}  # fmt: skip
PAPER_MIOU = {
    "evs-01": 67.6, "evs-02": 66.8, "evs-03": 66.2, "evs-04": 65.6, "evs-05": 64.7,
    "evs-06": 63.0, "evs-07": 62.2, "evs-08": 46.4, "evs-09": 42.8, "evs-10": 56.2,
    "evs-11": 36.7, "evs-12": 50.7, "evs-13": 35.3, "evs-14": 46.0,
}  # fmt: skip


@dataclass(frozen=True)
class CycleWork:
    """What one cycle of a fixed schedule does.

    Attributes:
        frames: Frames of the cycle, the key included.
        network_ms: All networks on the device.
        warp_ms: Carrying, one step after the other.
        flow_ms: All flow fields, in threads side by side.
    """

    frames: int
    network_ms: float
    warp_ms: float
    flow_ms: float


def work_of_cycle(settings: PropagateSettings, times: PartTimes) -> CycleWork:
    """Add up what one cycle does.

    Args:
        settings: The operating point; its schedule is taken as fixed.
        times: What the parts take; ``key_network_ms`` needs its ``network_scale``.

    Raises:
        KeyError: The time at this scale is missing.
    """
    steps = settings.steps_per_cycle
    return CycleWork(
        frames=settings.interval,
        network_ms=times.key_network_ms[settings.network_scale]
        + settings.refinements_per_cycle * times.refiner_ms
        + settings.fusions_per_cycle * times.fusion_ms,
        warp_ms=steps * times.warp_ms,
        flow_ms=steps * settings.flows_per_step * times.flow_ms,
    )


def rate_in_paper(settings: PropagateSettings, times: PartTimes = PAPER_TIMES) -> float:
    """Return the frames per second of EVS as published: warping waits for the networks."""
    work = work_of_cycle(settings, times)
    return 1000 * work.frames / (work.network_ms + work.warp_ms)


def bound_pipelined(settings: PropagateSettings, times: PartTimes, *, workers: int) -> float:
    """Return the frames per second that a pipeline cannot pass.

    FPS = S / max(networks, flow / workers, warping): each runs beside the others.

    Args:
        settings: The operating point.
        times: What the parts take.
        workers: Threads that compute flow.
    """
    work = work_of_cycle(settings, times)
    slowest = max(work.network_ms, work.flow_ms / workers, work.warp_ms)
    return 1000 * work.frames / slowest


def rate_sequential(settings: PropagateSettings, times: PartTimes) -> float:
    """Return the frames per second if everything waits for everything else."""
    work = work_of_cycle(settings, times)
    return 1000 * work.frames / (work.network_ms + work.warp_ms + work.flow_ms)
