"""The log of propagation, written at once and frame by frame."""

from __future__ import annotations

from pathlib import Path

import pytest

from vstc.errors import InputError
from vstc.formats.propagation_log import (
    PropagatedFrame,
    PropagationLogWriter,
    propagation_log,
    read_propagation_log,
)

FRAMES = [
    PropagatedFrame(0, "000", 0, is_refined=False, flagged_share=None),
    PropagatedFrame(1, 'a "name", 1', 0, is_refined=True, flagged_share=0.1 + 0.2),
    PropagatedFrame(2, "002", 2, is_refined=False, flagged_share=None, is_cut=True),
    PropagatedFrame(3, "003", 2, is_refined=False, flagged_share=0.0, is_missing=True),
]


def test_a_log_written_frame_by_frame_is_the_one_written_at_once(tmp_path: Path) -> None:
    path = tmp_path / "clip/propagation.csv"
    log = PropagationLogWriter(path)
    for frame in FRAMES:
        assert not path.exists()
        log.write(frame)
    log.close()
    assert log.frames == 4
    assert path.read_bytes() == propagation_log(FRAMES)
    assert read_propagation_log(path) == FRAMES


def test_a_log_that_is_given_up_leaves_nothing(tmp_path: Path) -> None:
    log = PropagationLogWriter(tmp_path / "propagation.csv")
    log.write(FRAMES[0])
    log.abort()
    assert list(tmp_path.iterdir()) == []


def test_a_log_without_the_later_columns_is_read(tmp_path: Path) -> None:
    path = tmp_path / "propagation.csv"
    path.write_text("index,frame,key_index,distance,is_refined,flagged_share\n5,f,3,2,1,0.5\n")
    assert read_propagation_log(path) == [
        PropagatedFrame(5, "f", 3, is_refined=True, flagged_share=0.5)
    ]
    path.write_text("index,frame\n5,f\n")
    with pytest.raises(InputError, match="no log of propagation"):
        read_propagation_log(path)
