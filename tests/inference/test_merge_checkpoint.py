"""Checkpoints of merging layers: what they hold, and which two networks they go with."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.tiny_runs import TABLE
from vstc.errors import ConfigError, InputError
from vstc.inference.checkpoint import MERGE_SCHEMA, TrainedNetwork, load_network, write_checkpoint
from vstc.inference.merge_checkpoint import describe_merge, load_merge, merge_ref
from vstc.inference.network_identity import NetworkIdentity
from vstc.models.catalog import create_model
from vstc.models.score_merge import ScoreMerge


def network_of(seed: int = 0, name: str = "pspnet-tiny", scale: float = 1.0) -> TrainedNetwork:
    model = create_model(name, num_classes=3, seed=seed)
    return TrainedNetwork(model.eval(), TABLE, scale, step=7)


KEY, LIGHT = network_of(name="pspnet-small"), network_of(seed=1, scale=0.5)


def written(path: Path, **changes: object) -> Path:
    merge = ScoreMerge(3)
    torch.nn.init.constant_(merge.conv.weight, 0.25)
    identities = [NetworkIdentity.of(KEY, id="key"), NetworkIdentity.of(LIGHT, id="light")]
    content = {
        "step": 3,
        "merge": describe_merge(*identities, {"interval": 5}),
        "weights": merge.state_dict(),
    }
    write_checkpoint(path, content | changes, schema=MERGE_SCHEMA)
    return path


def test_a_layer_comes_back_with_both_networks_named(tmp_path: Path) -> None:
    path = written(tmp_path / "best.pt")
    torch.load(path, weights_only=True)
    for where in (path, tmp_path):
        found = load_merge(where)
        assert not found.merge.training
        assert (found.merge.conv.weight == 0.25).all()
        assert (found.network.id, found.network.model) == ("key", "pspnet-small")
        assert (found.light.id, found.light.input_scale) == ("light", 0.5)
        assert (found.step, found.propagation) == (3, {"interval": 5})
        found.require(KEY, LIGHT)


def test_other_networks_are_refused_with_the_reason(tmp_path: Path) -> None:
    found = load_merge(written(tmp_path / "best.pt"))
    key = "the merging layer does not fit the network: "
    light = "the merging layer does not fit the light network: "
    for networks, says in (
        ((LIGHT, LIGHT), f"{key}it is made for pspnet-small, the network is pspnet-tiny"),
        ((network_of(seed=5, name="pspnet-small"), LIGHT), f"{key}it was trained beside other"),
        ((KEY, network_of(seed=1)), f"{light}input_scale is 0.5 there, 1.0 here"),
        ((KEY, network_of(scale=0.5)), f"{light}it was trained beside other weights .of light"),
    ):
        with pytest.raises(InputError, match=says) as caught:
            found.require(*networks)
        assert "vstc merge train" in str(caught.value.hint)
    with pytest.raises(ConfigError, match="needs the light network") as missing:
        found.require(KEY, None)
    assert "--light" in str(missing.value.hint)


def test_it_is_not_taken_for_a_network_nor_a_network_for_it(tmp_path: Path) -> None:
    path = written(tmp_path / "best.pt")
    with pytest.raises(InputError, match=r"is a vstc\.merge, but a vstc\.checkpoint"):
        load_network(path)
    write_checkpoint(tmp_path / "network.pt", {"step": 0})
    with pytest.raises(InputError, match=r"is a vstc\.checkpoint, but a vstc\.merge"):
        load_merge(tmp_path / "network.pt")


def test_a_damaged_description_or_weights_of_other_classes_are_refused(tmp_path: Path) -> None:
    for number, described in enumerate(("{", "{}", '{"network": 3}')):
        path = written(tmp_path / f"{number}.pt", merge=described)
        with pytest.raises(InputError, match="describes no merging layer"):
            load_merge(path)
    path = written(tmp_path / "w.pt", weights=ScoreMerge(4).state_dict())
    with pytest.raises(InputError, match="another architecture"):
        load_merge(path)


def test_a_file_is_referred_to_by_its_content(tmp_path: Path) -> None:
    reference = merge_ref(written(tmp_path / "best.pt"))
    assert (reference.role, reference.kind, len(reference.id)) == ("merge", "raw", 16)
    with pytest.raises(InputError, match="manifest"):
        merge_ref(tmp_path)
