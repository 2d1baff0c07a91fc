"""Predicting every frame on its own: what is written, how much is held, what a resume keeps."""

from __future__ import annotations

import gc
import hashlib
import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from tests.moving import write_moving_dataset
from tests.tiny_runs import write_run
from vstc.artifacts.workspace import open_artifact
from vstc.errors import InputError
from vstc.formats.dataset import Dataset, load_dataset
from vstc.formats.frames import FrameReader
from vstc.formats.images import encode_rgb, read_labels
from vstc.inference.checkpoint import TrainedNetwork, load_network
from vstc.inference.frame_streams import ClipStream, StreamFrame
from vstc.inference.inputs import open_frames
from vstc.inference.network import FrameNetwork
from vstc.inference.predict import predict_dataset
from vstc.inference.settings import PredictSettings
from vstc.inference.stream import StageTimes, WriteBehind, predict_frames, unfinished

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def trained(moving_dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> TrainedNetwork:
    return load_network(write_run(tmp_path_factory.mktemp("r") / "run", moving_dataset, seed=7))


def network_of(trained: TrainedNetwork) -> FrameNetwork:
    return FrameNetwork(trained.model, device=torch.device("cpu"))


def predict(
    trained: TrainedNetwork, dataset: Dataset, output: Path, **changes: Any
) -> dict[str, Any]:
    settings = PredictSettings.model_validate(changes)
    with open_artifact(output, kind="vstc.predictions", config=settings.as_json()) as workspace:
        summary = predict_dataset(
            network_of(trained),
            trained.table,
            dataset,
            dataset.select(settings.split, limit=settings.limit),
            settings,
            workspace=workspace,
            workers=2,
            advance=lambda _count: None,
        )
        workspace.finish(metrics=summary, volatile=["timing.json"])
    return summary


def digests(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*.png"))
    }


def test_label_maps_and_confidences_are_those_of_the_network(
    moving_dataset: Path, trained: TrainedNetwork, tmp_path: Path
) -> None:
    dataset = load_dataset(moving_dataset)
    summary = predict(trained, dataset, tmp_path / "out", confidence=True)
    assert summary["frames"] == 18
    network, reader = network_of(trained), FrameReader(dataset)
    clip = dataset.clips[1]
    for index, name in enumerate(clip.frame_names):
        best, ids = network.probabilities([reader.read(clip, index)])[0].max(dim=0)
        written = read_labels(tmp_path / f"out/{clip.id}/{name}.png")
        assert (written == ids.numpy()).all()
        confidence = read_labels(tmp_path / f"out/{clip.id}/confidence/{name}.png")
        assert np.abs(confidence / 255 - best.numpy()).max() < 0.5 / 255 + 1e-6


@pytest.mark.parametrize("size", [(31, 45), (48, 64), (1, 7)])
def test_predictions_have_the_size_of_the_frames(
    trained: TrainedNetwork, tmp_path: Path, size: tuple[int, int]
) -> None:
    dataset = one_clip(tmp_path / "data", [size] * 2)
    predict(trained, dataset, tmp_path / "out", scales=(0.5, 1.3), flip=True)
    for path in (tmp_path / "out/a").glob("*.png"):
        assert read_labels(path).shape == size


def one_clip(folder: Path, sizes: list[tuple[int, int]]) -> Dataset:
    """A clip of noise frames of given sizes."""
    frames = folder / "a"
    frames.mkdir(parents=True)
    for index, size in enumerate(sizes):
        image = np.random.default_rng(index).integers(0, 256, (*size, 3), np.uint8)
        (frames / f"{index:03d}.png").write_bytes(encode_rgb(image))
    return open_frames(frames, output=folder / "o").dataset


def test_a_folder_of_images_is_one_clip_in_natural_order(tmp_path: Path) -> None:
    folder = tmp_path / "shots"
    folder.mkdir()
    for name in ("f10", "f9", "f1"):
        (folder / f"{name}.png").write_bytes(encode_rgb(np.zeros((9, 9, 3), np.uint8)))
    frames = open_frames(folder, output=tmp_path / "out")
    assert frames.is_raw
    (clip,) = frames.dataset.clips
    assert clip.frame_names == ["f1", "f9", "f10"]
    assert clip.is_consecutive
    assert FrameReader(frames.dataset).read(clip, 2).shape == (9, 9, 3)


def test_nothing_to_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nothing to read at .*nowhere"):
        open_frames(tmp_path / "nowhere", output=tmp_path / "out")


def test_frames_of_one_clip_that_differ_in_size_are_refused_in_a_batch(
    trained: TrainedNetwork, tmp_path: Path
) -> None:
    dataset = one_clip(tmp_path / "data", [(20, 30), (20, 30), (24, 30)])
    with pytest.raises(InputError, match="differ in size"):
        predict(trained, dataset, tmp_path / "out", batch=3)


class CountingStream(ClipStream):
    """Counts the frames that are alive at once."""

    def __init__(self, dataset: Dataset) -> None:
        super().__init__(dataset, dataset.clips[0])
        self.alive = self.most = 0
        self.guard = threading.Lock()

    def _gone(self) -> None:
        with self.guard:
            self.alive -= 1

    def _next(self) -> StreamFrame | None:
        frame = super()._next()
        if frame is not None:
            with self.guard:
                self.alive += 1
                self.most = max(self.most, self.alive)
            weakref.finalize(frame.image, self._gone)
        return frame


def most_alive(trained: TrainedNetwork, dataset: Dataset, work: Callable[[], None]) -> int:
    stream, times = CountingStream(dataset), StageTimes()
    settings: dict[str, Any] = {"scales": (1.0,), "flip": False, "batch": 2, "times": times}
    with WriteBehind(1, times) as writes:
        for result in predict_frames(network_of(trained), stream, **settings):

            def write(held: object = result) -> None:
                work()

            writes.submit(write)
            del result, write
    gc.collect()
    assert times.frames == stream.num_frames
    assert stream.alive == 0
    return stream.most


@pytest.mark.parametrize("seconds", [0.0, 0.004])
def test_frames_held_do_not_grow_with_the_length_of_the_clip(
    trained: TrainedNetwork, tmp_path: Path, seconds: float
) -> None:
    """Also not when writing is slower than the network."""
    long = one_clip(tmp_path / "long", [(9, 9)] * 120)
    assert most_alive(trained, long, lambda: time.sleep(seconds)) <= 4 + 2 * 2 + 16 + 4


def test_a_failing_write_stops_the_work_with_its_own_error() -> None:
    def fail() -> None:
        raise InputError("no more")

    def submit_many() -> None:
        with WriteBehind(1, StageTimes()) as writes:
            for _ in range(100):
                writes.submit(fail)

    with pytest.raises(InputError, match="no more"):
        submit_many()
    with pytest.raises(InputError, match="no more"), WriteBehind(1, StageTimes()) as writes:
        writes.submit(fail)


def test_a_resume_cuts_batches_as_an_undisturbed_run_would() -> None:
    done = {0, 1, 2, 4}
    left = unfinished(range(8), batch=3, is_done=done.__contains__)
    assert left == [3, 4, 5, 6, 7]
    assert unfinished([1, 4, 9], batch=2, is_done=done.__contains__) == [9]
    assert unfinished([], batch=2, is_done=done.__contains__) == []


@pytest.mark.parametrize("batch", [1, 4])
def test_frames_that_are_lost_are_predicted_again_to_the_bit(
    moving_dataset: Path, trained: TrainedNetwork, tmp_path: Path, batch: int
) -> None:
    from vstc.options import ExistingOutput

    dataset = load_dataset(moving_dataset)
    settings = PredictSettings(confidence=True, batch=batch)
    predict(trained, dataset, tmp_path / "out", **settings.model_dump())
    before = digests(tmp_path / "out")
    (tmp_path / "out/manifest.json").rename(tmp_path / "out/progress.json")
    for lost in ("train0/002.png", "train1/confidence/000.png", "val0/005.png"):
        (tmp_path / "out" / lost).unlink()
    with open_artifact(
        tmp_path / "out",
        kind="vstc.predictions",
        config=settings.as_json(),
        existing=ExistingOutput.RESUME,
    ) as workspace:
        summary = predict_dataset(
            network_of(trained),
            trained.table,
            dataset,
            dataset.clips,
            settings,
            workspace=workspace,
            workers=1,
            advance=lambda _count: None,
        )
    assert summary["frames"] == (3 if batch == 1 else 4 + 4 + 2)
    assert digests(tmp_path / "out") == before


def test_overlay_is_a_video_of_all_frames(
    moving_dataset: Path, trained: TrainedNetwork, tmp_path: Path
) -> None:
    dataset = load_dataset(moving_dataset)
    predict(trained, dataset, tmp_path / "out", overlay=True, limit=2)
    for clip in dataset.clips[:2]:
        video = cv2.VideoCapture(str(tmp_path / f"out/{clip.id}/overlay.mp4"))
        frames = []
        while (got := video.read())[0]:
            frames.append(got[1])
        assert len(frames) == 6
        assert frames[0].shape == (48, 64, 3)
        assert video.get(cv2.CAP_PROP_FPS) == 10
    assert not (tmp_path / "out/val0").exists()


def test_times_are_reported_beside_the_predictions(
    moving_dataset: Path, trained: TrainedNetwork, tmp_path: Path
) -> None:
    summary = predict(trained, load_dataset(moving_dataset), tmp_path / "out", split="val")
    assert summary["frames"] == 6
    assert summary["network_p50_ms"] > 0
    assert summary["network_p95_ms"] >= summary["network_p50_ms"]
    assert summary["frames_per_second"] > 0


def test_a_broken_frame_stops_with_its_name_and_keeps_what_was_done(
    trained: TrainedNetwork, tmp_path: Path
) -> None:
    dataset = write_moving_dataset(tmp_path / "data", train=1, val=0)
    frame = dataset.root / "frames/train0/004.png"
    frame.write_bytes(frame.read_bytes()[:100])
    with pytest.raises(InputError, match=r"frames/train0/004\.png"):
        predict(trained, dataset, tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out/train0").iterdir()) == [
        f"00{index}.png" for index in range(4)
    ]
    assert not (tmp_path / "out/manifest.json").exists()
