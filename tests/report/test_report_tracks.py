"""The page of instance masks: when tracks are there, how large they are, what they look like."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.report.object_factory import DISCS, FRAMES, HEIGHT, WIDTH, disc, make_instances
from vstc.errors import InputError
from vstc.formats.objects.store import InstanceArchive
from vstc.report.objects import track_color
from vstc.report.tracksurvey import survey_clip


@pytest.fixture(scope="module")
def instances(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("instances")
    return make_instances(folder / "masks", frames=folder / "frames")


def test_a_survey_tells_when_tracks_are_there_and_how_large(instances: Path) -> None:
    archive = InstanceArchive(instances)
    survey = survey_clip(archive, archive.clips[0])
    assert [track.track for track in survey.tracks] == list(DISCS)
    for track in survey.tracks:
        _, _, _, _, category, score, there = DISCS[track.track]
        assert track.places == list(there)
        assert track.areas == [int(disc(track.track, index).sum()) for index in there]
        assert track.mean_score == pytest.approx(score)
        assert track.category == {1: "person", 2: "dog & <cat>"}[category]
    assert survey.tracks[1].ranges == ((2, 3), (6, 7))
    assert survey.objects == tuple(1 + (index in DISCS[4][-1]) for index in range(FRAMES))


def test_tracks_have_a_row_a_line_and_pictures(page: Any, instances: Path) -> None:
    read = page(instances)
    assert "Object tracks" in read.text
    assert read.row("clip0")[1:] == ["8", f"{WIDTH} x {HEIGHT}", "1.5", "2", "2", "1"]
    row = read.row("4")
    area = sum(disc(4, index).sum() for index in DISCS[4][-1]) / 4 / (HEIGHT * WIDTH)
    assert row[1:7] == ["dog & <cat>", "4", "00002", "00007", "1", f"{100 * area:.2f}"]
    assert read.row("1")[-1] == "0.90"
    assert read.charts == [
        "When the tracks of clip0 are there",
        "Area of the tracks of clip0",
    ]
    assert "4 dog &amp; &lt;cat&gt;: frames 2-3, 6-7" in read.html
    assert track_color(4) in read.html
    assert read.images == [*(f"clip0 / {n}" for n in ("00001", "00004", "00006")), *["masks"] * 3]
    assert read.unclosed == []


def test_masks_without_images_are_drawn_alone(page: Any, tmp_path: Path) -> None:
    read = page(make_instances(tmp_path / "masks"))
    assert read.images == [f"clip0 / {name}" for name in ("00001", "00004", "00006")]


def test_images_that_are_gone_are_told(page: Any, instances: Path, tmp_path: Path) -> None:
    root = tmp_path / "frames"
    masks = make_instances(tmp_path / "masks", frames=root)
    shutil.rmtree(root)
    read = page(masks)
    assert "No pictures of clip0" in read.text
    assert read.images == []
    assert read.row("1")


def test_frames_without_identity_have_no_timeline(page: Any, tmp_path: Path) -> None:
    read = page(make_instances(tmp_path / "masks", has_identity=False))
    assert read.charts == []
    assert "vstc instances track gives objects their identity" in read.text
    assert len(read.row("clip0")) == 5


def test_few_of_many_clips_are_shown(page: Any, tmp_path: Path) -> None:
    read = page(make_instances(tmp_path / "masks", clips=7))
    assert "3 of 7 clips of masks are shown." in read.text
    assert [row[0] for row in read.rows if row[0].startswith("clip")] == ["clip0", "clip2", "clip4"]


def test_a_clip_without_objects_is_said_to_have_none(page: Any, tmp_path: Path) -> None:
    read = page(make_instances(tmp_path / "masks", is_empty=True))
    assert "clip0 has no object." in read.text
    assert read.images == []


def test_damaged_masks_are_an_input_error(page: Any, instances: Path, tmp_path: Path) -> None:
    masks = shutil.copytree(instances, tmp_path / "masks")
    path = masks / "clips" / "clip0.jsonl"
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(InputError, match=r"clip0\.jsonl"):
        page(masks)
