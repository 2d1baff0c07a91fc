"""Checkpoints: what is refused, and that no code inside one ever runs."""

from __future__ import annotations

import io
import json
import pickle
import random
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.tiny_runs import write_run
from vstc.errors import InputError
from vstc.inference.checkpoint import (
    describe_network,
    load_network,
    load_state,
    read_checkpoint,
    write_checkpoint,
)
from vstc.models.catalog import create_model


@pytest.fixture(scope="module")
def good_run(moving_dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("good") / "run", moving_dataset)


class Trap:
    """A pickle that would leave a file behind if its code ran."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.marker,))


def changed(good_run: Path, path: Path, **changes: Any) -> Path:
    content = torch.load(good_run / "best.pt", weights_only=True) | changes
    torch.save({k: v for k, v in content.items() if v is not None}, path)
    return path


def test_a_checkpoint_comes_back_as_it_was_written(good_run: Path) -> None:
    network = load_network(good_run)
    expected = create_model("pspnet-tiny", num_classes=3, seed=0).state_dict()
    found = network.model.state_dict()
    assert all(torch.equal(found[name], value) for name, value in expected.items())
    assert not network.model.training
    assert (network.table.ignore_index, network.input_scale, network.step) == (255, 1.0, 0)
    assert [entry.color for entry in network.table.classes][1] == (200, 40, 40)


def test_a_checkpoint_file_is_as_good_as_its_run_folder(good_run: Path) -> None:
    assert load_network(good_run / "best.pt").model.name == "pspnet-tiny"


@pytest.mark.parametrize("is_zip", [True, False])
def test_code_in_a_checkpoint_is_refused_and_not_run(tmp_path: Path, is_zip: bool) -> None:
    marker = tmp_path / "the code ran"
    content = {"schema": "vstc.checkpoint", "schema_version": 1, "trap": Trap(marker)}
    path = tmp_path / "evil.pt"
    if is_zip:
        torch.save(content, path)
    else:
        path.write_bytes(pickle.dumps(content, protocol=2))
    with pytest.raises(InputError, match=r"evil\.pt"):
        read_checkpoint(path)
    assert not marker.exists()


def test_code_hidden_in_the_pickle_of_a_good_file_is_refused(
    good_run: Path, tmp_path: Path
) -> None:
    marker = tmp_path / "the code ran"
    buffer = io.BytesIO()
    with zipfile.ZipFile(good_run / "best.pt") as old, zipfile.ZipFile(buffer, "w") as new:
        for name in old.namelist():
            is_pickle = name.endswith("data.pkl")
            new.writestr(
                name, pickle.dumps(Trap(marker), protocol=2) if is_pickle else old.read(name)
            )
    (tmp_path / "best.pt").write_bytes(buffer.getvalue())
    with pytest.raises(InputError, match="more than tensors and plain values"):
        load_network(tmp_path / "best.pt")
    assert not marker.exists()


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.7, 0.99, 0.9999])
def test_a_truncated_checkpoint_is_damaged(good_run: Path, tmp_path: Path, share: float) -> None:
    data = (good_run / "best.pt").read_bytes()
    path = tmp_path / "best.pt"
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(InputError, match="damaged or is no checkpoint") as caught:
        load_network(path)
    assert caught.value.exit_code == 3


def test_flipped_bytes_are_an_input_error_or_harmless(good_run: Path, tmp_path: Path) -> None:
    data = (good_run / "best.pt").read_bytes()
    path, dice = tmp_path / "best.pt", random.Random(0)
    # The head, with the pickle, and the tail, with the table of contents, hold the structure.
    places = [dice.choice([dice.randrange(2000), len(data) - 1 - dice.randrange(3000)])
              for _ in range(60)]  # fmt: skip
    refused = 0
    for place in places:
        damaged = bytearray(data)
        damaged[place] ^= 1 << dice.randrange(8)
        path.write_bytes(damaged)
        try:
            load_network(path)
        except InputError:
            refused += 1
    assert refused > 10


@pytest.mark.parametrize("data", [b"", b"\x80", b"not a checkpoint", b"PK\x03\x04" + bytes(50)])
def test_other_files_are_no_checkpoints(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x.pt").write_bytes(data)
    with pytest.raises(InputError, match=r"checkpoint .*x\.pt is damaged or is no checkpoint"):
        load_network(tmp_path / "x.pt")


def test_foreign_weights_are_named_as_such(tmp_path: Path) -> None:
    torch.save({"state_dict": {"a": torch.zeros(2)}}, tmp_path / "x.pth")
    with pytest.raises(InputError, match="not a checkpoint of vstc") as caught:
        load_network(tmp_path / "x.pth")
    assert "--init" in str(caught.value.hint)
    torch.save([torch.zeros(2)], tmp_path / "list.pth")
    with pytest.raises(InputError, match="not a checkpoint of vstc"):
        load_network(tmp_path / "list.pth")


@pytest.mark.parametrize("version", [2, 99])
def test_a_newer_checkpoint_is_refused(good_run: Path, tmp_path: Path, version: int) -> None:
    path = changed(good_run, tmp_path / "x.pt", schema_version=version)
    with pytest.raises(InputError, match=f"newer vstc: it has schema version {version}"):
        load_network(path)


def test_weights_of_another_architecture_are_refused(good_run: Path, tmp_path: Path) -> None:
    other = create_model("pspnet-small", num_classes=3).state_dict()
    path = changed(good_run, tmp_path / "x.pt", weights=other)
    with pytest.raises(InputError, match="another architecture"):
        load_network(path)
    with pytest.raises(InputError, match="another architecture"):
        load_state(create_model("pspnet-tiny", num_classes=4), other, path)


def described(good_run: Path, **changes: Any) -> str:
    content = torch.load(good_run / "best.pt", weights_only=True)
    return json.dumps(json.loads(content["network"]) | changes)


@pytest.mark.parametrize(
    "changes",
    [{"model": "pspnet99"}, {"classes": [{"id": 0}]}, {"classes": []}, {"input_scale": "wide"}],
)
def test_an_unknown_network_is_refused(
    good_run: Path, tmp_path: Path, changes: dict[str, Any]
) -> None:
    path = changed(good_run, tmp_path / "x.pt", network=described(good_run, **changes))
    with pytest.raises(InputError, match="describes no known network"):
        load_network(path)


@pytest.mark.parametrize("key", ["network", "weights", "step"])
def test_a_checkpoint_that_lacks_a_part_is_refused(
    good_run: Path, tmp_path: Path, key: str
) -> None:
    path = changed(good_run, tmp_path / "x.pt", **{key: None})
    with pytest.raises(InputError, match="describes no known network"):
        load_network(path)


def test_a_missing_checkpoint_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"checkpoint not found: .*best\.pt"):
        load_network(tmp_path)


def test_writing_replaces_the_file_at_once(moving_dataset: Path, tmp_path: Path) -> None:
    path = tmp_path / "x.pt"
    write_checkpoint(path, {"a": torch.zeros(3), "step": 1})
    write_checkpoint(path, {"a": torch.ones(3), "step": 2})
    assert read_checkpoint(path)["step"] == 2
    assert [entry.name for entry in tmp_path.iterdir()] == ["x.pt"]


def test_description_is_plain_json(moving_dataset: Path, good_run: Path) -> None:
    network = load_network(good_run)
    text = describe_network(network.model, network.table, 0.5)
    assert json.loads(text)["input_scale"] == 0.5
    assert json.loads(text)["model"] == "pspnet-tiny"
