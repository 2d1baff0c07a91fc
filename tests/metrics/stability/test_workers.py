from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from tests.metrics.stability.shapes import blob
from vstc.errors import SetupError
from vstc.metrics.stability.stability import describe_mask, shape_distance
from vstc.metrics.stability.workers import StabilityWorkers


def results_of(num_workers, masks):
    with StabilityWorkers(num_workers) as workers:
        shapes = [future.result() for future in [workers.describe(mask) for mask in masks]]
        pairs = list(zip(shapes[:-1], shapes[1:], strict=True))
        distances = [workers.distance(*pair) for pair in pairs if None not in pair]
        return shapes, [future.result() for future in distances]


def test_two_processes_give_the_same_bits_as_none():
    masks = [blob(seed, sigma=5.0) for seed in range(4)]
    masks.append(np.zeros((60, 80), bool))
    inline_shapes, inline_distances = results_of(1, masks)
    shapes, distances = results_of(2, masks)
    assert distances == inline_distances
    assert len(distances) == 3
    assert shapes[-1] is inline_shapes[-1] is None
    for shape, inline in zip(shapes[:-1], inline_shapes[:-1], strict=True):
        assert np.array_equal(shape.points, inline.points)
        assert np.array_equal(shape.histograms, inline.histograms)


def test_one_worker_computes_what_the_functions_do_at_once():
    first, second = describe_mask(blob(1)), describe_mask(blob(2))
    with StabilityWorkers(1) as workers:
        future = workers.distance(first, second)
        assert future.done()
        assert future.result() == shape_distance(first, second)
        assert np.array_equal(workers.describe(blob(1)).result().points, first.points)


def test_fewer_than_one_worker_is_refused():
    with pytest.raises(ValueError, match="num_workers is 0"):
        StabilityWorkers(0)


def pid_of_worker(workers):
    """Run something, then name a process of the pool."""
    workers.describe(blob(0)).result()
    return next(iter(workers._pool._processes))


def work_with_a_killed_process():
    with StabilityWorkers(2) as workers:
        os.kill(pid_of_worker(workers), signal.SIGKILL)
        for _ in range(50):
            workers.describe(blob(0)).result()


def test_a_dead_worker_is_a_set_up_error_with_advice():
    with pytest.raises(SetupError, match="worker process") as caught:
        work_with_a_killed_process()
    assert "memory" in caught.value.hint


def test_an_error_inside_passes_and_ends_the_processes():
    workers = StabilityWorkers(2)
    pid = pid_of_worker(workers)
    with pytest.raises(KeyboardInterrupt), workers:
        raise KeyboardInterrupt
    assert not is_alive(pid)


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


PARENT = """
import numpy as np
from vstc.metrics.stability.workers import StabilityWorkers
if __name__ == "__main__":
    with StabilityWorkers(2) as workers:
        first = workers.describe(np.eye(9, dtype=bool))
        workers.describe(np.eye(9, dtype=bool))
        first.result()
        print(*workers._pool._processes, flush=True)
        input()
"""


def started_parent(tmp_path):
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    parent = subprocess.Popen(
        [sys.executable, str(script)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    return parent, [int(pid) for pid in parent.stdout.readline().split()]


def assert_gone(pids):
    deadline = time.monotonic() + 20
    while any(map(is_alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert [pid for pid in pids if is_alive(pid)] == []


def test_workers_end_when_their_parent_is_killed(tmp_path):
    parent, pids = started_parent(tmp_path)
    assert pids
    parent.kill()
    parent.communicate()
    assert_gone(pids)


def test_ctrl_c_reaches_the_parent_alone_and_ends_all(tmp_path):
    parent, pids = started_parent(tmp_path)
    os.killpg(parent.pid, signal.SIGINT)
    _, errors = parent.communicate(timeout=20)
    assert_gone(pids)
    assert errors.count("Traceback") == 1
    assert errors.rstrip().endswith("KeyboardInterrupt")


def test_a_worker_process_need_not_load_torch_or_opencv():
    code = (
        "import sys, vstc.metrics.stability.workers;"
        "print(sorted({'torch', 'cv2', 'matplotlib'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
