"""Blocks without a motion vector are doubted, from step to step, in the engine and the pipeline."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch

from tests.formats.coded_videos import FakeAv, encode, fake_frame, vectors
from tests.propagation.moving_frames import HEIGHT, WIDTH, ColorKeys, PanFlow, panning
from vstc.formats.dataset import Clip, Dataset, DatasetRecord, VideoFrame
from vstc.formats.video.coded_frames import CodedVideoReader
from vstc.formats.video.motion_field import FrameVectors
from vstc.propagation.carrying.inconsistency import gather_doubt, no_doubt
from vstc.propagation.engine import Propagator
from vstc.propagation.frames import prepare_frame, step_maps
from vstc.propagation.motion_flow import MotionVectorFlow, MotionVectorFlows, open_clip
from vstc.propagation.settings import PropagateSettings
from vstc.propagation.stages import Networks
from vstc.propagation.threads.pipeline import Pipeline

pytestmark = pytest.mark.usefixtures("one_thread")
STEP = (4, 2)
SIZE = (HEIGHT, WIDTH)


def chosen(**changes):
    values = {
        "flow": {"method": "motion-vectors"},
        "mode": "evs",
        "interval": 4,
        "iam": {"flows": 1, "always": True, **changes.pop("iam", {})},
        "schedule": {"cuts": False},
        **changes,
    }
    return PropagateSettings.model_validate(values)


def moved(*, without=()):
    """Make vectors of a frame that moved by ``STEP``; blocks in ``without`` are intra."""
    places = [(x, y) for y in range(8, HEIGHT, 16) for x in range(8, WIDTH, 16)]
    rows = [(16, 16, x, y, *np.multiply(STEP, 4)) for x, y in places if (x, y) not in without]
    return vectors(*rows)


def frames_of(blocks, settings):
    return [
        prepare_frame(n, np.zeros((*SIZE, 3), np.uint8), settings, vectors=FrameVectors(one, SIZE))
        for n, one in enumerate(blocks)
    ]


def test_gaps_are_marked_on_the_grid_of_the_maps():
    settings = chosen()
    before, now = frames_of([moved(), moved(without=[(24, 8), (40, 8)])], settings)
    flows = MotionVectorFlow("made up", [0, 1])
    maps = step_maps(flows, now, before, settings)
    assert maps.blind.shape == maps.there.shape[:2] == (HEIGHT // 4, WIDTH // 4)
    expected = np.zeros_like(maps.blind)
    expected[:4, 4:12] = 1
    np.testing.assert_array_equal(maps.blind, expected)


def test_no_gaps_are_told_where_nobody_asks_or_flow_has_none():
    frames = {}
    for name, settings in {
        "left out": chosen(iam={"gaps": False}),
        "no mask": chosen(iam={"always": False}),
    }.items():
        before, now = frames[name] = frames_of([moved(), moved(without=[(24, 8)])], settings)
        maps = step_maps(MotionVectorFlow("made up", [0, 1]), now, before, settings)
        assert maps.blind is None
    before, now = frames["left out"]
    assert step_maps(PanFlow(STEP), now, before, chosen()).blind is None


def test_gaps_are_carried_with_the_labels():
    settings = chosen(map_scale=1.0, iam={"outside": False})
    frames = frames_of([moved(), moved(without=[(72, 56)]), moved()], settings)
    flows = MotionVectorFlow("made up", [0, 1, 2])
    labels, doubt = np.zeros(SIZE, np.uint8), no_doubt(SIZE)
    shares = []
    for before, now in zip(frames, frames[1:], strict=False):
        maps = step_maps(flows, now, before, settings)
        doubt = gather_doubt(doubt, labels, maps, with_outside=False)
        shares.append(doubt.share)
    expected = np.zeros(SIZE, np.uint8)
    expected[48 - STEP[1] : 64 - STEP[1], 64 - STEP[0] : 80 - STEP[0]] = 1
    np.testing.assert_array_equal(doubt.flagged, expected)
    assert shares == [256 / (HEIGHT * WIDTH)] * 2


def test_an_intra_frame_makes_an_adaptive_schedule_place_a_key_frame():
    schedule = {"kind": "adaptive", "threshold": 0.9, "cuts": False}
    images, _ = panning(6, step=STEP)
    blocks = [moved(), moved(), moved(), moved()[:0], moved(), moved()]
    found = {}
    for gaps in (True, False):
        settings = chosen(interval=6, schedule=schedule, iam={"gaps": gaps})
        networks = Networks(ColorKeys(), MotionVectorFlow("made up", range(6)))
        engine = Propagator(settings, networks)
        results = [
            result
            for rgb, one in zip(images, blocks, strict=True)
            for result in engine.step(rgb, vectors=FrameVectors(one, SIZE))
        ]
        found[gaps] = [result.index for result in results if result.is_key]
    assert found == {True: [0, 3], False: [0]}


class Halves:
    """A refiner that takes half of the colours and half of what was carried."""

    takes_feature = takes_residual = False

    def refine(self, given):
        size = (given.probabilities.shape[-2], given.probabilities.shape[-1])
        colours = ColorKeys().scores(given.frame, size).softmax(dim=1)
        return (given.probabilities + colours) / 2


SETTINGS = {
    "plain": chosen(iam={"always": False}),
    "doubt": chosen(),
    "every": chosen(refine="every"),
    "every, no gaps": chosen(refine="every", iam={"gaps": False}),
    "last, labels at a half": chosen(refine="last", map_scale=0.5),
    "adaptive": chosen(schedule={"kind": "adaptive", "threshold": 0.1, "cuts": False}),
}


def run_both(path, settings):
    """Return results of the engine, which reads frame by frame, and of the pipeline."""
    frames = list(CodedVideoReader(path).stream())
    places = [VideoFrame(video=path.name, index=n) for n in range(len(frames))]
    clip = Clip(id="clip", split="test", frames=places)
    dataset = Dataset(DatasetRecord(name="x", root=".", classes=[], clips=[clip]), path.parent)
    flows = MotionVectorFlows(dataset)
    networks = Networks(ColorKeys(), flows.of(clip), refiner=Halves())
    engine = Propagator(settings, networks)
    expected = [r for one in frames for r in engine.step(one.image, vectors=one.vectors)]
    with Pipeline(settings, workers=2) as pipeline:
        stream = open_clip(dataset, clip, flows)
        return expected, [one.result for one in pipeline.run(stream, networks)]


def assert_same(expected, results):
    assert [one.index for one in results] == list(range(len(expected)))
    for one, other in zip(results, expected, strict=True):
        np.testing.assert_array_equal(one.labels, other.labels)
        assert (one.key_index, one.is_refined) == (other.key_index, other.is_refined)
        assert one.flagged_share == other.flagged_share
        assert (one.scores is None) == (other.scores is None)
        assert one.scores is None or torch.equal(one.scores, other.scores)


@pytest.mark.parametrize("name", SETTINGS)
def test_the_pipeline_gives_what_the_engine_gives(name, monkeypatch, tmp_path):
    images, _ = panning(9, step=STEP)
    without = [(x, y) for x in range(8, WIDTH, 48) for y in range(8, HEIGHT, 32)]
    coded = [
        fake_frame(moved(without=without[n:]), size=SIZE, rgb=rgb) for n, rgb in enumerate(images)
    ]
    coded[0] = fake_frame(size=SIZE, rgb=images[0])
    module = FakeAv(coded)
    monkeypatch.setitem(sys.modules, "av", module)
    (tmp_path / "v.mp4").write_bytes(b"video")
    assert_same(*run_both(tmp_path / "v.mp4", SETTINGS[name]))
    assert module.opened == 2  # once for each


def test_a_video_of_a_real_encoder_is_doubted_alike(tmp_path):
    pytest.importorskip("av")
    first, second = panning(6, step=STEP)[0], panning(6, step=(0, 3), seed=5)[0]
    for frame, other in zip(first[2:], second[2:], strict=True):
        frame[32:64, 48:96] = other[32:64, 48:96]  # what was not there before
    path = encode(tmp_path / "v.mp4", first, bf=0, refs=1, threads=1, crf=18)
    gaps = [
        float(1 - one.vectors.dense().has_vector.mean()) for one in CodedVideoReader(path).stream()
    ]
    assert gaps[0] == 1
    assert 0.02 < max(gaps[1:]) < 1
    expected, results = run_both(path, chosen(refine="every"))
    assert_same(expected, results)
    shares = [one.flagged_share for one in run_both(path, chosen(refine="every"))[1]]
    plain = chosen(refine="every", iam={"gaps": False})
    less = [one.flagged_share for one in run_both(path, plain)[1]]
    assert all(a >= b for a, b in zip(shares[1:4], less[1:4], strict=True))
    assert sum(shares[1:4]) > sum(less[1:4])
