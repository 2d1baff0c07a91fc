from __future__ import annotations

import json
import math
import zipfile

import numpy as np
import pytest

from tests.formats.video_files import (
    HEIGHT,
    LENGTH,
    WIDTH,
    box,
    boxes,
    coco_vid,
    ground_truth,
    results,
    rle,
    write_json,
)
from vstc.errors import InputError
from vstc.formats.objects.rle import decode_mask
from vstc.formats.objects.youtube_vis import read_ground_truth, read_results


@pytest.fixture
def truth(tmp_path):
    return read_ground_truth(write_json(tmp_path / "truth.json", ground_truth()))


def known(truth):
    return {"videos": truth.videos, "categories": truth.categories}


def spoilt(content, path, value):
    """Return the content with a value put at a path of keys; ``...`` takes the entry away."""
    *parents, last = path
    for key in parents:
        content = content[key]
    if value is ...:
        del content[last]
    else:
        content[last] = value


def test_ground_truth_gives_videos_categories_and_tracks(truth):
    assert [(v.id, v.label, v.length) for v in truth.videos.values()] == [
        (3, "walk", 3),
        (8, "naïve", 3),
    ]
    assert truth.videos[3].frame_names == ["00000", "00001", "00002"]
    assert [(c.id, c.name) for c in truth.categories] == [(2, "dog"), (5, "cat")]
    first, second = truth.tracks(3)
    assert (first.category_id, first.mean_area, first.is_crowd) == (2, 16.0, False)
    assert second.mean_area == 48.0, "frames without the object do not count"
    assert [entry.mean_area for entry in truth.tracks(8)] == [40.0]


def test_masks_are_read_when_asked_for(truth):
    entry = truth.tracks(3)[1]
    masks = truth.masks(entry)
    assert masks[1] is None
    np.testing.assert_array_equal(decode_mask(masks[2]), box(10, 2, 6, 8))


def test_the_order_of_the_members_does_not_matter(tmp_path, truth):
    turned = dict(reversed(ground_truth().items()))
    again = read_ground_truth(write_json(tmp_path / "turned.json", turned))
    assert again.videos == truth.videos
    assert [entry.mean_area for entry in again.tracks(3)] == [16.0, 48.0]


def test_areas_of_the_file_come_before_those_of_the_masks(tmp_path):
    content = ground_truth()
    content["annotations"][0]["areas"] = [10, None, 30]
    truth = read_ground_truth(write_json(tmp_path / "truth.json", content))
    assert truth.tracks(3)[0].mean_area == 20.0


def test_the_coco_vid_layout_holds_the_same_tracks(tmp_path, truth):
    other = read_ground_truth(write_json(tmp_path / "coco_vid.json", coco_vid()))
    assert [v.label for v in other.videos.values()] == ["walk", "naïve"]
    assert [v.frame_names for v in other.videos.values()] == [
        v.frame_names for v in truth.videos.values()
    ]
    for video_id in truth.videos:
        pairs = zip(truth.tracks(video_id), other.tracks(video_id), strict=True)
        for mine, theirs in pairs:
            assert mine.mean_area == theirs.mean_area
            frames = zip(truth.masks(mine), other.masks(theirs), strict=True)
            assert all((a and a.as_json()) == (b and b.as_json()) for a, b in frames)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("annotations", 3, "image_id"), 1, r"annotations\[3\]: no image has the id 1"),
        (("annotations", 3, "category_id"), 5, "instance 1 has another category"),
        (("annotations", 3, "iscrowd"), 1, "instance 1 has another iscrowd"),
        (("annotations", 3, "image_id"), 300, "instance 1 stands twice in frame 0"),
        (("annotations", 3, "segmentation"), rle(np.ones((2, 2), bool)), "masks of 2x2 and 20x12"),
        (("annotations", 3, "segmentation"), None, r"annotations\[3\].segmentation is not an RLE"),
        (("annotations", 3, "instance_id"), ..., r"annotations\[3\].instance_id: Field required"),
        (("images", 0, "frame_id"), 0, "images 302 and 300 are both frame 0 of video 3"),
        (("images", 0, "id"), 300, "image id 300 stands twice"),
        (("images",), [], "has no frames"),
    ],
)
def test_a_spoilt_coco_vid_file_is_refused(tmp_path, path, value, message):
    content = coco_vid()
    spoilt(content, path, value)
    with pytest.raises(InputError, match=message):
        read_ground_truth(write_json(tmp_path / "truth.json", content))


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("annotations", 0, "id"), 0, r"annotations\[0\] has the id 0.*unmatched"),
        (("annotations", 1, "id"), 1, r"annotations\[1\]: annotation id 1 stands twice"),
        (("annotations", 1, "id"), "2", r"annotations\[1\].id: Input should be a valid integer"),
        (("annotations", 1, "iscrowd"), 2, r"annotations\[1\].iscrowd"),
        (("annotations", 1, "video_id"), 4, r"annotations\[1\]: no video has the id 4"),
        (("annotations", 1, "category_id"), 1, r"annotations\[1\]: no category has the id 1"),
        (("annotations", 1, "areas"), [1, 2], r"annotations\[1\] has 2 areas for 3 frames"),
        (("annotations", 1, "areas"), [1, 2, math.inf], r"annotations\[1\].areas.2"),
        (("annotations", 2, "segmentations"), boxes(1, 1, 2, 2)[:2],
         r"annotations\[2\] has masks for 2 frames, but video naïve \(id 8\) has 3"),
        (("annotations", 1, "segmentations", 2), rle(np.ones((2, 3), bool)),
         r"annotations\[1\].segmentations\[2\] is 3x2, masks before 20x12"),
        (("annotations", 1, "segmentations"), [rle(np.ones((WIDTH, HEIGHT), bool))] * 3,
         r"annotations\[1\]: masks are 12x20, but video walk \(id 3\) is 20x12"),
        (("annotations", 1, "segmentations", 2), [[1, 1, 2, 1]],
         r"annotations\[1\].segmentations\[2\]\[0\] is no polygon"),
        (("annotations", 1, "segmentations"), ..., r"segmentations: Field required"),
        (("annotations", 1), 7, r"annotations\[1\]: Input should be"),
        (("annotations",), ..., 'has no "annotations"'),
        (("videos",), ..., 'has no "videos"'),
        (("videos", 1, "id"), 3, "video id 3 stands twice"),
        (("videos", 0, "length"), 4, r"video walk \(id 3\) has length 4, but 3 file_names"),
        (("videos", 0, "width"), 0, r"videos\[0\].width"),
        (("categories", 1, "id"), 2, "category id 2 stands twice"),
        (("categories", 1, "name"), None, r"categories\[1\].name"),
    ],
)  # fmt: skip
def test_spoilt_ground_truth_is_refused_with_file_and_place(tmp_path, path, value, message):
    content = ground_truth()
    spoilt(content, path, value)
    with pytest.raises(InputError, match=message) as caught:
        read_ground_truth(write_json(tmp_path / "truth.json", content))
    assert "truth.json" in caught.value.message


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ((1, "score"), math.nan, r"\[1\].score: Input should be a finite number"),
        ((1, "score"), math.inf, r"\[1\].score: Input should be a finite number"),
        ((1, "score"), "0.5", r"\[1\].score: Input should be a valid number"),
        ((1, "score"), ..., r"\[1\].score: Field required"),
        ((1, "video_id"), 4, r"\[1\]: no video has the id 4"),
        ((1, "category_id"), 4, r"\[1\]: no category has the id 4"),
        ((1, "segmentations"), boxes(1, 1, 2, 2)[:2], r"\[1\] has masks for 2 frames"),
        ((1, "segmentations"), [None] * 4, r"\[1\] has masks for 4 frames"),
        ((1, "segmentations"), [rle(np.ones((2, 2), bool))] * 3, r"\[1\]: masks are 2x2"),
        ((1, "segmentations", 0, "counts"), [7], r"\[1\].segmentations\[0\]: RLE counts add up to"),
        ((1, "segmentations", 0, "counts"), "0~", "character outside"),
    ],
)
def test_spoilt_results_are_refused_with_file_and_place(tmp_path, truth, path, value, message):
    content = results()
    spoilt(content, path, value)
    with pytest.raises(InputError, match=message) as caught:
        read_results(write_json(tmp_path / "results.json", content), **known(truth))
    assert "results.json: [1]" in caught.value.message


SQUARE = [[2, 3, 6, 3, 6, 7, 2, 7]]


def test_polygons_become_masks_of_the_size_of_the_video(tmp_path):
    content = ground_truth()
    content["annotations"][2]["segmentations"] = [SQUARE, None, rle(box(1, 1, 2, 2))]
    found = read_ground_truth(write_json(tmp_path / "truth.json", content))
    (entry,) = found.tracks(8)
    assert entry.mean_area == (16 + 4) / 2, "areas of polygons follow from their masks"
    first, second, third = found.masks(entry)
    np.testing.assert_array_equal(decode_mask(first), box(2, 3, 4, 4))
    assert second is None
    assert third.area == 4


def test_polygons_of_the_coco_vid_layout_become_masks(tmp_path):
    content = coco_vid()
    (of_the_cat,) = [a for a in content["annotations"] if a["image_id"] == 802]
    of_the_cat["segmentation"] = SQUARE
    found = read_ground_truth(write_json(tmp_path / "truth.json", content))
    (entry,) = found.tracks(8)
    assert entry.mean_area == (40 + 40 + 16) / 3
    np.testing.assert_array_equal(decode_mask(found.masks(entry)[2]), box(2, 3, 4, 4))


def test_results_may_be_packed_empty_or_without_masks(tmp_path, truth):
    assert read_results(write_json(tmp_path / "a.json", []), **known(truth)).tracks(3) == []
    absent = [{"video_id": 3, "category_id": 2, "score": 0.5, "segmentations": [None] * LENGTH}]
    found = read_results(write_json(tmp_path / "b.json", absent), **known(truth))
    assert found.tracks(3)[0].mean_area == 0.0
    assert found.masks(found.tracks(3)[0]) == [None] * LENGTH
    with zipfile.ZipFile(tmp_path / "c.zip", "w") as archive:
        archive.writestr("results.json", json.dumps(results()))
    assert len(read_results(tmp_path / "c.zip", **known(truth)).tracks(8)) == 2


def test_swapped_files_are_told_apart(tmp_path, truth):
    with pytest.raises(InputError, match="is an object, but results are a list"):
        read_results(truth.path, **known(truth))
    with pytest.raises(InputError, match="is a list and no ground truth"):
        read_ground_truth(write_json(tmp_path / "results.json", results()))


def test_the_real_sample_is_read(real_data):
    sample = read_ground_truth(real_data / "instances" / "ytvis_sample" / "ann.json")
    (entry,) = sample.tracks(1)
    (mask,) = sample.masks(entry)
    assert sample.videos[1].label == "0043f083b5"
    assert (entry.mean_area, mask.bounding_box()) == (6377.0, (1174, 335, 104, 79))
