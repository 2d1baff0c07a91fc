import numpy as np
import pytest

from vstc.bench.trimaps import bench_trimaps, walker


def test_bench_measures_every_stage_and_the_whole():
    cost = bench_trimaps(size=(96, 128), num_frames=3, num_objects=2, radius=3)
    assert list(cost.stage_ms) == ["decode", "trimap", "pack", "write"]
    assert all(value >= 0 for value in cost.stage_ms.values())
    assert cost.stages_per_second == pytest.approx(1000 / sum(cost.stage_ms.values()))
    assert cost.export_per_second == pytest.approx(1000 / cost.export_ms)
    assert (cost.height, cost.width, cost.frames, cost.objects) == (96, 128, 3, 2)
    assert 0 < cost.object_share < 1


def test_figure_is_one_object_and_walks():
    first, later = (walker((240, 427), step=step, place=0.5) for step in (0, 5))
    assert 0.04 < first.mean() < 0.15
    assert np.count_nonzero(first != later) > 100


def test_command_prints_a_table_and_json(run):
    words = ["bench", "trimap", "--size", "96x128", "--frames", "2"]
    assert "pack" in run(*words).stdout
    assert run(*words, "--json").json["radius"] == 10.0
