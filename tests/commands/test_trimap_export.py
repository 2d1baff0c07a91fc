import json

import cv2
import numpy as np
import pytest

from tests.killed_command import run_killed
from tests.trimaps.archives import (
    SIZE,
    files_below,
    read_png,
    textured,
    two_discs,
    write_archive,
    write_file,
    write_gray,
    write_pair,
)
from tests.trimaps.pictures import disc, slow_band, square
from vstc.formats.images import encode_rgb


@pytest.fixture
def pair(tmp_path):
    return write_pair(tmp_path / "instances")


def exported(run, source, folder, *options):
    run("trimap", "export", source, "-o", folder, "-q", *options)
    return json.loads((folder / "manifest.json").read_text())


def track_row(folder, track, clip="pair"):
    rows = json.loads((folder / clip / "tracks.json").read_text())["tracks"]
    return next(row for row in rows if row["track"] == track)


def test_export_writes_a_trimap_of_each_object_in_each_frame(pair, tmp_path, run):
    done = run("trimap", "export", pair, "-o", tmp_path / "t", "--radius", "4", "--json")
    facts = done.json
    assert (facts["frames"], facts["tracks"], facts["trimaps"], facts["absent"]) == (5, 2, 8, 2)
    assert facts["verified"] is None
    folder = tmp_path / "t" / "pair"
    for track in ("1", "2"):
        names = sorted(path.name for path in (folder / track).iterdir())
        assert names == [f"{index:05d}.png" for index in range(5)]
    trimap = read_png(folder / "1" / "00001.png")
    assert trimap.shape == SIZE
    assert np.array_equal(trimap, slow_band(two_discs(1)[1], 4))
    assert (folder / "1" / "00001.png").read_bytes()[24:26] == b"\x08\x00"  # 8 bits, grey


def test_objects_that_touch_share_an_unknown_line(pair, tmp_path, run):
    exported(run, pair, tmp_path / "t", "--radius", "4")
    one, two = (read_png(tmp_path / "t" / "pair" / track / "00000.png") for track in "12")
    objects = two_discs(0)
    contact = cv2.dilate(objects[1], np.ones((3, 3), np.uint8)) & objects[2]
    assert contact.any()
    assert np.all(one[contact > 0] == 128)
    assert np.all(two[contact > 0] == 128)
    assert not np.any((one == 255) & (two == 255))
    assert np.all(one[two == 255] == 0)


def test_absent_object_is_all_background_and_marked(pair, tmp_path, run):
    exported(run, pair, tmp_path / "t")
    assert not read_png(tmp_path / "t" / "pair" / "2" / "00001.png").any()
    row = track_row(tmp_path / "t", 2)
    assert row["absent"] == {"frames": 2, "ranges": [[1, 2]]}
    assert (row["category"], row["frames"], row["first_index"]) == ("dog", 3, 0)


def test_absent_object_is_skipped_on_request(pair, tmp_path, run):
    exported(run, pair, tmp_path / "t", "--set", "absent=skip", "--verify")
    assert not (tmp_path / "t" / "pair" / "2" / "00001.png").exists()
    assert track_row(tmp_path / "t", 2)["absent"]["ranges"] == [[1, 2]]


def test_statistics_are_those_of_the_files(pair, tmp_path, run):
    exported(run, pair, tmp_path / "t", "--radius", "4")
    row = track_row(tmp_path / "t", 1)
    counts = [
        np.bincount(read_png(path).ravel(), minlength=256)[[0, 128, 255]]
        for path in sorted((tmp_path / "t" / "pair" / "1").iterdir())
    ]
    columns = np.array(counts).T
    for name, column in zip(("background", "unknown", "foreground"), columns, strict=True):
        spread = row["pixels"][name]
        assert (spread["min"], spread["max"]) == (min(column), max(column))
        assert spread["mean"] == pytest.approx(np.mean(column), abs=1e-3)
    assert row["widths"] == {"radius": {"mean": 4.0, "min": 4.0, "max": 4.0}}


def test_thin_object_keeps_a_core_and_it_is_told(tmp_path, run):
    write_archive(tmp_path / "i", {"a": [{1: square(SIZE, 30, 10, 2, 50)}] * 3})
    totals = exported(run, tmp_path / "i", tmp_path / "t")["metrics"]
    assert totals["kept_core"] == 3
    row = track_row(tmp_path / "t", 1, clip="a")
    assert row["kept_core"] == {
        "frames": 3,
        "ranges": [[0, 2]],
        "most_parts": 1,
        "narrowest_radius": 1.0,
    }
    assert np.count_nonzero(read_png(tmp_path / "t" / "a" / "1" / "00000.png") == 255) >= 1


def test_without_a_core_verification_fails_with_6_and_a_table(tmp_path, run):
    write_archive(tmp_path / "i", {"a": [{1: square(SIZE, 30, 10, 2, 50)}]})
    command = ["trimap", "export", tmp_path / "i", "-o", tmp_path / "t", "--set", "core_share=0"]
    done = run(*command, "--verify", code=6)
    assert "does not serve pymatting, closed-form-matting, otvm" in done.stderr
    assert "no foreground" in done.stdout
    served = run(*command, "--resume", "--verify", "--consumers", "gca,fba", "--json")
    assert [row["failed"] for row in served.json["verified"]["consumers"]] == [0, 0]
    again = run(*command, "--resume", "--verify", "--json", code=6)
    rows = {row["name"]: row for row in again.json["verified"]["consumers"]}
    assert rows["pymatting"]["first"] == "a/1/00000.png: no foreground"


def test_verification_reads_what_is_on_disk(pair, tmp_path, run):
    exported(run, pair, tmp_path / "t", "--verify", "--merged")
    write_gray(tmp_path / "t" / "pair" / "1" / "00003.png", np.full((60, 79), 127, np.uint8))
    write_gray(tmp_path / "t" / "pair" / "2" / "00001.png", np.full(SIZE, 128, np.uint8))
    (tmp_path / "t" / "pair" / "first-masks" / "2.png").unlink()
    command = ["trimap", "export", pair, "-o", tmp_path / "t", "--merged", "--resume", "--verify"]
    rows = run(*command, "--json", code=6).json["verified"]["consumers"]
    failed = {row["name"]: row["failed"] for row in rows}
    assert failed["indexnet"] == 2
    assert failed["matanyone"] == 1
    assert failed["otvm"] == 0
    first = {row["name"]: row["first"] for row in rows}
    assert "it is 79x60, the frame is 80x60" in first["indexnet"]
    assert "first-masks/2.png: not readable" in first["matanyone"]


def test_verification_knows_when_nothing_was_written_for_a_program(pair, tmp_path, run):
    command = ["trimap", "export", pair, "-o", tmp_path / "t", "--set", "first_masks=false"]
    done = run(*command, "--verify", "--consumers", "matanyone", "--json", code=6)
    assert (
        done.json["verified"]["consumers"][0]["first"] == "nothing was written that it could read"
    )


def test_merged_trimap_and_first_masks_go_beside(pair, tmp_path, run):
    exported(run, pair, tmp_path / "t", "--merged", "--radius", "3")
    folder = tmp_path / "t" / "pair"
    for name in ("00000.png", "00001.png"):
        merged = read_png(folder / "merged" / name)
        both = [read_png(folder / track / name) for track in "12"]
        assert np.array_equal(merged, np.maximum(*both))
    assert np.array_equal(read_png(folder / "first-masks" / "2.png"), two_discs(0)[2])


def test_overlay_is_a_video_of_all_frames(tmp_path, run):
    pair = write_pair(tmp_path / "i", with_images=True)
    exported(run, pair, tmp_path / "t", "--overlay")
    capture = cv2.VideoCapture(str(tmp_path / "t" / "pair" / "overlay.mp4"))
    assert capture.get(cv2.CAP_PROP_FRAME_COUNT) == 5
    assert capture.get(cv2.CAP_PROP_FPS) == 10
    _, frame = capture.read()
    spread = frame.max(axis=2).astype(int) - frame.min(axis=2)
    assert spread[30, 22] > 60  # coloured
    assert spread[2, 2] < 40  # grey as the frame


def test_overlay_without_images_is_refused_before_work(pair, tmp_path, run):
    done = run("trimap", "export", pair, "-o", tmp_path / "t", "--overlay", code=3)
    assert "no images to draw on" in done.stderr
    assert not (tmp_path / "t").exists()


def test_result_does_not_depend_on_the_number_of_threads(pair, tmp_path, run):
    for workers in ("1", "3"):
        exported(run, pair, tmp_path / workers, "--merged", "--workers", workers)
    assert files_below(tmp_path / "1") == files_below(tmp_path / "3")


def test_training_rule_is_drawn_from_the_seed(pair, tmp_path, run):
    for name, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        exported(run, pair, tmp_path / name, "--rule", "indexnet", "--seed", seed)
    images = {name: files_below(tmp_path / name / "pair" / "1") for name in "abc"}
    assert images["a"] == images["b"] != images["c"]


def test_export_dry_run_writes_nothing(pair, tmp_path, run):
    done = run("trimap", "export", pair, "-o", tmp_path / "t", "--dry-run", "--json")
    assert done.json == {"clips": 1, "frames": 5, "output": str(tmp_path / "t")}
    assert not (tmp_path / "t").exists()


def test_export_refuses_overwrites_and_resumes(pair, tmp_path, run):
    command = ["trimap", "export", pair, "-o", tmp_path / "t", "--radius", "4"]
    run(*command, "-q")
    assert "--resume" in run(*command, code=4).stderr
    before = files_below(tmp_path / "t")
    assert "nothing to do" in run(*command, "--resume").stderr
    run(*command, "--overwrite", "-q")
    assert files_below(tmp_path / "t") == before
    other = run(*command[:-1], "5", "--resume", code=4)
    assert "radius" in other.stderr


def test_export_replays_its_manifest(pair, tmp_path, run):
    exported(run, pair, tmp_path / "t", "--relative", "0.1")
    exported(run, pair, tmp_path / "u", "--config", tmp_path / "t" / "manifest.json")
    assert files_below(tmp_path / "u") == files_below(tmp_path / "t")


def test_killed_export_goes_on_and_ends_the_same(tmp_path, run):
    clips = {f"c{k}": [two_discs((index + k) % 5) for index in range(6)] for k in range(4)}
    source = write_archive(tmp_path / "i", clips)
    exported(run, source, tmp_path / "whole", "--workers", "1")
    command = ["trimap", "export", source, "--workers", "1"]
    kills, code = run_killed(command, tmp_path / "killed", moments=[3, 17, 30])
    assert code == 0
    assert kills >= 1
    assert files_below(tmp_path / "killed") == files_below(tmp_path / "whole")


def test_lost_clip_is_brought_back(pair, tmp_path, run):
    exported(run, pair, tmp_path / "t")
    before = files_below(tmp_path / "t")
    (tmp_path / "t" / "pair" / "tracks.json").unlink()
    (tmp_path / "t" / "pair" / "1" / "00000.png").unlink()
    exported(run, pair, tmp_path / "t", "--resume")
    assert files_below(tmp_path / "t") == before


def test_files_of_masks_and_probabilities_are_exported_too(tmp_path, run):
    soft = cv2.GaussianBlur(disc(SIZE, (30, 40), 15), (0, 0), 3)
    write_gray(tmp_path / "p" / "a" / "0.png", soft)
    exported(run, tmp_path / "p", tmp_path / "t", "--format", "probabilities", "--radius", "2")
    trimap = read_png(tmp_path / "t" / "a" / "1" / "0.png")
    assert np.all(trimap[(soft > 25) & (soft < 230)] == 128)
    assert np.all(trimap[cv2.erode((soft >= 230).view(np.uint8), np.ones((7, 7))) > 0] == 255)


def test_missing_and_damaged_input(pair, tmp_path, run):
    done = run("trimap", "export", tmp_path / "none", "-o", tmp_path / "t", code=3)
    assert "not found" in done.stderr
    text = (pair / "clips" / "pair.jsonl").read_text().splitlines()
    (pair / "clips" / "pair.jsonl").write_text("\n".join(text[:3]) + "\n")
    done = run("trimap", "export", pair, "-o", tmp_path / "t", code=3)
    assert "3 of 5 frames" in done.stderr


def test_unknown_consumer_is_answered_with_the_known(pair, tmp_path, run):
    command = ["trimap", "export", pair, "-o", tmp_path / "t", "--verify", "--consumers"]
    done = run(*command, "pymating", code=2)
    assert "choose one of: pymatting" in done.stderr
    assert not (tmp_path / "t").exists()


def moving_archive(folder, *, dented):
    """A disc that moves with its textured frames; in frame 2, a wedge of it is missing."""
    frames = []
    for index in range(5):
        mask = disc(SIZE, (30, 30 + index), 18)
        if dented and index == 2:
            mask[26:34, 32 + index :] = 0
        frames.append({1: mask})
    return write_archive(folder, {"a": frames}, with_images=True)


def test_smoothing_calms_a_dent_along_computed_and_stored_flow(tmp_path, run):
    dented = moving_archive(tmp_path / "i", dented=True)
    whole = moving_archive(tmp_path / "w", dented=False)
    exported(run, dented, tmp_path / "raw", "--radius", "4")
    exported(run, whole, tmp_path / "wanted", "--radius", "4")
    exported(run, dented, tmp_path / "calm", "--radius", "4", "--smooth")
    flow = exact_flow(tmp_path, run)
    exported(run, dented, tmp_path / "stored", "--radius", "4", "--smooth", "--flow", flow)
    image = "a/1/00002.png"
    wanted = read_png(tmp_path / "wanted" / image)
    wrong = {
        name: np.count_nonzero(read_png(tmp_path / name / image) != wanted)
        for name in ("raw", "calm", "stored")
    }
    assert wrong["calm"] < 0.75 * wrong["raw"]
    assert wrong["stored"] < 0.75 * wrong["raw"]
    for index in (0, 1, 3, 4):
        name = f"a/1/{index:05d}.png"
        different = read_png(tmp_path / "calm" / name) != read_png(tmp_path / "raw" / name)
        assert np.count_nonzero(different) < 0.06 * wanted.size


def exact_flow(tmp_path, run):
    for index in range(5):
        path = tmp_path / "frames" / "a" / f"{index:05d}.png"
        write_file(path, encode_rgb(textured(index)))
    run("data", "index", "folder", tmp_path / "frames", "-o", tmp_path / "data", "-q")
    run("flow", "precompute", tmp_path / "data", "-o", tmp_path / "flow", "-q", "--include-sparse")
    return tmp_path / "flow"


def test_smoothing_needs_flow_or_frames(pair, tmp_path, run):
    done = run("trimap", "export", pair, "-o", tmp_path / "t", "--smooth", code=3)
    assert "no image to compute it from" in done.stderr
    done = run("trimap", "export", pair, "-o", tmp_path / "t", "--flow", tmp_path, code=2)
    assert "no effect without smoothing" in done.stderr


def test_memory_holds_few_frames_at_a_time(tmp_path, run, monkeypatch):
    """Frames that are decoded but not yet written are at most as many as may be in work."""
    from vstc.trimaps import frame_trimaps
    from vstc.trimaps.clip_export import ClipExport

    alive, most = 0, 0
    make, finish = frame_trimaps.TrimapMaker.make, ClipExport._finish

    def counted_make(self, frame):
        nonlocal alive, most
        alive += 1
        most = max(most, alive)
        return make(self, frame)

    def counted_finish(self, in_time):
        nonlocal alive
        alive -= 1
        return finish(self, in_time)

    monkeypatch.setattr(frame_trimaps.TrimapMaker, "make", counted_make)
    monkeypatch.setattr(ClipExport, "_finish", counted_finish)
    source = write_archive(tmp_path / "i", {"a": [two_discs(0)] * 60})
    exported(run, source, tmp_path / "t", "--workers", "1")
    assert most <= 10


def test_three_hundred_objects_in_a_frame(tmp_path, run):
    objects = {k + 1: square(SIZE, 3 * (k // 20), 4 * (k % 20), 3, 4) for k in range(300)}
    source = write_archive(tmp_path / "i", {"a": [objects]})
    totals = exported(run, source, tmp_path / "t", "--set", "radius=2", "--merged")["metrics"]
    assert totals["trimaps"] == 300
    assert len(list((tmp_path / "t" / "a").glob("*/00000.png"))) == 301


def test_davis_sequences_serve_every_program(real_data, tmp_path, run):
    folder = real_data / "instances" / "davis2016"
    short = tmp_path / "davis"
    for sequence in sorted(folder.iterdir()):
        masks = sorted((sequence / "masks").glob("*.png"))
        for path in masks[:: max(len(masks) // 4, 1)]:
            write_file(short / sequence.name / path.name, path.read_bytes())
    done = run(
        "trimap",
        "export",
        short,
        "--format",
        "masks",
        "-o",
        tmp_path / "t",
        "--verify",
        "--json",
        "-q",
    )
    assert done.json["clips"] == 9
    assert done.json["without_a_value"] == 0
    rows = done.json["verified"]["consumers"]
    assert {row["name"]: row["failed"] for row in rows} == dict.fromkeys(
        [row["name"] for row in rows], 0
    )
    assert len(rows) == 8
