"""Numbers of objects over time: rules one by one, and against a slow and plain tracker."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from tests.instances.tracking.masks import (
    HEIGHT,
    WIDTH,
    box,
    constant_flow,
    found,
    random_masks,
)
from vstc.formats.objects.rle import Rle, decode_mask, encode_mask
from vstc.instances.tracking.settings import AssociationSettings
from vstc.instances.tracking.tracker import Detection, Tracker, best_pairs


def tracker(**settings: object) -> Tracker:
    return Tracker(
        height=HEIGHT, width=WIDTH, settings=AssociationSettings.model_validate(settings)
    )


def numbers(steps: Sequence[Sequence[Detection]], **settings: object) -> list[list[int | None]]:
    tracked = tracker(**settings)
    return [tracked.step(step) for step in steps]


def test_objects_of_the_first_frame_are_numbered_by_score_then_area() -> None:
    small, large, sure = found(0, 0, 4, 4), found(10, 0), found(30, 0, 2, 2, score=1.5)
    assert numbers([[small, large, sure]]) == [[3, 2, 1]]


def test_moving_objects_keep_their_numbers_whatever_the_order_of_detections() -> None:
    steps = [[found(2 * t, 0), found(50 - 2 * t, 20), found(2 * t, 30)] for t in range(6)]
    shuffled = [
        [step[i] for i in (t % 3, (t + 1) % 3, (t + 2) % 3)] for t, step in enumerate(steps)
    ]
    tracked = numbers(shuffled)
    kept = [[row[-(t % 3)], row[1 - t % 3], row[2 - t % 3]] for t, row in enumerate(tracked)]
    assert kept == [kept[0]] * 6
    assert sorted(n for n in kept[0] if n) == [1, 2, 3]


def test_numbers_do_not_depend_on_the_order_within_frames() -> None:
    scene = [
        [found(0, 0), found(3, 2, score=0.5), found(6, 0, category_id=1), found(1, 1, 7, 7)],
        [found(1, 1), found(4, 3, score=0.6), found(7, 1, category_id=1), found(2, 0, 6, 9)],
    ]
    expected = numbers(scene)
    for order in permutations(range(4)):
        shuffled = numbers([[step[place] for place in order] for step in scene])
        assert [[row[order.index(place)] for place in range(4)] for row in shuffled] == expected


def test_fast_object_keeps_its_number_although_its_masks_hardly_overlap() -> None:
    assert numbers([[found(0, 0)], [found(7, 7)], [found(14, 14)]]) == [[1], [1], [1]]


def test_object_far_away_is_new() -> None:
    assert numbers([[found(0, 0)], [found(30, 20)]]) == [[1], [2]]


def test_flow_lets_an_object_jump() -> None:
    tracked = tracker()
    assert tracked.step([found(2, 2), found(35, 2)]) == [1, 2]
    assert tracked.step([found(22, 22), found(55, 22)], constant_flow(-20, -20)) == [1, 2]


def test_flow_that_leaves_the_frame_leaves_the_mask_where_it_was() -> None:
    tracked = tracker()
    assert tracked.step([found(0, 0)]) == [1]
    assert tracked.step([found(1, 0)], constant_flow(50, 50)) == [1]


def test_object_that_returns_where_it_was_lost_gets_its_number_again() -> None:
    steps = [[found(10, 10)], *[[]] * 100, [found(12, 10)]]
    assert numbers(steps)[-1] == [1]


def test_object_that_returns_elsewhere_is_new() -> None:
    assert numbers([[found(0, 0)], [], [found(30, 20)]])[-1] == [2]


def test_lost_object_is_expected_where_the_flow_takes_it() -> None:
    right = constant_flow(-6, 0)
    for carry_frames, expected in ((10, 1), (0, 2)):
        tracked = tracker(carry_frames=carry_frames)
        tracked.step([found(0, 0)])
        for _ in range(4):
            tracked.step([], right)
        assert tracked.step([found(30, 0)], right) == [expected]


def test_max_age_forgets() -> None:
    steps = [[found(10, 10)], [], [], [found(10, 10)]]
    assert numbers(steps, max_age=3)[-1] == [1]
    assert numbers(steps, max_age=2)[-1] == [2]


def test_another_class_is_another_object() -> None:
    steps = [[found(5, 5, category_id=1)], [found(5, 5, category_id=2)]]
    assert numbers(steps) == [[1], [2]]
    assert numbers(steps, class_weight=0.5) == [[1], [1]]


def test_class_of_an_object_is_that_of_most_frames() -> None:
    classes = [1, 1, 2, 1]
    steps = [[found(5, 5, category_id=c)] for c in classes]
    # The third frame gets a number of its own; the fourth is the first object again.
    assert numbers(steps) == [[1], [1], [2], [1]]


def test_score_decides_who_gets_an_object_that_two_want() -> None:
    start = [found(10, 10)]
    near, sure = found(11, 10, score=0.3), found(12, 10, score=0.9)
    assert numbers([start, [near, sure]]) == [[1], [2, 1]]
    assert numbers([start, [near, sure]], score_weight=0) == [[1], [1, 2]]


def test_two_detections_never_share_a_number() -> None:
    steps = [[found(10, 10)], [found(10, 10), found(10, 10), found(11, 10)]]
    first, second = numbers(steps)
    assert first == [1]
    assert sorted(n for n in second if n) == [1, 2, 3]


def test_empty_masks_have_no_number_and_empty_frames_are_fine() -> None:
    assert numbers([[], [found(0, 0, 0, 0), found(5, 5)], [], [found(5, 5)]]) == [
        [],
        [None, 1],
        [],
        [1],
    ]


def test_score_zero_is_no_fault() -> None:
    assert numbers([[found(5, 5, score=0.0)], [found(5, 5, score=0.0)]]) == [[1], [1]]


def test_three_hundred_objects_in_a_frame_keep_their_numbers() -> None:
    places = [(x, y) for y in range(0, 39, 2) for x in range(0, 60, 4)]
    steps = [[found(x + t, y, 2, 2) for x, y in places] for t in range(3)]
    tracked = numbers([steps[0], steps[1][::-1], steps[2]])
    assert tracked[0] == tracked[1][::-1] == tracked[2]
    assert sorted(n for n in tracked[0] if n) == list(range(1, 301))


def test_another_size_than_that_of_the_clip_is_refused() -> None:
    small = Detection(Rle(2, 2, np.array([0, 4])))
    with pytest.raises(ValueError, match=r"\(2, 2\) does not fit"):
        tracker().step([small])
    with pytest.raises(ValueError, match="flow"):
        tracker().step([found(0, 0)], np.zeros((HEIGHT, WIDTH + 1, 2), np.float32))


def test_pairs_are_chosen_from_the_best_down_each_side_once() -> None:
    likeness = np.array([[2.0, 1.9, 0.0], [1.8, 0.1, 0.0], [0.0, 0.0, 0.05]])
    assert best_pairs(likeness, np.zeros(3), threshold=0.02) == [(0, 0), (1, 1), (2, 2)]
    assert best_pairs(likeness, np.zeros(3), threshold=0.05) == [(0, 0), (1, 1)]
    assert best_pairs(likeness, np.array([-1.0, 0, 0]), threshold=0.05) == [(1, 0), (0, 1)]


def plain_numbers(
    frames: Sequence[Sequence[Detection]], given: AssociationSettings
) -> list[list[int]]:
    """Track as the rules say, pixel by pixel and pair by pair."""
    known: list[tuple[np.ndarray, list[int]]] = []  # mask when last seen, classes
    result = []
    for frame in frames:
        order = sorted(
            range(len(frame)),
            key=lambda i: (
                -frame[i].score,
                -frame[i].rle.area,
                frame[i].category_id,
                frame[i].rle.counts[0],
                frame[i].rle.counts.tobytes(),
            ),
        )
        pairs = []
        for rank, i in enumerate(order):
            a = decode_mask(frame[i].rle)
            for n, (b, classes) in enumerate(known):
                ya, xa = np.nonzero(a)
                yb, xb = np.nonzero(b)
                apart = (xa.mean() - xb.mean()) ** 2 + (ya.mean() - yb.mean()) ** 2
                value = given.iou_weight * (a & b).sum() / (a | b).sum()
                value += given.location_weight * np.exp(-2 * apart / np.sqrt(len(xa) * len(xb)))
                usual = max(dict.fromkeys(classes), key=classes.count)
                value -= given.class_weight * (usual != frame[i].category_id)
                if value > given.new_threshold:
                    pairs.append((-(value + np.log(frame[i].score)), rank, n))
        chosen: dict[int, int] = {}
        for _, rank, n in sorted(pairs):
            if rank not in chosen and n not in chosen.values():
                chosen[rank] = n
        row = [0] * len(frame)
        for rank, i in enumerate(order):
            if rank not in chosen:
                chosen[rank] = len(known)
                known.append((np.zeros((1, 1)), []))
            n = chosen[rank]
            known[n] = (decode_mask(frame[i].rle), [*known[n][1], frame[i].category_id])
            row[i] = n + 1
        result.append(row)
    return result


@examples(max_examples=40)
@given(st.integers(0, 2**32 - 1))
def test_numbers_are_those_of_a_plain_tracker(seed: int) -> None:
    rng = np.random.default_rng(seed)
    size = (9, 13)
    frames = [
        [
            Detection(
                encode_mask(mask), float(rng.choice([0.25, 0.5, 1.0])), int(rng.integers(0, 2))
            )
            for mask in random_masks(rng, int(rng.integers(0, 5)), size=size)
            if mask.any()
        ]
        for _ in range(5)
    ]
    given_settings = AssociationSettings(class_weight=float(rng.choice([0.1, 10.0])))
    tracked = Tracker(height=size[0], width=size[1], settings=given_settings)
    assert [tracked.step(frame) for frame in frames] == plain_numbers(frames, given_settings)


def test_box_of_tests_is_what_it_says() -> None:
    assert box(58, 0).area == 16
