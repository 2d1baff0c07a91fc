"""Validation of a refiner: the same numbers as propagation and evaluation give."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.training.refiner.made_refiners import tiny_refiner_settings
from vstc.data.labels import read_true_labels
from vstc.formats.dataset import Dataset, load_dataset
from vstc.formats.frames import FrameReader
from vstc.inference.network import FrameNetwork
from vstc.metrics.confusion import ConfusionMatrix
from vstc.models.catalog import create_model
from vstc.models.refiner import Refiner
from vstc.models.refiner_catalog import RefinerChoice, refiner_for
from vstc.propagation.engine import Propagator
from vstc.propagation.frames import StoredFlow
from vstc.propagation.model_networks import ModelKeys, ModelRefiner
from vstc.propagation.settings import PropagateSettings, Refine
from vstc.propagation.stages import Networks
from vstc.training.pairs.approaches import LabelledFrame, choose_frames
from vstc.training.refiner.validation import RefinerValidation

pytestmark = pytest.mark.usefixtures("one_thread")
# With an age limit the refiner has its say even where a network knows one class alone.
SETTINGS = tiny_refiner_settings(
    refiner={"residual": True}, propagation={"iam": {"max_age": 2, "radius": 1}}
)
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def dataset(moving_dataset: Path) -> Dataset:
    return load_dataset(moving_dataset)


@pytest.fixture(scope="module", params=["pspnet-tiny", "icnet"])
def parts(request: pytest.FixtureRequest) -> tuple[FrameNetwork, Refiner]:
    model = create_model(request.param, num_classes=3, seed=3)
    choice = RefinerChoice(name="residual", takes_residual=True, width=16)
    refiner = refiner_for(model, choice, seed=4).eval()
    generator, cls = torch.Generator().manual_seed(0), refiner.get_submodule("cls")
    for name, std in (("weight", 3.0), ("bias", 9.0)):
        torch.nn.init.normal_(cls.get_parameter(name), std=std, generator=generator)
    return FrameNetwork(model, device=CPU, input_scale=0.9), refiner


def by_the_engine(
    dataset: Dataset, network: FrameNetwork, refiner: Refiner, *, distance: int, refine: Refine
) -> float | None:
    """Propagate each stretch of frames on its own and judge its last frame."""
    clip = dataset.clip("val0")
    reader, matrix = FrameReader(dataset), ConfusionMatrix(3)
    flows = StoredFlow(dataset.folder / "flow" / "val0.h5")
    settings = PropagateSettings.model_validate(
        SETTINGS.propagation.as_json()
        | {"interval": distance + 1, "refine": refine, "schedule": {"cuts": False}}
    )
    for last in range(distance, len(clip.frames)):
        parts = Networks(
            ModelKeys(network, tap=refiner.tap),
            Shifted(flows, last - distance),  # type: ignore[arg-type]
            ModelRefiner(refiner, network),
        )
        propagator = Propagator(settings, parts)
        labels = np.zeros(0)
        for index in range(last - distance, last + 1):
            for done in propagator.step(reader.read(clip, index)):
                labels = done.labels
        true = read_true_labels(dataset, clip, last)
        assert true is not None
        matrix.update(true, labels)
    return matrix.scores().miou


class Shifted:
    """Flow of a clip whose first frames are left out."""

    def __init__(self, flows: StoredFlow, first: int) -> None:
        self._flows = flows
        self._first = first

    def flow(self, target: object, source: object) -> object:
        moved = [replace(f, index=f.index + self._first) for f in (target, source)]  # type: ignore
        return self._flows.flow(*moved)


def test_scores_are_those_of_the_engine(
    dataset: Dataset, parts: tuple[FrameNetwork, Refiner]
) -> None:
    network, refiner = parts
    validation = RefinerValidation(
        network,
        dataset,
        choose_frames([dataset.clip("val0")], count=100),
        open_flow=lambda clip: StoredFlow(dataset.folder / "flow" / f"{clip.id}.h5"),
        settings=SETTINGS,
    )
    scores = validation.measure(refiner)
    for distance in (1, 2, 3):
        for name, refine in (("miou", Refine.LAST), ("miou_warped", Refine.NEVER)):
            expected = by_the_engine(dataset, network, refiner, distance=distance, refine=refine)
            assert scores[f"{name}_at_{distance}"] == expected, (name, distance)
    means = [scores[f"miou_at_{k}"] for k in (1, 2, 3)]
    assert scores["miou"] == pytest.approx(sum(v or 0 for v in means) / 3)
    assert scores["miou"] != scores["miou_warped"]


def test_frames_are_spread_evenly_and_have_a_frame_before_them(dataset: Dataset) -> None:
    clips = [dataset.clip("val0"), dataset.clip("train0")]
    assert [(f.clip.id, f.index) for f in choose_frames(clips, count=100)] == [
        *(("val0", index) for index in range(1, 6)),
        *(("train0", index) for index in (1, 3)),
    ]
    chosen = choose_frames(clips, count=3)
    assert [(f.clip.id, f.index) for f in chosen] == [("val0", 1), ("val0", 4), ("train0", 3)]
    still = clips[0].model_copy(update={"frame_step": None})
    assert choose_frames([still], count=3) == []


def test_a_distance_that_no_frame_has_is_not_scored(dataset: Dataset) -> None:
    model = create_model("pspnet-tiny", num_classes=3, seed=0)
    refiner = refiner_for(model, RefinerChoice(width=16))
    validation = RefinerValidation(
        FrameNetwork(model, device=CPU),
        dataset,
        [LabelledFrame(dataset.clip("val0"), 1)],
        open_flow=lambda clip: StoredFlow(dataset.folder / "flow" / f"{clip.id}.h5"),
        settings=SETTINGS,
    )
    scores = validation.measure(refiner)
    assert scores["miou_at_1"] is not None
    assert scores["miou_at_3"] is None
    assert scores["miou"] == scores["miou_at_1"]
    assert not refiner.training
