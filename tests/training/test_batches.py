"""Batches: how samples are joined, and threads that make them ahead of time."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.training.test_samples import make_maker
from vstc.errors import InputError
from vstc.training.batches import Batch, BatchStream, join_samples
from vstc.training.samples import FlowToNeighbour, Sample, SampleMaker


def sample(
    value: int, times: list[int], *, flows: tuple[int, ...] = (), back: bool = False
) -> Sample:
    """A sample whose frames hold value, value + 1 and so on."""
    frames = [np.full((9, 17, 3), value + place, np.uint8) for place in range(len(times))]
    fields = [
        FlowToNeighbour(
            place,
            np.full((9, 17, 2), value + place, np.float32),
            np.full((9, 17), place == 1),
            np.full((9, 17, 2), -value, np.float32) if back else None,
        )
        for place in flows
    ]
    return Sample(frames, times, np.full((9, 17), value, np.uint8), fields)


def join() -> Batch:
    return join_samples(
        [
            sample(10, [5, 6, 4], flows=(1, 2)),
            sample(20, [0]),
            sample(30, [7, 9], flows=(1,)),
            sample(40, [3, 1]),  # the last frame of a clip has an earlier neighbour only
        ]
    )


def values(batch: Batch) -> list[int]:
    return [int(v) for v in batch.images_B3HW[:, 0, 0, 0]]


def test_anchors_come_first_then_the_neighbours_sample_by_sample() -> None:
    batch = join()
    assert batch.images_B3HW.shape == (8, 3, 9, 17)
    assert batch.images_B3HW.dtype == torch.uint8
    assert values(batch) == [10, 20, 30, 40, 11, 12, 31, 41]
    assert batch.num_anchors == 4
    assert batch.labels_AHW[:, 0, 0].tolist() == [10, 20, 30, 40]


def test_pairs_join_anchors_with_their_neighbours() -> None:
    batch = join()
    assert batch.pairs == [(0, 4), (0, 5), (2, 6), (3, 7)]
    assert batch.flow_pairs == [(0, 4), (0, 5), (2, 6)]
    assert batch.flow_P2HW is not None
    assert batch.flow_P2HW.shape == (3, 2, 9, 17)
    assert batch.flow_P2HW[:, 0, 0, 0].tolist() == [11, 12, 31]
    assert batch.valid_PHW is not None
    assert batch.valid_PHW[:, 0, 0].tolist() == [True, False, True]
    assert batch.flow_back_P2HW is None


def test_sequences_are_in_time_order() -> None:
    assert join().sequences == [[5, 0, 4], [2, 6], [7, 3]]


def test_flow_back_is_stacked_beside_the_flow() -> None:
    batch = join_samples([sample(10, [0, 1], flows=(1,), back=True), sample(20, [0])])
    assert batch.flow_back_P2HW is not None
    assert batch.flow_back_P2HW[:, 0, 0, 0].tolist() == [-10]


def test_samples_without_neighbours_give_neither_pairs_nor_flow() -> None:
    batch = join_samples([sample(1, [0]), sample(2, [4])])
    assert (batch.pairs, batch.flow_pairs, batch.sequences) == ([], [], [])
    assert batch.flow_P2HW is None
    assert batch.valid_PHW is None


def test_a_batch_on_a_device_is_the_same_batch() -> None:
    batch = join()
    moved = batch.to(torch.device("cpu"))
    assert torch.equal(moved.images_B3HW, batch.images_B3HW)
    assert moved.images_B3HW.is_contiguous(memory_format=torch.channels_last)
    assert moved.pairs == batch.pairs


def stream(maker: SampleMaker, workers: int) -> BatchStream:
    return BatchStream(maker, join_samples, num_slots=2, workers=workers, pin_memory=False)


def test_batches_are_the_same_from_one_worker_and_from_four(moving_dataset: Path) -> None:
    settings = {"terms": ("ce", "mf", "tl"), "rotate": 5.0, "color": 0.2, "cache_mib": 1}
    one = stream(make_maker(moving_dataset, **settings), 1).batches(0, 8)
    four = stream(make_maker(moving_dataset, **settings), 4).batches(0, 8)
    for (step, a), (other_step, b) in zip(one, four, strict=True):
        assert step == other_step
        assert torch.equal(a.images_B3HW, b.images_B3HW)
        assert torch.equal(a.labels_AHW, b.labels_AHW)
        assert a.flow_P2HW is not None
        assert b.flow_P2HW is not None
        assert torch.equal(a.flow_P2HW, b.flow_P2HW)
        assert a.sequences == b.sequences


def test_a_stream_begun_later_goes_on_with_the_same_batches(moving_dataset: Path) -> None:
    maker = make_maker(moving_dataset, terms=("ce", "tl"))
    whole = dict(stream(maker, 2).batches(0, 6))
    rest = dict(stream(make_maker(moving_dataset, terms=("ce", "tl")), 2).batches(4, 6))
    assert list(rest) == [4, 5]
    assert all(torch.equal(rest[step].images_B3HW, whole[step].images_B3HW) for step in rest)


class SlowMaker:
    """Makes samples slowly, and fails at a step."""

    def __init__(self, seconds: float, fails_at: int | None = None) -> None:
        self.seconds, self.fails_at = seconds, fails_at
        self.made: list[int] = []

    def make(self, step: int, slot: int) -> Sample:
        time.sleep(self.seconds)
        if step == self.fails_at:
            raise InputError("frame x.png is broken")
        self.made.append(step)
        return sample(step, [0])


def test_waiting_for_data_is_measured() -> None:
    slow = stream(SlowMaker(0.03), 1)  # type: ignore[arg-type]
    started = time.perf_counter()
    assert len(list(slow.batches(0, 4))) == 4
    total = time.perf_counter() - started
    assert 0.2 < slow.wait_seconds <= total


def test_a_consumer_that_is_slower_than_the_data_hardly_waits() -> None:
    ready = stream(SlowMaker(0.001), 2)  # type: ignore[arg-type]
    for _ in ready.batches(0, 6):
        time.sleep(0.02)
    assert ready.wait_seconds < 0.05


def test_work_ahead_is_bounded() -> None:
    maker = SlowMaker(0.0)
    batches = stream(maker, 4).batches(0, 50)  # type: ignore[arg-type]
    next(batches)
    time.sleep(0.1)
    assert max(maker.made) <= 3
    batches.close()


def test_an_error_in_a_worker_is_raised_as_itself_and_ends_the_threads() -> None:
    failing = stream(SlowMaker(0.0, fails_at=3), 2)  # type: ignore[arg-type]
    batches = failing.batches(0, 10)
    assert [next(batches)[0] for _ in range(3)] == [0, 1, 2]
    with pytest.raises(InputError, match=r"x\.png is broken"):
        next(batches)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("samples")]
