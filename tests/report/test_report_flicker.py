"""Changed labels: motion does not count, flicker does, and the worst moment is found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.report.factory import CLASSES
from vstc.artifacts.manifest import input_ref
from vstc.artifacts.workspace import open_artifact
from vstc.formats.dataset import Clip, Dataset, DatasetRecord, load_dataset, write_dataset
from vstc.formats.flow.hdf5 import FlowArchive, FlowDirection, FlowInfo, FlowWriter, flow_path
from vstc.formats.images import encode_labels, encode_rgb
from vstc.report.flicker import ChangeFinder, LabelFolder, find_unrest
from vstc.report.page import build_page
from vstc.report.sources import open_sources

SIZE, STEP, FRAMES = (40, 64), 3, 6
Labels = NDArray[np.uint8]


def texture() -> Labels:
    """A smooth random picture, wide enough to pan over."""
    import cv2

    noise = np.random.default_rng(0).integers(0, 256, (SIZE[0], SIZE[1] + STEP * FRAMES, 3))
    return np.asarray(cv2.GaussianBlur(noise.astype(np.uint8), (0, 0), 1.2) // 2 * 2, np.uint8)


@pytest.fixture
def panned(tmp_path: Path) -> Dataset:
    """A clip that pans by STEP pixels a frame over a texture with a vertical class border."""
    wide, names = texture(), [f"{frame:02d}" for frame in range(FRAMES)]
    ids = (np.arange(wide.shape[1])[None].repeat(SIZE[0], 0) > 40).astype(np.uint8)
    palette = np.zeros((256, 3), np.uint8)
    for frame, name in enumerate(names):
        window = slice(STEP * frame, STEP * frame + SIZE[1])
        for folder, data in (
            ("images", encode_rgb(np.ascontiguousarray(wide[:, window]))),
            ("labels", encode_labels(np.ascontiguousarray(ids[:, window]), palette)),
        ):
            path = tmp_path / "data" / folder / "pan" / f"{name}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    clip = Clip(
        id="pan", split="val", fps=10.0, frame_step=1, frames=[f"images/pan/{n}.png" for n in names]
    )
    record = DatasetRecord(name="pan", root=".", classes=list(CLASSES), clips=[clip])
    write_dataset(tmp_path / "data", record)
    return load_dataset(tmp_path / "data")


def write_flow(folder: Path, dataset: Dataset, direction: FlowDirection) -> FlowArchive:
    clip = dataset.clips[0]
    sign = -1 if direction is FlowDirection.PREV_TO_NEXT else 1
    field = np.zeros((*SIZE, 2), np.float32)
    field[..., 0] = sign * STEP
    info = FlowInfo(
        frames=tuple(clip.frame_names),
        size=SIZE,
        source_size=SIZE,
        method="truth",
        params={},
        directions=(direction,),
    )
    with open_artifact(folder, kind="vstc.flow", config={}) as workspace:
        with FlowWriter(flow_path(folder, clip.id), info) as writer:
            for index in range(FRAMES - 1):
                writer.write(index, field, direction=direction)
        workspace.finish()
    return FlowArchive(folder)


@pytest.mark.parametrize("direction", list(FlowDirection))
def test_motion_along_stored_flow_is_no_change(
    panned: Dataset, tmp_path: Path, direction: FlowDirection
) -> None:
    archive = write_flow(tmp_path / "flow", panned, direction)
    finder = ChangeFinder(panned, [archive])
    labels = LabelFolder(panned, panned.root / "labels")
    for index in range(FRAMES - 1):
        assert finder.between(labels, panned.clips[0], index).share == 0.0
    assert finder.flow_name(panned.clips[0]) == "flow"


def test_motion_along_computed_flow_is_hardly_a_change(panned: Dataset) -> None:
    finder = ChangeFinder(panned, [])
    labels = LabelFolder(panned, panned.root / "labels")
    assert finder.between(labels, panned.clips[0], 1).share < 0.02
    assert finder.flow_name(panned.clips[0]) == "dis-medium"


@pytest.mark.parametrize("direction", list(FlowDirection))
def test_flicker_is_marked_where_it_is(
    panned: Dataset, tmp_path: Path, direction: FlowDirection
) -> None:
    archive = write_flow(tmp_path / "flow", panned, direction)
    finder, clip = ChangeFinder(panned, [archive]), panned.clips[0]
    labels = LabelFolder(panned, panned.root / "labels")
    flip(panned, "03", slice(10, 20))
    change = finder.between(labels, clip, 2)
    rows = np.flatnonzero(change.is_changed.any(axis=1))
    assert (rows.min(), rows.max()) == (10, 19)
    assert change.share == pytest.approx(0.25, abs=0.02)


def test_worst_moment_and_row_are_found(panned: Dataset, tmp_path: Path) -> None:
    archive = write_flow(tmp_path / "flow", panned, FlowDirection.NEXT_TO_PREV)
    flip(panned, "03", slice(30, 31))
    labels = LabelFolder(panned, panned.root / "labels")
    unrest = find_unrest(ChangeFinder(panned, [archive]), labels, panned.clips[0], range(FRAMES))
    assert unrest.start == 2, "frame 03 differs from 02 and from 04"
    assert int(unrest.row * SIZE[0]) == 30
    assert unrest.frames == tuple(range(FRAMES))


def test_void_does_not_change(panned: Dataset, tmp_path: Path) -> None:
    archive = write_flow(tmp_path / "flow", panned, FlowDirection.NEXT_TO_PREV)
    labels = LabelFolder(panned, panned.root / "labels")
    flip(panned, "03", slice(0, 20), to=3)
    flip(panned, "04", slice(0, 20), to=255)
    assert ChangeFinder(panned, [archive]).between(labels, panned.clips[0], 3).share == 0.0
    assert ChangeFinder(panned, [archive]).between(labels, panned.clips[0], 2).share == 0.0


def test_flow_artifact_is_shown_with_its_frames(panned: Dataset, tmp_path: Path, page: Any) -> None:
    write_flow(tmp_path / "flow", panned, FlowDirection.NEXT_TO_PREV)
    read = page(tmp_path / "flow")
    assert read.row("method")[1] == "truth"
    assert read.row("pairs")[1] == str(FRAMES - 1)
    assert "pan / 02 and 03: next to prev" in read.images
    assert "No frames beside the flow of flow" in read.text


def test_flow_behind_the_scores_is_used_for_the_pictures(panned: Dataset, tmp_path: Path) -> None:
    flow = tmp_path / "flow"
    write_flow(flow, panned, FlowDirection.PREV_TO_NEXT)
    predictions, metrics = tmp_path / "predictions", tmp_path / "metrics"
    from vstc.formats.dataset import dataset_ref

    data = dataset_ref("dataset", panned.root)
    with open_artifact(predictions, kind="vstc.predictions", config={}, inputs=[data]) as made:
        for name in panned.clips[0].frame_names:
            path = panned.root / "labels" / "pan" / f"{name}.png"
            made.write_bytes(f"pan/{name}.png", path.read_bytes())
        made.finish()
    inputs = [input_ref("predictions", predictions), input_ref("flow", flow)]
    with open_artifact(metrics, kind="vstc.metrics", config={}, inputs=inputs) as made:
        made.write_json("metrics.json", {"totals": {"tc": 1.0}})
        made.finish()
    html = build_page(open_sources([metrics, predictions]), title="t").html
    assert "(flow: flow)" in html
    assert "0.0 % changed" in html


def flip(dataset: Dataset, name: str, rows: slice, *, to: int | None = None) -> None:
    """Change the class in some rows of one label map."""
    from vstc.formats.images import read_labels

    path = dataset.root / "labels" / "pan" / f"{name}.png"
    ids = read_labels(path)
    ids[rows] = 1 - ids[rows] if to is None else to
    path.write_bytes(encode_labels(ids, np.zeros((256, 3), np.uint8)))
