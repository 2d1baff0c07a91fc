"""The page of trimaps: tracks, widths, and what a trimap makes of a frame."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.report.object_factory import DISCS, FRAMES, HEIGHT, WIDTH, make_instances, make_trimaps
from vstc.artifacts.workspace import open_artifact
from vstc.errors import InputError


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("trimaps")
    instances = make_instances(folder / "masks", frames=folder / "frames")
    return {"masks": instances, "trimaps": make_trimaps(folder / "trimaps", instances)}


def trimaps_of(folder: Path, track: int) -> list[np.ndarray]:
    files = sorted((folder / "clip0" / str(track)).glob("*.png"))
    return [np.asarray(Image.open(path)) for path in files]


def test_tracks_have_a_row_with_areas_and_widths(page: Any, made: dict[str, Path]) -> None:
    read = page(made["trimaps"])
    there = [t for t in trimaps_of(made["trimaps"], 4) if t.any()]
    assert len(there) == len(DISCS[4][-1])
    foreground, unknown = ([100 * (t == v).mean() for t in there] for v in (255, 128))
    row = read.row("4")
    assert row[1:4] == ["dog & <cat>", "4", str(FRAMES - 4)]
    for cell, shares in ((row[4], foreground), (row[5], unknown)):
        written = [f"{value:.2f}" for value in (np.mean(shares), min(shares), max(shares))]
        assert cell.split()[0] == written[0]
        assert len(set(written[1:])) == 1 or cell.endswith(f"{written[1]} to {written[2]}")
    assert row[6:] == ["3", "0", "–"]
    assert "4 dog &amp; &lt;cat&gt;: frames 2-3, 6-7" in read.html


def test_frame_masks_trimap_and_cut_out_stand_side_by_side(
    page: Any, made: dict[str, Path]
) -> None:
    read = page(made["trimaps"])
    shown = [alt.rpartition(": ")[2] for alt in read.images]
    assert shown == ["frame", "masks", "trimap", "cut out by trimap"] * 2
    assert "what is unknown is half transparent" in read.text
    assert read.unclosed == []


def test_mattes_of_an_evaluation_are_used(page: Any, made: dict[str, Path], tmp_path: Path) -> None:
    record = {"dataset": "d", "totals": {"tsb": 0.1}, "protocol": {}, "per_clip": []}
    with open_artifact(tmp_path / "m", kind="vstc.metrics", config={}) as workspace:
        workspace.write_json("metrics.json", record)
        for track in DISCS:
            folder = tmp_path / "m" / "alphas" / "clip0" / str(track)
            folder.mkdir(parents=True)
            for index in range(FRAMES):
                alpha = Image.fromarray(np.full((HEIGHT, WIDTH), 200, np.uint8))
                alpha.save(folder / f"{index:05d}.png")
        workspace.finish()
    shown = [alt.rpartition(": ")[2] for alt in page(made["trimaps"], tmp_path / "m").images]
    assert shown == ["frame", "masks", "trimap", "matte", "cut out by matte"] * 2


def test_trimaps_alone_are_shown_when_nothing_is_behind_them(
    page: Any, made: dict[str, Path], tmp_path: Path
) -> None:
    masks = make_instances(tmp_path / "masks")
    trimaps = make_trimaps(tmp_path / "trimaps", masks)
    shutil.rmtree(masks)
    read = page(trimaps)
    assert [alt.rpartition(": ")[2] for alt in read.images] == ["trimap"] * 2
    assert "The frames are not known" in read.text


def test_frames_may_come_from_a_data_set(
    page: Any, run: Any, made: dict[str, Path], tmp_path: Path
) -> None:
    trimaps = make_trimaps(tmp_path / "trimaps", make_instances(tmp_path / "masks"))
    frames = made["masks"].parent / "frames"
    run("data", "index", "folder", frames, "--frame-step", 1, "-o", tmp_path / "data")
    read = page(trimaps, tmp_path / "data")
    shown = [alt.rpartition(": ")[2] for alt in read.images]
    assert shown[:4] == ["frame", "masks", "trimap", "cut out by trimap"]


def test_few_of_many_clips_are_shown(page: Any, tmp_path: Path) -> None:
    trimaps = make_trimaps(tmp_path / "trimaps", make_instances(tmp_path / "masks", clips=5))
    assert "3 of 5 clips of trimaps are shown." in page(trimaps).text


def test_missing_trimaps_and_strange_records_are_told(
    page: Any, made: dict[str, Path], tmp_path: Path
) -> None:
    trimaps = shutil.copytree(made["trimaps"], tmp_path / "trimaps")
    for path in trimaps.glob("clip0/1/*.png"):
        path.unlink()
    assert "No pictures of clip0 of trimaps" in page(trimaps).text
    (trimaps / "clip0" / "tracks.json").write_text('{"tracks": [{}], "rule": "band"}')
    with pytest.raises(InputError, match=r"tracks\.json is not the record"):
        page(trimaps)
    (trimaps / "trimaps.json").write_text("{}")
    with pytest.raises(InputError, match=r"trimaps\.json lists no clips"):
        page(trimaps)
