"""Tiny refiners, settings and parts for the tests of their training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.tiny_runs import TABLE
from vstc.formats.dataset import Dataset, load_dataset
from vstc.formats.frames import FrameReader
from vstc.inference.checkpoint import TrainedNetwork
from vstc.inference.network_identity import NetworkIdentity
from vstc.models.catalog import create_model
from vstc.models.refiner_catalog import refiner_for
from vstc.models.taps import TappedModel
from vstc.training.flows import FlowShelf
from vstc.training.pairs.crop_flow import CropFlow, StoredCropFlow
from vstc.training.pairs.samples import PairSampleMaker
from vstc.training.refiner.settings import RefinerSettings
from vstc.training.refiner.task import RefinerTask
from vstc.training.sources import Anchor, Slot, Source

FAST: dict[str, Any] = {
    "crop": (49, 65),
    "batch": 2,
    "steps": 4,
    "log_every": 1,
    "val_split": None,
    "checkpoint_every": 1000,
    "refiner": {"width": 16},
    "propagation": {"interval": 4},
}
UPRIGHT: dict[str, Any] = {"scale": (1.0, 1.0), "flip": 0.0}


def tiny_refiner_settings(**changes: Any) -> RefinerSettings:
    merged = FAST | changes
    for name in ("refiner", "propagation"):
        merged[name] = FAST[name] | changes.get(name, {})
    return RefinerSettings.model_validate(merged)


def make_maker(
    folder: Path,
    *,
    name: str = "labelled",
    indices: tuple[int, ...] = (1, 2, 3, 4, 5),
    clips: str = "val",
    flow: CropFlow | None = None,
    input_scale: float = 1.0,
    **changes: Any,
) -> PairSampleMaker:
    """Make the samples of some frames of some clips; those of ``val`` have all their labels."""
    dataset = load_dataset(folder)
    settings = tiny_refiner_settings(**changes)
    anchors = [Anchor(clip, index) for clip in dataset.select(clips) for index in indices]
    return PairSampleMaker(
        [Source(name, dataset, anchors, [])],
        [Slot(0, needs_next=False)] * settings.batch,
        settings,
        flow=flow or StoredCropFlow(FlowShelf([folder / "flow"])),
        reader=FrameReader(dataset),
        input_scale=input_scale,
    )


def make_task(
    *, model: str = "pspnet-tiny", seed: int = 0, **changes: Any
) -> tuple[RefinerTask, TappedModel]:
    settings = tiny_refiner_settings(**changes)
    network = create_model(model, num_classes=3, seed=seed)
    refiner = refiner_for(network, settings.refiner.choice(), seed=1)
    identity = NetworkIdentity.of(TrainedNetwork(network, TABLE, 1.0, 0), id="0" * 16)
    tapped = TappedModel(network, refiner.tap)
    return RefinerTask(refiner, tapped, settings, identity=identity).train(), tapped


def moving(folder: Path) -> Dataset:
    return load_dataset(folder)
