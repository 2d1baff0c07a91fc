"""Checkpoints of refiners: what they hold, and which network they go with."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.tiny_runs import TABLE
from vstc.errors import InputError
from vstc.inference.checkpoint import (
    REFINER_SCHEMA,
    ClassTable,
    TrainedNetwork,
    load_network,
    write_checkpoint,
)
from vstc.inference.network_identity import NetworkIdentity, fingerprint_weights
from vstc.inference.refiner_checkpoint import (
    TrainedRefiner,
    describe_refiner,
    load_refiner,
    refiner_ref,
)
from vstc.models.catalog import create_model
from vstc.models.refiner_catalog import RefinerChoice, refiner_for


def network_of(seed: int = 0, name: str = "pspnet-tiny", scale: float = 1.0) -> TrainedNetwork:
    model = create_model(name, num_classes=3, seed=seed)
    return TrainedNetwork(model.eval(), TABLE, scale, step=7)


def written(path: Path, network: TrainedNetwork, **changes: object) -> Path:
    refiner = refiner_for(network.model, RefinerChoice(width=16), seed=5)
    identity = NetworkIdentity.of(network, id="abc")
    content = {
        "step": 3,
        "refiner": describe_refiner(refiner, identity, {"interval": 5}),
        "weights": refiner.state_dict(),
    }
    write_checkpoint(path, content | changes, schema=REFINER_SCHEMA)
    return path


@pytest.mark.parametrize("name", ["pspnet-tiny", "icnet"])
def test_a_refiner_comes_back_with_its_network_named(tmp_path: Path, name: str) -> None:
    network = network_of(name=name)
    path = written(tmp_path / "best.pt", network)
    torch.load(path, weights_only=True)
    for where in (path, tmp_path):
        found = load_refiner(where)
        assert isinstance(found, TrainedRefiner)
        assert not found.refiner.training
        expected = refiner_for(network.model, RefinerChoice(width=16), seed=5).state_dict()
        state = found.refiner.state_dict()
        assert all(torch.equal(state[key], value) for key, value in expected.items())
        assert found.network.model == name
        assert [c.name for c in found.network.table.classes] == ["ground", "square", "disc"]
        assert (found.network.id, found.step, found.propagation) == ("abc", 3, {"interval": 5})
        found.require(network)


def test_another_network_is_refused_with_the_reason(tmp_path: Path) -> None:
    network = network_of()
    found = load_refiner(written(tmp_path / "best.pt", network))
    renamed = [c.model_copy(update={"name": f"other {c.name}"}) for c in TABLE.classes]
    other_classes = ClassTable(renamed, 255)
    for other, says in (
        (network_of(name="pspnet-small"), "made for pspnet-tiny, the network is pspnet-small"),
        (TrainedNetwork(network.model, other_classes, 1.0, 7), "classes differ"),
        (network_of(scale=0.5), "input_scale is 1.0 there, 0.5 here"),
        (network_of(seed=1), "beside other weights"),
    ):
        with pytest.raises(InputError, match=says) as caught:
            found.require(other)
        assert "vstc refiner train" in str(caught.value.hint)


def test_networks_and_refiners_are_not_taken_for_one_another(tmp_path: Path) -> None:
    path = written(tmp_path / "refiner.pt", network_of())
    with pytest.raises(InputError, match=r"is a vstc\.refiner, but a vstc\.checkpoint"):
        load_network(path)
    write_checkpoint(tmp_path / "network.pt", {"step": 0})
    with pytest.raises(InputError, match=r"is a vstc\.checkpoint, but a vstc\.refiner"):
        load_refiner(tmp_path / "network.pt")
    torch.save({"schema": "other"}, tmp_path / "other.pt")
    with pytest.raises(InputError, match="is not a checkpoint of vstc"):
        load_refiner(tmp_path / "other.pt")


def test_a_damaged_description_or_other_weights_are_refused(tmp_path: Path) -> None:
    network = network_of()
    for number, refiner in enumerate(("{", '{"name": "nothing", "arguments": {}}', "{}")):
        path = written(tmp_path / f"{number}.pt", network, refiner=refiner)
        with pytest.raises(InputError, match="describes no known refiner"):
            load_refiner(path)
    path = written(tmp_path / "w.pt", network, weights={"x": torch.zeros(1)})
    with pytest.raises(InputError, match="another architecture"):
        load_refiner(path)
    with pytest.raises(InputError, match="not found"):
        load_refiner(tmp_path / "none.pt")


def test_a_file_is_referred_to_by_its_content(tmp_path: Path) -> None:
    path = written(tmp_path / "best.pt", network_of())
    reference = refiner_ref(path)
    assert (reference.role, reference.kind, len(reference.id)) == ("refiner", "raw", 16)
    with pytest.raises(InputError, match="manifest"):
        refiner_ref(tmp_path)


def test_the_fingerprint_tells_names_types_shapes_and_values() -> None:
    state = {"a": torch.zeros(2, 3), "b": torch.tensor(4)}
    same = fingerprint_weights({"b": torch.tensor(4), "a": torch.zeros(2, 3)})
    assert fingerprint_weights(state) == same
    others = [
        {"a": torch.zeros(3, 2), "b": torch.tensor(4)},
        {"a": torch.zeros(2, 3), "c": torch.tensor(4)},
        {"a": torch.zeros(2, 3).double(), "b": torch.tensor(4)},
        {"a": torch.full((2, 3), 1e-30), "b": torch.tensor(4)},
    ]
    found = {fingerprint_weights(other) for other in others}
    assert len(found) == len(others)
    assert same not in found
