"""Masks in folders: maps of ids, a file for each object, panoptic maps, maps of classes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from vstc.errors import ConfigError, InputError
from vstc.formats.dataset import LabelClass
from vstc.formats.images import encode_gray, encode_labels, encode_rgb, read_labels
from vstc.formats.objects.forms.class_maps import (
    ObjectClasses,
    choose_classes,
    find_class_maps,
)
from vstc.formats.objects.forms.davis import davis_palette, find_davis
from vstc.formats.objects.forms.detect import Form, locate
from vstc.formats.objects.forms.files import find_files
from vstc.formats.objects.forms.panoptic import find_panoptic, read_segment_ids, segment_colors
from vstc.formats.objects.forms.source import InstanceSource
from vstc.formats.objects.rle import decode_mask
from vstc.formats.objects.store import FrameInstances

PALETTE = np.arange(768, dtype=np.uint8).reshape(256, 3)


def put(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def id_map(*ids: int) -> np.ndarray:
    """A column of two pixels for each id."""
    return np.repeat(np.array(ids, np.uint8)[np.newaxis], 4, axis=0).repeat(2, axis=1)


def read(source: InstanceSource, place: int = 0) -> list[FrameInstances]:
    return list(source.read(source.clips[place]))


def areas(frames: list[FrameInstances]) -> list[dict[int, int]]:
    return [{mask.track: mask.rle.area for mask in frame.instances} for frame in frames]


@pytest.mark.parametrize("kind", ["grey", "palette"])
def test_each_id_of_a_map_is_a_track(kind: str, tmp_path: Path) -> None:
    for name, ids in (("00000", (0, 3, 7)), ("00001", (7, 7, 0))):
        values = id_map(*ids)
        data = encode_gray(values) if kind == "grey" else encode_labels(values, PALETTE)
        put(tmp_path / "walk" / f"{name}.png", data)
    source = find_davis(tmp_path)
    frames = read(source)
    assert areas(frames) == [{3: 8, 7: 8}, {7: 16}]
    assert source.has_identity
    np.testing.assert_array_equal(decode_mask(frames[0].instances[0].rle), id_map(0, 3, 7) == 3)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ((0, 255), (255, 255), [{1: 8}, {1: 16}]),
        ((0, 2), (255, 2), [{2: 8}, {2: 8}]),
        ((255, 0), (2, 0), [{}, {2: 8}]),
    ],
)
def test_255_is_void_beside_other_ids_of_the_clip_and_else_the_one_object(
    first: tuple[int, ...], second: tuple[int, ...], expected: list[dict[int, int]], tmp_path: Path
) -> None:
    for name, ids in (("0", first), ("1", second)):
        put(tmp_path / "walk" / f"{name}.png", encode_gray(id_map(*ids)))
    assert areas(read(find_davis(tmp_path))) == expected


def test_annotations_of_davis_have_their_images_beside_them(tmp_path: Path) -> None:
    put(tmp_path / "Annotations/480p/bear/00000.png", encode_gray(id_map(0, 1)))
    source = find_davis(tmp_path)
    assert source.image_folders == {"bear": tmp_path / "JPEGImages/480p/bear"}
    assert source.files == ("bear/00000.png",)


def test_a_folder_of_maps_alone_is_a_clip_of_its_name(tmp_path: Path) -> None:
    put(tmp_path / "judo/masks/00000.png", encode_gray(id_map(0, 1)))
    for place in (tmp_path / "judo", tmp_path / "judo" / "masks"):
        source = find_davis(place)
        assert [clip.id for clip in source.clips] == ["judo"]
        assert source.image_folders == {"judo": tmp_path / "judo" / "frames"}


def test_palette_is_that_of_davis(real_data: Path) -> None:
    from PIL import Image

    mask = real_data / "instances/davis2017_predictions/osvos/judo/00000.png"
    with Image.open(mask) as image:
        stored = np.array(image.getpalette(), np.uint8).reshape(-1, 3)
    np.testing.assert_array_equal(davis_palette()[:4], [[0, 0, 0], [128, 0, 0], [0, 128, 0],
                                                       [128, 128, 0]])  # fmt: skip
    np.testing.assert_array_equal(davis_palette()[: len(stored)][:22], stored[:22])


def put_objects(root: Path, names: tuple[str, ...]) -> None:
    for place, name in enumerate(names):
        mask = id_map(*(int(i == place) for i in range(3))) * np.uint8(255)
        put(root / "walk" / name / "00000.png", encode_gray(mask))


@pytest.mark.parametrize(
    ("names", "tracks"),
    [
        (("1", "5", "12"), [1, 5, 12]),
        (("000", "001", "007"), [1, 2, 8]),
        (("bear", "girl", "tree"), [1, 2, 3]),
        (("1", "01", "2"), [1, 2, 3]),
    ],
)
def test_folders_of_objects_give_tracks(
    names: tuple[str, ...], tracks: list[int], tmp_path: Path
) -> None:
    put_objects(tmp_path, names)
    assert [mask.track for mask in read(find_files(tmp_path))[0].instances] == tracks


def test_an_object_without_a_file_or_with_a_black_one_is_absent(tmp_path: Path) -> None:
    put_objects(tmp_path, ("1", "2"))
    put(tmp_path / "walk/1/00004.png", encode_gray(id_map(0, 0, 0)))
    put(tmp_path / "walk/1/00008.png", encode_gray(id_map(1, 1, 1)))
    frames = read(find_files(tmp_path))
    assert [frame.name for frame in frames] == ["00000", "00004", "00008"]
    assert areas(frames) == [{1: 8, 2: 8}, {}, {1: 24}]


def test_an_object_mask_of_another_size_is_refused(tmp_path: Path) -> None:
    put_objects(tmp_path, ("1", "2"))
    put(tmp_path / "walk/2/00000.png", encode_gray(np.ones((4, 5), np.uint8)))
    with pytest.raises(InputError, match=r"is (5x4|6x4), other masks of clip walk are"):
        find_files(tmp_path)
    with pytest.raises(InputError, match="holds no masks"):
        find_files(tmp_path / "walk" / "1")


def put_panoptic(root: Path, name: str, ids: np.ndarray, segments: list[dict[str, object]]) -> None:
    put(root / "walk" / f"{name}.png", encode_rgb(segment_colors(ids.astype(np.uint32))))
    put(root / "walk" / f"{name}.json", json.dumps(segments).encode())


def segment(number: int, category: int, *, isthing: bool = True) -> dict[str, object]:
    return {"id": number, "category_id": category, "isthing": isthing}


def test_segments_are_read_by_their_colours(tmp_path: Path) -> None:
    ids = np.repeat(id_map(0, 1, 2).astype(np.uint32), 2, axis=0) * 70000
    segments = [segment(70000, 5), segment(140000, 3, isthing=False)]
    put_panoptic(tmp_path, "00000", ids, segments)
    source = find_panoptic(tmp_path, with_stuff=False)
    assert areas(read(source)) == [{70000: 16}]
    assert not source.has_identity
    both = find_panoptic(tmp_path, with_stuff=True)
    assert [(c.id, c.is_thing) for c in both.categories] == [(3, False), (5, True)]
    assert areas(read(both)) == [{70000: 16, 140000: 16}]


def test_a_segment_that_is_not_named_is_refused(tmp_path: Path) -> None:
    put_panoptic(tmp_path, "00000", id_map(1, 2), [segment(1, 5)])
    with pytest.raises(InputError, match="holds the segment 2, which its JSON does not name"):
        read(find_panoptic(tmp_path, with_stuff=False))
    put(tmp_path / "walk/00000.json", b'[{"id": "x"}]')
    with pytest.raises(InputError, match="not a segment"):
        find_panoptic(tmp_path, with_stuff=False)


def test_panoptic_maps_of_a_clip_have_one_size(tmp_path: Path) -> None:
    put_panoptic(tmp_path, "00000", id_map(1, 1), [segment(1, 5)])
    put_panoptic(tmp_path, "00001", id_map(1, 1, 1), [segment(1, 5)])
    with pytest.raises(InputError, match="is 6x4, the first map of clip walk 4x4"):
        find_panoptic(tmp_path, with_stuff=False)


def test_grey_maps_of_16_bit_hold_high_ids(tmp_path: Path) -> None:
    ids = np.arange(24, dtype=np.uint16).reshape(4, 6) * np.uint16(1000)
    put(tmp_path / "a.png", encode_gray(ids))
    np.testing.assert_array_equal(read_segment_ids(tmp_path / "a.png"), ids)


TABLE = [
    LabelClass(id=0, name="road", color=(1, 1, 1)),
    LabelClass(id=1, name="car", color=(2, 2, 2)),
    LabelClass(id=2, name="person", color=(3, 3, 3)),
]


def test_connected_parts_of_chosen_classes_are_objects(tmp_path: Path) -> None:
    labels = np.zeros((10, 12), np.uint8)
    labels[1:4, 1:4] = 1
    labels[4:6, 4:6] = 1  # touches the first at a corner
    labels[1:3, 8:11] = 1
    labels[8, 8] = 1
    labels[6:9, 1:3] = 2
    put(tmp_path / "walk/00000.png", encode_labels(labels, PALETTE))
    categories = tuple(choose_classes(["car", "2"], TABLE))
    source = find_class_maps(tmp_path, ObjectClasses(categories, min_area=2))
    (frame,) = read(source)
    found = [(mask.category_id, mask.rle.area, mask.score) for mask in frame.instances]
    assert sorted(found) == [(1, 6, 1.0), (1, 13, 1.0), (2, 6, 1.0)]
    assert [mask.track for mask in frame.instances] == [1, 2, 3]
    assert not source.has_identity
    assert [category.name for category in source.categories] == ["car", "person"]


def test_score_of_a_part_is_its_mean_confidence(tmp_path: Path) -> None:
    labels = id_map(0, 1)
    put(tmp_path / "walk/00000.png", encode_gray(labels))
    put(tmp_path / "walk/confidence/00000.png", encode_gray(id_map(255, 51)))
    classes = ObjectClasses(tuple(choose_classes(["car"], TABLE)), min_area=1)
    (frame,) = read(find_class_maps(tmp_path, classes))
    assert frame.instances[0].score == 0.2


def test_classes_must_be_chosen_and_exist() -> None:
    with pytest.raises(ConfigError, match="do not tell which classes are objects") as caught:
        choose_classes([], TABLE)
    assert caught.value.hint == "choose some with --objects: road, car, person"
    with pytest.raises(ConfigError, match="unknown class: truck"):
        choose_classes(["truck"], TABLE)
    with pytest.raises(ConfigError, match="unknown class: 7"):
        choose_classes(["7"], TABLE)
    assert choose_classes(["7"], [])[0].name == "class_7"


def test_forms_of_folders_are_told_apart(tmp_path: Path) -> None:
    put(tmp_path / "davis/walk/0.png", encode_gray(id_map(1)))
    put(tmp_path / "single/masks/0.png", encode_gray(id_map(1)))
    put(tmp_path / "nested/walk/masks/0.png", encode_gray(id_map(1)))
    put(tmp_path / "archive/Annotations/480p/walk/0.png", encode_gray(id_map(1)))
    put(tmp_path / "files/walk/1/0.png", encode_gray(id_map(1)))
    put_panoptic(tmp_path / "panoptic", "0", id_map(1), [segment(1, 1)])
    put(tmp_path / "sa-v/a.json", b"{}")
    found = {path.name: locate(path).form for path in tmp_path.iterdir()}
    assert found == {
        "davis": Form.DAVIS,
        "single": Form.DAVIS,
        "nested": Form.DAVIS,
        "archive": Form.DAVIS,
        "files": Form.FILES,
        "panoptic": Form.PANOPTIC,
        "sa-v": Form.SA_V,
    }


def test_a_written_palette_file_holds_its_ids(tmp_path: Path) -> None:
    put(tmp_path / "a.png", encode_labels(id_map(0, 200, 254), davis_palette()))
    np.testing.assert_array_equal(read_labels(tmp_path / "a.png"), id_map(0, 200, 254))
