from __future__ import annotations

import numpy as np
import pytest

from vstc.metrics.occlusion import visible_by_flow


def slow_visible(there, back):
    height, width = there.shape[:2]
    visible = np.zeros((height, width), bool)
    for y in range(height):
        for x in range(width):
            flow = there[y, x].astype(float)
            px = min(max(x + flow[0], 0), width - 1)
            py = min(max(y + flow[1], 0), height - 1)
            left, top = int(px), int(py)
            right, bottom = min(left + 1, width - 1), min(top + 1, height - 1)
            a, b = px - left, py - top
            upper = (1 - a) * back[top, left] + a * back[top, right]
            lower = (1 - a) * back[bottom, left] + a * back[bottom, right]
            home = (1 - b) * upper + b * lower
            length = (flow**2).sum()
            away = ((flow + home) ** 2).sum() > 0.01 * (length + (home**2).sum()) + 0.5
            gradient = 0.0
            if x + 1 < width:
                gradient += ((there[y, x + 1] - flow) ** 2).sum()
            if y + 1 < height:
                gradient += ((there[y + 1, x] - flow) ** 2).sum()
            visible[y, x] = not away and not gradient > 0.01 * length + 0.002
    return visible


def constant(height, width, u, v):
    return np.broadcast_to(np.float32([u, v]), (height, width, 2)).copy()


@pytest.mark.parametrize("noise", [0.02, 0.12])
def test_equals_a_loop_over_pixels(noise):
    rng = np.random.default_rng(0)
    there = constant(70, 23, 2.4, -1.3) + rng.normal(0, noise, (70, 23, 2)).astype(np.float32)
    back = constant(70, 23, -2.2, 1.5) + rng.normal(0, 1, (70, 23, 2)).astype(np.float32)
    found = visible_by_flow(there, back)
    np.testing.assert_array_equal(found, slow_visible(there, back))
    assert 0.05 < found.mean() < 0.95


def test_flows_that_undo_each_other_hide_nothing():
    assert visible_by_flow(constant(9, 12, 2, -1), constant(9, 12, -2, 1)).all()


def test_a_way_back_to_another_place_hides_a_pixel():
    there, back = constant(9, 12, 2, 0), constant(9, 12, -2, 0)
    back[4, 7] = (3, 0)
    hidden = np.argwhere(~visible_by_flow(there, back))
    assert hidden.tolist() == [[4, 5]]


def test_the_last_pixels_before_a_jump_of_the_flow_are_hidden():
    there = constant(6, 8, 0, 0)
    there[:, 4:] = (0.5, 0)
    hidden = np.argwhere(~visible_by_flow(there, constant(6, 8, 0, 0)))
    assert hidden.tolist() == [[row, 3] for row in range(6)]


def test_flow_that_is_not_finite_is_hidden():
    there, back = constant(6, 8, 0, 0), constant(6, 8, 0, 0)
    there[2, 3] = np.nan
    visible = visible_by_flow(there, back)
    assert not visible[2, 3]
    assert visible[4:].all()


def test_flows_of_different_size_are_refused():
    with pytest.raises(ValueError, match="alike"):
        visible_by_flow(constant(4, 4, 0, 0), constant(4, 5, 0, 0))
