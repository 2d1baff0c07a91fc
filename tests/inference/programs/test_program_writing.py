"""Networks of the catalog as programs: they say what the network says, here and elsewhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.moving import CLASSES
from vstc.errors import CheckFailed, InputError, SetupError
from vstc.inference.checkpoint import ClassTable, TrainedNetwork
from vstc.inference.network import FrameNetwork
from vstc.inference.programs import writing
from vstc.inference.programs.description import ProgramSource
from vstc.inference.programs.reading import load_program
from vstc.inference.programs.writing import describe_trained, write_program
from vstc.models.catalog import create_model

pytestmark = pytest.mark.usefixtures("one_thread")
SOURCE = ProgramSource(id="0123456789abcdef", model="pspnet-tiny", step=12, weights="feed")


def trained(name: str = "pspnet-tiny", *, classes: int = 3) -> TrainedNetwork:
    model = create_model(name, num_classes=classes, seed=4).eval()
    return TrainedNetwork(model, ClassTable(CLASSES[:classes], 255), input_scale=0.5, step=12)


def write(path: Path, network: TrainedNetwork, **settings: Any) -> Any:
    return write_program(network.model, path, describe_trained(network, SOURCE), **settings)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("program") / "net.pt2"
    report = write(path, trained())
    assert (report.largest_difference, report.same_labels) == (0.0, 1.0)
    assert report.bytes == path.stat().st_size
    return path


def random_frames(batch: int, height: int, width: int) -> Any:
    generator = torch.Generator().manual_seed(height)
    shape = (batch, height, width, 3)
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator).numpy()


@pytest.mark.parametrize("shape", [(1, 33, 41), (2, 40, 25), (3, 17, 64), (1, 9, 9)])
def test_scores_of_frames_are_those_of_the_network(
    program: Path, shape: tuple[int, int, int]
) -> None:
    frames = list(random_frames(*shape))
    own, theirs = (
        FrameNetwork(model, device=torch.device("cpu"), input_scale=0.5)
        for model in (trained().model, load_program(program).model)
    )
    torch.testing.assert_close(theirs.logits(frames), own.logits(frames), rtol=1e-5, atol=1e-5)
    assert (theirs.labels(frames) == own.labels(frames)).all()


def test_it_says_what_it_is(program: Path) -> None:
    loaded = load_program(program)
    assert loaded.table == ClassTable(CLASSES, 255)
    assert (loaded.input_scale, loaded.step, loaded.model.name) == (0.5, 12, "pspnet-tiny")


@torch.no_grad()
def test_plain_torch_runs_it_on_images_of_any_size_and_finds_the_description(program: Path) -> None:
    extra = {"vstc.json": ""}
    module = torch.export.load(program, extra_files=extra).module()
    network = FrameNetwork(trained().model, device=torch.device("cpu"))
    for shape in [(1, 33, 41), (2, 40, 26)]:
        frames = random_frames(*shape)
        scores = module(torch.from_numpy(frames).permute(0, 3, 1, 2))
        assert scores.dtype == torch.float32
        torch.testing.assert_close(scores, network.logits(list(frames)), rtol=1e-4, atol=1e-4)
    described = json.loads(extra["vstc.json"])
    assert described["source"] == SOURCE.model_dump()
    assert described["pixels"]["is_inside"] is True
    assert described["pixels"]["mean"] == pytest.approx([123.675, 116.28, 103.53])
    assert "uint8 (N, 3, H, W)" in described["calling"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["icnet", "pspnet-mobilenetv2"])
def test_other_networks_take_images_of_any_size_too(tmp_path: Path, name: str) -> None:
    report = write(tmp_path / "net.pt2", trained(name))
    assert report.same_labels == 1.0
    model = load_program(tmp_path / "net.pt2").model
    assert str(model.height) == str(model.width) == str(model.batch) == "any"


def test_one_size_can_be_asked_for(tmp_path: Path) -> None:
    report = write(tmp_path / "net.pt2", trained(), size=(24, 40))
    assert report.images == (1, 3, 24, 40)
    model = load_program(tmp_path / "net.pt2").model
    assert (str(model.height), str(model.width), str(model.batch)) == ("24", "40", "any")
    assert model(torch.zeros(1, 3, 50, 60)).logits.shape == (1, 3, 50, 60)


def test_a_program_that_says_something_else_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "LARGEST_DIFFERENCE", -1.0)
    with pytest.raises(CheckFailed, match="was not written"):
        write(tmp_path / "net.pt2", trained(), size=(24, 40))
    assert list(tmp_path.iterdir()) == []


def test_a_torch_that_pickles_weights_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "__version__", "2.8.1+cpu")
    with pytest.raises(SetupError, match=r"2\.8\.1\+cpu stores weights") as caught:
        write(tmp_path / "net.pt2", trained())
    assert "torch>=2.9" in str(caught.value.hint)


def test_a_network_that_allows_no_free_sizes_is_told_to_name_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = trained()
    forward = network.model.forward

    def branching(images: torch.Tensor) -> Any:
        return forward(images if images.shape[2] > 40 else images * 2)

    monkeypatch.setattr(network.model, "forward", branching)
    monkeypatch.setattr(writing, "_off_grid", lambda rule, cells: (41, 49))
    monkeypatch.setattr(network.model, "size_rule", None, raising=False)
    with pytest.raises(InputError, match="cannot be exported for images of all sizes") as caught:
        write(tmp_path / "net.pt2", network)
    assert "--size HEIGHTxWIDTH" in str(caught.value.hint)
    assert list(tmp_path.iterdir()) == []
