"""The engine as a whole: what is carried where, in order, with bounded memory."""

from __future__ import annotations

import weakref

import numpy as np
import pytest
import torch

from tests.propagation.moving_frames import (
    HEIGHT,
    WIDTH,
    ColorKeys,
    PanFlow,
    panning,
    prepared,
    true_keys,
)
from vstc.errors import ConfigError, InputError
from vstc.flow.providers import make_provider
from vstc.propagation.engine import Propagator
from vstc.propagation.frames import ComputedFlow
from vstc.propagation.presets import PAPER_TABLE, preset
from vstc.propagation.settings import PropagateSettings
from vstc.propagation.stages import Networks

STEP = (2, 1)
FULL = {"carry": "labels", "carry_scale": 1.0, "map_scale": 1.0}


def settings_of(**values):
    return PropagateSettings.model_validate({**FULL, "schedule": {"cuts": False}, **values})


def run_all(settings, networks, frames):
    propagator = Propagator(settings, networks)
    shown = [result for frame in frames for result in propagator.step(frame)]
    return shown + propagator.finish()


def inner(labels, *, margin):
    return labels[margin:-margin, margin:-margin]


@pytest.fixture(scope="module")
def clip():
    return panning(12, step=STEP)


@pytest.mark.parametrize("scheme", ["chained", "composed"])
def test_labels_follow_exact_flow_exactly(clip, scheme):
    frames, truth = clip
    networks = Networks(true_keys(truth), PanFlow(STEP))
    shown = run_all(settings_of(interval=5, scheme=scheme), networks, frames)
    assert [result.index for result in shown] == list(range(12))
    assert [result.key_index for result in shown] == [0] * 5 + [5] * 5 + [10] * 2
    for result in shown:
        np.testing.assert_array_equal(
            inner(result.labels, margin=8), inner(truth[result.index], margin=8)
        )


def test_held_labels_are_those_of_the_key_frame_and_need_no_flow(clip):
    frames, truth = clip
    shown = run_all(settings_of(interval=4, warp=False), Networks(true_keys(truth)), frames)
    for result in shown:
        np.testing.assert_array_equal(result.labels, truth[result.key_index])


def test_causal_flow_is_asked_for_once_per_carried_frame_on_its_own_grid(clip):
    frames, truth = clip
    flow = PanFlow(STEP)
    run_all(settings_of(interval=3), Networks(true_keys(truth), flow), frames[:7])
    assert flow.pairs == [(1, 0), (2, 1), (4, 3), (5, 4)]


def test_look_ahead_carries_from_the_nearer_key_frame_with_as_many_flows(clip):
    frames, truth = clip
    flow = PanFlow(STEP)
    networks = Networks(true_keys(truth), flow)
    propagator = Propagator(settings_of(interval=5, look_ahead=True), networks)
    arrivals = [[r.index for r in propagator.step(frame)] for frame in frames]
    assert arrivals[:6] == [[0], [], [], [], [], [1, 2, 3, 4, 5]]
    assert [result.index for result in propagator.finish()] == [11]
    shown = run_all(settings_of(interval=5, look_ahead=True), networks, frames)
    assert [r.key_index for r in shown] == [0, 0, 0, 5, 5, 5, 5, 5, 10, 10, 10, 10]
    assert [r.distance for r in shown] == [0, 1, 2, 2, 1, 0, 1, 2, 2, 1, 0, 1]
    assert flow.pairs[:4] == [(4, 5), (3, 4), (1, 0), (2, 1)]
    for result in shown:
        np.testing.assert_array_equal(
            inner(result.labels, margin=8), inner(truth[result.index], margin=8)
        )


def test_real_flow_carries_better_than_holding(clip):
    frames, truth = clip
    networks = Networks(true_keys(truth), ComputedFlow(make_provider("dis-ultrafast")))

    def errors(**values):
        shown = run_all(settings_of(interval=6, **values), networks, frames)
        return np.mean([(r.labels != truth[r.index]).mean() for r in shown])

    assert errors() < errors(warp=False) / 4


def test_clips_of_one_and_two_frames(clip):
    frames, truth = clip
    networks = Networks(true_keys(truth), PanFlow(STEP))
    for look_ahead in (False, True):
        settings = settings_of(interval=5, look_ahead=look_ahead)
        one, two = (run_all(settings, networks, frames[:n]) for n in (1, 2))
        assert [(r.index, r.key_index) for r in one] == [(0, 0)]
        assert [(r.index, r.key_index) for r in two] == [(0, 0), (1, 0)]
        assert run_all(settings, networks, []) == []


def test_finish_begins_another_clip(clip):
    frames, truth = clip
    propagator = Propagator(settings_of(interval=5), Networks(true_keys(truth), PanFlow(STEP)))
    first = [r.key_index for frame in frames[:4] for r in propagator.step(frame)]
    assert propagator.finish() == []
    again = [(r.index, r.is_key, r.is_cut) for frame in frames[:2] for r in propagator.step(frame)]
    assert first == [0] * 4
    assert again == [(0, True, False), (1, False, False)]


def test_another_size_begins_anew_with_a_key_frame(clip):
    frames, truth = clip
    small = [np.ascontiguousarray(frame[:64, :80]) for frame in frames]
    keys = true_keys([*truth[:3], *(labels[:64, :80] for labels in truth[3:])])
    for look_ahead in (False, True):
        settings = settings_of(interval=5, look_ahead=look_ahead)
        shown = run_all(settings, Networks(keys, PanFlow(STEP)), [*frames[:3], *small[3:6]])
        assert [r.key_index for r in shown] == [0, 0, 0, 3, 3, 3]
        assert [r.is_cut for r in shown] == [False] * 3 + [True] + [False] * 2
        assert shown[2].labels.shape == (HEIGHT, WIDTH)
        assert shown[5].labels.shape == (64, 80)


@pytest.mark.parametrize("look_ahead", [False, True])
def test_a_scene_cut_is_a_key_frame_and_nothing_is_carried_across(clip, look_ahead):
    frames, truth = clip
    others, other_truth = panning(4, step=STEP, seed=9)
    keys = true_keys([*truth[:7], *other_truth])
    settings = settings_of(interval=5, look_ahead=look_ahead, schedule={"cuts": True})
    shown = run_all(settings, Networks(keys, PanFlow(STEP)), [*frames[:7], *others])
    assert [r.index for r in shown if r.is_cut] == [7]
    assert [r.key_index for r in shown] == [0] * (3 if look_ahead else 5) + (
        [5] * 4 if look_ahead else [5] * 2
    ) + [7] * 4


@pytest.mark.parametrize("look_ahead", [False, True])
def test_a_missing_frame_shows_its_neighbour_and_is_bridged(clip, look_ahead):
    frames, truth = clip
    flow = PanFlow(STEP)
    given = [*frames[:2], None, *frames[3:6]]
    settings = settings_of(interval=5, look_ahead=look_ahead)
    shown = run_all(settings, Networks(true_keys(truth), flow), given)
    assert [r.index for r in shown] == list(range(6))
    assert [r.is_missing for r in shown] == [False, False, True, False, False, False]
    np.testing.assert_array_equal(shown[2].labels, shown[1].labels)
    if not look_ahead:
        assert (3, 1) in flow.pairs
    np.testing.assert_array_equal(inner(shown[4].labels, margin=8), inner(truth[4], margin=8))


def test_a_missing_frame_that_was_to_be_a_key_frame_hands_that_on(clip):
    frames, truth = clip
    given = [*frames[:3], None, *frames[4:8]]
    shown = run_all(settings_of(interval=3), Networks(true_keys(truth), PanFlow(STEP)), given)
    assert [r.key_index for r in shown] == [0, 0, 0, 0, 4, 4, 4, 7]


@pytest.mark.parametrize("look_ahead", [False, True])
def test_a_clip_that_begins_with_a_missing_frame_is_an_error(clip, look_ahead):
    frames, truth = clip
    settings = settings_of(interval=2, look_ahead=look_ahead, schedule={"kind": "given"})
    propagator = Propagator(settings, Networks(true_keys(truth, only={8}), PanFlow(STEP)))
    with pytest.raises(InputError, match="frame 0"):
        list(map(propagator.step, [None, *frames[1:6]]))


def test_given_key_frames_are_carried_both_ways_with_look_ahead(clip):
    frames, truth = clip
    networks = Networks(true_keys(truth, only={3, 7}), PanFlow(STEP))
    settings = settings_of(interval=5, look_ahead=True, schedule={"kind": "given"})
    shown = run_all(settings, networks, frames[:10])
    assert [r.key_index for r in shown] == [3] * 6 + [7] * 4
    for result in shown:
        np.testing.assert_array_equal(
            inner(result.labels, margin=8), inner(truth[result.index], margin=8)
        )


def test_no_more_than_an_interval_waits_for_given_key_frames(clip):
    frames, truth = clip
    networks = Networks(true_keys(truth, only={0, 9}), PanFlow(STEP))
    settings = settings_of(interval=3, look_ahead=True, schedule={"kind": "given"})
    propagator = Propagator(settings, networks)
    arrivals = [[r.index for r in propagator.step(frame)] for frame in frames]
    assert arrivals[:8] == [[0], [], [], [1, 2, 3], [], [], [4, 5, 6], []]
    assert arrivals[9] == [7, 8, 9]


@pytest.mark.parametrize("look_ahead", [False, True])
def test_an_adaptive_schedule_places_key_frames_where_labels_are_doubted(look_ahead):
    frames, truth = panning(12, step=(6, 4))

    class Doubtful(PanFlow):
        """Flow that does not come back from frame 5 to frame 4."""

        def flow(self, target, source):
            flow = super().flow(target, source)
            return flow * 0 if (target.index, source.index) == (4, 5) else flow

    settings = settings_of(
        interval=9,
        look_ahead=look_ahead,
        schedule={"kind": "adaptive", "threshold": 0.02, "cuts": False},
        iam={"outside": False},
    )
    shown = run_all(settings, Networks(true_keys(truth), Doubtful((6, 4))), frames)
    assert [r.index for r in shown if r.is_key] == [0, 5]
    shares = [r.flagged_share for r in shown]
    assert shares[0] is shares[5] is None
    assert look_ahead or max(share for share in shares if share is not None) <= 0.02


def test_memory_does_not_grow_with_the_clip(clip):
    frames, truth = clip
    for look_ahead in (False, True):
        networks = Networks(true_keys(truth * 4), PanFlow(STEP))
        propagator = Propagator(settings_of(interval=4, look_ahead=look_ahead), networks)
        alive, seen = [], []
        for frame in frames * 4:
            fresh = frame.copy()
            seen.append(weakref.ref(fresh))
            shown = propagator.step(fresh)
            seen += [weakref.ref(result.labels) for result in shown if not result.is_key]
            del fresh, shown
            alive.append(sum(ref() is not None for ref in seen))
        assert max(alive) <= (5 if look_ahead else 1)


def test_evs_01_refreshes_what_is_doubted_and_keeps_the_rest(clip):
    frames, _ = clip
    keys = ColorKeys()
    settings = preset("evs-01").model_copy(update={"map_scale": 1.0, "carry_scale": 1.0})
    shown = run_all(settings, Networks(keys, PanFlow((0, 0))), [frames[0]] * 2 + frames[1:3])
    assert keys.calls == [0, 1, 2, 3]
    assert [r.is_refined for r in shown] == [False, True, True, True]
    # Nothing is doubted where flow says that nothing moves, so nothing is ever refreshed.
    assert [r.flagged_share for r in shown] == [None, 0.0, 0.0, 0.0]
    np.testing.assert_array_equal(shown[3].labels, shown[0].labels)


def test_the_age_limit_refreshes_what_is_never_doubted(clip):
    frames, _ = clip
    values = {
        "mode": "evs", "refine": "fuse", "interval": 1, "carry": "probabilities",
        "carry_scale": 1.0, "map_scale": 1.0, "iam": {"max_age": 2}, "schedule": {"cuts": False},
    }  # fmt: skip
    settings = PropagateSettings.model_validate(values)
    still = Networks(ColorKeys(), PanFlow((0, 0)))
    shown = run_all(settings, still, frames[:5])
    fresh = [run_all(settings, still, [frame])[0].labels for frame in frames[:5]]
    expected = [0, 0, 2, 2, 4]  # the frame whose labels are shown
    for result, source in zip(shown, expected, strict=True):
        np.testing.assert_array_equal(result.labels, fresh[source])


class CountingRefiner:
    """Says that everything is class 1; it keeps what it was given."""

    def __init__(self, *, takes_feature=False, takes_residual=False):
        self.takes_feature = takes_feature
        self.takes_residual = takes_residual
        self.given = []

    def refine(self, given):
        self.given.append(given)
        sure = torch.zeros_like(given.probabilities)
        sure[:, 1] = 1
        return sure


EVS = {
    "mode": "evs", "interval": 4, "carry": "probabilities", "carry_scale": 0.25,
    "map_scale": 0.25, "schedule": {"cuts": False},
}  # fmt: skip


@pytest.mark.parametrize(
    ("refine", "refined"), [("last", [3, 7]), ("every", [1, 2, 3, 5, 6, 7]), ("never", [])]
)
def test_the_refiner_sees_the_frames_that_it_should(clip, refine, refined):
    frames, _ = clip
    refiner = CountingRefiner()
    settings = PropagateSettings.model_validate({**EVS, "refine": refine})
    shown = run_all(settings, Networks(ColorKeys(), PanFlow(STEP), refiner), frames[:9])
    assert [given.frame.index for given in refiner.given] == refined
    assert [r.index for r in shown if r.is_refined] == refined


def test_with_look_ahead_the_farthest_frames_of_both_sides_are_refined(clip):
    frames, _ = clip
    refiner = CountingRefiner()
    settings = PropagateSettings.model_validate(
        {**EVS, "interval": 5, "refine": "last", "look_ahead": True}
    )
    shown = run_all(settings, Networks(ColorKeys(), PanFlow(STEP), refiner), frames[:6])
    assert [r.index for r in shown if r.is_refined] == [2, 3]


def test_frames_with_few_flagged_pixels_are_left_alone(clip):
    frames, _ = clip
    refiner = CountingRefiner()
    settings = PropagateSettings.model_validate({**EVS, "refine": "every", "refine_above": 0.99})
    run_all(settings, Networks(ColorKeys(), PanFlow(STEP), refiner), frames[:4])
    assert refiner.given == []


def test_refined_pixels_are_those_that_the_mask_flags_and_go_on_from_there(clip):
    frames, _ = clip
    refiner = CountingRefiner()
    iam = {"radius": 0, "sigma": 0.0, "outside": True}
    settings = PropagateSettings.model_validate(
        {**EVS, "refine": "every", "iam": iam, "map_scale": 1.0, "carry_scale": 1.0}
    )
    networks = Networks(ColorKeys(), PanFlow((4, 0)), refiner)
    plain = run_all(settings.model_copy(update={"refine": "never"}), networks, frames[:3])
    shown = run_all(settings, networks, frames[:3])
    weights = refiner.given[0].attention
    assert 0 < weights.mean() < 0.1
    np.testing.assert_array_equal(shown[1].labels[weights == 1], 1)
    keeps = weights == 0
    np.testing.assert_array_equal(shown[1].labels[keeps], plain[1].labels[keeps])
    # What came in at the right rim was refined at frame 1 and is carried on to frame 2.
    assert (shown[2].labels[:, -8:] == 1).all()


def test_the_refiner_gets_the_feature_and_the_residual_that_it_wants(clip):
    frames, _ = clip
    refiner = CountingRefiner(takes_feature=True, takes_residual=True)
    settings = PropagateSettings.model_validate({**EVS, "refine": "every"})
    run_all(settings, Networks(ColorKeys(), PanFlow((4, 0)), refiner), frames[:3])
    first = refiner.given[0]
    assert first.feature.values.shape == (1, 3, HEIGHT // 4, WIDTH // 4)
    assert first.residual.shape == (HEIGHT // 4, WIDTH // 4)
    assert 0 <= first.residual.min() <= first.residual.max() <= 1
    # The camera pans by (2, 1); flow that says (4, 0) leaves a difference, no motion more so.
    exact = CountingRefiner(takes_residual=True)
    run_all(settings, Networks(ColorKeys(), PanFlow(STEP), exact), frames[:3])
    assert exact.given[1].residual.mean() < refiner.given[1].residual.mean()


def test_features_of_the_key_frame_are_carried_and_classified(clip):
    frames, _ = clip
    keys = ColorKeys()
    values = {"mode": "features", "carry_scale": 0.25, "map_scale": 0.25, "interval": 3}
    settings = PropagateSettings.model_validate({**values, "schedule": {"cuts": False}})
    shown = run_all(settings, Networks(keys, PanFlow((4, 0)), head=keys), frames[:2])
    still, _ = panning(1)
    feature = keys.scores(prepared(still, settings)[0], (HEIGHT // 4, WIDTH // 4))
    np.testing.assert_allclose(
        shown[1].scores[0, :, :, :-1].numpy(), feature[0, :, :, 1:].numpy(), atol=1e-4
    )


def test_what_is_missing_is_refused_at_once():
    keys = ColorKeys()
    flow = PanFlow(STEP)
    cases = [
        ({}, Networks(keys), "flow"),
        ({**EVS, "refine": "last"}, Networks(keys, flow), "vstc refiner train"),
        ({"mode": "features"}, Networks(keys, flow), "head"),
        ({"mode": "fusion"}, Networks(keys, flow, head=keys), "light"),
        ({"mode": "fusion"}, Networks(keys, flow, head=keys, light=keys), "merging"),
    ]
    for values, networks, word in cases:
        with pytest.raises(ConfigError, match=word):
            Propagator(PropagateSettings.model_validate(values), networks)


@pytest.mark.parametrize("name", sorted(PAPER_TABLE))
def test_every_paper_preset_runs(clip, name):
    frames, _ = clip
    networks = Networks(
        ColorKeys(), ComputedFlow(make_provider("dis-ultrafast")), CountingRefiner()
    )
    shown = run_all(preset(name), networks, frames)
    assert [r.index for r in shown] == list(range(12))
    assert {r.labels.shape for r in shown} == {(HEIGHT, WIDTH)}
    interval = preset(name).interval
    assert [r.index for r in shown if r.is_key] == list(range(0, 12, interval))
