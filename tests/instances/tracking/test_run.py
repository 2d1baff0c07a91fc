"""Whole artifacts: masks with numbers that mean nothing in, lasting ones out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.instances.archives import masks_of_map, shuffled, write_archive
from vstc.artifacts.manifest import read_manifest
from vstc.errors import ConfigError, InputError
from vstc.formats.objects.store import FrameInstances, InstanceArchive, InstanceMask
from vstc.formats.video.files import VideoReader
from vstc.instances.tracking.plan import plan_tracking
from vstc.instances.tracking.run import run_tracking
from vstc.instances.tracking.settings import TrackSettings
from vstc.options import ExistingOutput

SIZE = (48, 64)


def scene(num_frames: int, *, shift: int = 0) -> list[list[InstanceMask]]:
    """Three boxes that move; the third is away in frames 2 and 3."""
    frames = []
    for time in range(num_frames):
        ids = np.zeros(SIZE, np.uint8)
        ids[2:14, 2 + 2 * time : 16 + 2 * time] = 1
        ids[18 + time : 30 + time, 40 + shift : 60 + shift] = 2
        if time not in (2, 3):
            ids[34:46, 4:18] = 3
        frames.append(masks_of_map(ids))
    return frames


@pytest.fixture
def clips() -> dict[str, list[list[InstanceMask]]]:
    return {"a/one": scene(6), "b": scene(5, shift=2)}


@pytest.fixture
def truth(tmp_path: Path, clips: dict[str, list[list[InstanceMask]]]) -> Path:
    return write_archive(tmp_path / "true", clips, size=SIZE, has_identity=True)


@pytest.fixture
def found(tmp_path: Path, clips: dict[str, list[list[InstanceMask]]]) -> Path:
    rng = np.random.default_rng(3)
    mixed = {name: shuffled(frames, rng) for name, frames in clips.items()}
    return write_archive(tmp_path / "found", mixed, size=SIZE)


def files(folder: Path) -> dict[str, bytes]:
    """All files but the manifest, which has times."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "manifest.json"
    }


def identities(frames: Sequence[FrameInstances]) -> list[dict[int, str]]:
    return [{mask.track: mask.rle.text for mask in frame.instances} for frame in frames]


def track(found: Path, output: Path, **settings: Any) -> dict[str, Any]:
    plan = plan_tracking(found, TrackSettings.model_validate(settings))
    return run_tracking(plan, output, workers=1)


def test_shuffled_ids_become_the_true_ones_again(found: Path, truth: Path, tmp_path: Path) -> None:
    plan = plan_tracking(found, against=truth)
    record = run_tracking(plan, tmp_path / "out", workers=1)
    assert record["totals"]["identity"] == {"links": 23, "missed": 0, "objects": 6, "switches": 0}
    assert read_manifest(tmp_path / "out")["metrics"]["switches"] == 0
    tracked, true = InstanceArchive(tmp_path / "out"), InstanceArchive(truth)
    assert tracked.has_identity
    for clip in true.clips:
        # Numbers go by falling area, which is the order 2, 3 or 1 of the scene.
        first, *_ = identities(list(tracked.frames(clip.id)))
        names = {text: number for number, text in first.items()}
        expected = identities(list(true.frames(clip.id)))
        new = {old: names[text] for old, text in expected[0].items()}
        renamed = [{new[old]: text for old, text in frame.items()} for frame in expected]
        assert identities(list(tracked.frames(clip.id))) == renamed


def test_table_tells_when_each_object_is_there(found: Path, tmp_path: Path) -> None:
    record = track(found, tmp_path / "out")
    rows = json.loads((tmp_path / "out/tracks/a/one.json").read_text())["tracks"]
    assert [(row["frames"], row["gaps"], row["missing_frames"]) for row in rows] == [
        (6, 0, 0),
        (6, 0, 0),
        (4, 1, 2),
    ]
    lines = (tmp_path / "out/tracks.csv").read_text().splitlines()
    assert len(lines) == 1 + 6
    assert lines[1].startswith("a/one,1,object,0,1.0,0,5,00000,00005,6,0,0,")
    assert record["clips"]["b"]["tracks"] == 3
    assert record["totals"]["tracks"] == read_manifest(tmp_path / "out")["metrics"]["tracks"] == 6


def test_video_shows_every_frame_of_each_clip(found: Path, tmp_path: Path) -> None:
    track(found, tmp_path / "out", video=True)
    for clip_id, frames in (("a/one", 6), ("b", 5)):
        with VideoReader(tmp_path / "out" / "video" / f"{clip_id}.mp4") as video:
            assert video.count_frames() == frames
            assert (video.info.height, video.info.width, video.info.fps) == (*SIZE, 10.0)


def test_stored_and_computed_flow_are_used_and_named(moving_dataset: Path, tmp_path: Path) -> None:
    names = [f"{index:03d}" for index in range(6)]
    frames = [[] for _ in names]
    found = write_archive(tmp_path / "f", {"val0": frames}, size=SIZE, names={"val0": names})
    stored = run_tracking(
        plan_tracking(found, flow=moving_dataset / "flow"), tmp_path / "stored", workers=1
    )
    assert stored["flow"]["source"] == "stored"
    assert stored["totals"]["frames_with_flow"] == 5
    computed = run_tracking(
        plan_tracking(found, frames=moving_dataset), tmp_path / "computed", workers=1
    )
    assert computed["flow"]["method"] == "dis-medium"
    assert computed["totals"]["frames_with_flow"] == 5
    roles = [ref["role"] for ref in read_manifest(tmp_path / "computed")["inputs"]]
    assert roles == ["instances", "dataset"]
    # The images are named from now on, and are the default.
    again = plan_tracking(tmp_path / "computed")
    assert again.motion is not None
    assert again.clips[0].frames == tuple(f"frames/val0/{name}.png" for name in names)
    no_flow = plan_tracking(tmp_path / "computed", TrackSettings(flow_method="none"))
    assert (no_flow.motion, no_flow.pictures) == (None, None)


def test_number_of_workers_does_not_change_the_bytes(moving_dataset: Path, tmp_path: Path) -> None:
    names = [f"{index:03d}" for index in range(6)]
    found = write_archive(tmp_path / "f", {"val0": scene(6)}, size=SIZE, names={"val0": names})
    plan = plan_tracking(found, TrackSettings(video=True), frames=moving_dataset)
    outputs = [tmp_path / "one", tmp_path / "three"]
    for output, workers in zip(outputs, (1, 3), strict=True):
        run_tracking(plan, output, workers=workers)
    assert files(outputs[0]) == files(outputs[1])


def test_small_and_unsure_detections_are_left_out_and_counted(tmp_path: Path) -> None:
    masks = [
        InstanceMask(mask.track, 0, score, mask.rle)
        for mask, score in zip(scene(1)[0], (0.9, 0.2, 0.9), strict=True)
    ]
    empty = masks_of_map(np.ones((1, 1), np.uint8))[0].rle
    masks.append(InstanceMask(9, 0, 1.0, type(empty)(*SIZE, np.array([SIZE[0] * SIZE[1]]))))
    found = write_archive(tmp_path / "f", {"a": [masks]}, size=SIZE)
    totals = track(found, tmp_path / "out", min_score=0.5, min_area=168)["totals"]
    assert (totals["detections"], totals["left_out"], totals["empty"]) == (2, 1, 1)
    totals = track(found, tmp_path / "other", min_area=169)["totals"]
    assert (totals["detections"], totals["left_out"], totals["empty"]) == (1, 2, 1)


def test_finished_clips_are_kept_and_the_end_is_the_same(
    found: Path, tmp_path: Path, clips: dict[str, list[list[InstanceMask]]]
) -> None:
    track(found, tmp_path / "whole")
    lines = (found / "clips/b.jsonl").read_text()
    (found / "clips/b.jsonl").write_text(lines[:-40])
    with pytest.raises(InputError, match=r"b\.jsonl"):
        track(found, tmp_path / "out")
    kept = tmp_path / "out/clips/a/one.jsonl"
    before = kept.stat().st_mtime_ns
    assert not (tmp_path / "out/clips/b.jsonl").exists()
    (found / "clips/b.jsonl").write_text(lines)
    plan = plan_tracking(found)
    run_tracking(plan, tmp_path / "out", existing=ExistingOutput.RESUME, workers=1)
    assert kept.stat().st_mtime_ns == before
    assert files(tmp_path / "out") == files(tmp_path / "whole")
    again = run_tracking(plan, tmp_path / "out", existing=ExistingOutput.RESUME)
    assert again["totals"]["clips"] == 2


def test_truth_may_have_fewer_frames_but_needs_identities_and_the_size(
    found: Path, truth: Path, tmp_path: Path
) -> None:
    few = write_archive(
        tmp_path / "few",
        {"a/one": [scene(6)[1], scene(6)[4]], "b": [scene(5, shift=2)[0]]},
        size=SIZE,
        names={"a/one": ["00001", "00004"], "b": ["00000"]},
        has_identity=True,
    )
    record = run_tracking(plan_tracking(found, against=few), tmp_path / "out", workers=1)
    assert record["totals"]["identity"] == {"links": 3, "missed": 0, "objects": 6, "switches": 0}
    with pytest.raises(InputError, match="no identities"):
        plan_tracking(found, against=found)
    other = {"a/one": scene(1), "b": [[]]}
    names = {"a/one": ["x"], "b": ["y"]}
    strange = write_archive(tmp_path / "s", other, size=SIZE, names=names, has_identity=True)
    with pytest.raises(InputError, match="nor any other"):
        plan_tracking(found, against=strange)
    large = write_archive(
        tmp_path / "l", {"a/one": [[]], "b": [[]]}, size=(9, 9), has_identity=True
    )
    with pytest.raises(InputError, match="are 64x48, in .* they are 9x9"):
        plan_tracking(found, against=large)


def test_choices_that_make_no_sense_are_refused(found: Path, moving_dataset: Path) -> None:
    with pytest.raises(ConfigError, match="unknown clip: c"):
        plan_tracking(found, TrackSettings(clips=("c",)))
    with pytest.raises(ConfigError, match="computed from frames, and none are known"):
        plan_tracking(found, TrackSettings(flow_method="dis-fast"))
    with pytest.raises(ConfigError, match="has no effect"):
        plan_tracking(found, TrackSettings(flow_method="dis-fast"), flow=moving_dataset / "flow")


def test_only_some_clips_are_tracked_on_request(found: Path) -> None:
    assert [c.id for c in plan_tracking(found, TrackSettings(clips=("b",))).clips] == ["b"]
    assert [c.id for c in plan_tracking(found, TrackSettings(limit=1)).clips] == ["a/one"]
