"""Pseudo labels: the threshold rules by hand, and a data set that can be trained on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.moving import CLASSES
from tests.tiny_runs import tiny_settings, write_run
from vstc.artifacts.workspace import open_artifact
from vstc.data.labels import read_true_labels
from vstc.errors import ConfigError, InputError
from vstc.formats.dataset import Dataset, DatasetRecord, LabelClass, load_dataset
from vstc.formats.images import encode_gray, read_labels
from vstc.inference.checkpoint import ClassTable, TrainedNetwork, load_network
from vstc.inference.network import FrameNetwork
from vstc.inference.pseudo_label import (
    FramePlan,
    class_thresholds,
    confidence_histogram,
    make_pseudo_labels,
    plan_frames,
    refuse_other_classes,
)
from vstc.inference.settings import PseudoLabelSettings
from vstc.training.train import TrainInputs, plan_training, run_training

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def trained(moving_dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> TrainedNetwork:
    return load_network(write_run(tmp_path_factory.mktemp("r") / "run", moving_dataset, seed=7))


def make(trained: TrainedNetwork, dataset: Dataset, output: Path, **changes: Any) -> dict[str, Any]:
    settings = PseudoLabelSettings.model_validate({"scales": (1.0,), "split": "train"} | changes)
    plans = plan_frames(
        dataset, dataset.select(settings.split), include_labelled=settings.include_labelled
    )
    with open_artifact(output, kind="vstc.dataset", config=settings.as_json()) as workspace:
        summary = make_pseudo_labels(
            FrameNetwork(trained.model, device=torch.device("cpu")),
            trained.table,
            dataset,
            plans,
            settings,
            workspace=workspace,
            workers=2,
            advance=lambda _count: None,
        )
        workspace.finish(metrics=summary, volatile=["timing.json"])
    return summary


def histogram(*rows: dict[int, int]) -> np.ndarray:
    counts = np.zeros((len(rows), 256), np.int64)
    for counted, row in zip(counts, rows, strict=True):
        for level, count in row.items():
            counted[level] = count
    return counts


def test_rule_none_keeps_everything() -> None:
    assert class_thresholds(histogram({10: 5}, {200: 1}), "none").tolist() == [0, 0]


@pytest.mark.parametrize(
    ("rule", "level"),
    [("fixed:0", 0), ("fixed:0.5", 128), ("fixed:0.9", 230), ("fixed:0.2", 51), ("fixed:1", 255)],
)
def test_a_fixed_rule_is_the_first_level_that_is_not_below(rule: str, level: int) -> None:
    assert class_thresholds(histogram({10: 5}, {}), rule).tolist() == [level, level]


def test_class_median_is_the_median_of_each_class_but_at_most_nine_tenths() -> None:
    counts = histogram(
        {100: 2, 120: 1, 200: 2},  # median 120
        {80: 3, 90: 3},  # even count: the lower of the two
        {250: 7, 100: 2},  # median 250, above the cap 229.5
        {},  # never predicted
        {230: 1},
    )
    assert class_thresholds(counts, "class-median").tolist() == [120, 80, 230, 0, 230]


def test_class_median_agrees_with_numpy() -> None:
    random = np.random.default_rng(0)
    values = [random.integers(40, 256, size) for size in (1, 2, 7, 100, 101)]
    counts = np.stack([np.bincount(row, minlength=256) for row in values])
    lower = [int(np.sort(row)[(len(row) - 1) // 2]) for row in values]
    assert class_thresholds(counts, "class-median").tolist() == [min(v, 230) for v in lower]


@pytest.mark.parametrize("rule", ["fixed", "fixed:", "fixed:2", "fixed:-0.1", "fixed:nan", "half"])
def test_other_rules_are_refused(rule: str) -> None:
    from vstc.config import resolve

    with pytest.raises(ConfigError, match="min_confidence"):
        resolve(PseudoLabelSettings, flags={"min_confidence": rule})


def test_pixels_are_counted_by_class_and_confidence(tmp_path: Path, moving_dataset: Path) -> None:
    clip = load_dataset(moving_dataset).clips[0]
    ids = np.array([[0, 1], [2, 1]], np.uint8)
    confidence = np.array([[255, 7], [0, 7]], np.uint8)
    for kind, values in (("argmax", ids), ("confidence", confidence)):
        path = tmp_path / kind / clip.id / "000.png"
        path.parent.mkdir(parents=True)
        path.write_bytes(encode_gray(values))
    counts = confidence_histogram(tmp_path, [FramePlan(clip, [0])], 3)
    assert counts.sum() == 4
    assert (counts[0, 255], counts[1, 7], counts[2, 0]) == (1, 2, 1)


def test_labelled_frames_are_left_to_their_true_labels(moving_dataset: Path) -> None:
    dataset = load_dataset(moving_dataset)
    plans = plan_frames(dataset, dataset.clips, include_labelled=False)
    assert [(plan.clip.id, plan.indices) for plan in plans] == [
        ("train0", [0, 2, 4, 5]),
        ("train1", [0, 2, 4, 5]),
    ]
    everything = plan_frames(dataset, dataset.clips, include_labelled=True)
    assert [len(plan.indices) for plan in everything] == [6, 6, 6]
    with pytest.raises(InputError, match="has a true label already"):
        plan_frames(dataset, dataset.select("val"), include_labelled=False)


@pytest.mark.parametrize("rule", ["none", "fixed:0.4", "class-median"])
def test_kept_pixels_shares_and_thresholds_agree(
    moving_dataset: Path, trained: TrainedNetwork, tmp_path: Path, rule: str
) -> None:
    dataset = load_dataset(moving_dataset)
    summary = make(trained, dataset, tmp_path / "out", min_confidence=rule)
    pseudo = load_dataset(tmp_path / "out")
    assert pseudo.record.label_source == "pseudo"
    assert [entry.name for entry in pseudo.classes] == ["ground", "square", "disc"]
    kept = predicted = np.zeros(3, np.int64)
    for clip in pseudo.clips:
        assert clip.labelled_indices == [0, 2, 4, 5]
        assert len(clip.frames) == 6
        for index in clip.labelled_indices:
            name = clip.frame_names[index]
            ids = read_labels(tmp_path / f"out/argmax/{clip.id}/{name}.png")
            sure = read_labels(tmp_path / f"out/confidence/{clip.id}/{name}.png")
            labels = read_true_labels(pseudo, clip, index)
            assert labels is not None
            thresholds = np.array(
                [summary["classes"][entry.name]["threshold"] for entry in CLASSES]
            )
            is_kept = sure >= np.round(thresholds * 255)[ids]
            assert (labels == np.where(is_kept, ids, 255)).all()
            mean, share = clip.pseudo[name]
            assert mean == pytest.approx(sure.mean() / 255, abs=1e-4)
            assert share == pytest.approx(is_kept.mean(), abs=1e-4)
            kept = kept + np.bincount(ids[is_kept], minlength=3)
            predicted = predicted + np.bincount(ids.ravel(), minlength=3)
    assert summary["kept_share"] == pytest.approx(kept.sum() / predicted.sum(), abs=1e-4)
    for entry in CLASSES:
        row = summary["classes"][entry.name]
        share = kept[entry.id] / predicted[entry.id] if predicted[entry.id] else None
        assert row["kept_share"] == (None if share is None else pytest.approx(share, abs=1e-4))
    if rule == "none":
        assert summary["kept_share"] == 1
    if rule == "class-median":
        assert all(row["kept_share"] in (None,) or row["kept_share"] >= 0.5
                   for row in summary["classes"].values())  # fmt: skip


def test_a_network_can_be_trained_on_them(
    moving_dataset: Path, trained: TrainedNetwork, tmp_path: Path
) -> None:
    make(trained, load_dataset(moving_dataset), tmp_path / "pseudo")
    settings = tiny_settings(terms=("ce", "tl"), ratio=(1, 1), steps=3)
    inputs = TrainInputs(
        dataset=moving_dataset, pseudo=tmp_path / "pseudo", flow=(moving_dataset / "flow",)
    )
    plan = plan_training(inputs, settings, device="cpu")
    assert [(source.name, len(source.anchors)) for source in plan.sources] == [
        ("labelled", 4),
        ("pseudo", 8),
    ]
    with open_artifact(tmp_path / "run", kind="vstc.checkpoint", config={}) as workspace:
        figures = run_training(plan, workspace, workers=1, advance=lambda _count: None)
    assert figures["steps"] == 3


def table(*names: str) -> ClassTable:
    classes = [LabelClass(id=place, name=name, color=(0, 0, 0)) for place, name in enumerate(names)]
    return ClassTable(classes, 255)


def test_a_teacher_of_other_classes_is_refused() -> None:
    record = DatasetRecord(name="d", root=".", classes=table("a", "b").classes, clips=[])
    dataset = Dataset(record, Path())
    refuse_other_classes(table("a", "b"), dataset)
    with pytest.raises(InputError, match="the teacher knows the classes b, a, data set d has a, b"):
        refuse_other_classes(table("b", "a"), dataset)
    without = Dataset(DatasetRecord(name="raw", root=".", classes=[], clips=[]), Path())
    refuse_other_classes(table("b", "a"), without)
