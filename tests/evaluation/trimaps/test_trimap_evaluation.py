from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from tests.evaluation.trimaps.scene import DISCS, FRAMES, WIDTHS, alpha, depth, frame, trimap, write
from vstc.errors import ConfigError, InputError, SetupError
from vstc.evaluation.run import run_evaluation
from vstc.evaluation.trimaps.closed_form import closed_form_alpha
from vstc.evaluation.trimaps.inputs import TrimapPaths
from vstc.evaluation.trimaps.plan import plan_trimaps
from vstc.evaluation.trimaps.settings import TrimapMetric, TrimapSettings
from vstc.metrics.matting import connectivity_error, gradient_error, temporal_difference
from vstc.metrics.stability.stability import temporal_instability
from vstc.metrics.trimap import TrimapIou


def paths_of(scene, *, trimaps=None, widths=tuple(WIDTHS), alpha=False, frames=True):
    return TrimapPaths(
        trimaps or scene / "trimaps",
        truths={width: scene / "truth" / width for width in widths},
        alpha=scene / "alpha" if alpha else None,
        frames=scene / "frames" if frames else None,
    )


@pytest.fixture
def judge(trimap_scene, tmp_path):
    def call(workers=1, folder="metrics", paths=None, **settings):
        settings = TrimapSettings.model_validate(settings)
        paths = paths or paths_of(trimap_scene)
        plan = plan_trimaps(paths, tmp_path / folder, settings)
        return run_evaluation(plan, tmp_path / folder, workers=workers)

    return call


def test_iou_is_that_of_the_metric_over_all_frames_and_widths(judge):
    metric = TrimapIou(list(WIDTHS))
    for sequence in DISCS:
        for index in range(FRAMES):
            true = {name: trimap(sequence, index, width) for name, width in WIDTHS.items()}
            metric.update(true, trimap(sequence, index, 2))
    scores, record = metric.scores(), judge(metrics=["iou"])
    assert record["totals"] == {"miou": scores.miou}
    found = {row["name"]: row["iou"] for row in record["per_class"]}
    assert found == {name: getattr(scores, name) for name in found}
    for row in record["per_truth"]:
        values = tuple(row[name] for name in ("background", "unknown", "foreground"))
        assert values == scores.per_width[row["name"]]
    assert [clip["id"] for clip in record["per_clip"]] == list(DISCS)
    assert record["protocol"]["truths"] == list(WIDTHS)


def test_tsb_is_that_of_both_outlines(judge):
    expected = {"tsb": -2.0, "tsb_core": 2.0}
    record = judge(metrics=["tsb"])
    for name, level in expected.items():
        clips = []
        for sequence in DISCS:
            masks = [
                depth(sequence, i) > level if level > 0 else depth(sequence, i) >= level
                for i in range(FRAMES)
            ]
            clips.append(np.mean([temporal_instability(*masks[i : i + 2]) for i in range(3)]))
        assert record["totals"][name] == pytest.approx(np.mean(clips))
        assert record["counts"][f"{name}_valid_pairs"] == len(DISCS) * (FRAMES - 1)
    assert record["protocol"]["tsb_core"]["target"] == "foreground"


def test_tc_of_a_still_scene_is_one(judge, trimap_scene, tmp_path):
    still = write(tmp_path / "still", lambda s, _index: trimap(s, 0, 2))
    frames = write(tmp_path / "frames", lambda clip, _index: frame(clip, 0), sequences=("a", "b"))
    paths = TrimapPaths(still, frames=frames)
    totals = judge(metrics=["tc", "tsb"], paths=paths)["totals"]
    assert (totals["tc"], totals["tc_seq"], totals["tsb"], totals["tsb_core"]) == (1, 1, 0, 0)
    assert judge(folder="moving", metrics=["tc"])["totals"]["tc"] < 1


def test_threads_change_nothing(judge, tmp_path):
    judge(folder="one", workers=1)
    judge(folder="three", workers=3)
    for name in ("metrics.json", "per_pair.csv", "per_frame.csv", "table.csv"):
        first, second = (tmp_path / folder / name for folder in ("one", "three"))
        assert first.read_bytes() == second.read_bytes()


def test_without_frames_or_truth_only_tsb_is_left(judge, trimap_scene):
    record = judge(paths=TrimapPaths(trimap_scene / "trimaps"))
    assert record["protocol"]["metrics"] == [TrimapMetric.TSB]
    assert set(record["totals"]) == {"tsb", "tsb_core"}


def test_single_images_have_no_scores_over_time(judge, trimap_scene, tmp_path):
    alone = write(tmp_path / "alone", lambda s, i: trimap(s, i, 2), frames=[1])
    truth = write(tmp_path / "true", lambda s, i: trimap(s, i, 2), frames=[1])
    paths = TrimapPaths(alone, truths={"same": truth}, frames=trimap_scene / "frames")
    assert judge(paths=paths)["totals"] == {"miou": 1}


def test_strange_values_are_misses_and_told(judge, trimap_scene, tmp_path):
    trimaps = shutil.copytree(trimap_scene / "trimaps", tmp_path / "odd")
    values = trimap("b/1_person", 2, 2)
    values[values == 128] = 102
    Image.fromarray(values).save(trimaps / "b/1_person/00002.png")
    record = judge(metrics=["iou"], paths=paths_of(trimap_scene, trimaps=trimaps))
    (stray,) = record["strays"]
    assert (stray["clip"], stray["frames"]) == ("b/1_person", 1)
    assert stray["pixels"] == (values == 102).sum()
    unknown = {row["name"]: row["iou"] for row in record["per_class"]}["unknown"]
    assert unknown < judge(folder="m2", metrics=["iou"])["per_class"][1]["iou"]


def test_chosen_tracks_and_limit(judge):
    record = judge(metrics=["iou"], tracks=["1_person"])
    assert [clip["id"] for clip in record["per_clip"]] == ["a/1_person", "b/1_person"]
    assert judge(folder="m2", metrics=["iou"], limit=1)["counts"]["clips"] == 1
    with pytest.raises(ConfigError, match="1_persn"):
        judge(folder="m3", tracks=["1_persn"])


# --- mattes


def test_errors_of_mattes_are_those_of_the_metrics(judge, solver, trimap_scene, tmp_path):
    paths = paths_of(trimap_scene, alpha=True)
    record = judge(paths=paths, metrics=["matting"], region="wide")
    totals = {name: [] for name in ("mad", "mse", "sad", "grad", "conn", "dtssd")}
    for sequence in DISCS:
        frames = {name: [] for name in totals}
        before = None
        for index in range(FRAMES):
            red = frame(sequence.split("/")[0], index)[..., 0] / 255
            values = trimap(sequence, index, 2)
            matte = np.where(values == 128, red, values / 255).astype(np.float32)
            true = (alpha(sequence, index) / np.float32(255)).astype(np.float32)
            region = trimap(sequence, index, WIDTHS["wide"]) == 128
            difference = np.abs(matte - true)[region]
            frames["mad"].append(difference.mean())
            frames["mse"].append((difference**2).mean())
            frames["sad"].append(difference.sum() / 1000)
            frames["grad"].append(gradient_error(matte, true, region) / 1000)
            frames["conn"].append(connectivity_error(matte, true, region) / 1000)
            if before is not None:
                change = temporal_difference(
                    predicted_prev=before[0],
                    predicted_next=matte,
                    true_prev=before[1],
                    true_next=true,
                    region=region,
                )
                frames["dtssd"].append(change)
            before = (matte, true)
            written = Image.open(tmp_path / "metrics/alphas" / sequence / f"{index:05d}.png")
            assert np.array_equal(np.asarray(written), np.rint(matte * 255))
        for name, values in frames.items():
            totals[name].append(np.mean(values))
    assert record["totals"] == pytest.approx({k: np.mean(v) for k, v in totals.items()}, rel=1e-5)
    assert solver.calls == len(DISCS) * FRAMES
    assert record["protocol"]["matting"]["region"] == "wide"


def test_mattes_without_true_alpha_are_only_written(judge, solver, trimap_scene, tmp_path):
    record = judge(metrics=["matting"])
    assert set(record["totals"].values()) == {None}
    assert record["counts"]["mattes"] == len(list((tmp_path / "metrics/alphas").rglob("*.png")))
    assert record["counts"]["alpha_frames"] == 0


def test_the_region_of_the_whole_image_counts_known_pixels_too(judge, solver, trimap_scene):
    paths = paths_of(trimap_scene, alpha=True)
    whole = judge(paths=paths, metrics=["matting"])["totals"]
    band = judge(paths=paths, metrics=["matting"], region="unknown", folder="band")["totals"]
    assert whole["sad"] == pytest.approx(band["sad"])  # outside of the band, width 2 is right
    assert whole["mad"] < band["mad"]


def test_without_pymatting_the_command_to_install_it_is_told(judge, no_solver, trimap_scene):
    with pytest.raises(SetupError, match="pymatting") as caught:
        judge(paths=paths_of(trimap_scene, alpha=True))
    assert 'pip install "vstc[matting]"' in caught.value.hint
    assert "tsb" in judge(folder="tsb", metrics=["tsb"])["totals"]


@pytest.mark.parametrize("value", [0, 255])
def test_a_trimap_of_one_side_has_a_constant_matte(no_solver, value):
    known = np.full((6, 7), 128, np.uint8)
    known[2:4, 2:4] = value
    image = np.zeros((6, 7, 3), np.uint8)
    assert np.array_equal(closed_form_alpha(image, known), np.full((6, 7), value / 255))


def test_a_trimap_without_unknown_is_its_own_matte(no_solver):
    known = np.array([[0, 255], [255, 0]], np.uint8)
    image = np.zeros((2, 2, 3), np.uint8)
    assert np.array_equal(closed_form_alpha(image, known), known / 255)


def test_a_trimap_that_knows_nothing_is_refused(judge, solver, trimap_scene, tmp_path):
    trimaps = shutil.copytree(trimap_scene / "trimaps", tmp_path / "odd")
    Image.fromarray(np.full_like(trimap("a/2_dog", 0, 2), 128)).save(trimaps / "a/2_dog/00001.png")
    with pytest.raises(InputError, match="a/2_dog/00001 is unknown everywhere"):
        judge(paths=paths_of(trimap_scene, trimaps=trimaps), metrics=["matting"])


# --- inputs that do not fit


def test_another_size_is_never_stretched(judge, trimap_scene, tmp_path):
    trimaps = shutil.copytree(trimap_scene / "trimaps", tmp_path / "odd")
    Image.fromarray(trimap("b/1_person", 2, 2)[:, :-1]).save(trimaps / "b/1_person/00002.png")
    with pytest.raises(InputError, match=r"00002.png is 55x40, its sequence is 56x40"):
        judge(paths=paths_of(trimap_scene, trimaps=trimaps), metrics=["iou"])


@pytest.mark.parametrize("kind", ["truth", "alpha", "frames"])
def test_other_images_of_another_size_are_refused_before_work(
    judge, solver, trimap_scene, tmp_path, kind
):
    scene = shutil.copytree(trimap_scene, tmp_path / "scene")
    for path in (scene / kind).rglob("*.png"):
        Image.open(path).resize((57, 40)).save(path)
    with pytest.raises(InputError, match="57x40"):
        judge(paths=paths_of(scene, alpha=True))
    assert not (tmp_path / "metrics").exists()


@pytest.mark.parametrize(
    ("gone", "told"),
    [
        ("trimaps/a/2_dog/00001.png", "trimaps a/2_dog lack 1 frames that true trimaps narrow"),
        ("frames/b/00003.png", "frames of b lack 1 frames that trimaps b/1_person"),
        ("truth/wide/a/1_person", "has no true trimaps wide of a/1_person"),
    ],
)
def test_what_is_missing_is_named(judge, trimap_scene, tmp_path, gone, told):
    scene = shutil.copytree(trimap_scene, tmp_path / "scene")
    path = scene / gone
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises(InputError, match=told):
        judge(paths=paths_of(scene))


def test_one_truth_for_two_tracks_is_refused(judge, trimap_scene, tmp_path):
    merged = write(tmp_path / "t", lambda s, i: trimap(f"{s}/1_person", i, 2), sequences=("a", "b"))
    paths = TrimapPaths(trimap_scene / "trimaps", truths={"all": merged})
    with pytest.raises(InputError, match="those of a/1_person and of a/2_dog"):
        judge(paths=paths, metrics=["iou"])
    record = judge(paths=paths, metrics=["iou"], tracks=["1_person"])
    assert record["totals"] == {"miou": 1}


def test_a_truth_that_is_no_trimap_is_refused(judge, trimap_scene, tmp_path):
    scene = shutil.copytree(trimap_scene, tmp_path / "scene")
    path = scene / "truth/narrow/a/1_person/00000.png"
    Image.fromarray(np.full((40, 56), 7, np.uint8)).save(path)
    with pytest.raises(InputError, match="holds 7, not 0, 128 or 255"):
        judge(paths=paths_of(scene), metrics=["iou"])


def test_a_flow_cache_is_filled_once_for_all_tracks_of_a_clip(judge, trimap_scene, tmp_path):
    cache = tmp_path / "cache"
    cached = TrimapPaths(trimap_scene / "trimaps", frames=trimap_scene / "frames", flow_cache=cache)
    first = judge(paths=cached, metrics=["tc"])
    assert sorted(path.stem for path in cache.rglob("*.h5")) == ["a", "b"]
    kept = (cache / "manifest.json").read_bytes()
    assert judge(paths=cached, metrics=["tc"], folder="m2")["totals"] == first["totals"]
    assert (cache / "manifest.json").read_bytes() == kept
    with pytest.raises(ConfigError, match="flow is for tc"):
        judge(paths=cached, metrics=["tsb"], folder="m3")


@pytest.mark.parametrize(
    ("settings", "paths", "told"),
    [
        ({"metrics": ["tc"]}, {"frames": False}, "metric tc needs more inputs"),
        ({"metrics": ["iou"]}, {"widths": ()}, "metric iou needs more inputs"),
        ({}, {"frames": False, "alpha": True}, "need the frames"),
        ({"metrics": ["matting"], "region": "narow"}, {}, "narow"),
    ],
)
def test_choices_that_inputs_do_not_allow_are_refused(judge, trimap_scene, settings, paths, told):
    with pytest.raises(ConfigError, match=told):
        judge(paths=paths_of(trimap_scene, **paths), **settings)


def test_frames_may_be_a_data_set_with_flow_that_is_stored(judge, run, trimap_scene, tmp_path):
    dataset, flow = tmp_path / "dataset", tmp_path / "flow"
    run("data", "index", "folder", trimap_scene / "frames", "--frame-step", 1, "-o", dataset)
    run("flow", "precompute", dataset, "-o", flow)
    stored = TrimapPaths(trimap_scene / "trimaps", frames=dataset, flow=flow)
    computed = TrimapPaths(trimap_scene / "trimaps", frames=dataset)
    first = judge(paths=stored, metrics=["tc"])
    second = judge(paths=computed, metrics=["tc"], folder="m2")
    assert first["protocol"]["tc"]["flow"]["source"] == "stored"
    cached = TrimapPaths(trimap_scene / "trimaps", frames=dataset, flow_cache=flow)
    third = judge(paths=cached, metrics=["tc"], folder="m3")
    assert third["totals"]["tc"] == first["totals"]["tc"]
    assert first["totals"]["tc"] == pytest.approx(second["totals"]["tc"], abs=0.02)
    assert json.loads((tmp_path / "m2/manifest.json").read_text())["inputs"][1]["role"] == "frames"


# --- trimaps of vstc


@pytest.fixture
def exported(run, trimap_scene, tmp_path):
    """Trimaps, made of the alpha of the scene, with one of all objects and first-frame masks."""
    folder = tmp_path / "exported"
    ids = write(tmp_path / "ids", _ids, sequences=("a", "b"))
    words = ("--format", "ids", "--radius", 2, "--merged")
    run("trimap", "export", ids, *words, "-o", folder)
    return folder


def _ids(clip, index):
    discs = [sequence for sequence in DISCS if sequence.startswith(clip)]
    ids = np.zeros((40, 56), np.uint8)
    for number, sequence in enumerate(discs, start=1):
        ids[depth(sequence, index) > 0] = number
    return ids


def test_merged_trimaps_are_judged_when_asked_for(judge, exported, trimap_scene):
    assert (exported / "a/first-masks/1.png").is_file()
    paths = TrimapPaths(exported, frames=trimap_scene / "frames")
    found = judge(paths=paths, metrics=["tsb"])
    assert [clip["id"] for clip in found["per_clip"]] == ["a/1", "a/2", "b/1"]
    merged = judge(paths=paths, metrics=["tsb"], tracks=["merged"], folder="m2")
    assert [clip["id"] for clip in merged["per_clip"]] == ["a/merged", "b/merged"]


def test_trimaps_of_vstc_are_inputs_by_their_manifest(judge, exported, tmp_path):
    judge(paths=TrimapPaths(exported, truths={"same": exported}))
    manifest, own = (
        json.loads((folder / "manifest.json").read_text())
        for folder in (exported, tmp_path / "metrics")
    )
    refs = {ref["role"]: (ref["kind"], ref["id"]) for ref in own["inputs"]}
    wanted = ("vstc.trimaps", manifest["id"])
    assert refs == {"trimaps": wanted, "truth same": wanted}
    assert own["metrics"]["miou"] == 1


def test_trimaps_that_are_not_finished_are_refused(judge, exported):
    (exported / "manifest.json").rename(exported / "progress.json")
    with pytest.raises(InputError, match="not complete|incomplete"):
        judge(paths=TrimapPaths(exported))


def test_frames_may_be_those_of_masks(judge, run, trimap_scene, tmp_path):
    ids = write(tmp_path / "ids", _ids, sequences=("a", "b"))
    masks = tmp_path / "masks"
    run("instances", "import", ids, "--frames", trimap_scene / "frames", "-o", masks)
    trimaps = trimap_scene / "trimaps"
    first = judge(paths=TrimapPaths(trimaps, frames=masks), metrics=["tc"])
    second = judge(
        paths=TrimapPaths(trimaps, frames=trimap_scene / "frames"), metrics=["tc"], folder="m2"
    )
    assert first["totals"] == second["totals"]
    bare = tmp_path / "bare"
    run("instances", "import", ids, "-o", bare)
    with pytest.raises(InputError, match="does not know the frames of a"):
        judge(paths=TrimapPaths(trimaps, frames=bare), folder="m3")
