"""The data of trainings on pairs: frames to learn from and to validate on, and flow to them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from vstc.errors import ConfigError, InputError
from vstc.formats.dataset import Clip, Dataset, load_dataset
from vstc.formats.flow.hdf5 import FlowDirection
from vstc.formats.frames import FrameReader
from vstc.inference.checkpoint import ClassTable
from vstc.propagation.frames import ComputedFlow, FlowSource, StoredFlow
from vstc.propagation.settings import PropagateSettings, Warping
from vstc.training.batches import BatchStream
from vstc.training.flows import FlowShelf
from vstc.training.pairs.approaches import LabelledFrame, choose_frames
from vstc.training.pairs.crop_flow import ComputedCropFlow, CropFlow, StoredCropFlow
from vstc.training.pairs.samples import (
    OWN,
    PairBatch,
    PairSample,
    PairSampleMaker,
    join_refiner_samples,
)
from vstc.training.pairs.settings import PairSettings
from vstc.training.sources import Anchor, Source, lay_out_batch

LABELLED = "labelled"


@dataclass(frozen=True)
class Pairs:
    """Frames and flow that were found to fit.

    Attributes:
        dataset: Frames and labels.
        sources: Frames to learn from.
        flow: Stored flow; None computes it.
        val_frames: Frames to validate on.
    """

    dataset: Dataset
    sources: list[Source]
    flow: FlowShelf | None
    val_frames: list[LabelledFrame]

    @property
    def counts(self) -> dict[str, int]:
        """Frames to learn from, by source."""
        return {source.name: len(source.anchors) for source in self.sources}

    def stream(
        self,
        settings: PairSettings,
        *,
        workers: int,
        device: torch.device,
        input_scale: float,
    ) -> BatchStream[PairSample, PairBatch]:
        """Make batches; where flow is not stored, the threads that make samples compute it.

        Args:
            settings: The run's settings.
            workers: Threads.
            device: Where the batches will go.
            input_scale: Factor between a frame and the network's input.
        """
        slots = lay_out_batch(self.sources, batch=settings.batch, ratio=(1, 1), temporal_share=None)
        reader = FrameReader(self.dataset, cache_bytes=settings.cache_mib * 2**20)
        maker = PairSampleMaker(
            self.sources,
            slots,
            settings,
            flow=self._crop_flow(reader, settings.propagation),
            reader=reader,
            input_scale=input_scale,
        )
        return BatchStream(
            maker,
            join_refiner_samples,
            num_slots=len(slots),
            workers=workers,
            pin_memory=device.type == "cuda",
        )

    def clip_flow(self, settings: PropagateSettings) -> Callable[[Clip], FlowSource]:
        """Return what opens the flow of whole frames of a clip, for the validation."""
        shelf = self.flow
        if shelf is not None:
            return lambda clip: StoredFlow(shelf.reader(clip.id).path)
        provider = settings.flow.make_provider()
        return lambda _clip: ComputedFlow(provider)

    def _crop_flow(self, reader: FrameReader, settings: PropagateSettings) -> CropFlow:
        if self.flow is not None:
            return StoredCropFlow(self.flow)
        given = settings.flow
        return ComputedCropFlow(reader, given.make_provider(), scale=given.scale)


def open_pairs(
    folder: Path,
    flow_folders: tuple[Path, ...],
    settings: PairSettings,
    *,
    network: Path,
    table: ClassTable,
) -> Pairs:
    """Open a data set and its flow.

    Args:
        folder: The data set.
        flow_folders: Stored flow; none computes it.
        settings: The run's settings.
        network: Where the network is, for messages.
        table: Its classes.

    Raises:
        VstcError: Something is missing or does not fit.
    """
    dataset = load_dataset(folder)
    has_other_classes = [c.name for c in table.classes] != [c.name for c in dataset.classes]
    # Frames alone have no classes, and the network that labels them needs none.
    if has_other_classes and (dataset.classes or settings.targets != OWN):
        raise InputError(f"network {network} was trained on other classes than {folder}")
    sources = _open_sources(settings, dataset)
    flow = FlowShelf(flow_folders) if flow_folders else None
    val_clips = _val_clips(dataset, settings) if dataset.classes else []
    val_frames = choose_frames(val_clips, count=settings.val_frames)
    if flow is not None:
        used = [anchor.clip for source in sources for anchor in source.anchors]
        used += [frame.clip for frame in val_frames]
        _require_flow(flow, {clip.id: clip for clip in used}, settings.propagation)
    return Pairs(dataset, sources, flow, val_frames)


def _open_sources(settings: PairSettings, dataset: Dataset) -> list[Source]:
    """Collect the frames to learn from, those with labels and those that the network labels."""
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


def _no_frames(name: str, dataset: Dataset, settings: PairSettings) -> InputError:
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


def _val_clips(dataset: Dataset, settings: PairSettings) -> list[Clip]:
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
    elif settings.flows_per_step == 2:
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
