"""Names beside points: near, inside, and free of one another where there is room."""

from __future__ import annotations

from itertools import combinations

import pytest

from vstc.report.pointnames import Box, choose_places

FRAME = Box(0, 0, 400, 300)


def dot(x: float, y: float) -> Box:
    return Box(x - 5, y - 5, x + 5, y + 5)


def test_rectangles_know_what_they_share() -> None:
    box = Box(0, 0, 4, 2)
    assert box.covers(Box(3, 1, 9, 9)) == 1
    assert box.covers(Box(4, 0, 5, 2)) == 0
    assert box.outside(Box(0, 0, 3, 2)) == 2


def test_a_lone_name_stands_to_the_right() -> None:
    (box,) = choose_places(["name"], [(100, 100)], FRAME, font_size=10)
    assert box.left > 100
    assert box.left < 115
    assert box.low < 110


def test_a_name_at_the_rim_stays_inside() -> None:
    (box,) = choose_places(["a long name"], [(390, 295)], FRAME, font_size=10)
    assert box.outside(FRAME) == 0


@pytest.mark.parametrize("apart", [2, 9, 20])
def test_names_of_a_crowd_cover_neither_points_nor_one_another(apart: int) -> None:
    points = [(150 + apart * k, 150 + apart * (k % 3)) for k in range(6)]
    boxes = choose_places([f"evs-0{k}" for k in range(6)], points, FRAME, font_size=10)
    assert all(a.covers(b) == 0 for a, b in combinations(boxes, 2))
    assert all(box.covers(dot(x, y)) == 0 for box in boxes for x, y in points)
    assert all(box.outside(FRAME) == 0 for box in boxes)
