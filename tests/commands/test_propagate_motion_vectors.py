"""``vstc propagate --flow-method motion-vectors``: along a video's own vectors, or refused."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.formats.coded_videos import FakeAv, encode, fake_frame, moving_texture, vectors
from tests.moving import write_moving_dataset
from tests.tiny_runs import write_run
from vstc.artifacts.manifest import read_manifest
from vstc.formats.images import read_labels
from vstc.formats.video.files import VideoWriter

pytestmark = pytest.mark.usefixtures("one_thread")
HOW = ["--flow-method", "motion-vectors", "--device", "cpu", "-q"]
SIZE = (96, 128)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_moving_dataset(tmp_path_factory.mktemp("moving"), num_frames=4).folder


@pytest.fixture(scope="module")
def trained(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("trained") / "run", dataset, seed=7)


def write_video(path: Path, count: int) -> Path:
    with VideoWriter(path, fps=25, size=SIZE) as writer:
        for frame in moving_texture(count, size=SIZE):
            writer.write(frame)
    return path


def label_maps(folder: Path) -> list[np.ndarray]:
    return [read_labels(path) for path in sorted(folder.rglob("*.png"))]


def test_labels_move_by_the_vectors_of_the_video(
    trained: Path, tmp_path: Path, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks = [(16, 16, x, y, 32, 0) for y in range(8, 96, 16) for x in range(8, 128, 16)]
    shown = moving_texture(3, size=SIZE)
    moved = [fake_frame(vectors(*blocks), size=SIZE, rgb=rgb) for rgb in shown[1:]]
    module = FakeAv([fake_frame(size=SIZE, rgb=shown[0]), *moved])  # 8 pixels to the left
    monkeypatch.setitem(sys.modules, "av", module)
    out = tmp_path / "out"
    sharp = ["--interval", 3, "--set", "propagation.schedule.cuts=false"]
    run("propagate", trained, write_video(tmp_path / "v.mp4", 3), "-o", out, *HOW, *sharp)
    first, second, third = label_maps(out)
    np.testing.assert_array_equal(second[:, :-8], first[:, 8:])
    np.testing.assert_array_equal(third[:, :-16], first[:, 16:])
    assert module.opened == 2  # once to look at its head, once for pixels and vectors
    declared = read_manifest(out, kind="vstc.predictions")["config"]["propagation"]
    assert declared["flow_method"] == "motion-vectors"


def test_a_video_of_a_real_encoder_is_propagated(trained: Path, tmp_path: Path, run: Any) -> None:
    pytest.importorskip("av")
    video = encode(tmp_path / "v.mp4", moving_texture(6), bf=0, refs=1, threads=1)
    shown = run("propagate", trained, video, "-o", tmp_path / "out", *HOW, "--json").json
    assert (shown["frames"], shown["key_frames"]) == (6, 2)
    other = encode(tmp_path / "other.mp4", moving_texture(6), bf=0, refs=3, threads=1)
    said = run("propagate", trained, other, "-o", tmp_path / "other", *HOW, code=3).stderr
    assert "-bf 0 -refs 1" in " ".join(said.split())
    assert not (tmp_path / "other").exists()


def test_what_cannot_be_is_refused_before_anything_is_written(
    dataset: Path, trained: Path, tmp_path: Path, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, video = tmp_path / "out", write_video(tmp_path / "v.mp4", 2)
    monkeypatch.setitem(sys.modules, "av", None)
    said = run("propagate", trained, video, "-o", out, *HOW, code=5).stderr
    assert "vstc[video]" in said
    monkeypatch.setitem(sys.modules, "av", FakeAv([fake_frame(size=SIZE)] * 2))
    said = run("propagate", trained, dataset, "-o", out, *HOW, code=3).stderr
    assert "is not one video" in " ".join(said.split())
    said = run("propagate", trained, video, "-o", out, *HOW, "--preset", "best", code=2).stderr
    assert "look_ahead" in said
    assert not out.exists()


@pytest.mark.parametrize("without", [[], ["--without", "decode"]])
def test_a_benchmark_decodes_once(
    trained: Path, tmp_path: Path, run: Any, monkeypatch: pytest.MonkeyPatch, without: list[str]
) -> None:
    blocks = vectors(*[(16, 16, x, y, 8, 0) for y in range(8, 96, 16) for x in range(8, 128, 16)])
    frames = [fake_frame(blocks, size=SIZE, rgb=rgb) for rgb in moving_texture(13, size=SIZE)]
    module = FakeAv(frames)
    monkeypatch.setitem(sys.modules, "av", module)
    video = write_video(tmp_path / "v.mp4", 13)
    how = ["--benchmark", "--presets", "balanced", "--interval", 3, "--limit", 13, *without]
    [_, row] = run("propagate", trained, video, *HOW, *how, "--json").json["rows"]
    assert (row["flow_method"], row["frames"]) == ("motion-vectors", 13)
    assert row["parts"]["flow"]["ms_per_frame"] > 0
    # Once to look at its head; then in each pass, or once for all of them.
    assert module.opened == (2 if without else 3)


def test_a_benchmark_refuses_a_video_without_vectors_of_use(
    trained: Path, tmp_path: Path, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "av", FakeAv([fake_frame(size=SIZE)] * 13, codec="hevc"))
    video = write_video(tmp_path / "v.mp4", 13)
    how = ["--benchmark", "--presets", "balanced", "--interval", 3, "--limit", 13]
    said = run("propagate", trained, video, *HOW, *how, code=3).stderr
    assert "decoder of hevc gives no motion vectors" in " ".join(said.split())
