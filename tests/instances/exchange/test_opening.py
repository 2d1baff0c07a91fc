"""What import settles before the first mask is read, and that memory does not grow with time."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from tests.formats.instance_forms.archives import write_archive
from vstc.artifacts.workspace import open_artifact
from vstc.data.index.classes import infer_class_table
from vstc.errors import ConfigError, InputError
from vstc.formats.dataset import Clip, DatasetRecord, VideoFrame, write_dataset
from vstc.formats.images import encode_gray, encode_rgb
from vstc.formats.objects.forms.detect import Form
from vstc.formats.objects.rle import encode_mask
from vstc.formats.objects.store import (
    FrameInstances,
    InstanceArchive,
    InstanceClip,
    InstanceMask,
)
from vstc.instances.exchange.exporting import export_instances
from vstc.instances.exchange.importing import import_instances
from vstc.instances.exchange.opening import open_source
from vstc.instances.exchange.settings import ExportSettings, ImportSettings
from vstc.options import ExistingOutput

FRAME = encode_rgb(np.zeros((8, 12, 3), np.uint8))
IDS = np.kron(np.array([[0, 1, 2], [1, 0, 1]], np.uint8), np.ones((4, 4), np.uint8))


def put(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def make_maps(root: Path, *, names: tuple[str, ...] = ("00000", "00001")) -> Path:
    for name in names:
        put(root / "walk" / f"{name}.png", encode_gray(IDS))
    return root


def make_dataset(root: Path, *, frames: list[str | VideoFrame] | None = None) -> Path:
    for index in range(3):
        put(root / "images" / f"{index:05d}.png", FRAME)
    clip = Clip(
        id="walk",
        split="all",
        fps=12.5,
        frame_step=1,
        frames=frames or [f"images/{index:05d}.png" for index in range(3)],
    )
    table = infer_class_table([0, 1, 2])
    classes = list(table.classes)
    write_dataset(root, DatasetRecord(name="made", root=".", classes=classes, clips=[clip]))
    return root


def import_all(place: Path, output: Path, settings: ImportSettings) -> InstanceArchive:
    import_instances(
        open_source(place, settings),
        output,
        settings,
        existing=ExistingOutput.REFUSE,
        dry_run=False,
        advance=lambda _: None,
    )
    return InstanceArchive(output)


def test_frames_of_a_data_set_give_images_and_their_rate(tmp_path: Path) -> None:
    maps, data = make_maps(tmp_path / "maps"), make_dataset(tmp_path / "data")
    settings = ImportSettings(frames=str(data), missing_masks="empty")
    archive = import_all(maps, tmp_path / "out", settings)
    (clip,) = archive.clips
    assert clip.fps == 12.5
    assert archive.frame_image(clip, 2) == data / "images" / "00002.png"
    assert [len(frame.instances) for frame in archive.frames("walk")] == [2, 2, 0]


def test_a_data_set_without_the_clip_or_of_videos_is_refused(tmp_path: Path) -> None:
    maps = make_maps(tmp_path / "maps")
    (maps / "walk").rename(maps / "other")
    data = make_dataset(tmp_path / "data")
    with pytest.raises(InputError, match="has no clip other"):
        open_source(maps, ImportSettings(frames=str(data)))
    (maps / "other").rename(maps / "walk")
    make_dataset(data, frames=[VideoFrame(video="a.mp4", index=i) for i in range(2)])
    with pytest.raises(InputError, match="is a video file, not images"):
        open_source(maps, ImportSettings(frames=str(data)))


def test_frames_are_found_where_they_usually_are(tmp_path: Path) -> None:
    maps = make_maps(tmp_path / "maps")
    for place in ("a/walk", "b/walk/frames", "c/JPEGImages/480p/walk", "d"):
        for name in ("00000", "00001"):
            put(tmp_path / place / f"{name}.png", FRAME)
        opened = open_source(maps, ImportSettings(frames=str(tmp_path / place.split("/")[0])))
        image = opened.root / opened.masks.clips[0].frames[0]
        assert image == tmp_path / place / "00000.png"
    with pytest.raises(InputError, match="has no frames of clip walk"):
        open_source(maps, ImportSettings(frames=str(tmp_path / "b" / "walk")))


def test_settings_choose_clips_rate_identity_and_name(tmp_path: Path) -> None:
    maps = make_maps(tmp_path / "maps")
    put(maps / "run" / "0.png", encode_gray(IDS))
    settings = ImportSettings(clips=("walk",), fps=24, identity=False, name="mine")
    archive = import_all(maps, tmp_path / "out", settings)
    assert [(clip.id, clip.fps) for clip in archive.clips] == [("walk", 24.0)]
    assert (archive.name, archive.has_identity) == ("mine", False)
    with pytest.raises(ConfigError, match="unknown clip: wlk"):
        open_source(maps, ImportSettings(clips=("wlk",)))


def test_our_predictions_are_maps_of_classes(tmp_path: Path) -> None:
    place, data = tmp_path / "predictions", make_dataset(tmp_path / "data")
    with open_artifact(place, kind="vstc.predictions", config={}) as workspace:
        for index in range(3):
            workspace.write_bytes(f"walk/{index:05d}.png", encode_gray(IDS))
        workspace.finish()
    with pytest.raises(ConfigError, match="do not tell which classes"):
        open_source(place, ImportSettings(frames=str(data)))
    settings = ImportSettings(frames=str(data), objects=("class_1", "2"), min_area=16)
    archive = import_all(place, tmp_path / "out", settings)
    assert not archive.has_identity
    assert [category.name for category in archive.categories] == ["class_1", "class_2"]
    (first, *_) = archive.frames("walk")
    found = sorted((mask.category_id, mask.rle.area) for mask in first.instances)
    assert found == [(1, 48), (2, 16)], "the parts of class 1 touch at corners"


def test_form_can_be_named_for_what_looks_the_same(tmp_path: Path) -> None:
    maps = make_maps(tmp_path / "maps")
    assert open_source(maps, ImportSettings()).masks.form == "davis"
    settings = ImportSettings(format=Form.CLASSES, objects=("1",))
    assert open_source(maps, settings).masks.form == "classes"


def blocks(clip: InstanceClip, index: int) -> FrameInstances:
    """Four blocks that move to the right."""
    masks = []
    for track in range(1, 5):
        pixels = np.zeros((clip.height, clip.width), np.bool_)
        pixels[40 * track : 40 * track + 20, index : index + 30] = True
        masks.append(InstanceMask(track, 2, 1.0, encode_mask(pixels)))
    return FrameInstances(index, clip.frame_names[index], tuple(masks))


def there_and_back(folder: Path, form: str, num_frames: int) -> int:
    """Export and import a clip; return the most memory that was in use, in bytes."""
    names = tuple(f"{index:05d}" for index in range(num_frames))
    clip = InstanceClip("walk", 240, 320, None, names)
    frames = [blocks(clip, index) for index in range(num_frames)]
    archive = write_archive(folder / "old", [(clip, frames)])
    del frames
    tracemalloc.start()
    try:
        export_instances(
            archive,
            folder / "out",
            ExportSettings(format=form),
            existing=ExistingOutput.REFUSE,
            dry_run=False,
            advance=lambda _: None,
        )
        import_all(folder / "out", folder / "new", ImportSettings())
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("form", ["davis", "files", "youtube-vis", "coco", "sa-v", "panoptic"])
def test_memory_holds_names_and_places_of_frames_but_no_pixels(form: str, tmp_path: Path) -> None:
    short, long = (there_and_back(tmp_path / str(n), form, n) for n in (10, 60))
    pixels_per_frame = 4 * 240 * 320
    assert long - short < 10 * pixels_per_frame, "50 more frames"
