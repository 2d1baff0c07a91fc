from __future__ import annotations

import numpy as np
import pytest

from vstc.errors import InputError
from vstc.formats.images import encode_gray, encode_labels, encode_rgb
from vstc.formats.objects.id_masks import is_void, read_id_masks

PALETTE = np.arange(768, dtype=np.uint8).reshape(256, 3)


def write_map(path, ids, *, encode=encode_gray):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode(ids))


def test_both_nestings_are_read_in_time_order(tmp_path):
    for t in (10, 9, 8):
        ids = np.full((4, 6), t, np.uint8)
        write_map(tmp_path / "b" / f"f{t}.png", ids)
        write_map(
            tmp_path / "a" / "masks" / f"f{t}.png", ids, encode=lambda i: encode_labels(i, PALETTE)
        )
        write_map(tmp_path / "a" / "frames" / f"f{t}.png", ids)
    (tmp_path / "empty").mkdir()
    (tmp_path / "note.txt").write_text("no video")
    first, second = read_id_masks(tmp_path)
    assert (first.name, second.name) == ("a", "b")
    assert first.frame_names == second.frame_names == ["f8", "f9", "f10"]
    for clip in (first, second):
        assert (clip.height, clip.width, len(clip)) == (4, 6, 3)
        assert [ids[0, 0] for ids in clip] == [8, 9, 10]
        assert clip.read(1).dtype == np.uint8


def test_frames_of_a_video_have_one_size(tmp_path):
    for t, width in enumerate((6, 6, 5)):
        write_map(tmp_path / "a" / f"{t}.png", np.zeros((4, width), np.uint8))
    with pytest.raises(InputError, match=r"2\.png is 5x4, other maps of video a are 6x4"):
        read_id_masks(tmp_path)


def test_a_colour_map_and_a_broken_one_are_refused_when_read(tmp_path):
    write_map(tmp_path / "a" / "0.png", np.zeros((4, 6, 3), np.uint8), encode=encode_rgb)
    with pytest.raises(InputError, match="is a colour label"):
        read_id_masks(tmp_path)[0].read(0)
    write_map(tmp_path / "a" / "0.png", np.random.default_rng(0).integers(0, 9, (40, 60), np.uint8))
    clip = read_id_masks(tmp_path)[0]
    content = clip.paths[0].read_bytes()
    clip.paths[0].write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match="is not readable"):
        clip.read(0)


def test_a_folder_without_maps_is_refused(tmp_path):
    with pytest.raises(InputError, match="holds no id masks"):
        read_id_masks(tmp_path)
    with pytest.raises(InputError, match="not found"):
        read_id_masks(tmp_path / "none")


def test_255_is_void_beside_other_objects_and_an_object_alone():
    assert not is_void({0, 255})
    assert not is_void({255})
    assert is_void({0, 1, 255})
    assert not is_void({0, 1})


def test_davis_masks_are_read(real_data):
    clips = read_id_masks(real_data / "instances" / "davis2016")
    assert {clip.name: len(clip) for clip in clips}["bmx-trees"] == 80
    assert {(clip.height, clip.width) for clip in clips} == {(480, 854)}
    assert set(np.unique(clips[0].read(0))) == {0, 255}


def test_a_real_map_that_is_a_pixel_too_narrow_is_refused(real_data, tmp_path):
    (tmp_path / "judo").symlink_to(real_data / "instances" / "cutie_judo")
    with pytest.raises(InputError, match=r"00005\.png is 853x480, .* video judo are 854x480"):
        read_id_masks(tmp_path)
