from __future__ import annotations

import platform
import subprocess
import sys

import pytest

FAULTS_OF_MAPS = """
import resource, sys, threading
import numpy
from vstc.inference.freed_memory import keep_freed_memory
if sys.argv[1] == "keep":
    assert keep_freed_memory()

def make_maps():
    for _ in range(20):
        maps = [numpy.ones(5 * 2**20, numpy.uint8) for _ in range(8)]
        del maps

before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
thread = threading.Thread(target=make_maps)
thread.start()
thread.join()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc")
def test_maps_that_are_made_again_and_again_fault_in_once() -> None:
    def faults(how: str) -> int:
        ran = subprocess.run(
            [sys.executable, "-c", FAULTS_OF_MAPS, how], capture_output=True, text=True, check=True
        )
        return int(ran.stdout)

    assert faults("keep") < faults("leave") / 3
