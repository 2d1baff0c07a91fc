from __future__ import annotations

import numpy as np
import pytest

from tests.evaluation.frames import clip_of, feed
from vstc.evaluation.groups.stability import StabilityGroup
from vstc.evaluation.settings import StabilityScale, StabilitySettings, StabilityTarget
from vstc.metrics.stability.stability import temporal_instability

VOID = 255


def blob(height, width, *, seed, radius):
    """Draw a round mask with a wavy outline."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    angle = np.arctan2(y - height / 2, x - width / 2)
    waves = sum(rng.uniform(-3, 3) * np.cos(k * angle + rng.uniform(0, 6)) for k in range(2, 6))
    return np.hypot(y - height / 2, x - width / 2) < radius + waves


def label_map(index):
    """Class 1 keeps changing its shape, class 2 is a fixed box that is gone in frame 2."""
    labels = np.zeros((60, 80), np.uint8)
    labels[blob(60, 80, seed=index, radius=18)] = 1
    if index != 2:
        labels[2:12, 4:20] = 2
    labels[55:, :10] = VOID
    return labels


def judge(group, maps):
    clip = clip_of("a", len(maps))
    part = feed(group, clip, maps)
    gatherer = group.gatherer()
    return gatherer.add(clip, part), gatherer.scores()


def group_of(**settings):
    return StabilityGroup(3, class_ids=(0, 1, 2), settings=StabilitySettings(**settings))


def test_every_class_is_the_mean_over_its_pairs():
    maps = [label_map(index) for index in range(5)]
    rows, scores = judge(group_of(), maps)
    expected = [
        [temporal_instability(a == k, b == k) for a, b in zip(maps, maps[1:], strict=False)]
        for k in range(3)
    ]
    known = [[value for value in values if value is not None] for values in expected]
    assert list(scores.per_class["tsb"]) == pytest.approx([np.mean(values) for values in known])
    assert list(scores.per_class["tsb_valid_pairs"]) == [4, 4, 2]
    assert scores.totals["tsb"] == pytest.approx(np.mean([np.mean(v) for v in known]))
    assert scores.counts["tsb_lost_pairs"] == 2
    of_first = [values[0] for values in expected]
    assert rows.pairs[0]["tsb"] == pytest.approx(np.mean(of_first))


def test_a_still_clip_is_perfectly_stable():
    _, scores = judge(group_of(), [label_map(0)] * 3)
    assert scores.totals["tsb"] == 0


def test_the_davis_scale_is_five_times_raw_without_the_ends():
    maps = [label_map(index) for index in (0, 1, 3, 4, 5)]
    rows, davis = judge(group_of(scale=StabilityScale.DAVIS), maps)
    _, raw = judge(group_of(), maps[1:-1])
    assert sorted(rows.pairs) == [1, 2]
    assert davis.totals["tsb"] == pytest.approx(5 * raw.totals["tsb"])
    untrimmed, _ = judge(group_of(scale=StabilityScale.DAVIS, trim=False), maps)
    assert sorted(untrimmed.pairs) == [0, 1, 2, 3]


def test_the_foreground_is_all_that_is_neither_zero_nor_void():
    maps = [label_map(index) for index in (0, 1)]
    _, scores = judge(group_of(target=StabilityTarget.FOREGROUND), maps)
    masks = [(labels != 0) & (labels != VOID) for labels in maps]
    assert scores.totals["tsb"] == temporal_instability(*masks)
    assert scores.per_class == {}


def test_instances_are_ids_whether_or_not_they_are_classes():
    maps = [np.where(label_map(index) == 1, 77, 0).astype(np.uint8) for index in (0, 1)]
    _, scores = judge(group_of(target=StabilityTarget.INSTANCE), maps)
    expected = temporal_instability(maps[0] == 77, maps[1] == 77)
    entry = {"clip": "a", "id": 77, "tsb": expected, "valid_pairs": 1}
    assert scores.extra["per_instance"] == [entry]


def test_a_stride_takes_every_so_manieth_pair():
    maps = [label_map(index) for index in (0, 1, 3, 4, 5)]
    rows, _ = judge(group_of(stride=3), maps)
    everything, _ = judge(group_of(), maps)
    assert rows.pairs == {0: everything.pairs[0], 3: everything.pairs[3]}


def test_label_maps_are_shrunk_by_nearest_pixel():
    maps = [np.kron(label_map(index), np.ones((2, 2), np.uint8)) for index in (0, 1)]
    _, large = judge(group_of(max_side=80), maps)
    _, small = judge(group_of(), [label_map(0), label_map(1)])
    assert large.totals == small.totals


def test_a_gap_in_the_predictions_leaves_pairs_out():
    maps = [label_map(0), None, label_map(1), label_map(3)]
    rows, _ = judge(group_of(), maps)
    assert sorted(rows.pairs) == [2]
