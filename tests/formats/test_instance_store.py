"""Instance masks come back from disk as they were written, frame by frame."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from vstc.errors import InputError
from vstc.formats.objects.rle import decode_mask, encode_mask
from vstc.formats.objects.store import (
    ClipWriter,
    FrameInstances,
    InstanceArchive,
    InstanceCategory,
    InstanceClip,
    InstanceMask,
    clip_file,
    write_index,
)

NAMES = ("00000", "00001", "00002")
CLIP = InstanceClip("dance/a", 6, 9, 25.0, NAMES, tuple(f"dance/a/{n}.jpg" for n in NAMES))
CATEGORIES = (InstanceCategory(7, "person"), InstanceCategory(2, "sky", is_thing=False))


def random_frame(index: int, *, num_masks: int, seed: int = 0) -> FrameInstances:
    random = np.random.default_rng([seed, index])
    masks = [
        InstanceMask(track + 1, 7, 0.5, encode_mask(random.random((CLIP.height, CLIP.width)) < 0.4))
        for track in range(num_masks)
    ]
    return FrameInstances(index, NAMES[index], tuple(masks))


def write_archive(folder: Path, frames: list[FrameInstances]) -> None:
    with ClipWriter(folder, CLIP) as writer:
        for frame in frames:
            writer.write(frame)
    write_index(
        folder,
        name="test",
        source="made in a test",
        categories=CATEGORIES,
        clips=[CLIP],
        has_identity=True,
        root=folder.parent / "images",
    )


def test_archive_returns_what_was_written(tmp_path: Path) -> None:
    frames = [random_frame(i, num_masks=n) for i, n in enumerate([2, 0, 300])]
    write_archive(tmp_path / "made", frames)
    archive = InstanceArchive(tmp_path / "made")
    assert archive.clips == (CLIP,)
    assert [category.id for category in archive.categories] == [2, 7]
    assert archive.has_identity
    read = list(archive.frames(CLIP.id))
    assert [len(frame.instances) for frame in read] == [2, 0, 300]
    for old, new in zip(frames, read, strict=True):
        assert (old.index, old.name) == (new.index, new.name)
        for before, after in zip(old.instances, new.instances, strict=True):
            assert (before.track, before.category_id, before.score) == (
                after.track,
                after.category_id,
                after.score,
            )
            np.testing.assert_array_equal(decode_mask(before.rle), decode_mask(after.rle))


def test_image_of_a_frame_lies_below_the_root(tmp_path: Path) -> None:
    write_archive(tmp_path / "made", [random_frame(i, num_masks=1) for i in range(3)])
    archive = InstanceArchive(tmp_path / "made")
    found = archive.frame_image(archive.clips[0], 1)
    assert found == tmp_path / "images" / "dance/a/00001.jpg"


def test_empty_mask_is_an_object_that_is_not_visible(tmp_path: Path) -> None:
    empty = InstanceMask(4, 7, 1.0, encode_mask(np.zeros((6, 9), np.bool_)))
    frames = [FrameInstances(i, NAMES[i], (empty,)) for i in range(3)]
    write_archive(tmp_path, frames)
    read = list(InstanceArchive(tmp_path).frames(CLIP.id))
    assert [frame.instances[0].rle.area for frame in read] == [0, 0, 0]


def test_clip_that_is_not_complete_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="1 of 3"), ClipWriter(tmp_path, CLIP) as writer:
        writer.write(random_frame(0, num_masks=1))
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_failure_in_the_block_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="stop"), ClipWriter(tmp_path, CLIP):
        raise RuntimeError("stop")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    "frame",
    [
        FrameInstances(1, "00001", ()),
        FrameInstances(0, "other", ()),
        FrameInstances(0, "00000", (InstanceMask(1, 7, 1.0, encode_mask(np.ones((6, 8), bool))),)),
        FrameInstances(0, "00000", (InstanceMask(0, 7, 1.0, encode_mask(np.ones((6, 9), bool))),)),
        FrameInstances(
            0, "00000", (InstanceMask(1, 7, 1.0, encode_mask(np.ones((6, 9), bool))),) * 2
        ),
    ],
)
def test_frame_that_does_not_fit_is_refused(frame: FrameInstances, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="frame|mask|track"), ClipWriter(tmp_path, CLIP) as writer:
        writer.write(frame)


def damage(folder: Path, line: int, change: dict[str, object]) -> None:
    path = folder / clip_file(CLIP.id)
    lines = path.read_text().splitlines()
    value = json.loads(lines[line])
    if "rle" in change:
        value["instances"][0].update(change)
    else:
        value.update(change)
    lines[line] = json.dumps(value)
    path.write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rle": "05"}, "line 2, track 1: RLE counts add up to 5"),
        ({"index": 5}, "line 2 is not frame 1"),
        ({"instances": 3}, "line 2 is not a frame"),
        ({"instances": [{"track": 1}]}, "line 2 is not a frame"),
    ],
)
def test_damaged_line_is_named(change: dict[str, object], message: str, tmp_path: Path) -> None:
    write_archive(tmp_path, [random_frame(i, num_masks=1) for i in range(3)])
    damage(tmp_path, 1, change)
    with pytest.raises(InputError, match=message):
        list(InstanceArchive(tmp_path).frames(CLIP.id))


def test_file_cut_short_is_refused(tmp_path: Path) -> None:
    write_archive(tmp_path, [random_frame(i, num_masks=1) for i in range(3)])
    path = tmp_path / clip_file(CLIP.id)
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:2]))
    with pytest.raises(InputError, match="has 2 of 3 frames"):
        list(InstanceArchive(tmp_path).frames(CLIP.id))


def test_newer_index_is_refused(tmp_path: Path) -> None:
    write_archive(tmp_path, [random_frame(i, num_masks=1) for i in range(3)])
    path = tmp_path / "instances.json"
    path.write_text(path.read_text().replace('"schema_version": 1', '"schema_version": 2'))
    with pytest.raises(InputError, match="schema version 2"):
        InstanceArchive(tmp_path)


def test_missing_archive_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"vstc.instances not found"):
        InstanceArchive(tmp_path / "none")


def test_clip_that_would_leave_the_folder_is_refused(tmp_path: Path) -> None:
    clip = InstanceClip("../x", 1, 1, None, ("a",))
    with pytest.raises(InputError, match="cannot name a file"):
        write_index(
            tmp_path,
            name="x",
            source="x",
            categories=[],
            clips=[clip],
            has_identity=True,
            root=None,
        )


def test_memory_does_not_grow_with_the_number_of_frames(tmp_path: Path) -> None:
    names = tuple(f"{i:05d}" for i in range(600))
    clip = InstanceClip("long", 60, 80, None, names)
    rle = encode_mask(np.random.default_rng(0).random((60, 80)) < 0.5)
    tracemalloc.start()
    try:
        with ClipWriter(tmp_path, clip) as writer:
            for i, name in enumerate(names):
                writer.write(FrameInstances(i, name, (InstanceMask(1, 1, 1.0, rle),)))
        write_index(
            tmp_path,
            name="x",
            source="x",
            categories=[],
            clips=[clip],
            has_identity=True,
            root=None,
        )
        archive = InstanceArchive(tmp_path)
        count = sum(len(frame.instances) for frame in archive.frames("long"))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    size = (tmp_path / clip_file("long")).stat().st_size
    assert count == 600
    assert size > 1_500_000
    assert peak < size / 2
