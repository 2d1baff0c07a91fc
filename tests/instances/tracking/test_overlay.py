"""Pictures of objects in colour."""

from __future__ import annotations

import numpy as np

from tests.instances.tracking.masks import HEIGHT, WIDTH, box
from vstc.formats.objects.store import InstanceMask
from vstc.instances.tracking.overlay import draw_tracks, track_color

SIZE = (HEIGHT, WIDTH)


def test_colours_of_many_objects_differ_and_depend_on_the_number_alone() -> None:
    colors = [track_color(number) for number in range(1, 61)]
    assert len(set(colors)) == 60
    assert colors == [track_color(number) for number in range(1, 61)]
    near = [np.abs(np.subtract(a, b)).max() for a, b in zip(colors, colors[1:], strict=False)]
    assert min(near) > 100


def test_object_is_blended_outlined_and_the_rest_untouched() -> None:
    picture = np.full((*SIZE, 3), 100, np.uint8)
    drawn = draw_tracks(picture, (InstanceMask(1, 0, 1.0, box(20, 10, 30, 25)),), size=SIZE)
    assert (picture == 100).all()
    assert (drawn[:9] == 100).all()
    assert tuple(drawn[10, 30]) == track_color(1)
    half = (np.array(track_color(1)) + 100) / 2
    assert np.abs(drawn[13, 48] - half).max() <= 1
    assert (drawn == 255).all(axis=2).any()  # the number


def test_small_objects_lie_over_large_ones() -> None:
    large = InstanceMask(1, 0, 1.0, box(0, 0, 60, 40))
    small = InstanceMask(2, 0, 1.0, box(40, 25, 10, 10))
    for order in ((large, small), (small, large)):
        assert tuple(draw_tracks(None, order, size=SIZE)[25, 40]) == track_color(2)


def test_picture_comes_to_the_size_of_the_masks_and_empty_masks_are_not_drawn() -> None:
    picture = np.full((HEIGHT, WIDTH + 1, 3), 50, np.uint8)
    drawn = draw_tracks(picture, (InstanceMask(3, 0, 1.0, box(0, 0, 0, 0)),), size=SIZE)
    assert drawn.shape == (*SIZE, 3)
    assert (drawn == 50).all()
