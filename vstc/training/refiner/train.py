"""Start the training of a refiner: check every input, build the parts, run the loop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from vstc.artifacts.workspace import Workspace
from vstc.errors import ConfigError, InputError
from vstc.formats.dataset import Clip, Dataset, load_dataset
from vstc.formats.flow_hdf5 import FlowDirection
from vstc.formats.frames import FrameReader
from vstc.inference.checkpoint import TrainedNetwork, checkpoint_ref, load_network
from vstc.inference.network import FrameNetwork, pick_device, place
from vstc.inference.refiner_checkpoint import NetworkIdentity
from vstc.models.refiner import Refiner
from vstc.models.refiner_catalog import RefinerCost, refiner_cost, refiner_for
from vstc.models.taps import TappedModel
from vstc.propagation.frames import ComputedFlow, FlowSource, StoredFlow
from vstc.propagation.settings import PropagateSettings, Warping
from vstc.training.batches import BatchStream
from vstc.training.flows import FlowShelf
from vstc.training.log import read_log
from vstc.training.loop import Scores, TrainingRun
from vstc.training.refiner.crop_flow import ComputedCropFlow, CropFlow, StoredCropFlow
from vstc.training.refiner.samples import OWN, RefinerSampleMaker, join_refiner_samples
from vstc.training.refiner.settings import RefinerSettings
from vstc.training.refiner.task import RefinerTask
from vstc.training.refiner.validation import LabelledFrame, RefinerValidation, choose_frames
from vstc.training.sources import Anchor, Source, lay_out_batch
from vstc.training.train import seed_everything

LABELLED = "labelled"


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
    dataset: Dataset
    sources: list[Source]
    flow: FlowShelf | None
    val_frames: list[LabelledFrame]
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
            "frames": {source.name: len(source.anchors) for source in self.sources},
            "val_frames": len(self.val_frames),
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
    dataset = load_dataset(inputs.dataset)
    if [c.name for c in network.table.classes] != [c.name for c in dataset.classes]:
        raise InputError(
            f"network {inputs.network} was trained on other classes than {inputs.dataset}"
        )
    sources = _open_sources(settings, dataset)
    flow = FlowShelf(inputs.flow) if inputs.flow else None
    val_frames = choose_frames(_val_clips(dataset, settings), count=settings.val_frames)
    if flow is not None:
        used = [anchor.clip for source in sources for anchor in source.anchors]
        used += [frame.clip for frame in val_frames]
        _require_flow(flow, {clip.id: clip for clip in used}, settings.propagation)
    refiner = refiner_for(network.model, settings.refiner.choice(), seed=settings.seed)
    return RefinerPlan(
        settings=settings,
        dataset=dataset,
        sources=sources,
        flow=flow,
        val_frames=val_frames,
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
    slots = lay_out_batch(plan.sources, batch=settings.batch, ratio=(1, 1), temporal_share=None)
    reader = FrameReader(plan.dataset, cache_bytes=settings.cache_mib * 2**20)
    maker = RefinerSampleMaker(
        plan.sources,
        slots,
        settings,
        flow=_crop_flow(plan, reader),
        reader=reader,
        input_scale=plan.network.input_scale,
    )
    stream = BatchStream(
        maker,
        join_refiner_samples,
        num_slots=len(slots),
        workers=workers,
        pin_memory=device.type == "cuda",
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


def _open_sources(settings: RefinerSettings, dataset: Dataset) -> list[Source]:
    """Collect the frames to refine, those with labels and those that the network labels."""
    clips = dataset.select(settings.split, limit=settings.limit)
    moving = [clip for clip in clips if clip.is_consecutive]
    labelled: list[Anchor] = []
    own: list[Anchor] = []
    for clip in moving:
        for index in range(1, len(clip.frames)):
            has_label = clip.frame_names[index] in clip.labels
            (labelled if has_label else own).append(Anchor(clip, index))
    if settings.targets == "labels":
        chosen = {LABELLED: labelled}
    elif settings.targets == "own":
        chosen = {OWN: [*labelled, *own]}
    else:
        chosen = {LABELLED: labelled, OWN: own}
    for name, anchors in chosen.items():
        if not anchors:
            raise _no_frames(name, dataset, settings)
    return [Source(name, dataset, anchors, []) for name, anchors in chosen.items()]


def _no_frames(name: str, dataset: Dataset, settings: RefinerSettings) -> InputError:
    split = settings.split or "any"
    if name == OWN:
        return InputError(
            f"data set {dataset.name} has no clip of consecutive frames in split {split} with "
            f"frames for targets={settings.targets}",
            hint=f"splits with clips: {', '.join(dataset.splits)}",
        )
    return InputError(
        f"data set {dataset.name} has no labelled frame in split {split} with a frame before it",
        hint="--targets own lets the network label frames itself",
    )


def _val_clips(dataset: Dataset, settings: RefinerSettings) -> list[Clip]:
    if not settings.val_split:
        return []
    try:
        return dataset.select(settings.val_split, limit=settings.val_limit)
    except ConfigError as error:
        raise ConfigError(
            f"nothing to validate on: {error.message}",
            hint=f"--val-split with one of: {', '.join(dataset.splits)}; "
            '--val-split "" trains without validation',
        ) from error


def _require_flow(flow: FlowShelf, clips: dict[str, Clip], settings: PropagateSettings) -> None:
    """Check that stored flow has what the maps are made of."""
    needed = {FlowDirection.NEXT_TO_PREV}
    if settings.warping is Warping.EQ1:
        needed = {FlowDirection.PREV_TO_NEXT}
    elif settings.iam.flows == 2:
        needed = set(FlowDirection)
    for clip in clips.values():
        reader = flow.reader(clip.id)
        lacking = sorted(needed - set(reader.info.directions))
        if lacking:
            raise InputError(
                f"flow {reader.path} has no {' and no '.join(lacking)}",
                hint="vstc flow precompute makes both directions by default; "
                "--set propagation.iam.flows=1 needs next_to_prev alone",
            )
        flow.require(clip, directions=sorted(needed), gaps=(1,))


def _crop_flow(plan: RefinerPlan, reader: FrameReader) -> CropFlow:
    if plan.flow is not None:
        return StoredCropFlow(plan.flow)
    given = plan.settings.propagation.flow
    return ComputedCropFlow(reader, given.make_provider(), scale=given.scale)


def _make_validate(plan: RefinerPlan) -> Callable[[], Scores] | None:
    if not plan.val_frames:
        return None
    shelf, provider = plan.flow, None
    if shelf is None:
        provider = plan.settings.propagation.flow.make_provider()

    def open_flow(clip: Clip) -> FlowSource:
        if shelf is not None:
            return StoredFlow(shelf.reader(clip.id).path)
        assert provider is not None
        return ComputedFlow(provider)

    network = FrameNetwork(
        plan.network.model, device=plan.device, input_scale=plan.network.input_scale
    )
    validation = RefinerValidation(
        network, plan.dataset, plan.val_frames, open_flow=open_flow, settings=plan.settings
    )
    return lambda: validation.measure(plan.refiner)
