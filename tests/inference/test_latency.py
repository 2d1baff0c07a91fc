from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vstc.inference.latency import Repeats, measure_latency, summarize, waiter

TIMES = st.lists(st.floats(1e-4, 10), min_size=1, max_size=60)


class Clock:
    """A clock that only the work moves on; work is done when it is waited for."""

    def __init__(self, costs):
        self.now = 0.0
        self.costs = iter(costs)
        self.queued = 0.0
        self.calls = 0

    def __call__(self):
        return self.now

    def call(self):
        self.calls += 1
        self.queued += next(self.costs)

    def wait(self):
        self.now, self.queued = self.now + self.queued, 0.0


def measured(clock, *, frames=1, **repeats):
    return measure_latency(
        clock.call, frames=frames, repeats=Repeats(**repeats), wait=clock.wait, clock=clock
    )


def test_warm_up_does_not_count_and_every_call_is_waited_for():
    clock = Clock([9.0, 9.0, 1.0, 2.0, 3.0, 4.0])
    latency = measured(clock, warm_up_calls=2, warm_up_seconds=0, calls=4, seconds=0, frames=2)
    assert latency.calls == 4
    assert latency.fps == pytest.approx(2 * 4 / 10)
    assert latency.mean_ms == pytest.approx(2500)
    assert latency.p50_ms == pytest.approx(2500)


def test_quick_work_is_called_until_the_seconds_are_full():
    clock = Clock([0.25] * 100)
    latency = measured(clock, warm_up_calls=1, warm_up_seconds=1.0, calls=2, seconds=5.0)
    assert latency.calls == 20
    assert clock.calls == 24


@given(TIMES)
def test_quantiles_are_those_of_numpy(seconds):
    latency = summarize(seconds, frames=1)
    expected = np.percentile(seconds, [50, 95]) * 1000
    assert (latency.p50_ms, latency.p95_ms) == pytest.approx(tuple(expected))


@given(TIMES, st.integers(1, 8))
def test_mean_and_rate_belong_together(seconds, frames):
    latency = summarize(seconds, frames=frames)
    assert latency.fps * latency.mean_ms == pytest.approx(1000 * frames)
    assert latency.p50_ms <= latency.p95_ms * (1 + 1e-12)


def test_a_cpu_needs_no_waiting():
    assert waiter(torch.device("cpu"))() is None


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_a_gpu_is_waited_for():
    device = torch.device("cuda")
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    x = torch.randn(4096, 4096, device=device)
    start.record()
    for _ in range(20):
        x = x @ x
    end.record()
    waiter(device)()
    assert end.query()
