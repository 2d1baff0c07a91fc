"""The training loop: one for teacher, baseline, student and refiner."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic

import torch

from vstc.artifacts.workspace import Workspace
from vstc.errors import VstcError
from vstc.inference.checkpoint import BEST, LAST, load_state, read_checkpoint, write_checkpoint
from vstc.inference.network import autocast
from vstc.training.batches import BatchStream, BatchT, SampleT
from vstc.training.log import RunLog, read_log
from vstc.training.optimizer import make_optimizer, poly_rate, set_rate
from vstc.training.settings import LoopSettings
from vstc.training.step import StepLoss, TrainingTask, gradient_norms

Scores = dict[str, float | None]
Validate = Callable[[], Scores]
_AFTER_DIVERGENCE = "start anew with a lower --lr and --overwrite"


class TrainingDiverged(VstcError):
    """The loss is no longer a number."""

    exit_code = 3


@dataclass
class Throughput:
    """What was done since the last log line."""

    images: int = 0
    steps: int = 0
    started: float = 0.0
    cpu_started: float = 0.0
    waited: float = 0.0

    def restart(self, waited: float) -> None:
        """Begin a new interval."""
        self.images = self.steps = 0
        self.started, self.cpu_started = time.perf_counter(), time.process_time()
        self.waited = waited

    def rates(self, waited: float) -> dict[str, float]:
        """Return images per second and per CPU second, and the share of time spent waiting."""
        seconds = max(time.perf_counter() - self.started, 1e-9)
        cpu_seconds = max(time.process_time() - self.cpu_started, 1e-9)
        return {
            "images_per_second": round(self.images / seconds, 3),
            "images_per_cpu_second": round(self.images / cpu_seconds, 3),
            "data_wait_share": round((waited - self.waited) / seconds, 4),
        }


class TrainingRun(Generic[SampleT, BatchT]):
    """Trains a network into a run folder; stopped at any moment, it resumes exactly.

    Batches are a pure function of seed and step, so weights, optimizer and torch's random state
    at a step are all that a resumed run needs to take the same path.

    Args:
        task: What is trained, on its device.
        stream: Makes the batches.
        settings: The run's settings.
        workspace: The run folder.
        device: Where to compute.
        validate: Measures the network as it is: ``miou``, by which the best is chosen, and other
            scores; None when there is nothing to measure it on.
    """

    def __init__(
        self,
        task: TrainingTask,
        stream: BatchStream[SampleT, BatchT],
        settings: LoopSettings,
        *,
        workspace: Workspace,
        device: torch.device,
        validate: Validate | None,
    ) -> None:
        self._task = task
        self._stream = stream
        self._settings = settings
        self._workspace = workspace
        self._device = device
        self._validate = validate
        self._optimizer = make_optimizer(task.parameter_groups(), settings)
        self._best: dict[str, Any] = {"miou": None, "tc": None, "step": 0}
        self._step = 0

    def run(self, advance: Callable[[int], None]) -> dict[str, Any]:
        """Train to the last step.

        Args:
            advance: Takes the number of steps just finished.

        Returns:
            Figures for the manifest.

        Raises:
            TrainingDiverged: The loss or a weight is not finite.
        """
        self._restore()
        log = RunLog(self._workspace.path, resume_at=self._step)
        advance(self._step)
        self._task.train()
        pace = Throughput()
        pace.restart(self._stream.wait_seconds)
        total = self._settings.steps
        for step, batch in self._stream.batches(self._step, total):
            on_device = batch.to(self._device)
            self._step = step + 1
            measured = self._one_step(step, on_device)
            pace.images += batch.num_images
            pace.steps += 1
            if self._is_due(self._settings.log_every) or self._wants_norms():
                log.add("step", self._step, measured() | pace.rates(self._stream.wait_seconds))
                pace.restart(self._stream.wait_seconds)
            if self._validate is not None and self._is_due(self._settings.validate_every):
                self._validate_now(log)
                pace.restart(self._stream.wait_seconds)
            if self._is_due(self._settings.checkpoint_every):
                self._refuse_lost_weights()
                self._save(LAST)
            self._workspace.progress(self._step, total)
            advance(1)
        return self._summary()

    def _one_step(self, step: int, batch: BatchT) -> Callable[[], dict[str, Any]]:
        """Do one step and return a function that reads its values off the device."""
        settings = self._settings
        rate = poly_rate(step, settings)
        set_rate(self._optimizer, rate)
        with autocast(self._device, enabled=settings.amp == "auto"):
            loss: StepLoss = self._task(batch)
        norms = gradient_norms(loss) if self._wants_norms() else {}
        self._optimizer.zero_grad(set_to_none=True)
        loss.total.backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()
        self._task.after_step()

        def measured() -> dict[str, Any]:
            return self._values(loss, norms, rate)

        return measured

    def _values(self, loss: StepLoss, norms: dict[str, float], rate: float) -> dict[str, Any]:
        total = float(loss.total.detach())
        if not math.isfinite(total):
            raise TrainingDiverged(
                f"the loss is {total} at step {self._step}", hint=_AFTER_DIVERGENCE
            )
        terms = {name: round(float(value), 6) for name, value in loss.terms.items()}
        values: dict[str, Any] = {"loss": round(total, 6), "terms": terms, "lr": rate}
        if norms:
            values["gradient_norms"] = {
                name: round(value, 8) if math.isfinite(value) else None
                for name, value in norms.items()
            }
        return values

    def _wants_norms(self) -> bool:
        every = self._settings.gradient_norms_every
        return every > 0 and self._is_due(every)

    def _refuse_lost_weights(self) -> None:
        """Keep the last good checkpoint when the weights have become infinite or no number."""
        if not all(bool(p.isfinite().all()) for p in self._task.parameters()):
            raise TrainingDiverged(
                f"the weights are not finite after step {self._step}", hint=_AFTER_DIVERGENCE
            )

    def _is_due(self, every: int) -> bool:
        return self._step % every == 0 or self._step == self._settings.steps

    def _validate_now(self, log: RunLog) -> None:
        assert self._validate is not None
        scores = self._validate()
        self._task.train()
        log.add("validation", self._step, scores)
        best = self._best["miou"]
        if scores["miou"] is not None and (best is None or scores["miou"] > best):
            self._best = {"miou": scores["miou"], "tc": scores.get("tc"), "step": self._step}
            self._save(BEST)

    def _save(self, name: str) -> None:
        content = {
            "step": self._step,
            "weights": self._task.trained.state_dict(),
            "best": dict(self._best),
            **self._task.describe(),
        }
        if name == LAST:
            content |= {beside: m.state_dict() for beside, m in self._task.beside.items()}
            content |= {
                "optimizer": self._optimizer.state_dict(),
                "torch_random": torch.get_rng_state(),
                "settings": self._settings.model_dump_json(),
            }
            if self._device.type == "cuda":
                content["cuda_random"] = torch.cuda.get_rng_state(self._device)
        write_checkpoint(self._workspace.path / name, content, schema=self._task.schema)

    def _restore(self) -> None:
        """Go back to the last checkpoint, if there is one."""
        path = self._workspace.path / LAST
        if not path.is_file():
            return
        content = read_checkpoint(path, schema=self._task.schema)
        load_state(self._task.trained, content["weights"], path)
        for name, module in self._task.beside.items():
            load_state(module, content[name], path)
        self._optimizer.load_state_dict(content["optimizer"])
        torch.set_rng_state(content["torch_random"])
        if self._device.type == "cuda" and "cuda_random" in content:
            torch.cuda.set_rng_state(content["cuda_random"], self._device)
        self._step = int(content["step"])
        # By our own keys: pickle writes equal strings otherwise than one string, and files of a
        # resumed run are to equal those of one that was never stopped.
        self._best = {key: content["best"][key] for key in self._best}

    def _summary(self) -> dict[str, Any]:
        lines = [line for line in read_log(self._workspace.path) if line["event"] == "step"]
        rates = [line["images_per_second"] for line in lines]
        waits = [line["data_wait_share"] for line in lines]
        if self._best["miou"] is None:
            self._save(BEST)
        return {
            "steps": self._step,
            "best_step": self._best["step"],
            "best_miou": self._best["miou"],
            "best_tc": self._best["tc"],
            "parameters": sum(p.numel() for p in self._task.trained.parameters()),
            "images_per_second": sorted(rates)[len(rates) // 2] if rates else None,
            "data_wait_share": sorted(waits)[len(waits) // 2] if waits else None,
        }
