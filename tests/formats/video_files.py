"""Tiny YouTube-VIS files made in code, for tests to spoil."""

from __future__ import annotations

import json

import numpy as np

from vstc.formats.objects.rle import encode_mask

HEIGHT, WIDTH, LENGTH = 12, 20, 3


def box(left, top, width, height):
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[top : top + height, left : left + width] = True
    return mask


def rle(mask, *, is_packed=True):
    packed = encode_mask(mask)
    size = [packed.height, packed.width]
    return {"size": size, "counts": packed.text if is_packed else packed.counts.tolist()}


def boxes(left, top, width, height, *, frames=range(LENGTH), is_packed=True):
    """Return the masks of a box that moves right by a pixel a frame."""
    return [
        rle(box(left + t, top, width, height), is_packed=is_packed) if t in frames else None
        for t in range(LENGTH)
    ]


def ground_truth():
    """Two videos; two objects in the first, of which one is absent in frame 1, one in the other."""
    return {
        "info": {"description": "made in code", "year": 2024},
        "videos": [
            {"id": 3, "height": HEIGHT, "width": WIDTH, "length": LENGTH,
             "file_names": [f"walk/{t:05d}.jpg" for t in range(LENGTH)]},
            {"id": 8, "height": HEIGHT, "width": WIDTH, "length": LENGTH,
             "file_names": [f"naïve/{t:05d}.jpg" for t in range(LENGTH)]},
        ],
        "categories": [{"id": 2, "name": "dog"}, {"id": 5, "name": "cat", "supercategory": "x"}],
        "annotations": [
            {"id": 1, "video_id": 3, "category_id": 2, "iscrowd": 0,
             "segmentations": boxes(1, 1, 4, 4, is_packed=False), "areas": [16, 16, 16]},
            {"id": 2, "video_id": 3, "category_id": 5, "iscrowd": 0,
             "segmentations": boxes(8, 2, 6, 8, frames=(0, 2)), "areas": [48, None, 48]},
            {"id": 9, "video_id": 8, "category_id": 2, "segmentations": boxes(2, 2, 8, 5)},
        ],
    }  # fmt: skip


def results():
    """The truth found again, and a wrong track with a low score."""
    return [
        {"video_id": 3, "category_id": 2, "score": 0.9, "segmentations": boxes(1, 1, 4, 4)},
        {"video_id": 3, "category_id": 5, "score": 0.8,
         "segmentations": boxes(8, 2, 6, 8, frames=(0, 2))},
        {"video_id": 8, "category_id": 2, "score": 1, "segmentations": boxes(2, 2, 8, 5)},
        {"video_id": 8, "category_id": 2, "score": 0.1, "segmentations": boxes(12, 0, 2, 2)},
    ]  # fmt: skip


def coco_vid():
    """The ground truth in the CocoVID layout, images out of order."""
    truth = ground_truth()
    videos = [
        {"id": v["id"], "name": v["file_names"][0].split("/")[0], "height": HEIGHT, "width": WIDTH}
        for v in truth["videos"]
    ]
    images = [
        {"id": 100 * v["id"] + t, "video_id": v["id"], "frame_id": t, "height": HEIGHT,
         "width": WIDTH, "file_name": v["file_names"][t]}
        for t in (2, 0, 1)
        for v in truth["videos"]
    ]  # fmt: skip
    annotations = []
    for t in range(LENGTH):
        for track in truth["annotations"]:
            mask = track["segmentations"][t]
            if mask is not None:
                annotations.append(
                    {"id": len(annotations) + 1, "video_id": track["video_id"],
                     "image_id": 100 * track["video_id"] + t, "instance_id": track["id"],
                     "category_id": track["category_id"], "segmentation": mask, "iscrowd": 0}
                )  # fmt: skip
    return {"categories": truth["categories"], "videos": videos, "images": images,
            "annotations": annotations}  # fmt: skip


def write_json(path, content):
    path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    return path
