"""Training a refiner from end to end: it learns, resumes exactly, leaves the network alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from tests.killed_command import run_killed
from tests.moving import write_moving_dataset
from tests.tiny_runs import FAST, write_run
from tests.training.refiner.made_refiners import make_maker, tiny_refiner_settings
from tests.training.test_loop import assert_same, timeless
from vstc.artifacts.manifest import read_manifest
from vstc.artifacts.workspace import open_artifact
from vstc.inference.checkpoint import REFINER_SCHEMA, load_network, read_checkpoint
from vstc.inference.refiner_checkpoint import load_refiner
from vstc.losses.refinement import fuse
from vstc.models.grids import resample
from vstc.models.taps import TappedModel
from vstc.training.log import read_log
from vstc.training.pairs.carried_batch import carry_batch
from vstc.training.pairs.samples import join_refiner_samples
from vstc.training.pairs.targets import every_nth_pixel
from vstc.training.refiner.train import (
    RefinerInputs,
    plan_refiner_training,
    run_refiner_training,
)
from vstc.training.settings import TrainSettings
from vstc.training.train import TrainInputs, plan_training, run_training

pytestmark = pytest.mark.usefixtures("one_thread")
UPRIGHT: dict[str, Any] = {"scale": (1.0, 1.0), "crop": (49, 65), "batch": 4}


def train(output: Path, network: Path, dataset: Path, **changes: Any) -> dict[str, Any]:
    settings = tiny_refiner_settings(**changes)
    inputs = RefinerInputs(network, dataset, (dataset / "flow",))
    plan = plan_refiner_training(inputs, settings, device="cpu")
    with open_artifact(output, kind=REFINER_SCHEMA, config=settings.as_json()) as workspace:
        figures = run_refiner_training(plan, workspace, workers=1, advance=lambda _count: None)
        workspace.finish(metrics=figures, volatile=["metrics.jsonl"])
    return figures


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_moving_dataset(tmp_path_factory.mktemp("data"), train=6, val=2).folder


@pytest.fixture(scope="module")
def network(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network that was trained for some seconds, so that it is better than its propagation."""
    folder = tmp_path_factory.mktemp("network") / "run"
    settings = TrainSettings.model_validate({**FAST, **UPRIGHT, "steps": 100, "lr": 0.02})
    plan = plan_training(TrainInputs(dataset), settings, device="cpu")
    with open_artifact(folder, kind="vstc.checkpoint", config=settings.as_json()) as workspace:
        run_training(plan, workspace, workers=1, advance=lambda _count: None)
        workspace.finish(volatile=["metrics.jsonl"])
    return folder


def cross_entropies(run_folder: Path, network: Path, dataset: Path) -> tuple[float, float]:
    """Cross entropy of the propagated and of the refined result on frames of val clips."""
    settings = tiny_refiner_settings(**UPRIGHT)
    refiner = load_refiner(run_folder).refiner
    tapped = TappedModel(load_network(network).model, refiner.tap)
    maker = make_maker(dataset, **UPRIGHT, flip=0.0, still_share=0.0)
    warped, refined = [], []
    for step in range(3):
        batch = join_refiner_samples([maker.make(step, slot) for slot in range(4)])
        with torch.no_grad():
            carried = carry_batch(tapped, batch, refiner, settings.propagation)
            own = refiner(
                batch.current_B3HW,
                carried.probabilities_BKhw,
                carried.inconsistency_B1hw,
                carried.feature_BChw,
                grid=carried.grid,
            ).softmax(dim=1)
            fused = fuse(carried.probabilities_BKhw, own, carried.inconsistency_B1hw)
        labels = batch.labels_BHW[:, 2::4, 2::4].long()
        for found, scores in ((warped, carried.probabilities_BKhw), (refined, fused)):
            at_pixels = resample(scores, carried.grid, every_nth_pixel((49, 65), 4))
            loss = F.nll_loss(at_pixels.log(), labels, ignore_index=255)
            found.append(float(loss))
    return sum(warped), sum(refined)


def test_the_refined_result_becomes_better_than_the_propagated_one(
    dataset: Path, network: Path, tmp_path: Path
) -> None:
    """On clips that were not trained on. Measured: mIoU 0.72 propagated, 0.80 refined."""
    before = {name: v.clone() for name, v in load_network(network).model.state_dict().items()}
    figures = train(
        tmp_path / "run",
        network,
        dataset,
        **UPRIGHT,
        steps=40,
        validate_every=20,
        val_split="val",
        refiner={"width": 32},
    )
    log = read_log(tmp_path / "run")
    last = log[-1]
    assert last["event"] == "validation"
    assert last["miou"] > last["miou_warped"] + 0.02
    assert last["miou_at_3"] > last["miou_warped_at_3"] + 0.03
    assert last["miou_warped_at_1"] > last["miou_warped_at_3"]
    assert figures["best_miou"] == max(line["miou"] for line in log if "miou" in line)
    warped, refined = cross_entropies(tmp_path / "run", network, dataset)
    assert refined < 0.9 * warped
    assert_same(before, load_network(network).model.state_dict())
    load_refiner(tmp_path / "run").require(load_network(network))


def test_frames_without_labels_teach_it_too(dataset: Path, network: Path, tmp_path: Path) -> None:
    changes: dict[str, Any] = {**UPRIGHT, "steps": 40, "refiner": {"width": 32}}
    train(tmp_path / "run", network, dataset, **changes, targets="own")
    warped, refined = cross_entropies(tmp_path / "run", network, dataset)
    assert refined < 0.95 * warped


def test_a_run_killed_again_and_again_ends_like_one_that_was_never_stopped(
    moving_dataset: Path, tmp_path: Path, run: Any
) -> None:
    network = write_run(tmp_path / "net", moving_dataset, seed=5)
    command = [
        *("refiner", "train", network, moving_dataset, "--flow", moving_dataset / "flow"),
        *("--targets", "both", "--width", 16, "--interval", 4, "--crop", "33x41", "--batch", 2),
        *("--steps", 12, "--workers", 1, "--device", "cpu", "-q", "--set", "log_every=1"),
        *("--set", "checkpoint_every=3", "--set", "validate_every=5", "--set", "val_frames=2"),
    ]
    kills, _ = run_killed(command, tmp_path / "killed", moments=[1, 6, 11], seed=1)
    assert kills >= 2
    run(*command, "-o", tmp_path / "whole")
    assert timeless(tmp_path / "killed") == timeless(tmp_path / "whole")
    assert len(timeless(tmp_path / "whole")) == 12 + 3
    for name in ("last.pt", "best.pt"):
        contents = [
            read_checkpoint(tmp_path / which / name, schema=REFINER_SCHEMA)
            for which in ("killed", "whole")
        ]
        assert_same(*contents, where=name)
    ids = {read_manifest(tmp_path / which)["id"] for which in ("killed", "whole")}
    assert len(ids) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"refiner": {"predictions": True}},
        {"refiner": {"cut": "ra"}},
        {"refiner": {"name": "residual", "residual": True}},
    ],
)
def test_icnet_gets_a_refiner_of_its_own_or_any_other(
    moving_dataset: Path, tmp_path: Path, changes: dict[str, Any]
) -> None:
    network = write_run(tmp_path / "net", moving_dataset, model="icnet")
    figures = train(
        tmp_path / "run", network, moving_dataset, steps=2, val_split="val", val_frames=2, **changes
    )
    assert 0 <= figures["best_miou"] <= 1
    found = load_refiner(tmp_path / "run")
    assert found.refiner.name == changes["refiner"].get("name", "icnet")
    assert json.loads(json.dumps(figures, allow_nan=False)) == figures
    theirs = load_network(network).model.state_dict()
    ours = dict(found.refiner.named_parameters())
    assert any(name not in theirs or not torch.equal(p, theirs[name]) for name, p in ours.items())
