"""Prepared frames, flow of all sources, and the maps of one step."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from tests.flow.moving_plane import make_dataset
from tests.propagation.moving_frames import PanFlow, panning
from vstc.errors import InputError
from vstc.flow.pipeline import FlowPlan
from vstc.flow.precompute import precompute_flow
from vstc.flow.providers import make_provider
from vstc.formats.flow.hdf5 import FlowDirection, flow_path
from vstc.formats.frames import FrameReader
from vstc.propagation.carrying.maps import identity_map
from vstc.propagation.frames import (
    ComputedFlow,
    StoredFlow,
    prepare_frame,
    scaled_size,
    step_maps,
)
from vstc.propagation.settings import PropagateSettings

STEP = (4, -2)


def settings_of(**values):
    return PropagateSettings.model_validate({"map_scale": 0.5, **values})


def displacement(path):
    return (path - identity_map(path.shape[:2])).reshape(-1, 2)


def pair(settings):
    frames, _ = panning(2, step=STEP)
    return [prepare_frame(index, frame, settings) for index, frame in enumerate(frames)]


def test_a_frame_is_prepared_grey_and_shrunk():
    frame = panning(1)[0][0]
    whole = prepare_frame(3, frame, PropagateSettings())
    np.testing.assert_array_equal(whole.gray, cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY))
    assert (whole.index, whole.size) == (3, frame.shape[:2])
    half = prepare_frame(3, frame, settings_of(flow={"scale": 0.5}))
    assert half.gray.shape == (48, 64)
    assert half.gray.flags.c_contiguous
    assert scaled_size((1, 3), 0.25) == (1, 1)


FORMS = [
    # settings, pairs (target, source) that flow is asked for when frame 1 is carried to
    ({}, [(1, 0)]),
    ({"warping": "eq1", "iam": {"flows": 1}}, [(0, 1)]),
    ({"iam": {"flows": 1, "always": True}}, [(1, 0)]),
    ({"warping": "eq1", "iam": {"flows": 1, "always": True}}, [(0, 1)]),
    ({"iam": {"flows": 2, "always": True}}, [(1, 0), (0, 1)]),
]


@pytest.mark.parametrize(("values", "pairs"), FORMS)
def test_every_form_makes_the_same_maps_of_constant_flow(values, pairs):
    settings, flows = settings_of(**values), PanFlow(STEP)
    prev, cur = pair(settings)
    maps = step_maps(flows, cur, prev, settings)
    assert flows.pairs == pairs
    # At half the size, vectors are half as long.
    np.testing.assert_allclose(displacement(maps.there), [(2, -1)] * (48 * 64), atol=1e-5)
    if settings.needs_doubt:
        np.testing.assert_allclose(displacement(maps.back), [(-2, 1)] * (48 * 64), atol=1e-5)
    else:
        assert maps.back is None


def test_carrying_to_an_earlier_frame_turns_everything_round():
    settings, flows = settings_of(), PanFlow(STEP)
    prev, cur = pair(settings)
    maps = step_maps(flows, prev, cur, settings)
    assert flows.pairs == [(0, 1)]
    np.testing.assert_allclose(displacement(maps.there), [(-2, 1)] * (48 * 64), atol=1e-5)


def test_flow_of_shrunken_frames_is_scaled_back():
    for scale in (1.0, 0.5):
        settings = settings_of(flow={"scale": scale, "params": {"finest_scale": 0}})
        prev, cur = pair(settings)
        maps = step_maps(ComputedFlow(settings.flow.make_provider()), cur, prev, settings)
        np.testing.assert_allclose(np.median(displacement(maps.there), axis=0), (2, -1), atol=0.1)


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """A clip, and its flow on disk in one direction and in both."""
    root = tmp_path_factory.mktemp("stored")
    dataset = make_dataset(root / "data", {"a": 3})
    provider = make_provider("dis-ultrafast")
    for folder, directions in (("one", [FlowDirection.NEXT_TO_PREV]), ("both", FlowDirection)):
        plan = FlowPlan(directions=tuple(directions), workers=1)
        (root / folder).mkdir()
        precompute_flow(dataset, dataset.clips, provider, folder=root / folder, plan=plan)
    return root, dataset


def test_stored_flow_is_computed_flow_in_both_directions(stored):
    root, dataset = stored
    settings = settings_of()
    reader, clip = FrameReader(dataset), dataset.clips[0]
    frames = [prepare_frame(i, reader.read(clip, i), settings) for i in range(3)]
    disk = StoredFlow(flow_path(root / "both", "a"))
    fresh = ComputedFlow(make_provider("dis-ultrafast"))
    for target, source in ((1, 0), (2, 1), (0, 1), (1, 2)):
        np.testing.assert_allclose(
            disk.flow(frames[target], frames[source]),
            fresh.flow(frames[target], frames[source]),
            atol=1 / 128,
        )


def test_stored_flow_that_is_missing_or_of_another_size_is_refused(stored):
    root, dataset = stored
    settings = settings_of()
    reader, clip = FrameReader(dataset), dataset.clips[0]
    frames = [prepare_frame(i, reader.read(clip, i), settings) for i in range(3)]
    disk = StoredFlow(flow_path(root / "one", "a"))
    with pytest.raises(InputError, match="prev_to_next"):
        disk.flow(frames[0], frames[1])
    with pytest.raises(InputError, match="gap 2"):
        disk.flow(frames[2], frames[0])
    small = prepare_frame(1, frames[1].rgb[:48], settings)
    with pytest.raises(InputError, match="96 x 128"):
        disk.flow(small, frames[0])
