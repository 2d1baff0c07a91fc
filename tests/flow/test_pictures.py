import numpy as np
import pytest

from vstc.flow.inspect import spread
from vstc.flow.pictures import (
    color_wheel,
    error_picture,
    flow_picture,
    flow_to_color,
    in_grid,
    shown_magnitude,
    titled,
)
from vstc.flow.remap import forward_backward_consistent, inside_frame, warp_to_target
from vstc.flow.statistics import FlowStatistics, field_statistics, summarise


def constant(u, v, size=(40, 50)):
    return np.full((*size, 2), (u, v), np.float32)


def test_wheel_has_the_published_55_colours():
    wheel = color_wheel()
    assert wheel.shape == (55, 3)
    assert wheel[0].tolist() == [1, 0, 0]
    assert wheel[15].tolist() == [1, 1, 0]
    assert wheel[21].tolist() == [0, 1, 0]
    assert wheel[25].tolist() == [0, 1, 1]
    assert wheel[36].tolist() == [0, 0, 1]
    assert wheel[49].tolist() == [1, 0, 1]


@pytest.mark.parametrize(
    ("vector", "color"),
    [((0, 0), (255, 255, 255)), ((4, 0), (255, 0, 0)), ((2, 0), (255, 128, 128))],
)
def test_colour_tells_direction_and_length(vector, color):
    found = flow_to_color(constant(*vector), max_magnitude=4)
    np.testing.assert_array_equal(np.unique(found.reshape(-1, 3), axis=0), [color])


def test_colours_do_not_jump_on_the_way_around():
    angle = np.linspace(0, 2 * np.pi, 721)
    flow = np.dstack((np.cos(angle), np.sin(angle))).astype(np.float32)
    colors = flow_to_color(flow, max_magnitude=1.01).astype(int)[0]
    assert np.abs(np.diff(colors, axis=0)).max() < 16
    assert np.abs(colors[0] - colors[-1]).max() < 3


def test_longer_than_the_rim_is_darker():
    assert flow_to_color(constant(9, 0), max_magnitude=4)[0, 0].tolist() == [191, 0, 0]


def test_pictures_have_a_legend_and_fit_together():
    flow = constant(3, 1, (20, 200))
    picture = flow_picture(flow)
    assert picture.shape[0] == 96 + 44
    assert picture.shape[1] == 200 + 6 + 96
    sheet = in_grid([titled(picture, "a"), titled(picture[:30], "b"), picture])
    assert sheet.shape[1] == 2 * (picture.shape[1] + 6)
    assert shown_magnitude(constant(0, 0)) == 0.1


def test_error_picture_is_black_where_frames_agree():
    frame = np.full((10, 10, 3), 90, np.uint8)
    other = frame.copy()
    other[5, 5] = 255
    picture = error_picture(frame, other)
    assert picture[0, 0].sum() < 10
    assert picture[5, 5].sum() > 400


def test_warping_reads_where_the_flow_points():
    frame = np.arange(40 * 50, dtype=np.float32).reshape(40, 50).astype(np.uint8)
    warped = warp_to_target(frame, constant(3, 2))
    np.testing.assert_array_equal(warped[:38, :47], frame[2:, 3:])


def test_pixels_that_leave_the_frame():
    inside = inside_frame(constant(3, -2))
    assert inside[2:, :47].all()
    assert inside.sum() == 38 * 47


def test_there_and_back_is_consistent_and_there_alone_is_not():
    there, back = constant(6, 1), constant(-6, -1)
    both = forward_backward_consistent(there, back)
    np.testing.assert_array_equal(both, inside_frame(there))
    assert not forward_backward_consistent(there, there).any()


def test_statistics_of_a_known_shift():
    rng = np.random.default_rng(0)
    source = rng.integers(0, 256, (40, 50), dtype=np.uint8)
    flow = constant(3, 4)
    target = warp_to_target(source, flow)
    found = field_statistics(
        flow, target_gray=target, source_gray=source, flow_source_to_target=-flow
    )
    assert found.mean_magnitude == found.max_magnitude == 5
    assert found.outside_share == pytest.approx(1 - 36 * 47 / 2000)
    assert found.error_after == 0
    assert found.error_before > 50
    assert found.consistent_share == pytest.approx(36 * 47 / 2000)
    alone = field_statistics(flow)
    assert alone.error_before is None
    assert alone.consistent_share is None


def test_summary_averages_and_keeps_what_is_absent_absent():
    rows = [FlowStatistics(1, 2, 0.5), FlowStatistics(3, 9, 0.0)]
    assert summarise(rows) == FlowStatistics(2, 9, 0.25)
    with pytest.raises(ValueError, match="no flow"):
        summarise([])


def test_spread_keeps_the_ends():
    assert list(spread(3, 5)) == [0, 1, 2]
    assert list(spread(101, 5)) == [0, 25, 50, 75, 100]
