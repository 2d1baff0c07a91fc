"""Polygons become the masks that COCO's own mask interface draws."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vstc.errors import InputError
from vstc.formats.objects.polygons import polygons_to_rle
from vstc.formats.objects.rle import decode_mask, encode_mask

CASES = json.loads((Path(__file__).parent / "goldens" / "polygons.json").read_text())["cases"]
coordinates = st.floats(-10, 40, allow_nan=False)
polygons = st.lists(coordinates, min_size=6, max_size=14).filter(lambda p: len(p) % 2 == 0)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["what"])
def test_masks_areas_and_boxes_equal_the_recorded_ones(case: dict[str, Any]) -> None:
    rle = polygons_to_rle(
        case["polygons"], height=case["height"], width=case["width"], where="f.json"
    )
    assert rle.text == case["counts"]
    assert rle.area == case["area"]
    assert list(rle.bounding_box()) == case["bbox"]


def test_rectangle_on_pixel_corners_is_that_rectangle() -> None:
    rle = polygons_to_rle([[2, 3, 7, 3, 7, 9, 2, 9]], height=12, width=10, where="f.json")
    expected = np.zeros((12, 10), np.bool_)
    expected[3:9, 2:7] = True
    np.testing.assert_array_equal(decode_mask(rle), expected)


@given(st.lists(polygons, min_size=1, max_size=4))
def test_object_of_several_polygons_is_their_union(parts: list[list[float]]) -> None:
    joined = polygons_to_rle(parts, height=30, width=25, where="f.json")
    single = [polygons_to_rle([part], height=30, width=25, where="f.json") for part in parts]
    expected = np.any([decode_mask(rle) for rle in single], axis=0)
    assert joined.text == encode_mask(expected).text


@given(polygons)
def test_direction_of_the_outline_does_not_matter(part: list[float]) -> None:
    there = np.array(part).reshape(-1, 2)
    back = there[::-1].ravel().tolist()
    masks = [polygons_to_rle([p], height=30, width=25, where="f.json") for p in (part, back)]
    assert masks[0].text == masks[1].text


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([], "empty list of polygons"),
        ([[1, 2, 3, 4]], r"x\[0\] is no polygon"),
        ([[1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5, 6, 7]], r"x\[1\] is no polygon"),
        ([[1, 2, "a", 4, 5, 6]], r"x\[0\] is no polygon"),
        ([1, 2, 3, 4, 5, 6], r"x\[0\] is no polygon"),
        ([[1, 2, 3, 4, 5, float("nan")]], "coordinate"),
        ([[1, 2, 3, 4, 5, 1e12]], "coordinate"),
    ],
)
def test_what_is_no_polygon_is_refused_with_its_place(value: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        polygons_to_rle(value, height=5, width=5, where="f.json: x")
