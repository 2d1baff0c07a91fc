from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import pytest

from tests.evaluation.frames import clip_of
from tests.evaluation.scenes import HEIGHT, WIDTH, true_labels
from vstc.errors import InputError
from vstc.evaluation.clip_frames import ClipFrames, Helpers
from vstc.evaluation.flow_sources.computed import ComputedFlow
from vstc.evaluation.flow_sources.source import FlowNeeds
from vstc.flow.providers import make_provider
from vstc.formats.dataset import Dataset, DatasetRecord


class Maps:
    """Label maps that hold the number of their frame; counts how many were asked for."""

    def __init__(self, clip, *, broken=()):
        self.clip, self.broken, self.asked = clip, broken, 0
        self.guard = threading.Lock()

    def labels(self, clip, frame_name):
        index = clip.frame_names.index(frame_name)
        with self.guard:
            self.asked += 1
        if index in self.broken:
            raise InputError(f"cannot read {frame_name}")
        return np.full((4, 6), index, np.uint8)


@contextmanager
def two_helpers():
    with ThreadPoolExecutor(2) as pool:
        yield Helpers(pool, 2)


@pytest.fixture
def empty_dataset(tmp_path):
    record = DatasetRecord(name="empty", root=".", classes=[], clips=[])
    return Dataset(record, tmp_path)


def frames_of(dataset, clip, source, wanted, **options):
    return ClipFrames(dataset, source, clip, wanted=wanted, labelled=(), **options)


def test_frames_come_in_order_with_their_neighbours(empty_dataset):
    clip = clip_of("a", 12)
    wanted = [0, 1, 2, 5, 6, 11]
    with two_helpers() as helpers:
        for given in (None, helpers):
            frames = list(frames_of(empty_dataset, clip, Maps(clip), wanted).read(given))
            assert [frame.index for frame in frames] == wanted
            assert [int(frame.predicted[0, 0]) for frame in frames] == wanted
            before = [frame.previous.index if frame.previous else None for frame in frames]
            assert before == [None, 0, 1, None, 5, None]
            assert all(f.previous.previous is None for f in frames if f.previous)


def test_only_a_few_frames_are_read_ahead(empty_dataset):
    clip = clip_of("a", 60)
    source = Maps(clip)
    with two_helpers() as helpers:
        reading = frames_of(empty_dataset, clip, source, range(60)).read(helpers)
        for _ in range(3):
            next(reading)
        reading.close()
    assert 3 <= source.asked <= 10


def test_an_error_ahead_is_raised_in_its_turn(empty_dataset):
    clip = clip_of("a", 9)
    seen = []
    with two_helpers() as helpers:
        reading = frames_of(empty_dataset, clip, Maps(clip, broken=[4]), range(9)).read(helpers)
        with pytest.raises(InputError, match="cannot read 004"):
            seen.extend(frame.index for frame in reading)
    assert seen == [0, 1, 2, 3]


def test_flow_computed_ahead_is_the_flow_computed_in_turn(scene):
    clip = scene.clip("pan")

    class Truth:
        def labels(self, clip, frame_name):
            return true_labels(clip, clip.frame_names.index(frame_name))

    source = ComputedFlow(scene, make_provider("dis-medium"))
    fields = []
    for threads in (0, 3):
        with ThreadPoolExecutor(3) as pool, source.open(clip) as flow:
            frames = frames_of(scene, clip, Truth(), range(5), flow=flow, needs=FlowNeeds())
            helpers = Helpers(pool, threads) if threads else None
            fields.append([f.flow.prev_to_next() for f in frames.read(helpers) if f.flow])
    assert len(fields[0]) == 4
    np.testing.assert_array_equal(fields[0], fields[1])
    assert fields[0][0].shape == (HEIGHT, WIDTH, 2)
