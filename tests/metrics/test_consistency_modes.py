"""TC by every protocol: recorded values, and what must hold whatever the mode."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.metrics.slow_references import slow_class_scores, slow_warp
from vstc.errors import ConfigError
from vstc.metrics.consistency import TemporalConsistency
from vstc.metrics.consistency_protocol import (
    Border,
    ConsistencyMode,
    ConsistencyProtocol,
    Direction,
    Occlusion,
)
from vstc.metrics.occlusion import visible_by_flow

GOLDENS = Path(__file__).parent / "goldens"
MODES = list(ConsistencyMode)
FREE_MODES = [ConsistencyMode.NEAREST, ConsistencyMode.ONEHOT]
PROTOCOLS = [
    *(ConsistencyProtocol(mode=mode) for mode in MODES),
    *(ConsistencyProtocol(mode=mode, border=Border.CLAMP) for mode in FREE_MODES),
    ConsistencyProtocol(direction=Direction.PREV),
    ConsistencyProtocol(occlusion=Occlusion.FB),
    ConsistencyProtocol(direction=Direction.PREV, occlusion=Occlusion.FB),
    ConsistencyProtocol(excluded=(0,)),
]


@pytest.fixture(scope="module")
def golden():
    arrays = np.load(GOLDENS / "tc.npz")
    record = json.loads((GOLDENS / "tc.json").read_text())
    return arrays["labels"], arrays["flows"], record["results"]


def add_clip(metric, name, labels, forward, backward=None, pairs=None):
    for t in range(len(labels) - 1) if pairs is None else pairs:
        metric.update(
            name,
            labels_prev=labels[t],
            labels_next=labels[t + 1],
            flow_prev_to_next=forward[t],
            flow_next_to_prev=None if backward is None else backward[t],
        )


def scores_of(protocol, *clip, num_classes=5):
    metric = TemporalConsistency(num_classes, protocol=protocol)
    add_clip(metric, "a", *clip)
    return metric.scores()


def golden_scores(golden, protocol):
    labels, flows, _ = golden
    metric = TemporalConsistency(5, protocol=protocol)
    for s in range(3):
        add_clip(metric, str(s), labels[s], flows[s])
    return metric


def blocks(seed, *, frames=3, height=23, width=31, side=4):
    """Labels in blocks, and flow there and back that partly undo each other."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 5, (frames, height // side + 1, width // side + 1), dtype=np.uint8)
    labels = coarse.repeat(side, 1).repeat(side, 2)[:, :height, :width]
    noise = rng.normal(0, 1, (2, frames - 1, height, width, 2))
    forward, backward = (2.3, -1.4) + 0.08 * noise[0], (-2.3, 1.4) + 0.08 * noise[1]
    return labels, forward.astype(np.float32), backward.astype(np.float32)


def zero_flow(labels):
    return np.zeros((len(labels) - 1, *labels.shape[1:], 2), np.float32)


def test_liu2020_equals_the_values_of_the_released_code(golden):
    expected = golden[2]["liu2020_code"]
    metric = golden_scores(golden, ConsistencyProtocol(mode=ConsistencyMode.LIU2020))
    counts, scores = sum(clip.counts for clip in metric.clips.values()), metric.scores()
    hits = np.diagonal(counts)[:5]
    assert hits.tolist() == expected["intersection"]
    areas = (counts.sum(axis=0) + counts.sum(axis=1))[:5]
    assert (areas - hits).tolist() == expected["union"]
    assert scores.tc == pytest.approx(expected["TC"], abs=1e-15)
    assert scores.per_class == pytest.approx(expected["iou_class"], abs=1e-15)
    assert scores.tc_acc == pytest.approx(expected["allAcc"], abs=1e-15)
    found = [pair.accuracy for s in range(3) for pair in scores.per_clip[str(s)].pairs]
    assert found == pytest.approx(expected["pair_accuracy"], abs=1e-15)
    recall = hits / (counts.sum(axis=0)[:5] + 1e-10)
    assert recall.mean() == pytest.approx(expected["mAcc"], abs=1e-12)


def test_vspw_equals_the_values_of_the_released_code(golden):
    expected = golden[2]["vspw_code"]
    metric = golden_scores(golden, ConsistencyProtocol(mode=ConsistencyMode.VSPW))
    counts = sum(clip.counts for clip in metric.clips.values())
    np.testing.assert_array_equal(counts[:5, :5], expected["confusion"])
    assert metric.scores().tc == pytest.approx(expected["TC"], abs=1e-15)


def test_clamping_equals_the_recorded_value(golden):
    expected = golden[2]["nearest_clamp_pooled"]
    scores = golden_scores(golden, ConsistencyProtocol(border=Border.CLAMP)).scores()
    assert scores.tc == pytest.approx(expected["TC"], abs=1e-15)
    assert scores.per_class == pytest.approx(expected["iou_class"], abs=1e-15)
    assert scores.n_valid_pixels == 9 * 48 * 64


def test_a_vote_is_steadier_than_the_nearest_label(golden):
    onehot = golden_scores(golden, ConsistencyProtocol(mode=ConsistencyMode.ONEHOT)).scores()
    nearest = golden_scores(golden, ConsistencyProtocol()).scores()
    assert onehot.tc > nearest.tc
    assert onehot.n_valid_pixels == nearest.n_valid_pixels


@pytest.mark.parametrize("mode", MODES)
@given(seed=st.integers(0, 2**16))
@settings(max_examples=5, deadline=None)
def test_a_still_clip_scores_one_in_every_mode(mode, seed):
    # Odd sides: vspw loses the end of even ones. All classes: liu2020 counts absent ones as 0.
    labels = blocks(seed, frames=1)[0].repeat(3, 0)
    scores = scores_of(ConsistencyProtocol(mode=mode), labels, zero_flow(labels))
    assert scores.tc == pytest.approx(1, abs=1e-9)
    assert scores.tc_seq == pytest.approx(1, abs=1e-9)
    assert scores.tc_acc == pytest.approx(1, abs=1e-9)
    assert scores.n_valid_pixels == labels[1:].size


@pytest.mark.parametrize("mode", FREE_MODES)
@given(u=st.integers(-6, 6), v=st.integers(-6, 6))
@settings(max_examples=10, deadline=None)
def test_a_whole_pixel_shift_differs_between_borders_only_in_the_leaving_strip(mode, u, v):
    wide = blocks(1, frames=1, height=40, width=50)[0][0]
    labels = np.stack([wide[10:30, 10:40], wide[10 - v : 30 - v, 10 - u : 40 - u]])
    flow = np.broadcast_to(np.float32([u, v]), (1, 20, 30, 2))
    ignored = scores_of(ConsistencyProtocol(mode=mode), labels, flow)
    clamped = scores_of(ConsistencyProtocol(mode=mode, border=Border.CLAMP), labels, flow)
    assert ignored.tc == 1.0
    stays = (20 - abs(v)) * (30 - abs(u))
    assert ignored.n_valid_pixels == stays
    assert clamped.n_valid_pixels == 600
    assert clamped.tc_acc >= stays / 600


def test_direction_prev_equals_masks_after_a_slow_warp_of_the_earlier_labels():
    labels, forward, backward = blocks(5, frames=2)
    protocol = ConsistencyProtocol(direction=Direction.PREV)
    scores = scores_of(protocol, labels, forward, backward)
    moved = slow_warp(labels[0], backward[0])
    target = np.where(moved == 255, 255, labels[1])
    iou, _ = slow_class_scores(target, moved, num_classes=5, ignore_index=255)
    assert scores.per_class == tuple(iou)


def test_the_two_directions_change_places_when_time_is_reversed():
    labels, forward, backward = blocks(6)
    there = scores_of(ConsistencyProtocol(), labels, forward)
    reversed_clip = labels[::-1], backward[::-1] * 0, forward[::-1]
    again = scores_of(ConsistencyProtocol(direction=Direction.PREV), *reversed_clip)
    assert again.tc == there.tc
    assert again.per_clip["a"].pairs == there.per_clip["a"].pairs[::-1]


@pytest.mark.parametrize("direction", list(Direction))
def test_the_flow_check_leaves_out_what_it_finds_hidden(direction):
    labels, forward, backward = blocks(7, frames=2)
    protocol = ConsistencyProtocol(direction=direction, occlusion=Occlusion.FB)
    checked = scores_of(protocol, labels, forward, backward)
    there, back = (forward, backward) if direction == "next" else (backward, forward)
    visible = visible_by_flow(there[0], back[0])
    metric = TemporalConsistency(
        5, protocol=ConsistencyProtocol(direction=direction, occlusion=Occlusion.MASK)
    )
    pair = metric.update(
        "a",
        labels_prev=labels[0],
        labels_next=labels[1],
        flow_prev_to_next=forward[0],
        flow_next_to_prev=backward[0],
        **{"visible_prev" if direction == "next" else "visible_next": visible},
    )
    assert checked.per_clip["a"].pairs == (pair,)
    assert (
        0
        < pair.n_valid
        < scores_of(
            ConsistencyProtocol(direction=direction), labels, forward, backward
        ).n_valid_pixels
    )


def test_excluded_classes_are_left_out_of_the_mean_and_stay_in_the_counts():
    labels, forward, _ = blocks(8)
    plain = scores_of(ConsistencyProtocol(), labels, forward)
    without = scores_of(ConsistencyProtocol(excluded=(0, 3)), labels, forward)
    assert without.tc == pytest.approx(np.mean([plain.per_class[k] for k in (1, 2, 4)]))
    assert without.per_class == plain.per_class
    assert without.tc_acc == plain.tc_acc
    with pytest.raises(ValueError, match="excluded"):
        TemporalConsistency(3, protocol=ConsistencyProtocol(excluded=(3,)))


@pytest.mark.parametrize("mode", FREE_MODES)
@given(seed=st.integers(0, 2**16))
@settings(max_examples=8, deadline=None)
def test_renaming_the_classes_does_not_change_the_value(mode, seed):
    labels, forward, _ = blocks(seed)
    renamed = np.random.default_rng(seed).permutation(5).astype(np.uint8)[labels]
    protocol = ConsistencyProtocol(mode=mode)
    plain, other = (scores_of(protocol, maps, forward) for maps in (labels, renamed))
    assert other.tc == pytest.approx(plain.tc, abs=1e-12)
    assert other.tc_acc == plain.tc_acc


@pytest.mark.parametrize(("ids", "expected"), [((0, 1), 1.0), ((1, 0), (1 / 2 + 2 / 3) / 2)])
def test_liu2020_depends_on_the_order_of_the_classes(ids, expected):
    labels = np.array([[np.repeat(ids, 2)]] * 2, np.uint8)
    half_a_pixel = np.broadcast_to(np.float32([0.5, 0]), (1, 1, 4, 2))
    protocol = ConsistencyProtocol(mode=ConsistencyMode.LIU2020)
    scores = scores_of(protocol, labels, half_a_pixel, num_classes=2)
    assert scores.tc == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("protocol", PROTOCOLS, ids=str)
@given(cut=st.integers(0, 4))
@settings(max_examples=5, deadline=None)
def test_parts_merged_are_equal_to_one_pass(protocol, cut):
    clip, other = blocks(3, frames=5), blocks(4)
    whole, first, second = (TemporalConsistency(5, protocol=protocol) for _ in range(3))
    add_clip(whole, "a", *clip)
    add_clip(whole, "b", *other)
    add_clip(first, "a", *clip, range(cut))
    add_clip(second, "a", *clip, range(cut, 4))
    add_clip(second, "b", *other)
    first.merge(second)
    assert first.scores() == whole.scores()
    assert 0 < whole.scores().tc < 1


def test_other_protocols_are_refused_in_a_merge():
    other = TemporalConsistency(3, protocol=ConsistencyProtocol(border=Border.CLAMP))
    with pytest.raises(ValueError, match="different protocols"):
        TemporalConsistency(3).merge(other)


@pytest.mark.parametrize("mode", [ConsistencyMode.LIU2020, ConsistencyMode.VSPW])
@pytest.mark.parametrize(
    "choice",
    [
        {"border": Border.IGNORE},
        {"direction": Direction.PREV},
        {"occlusion": Occlusion.FB},
        {"occlusion": Occlusion.MASK},
    ],
)
def test_modes_of_released_code_take_no_other_rule(mode, choice):
    with pytest.raises(ConfigError, match=f"{mode} has fixed rules: its {next(iter(choice))}"):
        ConsistencyProtocol(mode=mode, **choice)


def test_the_record_names_every_choice():
    assert ConsistencyProtocol().as_json() == {
        "mode": "nearest",
        "direction": "next",
        "border": "ignore",
        "occlusion": "none",
        "excluded": [],
    }
    fixed = {mode: ConsistencyProtocol(mode=mode).as_json()["border"] for mode in MODES}
    assert fixed == {"nearest": "ignore", "onehot": "ignore", "liu2020": "clamp", "vspw": "class 0"}
    assert ConsistencyProtocol(border=Border.CLAMP, excluded=(4, 0)).as_json() == {
        "mode": "nearest",
        "direction": "next",
        "border": "clamp",
        "occlusion": "none",
        "excluded": [0, 4],
    }


@pytest.mark.parametrize(
    ("choice", "needed"),
    [
        ({}, (True, False, False)),
        ({"direction": Direction.PREV}, (False, True, False)),
        ({"occlusion": Occlusion.FB}, (True, True, False)),
        ({"direction": Direction.PREV, "occlusion": Occlusion.MASK}, (False, True, True)),
    ],
)
def test_a_protocol_says_what_it_needs(choice, needed):
    found = ConsistencyProtocol(**choice)
    assert (found.needs_prev_to_next, found.needs_next_to_prev, found.needs_visibility) == needed


@pytest.mark.parametrize(
    ("choice", "given", "message"),
    [
        ({"direction": Direction.PREV}, {}, "direction prev needs"),
        ({"occlusion": Occlusion.FB}, {}, "there and back"),
        ({"occlusion": Occlusion.MASK}, {}, "needs the visible pixels"),
        ({}, {"visible_prev": np.ones((4, 4), bool)}, "occlusion is none"),
    ],
)
def test_what_the_protocol_needs_must_be_given(choice, given, message):
    metric = TemporalConsistency(3, protocol=ConsistencyProtocol(**choice))
    labels, flow = np.zeros((4, 4), np.uint8), np.zeros((4, 4, 2), np.float32)
    with pytest.raises(ValueError, match=message):
        metric.update("a", labels_prev=labels, labels_next=labels, flow_prev_to_next=flow, **given)
