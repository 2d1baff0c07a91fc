from __future__ import annotations

import json
import tracemalloc
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest

from tests.formats.video_files import (
    HEIGHT,
    LENGTH,
    WIDTH,
    boxes,
    ground_truth,
    results,
    write_json,
)
from tests.metrics.slow_video_ap import slow_scores
from vstc.artifacts.manifest import read_manifest
from vstc.errors import ConfigError, InputError, OutputError
from vstc.evaluation.instances import run as run_module
from vstc.evaluation.instances.judge import VideoResult, judge_video
from vstc.evaluation.instances.plan import holds_tracks, plan_instances
from vstc.evaluation.instances.run import check_instances, run_instances
from vstc.evaluation.instances.settings import InstanceSettings
from vstc.evaluation.instances.sources import MaskTracks
from vstc.formats.images import encode_gray
from vstc.formats.objects.id_masks import read_id_masks
from vstc.formats.objects.rle import encode_mask
from vstc.formats.objects.tracks import Video
from vstc.metrics.track_matching import TrackOverlaps
from vstc.options import ExistingOutput

GOLDEN = Path(__file__).parents[1] / "metrics" / "goldens" / "youtube_vis.json"


@pytest.fixture
def golden(tmp_path):
    """Ground truth file, results file and recorded totals."""
    record = json.loads(GOLDEN.read_text())
    truth = write_json(tmp_path / "truth.json", record["ground_truth"])
    return truth, write_json(tmp_path / "results.json", record["predictions"]), record["stats"]


@pytest.fixture
def files(tmp_path):
    truth = write_json(tmp_path / "truth.json", ground_truth())
    return truth, write_json(tmp_path / "results.json", results())


def random_maps(folder, seed, *, ids=(0, 1, 2, 7), videos=("a", "b", "c"), frames=5):
    """Write coarse id maps; frame 0 of the first video is empty."""
    rng = np.random.default_rng(seed)
    maps = {}
    for name in videos:
        coarse = rng.choice(ids, (frames, 5, 6)).astype(np.uint8)
        maps[name] = coarse.repeat(3, 1).repeat(4, 2)
        if name == videos[0]:
            maps[name][0] = 0
        for t, map_ in enumerate(maps[name]):
            path = folder / name / f"{t:05d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(encode_gray(map_))
    return maps


def objects_of(maps, *, merge=False):
    """Return dense masks (N, T, H, W) of the objects of a video, and its void."""
    ids = set(np.flatnonzero(np.bincount(maps.ravel())).tolist()) - {0}
    void = maps == 255 if 255 in ids and len(ids) > 1 else np.zeros(maps.shape, bool)
    objects = [maps == value for value in sorted(ids) if not (maps == value)[void].any()]
    if merge and objects:
        objects = [np.logical_or.reduce(objects)]
    return np.array(objects).reshape(-1, *maps.shape), void


def slow_case(found_maps, true_maps, *, merge=False):
    """Compare two videos pixel by pixel."""
    true, void = objects_of(true_maps, merge=merge)
    found, _ = objects_of(found_maps, merge=merge)
    ious = np.zeros((len(found), len(true)))
    for d, mine in enumerate(found):
        for g, other in enumerate(true):
            joint = ((mine & ~void) | other).sum()
            ious[d, g] = (mine & other).sum() / joint if joint else 0
    return TrackOverlaps(
        scores=np.ones(len(found)),
        found_areas=np.array([mean_area(masks) for masks in found], float),
        true_areas=np.array([mean_area(masks) for masks in true], float),
        is_crowd=np.zeros(len(true), bool),
        ious=ious,
    )


def mean_area(masks):
    areas = masks.sum((1, 2))
    return areas[areas > 0].mean()


def same_totals(record, expected):
    for name, value in expected.items():
        wanted = None if value is None else pytest.approx(value, abs=1e-12)
        assert record["totals"][name] == wanted, name


def judged(results, truth, output, **settings):
    plan = plan_instances(results, truth, InstanceSettings(**settings))
    return run_instances(plan, output, workers=1)


def content(folder):
    return {p.name: p.read_bytes() for p in sorted(folder.rglob("*.json"))
            if p.name not in {"manifest.json", "progress.json"}}  # fmt: skip


def test_files_score_what_the_usual_program_recorded(golden, tmp_path):
    truth, found, stats = golden
    record = judged(found, truth, tmp_path / "out")
    names = {"AP": "ap", "AP50": "ap50", "AP75": "ap75", "AR1": "ar1", "AR10": "ar10",
             "AR100": "ar100", "APs": "ap_small", "ARs": "ar_small", "APl": "ap_large"}  # fmt: skip
    same_totals(
        record, {name: None if stats[key] == -1 else stats[key] for key, name in names.items()}
    )
    assert record["counts"] == {
        "clips": 4, "frames": 24, "true_tracks": 11, "crowd_tracks": 1, "found_tracks": 21
    }  # fmt: skip
    assert [row["name"] for row in record["per_class"]] == ["person", "dog", "never"]
    assert record["per_class"][2]["ap"] is None


def test_the_record_names_its_rules_inputs_and_videos(files, tmp_path):
    truth, found = files
    record = judged(found, truth, tmp_path / "out")
    assert record == json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert (record["schema"], record["dataset"]) == ("vstc.metrics", "truth")
    rules = record["protocol"]["video_ap"]
    assert rules["iou_thresholds"][0::9] == [0.5, 0.95]
    assert rules["max_tracks"] == [1, 10, 100]
    assert rules["area_ranges"]["small"] == [0, 128**2]
    assert record["protocol"]["results"] == {"layout": "youtube-vis"}
    first = {"id": "walk", "video_id": 3, "frames": LENGTH, "size": f"{WIDTH}x{HEIGHT}"}
    counts = {"true_tracks": 2, "crowd_tracks": 0, "found_tracks": 2, "mean_best_iou": 1.0}
    assert record["per_clip"][0] == first | counts
    assert record["totals"]["ap"] == 1.0
    manifest = read_manifest(tmp_path / "out", kind="vstc.metrics")
    assert [ref["role"] for ref in manifest["inputs"]] == ["dataset", "predictions"]
    assert manifest["metrics"] == record["totals"]


@pytest.mark.parametrize("workers", [2, 5])
def test_threads_change_not_a_bit(golden, tmp_path, workers):
    truth, found, _ = golden
    plan = plan_instances(found, truth)
    run_instances(plan, tmp_path / "one", workers=1)
    run_instances(plan, tmp_path / "many", workers=workers)
    assert content(tmp_path / "one") == content(tmp_path / "many")
    assert len(content(tmp_path / "one")) == 5


def test_killed_and_resumed_is_as_uninterrupted(golden, tmp_path, monkeypatch):
    truth, found, _ = golden
    plan = plan_instances(found, truth)
    run_instances(plan, tmp_path / "whole", workers=1)
    judged_videos = []

    def judge(video, **tracks):
        judged_videos.append(video.id)
        if video.id == 3 and len(judged_videos) == 3:
            raise KeyboardInterrupt
        return judge_video(video, **tracks)

    monkeypatch.setattr(run_module, "judge_video", judge)
    with pytest.raises(KeyboardInterrupt):
        run_instances(plan, tmp_path / "out", workers=1)
    assert not (tmp_path / "out" / "manifest.json").exists()
    frames = []

    def track(total):
        assert total == 24
        return nullcontext(frames.append)

    run_instances(plan, tmp_path / "out", workers=1, existing=ExistingOutput.RESUME, track=track)
    assert judged_videos == [1, 2, 3, 3, 4]
    assert frames == [6, 6, 6, 6]
    assert content(tmp_path / "out") == content(tmp_path / "whole")
    ids = [read_manifest(tmp_path / name)["id"] for name in ("whole", "out")]
    assert ids[0] == ids[1]


def test_an_existing_output_is_refused_resumed_or_replaced(files, tmp_path):
    truth, found = files
    plan, output = plan_instances(found, truth), tmp_path / "out"
    check_instances(plan, output, existing=ExistingOutput.REFUSE)
    assert not output.exists()
    first = run_instances(plan, output, workers=1)
    with pytest.raises(OutputError, match="output exists"):
        check_instances(plan, output, existing=ExistingOutput.REFUSE)
    for existing in (ExistingOutput.RESUME, ExistingOutput.OVERWRITE):
        assert run_instances(plan, output, workers=1, existing=existing) == first
    other = plan_instances(found, truth, InstanceSettings(limit=1))
    with pytest.raises(OutputError, match="limit"):
        check_instances(other, output, existing=ExistingOutput.RESUME)


def test_an_empty_result_list_scores_zero(files, tmp_path):
    truth, _ = files
    record = judged(write_json(tmp_path / "none.json", []), truth, tmp_path / "out")
    assert (record["totals"]["ap"], record["totals"]["ar100"]) == (0.0, 0.0)
    assert record["totals"]["ap_large"] is None
    assert [row["mean_best_iou"] for row in record["per_clip"]] == [0.0, 0.0]


def test_without_a_true_track_scores_are_null(files, tmp_path):
    content = ground_truth() | {"annotations": []}
    truth = write_json(tmp_path / "empty.json", content)
    record = judged(files[1], truth, tmp_path / "out")
    assert set(record["totals"].values()) == {None}
    assert record["per_clip"][0]["mean_best_iou"] is None
    assert record["counts"]["found_tracks"] == 4


def test_videos_are_chosen_by_name_and_number(files, tmp_path):
    truth, found = files
    chosen = judged(found, truth, tmp_path / "a", videos=("naïve",))
    assert [row["id"] for row in chosen["per_clip"]] == ["naïve"]
    first = judged(found, truth, tmp_path / "b", limit=1)
    assert [row["id"] for row in first["per_clip"]] == ["walk"]
    with pytest.raises(ConfigError, match="unknown video: walks") as caught:
        plan_instances(found, truth, InstanceSettings(videos=("walks",)))
    assert "walk" in caught.value.hint


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("merge", [False, True])
@pytest.mark.parametrize("ids", [(0, 0, 1, 2, 7), (0, 255), (0, 1, 2, 255)])
def test_maps_of_ids_equal_a_comparison_of_pixels(tmp_path, seed, merge, ids):
    true = random_maps(tmp_path / "true", seed, ids=ids)
    found = random_maps(tmp_path / "found", seed + 100, ids=(0, 1, 3))
    for name, maps in true.items():  # let most of a found object be right
        found[name] = np.where(found[name] == 3, maps, found[name])
        for t, map_ in enumerate(found[name]):
            (tmp_path / "found" / name / f"{t:05d}.png").write_bytes(encode_gray(map_))
    record = judged(tmp_path / "found", tmp_path / "true", tmp_path / "out", merge=merge)
    cases = {
        (1, number): slow_case(found[name], true[name], merge=merge)
        for number, name in enumerate(sorted(true), start=1)
    }
    same_totals(record, slow_scores(cases, [1]))
    for number, case in cases.items():
        kept = VideoResult.from_json(
            json.loads((tmp_path / "out" / "videos" / f"{number[1]}.json").read_text())
        ).cases[1]
        np.testing.assert_array_equal(kept.ious, case.ious)
        np.testing.assert_allclose(kept.found_areas, case.found_areas)
        np.testing.assert_allclose(kept.true_areas, case.true_areas)


def test_blocks_of_frames_change_no_number(tmp_path):
    random_maps(tmp_path / "true", 0, ids=(0, 1, 255))
    random_maps(tmp_path / "found", 1)
    plan = plan_instances(tmp_path / "found", tmp_path / "true")

    def with_blocks(block_frames):
        video = plan.videos[1]
        found, true = plan.found.open(video), plan.true.open(video)
        return judge_video(video, found=found, true=true, block_frames=block_frames).as_json()

    assert with_blocks(1) == with_blocks(2) == with_blocks(100)


def test_maps_and_files_of_the_same_objects_score_alike(tmp_path):
    true, found = (
        random_maps(tmp_path / name, seed) for seed, name in enumerate(("true", "found"))
    )
    videos = [
        {"id": number, "name": name, "height": 15, "width": 24, "length": 5,
         "file_names": [f"{name}/{t:05d}.jpg" for t in range(5)]}
        for number, name in enumerate(true, start=1)
    ]  # fmt: skip
    tracks = {"true": [], "found": []}
    for kind, maps in (("true", true), ("found", found)):
        for video in videos:
            for masks in objects_of(maps[video["name"]])[0]:
                rles = [encode_mask(mask).as_json() if mask.any() else None for mask in masks]
                tracks[kind].append(
                    {"id": len(tracks[kind]) + 1, "video_id": video["id"], "category_id": 4,
                     "score": 1.0, "segmentations": rles}
                )  # fmt: skip
    categories = [{"id": 4, "name": "thing"}]
    content = {"videos": videos, "categories": categories, "annotations": tracks["true"]}
    truth = write_json(tmp_path / "truth.json", content)
    file = write_json(tmp_path / "results.json", tracks["found"])
    totals = [
        judged(results, truth, tmp_path / f"out{i}")["totals"]
        for i, (results, truth) in enumerate(
            [(file, truth), (tmp_path / "found", truth), (tmp_path / "found", tmp_path / "true")]
        )
    ]
    assert totals[0] == totals[1] == totals[2]
    assert totals[0]["ap"] is not None


def test_maps_that_do_not_fit_are_refused(tmp_path, files):
    true, found = tmp_path / "true", tmp_path / "found"
    random_maps(true, 0)
    random_maps(found, 1, videos=("a", "b", "x"))
    with pytest.raises(InputError, match="has 1 videos that the ground truth lacks.* x") as caught:
        plan_instances(found, true)
    assert "common=true" in caught.value.hint
    plan = plan_instances(found, true, InstanceSettings(common=True))
    assert [video.label for video in plan.videos] == ["a", "b"]
    with pytest.raises(InputError, match="lacks 1 of 2 videos, the first is c"):
        plan_instances(found, true, InstanceSettings(videos=("a", "c")))
    (found / "b" / "00002.png").unlink()
    with pytest.raises(InputError, match="lacks 1 of 5 frames of b, the first is 00002"):
        plan_instances(found, true, InstanceSettings(common=True))
    for path in (found / "b").glob("*.png"):
        path.write_bytes(encode_gray(np.zeros((15, 23), np.uint8)))
    (found / "b" / "00002.png").write_bytes(encode_gray(np.zeros((15, 23), np.uint8)))
    with pytest.raises(InputError, match="maps of b in .* are 23x15, the ground truth is 24x15"):
        plan_instances(found, true, InstanceSettings(common=True))


def test_maps_need_ground_truth_of_one_category(tmp_path, files):
    for name in ("walk", "naïve"):
        (tmp_path / "maps" / name).mkdir(parents=True)
        for t in range(LENGTH):
            map_ = encode_gray(np.zeros((HEIGHT, WIDTH), np.uint8))
            (tmp_path / "maps" / name / f"{t:05d}.png").write_bytes(map_)
    with pytest.raises(InputError, match="tell no category, but the ground truth has 2"):
        plan_instances(tmp_path / "maps", files[0])


def test_ground_truth_of_tracks_is_told_from_a_data_set(files, tmp_path):
    assert holds_tracks(files[0])
    assert holds_tracks(files[1]), "swapped files: the plan says what is wrong"
    random_maps(tmp_path / "maps", 0)
    assert holds_tracks(tmp_path / "maps")
    index = {"classes": [], "clips": [], "schema": "vstc.dataset"}
    assert not holds_tracks(write_json(tmp_path / "maps" / "dataset.json", index))
    assert not holds_tracks(tmp_path / "maps")
    assert not holds_tracks(tmp_path / "none")
    (tmp_path / "broken.json").write_text("{")
    assert not holds_tracks(tmp_path / "broken.json")


def test_settings_that_mean_nothing_are_refused(files, tmp_path):
    truth, found = files
    with pytest.raises(ConfigError, match="both inputs are JSON files"):
        plan_instances(found, truth, InstanceSettings(merge=True))
    random_maps(tmp_path / "true", 0)
    random_maps(tmp_path / "found", 1, videos=("x",))
    with pytest.raises(ConfigError, match="no video is left"):
        plan_instances(tmp_path / "found", tmp_path / "true", InstanceSettings(common=True))


def test_class_maps_and_unfinished_artifacts_are_refused(tmp_path):
    random_maps(tmp_path / "true", 0)
    random_maps(tmp_path / "found", 1)
    manifest = {"kind": "vstc.predictions", "schema_version": 1, "id": "x"}
    write_json(tmp_path / "found" / "manifest.json", manifest)
    with pytest.raises(InputError, match="maps of classes, not of object ids"):
        plan_instances(tmp_path / "found", tmp_path / "true")
    (tmp_path / "found" / "manifest.json").rename(tmp_path / "found" / "progress.json")
    with pytest.raises(InputError, match="incomplete"):
        plan_instances(tmp_path / "found", tmp_path / "true")


def test_a_map_that_cannot_be_read_is_an_error_of_the_run(tmp_path):
    random_maps(tmp_path / "true", 0)
    random_maps(tmp_path / "found", 1)
    broken = tmp_path / "found" / "b" / "00003.png"
    noise = np.random.default_rng(0).integers(0, 9, (15, 24), np.uint8)
    broken.write_bytes(encode_gray(noise)[:100])
    plan = plan_instances(tmp_path / "found", tmp_path / "true")
    with pytest.raises(InputError, match="00003"):
        run_instances(plan, tmp_path / "out", workers=2)
    assert not (tmp_path / "out" / "manifest.json").exists()


def test_tracks_beyond_the_hundred_best_are_not_read(tmp_path):
    content = ground_truth()
    rows = [
        {"video_id": 8, "category_id": category, "score": t / 200,
         "segmentations": boxes(t % 15, 2, 3, 3)}
        for t in range(130) for category in (2, 5)
    ]  # fmt: skip
    truth = write_json(tmp_path / "truth.json", content)
    record = judged(write_json(tmp_path / "all.json", rows), truth, tmp_path / "all")
    best = write_json(tmp_path / "best.json", rows[-200:])
    assert judged(best, truth, tmp_path / "best")["totals"] == record["totals"]
    assert record["counts"]["found_tracks"] == 200


def test_memory_does_not_grow_with_the_frames():
    class Maps:
        """A video without files."""

        def __init__(self, frames):
            self.frame_names = [str(t) for t in range(frames)]

        def read(self, _index):
            return np.indices((60, 80)).sum(0).astype(np.uint8) // 16 % 4

    def peak_bytes(frames):
        names = [f"a/{t}.png" for t in range(frames)]
        video = Video(id=1, height=60, width=80, length=frames, name="a", file_names=names)
        sources = [MaskTracks({"a": Maps(frames)}, category_id=1) for _ in range(2)]
        tracemalloc.start()
        judge_video(video, found=sources[0].open(video), true=sources[1].open(video))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    assert peak_bytes(640) < 1.5 * peak_bytes(64)


@pytest.mark.parametrize(
    ("settings", "least_ap50"),
    [
        ({"videos": ("motocross-jump", "scooter-black")}, 0.2),
        ({"videos": ("kite-surf", "scooter-black"), "merge": True}, 0.99),
    ],
)
def test_osvos_on_davis_equals_a_comparison_of_pixels(real_data, tmp_path, settings, least_ap50):
    folder = real_data / "instances"
    found, true = folder / "davis2017_predictions" / "osvos", folder / "davis2016"
    with pytest.raises(InputError, match="the first is judo"):
        plan_instances(found, true)
    assert len(plan_instances(found, true, InstanceSettings(common=True)).videos) == 5
    record = judged(found, true, tmp_path / "out", **settings)
    clips = [{clip.name: clip for clip in read_id_masks(place)} for place in (found, true)]
    cases = {
        (1, row["video_id"]): slow_case(
            *(np.stack(list(of_one[row["id"]])) for of_one in clips),
            merge=settings.get("merge", False),
        )
        for row in record["per_clip"]
    }
    assert len(cases) == 2
    same_totals(record, slow_scores(cases, [1]))
    assert record["totals"]["ap50"] > least_ap50


def test_the_real_youtube_vis_sample_is_found_whole(real_data, tmp_path):
    sample = real_data / "instances" / "ytvis_sample"
    mask = json.loads((sample / "results.json").read_text())["track_masks"][0][0][0]
    mask = {"size": mask["size"], "counts": mask["counts"]}
    row = {"video_id": 1, "category_id": 1, "score": 0.99, "segmentations": [mask]}
    results = write_json(tmp_path / "results.json", [row])
    record = judged(results, sample / "ann.json", tmp_path / "out")
    assert record["totals"]["ap"] == 1.0
    assert record["per_clip"][0]["mean_best_iou"] == 1.0
    kept = json.loads((tmp_path / "out" / "videos" / "1.json").read_text())["categories"][0]
    assert (kept["found_areas"], kept["true_areas"], kept["ious"]) == ([6377], [6377], [[1.0]])
