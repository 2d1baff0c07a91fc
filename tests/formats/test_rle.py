from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from vstc.errors import InputError
from vstc.formats.objects.rle import (
    Rle,
    compress_counts,
    decode_mask,
    encode_mask,
    expand_counts,
    parse_rle,
    runs_to_rle,
)

GOLDEN = Path(__file__).parents[1] / "metrics" / "goldens" / "youtube_vis.json"
masks = st.tuples(st.integers(1, 12), st.integers(1, 12)).flatmap(lambda hw: arrays(np.bool_, hw))


def slow_counts(mask):
    counts, value = [0], False
    for pixel in mask.T.reshape(-1).tolist():
        if pixel != value:
            counts.append(0)
            value = pixel
        counts[-1] += 1
    return counts


def slow_text(counts):
    """The loop of the COCO mask interface, character by character."""
    text = ""
    for i, count in enumerate(counts):
        rest = count - counts[i - 2] if i > 2 else count
        more = True
        while more:
            low = rest & 0x1F
            rest >>= 5
            more = rest != -1 if low & 0x10 else rest != 0
            text += chr((low | 0x20 if more else low) + 48)
    return text


def slow_box(mask):
    rows, columns = np.nonzero(mask)
    if not len(rows):
        return (0, 0, 0, 0)
    top, left = rows.min(), columns.min()
    return (left, top, columns.max() - left + 1, rows.max() - top + 1)


def rle_of(height, width, counts):
    return parse_rle({"size": [height, width], "counts": counts}, where="f.json: x[3]")


@given(mask=masks)
def test_a_mask_survives_both_codings(mask):
    rle = encode_mask(mask)
    assert rle.counts.tolist() == slow_counts(mask)
    assert rle.text == slow_text(rle.counts.tolist())
    for counts in (rle.text, rle.counts.tolist()):
        again = rle_of(*mask.shape, counts)
        np.testing.assert_array_equal(decode_mask(again), mask)
        assert again.text == rle.text


@given(mask=masks)
def test_area_and_box_need_no_pixels(mask):
    rle = encode_mask(mask)
    assert rle.area == mask.sum()
    assert rle.bounding_box() == slow_box(mask)


@given(counts=st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=20))
def test_text_holds_every_32_bit_count(counts):
    text = compress_counts(np.array(counts))
    assert text == slow_text(counts)
    assert expand_counts(text, where="x").tolist() == counts


@given(mask=masks, place=st.integers(0, 20))
def test_runs_of_length_zero_change_nothing(mask, place):
    """Other programs write them; a run of 0 joins the runs beside it."""
    counts = encode_mask(mask).counts.tolist()
    place = min(place, len(counts) - 1)
    split = [*counts[:place], 0, 0, *counts[place:]]
    rle = rle_of(*mask.shape, split)
    np.testing.assert_array_equal(decode_mask(rle), mask)
    assert (rle.area, rle.bounding_box()) == (mask.sum(), slow_box(mask))
    assert (rle.runs()[:, 0] < rle.runs()[:, 1]).all()


def test_recorded_masks_have_the_recorded_areas_and_boxes():
    """Values of the COCO mask interface on the masks of the recorded ground truth."""
    truth = json.loads(GOLDEN.read_text())["ground_truth"]
    seen = 0
    for track in truth["annotations"]:
        for value, area, box in zip(
            track["segmentations"], track["areas"], track["bboxes"], strict=True
        ):
            if value is not None:
                rle = parse_rle(value, where="golden")
                assert (rle.area, list(rle.bounding_box())) == (area, box)
                assert encode_mask(decode_mask(rle)).as_json() == value
                seen += 1
    assert seen > 50


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"size": [2, 3], "counts": [3, 2]}, r"add up to 5, but 2 rows x 3 columns are 6"),
        ({"size": [2, 3], "counts": [2**62, 2**62, 2**62, 2**62, 6]}, "add up to 18446744"),
        ({"size": [2, 3], "counts": [8, -2]}, "count 1 is negative: -2"),
        ({"size": [2, 3], "counts": "3N"}, "count 1 is negative"),
        ({"size": [2, 3], "counts": "3p"}, "character outside"),
        ({"size": [2, 3], "counts": "3/"}, "character outside"),
        ({"size": [2, 3], "counts": "3é"}, "character outside"),
        ({"size": [2, 3], "counts": "3\ud800"}, "character outside"),
        ({"size": [2, 3], "counts": "3S"}, "stops in the middle"),
        ({"size": [2, 3], "counts": "oooooooo0"}, "more than 32 bits"),
        ({"size": [2, 3], "counts": ""}, "has no counts"),
        ({"size": [2, 3], "counts": []}, "neither text nor a list"),
        ({"size": [2, 3], "counts": [3.0, 3.0]}, "neither text nor a list"),
        ({"size": [2, 3], "counts": ["3", "3"]}, "neither text nor a list"),
        ({"size": [2, 3], "counts": [[3], [3]]}, "neither text nor a list"),
        ({"size": [2, 3], "counts": [[3], [3, 1]]}, "neither text nor a list"),
        ({"size": [2, 3], "counts": [2**70]}, "neither text nor a list"),
        ({"size": [2, 3], "counts": None}, "neither text nor a list"),
        ({"size": [2, 0], "counts": [0]}, r"\[2, 0\] is not \[height, width\]"),
        ({"size": [2], "counts": [2]}, "is not"),
        ({"size": [2, 3.0], "counts": [6]}, "is not"),
        ({"size": "23", "counts": [6]}, "is not"),
        ({"size": [2, 3]}, "is not an RLE"),
        ("3N", "is not an RLE"),
        ([[0, 0, 1, 0, 1, 1]], "is a polygon"),
    ],
)
def test_what_is_no_rle_is_refused_with_its_place(value, message):
    with pytest.raises(InputError, match=message) as caught:
        parse_rle(value, where="f.json: x[3]")
    assert caught.value.message.startswith("f.json: x[3]")


def test_only_masks_are_encoded():
    for wrong in (np.zeros((2, 2), np.uint8), np.zeros(3, bool), np.zeros((0, 3), bool)):
        with pytest.raises(ValueError, match="a mask is"):
            encode_mask(wrong)
    assert encode_mask(np.ones((2, 2), bool)).counts.tolist() == [0, 4]


def test_davis_masks_have_the_text_of_the_coco_mask_interface(real_data):
    records = json.loads((real_data / "instances" / "rle_reference.json").read_text())
    assert len(records) == 6
    for record in records:
        mask = np.asarray(Image.open(real_data / "instances" / record["mask"])) > 0
        rle = encode_mask(mask)
        assert rle.text == record["counts"]
        assert rle.counts.tolist() == record["uncompressed"]
        assert (rle.area, list(rle.bounding_box())) == (record["area"], record["bbox"])
        parsed = parse_rle({"size": record["size"], "counts": record["counts"]}, where="x")
        np.testing.assert_array_equal(decode_mask(parsed), mask)


@pytest.mark.parametrize("kind", ["auto", "manual"])
def test_sa_v_masklets_survive_to_the_character(real_data, kind):
    path = real_data / "instances" / "sav" / f"sav_000001_{kind}.json"
    values = [value for frame in json.loads(path.read_text())["masklet"] for value in frame]
    rles = [parse_rle(value, where="x") for value in values]
    assert [rle.as_json() for rle in rles] == values
    assert [encode_mask(decode_mask(rle)).text for rle in rles] == [v["counts"] for v in values]
    assert any(rle.area == 0 for rle in rles), "an object that is gone is an empty mask"


def test_both_codings_of_the_youtube_vis_sample_agree(real_data):
    folder = real_data / "instances" / "ytvis_sample"
    true = json.loads((folder / "ann.json").read_text())["annotations"][0]["segmentation"]
    found = json.loads((folder / "results.json").read_text())["track_masks"][0][0][0]
    rles: list[Rle] = [parse_rle(value, where="x") for value in (true, found)]
    assert [rle.area for rle in rles] == [6377, 6377]
    assert [rle.bounding_box() for rle in rles] == [(1174, 335, 104, 79)] * 2
    np.testing.assert_array_equal(decode_mask(rles[0]), decode_mask(rles[1]))


@given(masks)
def test_runs_of_a_mask_encode_to_the_same_text(mask):
    rle = encode_mask(mask)
    assert runs_to_rle(rle.runs(), height=rle.height, width=rle.width).text == rle.text
