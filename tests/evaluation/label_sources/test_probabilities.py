"""Class scores as predictions: where the files lie, and that they are read frame by frame."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray

from vstc.errors import InputError
from vstc.evaluation.label_sources.probabilities import ProbabilityLabels
from vstc.formats.dataset import Clip, Dataset, DatasetRecord, LabelClass
from vstc.formats.images import encode_gray

NUM_CLASSES = 3


def data_set(folder: Path) -> Dataset:
    """Two clips of three frames; the first frame of each has a label of 8 x 10 pixels."""
    clips = []
    for name in "ab":
        (folder / f"{name}.png").write_bytes(encode_gray(np.zeros((8, 10), np.uint8)))
        frames = [f"{name}/{name}{index}.jpg" for index in range(3)]
        labels = {f"{name}0": f"{name}.png"}
        clips.append(Clip(id=name, split="val", frames=list(frames), labels=labels))
    classes = [LabelClass(id=i, name=f"c{i}", color=(i, i, i)) for i in range(NUM_CLASSES)]
    return Dataset(DatasetRecord(name="d", root=".", classes=classes, clips=clips), folder)


def frame_scores(clip_id: str, index: int) -> NDArray[np.float32]:
    random = np.random.default_rng([ord(clip_id), index])
    powers = np.exp(random.normal(0, 1, (NUM_CLASSES, 4, 5)))
    return (powers / powers.sum(axis=0)).astype(np.float32)


def write_hdf5(folder: Path, *, is_group: bool = False) -> Path:
    folder.mkdir()
    for clip_id in "ab":
        with h5py.File(folder / f"{clip_id}.h5", "w") as file:
            for index in range(3):
                if is_group:
                    file[f"probabilities/{clip_id}{index}"] = frame_scores(clip_id, index)
            if not is_group:
                file["probabilities"] = [frame_scores(clip_id, index) for index in range(3)]
    return folder


def write_npz(folder: Path) -> Path:
    for clip_id in "ab":
        (folder / clip_id).mkdir(parents=True)
        for index in range(3):
            path = folder / clip_id / f"{clip_id}{index}.npz"
            np.savez(path, probabilities=frame_scores(clip_id, index))
    return folder


@pytest.mark.parametrize("kind", ["hdf5", "group", "npz"])
def test_every_layout_gives_the_best_class_of_each_frame(tmp_path: Path, kind: str) -> None:
    dataset, folder = data_set(tmp_path), tmp_path / "out"
    if kind == "npz":
        write_npz(folder)
    else:
        write_hdf5(folder, is_group=kind == "group")
    source = ProbabilityLabels(folder, dataset)
    for clip in dataset.clips:
        assert set(source.available(clip)) == set(clip.frame_names)
        for index, name in enumerate(clip.frame_names):
            expected = frame_scores(clip.id, index).argmax(axis=0)
            np.testing.assert_array_equal(source.labels(clip, name), expected)
    assert source.describe()["format"] == ("npz" if kind == "npz" else "hdf5")
    assert (source.reference().role, source.reference().kind) == ("predictions", "raw")


def test_threads_read_clips_side_by_side(tmp_path: Path) -> None:
    dataset = data_set(tmp_path)
    source = ProbabilityLabels(write_hdf5(tmp_path / "out"), dataset)

    def read(clip: Clip) -> list[NDArray[np.uint8]]:
        return [source.labels(clip, name) for _ in range(20) for name in clip.frame_names]

    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(read, dataset.clips * 2))
    for clip, maps in zip(dataset.clips * 2, together, strict=True):
        for labels, index in zip(maps, [0, 1, 2] * 20, strict=True):
            np.testing.assert_array_equal(labels, frame_scores(clip.id, index).argmax(axis=0))


def test_scores_take_the_size_of_the_labels_only_when_asked_to(tmp_path: Path) -> None:
    dataset = data_set(tmp_path)
    folder = write_npz(tmp_path / "out")
    clip = dataset.clips[0]
    assert ProbabilityLabels(folder, dataset).labels(clip, "a1").shape == (4, 5)
    source = ProbabilityLabels(folder, dataset, resize=True)
    assert source.labels(clip, "a1").shape == (8, 10)
    assert source.describe()["resize_scores"] == "bilinear"
    unlabelled = Dataset(
        dataset.record.model_copy(update={"clips": [clip.model_copy(update={"labels": {}})]}),
        tmp_path,
    )
    bare = unlabelled.clips[0]
    assert ProbabilityLabels(folder, unlabelled, resize=True).labels(bare, "a1").shape == (4, 5)


def test_nan_is_an_error_that_names_file_and_frame(tmp_path: Path) -> None:
    dataset = data_set(tmp_path)
    folder = write_hdf5(tmp_path / "out")
    with h5py.File(folder / "b.h5", "a") as file:
        file["probabilities"][1, 0, 2, 3] = np.nan
    source = ProbabilityLabels(folder, dataset)
    source.labels(dataset.clips[1], "b0")
    with pytest.raises(InputError, match=r"class 0 is nan at \(3, 2\): .*b\.h5, frame b1"):
        source.labels(dataset.clips[1], "b1")


def test_a_clip_without_a_file_has_nothing(tmp_path: Path) -> None:
    dataset = data_set(tmp_path)
    folder = write_hdf5(tmp_path / "out")
    (folder / "b.h5").unlink()
    source = ProbabilityLabels(folder, dataset)
    assert list(source.available(dataset.clips[1])) == []
    with pytest.raises(InputError, match="clip b has no file"):
        source.labels(dataset.clips[1], "b0")


def test_scores_in_two_places_are_refused(tmp_path: Path) -> None:
    dataset = data_set(tmp_path)
    folder = write_hdf5(tmp_path / "out")
    (folder / "a.hdf5").write_bytes((folder / "a.h5").read_bytes())
    with pytest.raises(InputError, match=r"clip a has two files"):
        ProbabilityLabels(folder, dataset)
    (folder / "a.hdf5").unlink()
    np.savez(folder / "a0.npz", probabilities=frame_scores("a", 0))
    with pytest.raises(InputError, match="holds scores twice"):
        ProbabilityLabels(folder, dataset)


def test_a_folder_without_scores_says_how_they_are_named(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with pytest.raises(InputError, match="no class scores for any of 2 clips") as caught:
        ProbabilityLabels(tmp_path / "out", data_set(tmp_path))
    assert caught.value.hint == "files must be named like a.h5, or a/a0.npz"
