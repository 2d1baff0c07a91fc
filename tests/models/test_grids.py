import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from vstc.models.grids import Grid, resample

CPU = torch.device("cpu")


def ramp(grid):
    """Values that are linear in the pixel (x, y) of the cell they stand at."""
    y, x = (
        grid.offset[axis] + grid.step[axis] * torch.arange(grid.size[axis], dtype=torch.float32)
        for axis in (0, 1)
    )
    return (3 * y[:, None] - 2 * x + 5)[None, None]


@given(cells=st.integers(2, 9), stride=st.integers(1, 8))
def test_corner_cells_lie_on_corner_pixels(cells, stride):
    side = stride * (cells - 1) + 1
    grid = Grid.on_corners((cells, cells), (side, side))
    assert grid.offset == (0, 0)
    assert grid.step == (stride, stride)


def test_a_grid_over_the_area_has_the_centres_of_its_cells():
    grid = Grid.over_area((2, 5), (8, 20))
    assert grid.step == (4, 4)
    assert grid.offset == (1.5, 1.5)


@pytest.mark.parametrize(
    ("place", "is_aligned"), [(Grid.on_corners, True), (Grid.over_area, False)]
)
def test_resampling_within_a_kind_is_bilinear_interpolation(place, is_aligned):
    values = torch.randn(2, 3, 5, 7)
    source, target = (place(size, (33, 49)) for size in ((5, 7), (11, 13)))
    expected = F.interpolate(values, (11, 13), mode="bilinear", align_corners=is_aligned)
    torch.testing.assert_close(resample(values, source, target), expected)


def test_a_ramp_keeps_its_place_in_the_image_from_one_kind_to_the_other():
    corners = Grid.on_corners((9, 13), (33, 49))
    area = Grid.over_area((8, 12), (32, 48))  # of the frame, which was padded to 33 x 49
    torch.testing.assert_close(resample(ramp(corners), corners, area), ramp(area))
    back = resample(ramp(area), area, corners)[..., 1:8, 1:12]
    torch.testing.assert_close(back, ramp(corners)[..., 1:8, 1:12])


def test_beyond_the_border_its_value_holds():
    source = Grid((2, 2), (4, 4), (4, 4))
    target = Grid((4, 4), (4, 4), (0, 0))
    values = torch.tensor([[[[1.0, 2], [3, 4]]]])
    expected = [[1.0, 1, 2, 2], [1, 1, 2, 2], [3, 3, 4, 4], [3, 3, 4, 4]]
    assert resample(values, source, target)[0, 0].tolist() == expected


def test_the_same_grid_gives_the_values_themselves():
    values = torch.randn(1, 1, 3, 4)
    grid = Grid.on_corners((3, 4), (9, 13))
    assert resample(values, grid, Grid.on_corners((3, 4), (9, 13))) is values
    with pytest.raises(ValueError, match="grid of"):
        resample(values, Grid.on_corners((4, 3), (9, 13)), grid)
