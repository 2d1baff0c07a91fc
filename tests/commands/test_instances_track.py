from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.instances.archives import masks_of_map, shuffled, write_archive
from vstc.formats.objects.store import InstanceArchive

SIZE = (48, 64)


def moving(num_frames):
    frames = []
    for index in range(num_frames):
        ids = np.zeros(SIZE, np.uint8)
        left = 2 + index % 20
        ids[4:20, left : left + 20] = 1
        ids[26:44, 60 - left - 20 : 60 - left] = 2
        frames.append(masks_of_map(ids))
    return frames


@pytest.fixture
def truth(tmp_path):
    return write_archive(tmp_path / "true", {"a": moving(6)}, size=SIZE, has_identity=True)


@pytest.fixture
def masks(tmp_path):
    mixed = shuffled(moving(6), np.random.default_rng(1))
    return write_archive(tmp_path / "masks", {"a": mixed}, size=SIZE)


def test_tracks_are_written_listed_and_counted(run, masks, truth, tmp_path):
    out = tmp_path / "out"
    record = run("instances", "track", masks, "-o", out, "--against", truth, "--json").json
    assert record["totals"]["identity"]["links"] == 10
    assert record["totals"]["identity"]["switches"] == 0
    assert json.loads((out / "tracks.json").read_text()) == record
    tracked = list(InstanceArchive(out).frames("a"))
    assert [[mask.track for mask in frame.instances] for frame in tracked] == [[1, 2]] * 6
    shown = run("instances", "track", masks, "-o", out, "--against", truth, "--resume").stdout
    assert "without flow" in shown
    assert "switches" in shown


def test_frames_give_flow_and_a_video(run, tmp_path, moving_dataset):
    names = {"val0": [f"{index:03d}" for index in range(6)]}
    masks = write_archive(tmp_path / "m", {"val0": moving(6)}, size=SIZE, names=names)
    out = tmp_path / "out"
    words = ("instances", "track", masks, "-o", out, "--frames", moving_dataset, "--video")
    assert "flow computed with dis-medium" in run(*words).stdout
    assert (out / "video" / "val0.mp4").stat().st_size > 0
    words = (*words[:3], "-o", tmp_path / "none", "--flow-method", "none", "--json")
    assert run(*words).json["flow"] is None


def test_dry_run_writes_nothing(run, masks, tmp_path):
    done = run("instances", "track", masks, "-o", tmp_path / "out", "--dry-run", "--json")
    assert done.json == {"clips": 1, "dry_run": True, "flow": None, "frames": 6}
    assert not (tmp_path / "out").exists()


def test_an_existing_output_is_refused_or_replaced(run, masks, tmp_path):
    words = ("instances", "track", masks, "-o", tmp_path / "out")
    run(*words)
    assert "--resume" in run(*words, code=4).stderr
    assert "max_age" in run(*words, "--resume", "--max-age", 3, code=4).stderr
    run(*words, "--overwrite", "--max-age", 3)


def test_missing_and_damaged_masks_are_named(run, masks, tmp_path):
    assert "not found" in run("instances", "track", tmp_path / "x", "-o", "y", code=3).stderr
    clip = masks / "clips" / "a.jsonl"
    clip.write_text(clip.read_text().replace('"rle": "', '"rle": "~', 1))
    done = run("instances", "track", masks, "-o", tmp_path / "out", code=3)
    assert "a.jsonl, line 1" in done.stderr


def test_a_mask_of_another_size_is_an_error_and_not_a_shift(run, tmp_path):
    wide = masks_of_map(np.ones((48, 65), np.uint8))
    folder = write_archive(tmp_path / "m", {"a": [wide]}, size=(48, 65))
    index = folder / "instances.json"
    index.write_text(index.read_text().replace('"width": 65', '"width": 64'))
    done = run("instances", "track", folder, "-o", tmp_path / "out", code=3)
    assert "RLE counts add up to 3120, but 48 rows x 64 columns are 3072" in done.stderr


def test_killed_and_resumed_is_as_uninterrupted(tmp_path):
    clips = {f"c{n}": moving(60) for n in range(8)}
    masks = write_archive(tmp_path / "m", clips, size=SIZE)
    command = [sys.executable, "-m", "vstc", "instances", "track", masks, "--quiet", "-o"]
    subprocess.run([*command, tmp_path / "whole"], check=True, capture_output=True)
    killed = subprocess.Popen([*command, tmp_path / "out"], stdout=subprocess.DEVNULL)
    first = tmp_path / "out" / "tracks" / "c0.json"
    while not first.is_file() and killed.poll() is None:
        time.sleep(0.001)
    os.kill(killed.pid, signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL
    before = first.stat().st_mtime_ns
    assert not (tmp_path / "out" / "manifest.json").exists()
    subprocess.run([*command, tmp_path / "out", "--resume"], check=True, capture_output=True)
    assert first.stat().st_mtime_ns == before
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name not in {"manifest.json", ".lock"}
    }
