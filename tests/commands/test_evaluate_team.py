"""``torchrun`` and ``--workers`` change the speed of ``vstc evaluate`` and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.evaluation.scenes import write_predictions, write_scene
from tests.killed_command import run_killed

FILES = ("metrics.json", "per_pair.csv", "per_frame.csv")


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """A scene with predictions that err a little, and the words that evaluate them."""
    folder = tmp_path_factory.mktemp("judged")
    scene = write_scene(folder / "scene")

    def err(labels, _clip, index):
        labels[10 + index : 20, 20:26] = 2
        return labels

    write_predictions(folder / "predictions", scene, change=err)
    return ["evaluate", folder / "predictions", "--dataset", scene.folder, "--metrics", "all"]


@pytest.fixture(scope="module")
def alone(judged, tmp_path_factory):
    folder = tmp_path_factory.mktemp("alone") / "metrics"
    start([sys.executable, "-m", "vstc", *judged, "--workers", 1, "-o", folder])
    return folder


def start(words):
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        list(map(str, words)), capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr
    return done


def contents(folder: Path):
    names = [*FILES, *(f"clips/{path.name}" for path in (folder / "clips").iterdir())]
    return {name: (folder / name).read_bytes() for name in names}


def test_two_workers_write_the_same_bytes(judged, alone, tmp_path):
    start([sys.executable, "-m", "vstc", *judged, "--workers", 2, "-o", tmp_path / "metrics"])
    assert contents(tmp_path / "metrics") == contents(alone)


def test_two_processes_write_the_same_bytes_and_one_speaks(judged, alone, tmp_path):
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", 2]
    done = start([*launcher, "-m", "vstc", *judged, "-o", tmp_path / "metrics"])
    assert contents(tmp_path / "metrics") == contents(alone)
    assert done.stdout.count("scene, shares in percent") == 1


def test_killed_again_and_again_it_writes_the_same_bytes(judged, alone, tmp_path):
    output = tmp_path / "metrics"
    kills, code = run_killed([*judged, "--workers", 2], output, moments=(1, 2))
    assert code == 0
    assert kills >= 1
    assert contents(output) == contents(alone)
