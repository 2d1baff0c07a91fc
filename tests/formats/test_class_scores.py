"""Class scores in HDF5 and npz files: both layouts, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from vstc.errors import InputError
from vstc.formats.class_scores import ScoreFile, read_npz_scores

NAMES = ["f0", "f1", "f2"]
VALUES = np.random.default_rng(0).random((3, 4, 5, 6)).astype(np.float16)


def write(path: Path, *, frames: list[str] | None = None, **content: Any) -> Path:
    with h5py.File(path, "w") as file:
        for name, value in content.items():
            if isinstance(value, dict):
                for frame, array in value.items():
                    file.create_dataset(f"{name}/{frame}", data=array)
            else:
                file[name] = value
        if frames is not None:
            file["frames"] = frames
    return path


def test_all_frames_of_a_clip_need_no_names(tmp_path: Path) -> None:
    file = ScoreFile(write(tmp_path / "a.h5", probabilities=VALUES), NAMES)
    assert list(file.frames) == NAMES
    for index, name in enumerate(NAMES):
        scores = file.read(name)
        np.testing.assert_array_equal(scores.values, VALUES[index])
        assert (scores.scale, scores.are_logits) == (1.0, False)
    file.close()


def test_named_frames_may_be_few_and_in_any_order(tmp_path: Path) -> None:
    path = write(tmp_path / "a.h5", logits=VALUES[:2], frames=["f2", "f0"])
    file = ScoreFile(path, NAMES)
    assert list(file.frames) == ["f2", "f0"]
    np.testing.assert_array_equal(file.read("f2").values, VALUES[0])
    np.testing.assert_array_equal(file.read("f0").values, VALUES[1])
    assert file.read("f0").are_logits
    with pytest.raises(InputError, match=r"frame f1 has no scores in .*a\.h5"):
        file.read("f1")


def test_each_frame_may_have_a_data_set(tmp_path: Path) -> None:
    path = write(tmp_path / "a.h5", probabilities={"f1": VALUES[1], "f0": VALUES[0]})
    file = ScoreFile(path, NAMES)
    assert set(file.frames) == {"f0", "f1"}
    np.testing.assert_array_equal(file.read("f1").values, VALUES[1])


@pytest.mark.parametrize("is_group", [True, False])
def test_integers_are_read_with_their_scale(tmp_path: Path, is_group: bool) -> None:
    stored = (VALUES * 255).astype(np.uint8)
    content: Any = dict(zip(NAMES, stored, strict=True)) if is_group else stored
    path = write(tmp_path / "a.h5", probabilities=content)
    with pytest.raises(InputError, match="type uint8 need a positive scale, found None"):
        ScoreFile(path, NAMES).read("f0")
    with h5py.File(path, "a") as file:
        file["probabilities"].attrs["scale"] = 1 / 255
    assert ScoreFile(path, NAMES).read("f0").scale == 1 / 255


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ({"probabilities": VALUES[:2]}, "of 2 frames, but a clip of 3 frames and no /frames"),
        ({"probabilities": VALUES, "frames": ["f0"]}, "of 3 frames, but 1 names in /frames"),
        ({"probabilities": VALUES, "frames": ["f0"] * 3}, "3 names in /frames"),
        ({"probabilities": VALUES[0]}, r"have the shape \(4, 5, 6\), not \(frames"),
        ({"probabilities": VALUES, "logits": VALUES}, "either probabilities or logits"),
        ({"softmax": VALUES}, "it holds softmax"),
        ({}, "it holds nothing"),
    ],
)
def test_other_layouts_are_refused(tmp_path: Path, content: dict[str, Any], says: str) -> None:
    path = write(tmp_path / "a.h5", **content)
    with pytest.raises(InputError, match=says):
        ScoreFile(path, NAMES)


def test_frames_of_other_shapes_and_types_are_refused(tmp_path: Path) -> None:
    frames = {"f0": VALUES[0, 0], "f1": VALUES[0].astype(np.int64), "f2": VALUES[0] > 0.5}
    file = ScoreFile(write(tmp_path / "a.h5", logits=frames | {"g/x": VALUES[0]}), NAMES)
    for name, says in [
        ("f0", r"shape \(5, 6\)"),
        ("f1", "type int64"),
        ("f2", "type bool"),
        ("g", "shape None"),
    ]:
        with pytest.raises(InputError, match=f"{says}.*frame {name}"):
            file.read(name)


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.h5", probabilities=VALUES)
    path.write_bytes(path.read_bytes()[:700])
    with pytest.raises(InputError, match=r"not readable: .*a\.h5"):
        ScoreFile(path, NAMES)
    with pytest.raises(InputError, match=r"not readable: .*b\.h5"):
        ScoreFile(tmp_path / "b.h5", NAMES)


def test_npz_holds_one_frame(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "a.npz", probabilities=VALUES[0])
    np.testing.assert_array_equal(read_npz_scores(tmp_path / "a.npz").values, VALUES[0])
    np.savez(tmp_path / "b.npz", logits=np.ones((2, 3, 4), np.uint16), scale=0.5)
    scores = read_npz_scores(tmp_path / "b.npz")
    assert (scores.scale, scores.are_logits) == (0.5, True)


def test_an_npz_that_is_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, VALUES[0])
    with pytest.raises(InputError, match="it holds arr_0") as caught:
        read_npz_scores(path)
    assert "np.savez(path, probabilities=array)" in str(caught.value.hint)
    np.savez(path, probabilities=np.array([{"a": 1}], object))
    with pytest.raises(InputError, match="not readable"):
        read_npz_scores(path)
    np.savez_compressed(path, probabilities=VALUES)
    data = path.read_bytes()
    for share in range(0, 100, 9):
        path.write_bytes(data[: len(data) * share // 100])
        with pytest.raises(InputError, match=r"not readable: .*a\.npz"):
            read_npz_scores(path)
    damaged = bytearray(data)
    damaged[len(data) // 2] ^= 0x55
    path.write_bytes(damaged)
    with pytest.raises(InputError, match="not readable"):
        read_npz_scores(path)
    with pytest.raises(InputError, match="not readable"):
        read_npz_scores(tmp_path / "none.npz")
