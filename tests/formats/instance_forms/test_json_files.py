"""Masks in JSON files: COCO, SA-V and YouTube-VIS."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.formats.video_files import boxes, ground_truth, results
from vstc.errors import InputError
from vstc.formats.objects.forms import video_json
from vstc.formats.objects.forms.coco import find_coco
from vstc.formats.objects.forms.detect import Form, locate
from vstc.formats.objects.forms.panoptic import find_panoptic
from vstc.formats.objects.forms.sa_v import find_sa_v
from vstc.formats.objects.forms.source import InstanceSource
from vstc.formats.objects.forms.video_json import find_youtube_vis
from vstc.formats.objects.rle import encode_mask

Content = dict[str, Any]


def write(path: Path, content: Any) -> Path:
    path.write_text(json.dumps(content))
    return path


def areas(source: InstanceSource) -> dict[tuple[str, str], dict[int, int]]:
    return {
        (clip.id, frame.name): {mask.track: mask.rle.area for mask in frame.instances}
        for clip in source.clips
        for frame in source.read(clip)
    }


def mask(num_pixels: int, *, height: int = 6, width: int = 8) -> Content:
    flat = np.arange(height * width) < num_pixels
    return encode_mask(flat.reshape(width, height).T).as_json()


def coco(**changes: Any) -> Content:
    images = [
        {"id": 30 + i, "file_name": f"walk/f{i}.jpg", "height": 6, "width": 8} for i in (10, 9)
    ]
    rows = [(39, 5, mask(7)), (39, 4, [[1, 1, 5, 1, 5, 4, 1, 4]]), (40, 4, mask(9))]
    annotations = [
        {"id": i, "image_id": image, "category_id": c, "segmentation": m, "iscrowd": 0}
        for i, (image, c, m) in enumerate(rows, start=1)
    ]
    categories = [{"id": 4, "name": "dog"}, {"id": 5, "name": "cat"}]
    return {"images": images, "categories": categories, "annotations": annotations} | changes


def test_images_of_a_folder_are_a_clip_in_natural_order(tmp_path: Path) -> None:
    source = find_coco(write(tmp_path / "a.json", coco()), None)
    assert areas(source) == {("walk", "f9"): {1: 7, 2: 12}, ("walk", "f10"): {1: 9}}
    assert not source.has_identity
    assert [c.name for c in source.categories] == ["dog", "cat"]


def test_instance_ids_tie_frames_together(tmp_path: Path) -> None:
    content = coco()
    for row, number in zip(content["annotations"], (8, 3, 3), strict=True):
        row["instance_id"] = number
    source = find_coco(write(tmp_path / "a.json", content), None)
    assert source.has_identity
    assert areas(source) == {("walk", "f9"): {8: 7, 3: 12}, ("walk", "f10"): {3: 9}}
    content["annotations"][1]["instance_id"] = 8
    with pytest.raises(InputError, match="an instance stands twice in image walk/f9.jpg"):
        areas(find_coco(write(tmp_path / "a.json", content), None))


def test_images_of_different_sizes_are_clips_of_one_frame(tmp_path: Path) -> None:
    content = coco()
    content["images"][0]["width"] = 9
    content["annotations"][2]["segmentation"] = mask(9, width=9)
    source = find_coco(write(tmp_path / "a.json", content), None)
    assert areas(source) == {("walk/f9", "f9"): {1: 7, 2: 12}, ("walk/f10", "f10"): {1: 9}}


def test_crowds_are_left_out_and_told(tmp_path: Path) -> None:
    content = coco()
    content["annotations"][0]["iscrowd"] = 1
    source = find_coco(write(tmp_path / "a.json", content), None)
    assert areas(source)["walk", "f9"] == {1: 12}
    assert source.remarks == ("1 crowd(s) left out: they are no objects",)


def spoil(change: Callable[[Content], None]) -> Content:
    content = coco()
    change(content)
    return content


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (spoil(lambda c: c["annotations"][0].update(image_id=1)), "no image has the id 1"),
        (spoil(lambda c: c["annotations"][1].update(category_id=1)), "no category has the id 1"),
        (
            spoil(lambda c: c["annotations"][0].update(segmentation=mask(7, width=7))),
            r"annotations\[0\]: the mask is 7x6, but image walk/f9.jpg is 8x6",
        ),
        (
            spoil(lambda c: c["annotations"][0]["segmentation"].update(counts=[5])),
            r"annotations\[0\].segmentation: RLE counts add up to 5, but 6 rows x 8 columns",
        ),
        (
            spoil(lambda c: c["annotations"][1].update(segmentation=[[1, 2, 3]])),
            r"annotations\[1\].segmentation\[0\] is no polygon",
        ),
        (spoil(lambda c: c["images"][0].update(id=39)), "image id 39 stands twice"),
        (spoil(lambda c: c["images"][0].update(file_name="walk/f9.png")), "two images of the name"),
    ],
)
def test_spoilt_coco_files_are_refused_with_the_place(
    content: Content, message: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=message):
        find_coco(write(tmp_path / "a.json", content), None)


def sa_v(**changes: Any) -> Content:
    masks = [[mask(3), mask(0)], [mask(5), mask(8)], [mask(0), mask(0)]]
    content = {"video_height": 6.0, "video_width": 8.0, "masklet_id": [0, 4], "masklet": masks}
    timing = {"video_frame_count": 11.0, "video_duration": 0.5}
    return content | timing | changes


def test_masklets_are_read_and_named_after_the_frames_of_the_video(tmp_path: Path) -> None:
    source = find_sa_v(write(tmp_path / "v.json", sa_v()))
    assert areas(source) == {
        ("v", "00000"): {1: 3},
        ("v", "00004"): {1: 5, 5: 8},
        ("v", "00008"): {},
    }
    assert source.clips[0].fps == 5.5


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"masklet_id": [0]}, r"masklet\[0\] has 2 masks for 1 objects"),
        ({"masklet_id": [0, 0]}, "masklet_id must be different"),
        ({"video_width": 7}, r"masklet\[0\]\[0\] is 8x6, but the video is 7x6"),
        ({"masklet": []}, "has no masks"),
        ({"masklet": [[mask(3), {"size": [6, 8], "counts": "5"}]]}, r"masklet\[0\]\[1\]: RLE"),
        ({"video_height": None}, "is no file of SA-V: video_height"),
    ],
)
def test_spoilt_sa_v_files_are_refused(changes: Content, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        areas(find_sa_v(write(tmp_path / "v.json", sa_v(**changes))))


def test_tracks_of_youtube_vis_are_numbered_in_each_video(tmp_path: Path) -> None:
    source = find_youtube_vis(write(tmp_path / "a.json", ground_truth()), None)
    assert areas(source) == {
        ("walk", "00000"): {1: 16, 2: 48},
        ("walk", "00001"): {1: 16},
        ("walk", "00002"): {1: 16, 2: 48},
        ("naïve", "00000"): {1: 40},
        ("naïve", "00001"): {1: 40},
        ("naïve", "00002"): {1: 40},
    }


def test_blocks_of_frames_give_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "a.json", ground_truth())
    whole = areas(find_youtube_vis(path, None))
    monkeypatch.setattr(video_json, "_MASKS_AT_ONCE", 1)
    assert areas(find_youtube_vis(path, None)) == whole


def test_two_videos_of_one_name_are_refused(tmp_path: Path) -> None:
    content = ground_truth()
    content["videos"][1]["file_names"] = content["videos"][0]["file_names"]
    with pytest.raises(InputError, match="two videos of the name walk"):
        find_youtube_vis(write(tmp_path / "a.json", content), None)


def test_crowds_of_youtube_vis_are_left_out(tmp_path: Path) -> None:
    content = ground_truth()
    content["annotations"][1]["iscrowd"] = 1
    source = find_youtube_vis(write(tmp_path / "a.json", content), None)
    assert areas(source)["walk", "00000"] == {1: 16}
    assert "1 crowd(s)" in source.remarks[0]


def test_forms_of_files_are_told_apart(tmp_path: Path) -> None:
    panoptic = {"annotations": [{"image_id": 1, "file_name": "a.png", "segments_info": []}]}
    one = boxes(1, 1, 2, 2)[0]
    contents = {
        "youtube-vis": ground_truth(),
        "results": results(),
        "coco": coco(),
        "coco results": [{"image_id": 1, "category_id": 1, "score": 1.0, "segmentation": one}],
        "sa-v": sa_v(),
        "panoptic": panoptic,
    }
    forms = {n: locate(write(tmp_path / f"{n}.json", c)).form for n, c in contents.items()}
    assert forms == {
        "youtube-vis": Form.YOUTUBE_VIS,
        "results": Form.YOUTUBE_VIS,
        "coco": Form.COCO,
        "coco results": Form.COCO,
        "sa-v": Form.SA_V,
        "panoptic": Form.PANOPTIC,
    }
    assert locate(tmp_path / "coco.json", Form.DAVIS).form is Form.DAVIS


def test_a_panoptic_file_without_images_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="lists no images"):
        find_panoptic(write(tmp_path / "a.json", {"images": []}), with_stuff=False)
