"""Motion vectors as the flow of propagation: which frames they link, and which they refuse."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from tests.formats.coded_videos import FakeAv, encode, fake_frame, vectors
from tests.propagation.moving_frames import panning, true_keys
from vstc.errors import InputError, SetupError
from vstc.formats.dataset import Clip, Dataset, DatasetRecord, VideoFrame
from vstc.formats.video.files import VideoReader
from vstc.propagation.engine import Propagator
from vstc.propagation.frames import prepare_frame
from vstc.propagation.motion_flow import MotionVectorFlow, MotionVectorFlows
from vstc.propagation.settings import PropagateSettings
from vstc.propagation.stages import Networks

SETTINGS = PropagateSettings.model_validate({"flow": {"method": "motion-vectors"}})
SIZE = (16, 32)


def frame(index, size=SIZE):
    return prepare_frame(index, np.zeros((*size, 3), np.uint8), SETTINGS)


@pytest.fixture
def video(monkeypatch, tmp_path):
    """A video whose frame n moved by n pixels."""
    moved = [fake_frame(vectors((16, 16, 8, 8, 4 * n, 0))) for n in range(1, 6)]
    module = FakeAv([fake_frame(), *moved])
    monkeypatch.setitem(sys.modules, "av", module)
    path = tmp_path / "made_up.mp4"
    path.write_bytes(b"video")
    return path


def clips_of(folder, **frames):
    clips = [Clip(id=name, split="test", frames=found) for name, found in frames.items()]
    record = DatasetRecord(name="made up", root=".", classes=[], clips=clips)
    return Dataset(record, folder), clips


def in_video(path, indices):
    return [VideoFrame(video=path.name, index=index) for index in indices]


def test_flow_leads_to_the_frame_before_by_numbers_of_the_video(video):
    flows = MotionVectorFlow(video, [2, 3, 4])
    found = flows.flow(frame(1), frame(0))
    assert found.shape == (*SIZE, 2)
    np.testing.assert_array_equal(found[:, :16], np.full((16, 16, 2), (3, 0)))
    assert not found[:, 16:].any()


@pytest.mark.parametrize(
    ("numbers", "target", "source", "reason"),
    [
        ([0, 1, 2], frame(0), frame(1), "look-ahead and masks of two flows"),
        ([0, 1, 2], frame(2), frame(0), "not from 2 to 0"),
        ([0, 2, 4], frame(1), frame(0), "frames 0 and 2 .* no neighbours"),
        ([0, 1, 2], frame(1, (8, 8)), frame(0, (8, 8)), "16 x 32 pixels, these have 8 x 8"),
    ],
)
def test_other_pairs_are_refused(video, numbers, target, source, reason):
    flows = MotionVectorFlow(video, numbers)
    with pytest.raises(InputError, match=reason):
        flows.flow(target, source)


def test_clips_that_share_a_video_share_its_reader(video, tmp_path):
    dataset, clips = clips_of(
        tmp_path, first=in_video(video, range(3)), second=in_video(video, range(3, 6))
    )
    flows = MotionVectorFlows(dataset)
    flows.check(clips)
    found = [flows.of(clip).flow(frame(1), frame(0))[0, 0, 0] for clip in clips]
    assert found == [1, 4]
    assert flows.method == "motion-vectors"
    assert sys.modules["av"].opened == 2  # once to check, once to read


def test_what_has_no_motion_vectors_is_refused(video, tmp_path):
    dataset, (images, mixed, sparse) = clips_of(
        tmp_path,
        images=["a.png", "b.png"],
        mixed=[*in_video(video, [0]), "b.png"],
        sparse=in_video(video, [0, 2]),
    )
    flows = MotionVectorFlows(dataset)
    for clip in (images, mixed):
        with pytest.raises(InputError, match=f"clip {clip.id} is not one video"):
            flows.check([clip])
    with pytest.raises(InputError, match="sparse leaves out frames"):
        flows.check([sparse])
    for stream in (flows, MotionVectorFlows(None)):
        with pytest.raises(InputError, match="pipe or a camera"):
            stream.of(None)


def test_without_pyav_a_run_is_refused(video, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    dataset, clips = clips_of(tmp_path, clip=in_video(video, range(3)))
    with pytest.raises(SetupError, match="PyAV"):
        MotionVectorFlows(dataset).check(clips)


def test_labels_follow_the_vectors_of_a_real_encoder(tmp_path):
    pytest.importorskip("av")
    frames, truth = panning(5, step=(3, -2))
    path = encode(tmp_path / "pan.mp4", frames, bf=0, refs=1, threads=1)
    dataset, [clip] = clips_of(tmp_path, pan=in_video(path, range(5)))
    flows = MotionVectorFlows(dataset)
    flows.check([clip])
    shares = {}
    for warps in (True, False):
        settings = PropagateSettings.model_validate(
            {
                "flow": {"method": "motion-vectors"},
                "warp": warps,
                "carry": "labels",
                "carry_scale": 1.0,
                "map_scale": 1.0,
                "schedule": {"cuts": False},
            }
        )
        networks = Networks(true_keys(truth), flows.of(clip) if warps else None)
        propagator = Propagator(settings, networks)
        shown = [result for rgb in VideoReader(path).stream() for result in propagator.step(rgb)]
        last, right = shown[4].labels[16:-16, 16:-16], truth[4][16:-16, 16:-16]
        shares[warps] = float(np.mean(last == right))
    assert shares[True] > 0.98
    assert shares[False] < 0.9
