from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from vstc.bench.cost import Cost, median_cost, peak_bytes, running_cpu_seconds, stopwatch
from vstc.bench.metric_clips import write_clips
from vstc.bench.metrics import bench_metrics
from vstc.errors import ConfigError
from vstc.evaluation.label_sources.folder import FolderLabels
from vstc.formats.dataset import load_dataset

pytestmark = pytest.mark.usefixtures("one_thread")
SIZE = (96, 128)


@pytest.fixture(scope="module")
def measured():
    parts = []
    bench = bench_metrics(
        size=SIZE,
        num_frames=3,
        num_clips=2,
        clip_frames=2,
        workers=2,
        flow_method="dis-ultrafast",
        repeats=1,
        on_progress=parts.append,
    )
    assert len(parts) == 5
    return bench


def test_rows_are_plain_and_complete(measured):
    record = json.loads(json.dumps(measured.as_json()))
    assert record["size"] == list(SIZE)
    assert record["consistency"]["frames"] == 3
    rows = [(row["metric"], row["workers"], row["pairs"]) for row in record["scaling"]]
    assert rows == [("tc", 1, 2), ("tc", 2, 2), ("tsb", 1, 2), ("tsb", 2, 2)]
    assert [pair["workers"] for pair in record["stability"]] == [1, 2]


def test_ratios_are_those_of_the_costs(measured):
    tc = measured.consistency
    assert tc.wall_ratio == tc.whole.wall_seconds / tc.parts.wall_seconds
    assert tc.cpu_ratio == tc.whole.cpu_seconds / tc.parts.cpu_seconds
    first, second = measured.scaling[2:]
    assert first.speedup == 1
    assert second.speedup == first.cost.wall_seconds / second.cost.wall_seconds


def test_workers_agree_on_tsb(measured):
    one, two = measured.stability
    assert one.tsb == two.tsb > 0
    assert one.classes == two.classes > 5
    assert one.describe_share < 1


def test_the_full_set_is_projected_from_the_measured_pairs(measured):
    tc, tsb = measured.projection
    assert (tc.metric, tsb.metric, tc.workers) == ("tc", "tsb", 2)
    assert (tc.pairs, tc.measured_pairs) == (2900, 2)
    assert tc.cost == measured.scaling[1].cost.times(1450)


def test_nothing_to_measure_is_refused():
    with pytest.raises(ConfigError, match="nothing to measure"):
        bench_metrics(num_frames=1)


def test_clips_on_disk_share_files_and_have_predictions(tmp_path):
    made = write_clips(tmp_path / "clips", SIZE, num_clips=2, num_frames=3)
    dataset = load_dataset(tmp_path / "clips")
    source = FolderLabels(made.predictions, dataset)
    assert made.num_pairs == 4
    for clip in dataset.clips:
        assert clip.is_consecutive
        assert set(source.available(clip)) == set(clip.frame_names)
        assert source.labels(clip, clip.frame_names[0]).shape == SIZE
    assert len(list((tmp_path / "clips" / "frames").iterdir())) == 3


def test_costs_add_up_and_have_medians():
    assert Cost(1.0, 2.0).times(3) == Cost(3.0, 6.0)
    assert median_cost([Cost(1, 9), Cost(2, 7), Cost(8, 8)]) == Cost(2, 8)


def test_processes_that_end_in_the_block_are_counted():
    busy = "import time; e = time.process_time() + 0.2\nwhile time.process_time() < e: pass"
    with stopwatch() as watch:
        subprocess.run([sys.executable, "-S", "-c", busy], check=True)
    assert watch.cost.cpu_seconds >= 0.19


@pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="needs /proc")
def test_running_processes_tell_their_time_and_memory():
    assert running_cpu_seconds(os.getpid()) == pytest.approx(sum(os.times()[:2]), abs=0.1)
    assert peak_bytes(os.getpid()) > 1_000_000
    assert running_cpu_seconds(2**31 - 1) is None
    assert peak_bytes(2**31 - 1) is None
