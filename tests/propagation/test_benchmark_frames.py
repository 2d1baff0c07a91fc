"""The frames of a benchmark: each pass the same, and long enough from a short clip."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.moving import write_moving_dataset
from vstc.errors import InputError
from vstc.formats.dataset import load_dataset
from vstc.formats.frames import FrameReader
from vstc.propagation.measuring.frames import BenchmarkFrames, FrameSupply, forth_and_back
from vstc.propagation.presets import preset


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_moving_dataset(
        tmp_path_factory.mktemp("moving"), train=1, val=0, num_frames=5
    ).folder


def frames_of(folder: Path, **how: Any) -> BenchmarkFrames:
    dataset = load_dataset(folder)
    return BenchmarkFrames(dataset, dataset.clips[0], **how)


@pytest.mark.parametrize("length", [1, 2, 3, 7])
def test_places_never_jump_and_pass_over_the_whole_clip(length: int) -> None:
    places = forth_and_back(length, 20)
    assert places[:length] == list(range(length))
    assert set(places) == set(range(length))
    assert all(abs(b - a) == min(1, length - 1) for a, b in zip(places, places[1:], strict=False))


@pytest.mark.parametrize("decodes", [True, False])
def test_a_short_clip_is_repeated_under_names_of_its_own(folder: Path, decodes: bool) -> None:
    frames = frames_of(folder, decodes=decodes)
    given = list(FrameSupply(frames).open(12))
    assert [frame.index for frame in given] == list(range(12))
    assert len({frame.name for frame in given}) == 12
    reader = FrameReader(frames.dataset)
    for frame, place in zip(given, forth_and_back(5, 12), strict=True):
        assert np.array_equal(frame.image, reader.read(frames.clip, place))


def test_a_long_enough_clip_keeps_its_names(folder: Path) -> None:
    frames = frames_of(folder)
    names = [frame.name for frame in FrameSupply(frames).open(5)]
    assert names == frames.clip.frame_names


def test_a_short_clip_is_enough_unless_flow_is_bound_to_its_pairs(folder: Path) -> None:
    settings = preset("balanced")
    frames_of(folder, count=16).check(settings)
    bound = frames_of(folder, count=16, is_bound=True)
    assert not bound.can_repeat
    with pytest.raises(InputError, match="1 frames are too few") as caught:
        bound.check(settings)
    assert caught.value.hint is not None
    assert "computed flow" in caught.value.hint
