"""Start the training of a refiner: check every input, build the parts, run the loop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from vstc.artifacts.workspace import Workspace
from vstc.inference.checkpoint import TrainedNetwork, checkpoint_ref, load_network
from vstc.inference.network import FrameNetwork, pick_device, place
from vstc.inference.network_identity import NetworkIdentity
from vstc.models.refiner import Refiner
from vstc.models.refiner_catalog import RefinerCost, refiner_cost, refiner_for
from vstc.models.taps import TappedModel
from vstc.training.log import read_log
from vstc.training.loop import Scores, TrainingRun
from vstc.training.pairs.data import Pairs, open_pairs
from vstc.training.refiner.settings import RefinerSettings
from vstc.training.refiner.task import RefinerTask
from vstc.training.refiner.validation import RefinerValidation
from vstc.training.train import seed_everything


@dataclass(frozen=True)
class RefinerInputs:
    """What the training of a refiner reads.

    Attributes:
        network: A run or checkpoint: the network that the refiner belongs to.
        dataset: Frames and labels.
        flow: Folders of stored flow; without, flow is computed.
    """

    network: Path
    dataset: Path
    flow: tuple[Path, ...] = ()


@dataclass(frozen=True)
class RefinerPlan:
    """A training whose inputs were all found to fit.

    Attributes:
        refiner: Untrained.
        cost: What it costs beside the network, for one crop.
        identity: Which network it belongs to.
    """

    settings: RefinerSettings
    pairs: Pairs
    network: TrainedNetwork
    identity: NetworkIdentity
    refiner: Refiner
    cost: RefinerCost
    device: torch.device

    def summary(self) -> dict[str, Any]:
        """Describe the training in plain JSON values."""
        settings = self.settings
        return {
            "refiner": self.refiner.name,
            "tap": self.refiner.tap,
            "parameters": sum(p.numel() for p in self.refiner.parameters()),
            "refiner_gmacs": round(self.cost.refiner_gmacs, 4),
            "network": self.network.model.name,
            "network_gmacs": round(self.cost.network_gmacs, 4),
            "cost_ratio": round(self.cost.ratio, 4),
            "steps": settings.steps,
            "batch": settings.batch,
            "crop": list(settings.crop),
            "distances": [1, settings.largest_distance],
            "device": str(self.device),
            "frames": self.pairs.counts,
            "val_frames": len(self.pairs.val_frames),
        }


def plan_refiner_training(
    inputs: RefinerInputs, settings: RefinerSettings, *, device: str
) -> RefinerPlan:
    """Open and check everything that the training of a refiner needs.

    Args:
        inputs: What to read.
        settings: The run's settings.
        device: ``auto``, ``cpu``, ``cuda`` and so on.

    Raises:
        VstcError: Something is missing or does not fit.
    """
    chosen = pick_device(device)
    seed_everything(settings.seed, deterministic=settings.deterministic)
    network = load_network(inputs.network, which=settings.checkpoint)
    pairs = open_pairs(
        inputs.dataset, inputs.flow, settings, network=inputs.network, table=network.table
    )
    refiner = refiner_for(network.model, settings.refiner.choice(), seed=settings.seed)
    return RefinerPlan(
        settings=settings,
        pairs=pairs,
        network=network,
        identity=NetworkIdentity.of(network, id=checkpoint_ref(inputs.network).id),
        refiner=refiner,
        cost=refiner_cost(refiner, network.model, size=settings.crop),
        device=chosen,
    )


def run_refiner_training(
    plan: RefinerPlan, workspace: Workspace, *, workers: int, advance: Callable[[int], None]
) -> dict[str, Any]:
    """Run a planned training in a run folder, from its start or its last checkpoint.

    Returns:
        Figures for the manifest.
    """
    settings, device = plan.settings, plan.device
    stream = plan.pairs.stream(
        settings, workers=workers, device=device, input_scale=plan.network.input_scale
    )
    network = place(TappedModel(plan.network.model, plan.refiner.tap), device)
    task = RefinerTask(plan.refiner, network, settings, identity=plan.identity)
    run = TrainingRun(
        place(task, device),
        stream,
        settings,
        workspace=workspace,
        device=device,
        validate=_make_validate(plan),
    )
    figures = run.run(advance)
    return figures | _best_by_distance(workspace.path, figures["best_step"], settings)


def _best_by_distance(
    folder: Path, best_step: int, settings: RefinerSettings
) -> dict[str, list[float | None]]:
    """Return [mIoU as propagated, as refined] of the best weights, by the distance."""
    for line in read_log(folder):
        if line["event"] == "validation" and line["step"] == best_step:
            return {
                f"miou_at_{k}": [line[f"miou_warped_at_{k}"], line[f"miou_at_{k}"]]
                for k in settings.validated_distances
            }
    return {}


def _make_validate(plan: RefinerPlan) -> Callable[[], Scores] | None:
    pairs = plan.pairs
    if not pairs.val_frames:
        return None
    network = FrameNetwork(
        plan.network.model, device=plan.device, input_scale=plan.network.input_scale
    )
    validation = RefinerValidation(
        network,
        pairs.dataset,
        pairs.val_frames,
        open_flow=pairs.clip_flow(plan.settings.propagation),
        settings=plan.settings,
    )
    return lambda: validation.measure(plan.refiner)
