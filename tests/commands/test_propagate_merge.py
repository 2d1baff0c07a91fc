"""``vstc propagate --mode fusion`` with a trained merging layer, and layers it refuses."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.moving import write_moving_dataset
from tests.tiny_runs import write_run
from vstc.artifacts.manifest import read_manifest
from vstc.formats.dataset import load_dataset
from vstc.formats.frames import FrameReader
from vstc.formats.images import read_labels
from vstc.inference.checkpoint import MERGE_SCHEMA, load_network, write_checkpoint
from vstc.inference.merge_checkpoint import describe_merge, load_merge
from vstc.inference.network_identity import NetworkIdentity
from vstc.models.score_merge import ScoreMerge
from vstc.propagation.engine import Propagator
from vstc.propagation.equipment import ModelEquipment
from vstc.propagation.frames import ComputedFlow
from vstc.propagation.settings import PropagateSettings
from vstc.training.merge.settings import FusedPropagation

pytestmark = pytest.mark.usefixtures("one_thread")
QUIET = ["--device", "cpu", "-q"]
PROPAGATION = FusedPropagation(interval=3)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_moving_dataset(tmp_path_factory.mktemp("moving")).folder


@pytest.fixture(scope="module")
def key(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("key") / "run", dataset, seed=7)


@pytest.fixture(scope="module")
def light(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("light") / "run", dataset, seed=8)


def written(path: Path, key: Path, light: Path, *, is_trained: bool) -> Path:
    merge = ScoreMerge(3)
    if is_trained:
        torch.nn.init.normal_(merge.conv.weight, generator=torch.Generator().manual_seed(2))
    identities = [NetworkIdentity.of(load_network(run), id=run.parent.name) for run in (key, light)]
    content = {
        "step": 1,
        "merge": describe_merge(*identities, PROPAGATION.as_json()),
        "weights": merge.state_dict(),
    }
    write_checkpoint(path, content, schema=MERGE_SCHEMA)
    return path


@pytest.fixture(scope="module")
def merge(key: Path, light: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("merge") / "best.pt", key, light, is_trained=True)


def digests(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*.png"))
    }


def test_a_layer_brings_the_settings_that_it_was_trained_with(
    dataset: Path, key: Path, light: Path, merge: Path, tmp_path: Path, run: Any
) -> None:
    command = ["propagate", key, dataset, *QUIET, "--light", light, "--merge", merge]
    run(*command, "-o", tmp_path / "own")
    manifest = read_manifest(tmp_path / "own")
    roles = [ref["role"] for ref in manifest["inputs"]]
    assert roles == ["checkpoint", "light", "merge", "dataset"]
    declared = manifest["config"]["propagation"]
    assert (declared["preset"], declared["mode"], declared["interval"]) == (None, "fusion", 3)
    run(*command, "-o", tmp_path / "again", "--config", tmp_path / "own/manifest.json")
    assert read_manifest(tmp_path / "again")["id"] == manifest["id"]


def test_the_pipeline_merges_as_the_engine_does(
    dataset: Path, key: Path, light: Path, merge: Path, tmp_path: Path, run: Any
) -> None:
    command = ["propagate", key, dataset, *QUIET, "--light", light, "--merge", merge]
    run(*command, "-o", tmp_path / "out", "--workers", 2)
    settings = PropagateSettings.model_validate(PROPAGATION.as_json())
    equipment = ModelEquipment.of(
        load_network(key),
        settings,
        device=torch.device("cpu"),
        light=load_network(light),
        merge=load_merge(merge).merge,
    )
    flows = ComputedFlow(settings.flow.make_provider())
    data = load_dataset(dataset)
    for clip in data.clips:
        engine = Propagator(settings, equipment.networks(clip, flows))
        for name, frame in zip(clip.frame_names, FrameReader(data).stream(clip), strict=True):
            (result,) = engine.step(frame)
            labels = read_labels(tmp_path / "out" / clip.id / f"{name}.png")
            np.testing.assert_array_equal(labels, result.labels)


def test_an_untrained_layer_changes_nothing_and_a_trained_one_does(
    dataset: Path, key: Path, light: Path, merge: Path, tmp_path: Path, run: Any
) -> None:
    command = ["propagate", key, dataset, *QUIET, "--light", light, "--merge"]
    untrained = written(tmp_path / "untrained.pt", key, light, is_trained=False)
    run(*command, untrained, "-o", tmp_path / "untrained")
    settings = tmp_path / "untrained/manifest.json"
    run(*command[:-1], "-o", tmp_path / "mean", "--config", settings)
    run(*command, merge, "-o", tmp_path / "trained")
    untrained_maps, mean, trained = (
        digests(tmp_path / name) for name in ("untrained", "mean", "trained")
    )
    assert untrained_maps == mean
    changed = {name for name in mean if trained[name] != mean[name]}
    keys = {f"{clip}/{index:03d}.png" for clip in ("train0", "train1", "val0") for index in (0, 3)}
    assert changed == set(mean) - keys


def test_layers_of_other_networks_or_without_work_are_refused(
    dataset: Path, key: Path, light: Path, merge: Path, tmp_path: Path, run: Any
) -> None:
    command = [dataset, "-o", tmp_path / "out", *QUIET, "--merge"]
    said = run("propagate", key, *command, merge, "--light", key, code=3).stderr
    assert "the merging layer does not fit the light network: it was trained beside" in said
    said = run("propagate", light, *command, merge, "--light", light, code=3).stderr
    assert "the merging layer does not fit the network: it was trained beside" in said
    said = run("propagate", key, *command, merge, code=2).stderr
    assert "a merging layer needs the light network that it was trained with" in said
    said = run("propagate", key, *command, merge, "--light", light, "--mode", "labels", code=2)
    assert "the merging layer would never be used: mode is labels" in said.stderr
    said = run("propagate", key, *command, key, "--light", light, code=3).stderr
    assert "vstc.merge is needed" in said
    said = run("propagate", "labels", *command, merge, "--schedule", "fixed", code=2).stderr
    assert "labels as key frames have no network beside them" in said
    assert not (tmp_path / "out").exists()
