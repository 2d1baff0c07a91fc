"""Instance masks go out in every form and come back bit for bit."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.formats.instance_forms.archives import (
    clip_of,
    frames_of,
    kinds_of,
    masks_of,
    write_archive,
)
from vstc.errors import InputError
from vstc.formats.images import encode_gray, encode_rgb, read_labels
from vstc.formats.objects.rle import decode_mask, parse_rle
from vstc.formats.objects.store import InstanceArchive

Run = Callable[..., Any]
FORMS = ("davis", "files", "youtube-vis", "coco", "sa-v", "panoptic")
KEEP_ALL = ("youtube-vis", "coco", "panoptic")  # categories and scores too
every_form = pytest.mark.parametrize("form", FORMS)


def there_and_back(run: Run, archive: Path, form: str, folder: Path, *sets: str) -> InstanceArchive:
    settings = [word for text in sets for word in ("--set", text)]
    run("instances", "export", archive, "--format", form, "-o", folder / "out", "-q", *settings)
    run("instances", "import", folder / "out", "-o", folder / "back", "-q")
    return InstanceArchive(folder / "back")


@every_form
@pytest.mark.parametrize("step", [1, 4])
def test_masks_areas_and_boxes_survive_every_form(
    form: str, step: int, run: Run, tmp_path: Path
) -> None:
    clips = [clip_of("run", 3, step=step), clip_of("walk", 5, step=step)]
    old = write_archive(tmp_path / "old", [(c, frames_of(c, num_masks=4)) for c in clips])
    new = there_and_back(run, tmp_path / "old", form, tmp_path)
    assert masks_of(new) == masks_of(old)
    assert new.has_identity
    assert [len(frame) for frame in masks_of(new).values()] == [4, 3, 4, 4, 3, 4, 4, 4]


@every_form
def test_clips_in_folders_keep_their_names(form: str, run: Run, tmp_path: Path) -> None:
    clips = [clip_of("val/run", 2), clip_of("val/walk", 2)]
    old = write_archive(tmp_path / "old", [(c, frames_of(c, num_masks=2)) for c in clips])
    new = there_and_back(run, tmp_path / "old", form, tmp_path)
    assert masks_of(new) == masks_of(old)


@pytest.mark.parametrize("form", KEEP_ALL)
def test_json_keeps_categories_and_scores(form: str, run: Run, tmp_path: Path) -> None:
    clip = clip_of("walk", 3)
    old = write_archive(tmp_path / "old", [(clip, frames_of(clip, num_masks=3, score=0.7))])
    new = there_and_back(run, tmp_path / "old", form, tmp_path)
    expected = [(t, c, 1.0) for t, c, _ in kinds_of(old)]
    assert kinds_of(new) == (expected if form == "youtube-vis" else kinds_of(old))
    assert new.categories == old.categories


@pytest.mark.parametrize("form", ["files", "youtube-vis", "coco", "sa-v"])
def test_masks_that_overlap_survive(form: str, run: Run, tmp_path: Path) -> None:
    clip = clip_of("walk", 3)
    frames = frames_of(clip, num_masks=5, overlapping=True)
    old = write_archive(tmp_path / "old", [(clip, frames)])
    assert masks_of(there_and_back(run, tmp_path / "old", form, tmp_path)) == masks_of(old)


@pytest.mark.parametrize("form", ["files", "youtube-vis", "coco", "sa-v", "panoptic"])
def test_three_hundred_objects_in_a_frame_survive(form: str, run: Run, tmp_path: Path) -> None:
    clip = clip_of("crowd", 2)
    old = write_archive(tmp_path / "old", [(clip, frames_of(clip, num_masks=300))])
    new = there_and_back(run, tmp_path / "old", form, tmp_path)
    assert masks_of(new) == masks_of(old)
    assert max(len(frame) for frame in masks_of(new).values()) == 300


def test_davis_refuses_ids_that_it_cannot_hold(run: Run, tmp_path: Path) -> None:
    clip = clip_of("crowd", 2)
    write_archive(tmp_path / "old", [(clip, frames_of(clip, num_masks=255))])
    done = run(
        *("instances", "export", tmp_path / "old", "--format", "davis", "-o", tmp_path / "x"),
        code=3,
    )
    assert "track 255 is too high for davis, whose ids end at 254" in done.stderr


@pytest.mark.parametrize("form", ["davis", "panoptic"])
def test_overlap_is_refused_unless_the_score_decides(form: str, run: Run, tmp_path: Path) -> None:
    clip = clip_of("walk", 2)
    write_archive(tmp_path / "old", [(clip, frames_of(clip, num_masks=2, overlapping=True))])
    export = ("instances", "export", tmp_path / "old", "--format", form, "-o", tmp_path / "x")
    assert "overlap, but" in run(*export, code=3).stderr
    new = there_and_back(run, tmp_path / "old", form, tmp_path, "overlap=score")
    old = masks_of(InstanceArchive(tmp_path / "old"))
    first, second = masks_of(new)["walk", "00000"], old["walk", "00000"]
    assert first[1] == second[1], "of equal scores, the lower track keeps its pixels"
    assert first[2][1] < second[2][1]


@pytest.mark.parametrize("form", ["youtube-vis", "sa-v"])
def test_forms_of_tracks_need_identities(form: str, run: Run, tmp_path: Path) -> None:
    clip = clip_of("walk", 2)
    frames = frames_of(clip, num_masks=2)
    write_archive(tmp_path / "old", [(clip, frames)], has_identity=False)
    arguments = ("instances", "export", tmp_path / "old", "--format", form, "-o", tmp_path / "x")
    done = run(*arguments, code=3)
    assert "vstc instances track" in done.stderr
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("form", ["coco", "panoptic"])
def test_want_of_identity_survives(form: str, run: Run, tmp_path: Path) -> None:
    clip = clip_of("walk", 2)
    frames = frames_of(clip, num_masks=2)
    write_archive(tmp_path / "old", [(clip, frames)], has_identity=False)
    assert not there_and_back(run, tmp_path / "old", form, tmp_path).has_identity


def test_uncompressed_masks_are_lists_of_counts(run: Run, tmp_path: Path) -> None:
    clip = clip_of("walk", 3)
    old = write_archive(tmp_path / "old", [(clip, frames_of(clip, num_masks=2))])
    new = there_and_back(run, tmp_path / "old", "youtube-vis", tmp_path, "rle=uncompressed")
    rows = json.loads((tmp_path / "out" / "annotations.json").read_text())["annotations"]
    assert isinstance(rows[0]["segmentations"][0]["counts"], list)
    assert rows[1]["segmentations"][1] is None
    assert rows[1]["areas"][1] is None
    assert masks_of(new) == masks_of(old)


def test_results_come_back_with_the_file_that_names_their_videos(run: Run, tmp_path: Path) -> None:
    clip = clip_of("walk", 3)
    frames = frames_of(clip, num_masks=3, score=0.25)
    old = write_archive(tmp_path / "old", [(clip, frames)])
    for form in ("youtube-vis", "coco"):
        out = tmp_path / form
        run("instances", "export", tmp_path / "old", "--format", form, "-o", out, "-q")
        back = ("instances", "import", out / "results.json", "-o", tmp_path / f"{form} back")
        assert "--dataset" in run(*back, code=3).stderr
        run(*back, "--dataset", out / "annotations.json", "-q")
        new = InstanceArchive(tmp_path / f"{form} back")
        assert [score for _, _, score in kinds_of(new)] == [0.25] * len(kinds_of(old))
        masks = [sorted(frame.values()) for frame in masks_of(new).values()]
        assert masks == [sorted(frame.values()) for frame in masks_of(old).values()]


@every_form
def test_killed_export_goes_on_to_the_same_bytes(form: str, run: Run, tmp_path: Path) -> None:
    clips = [clip_of("walk", 3), clip_of("run", 2)]
    write_archive(tmp_path / "old", [(c, frames_of(c, num_masks=2)) for c in clips])
    export = ("instances", "export", tmp_path / "old", "--format", form, "-q", "-o")
    run(*export, tmp_path / "whole")
    run(*export, tmp_path / "part")
    manifest = tmp_path / "part" / "manifest.json"
    manifest.rename(tmp_path / "part" / "progress.json")
    victims = sorted(path for path in (tmp_path / "part").rglob("*run*") if path.is_file())
    for victim in victims:
        victim.unlink()
    run(*export, tmp_path / "part", "--resume")
    ids = [
        json.loads((tmp_path / n / "manifest.json").read_text())["id"] for n in ("whole", "part")
    ]
    assert ids[0] == ids[1]


def test_killed_import_goes_on_to_the_same_bytes(run: Run, tmp_path: Path) -> None:
    clips = [clip_of("walk", 3), clip_of("run", 2)]
    write_archive(tmp_path / "old", [(c, frames_of(c, num_masks=2)) for c in clips])
    run("instances", "export", tmp_path / "old", "--format", "davis", "-o", tmp_path / "maps", "-q")
    for name in ("whole", "part"):
        run("instances", "import", tmp_path / "maps", "-o", tmp_path / name, "-q")
    (tmp_path / "part" / "manifest.json").rename(tmp_path / "part" / "progress.json")
    (tmp_path / "part" / "clips" / "walk.jsonl").unlink()
    again = ("instances", "import", tmp_path / "maps", "-o", tmp_path / "part", "--json")
    assert "begun but is not complete" in run(*again, code=4).stderr
    done = run(*again, "--resume").json
    ids = [
        json.loads((tmp_path / n / "manifest.json").read_text())["id"] for n in ("whole", "part")
    ]
    assert ids[0] == ids[1]
    assert [(c["id"], c["frames"], c["masks"]) for c in done["clips"]] == [
        ("run", 2, 3),
        ("walk", 3, 5),
    ]


@pytest.mark.parametrize("verb", ["import", "export"])
def test_dry_run_writes_nothing_and_a_second_run_is_refused(
    verb: str, run: Run, tmp_path: Path
) -> None:
    clip = clip_of("walk", 2)
    write_archive(tmp_path / "old", [(clip, frames_of(clip, num_masks=2))])
    export = ("instances", "export", tmp_path / "old", "--format", "files", "-q")
    run(*export, "-o", tmp_path / "maps")
    source = (tmp_path / "maps",) if verb == "import" else (tmp_path / "old", "--format", "files")
    arguments = ("instances", verb, *source, "-o", tmp_path / "out")
    assert run(*arguments, "--dry-run", "--json").json["dry_run"] is True
    assert not (tmp_path / "out").exists()
    run(*arguments)
    assert "output exists" in run(*arguments, code=4).stderr
    assert run(*arguments, "--resume", "--json").json["dry_run"] is False
    run(*arguments, "--overwrite")


def identity(artifact: Path) -> str:
    return str(json.loads((artifact / "manifest.json").read_text())["id"])


def test_a_mask_that_is_a_pixel_too_narrow_is_refused_with_both_sizes(
    run: Run, tmp_path: Path
) -> None:
    for name, width in (("00000", 12), ("00001", 11)):
        put(tmp_path / "clip" / f"{name}.png", encode_gray(np.ones((8, width), np.uint8)))
    done = run("instances", "import", tmp_path, "-o", tmp_path / "x", code=3)
    assert "is 11x8, other maps of video clip are 12x8" in done.stderr
    put(tmp_path / "clip" / "00001.png", encode_gray(np.ones((8, 12), np.uint8)))
    for name in ("00000", "00001"):
        put(tmp_path / "images" / "clip" / f"{name}.png", np.zeros((8, 13, 3), np.uint8))
    arguments = ("--frames", tmp_path / "images", "--set", 'clips=["clip"]', "-o", tmp_path / "x")
    done = run("instances", "import", tmp_path, *arguments, code=3)
    assert "clip clip, frame 00000: the mask is 12x8, the image 13x8" in done.stderr
    assert not (tmp_path / "x").exists()


def test_frames_without_a_mask_are_refused_empty_or_left_out(run: Run, tmp_path: Path) -> None:
    put(tmp_path / "clip" / "masks" / "00001.png", encode_gray(np.ones((8, 12), np.uint8)))
    for index in range(3):
        put(tmp_path / "clip" / "frames" / f"{index:05d}.png", np.zeros((8, 12, 3), np.uint8))
    arguments = ("instances", "import", tmp_path / "clip", "-o")
    done = run(*arguments, tmp_path / "x", code=3)
    assert "2 of 3 frames have no mask: 00000, 00002" in done.stderr
    run(*arguments, tmp_path / "empty", "--set", "missing_masks=empty", "-q")
    run(*arguments, tmp_path / "skip", "--set", "missing_masks=skip", "-q")
    empty, skip = (InstanceArchive(tmp_path / name) for name in ("empty", "skip"))
    assert [len(f.instances) for f in empty.frames("clip")] == [0, 1, 0]
    assert [f.name for f in skip.frames("clip")] == ["00001"]
    assert empty.frame_image(empty.clips[0], 2) == tmp_path / "clip" / "frames" / "00002.png"


def test_a_mask_without_its_image_is_refused(run: Run, tmp_path: Path) -> None:
    put(tmp_path / "clip" / "masks" / "00001.png", encode_gray(np.ones((8, 12), np.uint8)))
    put(tmp_path / "clip" / "frames" / "00000.png", np.zeros((8, 12, 3), np.uint8))
    done = run("instances", "import", tmp_path / "clip", "-o", tmp_path / "x", code=3)
    assert "1 frame(s) of the masks have no image" in done.stderr


def test_archive_of_another_kind_and_an_unknown_folder_are_refused(
    run: Run, tmp_path: Path
) -> None:
    clip = clip_of("walk", 2)
    write_archive(tmp_path / "old", [(clip, frames_of(clip, num_masks=2))])
    done = run("instances", "import", tmp_path / "old", "-o", tmp_path / "x", code=3)
    assert "is a vstc.instances, but" in done.stderr
    (tmp_path / "none").mkdir()
    done = run("instances", "import", tmp_path / "none", "-o", tmp_path / "x", code=3)
    assert "name it with --format" in done.stderr
    done = run("instances", "import", tmp_path / "missing", "-o", tmp_path / "x", code=3)
    assert "nothing is there" in done.stderr


def test_unknown_clip_and_form_are_usage_errors(run: Run, tmp_path: Path) -> None:
    clip = clip_of("walk", 2)
    write_archive(tmp_path / "old", [(clip, frames_of(clip, num_masks=2))])
    export = ("instances", "export", tmp_path / "old", "-o", tmp_path / "x")
    assert "format" in run(*export, "--format", "davos", code=2).stderr
    done = run(*export, "--format", "davis", "--set", 'clips=["wlk"]', code=2)
    assert "unknown clip: wlk" in done.stderr
    assert "walk" in done.stderr


def put(path: Path, content: bytes | np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else encode_rgb(content))


@every_form
def test_the_real_sa_v_masks_survive_every_form(
    form: str, run: Run, real_data: Path, tmp_path: Path
) -> None:
    whole = json.loads((real_data / "instances" / "sav" / "sav_000001_manual.json").read_text())
    raw = whole["masklet"][::8]
    part = whole | {"masklet": raw, "video_frame_count": 4 * len(raw)}
    (tmp_path / "part.json").write_text(json.dumps(part))
    run("instances", "import", tmp_path / "part.json", "-o", tmp_path / "old", "-q")
    old = InstanceArchive(tmp_path / "old")
    areas = [[parse_rle(m, where="x").area for m in frame] for frame in raw]
    found = [sorted(area for _, area, _ in frame.values()) for frame in masks_of(old).values()]
    assert found == [sorted(filter(None, frame)) for frame in areas]
    if form in {"davis", "panoptic"}:
        settle_overlaps(run, tmp_path / "old", form, tmp_path)
        return
    new = there_and_back(run, tmp_path / "old", form, tmp_path)
    assert masks_of(new) == masks_of(old)
    if form == "sa-v":
        written = json.loads((tmp_path / "out" / "part.json").read_text())
        assert written["masklet"] == raw


def settle_overlaps(run: Run, old: Path, form: str, folder: Path) -> None:
    """The masks of SA-V overlap; where one object per pixel is held, no pixel gets lost."""
    new = there_and_back(run, old, form, folder, "overlap=score")
    for clip in new.clips:
        frames = (InstanceArchive(old).frames(clip.id), new.frames(clip.id))
        for before, after in zip(*frames, strict=True):
            counts = [
                np.sum([decode_mask(m.rle) for m in f.instances], axis=0) for f in (before, after)
            ]
            np.testing.assert_array_equal(counts[0] > 0, counts[1] > 0)
            assert np.max(counts[1]) == 1


def test_the_real_youtube_vis_sample_and_the_oracle_survive(
    run: Run, real_data: Path, tmp_path: Path
) -> None:
    source = real_data / "instances" / "ytvis_sample" / "ann.json"
    run("instances", "import", source, "-o", tmp_path / "old", "-q")
    expected = masks_of(InstanceArchive(tmp_path / "old"))
    ((_, area, box),) = expected["0043f083b5", "00000"].values()
    assert (area, box) == (6377, (1174, 335, 104, 79))
    for form in FORMS:
        new = there_and_back(run, tmp_path / "old", form, tmp_path / form)
        assert masks_of(new) == expected


def test_the_real_masks_equal_the_oracle(run: Run, real_data: Path, tmp_path: Path) -> None:
    place = real_data / "instances"
    oracle = json.loads((place / "rle_reference.json").read_text())
    clips = sorted({Path(row["mask"]).parent.parent.name for row in oracle})
    chosen = f"clips={json.dumps(clips)}"
    run("instances", "import", place / "davis2016", "-o", tmp_path / "x", "-q", "--set", chosen)
    archive = InstanceArchive(tmp_path / "x")
    found = masks_of(archive)
    for row in oracle:
        mask = Path(row["mask"])
        (actual,) = found[mask.parent.parent.name, mask.stem].values()
        assert actual == (row["counts"], row["area"], tuple(row["bbox"]))
    assert archive.frame_image(archive.clips[0], 0).is_file()


def test_the_real_mask_that_is_too_narrow_is_refused(
    run: Run, real_data: Path, tmp_path: Path
) -> None:
    source = real_data / "instances" / "cutie_judo"
    done = run("instances", "import", source, "-o", tmp_path / "x", code=3)
    assert "00005.png is 853x480, other maps of video cutie_judo are 854x480" in done.stderr


def test_the_real_panoptic_frames_are_read(run: Run, real_data: Path, tmp_path: Path) -> None:
    source = real_data / "instances" / "deva_vipseg" / "source"
    run("instances", "import", source, "-o", tmp_path / "things", "-q")
    run("instances", "import", source, "-o", tmp_path / "all", "-q", "--set", "stuff=true")
    things, both = InstanceArchive(tmp_path / "things"), InstanceArchive(tmp_path / "all")
    assert not things.has_identity
    assert {category.id for category in things.categories} == {60, 63}
    assert {c.id for c in both.categories if not c.is_thing} == {0, 7, 14, 66}
    for frame, wide in zip(*(a.frames("12_1mWNahzcsAc") for a in (things, both)), strict=True):
        raw = json.loads((source / "12_1mWNahzcsAc" / f"{frame.name}.json").read_text())
        ids = read_labels(source / "12_1mWNahzcsAc" / f"{frame.name}.png")
        assert {m.track: m.category_id for m in frame.instances} == {
            row["id"]: row["category_id"] for row in raw if row["isthing"]
        }
        assert {m.track: m.rle.area for m in wide.instances} == {
            row["id"]: int((ids == row["id"]).sum()) for row in raw
        }


def test_damaged_archive_is_named_by_its_export(run: Run, tmp_path: Path) -> None:
    clip = clip_of("walk", 2)
    archive = write_archive(tmp_path / "old", [(clip, frames_of(clip, num_masks=2))])
    (tmp_path / "old" / "clips" / "walk.jsonl").write_text("{}\n{}\n")
    with pytest.raises(InputError, match="line 1 is not a frame"):
        list(archive.frames("walk"))
    done = run(
        *("instances", "export", tmp_path / "old", "--format", "sa-v", "-o", tmp_path / "x"),
        code=3,
    )
    assert "walk.jsonl, line 1 is not a frame" in done.stderr
