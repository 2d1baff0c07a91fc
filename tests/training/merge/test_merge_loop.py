"""Training a merging layer from end to end: it learns, resumes exactly, leaves networks alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.killed_command import run_killed
from tests.moving import write_moving_dataset
from tests.tiny_runs import FAST, write_run
from tests.training.merge.made_merges import tiny_merge_settings
from tests.training.test_loop import assert_same, timeless
from vstc.artifacts.manifest import read_manifest
from vstc.artifacts.workspace import open_artifact
from vstc.inference.checkpoint import MERGE_SCHEMA, load_network, read_checkpoint
from vstc.inference.merge_checkpoint import load_merge
from vstc.training.log import read_log
from vstc.training.merge.train import MergeInputs, plan_merge_training, run_merge_training
from vstc.training.settings import TrainSettings
from vstc.training.train import TrainInputs, plan_training, run_training

pytestmark = pytest.mark.usefixtures("one_thread")
UPRIGHT: dict[str, Any] = {"scale": (1.0, 1.0), "crop": (49, 65), "batch": 4}


def train(output: Path, inputs: MergeInputs, **changes: Any) -> dict[str, Any]:
    settings = tiny_merge_settings(**changes)
    plan = plan_merge_training(inputs, settings, device="cpu")
    with open_artifact(output, kind=MERGE_SCHEMA, config=settings.as_json()) as workspace:
        figures = run_merge_training(plan, workspace, workers=1, advance=lambda _count: None)
        workspace.finish(metrics=figures, volatile=["metrics.jsonl"])
    return figures


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_moving_dataset(tmp_path_factory.mktemp("data"), train=6, val=2).folder


@pytest.fixture(scope="module")
def network(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network that was trained for some seconds."""
    folder = tmp_path_factory.mktemp("network") / "run"
    settings = TrainSettings.model_validate({**FAST, **UPRIGHT, "steps": 50, "lr": 0.02})
    plan = plan_training(TrainInputs(dataset), settings, device="cpu")
    with open_artifact(folder, kind="vstc.checkpoint", config=settings.as_json()) as workspace:
        run_training(plan, workspace, workers=1, advance=lambda _count: None)
        workspace.finish(volatile=["metrics.jsonl"])
    return folder


@pytest.fixture(scope="module")
def ignorant(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network of random weights, whose scores are as loud as those of the trained one."""
    folder = write_run(tmp_path_factory.mktemp("ignorant") / "run", dataset, seed=3)
    weights = dict(read_checkpoint(folder / "best.pt")["weights"])
    heads = [name for name in weights if name.startswith("cls.")]
    loud = {name: 16 * weights[name] for name in heads[-2:]}
    return write_run(folder.with_name("loud"), dataset, seed=3, weights=weights | loud)


@pytest.mark.parametrize("is_light_ignorant", [True, False])
def test_the_layer_becomes_better_than_the_mean_of_a_good_and_an_ignorant_network(
    dataset: Path, network: Path, ignorant: Path, tmp_path: Path, is_light_ignorant: bool
) -> None:
    paths = (network, ignorant) if is_light_ignorant else (ignorant, network)
    before = [load_network(path).model.state_dict() for path in paths]
    figures = train(
        tmp_path / "run",
        MergeInputs(*paths, dataset, (dataset / "flow",)),
        **UPRIGHT,
        steps=40,
        lr=0.01,
        validate_every=20,
        val_split="val",
    )
    log = read_log(tmp_path / "run")
    last = log[-1]
    assert last["event"] == "validation"
    assert last["miou"] > last["miou_mean"] + 0.03
    better, worse = ("carried", "light") if is_light_ignorant else ("light", "carried")
    assert last[f"miou_{better}"] > last[f"miou_{worse}"]
    assert last["miou"] > last[f"miou_{better}"] - 0.05
    assert figures["best_miou"] == max(line["miou"] for line in log if "miou" in line)
    assert figures["best_miou_mean"] == last["miou_mean"]
    assert figures["miou_at_3"][0] == last["miou_mean_at_3"]
    assert json.loads(json.dumps(figures, allow_nan=False)) == figures
    networks = [load_network(path) for path in paths]
    assert_same(before, [found.model.state_dict() for found in networks])
    load_merge(tmp_path / "run").require(*networks)


def test_a_run_killed_again_and_again_ends_like_one_that_was_never_stopped(
    moving_dataset: Path, tmp_path: Path, run: Any
) -> None:
    network, light = (
        write_run(tmp_path / name, moving_dataset, seed=seed)
        for name, seed in (("net", 5), ("light", 6))
    )
    command = [
        *("merge", "train", network, moving_dataset, "--light", light),
        *("--flow", moving_dataset / "flow", "--targets", "both", "--interval", 4),
        *("--crop", "33x41", "--batch", 2, "--steps", 12, "--workers", 1, "--device", "cpu", "-q"),
        *("--set", "log_every=1", "--set", "checkpoint_every=3", "--set", "validate_every=5"),
        *("--set", "val_frames=2"),
    ]
    kills, _ = run_killed(command, tmp_path / "killed", moments=[1, 6, 11], seed=1)
    assert kills >= 2
    run(*command, "-o", tmp_path / "whole")
    assert timeless(tmp_path / "killed") == timeless(tmp_path / "whole")
    assert len(timeless(tmp_path / "whole")) == 12 + 3
    for name in ("last.pt", "best.pt"):
        contents = [
            read_checkpoint(tmp_path / which / name, schema=MERGE_SCHEMA)
            for which in ("killed", "whole")
        ]
        assert_same(*contents, where=name)
    ids = {read_manifest(tmp_path / which)["id"] for which in ("killed", "whole")}
    assert len(ids) == 1


def test_networks_of_two_scales_and_kinds_are_merged(moving_dataset: Path, tmp_path: Path) -> None:
    light = write_run(tmp_path / "light", moving_dataset)
    described = json.loads(read_checkpoint(light / "best.pt")["network"])
    halved = json.dumps(described | {"input_scale": 0.5})
    inputs = MergeInputs(
        write_run(tmp_path / "icnet", moving_dataset, model="icnet"),
        write_run(tmp_path / "half", moving_dataset, network=halved),
        moving_dataset,
    )
    figures = train(tmp_path / "run", inputs, steps=2, val_split="val", val_frames=2)
    assert 0 <= figures["best_miou"] <= 1
    found = load_merge(tmp_path / "run")
    assert (found.network.model, found.light.input_scale) == ("icnet", 0.5)
    half = torch.eye(3)[:, :, None, None] / 2
    assert not torch.equal(found.merge.conv.weight, torch.cat([half, half], dim=1))
