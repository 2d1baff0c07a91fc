"""Measure the rate of training steps, and how much of it is waiting for data."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from vstc.artifacts.workspace import open_artifact
from vstc.models.description import describe_model
from vstc.training.log import read_log
from vstc.training.settings import TrainSettings
from vstc.training.train import TrainInputs, plan_training, run_training

WARM_UP_STEPS = 2


@dataclass(frozen=True)
class TrainMeasurement:
    """Medians over the measured steps.

    Attributes:
        images_per_second: Frames through forward and backward, wall time.
        images_per_cpu_second: The same by processor time; trust it on a shared machine.
        data_wait_share: Share of wall time spent waiting for batches.
        gmacs_per_image: Multiply-adds of one forward pass.
        steps: How many were measured.
    """

    model: str
    crop: tuple[int, int]
    terms: tuple[str, ...]
    workers: int
    images_per_second: float
    images_per_cpu_second: float
    data_wait_share: float
    gmacs_per_image: float
    steps: int


def bench_train(
    inputs: TrainInputs,
    settings: TrainSettings,
    *,
    device: str,
    workers: int,
    advance: Callable[[int], None] = lambda _count: None,
) -> TrainMeasurement:
    """Train for ``settings.steps`` steps in a temporary folder and read the log.

    Args:
        inputs: As for a real training.
        settings: As for a real training; every step is logged and none validated.
        device: Where to compute.
        workers: Threads that make samples.
        advance: Takes the number of steps just finished.
    """
    settings = settings.model_copy(
        update={
            "steps": settings.steps + WARM_UP_STEPS,
            "log_every": 1,
            "val_split": None,
            "checkpoint_every": 10**9,
        }
    )
    plan = plan_training(inputs, settings, device=device)
    with (
        tempfile.TemporaryDirectory(prefix="vstc-bench-") as folder,
        open_artifact(Path(folder) / "run", kind="vstc.checkpoint", config={}) as workspace,
    ):
        run_training(plan, workspace, workers=workers, advance=advance)
        lines = [line for line in read_log(workspace.path) if line["event"] == "step"]
    measured = lines[WARM_UP_STEPS:]

    def median(key: str) -> float:
        return float(statistics.median(line[key] for line in measured))

    described = describe_model(
        settings.model, num_classes=plan.dataset.num_classes, size=settings.crop
    )
    return TrainMeasurement(
        model=settings.model,
        crop=settings.crop,
        terms=settings.terms,
        workers=workers,
        images_per_second=median("images_per_second"),
        images_per_cpu_second=median("images_per_cpu_second"),
        data_wait_share=median("data_wait_share"),
        gmacs_per_image=described.gmacs,
        steps=len(measured),
    )
