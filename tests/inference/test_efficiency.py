from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from vstc.inference.efficiency import FRAME, NETWORK, PARTS, device_name, measure_efficiency
from vstc.inference.latency import Repeats
from vstc.inference.network import FrameNetwork
from vstc.inference.peak_memory import ALLOCATED, GROWTH
from vstc.models.catalog import create_model

pytestmark = pytest.mark.usefixtures("one_thread")
CPU = torch.device("cpu")
CLEAR = Path("/proc/self/clear_refs")
QUICK = Repeats(warm_up_calls=1, warm_up_seconds=0, calls=3, seconds=0)


def make_network(device=CPU, **options):
    model = create_model("pspnet-tiny", num_classes=5, seed=0)
    return FrameNetwork(model, device=device, **options)


def test_figures_are_of_the_input_that_the_network_sees():
    network = make_network()
    found = measure_efficiency(network, size=(40, 56), batch=2, repeats=QUICK)
    assert (found.size, found.input_size, found.batch) == ((40, 56), (41, 57), 2)
    with FlopCounterMode(display=False) as flops:
        network.run_labels(network.prepare([np.zeros((40, 56, 3), np.uint8)]))
    assert found.gmacs == flops.get_total_flops() / 2 / 1e9
    assert found.num_parameters == sum(p.numel() for p in network.model.parameters())
    aux = sum(p.numel() for p in network.model.aux.parameters())
    assert found.num_parameters - found.num_parameters_inference == aux


def test_a_dropped_auxiliary_head_still_counts_as_trained():
    network = make_network()
    whole = measure_efficiency(network, size=(33, 33), repeats=QUICK)
    network.model.drop_aux_head()
    again = measure_efficiency(network, size=(33, 33), repeats=QUICK)
    assert (again.num_parameters, again.gmacs) == (whole.num_parameters, whole.gmacs)


def test_a_scaled_input_costs_less():
    half = measure_efficiency(make_network(input_scale=0.5), size=(80, 96), repeats=QUICK)
    assert half.input_size == (41, 49)
    assert half.gmacs < measure_efficiency(make_network(), size=(80, 96), repeats=QUICK).gmacs / 3


def test_both_parts_are_measured_and_told_in_the_record():
    parts = []
    found = measure_efficiency(make_network(), size=(33, 33), repeats=QUICK, on_part=parts.append)
    record = found.as_json()
    assert parts == list(PARTS) == [NETWORK, FRAME]
    for part in parts:
        latency = record["latency"][part]
        assert latency["calls"] == 3
        assert latency["fps"] > 0
        assert 0 < latency["p50_ms"] <= latency["p95_ms"]
    assert (record["schema"], record["device"], record["dtype"]) == (
        "vstc.efficiency", "cpu", "float32",
    )  # fmt: skip
    assert record["device_name"] == device_name(CPU) != ""


def test_threads_are_as_asked_for_and_put_back():
    found = measure_efficiency(make_network(), size=(33, 33), threads=2, repeats=QUICK)
    assert found.threads == 2
    assert torch.get_num_threads() == 1


PEAK_OF_A_BLOCK = """
import numpy, torch
from vstc.inference.peak_memory import peak_memory
with peak_memory(torch.device("cpu")) as peak:
    block = numpy.ones(64 * 2**20, numpy.uint8)
    del block
print(peak.num_bytes, peak.what, sep="|")
"""


@pytest.mark.skipif(not CLEAR.exists(), reason="the system resets no peak of memory")
def test_peak_memory_of_the_process_is_what_the_work_added():
    # A process of its own: the system may take pages from a large one in the meantime.
    ran = subprocess.run(
        [sys.executable, "-c", PEAK_OF_A_BLOCK], capture_output=True, text=True, check=True
    )
    num_bytes, what = ran.stdout.strip().split("|")
    assert what == GROWTH
    assert 60 * 2**20 < int(num_bytes) < 100 * 2**20


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_a_gpu_tells_the_peak_of_its_allocator():
    device = torch.device("cuda")
    found = measure_efficiency(make_network(device), size=(256, 512), repeats=QUICK)
    assert found.peak_memory_of == ALLOCATED
    logits_bytes = 5 * 257 * 513 * 4
    assert found.peak_memory_bytes > logits_bytes
    assert (found.device, found.dtype) == ("cuda", "bfloat16 (autocast)")
