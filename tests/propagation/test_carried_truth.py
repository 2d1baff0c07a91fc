"""True labels carried: counting, directions, masks, and the table on CamVid."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.propagation.moving_frames import NUM_CLASSES, PanFlow, panning
from vstc.bench.carry import CASES, choose_cases, find_clip, parse_distances
from vstc.data.index.camvid import find_camvid
from vstc.errors import ConfigError, InputError
from vstc.formats.dataset import Clip, Dataset, DatasetRecord, LabelClass, write_dataset
from vstc.formats.images import encode_labels, encode_rgb
from vstc.metrics.confusion import ConfusionMatrix
from vstc.propagation.measuring.carried_truth import carry_truth, look_ahead_miou
from vstc.propagation.settings import PropagateSettings

STEP = (2, 1)
COUNT = 7
FULL = {"carry": "labels", "carry_scale": 1.0, "map_scale": 1.0, "schedule": {"cuts": False}}


def settings_of(**values):
    return PropagateSettings.model_validate({**FULL, **values})


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """A panning clip; class 3 is void."""
    folder = tmp_path_factory.mktemp("panning")
    frames, truth = panning(COUNT, step=STEP)
    palette = np.zeros((256, 3), np.uint8)
    for index, (frame, labels) in enumerate(zip(frames, truth, strict=True)):
        (folder / f"f{index}.png").write_bytes(encode_rgb(frame))
        (folder / f"l{index}.png").write_bytes(encode_labels(labels, palette))
    clip = Clip(
        id="pan",
        split="val",
        fps=25,
        frame_step=1,
        frames=[f"f{i}.png" for i in range(COUNT)],
        labels={f"f{i}": f"l{i}.png" for i in range(COUNT)},
    )
    sparse = clip.model_copy(update={"id": "sparse", "labels": {"f0": "l0.png"}})
    classes = [
        LabelClass(id=i, name=f"c{i}", color=(i, i, i), ignore=i == NUM_CLASSES - 1)
        for i in range(NUM_CLASSES)
    ]
    record = DatasetRecord(
        name="pan", root=".", classes=classes, ignore_index=NUM_CLASSES - 1, clips=[clip, sparse]
    )
    write_dataset(folder, record)
    return Dataset(record, folder)


def test_held_labels_are_compared_with_every_target(dataset):
    truth = panning(COUNT, step=STEP)[1]
    scores = carry_truth(dataset, dataset.clip("pan"), settings_of(warp=False), distances=(1, 3))
    for score in scores:
        matrix = ConfusionMatrix(3, 3)
        for target in range(score.distance, COUNT):
            held = truth[target - score.distance]
            matrix.update(np.where(held == 3, 3, truth[target]).astype(np.uint8), held)
        assert score.targets == COUNT - score.distance
        np.testing.assert_array_equal(score.matrix.counts, matrix.counts)


@pytest.mark.parametrize("from_future", [False, True])
def test_the_right_direction_beats_holding_and_the_wrong_one_loses(dataset, from_future):
    clip = dataset.clip("pan")

    def miou(settings, **how):
        (score,) = carry_truth(
            dataset, clip, settings, distances=(3,), from_future=from_future, **how
        )
        return score.miou

    exact = miou(settings_of(), flows=PanFlow(STEP))
    wrong = miou(settings_of(), flows=PanFlow(STEP), is_swapped=True)
    held = miou(settings_of(warp=False))
    assert exact > 0.93  # all but the rim
    assert wrong < held < exact - 0.1


def test_masks_of_exact_flow_flag_nothing_and_of_the_rim_find_what_came_in(dataset):
    clip = dataset.clip("pan")
    quiet = {"iam": {"always": True, "outside": False}}
    (score,) = carry_truth(
        dataset, clip, settings_of(**quiet), distances=(2,), flows=PanFlow((0, 0)), radii=(0, 4)
    )
    assert [mask.flagged for mask in score.masks] == [0, 0]
    assert [mask.recall for mask in score.masks] == [0, 0]
    assert score.masks[0].corrected_miou == score.miou
    rim = {"iam": {"always": True, "outside": True}}
    (score,) = carry_truth(
        dataset, clip, settings_of(**rim), distances=(2,), flows=PanFlow(STEP), radii=(0,)
    )
    assert score.masks[0].recall == 1
    assert score.masks[0].corrected_miou == 1
    # Two steps of (2, 1) at 128 x 96.
    assert score.masks[0].flagged == pytest.approx(1 - (124 / 128) * (94 / 96))


def test_look_ahead_pools_both_sides(dataset):
    clip, flows = dataset.clip("pan"), PanFlow(STEP)
    past, future = (
        carry_truth(
            dataset, clip, settings_of(), distances=(1, 2), flows=flows, from_future=is_future
        )
        for is_future in (False, True)
    )
    total = ConfusionMatrix(3, 255)
    total.merge(past[0].matrix)
    total.merge(future[0].matrix)
    assert look_ahead_miou(past, future, 3, from_past=1) == total.scores().miou
    causal = look_ahead_miou(past, future, 3, from_past=2)
    assert causal < look_ahead_miou(past, future, 3, from_past=1)
    assert look_ahead_miou(past, future, 1, from_past=0) is None


def test_a_clip_with_a_frame_without_labels_is_refused(dataset):
    with pytest.raises(InputError, match="f1 has no label"):
        carry_truth(dataset, dataset.clip("sparse"), settings_of(warp=False), distances=(1,))


def test_the_clip_of_the_bench_is_labelled_throughout(dataset):
    assert find_clip(dataset, None).id == "pan"
    assert find_clip(dataset, "sparse").id == "sparse"


def test_rows_and_distances_of_the_bench_are_checked():
    assert list(choose_cases("hold; wrong")) == ["hold", "wrong direction"]
    assert choose_cases(None) == dict(CASES)
    assert parse_distances("4,1,1") == (1, 4)
    with pytest.raises(ConfigError, match="unknown row"):
        choose_cases("holt")
    for text in ("0", "", "a"):
        with pytest.raises(ConfigError, match="--distances"):
            parse_distances(text)


def test_the_bench_prints_tables_and_json(dataset, run):
    arguments = ["bench", "carry", dataset.folder, "--distances", "1,2", "-q"]
    done = run(*arguments, "--rows", "hold;mask: one flow", "--json")
    assert [row["name"] for row in done.json["rows"]] == [
        "hold",
        "mask: one flow, Eq. 1",
        "mask: one flow",
    ]
    assert [score["targets"] for score in done.json["rows"][0]["scores"]] == [6, 5]
    assert [row["gap"] for row in done.json["look_ahead"]] == [3, 5]
    assert done.json["clip"] == "pan"
    table = run(*arguments, "--rows", "hold;mask: one flow").stdout
    assert "mIoU in %" in table
    assert "flagged %" in table
    assert "look-ahead" in table
    assert json.loads(done.stdout)["frames"] == COUNT
    assert "no clip" in run(*arguments, "--clip", "none", code=3).stderr


# mIoU in percent at distances 1, 2, 4 and 9, from an independent measurement.
CAMVID = {
    "hold": (77.42, 68.10, 58.53, 49.48),
    "ultrafast, chained": (86.44, 82.98, 77.31, 68.71),
    "ultrafast, composed": (86.44, 83.22, 77.78, 69.27),
    "medium, chained": (87.37, 84.67, 80.00, 72.42),
    "medium, composed": (87.37, 84.98, 80.63, 73.38),
    "wrong direction": (69.47, 59.68, 51.40, 42.54),
}


@pytest.fixture(scope="module")
def camvid(real_data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("camvid")
    source = find_camvid(real_data / "camvid")
    record = source.record(source.build(lambda _count: None), folder)
    return Dataset(record, folder)


@pytest.mark.parametrize("name", list(CAMVID))
def test_the_table_on_camvid_is_that_of_an_independent_measurement(camvid, name):
    case = CASES[name]
    scores = carry_truth(
        camvid,
        camvid.clip("0016E5_dense_all"),
        PropagateSettings.model_validate(case.values),
        distances=(1, 2, 4, 9),
        is_swapped=case.is_swapped,
    )
    assert [score.targets for score in scores] == [54, 53, 51, 46]
    assert [100 * score.miou for score in scores] == pytest.approx(CAMVID[name], abs=0.1)
