"""Start the training of a merging layer: check every input, build the parts, run the loop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from vstc.artifacts.workspace import Workspace
from vstc.errors import InputError
from vstc.inference.checkpoint import TrainedNetwork, checkpoint_ref, load_network
from vstc.inference.network import FrameNetwork, pick_device, place
from vstc.inference.network_identity import NetworkIdentity
from vstc.models.catalog import create_model
from vstc.models.description import count_macs
from vstc.models.score_merge import ScoreMerge
from vstc.training.log import read_log
from vstc.training.loop import Scores, TrainingRun
from vstc.training.merge.branches import Branches
from vstc.training.merge.settings import MergeSettings
from vstc.training.merge.task import MergeTask
from vstc.training.merge.validation import NAMES, MergeValidation
from vstc.training.pairs.data import Pairs, open_pairs
from vstc.training.train import seed_everything


@dataclass(frozen=True)
class MergeInputs:
    """What the training of a merging layer reads.

    Attributes:
        network: A run or checkpoint: the key network.
        light: A run or checkpoint: the light network.
        dataset: Frames and labels.
        flow: Folders of stored flow; without, flow is computed.
    """

    network: Path
    light: Path
    dataset: Path
    flow: tuple[Path, ...] = ()


@dataclass(frozen=True)
class MergePlan:
    """A training whose inputs were all found to fit.

    Attributes:
        merge: Untrained.
        identities: Which networks it belongs to, the key network first.
    """

    settings: MergeSettings
    pairs: Pairs
    network: TrainedNetwork
    light: TrainedNetwork
    identities: tuple[NetworkIdentity, NetworkIdentity]
    merge: ScoreMerge
    device: torch.device

    @property
    def input_scale(self) -> float:
        """Factor between a frame and the key network's input."""
        return self.network.input_scale * self.settings.propagation.network_scale

    @property
    def light_scale(self) -> float:
        """Factor between the key network's input and that of the light network."""
        return self.light.input_scale / self.input_scale

    @cached_property
    def gmacs(self) -> tuple[float, float]:
        """What key network and light network cost for one crop, in 10^9 multiply-adds."""
        height, width = self.settings.crop
        scale = self.light_scale
        return (
            _gmacs(self.network, (height, width)),
            _gmacs(self.light, (max(round(height * scale), 1), max(round(width * scale), 1))),
        )

    def summary(self) -> dict[str, Any]:
        """Describe the training in plain JSON values."""
        settings = self.settings
        return {
            "parameters": sum(p.numel() for p in self.merge.parameters()),
            "network": self.network.model.name,
            "network_gmacs": round(self.gmacs[0], 4),
            "light": self.light.model.name,
            "light_gmacs": round(self.gmacs[1], 4),
            "cost_ratio": round(self.gmacs[1] / self.gmacs[0], 4),
            "steps": settings.steps,
            "batch": settings.batch,
            "crop": list(settings.crop),
            "distances": [1, settings.largest_distance],
            "device": str(self.device),
            "frames": self.pairs.counts,
            "val_frames": len(self.pairs.val_frames),
        }


def plan_merge_training(inputs: MergeInputs, settings: MergeSettings, *, device: str) -> MergePlan:
    """Open and check everything that the training of a merging layer needs.

    Args:
        inputs: What to read.
        settings: The run's settings.
        device: ``auto``, ``cpu``, ``cuda`` and so on.

    Raises:
        VstcError: Something is missing or does not fit.
    """
    chosen = pick_device(device)
    seed_everything(settings.seed, deterministic=settings.deterministic)
    paths = (inputs.network, inputs.light)
    network, light = (load_network(path, which=settings.checkpoint) for path in paths)
    names = [[entry.name for entry in one.table.classes] for one in (network, light)]
    if names[0] != names[1]:
        raise InputError("the key network and the light network differ in their classes")
    pairs = open_pairs(
        inputs.dataset, inputs.flow, settings, network=inputs.network, table=network.table
    )
    key_identity, light_identity = (
        NetworkIdentity.of(one, id=checkpoint_ref(path).id)
        for one, path in zip((network, light), paths, strict=True)
    )
    return MergePlan(
        settings=settings,
        pairs=pairs,
        network=network,
        light=light,
        identities=(key_identity, light_identity),
        merge=ScoreMerge(len(network.table.classes)),
        device=chosen,
    )


def run_merge_training(
    plan: MergePlan, workspace: Workspace, *, workers: int, advance: Callable[[int], None]
) -> dict[str, Any]:
    """Run a planned training in a run folder, from its start or its last checkpoint.

    Returns:
        Figures for the manifest.
    """
    settings, device = plan.settings, plan.device
    branches = Branches(
        place(plan.network.model, device),
        FrameNetwork(plan.light.model, device=device, input_scale=plan.light_scale),
        settings.propagation,
    )
    network, light = plan.identities
    task = MergeTask(plan.merge, branches, settings, network=network, light=light)
    run = TrainingRun(
        place(task, device),
        plan.pairs.stream(settings, workers=workers, device=device, input_scale=plan.input_scale),
        settings,
        workspace=workspace,
        device=device,
        validate=_make_validate(plan),
    )
    figures = run.run(advance)
    return figures | _best_beside_the_mean(workspace.path, figures["best_step"], settings)


def _gmacs(network: TrainedNetwork, size: tuple[int, int]) -> float:
    with torch.device("meta"):
        twin = create_model(network.model.name, num_classes=network.model.num_classes)
    return count_macs(twin, size=size) / 1e9


def _best_beside_the_mean(
    folder: Path, best_step: int, settings: MergeSettings
) -> dict[str, float | list[float | None] | None]:
    """Return mIoU beside the best, and [of the mean, of the best] by the distance."""
    for line in read_log(folder):
        if line["event"] == "validation" and line["step"] == best_step:
            beside = {f"best_{name}": line[name] for name in NAMES[1:]}
            return beside | {
                f"miou_at_{k}": [line[f"miou_mean_at_{k}"], line[f"miou_at_{k}"]]
                for k in settings.validated_distances
            }
    return {}


def _make_validate(plan: MergePlan) -> Callable[[], Scores] | None:
    pairs, settings = plan.pairs, plan.settings
    if not pairs.val_frames:
        return None
    network, light = (
        FrameNetwork(one.model, device=plan.device, input_scale=scale)
        for one, scale in (
            (plan.network, plan.input_scale),
            (plan.light, plan.light.input_scale),
        )
    )
    validation = MergeValidation(
        network,
        light,
        pairs.dataset,
        pairs.val_frames,
        open_flow=pairs.clip_flow(settings.propagation),
        settings=settings,
    )
    return lambda: validation.measure(plan.merge)
