"""Start a training: check every input, build the parts, run the loop."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from vstc.artifacts.workspace import Workspace
from vstc.errors import ConfigError, InputError
from vstc.evaluation.flow_sources.source import FlowSource
from vstc.evaluation.flow_sources.stored import StoredFlow
from vstc.formats.dataset import Clip, Dataset, load_dataset
from vstc.formats.flow.hdf5 import FlowDirection
from vstc.inference.checkpoint import ClassTable, load_network
from vstc.inference.network import FrameNetwork, pick_device, place
from vstc.losses.cross_entropy import CITYSCAPES_WEIGHTS
from vstc.models.catalog import create_model
from vstc.models.segmentation_model import SegmentationModel
from vstc.models.weights import WeightReport, load_weights
from vstc.training.batches import BatchStream, join_samples
from vstc.training.flows import FlowShelf
from vstc.training.loop import Scores, TrainingRun, Validate
from vstc.training.samples import SampleMaker
from vstc.training.settings import TrainSettings
from vstc.training.sources import Source, lay_out_batch, make_source
from vstc.training.task import DISTILLED, SegmentationTask
from vstc.training.validation import validate


@dataclass(frozen=True)
class TrainInputs:
    """What a training reads.

    Attributes:
        dataset: Frames and labels.
        pseudo: Frames with pseudo labels; None without.
        teacher: A run or checkpoint; needed by the distillation terms.
        flow: Folders of stored flow; needed by the temporal loss, and for TC in the validation.
    """

    dataset: Path
    pseudo: Path | None = None
    teacher: Path | None = None
    flow: tuple[Path, ...] = ()


@dataclass(frozen=True)
class TrainPlan:
    """A training whose inputs were all found to fit, before any weight is touched.

    Attributes:
        model: The student, initialised.
        weights: What was loaded from ``init``; None without.
    """

    settings: TrainSettings
    dataset: Dataset
    sources: list[Source]
    teacher: SegmentationModel | None
    flow: FlowShelf | None
    val_clips: list[Clip]
    val_flow: FlowSource | None
    model: SegmentationModel
    weights: WeightReport | None
    device: torch.device

    def summary(self) -> dict[str, Any]:
        """Describe the training in plain JSON values."""
        settings = self.settings
        return {
            "model": settings.model,
            "parameters": sum(p.numel() for p in self.model.parameters()),
            "terms": list(settings.terms),
            "steps": settings.steps,
            "batch": settings.batch,
            "crop": list(settings.crop),
            "device": str(self.device),
            "sources": {
                source.name: {
                    "dataset": source.dataset.name,
                    "anchors": len(source.anchors),
                    "with_neighbours": len(source.temporal),
                }
                for source in self.sources
            },
            "val_clips": len(self.val_clips),
            "init": self.weights.summary() if self.weights else None,
        }


def plan_training(inputs: TrainInputs, settings: TrainSettings, *, device: str) -> TrainPlan:
    """Open and check everything that a training needs.

    Args:
        inputs: What to read.
        settings: The run's settings.
        device: ``auto``, ``cpu``, ``cuda`` and so on.

    Raises:
        VstcError: Something is missing or does not fit.
    """
    chosen = pick_device(device)
    seed_everything(settings.seed, deterministic=settings.deterministic)
    dataset = load_dataset(inputs.dataset)
    _refuse_class_weights(settings, dataset)
    sources = _open_sources(inputs, settings, dataset)
    flow = FlowShelf(inputs.flow) if inputs.flow else None
    _require_neighbours(settings, sources)
    _require_flow(settings, sources, flow)
    val_clips = _val_clips(dataset, settings)
    model = create_model(settings.model, num_classes=dataset.num_classes, seed=settings.seed)
    weights = load_weights(model, Path(settings.init)) if settings.init else None
    return TrainPlan(
        settings=settings,
        dataset=dataset,
        sources=sources,
        teacher=_open_teacher(inputs, settings, dataset),
        flow=flow,
        val_clips=val_clips,
        val_flow=_val_flow(val_clips, flow),
        model=model,
        weights=weights,
        device=chosen,
    )


def run_training(
    plan: TrainPlan, workspace: Workspace, *, workers: int, advance: Callable[[int], None]
) -> dict[str, Any]:
    """Run a planned training in a run folder, from its start or its last checkpoint.

    Returns:
        Figures for the manifest.
    """
    settings, device = plan.settings, plan.device
    slots = lay_out_batch(
        plan.sources,
        batch=settings.batch,
        ratio=settings.ratio,
        temporal_share=settings.temporal_share,
    )
    maker = SampleMaker(plan.sources, slots, settings, flow=plan.flow)
    stream = BatchStream(
        maker,
        join_samples,
        num_slots=len(slots),
        workers=workers,
        pin_memory=device.type == "cuda",
    )
    teacher = place(plan.teacher, device) if plan.teacher is not None else None
    table = ClassTable.of(plan.dataset)
    run = TrainingRun(
        place(SegmentationTask(plan.model, teacher, settings, table=table), device),
        stream,
        settings,
        workspace=workspace,
        device=device,
        validate=_make_validate(plan),
    )
    return run.run(advance)


def seed_everything(seed: int, *, deterministic: bool) -> None:
    """Seed all global generators; on request allow deterministic kernels only."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)
    torch.use_deterministic_algorithms(deterministic, warn_only=deterministic)


def _open_sources(inputs: TrainInputs, settings: TrainSettings, dataset: Dataset) -> list[Source]:
    sources = [
        make_source(
            "labelled",
            dataset,
            split=settings.split,
            limit=settings.limit,
            temporal_anchors=settings.temporal_anchors,
        )
    ]
    if inputs.pseudo is None:
        return sources
    pseudo = load_dataset(inputs.pseudo)
    if [entry.name for entry in pseudo.classes] != [entry.name for entry in dataset.classes]:
        raise InputError(
            f"the classes of {inputs.pseudo} are not those of {inputs.dataset}",
            hint="make the pseudo labels with a teacher that was trained on this data set",
        )
    return [*sources, make_source("pseudo", pseudo, split=None, limit=settings.limit)]


def _open_teacher(
    inputs: TrainInputs, settings: TrainSettings, dataset: Dataset
) -> SegmentationModel | None:
    needed = sorted(DISTILLED & set(settings.terms))
    if not needed:
        return None
    if inputs.teacher is None:
        raise ConfigError(
            f"terms {', '.join(needed)} need a teacher", hint="add --teacher RUN, or leave them out"
        )
    network = load_network(inputs.teacher)
    if [c.name for c in network.table.classes] != [c.name for c in dataset.classes]:
        raise InputError(
            f"teacher {inputs.teacher} was trained on other classes than {inputs.dataset}"
        )
    return network.model


def _refuse_class_weights(settings: TrainSettings, dataset: Dataset) -> None:
    expected = len(CITYSCAPES_WEIGHTS)
    if settings.class_weights == "cityscapes" and dataset.num_classes != expected:
        raise ConfigError(
            f"class weights cityscapes are for {expected} classes, "
            f"data set {dataset.name} has {dataset.num_classes}",
            hint="add --set class_weights=none",
        )


def _require_neighbours(settings: TrainSettings, sources: list[Source]) -> None:
    """Refuse terms that compare frames where no frame has a neighbour."""
    terms = [term for term in settings.terms if term in {"pf", "mf", "tl"}]
    if terms and not any(source.temporal for source in sources):
        raise InputError(
            f"terms {', '.join(terms)} need clips of consecutive frames with a label before the "
            "last, and there are none",
            hint=f"leave {', '.join(terms)} out of --terms, or choose other splits with --split",
        )


def _require_flow(settings: TrainSettings, sources: list[Source], flow: FlowShelf | None) -> None:
    """Check that every pair the temporal loss may draw has stored flow."""
    if "tl" not in settings.terms:
        return
    if flow is None:
        raise ConfigError(
            "term tl needs flow", hint="add --flow DIR; vstc flow precompute makes it"
        )
    directions = [FlowDirection.PREV_TO_NEXT]
    reads_past = settings.tl.pairs == "both" and settings.needs_past
    if settings.tl.mask == "fb" or reads_past:
        directions.append(FlowDirection.NEXT_TO_PREV)
    for source in sources:
        anchors = [*source.anchors, *source.temporal] if reads_past else source.temporal
        clips = {anchor.clip.id: anchor.clip for anchor in anchors if anchor.clip.is_consecutive}
        for clip in clips.values():
            num_gaps = min(settings.gap, len(clip.frames) - 1)
            flow.require(clip, directions=directions, gaps=range(1, num_gaps + 1))


def _val_clips(dataset: Dataset, settings: TrainSettings) -> list[Clip]:
    if not settings.val_split:
        return []
    try:
        clips = dataset.select(settings.val_split, limit=settings.val_limit)
    except ConfigError as error:
        raise ConfigError(
            f"nothing to validate on: {error.message}",
            hint=f"--val-split with one of: {', '.join(dataset.splits)}; "
            '--val-split "" trains without validation',
        ) from error
    return [clip for clip in clips if clip.labels]


def _val_flow(val_clips: list[Clip], flow: FlowShelf | None) -> StoredFlow | None:
    """Return the flow that TC is measured with: a folder that has it for all clips that move."""
    moving = [clip for clip in val_clips if clip.is_consecutive]
    folder = flow.shared_folder(clip.id for clip in moving) if flow is not None else None
    if folder is None:
        return None
    stored = StoredFlow(folder)
    stored.check(moving)
    return stored


def _make_validate(plan: TrainPlan) -> Validate | None:
    if not plan.val_clips:
        return None

    def measure() -> Scores:
        network = FrameNetwork(
            plan.model, device=plan.device, input_scale=plan.settings.input_scale
        )
        return validate(network, plan.dataset, plan.val_clips, flow=plan.val_flow)

    return measure
