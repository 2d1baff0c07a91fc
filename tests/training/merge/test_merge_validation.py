"""Validation of a merging layer: the same numbers as propagation and evaluation give."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.training.merge.made_merges import tiny_merge_settings, tiny_network
from vstc.data.labels import read_true_labels
from vstc.formats.dataset import Dataset, load_dataset
from vstc.formats.frames import FrameReader
from vstc.inference.network import FrameNetwork
from vstc.metrics.confusion import ConfusionMatrix
from vstc.models.score_merge import ScoreMerge
from vstc.propagation.engine import Propagator
from vstc.propagation.frames import ComputedFlow
from vstc.propagation.model_networks import ModelKeys
from vstc.propagation.settings import PropagateSettings
from vstc.propagation.stages import Networks
from vstc.training.merge.validation import MergeValidation
from vstc.training.pairs.approaches import choose_frames

pytestmark = pytest.mark.usefixtures("one_thread")
SETTINGS = tiny_merge_settings()
FLOWS = ComputedFlow(SETTINGS.propagation.flow.make_provider())
CPU = torch.device("cpu")


def networks_of(merge: ScoreMerge) -> tuple[FrameNetwork, FrameNetwork, Networks]:
    network = FrameNetwork(tiny_network(3), device=CPU, input_scale=0.9)
    light = FrameNetwork(tiny_network(4), device=CPU)
    keys = ModelKeys(network)
    return network, light, Networks(keys, FLOWS, head=keys, light=ModelKeys(light), merge=merge)


def by_the_engine(dataset: Dataset, networks: Networks, *, distance: int) -> float | None:
    """Propagate each stretch of frames on its own and judge its last frame."""
    clip = dataset.clip("val0")
    reader, matrix = FrameReader(dataset), ConfusionMatrix(3)
    values = {"interval": distance + 1, "schedule": {"cuts": False}}
    settings = PropagateSettings.model_validate(SETTINGS.propagation.as_json() | values)
    for last in range(distance, len(clip.frames)):
        propagator = Propagator(settings, networks)
        labels = np.zeros(0)
        for index in range(last - distance, last + 1):
            for done in propagator.step(reader.read(clip, index)):
                labels = done.labels
        true = read_true_labels(dataset, clip, last)
        assert true is not None
        matrix.update(true, labels)
    return matrix.scores().miou


def test_scores_are_those_of_the_engine(moving_dataset: Path) -> None:
    dataset = load_dataset(moving_dataset)
    merge = ScoreMerge(3)
    torch.nn.init.normal_(merge.conv.weight, generator=torch.Generator().manual_seed(1))
    network, light, networks = networks_of(merge)
    validation = MergeValidation(
        network,
        light,
        dataset,
        choose_frames([dataset.clip("val0")], count=100),
        open_flow=lambda _clip: FLOWS,
        settings=SETTINGS,
    )
    scores = validation.measure(merge)
    mean = networks_of(ScoreMerge(3).eval())[2]
    carried = ScoreMerge(3).eval()
    carried.load_state_dict(
        {"conv.weight": torch.eye(3, 6)[:, :, None, None], "conv.bias": torch.zeros(3)}
    )
    for distance in (1, 2, 3):
        for name, parts in (
            ("miou", networks),
            ("miou_mean", mean),
            ("miou_carried", networks_of(carried)[2]),
        ):
            expected = by_the_engine(dataset, parts, distance=distance)
            assert scores[f"{name}_at_{distance}"] == expected, (name, distance)
    assert len({scores[n] for n in ("miou", "miou_mean", "miou_carried", "miou_light")}) == 4
    assert not merge.training
