"""Tiny settings, samples and parts for the tests of training a merging layer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from tests.tiny_runs import TABLE
from vstc.formats.dataset import load_dataset
from vstc.formats.frames import FrameReader
from vstc.inference.checkpoint import TrainedNetwork
from vstc.inference.network import FrameNetwork
from vstc.inference.network_identity import NetworkIdentity
from vstc.models.catalog import create_model
from vstc.models.score_merge import ScoreMerge
from vstc.models.segmentation_model import SegmentationModel
from vstc.training.flows import FlowShelf
from vstc.training.merge.branches import Branches
from vstc.training.merge.settings import MergeSettings
from vstc.training.merge.task import GivesScores, MergeTask
from vstc.training.pairs.crop_flow import StoredCropFlow
from vstc.training.pairs.samples import PairBatch, PairSampleMaker, join_refiner_samples
from vstc.training.sources import Anchor, Slot, Source

CPU = torch.device("cpu")
FAST: dict[str, Any] = {
    "crop": (49, 65),
    "batch": 2,
    "steps": 4,
    "log_every": 1,
    "val_split": None,
    "checkpoint_every": 1000,
    "propagation": {"interval": 4},
}


def tiny_merge_settings(**changes: Any) -> MergeSettings:
    propagation = FAST["propagation"] | changes.get("propagation", {})
    return MergeSettings.model_validate(FAST | changes | {"propagation": propagation})


def tiny_network(seed: int) -> SegmentationModel:
    return create_model("pspnet-tiny", num_classes=3, seed=seed).eval()


def identity_of(model: SegmentationModel, *, id: str) -> NetworkIdentity:
    return NetworkIdentity.of(TrainedNetwork(model, TABLE, 1.0, 0), id=id)


def make_batch(folder: Path, *, name: str = "labelled", **changes: Any) -> PairBatch:
    """Make a batch of frames of the clip ``val0``, all of which have labels."""
    dataset = load_dataset(folder)
    settings = tiny_merge_settings(**changes)
    anchors = [Anchor(dataset.clip("val0"), index) for index in range(1, 6)]
    maker = PairSampleMaker(
        [Source(name, dataset, anchors, [])],
        [Slot(0, needs_next=False)] * settings.batch,
        settings,
        flow=StoredCropFlow(FlowShelf([folder / "flow"])),
        reader=FrameReader(dataset),
        input_scale=1.0,
    )
    return join_refiner_samples([maker.make(0, slot) for slot in range(settings.batch)])


def make_task(branches: GivesScores | None = None, **changes: Any) -> MergeTask:
    settings = tiny_merge_settings(**changes)
    network, light = tiny_network(0), tiny_network(1)
    return MergeTask(
        ScoreMerge(3),
        branches or Branches(network, FrameNetwork(light, device=CPU), settings.propagation),
        settings,
        network=identity_of(network, id="key"),
        light=identity_of(light, id="light"),
    ).train()
