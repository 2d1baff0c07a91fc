"""Files of class probabilities: read again by ``ScoreFile``, whole or not there."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from vstc.errors import OutputError
from vstc.formats.class_scores import ScoreFile
from vstc.formats.score_writer import ScoreWriter

SIZE = (5, 7)


def scores(seed: int) -> np.ndarray:
    values = np.random.default_rng(seed).random((3, *SIZE))
    return (values / values.sum(axis=0)).astype(np.float16)


def write(path: Path, names: list[str]) -> None:
    writer = ScoreWriter(path, num_classes=3, size=SIZE)
    for seed, name in enumerate(names):
        writer.write(name, scores(seed))
        assert writer.frames == seed + 1
        assert not path.exists()
    writer.close()


@pytest.mark.parametrize("names", [["f9", "f10", "naïve"], ["000000"]])
def test_every_frame_is_read_again_by_its_name(tmp_path: Path, names: list[str]) -> None:
    path = tmp_path / "deep" / "drive.h5"
    write(path, names)
    file = ScoreFile(path, [])
    assert list(file.frames) == names
    for seed, name in enumerate(names):
        read = file.read(name)
        assert (read.values.dtype, read.are_logits) == (np.float16, False)
        np.testing.assert_array_equal(read.values, scores(seed))
    file.close()
    with h5py.File(path) as stored:
        assert stored["probabilities"].chunks == (1, 3, *SIZE)


def test_the_same_frames_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.h5", "b.h5"):
        write(tmp_path / name, ["f0", "f1"])
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()


def test_a_file_that_is_given_up_leaves_nothing(tmp_path: Path) -> None:
    writer = ScoreWriter(tmp_path / "drive.h5", num_classes=3, size=SIZE)
    writer.write("f0", scores(0))
    writer.abort()
    assert list(tmp_path.iterdir()) == []


def test_another_shape_is_a_mistake_of_the_caller(tmp_path: Path) -> None:
    writer = ScoreWriter(tmp_path / "drive.h5", num_classes=4, size=SIZE)
    with pytest.raises(ValueError, match="expected"):
        writer.write("f0", scores(0))
    writer.abort()


def test_a_folder_that_cannot_be_made_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write"):
        ScoreWriter(tmp_path / "file" / "drive.h5", num_classes=3, size=SIZE)
