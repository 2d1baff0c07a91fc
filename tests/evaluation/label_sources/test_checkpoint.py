"""A checkpoint as predictions: the same labels as vstc predict, shared by threads."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.tiny_runs import write_run
from vstc.errors import InputError, SetupError
from vstc.evaluation.label_sources.checkpoint import CheckpointLabels
from vstc.formats.dataset import Dataset, load_dataset
from vstc.formats.frames import FrameReader
from vstc.formats.images import encode_gray, read_labels
from vstc.inference.checkpoint import load_network
from vstc.inference.network import FrameNetwork

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def trained(moving_dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("trained") / "run", moving_dataset, seed=7)


@pytest.fixture(scope="module")
def dataset(moving_dataset: Path) -> Dataset:
    return load_dataset(moving_dataset)


def test_labels_are_those_that_predict_writes(
    moving_dataset: Path, dataset: Dataset, trained: Path, tmp_path: Path, run: Any
) -> None:
    run("predict", trained, moving_dataset, "-o", tmp_path / "out", "--device", "cpu", "-q")
    source = CheckpointLabels(trained, dataset, device="cpu")
    for clip in dataset.clips:
        assert set(source.available(clip)) == set(clip.frame_names)
        written = read_labels(tmp_path / f"out/{clip.id}/{clip.frame_names[2]}.png")
        np.testing.assert_array_equal(source.labels(clip, clip.frame_names[2]), written)


def test_a_run_is_referred_to_as_a_run_and_a_file_by_its_content(
    dataset: Dataset, trained: Path
) -> None:
    source = CheckpointLabels(trained, dataset, device="cpu")
    reference = source.reference()
    assert (reference.role, reference.kind) == ("checkpoint", "vstc.checkpoint")
    described = source.describe()
    assert (described["checkpoint"], described["step"], described["device"]) == (
        "best.pt",
        0,
        "cpu",
    )
    single = CheckpointLabels(trained / "best.pt", dataset, device="cpu").reference()
    assert (single.role, single.kind) == ("checkpoint", "raw")
    assert single.id != reference.id


def test_the_last_checkpoint_is_taken_where_there_is_no_best(
    dataset: Dataset, trained: Path, tmp_path: Path
) -> None:
    for name in ("manifest.json", "best.pt"):
        target = "last.pt" if name == "best.pt" else name
        (tmp_path / target).write_bytes((trained / name).read_bytes())
    source = CheckpointLabels(tmp_path, dataset, device="cpu")
    assert source.describe()["checkpoint"] == "last.pt"


def test_threads_take_turns_at_the_network(
    dataset: Dataset, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside, most = 0, 0
    guard = threading.Lock()
    run_labels = FrameNetwork.run_labels

    def counted(self: FrameNetwork, prepared: Any) -> torch.Tensor:
        nonlocal inside, most
        with guard:
            inside += 1
            most = max(most, inside)
        result = run_labels(self, prepared)
        with guard:
            inside -= 1
        return result

    monkeypatch.setattr(FrameNetwork, "run_labels", counted)
    source = CheckpointLabels(trained, dataset, device="cpu")
    clips = dataset.clips * 2
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda clip: source.labels(clip, clip.frame_names[0]), clips))
    assert most == 1
    for clip, labels in zip(clips, together, strict=True):
        np.testing.assert_array_equal(labels, source.labels(clip, clip.frame_names[0]))


def test_logits_take_the_size_of_the_labels_only_when_asked_to(
    dataset: Dataset, trained: Path, tmp_path: Path
) -> None:
    label = tmp_path / "label.png"
    label.write_bytes(encode_gray(np.zeros((24, 40), np.uint8)))
    clip = dataset.clips[0].model_copy(update={"labels": {"x": str(label)}})
    name = clip.frame_names[1]
    assert CheckpointLabels(trained, dataset, device="cpu").labels(clip, name).shape == (48, 64)
    source = CheckpointLabels(trained, dataset, device="cpu", resize=True)
    network = FrameNetwork(load_network(trained).model, device=torch.device("cpu"))
    logits = network.logits([FrameReader(dataset).read(clip, 1)])
    expected = torch.nn.functional.interpolate(logits, (24, 40), mode="bilinear")
    labels = source.labels(clip, name)
    assert labels.shape == (24, 40)
    assert (labels == expected[0].argmax(dim=0).numpy()).mean() > 0.99


@pytest.mark.parametrize(
    ("names", "says"),
    [(["ground", "disc", "square"], "class 1 is square and disc"), (["ground"], "3 and 1")],
)
def test_other_classes_are_refused(
    dataset: Dataset, trained: Path, names: list[str], says: str
) -> None:
    classes = [
        entry.model_copy(update={"name": name})
        for entry, name in zip(dataset.classes, names, strict=False)
    ]
    other = Dataset(dataset.record.model_copy(update={"classes": classes}), dataset.folder)
    with pytest.raises(InputError, match=f"differ in their classes: {says}"):
        CheckpointLabels(trained, other, device="cpu")


def test_what_is_no_checkpoint_and_no_device_is_refused(
    dataset: Dataset, trained: Path, tmp_path: Path
) -> None:
    with pytest.raises(SetupError, match="gpu"):
        CheckpointLabels(trained, dataset, device="gpu")
    (tmp_path / "x.pt").write_bytes(b"no checkpoint")
    with pytest.raises(InputError, match=r"x\.pt is damaged"):
        CheckpointLabels(tmp_path / "x.pt", dataset)
    with pytest.raises(InputError, match="none"):
        CheckpointLabels(tmp_path / "none.pt", dataset)
