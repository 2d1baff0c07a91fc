import json

import numpy as np

from vstc.bench.flow import bench_flow, make_frames


def test_rows_are_complete_and_consistent():
    (row,) = bench_flow(methods=["dis-ultrafast"], size=(48, 64), num_frames=3, workers=2)
    assert json.loads(json.dumps(row.as_json()))["method"] == "dis-ultrafast"
    assert row.bound_per_second == 2 * 1000 / row.single_ms
    assert row.memory_ratio == row.memory_per_second / row.bound_per_second
    assert row.memory_cpu_ratio > 0
    assert row.raw_bytes == 8 * 48 * 64
    assert 0 < row.field_bytes < row.raw_bytes


def test_frames_move_and_are_always_the_same():
    frames = make_frames((48, 64), 3)
    again = make_frames((48, 64), 3)
    assert all(np.array_equal(a, b) for a, b in zip(frames, again, strict=True))
    assert frames[0].shape == (48, 64, 3)
    assert np.abs(frames[0].astype(int) - frames[2]).mean() > 1
