from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.metrics.slow_video_ap import slow_scores
from vstc.formats.objects.rle import decode_mask, parse_rle
from vstc.metrics.track_matching import IOU_THRESHOLDS, TrackOverlaps, match_tracks
from vstc.metrics.video_ap import VideoAveragePrecision

GOLDEN = Path(__file__).parent / "goldens" / "youtube_vis.json"
seeds = st.integers(0, 2**32 - 1)


def overlaps(scores, ious, *, found_areas=None, true_areas=None, is_crowd=None):
    ious = np.array(ious, float)
    found, true = ious.shape
    return TrackOverlaps(
        scores=np.array(scores, float),
        found_areas=np.full(found, 100.0) if found_areas is None else np.array(found_areas, float),
        true_areas=np.full(true, 100.0) if true_areas is None else np.array(true_areas, float),
        is_crowd=np.zeros(true, bool) if is_crowd is None else np.array(is_crowd, bool),
        ious=ious,
    )


def random_cases(seed, *, videos=4, categories=3, max_found=14):
    """Tracks with many equal scores and overlaps, crowds, and all sizes."""
    rng = np.random.default_rng(seed)
    cases = {}
    for category in range(1, categories + 1):
        for video in range(videos):
            found, true = rng.integers(0, max_found), rng.integers(0, 5)
            cases[category, video] = TrackOverlaps(
                scores=rng.integers(0, 8, found) / 8,
                found_areas=rng.choice([50.0, 128.0**2, 20000.0, 256.0**2, 9e4], found),
                true_areas=rng.choice([50.0, 128.0**2, 20000.0, 256.0**2, 9e4], true),
                is_crowd=rng.random(true) < 0.2,
                ious=rng.choice([0.0, 0.3, 0.5, 0.62, 0.77, 0.9, 1.0], (found, true)),
            )
    return cases


def counted(cases):
    metric = VideoAveragePrecision()
    for (category, video), case in cases.items():
        metric.update(video_id=video, category_id=category, overlaps=case)
    return metric


def totals(scores):
    return {name: value for name, value in asdict(scores).items() if name != "per_category"}


def dense(track):
    return [None if value is None else decode_mask(parse_rle(value, where="golden"))
            for value in track["segmentations"]]  # fmt: skip


def iou_of(first, second):
    """Overlap of two tracks, frame by frame on their pixels."""
    shared = joint = 0
    for one, other in zip(first, second, strict=True):
        one, other = (np.zeros((72, 96), bool) if m is None else m for m in (one, other))
        shared += (one & other).sum()
        joint += (one | other).sum()
    return shared / joint if joint else 0.0


def mean_area(masks):
    areas = [mask.sum() for mask in masks if mask is not None and mask.any()]
    return np.mean(areas) if areas else 0.0


@pytest.fixture(scope="module")
def golden():
    """The recorded values, and the cases behind them with their detections by falling score."""
    record = json.loads(GOLDEN.read_text())
    cases = {}
    for video in (1, 2, 3, 4):
        for category in (1, 2, 3):
            found, true = (
                [t for t in tracks if (t["video_id"], t["category_id"]) == (video, category)]
                for tracks in (record["predictions"], record["ground_truth"]["annotations"])
            )
            found = sorted(found, key=lambda track: -track["score"])
            masks, true_masks = [dense(t) for t in found], [dense(t) for t in true]
            cases[category, video] = overlaps(
                [track["score"] for track in found],
                np.array([[iou_of(one, other) for other in true_masks] for one in masks]).reshape(
                    len(found), len(true)
                ),
                found_areas=[mean_area(m) for m in masks],
                true_areas=[np.mean([a for a in track["areas"] if a]) for track in true],
                is_crowd=[track["iscrowd"] for track in true],
            )
    return record, cases


def test_overlaps_are_the_recorded_ones(golden):
    record, cases = golden
    assert len(record["ious"]) == 8
    for key, expected in record["ious"].items():
        video, category = map(int, key.split(","))
        np.testing.assert_allclose(cases[category, video].ious, expected, rtol=0, atol=1e-12)


def test_scores_are_the_recorded_ones(golden):
    record, cases = golden
    scores = counted(cases).scores((1, 2, 3))
    names = {
        "AP": "ap", "AP50": "ap50", "AP75": "ap75", "APs": "ap_small", "APm": "ap_medium",
        "APl": "ap_large", "AR1": "ar1", "AR10": "ar10", "AR100": "ar100", "ARs": "ar_small",
        "ARm": "ar_medium", "ARl": "ar_large",
    }  # fmt: skip
    for theirs, ours in names.items():
        wanted = record["stats"][theirs]
        expected = None if wanted == -1 else pytest.approx(wanted, abs=1e-12)
        assert getattr(scores, ours) == expected, ours
    for category, wanted in zip((1, 2, 3), record["ap_per_category"], strict=True):
        expected = None if wanted is None else pytest.approx(wanted, abs=1e-12)
        assert scores.per_category[category].ap == expected
    assert [scores.per_category[c].num_true for c in (1, 2, 3)] == [6, 5, 0]
    assert [scores.per_category[c].num_found for c in (1, 2, 3)] == [12, 9, 0]


@given(seed=seeds)
@settings(max_examples=25)
def test_equals_loops_over_single_tracks(seed):
    cases = random_cases(seed)
    found, expected = totals(counted(cases).scores((1, 2, 3))), slow_scores(cases, (1, 2, 3))
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name] == (None if value is None else pytest.approx(value, abs=1e-12)), name


def test_tracks_beyond_the_hundred_best_are_passed_over():
    rng = np.random.default_rng(0)
    case = overlaps(rng.permutation(150) / 150, rng.random((150, 4)))
    best = np.argsort(-case.scores)[:100]
    cut = replace(
        case, scores=case.scores[best], found_areas=case.found_areas[best], ious=case.ious[best]
    )
    scores = counted({(1, 1): case}).scores([1])
    assert scores == counted({(1, 1): cut}).scores([1])
    assert scores.per_category[1].num_found == 100
    assert totals(scores) == pytest.approx(slow_scores({(1, 1): case}, [1]), abs=1e-12)


@given(seed=seeds)
@settings(max_examples=10)
def test_perfect_tracks_score_one(seed):
    rng = np.random.default_rng(seed)
    cases = {}
    for category in (1, 2):
        for video in range(3):
            areas = rng.choice([50.0, 20000.0, 9e4], 4)
            cases[category, video] = overlaps(
                rng.random(4), np.eye(4), found_areas=areas, true_areas=areas
            )
    scores = counted(cases).scores((1, 2))
    assert {scores.ap, scores.ap50, scores.ap75, scores.ar10, scores.ar100} == {1.0}
    assert scores.ar1 == 0.25
    assert {scores.ap_small, scores.ap_medium, scores.ap_large} <= {1.0, None}


@given(seed=seeds)
@settings(max_examples=10)
def test_other_ids_and_another_order_of_arrival_change_nothing(seed):
    """Videos keep their order, which ranks equal scores; categories may be renamed at will."""
    rng, cases = np.random.default_rng(seed), random_cases(seed)
    names = dict(zip((1, 2, 3), rng.permutation((4, 70, 9)).tolist(), strict=True))
    items = [((names[c], 10 + 3 * video), case) for (c, video), case in cases.items()]
    shuffled = dict(items[place] for place in rng.permutation(len(items)))
    plain = counted(cases).scores((1, 2, 3))
    other = counted(shuffled).scores([names[c] for c in (1, 2, 3)])
    assert totals(other) == totals(plain)
    assert [other.per_category[names[c]] for c in (1, 2, 3)] == [
        plain.per_category[c] for c in (1, 2, 3)
    ]


@given(seed=seeds)
@settings(max_examples=10)
def test_the_order_of_videos_does_not_matter_when_scores_differ(seed):
    rng, cases = np.random.default_rng(seed), random_cases(seed)
    cases = {k: replace(case, scores=rng.random(len(case.scores))) for k, case in cases.items()}
    order = rng.permutation(4).tolist()
    moved = {(category, order[video]): case for (category, video), case in cases.items()}
    assert counted(moved).scores((1, 2, 3)) == counted(cases).scores((1, 2, 3))


@given(seed=seeds)
@settings(max_examples=10)
def test_only_the_order_of_scores_matters(seed):
    cases = random_cases(seed)
    bent = {k: replace(case, scores=np.exp(3 * case.scores) - 7) for k, case in cases.items()}
    assert counted(bent).scores((1, 2, 3)) == counted(cases).scores((1, 2, 3))


@given(seed=seeds)
@settings(max_examples=10)
def test_parts_merged_are_equal_to_one_pass(seed):
    rng, cases = np.random.default_rng(seed), random_cases(seed)
    is_first = {key: rng.random() < 0.5 for key in cases}
    first = counted({key: case for key, case in cases.items() if is_first[key]})
    first.merge(counted({key: case for key, case in cases.items() if not is_first[key]}))
    assert first.scores((1, 2, 3)) == counted(cases).scores((1, 2, 3))


def test_nothing_found_is_zero_and_nothing_true_is_none():
    missed = counted({(1, 1): overlaps([], np.zeros((0, 2)), true_areas=[100, 100])}).scores([1, 2])
    assert (missed.ap, missed.ar100, missed.per_category[1].ap) == (0.0, 0.0, 0.0)
    assert missed.per_category[2].ap is None
    assert missed.ap_large is None
    alone = counted({(1, 1): overlaps([0.5], np.zeros((1, 0)))}).scores([1])
    assert set(totals(alone).values()) == {None}
    assert set(totals(VideoAveragePrecision().scores([1])).values()) == {None}


def test_a_crowd_takes_any_number_of_tracks_and_is_never_missed():
    case = overlaps([0.9, 0.8, 0.7], [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]], is_crowd=[True, False])
    assert counted({(1, 1): case}).scores([1]).ap == 1.0
    without = replace(case, is_crowd=np.array([False, False]))
    assert counted({(1, 1): without}).scores([1]).ap < 1.0


def test_a_true_track_is_taken_once_and_the_later_of_equals_first():
    matches = match_tracks(overlaps([0.9, 0.8, 0.7], [[0.6, 0.6], [0.6, 0.0], [0.6, 0.6]]))
    assert matches.is_right[0, IOU_THRESHOLDS < 0.6].all(axis=0).tolist() == [True, True, False]
    assert not matches.is_right[0, IOU_THRESHOLDS > 0.6].any()


def test_the_limits_of_sizes_belong_to_both_sides():
    case = overlaps([0.9], [[1.0]], found_areas=[128**2], true_areas=[128**2])
    scores = counted({(1, 1): case}).scores([1])
    assert (scores.ap_small, scores.ap_medium, scores.ap_large) == (1.0, 1.0, None)


def test_wrong_use_is_refused():
    metric = counted({(1, 1): overlaps([0.5], [[1.0]])})
    with pytest.raises(ValueError, match="category 1 of video 1 was counted already"):
        metric.update(video_id=1, category_id=1, overlaps=overlaps([0.5], [[1.0]]))
    with pytest.raises(ValueError, match="counted already"):
        metric.merge(metric)
    with pytest.raises(ValueError, match="2 found and 1 true tracks"):
        TrackOverlaps(np.zeros(2), np.zeros(2), np.zeros(1), np.zeros(1, bool), np.zeros((1, 2)))
