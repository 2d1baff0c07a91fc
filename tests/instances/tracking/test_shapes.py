"""Measures of masks from their runs, against the same from their pixels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.instances.tracking.masks import Mask, box, random_masks
from vstc.formats.objects.rle import encode_mask
from vstc.instances.tracking import shapes
from vstc.instances.tracking.shapes import (
    MaskShape,
    location_table,
    overlap_table,
    shape_of_mask,
)

scenes = st.tuples(
    st.integers(0, 2**32 - 1),
    st.integers(0, 5),
    st.integers(0, 5),
    st.tuples(st.integers(1, 12), st.integers(1, 12)),
)


def shaped(masks: list[Mask]) -> list[MaskShape]:
    found = [shape_of_mask(encode_mask(mask)) for mask in masks]
    return [shape for shape in found if shape is not None]


def test_empty_mask_has_no_shape() -> None:
    assert shape_of_mask(box(0, 0, 0, 0)) is None


@given(scenes)
def test_area_centre_and_box_are_those_of_the_pixels(
    scene: tuple[int, int, int, tuple[int, int]],
) -> None:
    seed, count, _, size = scene
    for mask in random_masks(np.random.default_rng(seed), count, size=size):
        shape = shape_of_mask(encode_mask(mask))
        if shape is None:
            assert not mask.any()
            continue
        y, x = np.nonzero(mask)
        assert shape.area == len(x)
        assert shape.center == pytest.approx((x.mean(), y.mean()))
        assert shape.box == (x.min(), y.min(), x.max() + 1, y.max() + 1)


@given(scenes)
def test_overlaps_are_those_of_the_pixels(scene: tuple[int, int, int, tuple[int, int]]) -> None:
    seed, num_first, num_second, size = scene
    rng = np.random.default_rng(seed)
    first = [m for m in random_masks(rng, num_first, size=size) if m.any()]
    second = [m for m in random_masks(rng, num_second, size=size) if m.any()]
    expected = [[(a & b).sum() / (a | b).sum() for b in second] for a in first]
    table = overlap_table(shaped(first), shaped(second), pixels=size[0] * size[1])
    assert table.shape == (len(first), len(second))
    assert table.tolist() == expected


def test_overlaps_do_not_depend_on_how_many_are_computed_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    masks = [m for m in random_masks(np.random.default_rng(7), 30, size=(20, 30)) if m.any()]
    whole = overlap_table(shaped(masks), shaped(masks), pixels=600)
    monkeypatch.setattr(shapes, "_RUNS_AT_ONCE", 5)
    assert (overlap_table(shaped(masks), shaped(masks), pixels=600) == whole).all()
    assert (np.diag(whole) == 1).all()


def test_location_is_one_for_the_same_centre_and_falls_with_the_distance() -> None:
    masks = [box(10, 10, 8, 8), box(12, 12, 4, 4), box(18, 10, 8, 8)]
    measured = [shape for mask in masks if (shape := shape_of_mask(mask)) is not None]
    table = location_table(measured[:1], measured)
    # One side length apart, with equal areas: d is 1.
    assert table[0].tolist() == pytest.approx([1.0, 1.0, np.exp(-2)])


def test_location_measures_distance_in_sizes_of_the_objects() -> None:
    small, small_beside, large, large_beside = (
        shape
        for mask in (box(0, 0, 2, 2), box(2, 0, 2, 2), box(0, 0, 8, 8), box(8, 0, 8, 8))
        if (shape := shape_of_mask(mask)) is not None
    )
    near = location_table([small], [small_beside])
    assert near.tolist() == location_table([large], [large_beside]).tolist()
