"""Rows of ``vstc bench carry`` along motion vectors: measured with PyAV, left out without it."""

from __future__ import annotations

import sys
import tempfile

import numpy as np
import pytest

from tests.propagation.moving_frames import panning
from vstc.bench.carry import CASES, bench_carry, choose_cases, runnable_cases
from vstc.bench.coded_clips import Encoding, coded_flow
from vstc.data.index.camvid import find_camvid
from vstc.errors import InputError, SetupError
from vstc.formats.dataset import Clip, Dataset, DatasetRecord, LabelClass, write_dataset
from vstc.formats.images import encode_labels, encode_rgb
from vstc.formats.video.motion_vectors import MotionVectorReader

STEP = (4, -3)
PALETTE = np.zeros((256, 3), np.uint8)
COUNT = 6


def write_pan(folder, *, crop=(96, 128)):
    """Write a clip of a panning camera, labelled throughout."""
    frames, labels = panning(COUNT, step=STEP)
    (folder / "labels").mkdir(parents=True)
    for index, (frame, truth) in enumerate(zip(frames, labels, strict=True)):
        name = f"{index:03d}.png"
        frame, truth = frame[: crop[0], : crop[1]], truth[: crop[0], : crop[1]]
        (folder / name).write_bytes(encode_rgb(np.ascontiguousarray(frame)))
        (folder / "labels" / name).write_bytes(encode_labels(np.ascontiguousarray(truth), PALETTE))
    names = [f"{index:03d}" for index in range(COUNT)]
    clip = Clip(
        id="pan",
        split="test",
        fps=25,
        frame_step=1,
        frames=[f"{name}.png" for name in names],
        labels={name: f"labels/{name}.png" for name in names},
    )
    classes = [LabelClass(id=n, name=f"class {n}", color=(n, n, n)) for n in range(4)]
    record = DatasetRecord(name="pan", root=".", classes=classes, clips=[clip])
    return Dataset(record, folder), clip


def test_labels_carried_along_an_encoders_vectors_stay_right(tmp_path):
    pytest.importorskip("av")
    dataset, clip = write_pan(tmp_path / "data")
    cases = {"hold": CASES["hold"], **choose_cases("H.264;mask: motion")}
    assert runnable_cases(cases) == cases
    told = []
    rows = bench_carry(dataset, clip, cases, distances=[1, 3], advance=told.append)
    assert sum(told) == len(cases) * COUNT
    scores = {row.name: [score.miou for score in row.scores] for row in rows}
    for name in cases:
        if name != "hold":
            assert scores[name][0] > scores["hold"][0] + 0.1
            assert scores[name][1] > scores["hold"][1] + 0.2
    masks = {row.name: row.scores[0].masks[0].flagged for row in rows if row.scores[0].masks}
    assert masks["mask: motion vectors"] >= masks["mask: motion vectors, without gaps"] > 0


def test_a_clip_is_encoded_so_that_its_vectors_link_neighbours(tmp_path, monkeypatch):
    pytest.importorskip("av")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    dataset, clip = write_pan(tmp_path / "data")
    before = set(tmp_path.iterdir())
    with coded_flow(dataset, clip, Encoding(18)):
        [folder] = set(tmp_path.iterdir()) - before
        fields = list(MotionVectorReader(folder / "clip.mp4").stream())
    assert set(tmp_path.iterdir()) == before
    assert len(fields) == COUNT
    for field in fields[1:]:
        inner = field.flow_next_to_prev[16:-16, 16:-16]
        np.testing.assert_allclose(np.median(inner, axis=(0, 1)), STEP, atol=0.26)


def test_frames_of_odd_size_cannot_be_encoded(tmp_path):
    pytest.importorskip("av")
    dataset, clip = write_pan(tmp_path / "data", crop=(95, 128))
    with pytest.raises(InputError, match="95x128 is odd"), coded_flow(dataset, clip, Encoding(28)):
        pass


def test_without_pyav_rows_are_left_out_or_refused(tmp_path, monkeypatch, run):
    monkeypatch.setitem(sys.modules, "av", None)
    left = runnable_cases(CASES)
    assert set(CASES) - set(left) == {name for name in CASES if CASES[name].encoding}
    with pytest.raises(SetupError, match="PyAV"):
        runnable_cases(choose_cases("H.264"))
    folder = tmp_path / "data"
    write_dataset(folder, write_pan(folder)[0].record)
    arguments = ["bench", "carry", folder, "--distances", "1", "--no-look-ahead"]
    done = run(*arguments, "--rows", "hold;H.264", "--json")
    assert [row["name"] for row in done.json["rows"]] == ["hold"]
    assert "rows of motion vectors are left out" in done.stderr
    assert "vstc[video]" in run(*arguments, "--rows", "H.264", code=5).stderr


def test_motion_vectors_carry_camvid_better_than_dis_ultrafast(real_data, tmp_path):
    pytest.importorskip("av")
    source = find_camvid(real_data / "camvid")
    dataset = Dataset(source.record(source.build(lambda _count: None), tmp_path), tmp_path)
    clip = dataset.clip("0016E5_dense_all")
    cases = choose_cases("H.264 motion vectors, crf 28, composed")
    distances = (1, 2, 4, 9)
    [row] = bench_carry(dataset, clip, cases, distances=distances, advance=lambda _count: None)
    found = [100 * score.miou for score in row.scores]
    # x264 of another version may choose a little differently.
    assert found == pytest.approx((86.63, 84.03, 79.93, 73.21), abs=0.5)
    dis_ultrafast = (86.44, 83.22, 77.78, 69.27)
    assert all(a > b for a, b in zip(found[1:], dis_ultrafast[1:], strict=True))
