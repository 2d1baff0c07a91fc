"""``vstc data index``: what it writes and prints, for each source."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from vstc.formats.dataset import load_dataset
from vstc.formats.frames import FrameReader
from vstc.formats.video.files import VideoWriter

Run = Any


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """A folder with frames, labels, a small CamVid and a video."""
    for i in range(4):
        for place in ("images", "labels", "camvid/val", "camvid/valannot"):
            (tmp_path / place).mkdir(parents=True, exist_ok=True)
        image = np.full((16, 20, 3), 30 * i, np.uint8)
        ids = Image.fromarray(np.full((16, 20), i % 3, np.uint8))
        cv2.imwrite(str(tmp_path / "images" / f"{i}.jpg"), image)
        ids.save(tmp_path / "labels" / f"{i}.png")
        cv2.imwrite(str(tmp_path / "camvid/val" / f"0016E5_{2 * i:05d}.png"), image)
        ids.save(tmp_path / "camvid/valannot" / f"0016E5_{2 * i:05d}.png")
    for i in range(30):
        place = tmp_path / "cityscapes/leftImg8bit_sequence/val/ulm"
        place.mkdir(parents=True, exist_ok=True)
        image = np.full((16, 20, 3), 3 * i, np.uint8)
        cv2.imwrite(str(place / f"ulm_000000_{i:06d}_leftImg8bit.png"), image)
    lines = [
        f"/SegNet/CamVid/{a}/0016E5_{2 * i:05d}.png" for i in range(4) for a in ("val", "valannot")
    ]
    pairs = [" ".join(lines[k : k + 2]) for k in range(0, 8, 2)]
    (tmp_path / "camvid" / "val.txt").write_text("\n".join(pairs))
    with VideoWriter(tmp_path / "drive.mp4", fps=10, size=(16, 20)) as writer:
        for i in range(5):
            writer.write(np.full((16, 20, 3), 40 * i, np.uint8))
    return tmp_path


def arguments(raw: Path, source: str) -> list[object]:
    more: dict[str, list[object]] = {
        "camvid": [raw / "camvid"],
        "cityscapes": [raw / "cityscapes"],
        "folder": [raw / "images", "--labels", raw / "labels", "--fps", 15, "--frame-step", 1],
        "video": [raw / "drive.mp4"],
    }
    return ["data", "index", source, *more[source]]


SOURCES = ("camvid", "cityscapes", "folder", "video")


@pytest.mark.parametrize(
    ("source", "frames"), [("camvid", 4), ("cityscapes", 30), ("folder", 4), ("video", 5)]
)
def test_index_can_be_loaded_and_read(raw: Path, run: Run, source: str, frames: int) -> None:
    out = raw / "out" / source
    done = run(*arguments(raw, source), "-o", out)
    assert "yes" in done.stdout
    dataset = load_dataset(out)
    (clip,) = dataset.clips
    assert len(clip.frames) == frames
    assert clip.is_consecutive
    assert FrameReader(dataset).read(clip, frames - 1).shape == (16, 20, 3)
    assert not Path(dataset.record.root).is_absolute()
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["kind"] == "vstc.dataset"
    assert manifest["metrics"]["frames"] == frames
    assert [ref["kind"] for ref in manifest["inputs"]] == ["raw"]


@pytest.mark.parametrize("source", SOURCES)
def test_dry_run_writes_nothing_and_prints_the_same(raw: Path, run: Run, source: str) -> None:
    out = raw / "out"
    dry = run(*arguments(raw, source), "-o", out, "--dry-run")
    assert not out.exists()
    assert run(*arguments(raw, source), "-o", out).stdout == dry.stdout
    run(*arguments(raw, source), "-o", out, "--dry-run", code=4)


@pytest.mark.parametrize("source", SOURCES)
def test_json_parses(raw: Path, run: Run, source: str) -> None:
    done = run(*arguments(raw, source), "-o", raw / "out", "--json").json
    assert done["clips"][0]["size"] == [16, 20]
    assert done["clips"][0]["is_consecutive"] is True
    assert done["num_classes"] == {"camvid": 11, "cityscapes": 19, "folder": 3, "video": 0}[source]


@pytest.mark.parametrize("source", SOURCES)
def test_existing_output_is_refused_resumed_or_renewed(raw: Path, run: Run, source: str) -> None:
    call = [*arguments(raw, source), "-o", raw / "out"]
    first = run(*call)
    before = (raw / "out" / "manifest.json").read_bytes()
    assert "--overwrite" in run(*call, code=4).stderr
    again = run(*call, "--resume")
    assert again.stdout == first.stdout
    assert "nothing to do" in again.stderr
    assert (raw / "out" / "manifest.json").read_bytes() == before
    run(*call, "--overwrite")
    run(*call, "--resume", "--overwrite", code=2)


def test_resume_notices_that_the_files_have_changed(raw: Path, run: Run) -> None:
    call = [*arguments(raw, "folder"), "-o", raw / "out"]
    run(*call)
    (raw / "images" / "3.jpg").unlink()
    assert "input source" in run(*call, "--resume", code=4).stderr


def test_resumed_after_a_crash_equals_never_interrupted(
    raw: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vstc.data.index import write

    run(*arguments(raw, "folder"), "-o", raw / "whole")

    def crash(*_arguments: object) -> None:
        raise KeyError("crash")

    with monkeypatch.context() as patch:
        patch.setattr(write, "write_dataset", crash)
        with pytest.raises(KeyError):
            run(*arguments(raw, "folder"), "-o", raw / "cut")
    assert not (raw / "cut" / "manifest.json").exists()
    run("data", "check", raw / "cut", code=3)
    run(*arguments(raw, "folder"), "-o", raw / "cut", "--resume")
    names = ("dataset.json",)
    assert [(raw / "cut" / n).read_bytes() for n in names] == [
        (raw / "whole" / n).read_bytes() for n in names
    ]


def test_manifest_replays_the_settings(raw: Path, run: Run) -> None:
    run(*arguments(raw, "folder"), "-o", raw / "a")
    config = raw / "a" / "manifest.json"
    run("data", "index", "folder", raw / "images", "--config", config, "-o", raw / "b")
    assert (raw / "a" / "dataset.json").read_bytes() == (raw / "b" / "dataset.json").read_bytes()


def test_moved_together_the_index_still_finds_its_files(raw: Path, run: Run) -> None:
    home = raw / "home"
    home.mkdir()
    (raw / "images").rename(home / "images")
    run("data", "index", "folder", home / "images", "-o", home / "index")
    home.rename(raw / "moved")
    dataset = load_dataset(raw / "moved" / "index")
    assert FrameReader(dataset).read(dataset.clips[0], 0).shape == (16, 20, 3)


def test_missing_and_corrupt_inputs_leave_with_3_and_no_output(raw: Path, run: Run) -> None:
    out = raw / "out"
    text = raw / "text.mp4"
    text.write_text("no video")
    (raw / "empty").mkdir()
    for call in (
        ["camvid", raw / "none"],
        ["camvid", raw / "images"],
        ["folder", raw / "none"],
        ["folder", raw / "empty"],
        ["video", raw / "none.mp4"],
    ):
        assert "error:" in run("data", "index", *call, "-o", out, code=3).stderr
        assert not out.exists()
    run("data", "index", "video", text, "-o", out, code=3)
    assert list(out.iterdir()) == []
    run(*arguments(raw, "video"), "-o", out)


def test_bad_settings_are_usage_errors(raw: Path, run: Run) -> None:
    call = ["data", "index", "folder", raw / "images", "-o", raw / "out"]
    run(*call, "--fps", "-1", code=2)
    assert "frame_step" in run(*call, "--set", "frame_stepp=1", code=2).stderr
    run(*call, "--set", "order=random", code=2)
    assert not (raw / "out").exists()


def test_remarks_go_to_stderr_and_into_the_json(raw: Path, run: Run) -> None:
    (raw / "labels" / "2.png").unlink()
    done = run(*arguments(raw, "folder"), "-o", raw / "out", "--json")
    assert "1 image(s) without a label: 2" in done.json["remarks"]
    assert "note: 1 image(s) without a label: 2" in done.stderr


def test_an_output_behind_a_symbolic_link_finds_its_files(raw: Path, run: Run) -> None:
    (raw / "disk" / "deep").mkdir(parents=True)
    (raw / "link").symlink_to(raw / "disk" / "deep")
    run("data", "index", "folder", raw / "images", "-o", raw / "link" / "x")
    for way in (raw / "link" / "x", raw / "disk" / "deep" / "x"):
        dataset = load_dataset(way)
        assert FrameReader(dataset).read(dataset.clips[0], 0).shape == (16, 20, 3)
