"""What was judged is read as the evaluation read it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.report.factory import Made, make_metrics
from vstc.artifacts.manifest import InputRef, input_ref
from vstc.artifacts.workspace import open_artifact
from vstc.errors import InputError
from vstc.formats.dataset import Dataset, load_dataset
from vstc.formats.images import encode_gray
from vstc.report.flicker import TrueLabels
from vstc.report.inputs import open_dataset, open_flow, open_judged
from vstc.report.sources import Source, open_sources


@pytest.fixture
def dataset(project: Made) -> Dataset:
    return load_dataset(project.dataset)


def metrics_of(folder: Path, *inputs: InputRef, **config: Any) -> Source:
    with open_artifact(folder, kind="vstc.metrics", config=config, inputs=inputs) as workspace:
        workspace.write_json("metrics.json", {"totals": {}})
        workspace.finish()
    (source,) = open_sources([folder])
    return source


def raw(path: Path) -> InputRef:
    return InputRef(role="predictions", path=str(path), kind="raw", id="0" * 16)


def test_raw_folder_is_read_in_its_form(dataset: Dataset, tmp_path: Path) -> None:
    clip = dataset.clips[0]
    two_classes = dataset.record.model_copy(update={"classes": dataset.record.classes[:2]})
    masks = np.array([[0, 255], [7, 0]], np.uint8)
    path = tmp_path / "masks" / clip.id / f"{clip.frame_names[2]}.png"
    path.parent.mkdir(parents=True)
    path.write_bytes(encode_gray(masks))
    data = input_ref("dataset", dataset.folder)
    metrics = metrics_of(tmp_path / "m", data, raw(tmp_path / "masks"), format="masks")
    labels = open_judged(metrics, Dataset(two_classes, dataset.folder), [metrics])
    assert labels.has(clip, 2)
    assert not labels.has(clip, 3)
    assert labels.read(clip, 2).tolist() == [[0, 1], [1, 0]]


def test_own_predictions_are_read_as_ids(project: Made, dataset: Dataset, tmp_path: Path) -> None:
    folder = make_metrics(tmp_path / "m", project.dataset, project.student["predictions"], lift=0.3)
    (metrics,) = open_sources([folder])
    labels = open_judged(metrics, dataset, [metrics])
    assert set(np.unique(labels.read(dataset.clips[0], 0))) <= {0, 1, 2}


def test_true_labels_were_judged_where_nothing_else_was(dataset: Dataset, tmp_path: Path) -> None:
    data = input_ref("dataset", dataset.folder)
    flow = InputRef(role="flow", path="flow", kind="vstc.flow", id="1" * 16)
    metrics = metrics_of(tmp_path / "m", data, flow)
    assert isinstance(open_judged(metrics, dataset, [metrics]), TrueLabels)


def test_folder_that_is_gone_and_labels_that_were_not_kept_are_told(
    dataset: Dataset, tmp_path: Path
) -> None:
    data = input_ref("dataset", dataset.folder)
    gone = metrics_of(tmp_path / "gone", data, raw(tmp_path / "nothing"))
    run = InputRef(role="checkpoint", path="run", kind="vstc.checkpoint", id="2" * 16)
    on_the_fly = metrics_of(tmp_path / "fly", data, run)
    for metrics, words in ((gone, "predictions are gone"), (on_the_fly, "were not kept")):
        with pytest.raises(InputError, match=words) as caught:
            open_judged(metrics, dataset, [metrics])
        assert caught.value.hint == "add the predictions to the artifacts of the report"


def test_data_set_of_the_report_is_taken_first(project: Made, tmp_path: Path) -> None:
    ref = input_ref("dataset", project.dataset)
    lost = InputRef(role="dataset", path="lost", kind=ref.kind, id=ref.id)
    metrics = metrics_of(tmp_path / "m", lost)
    (data,) = open_sources([project.dataset])
    assert open_dataset(metrics, [metrics, data]).name == "shapes"
    with pytest.raises(InputError, match="the data set is gone: lost"):
        open_dataset(metrics, [metrics])
    with pytest.raises(InputError, match="names no data set"):
        open_dataset(metrics_of(tmp_path / "bare"), [])


def test_flow_that_is_gone_is_left_out(project: Made, tmp_path: Path) -> None:
    flow = InputRef(role="flow", path="nowhere", kind="vstc.flow", id="1" * 16)
    metrics = metrics_of(tmp_path / "m", input_ref("dataset", project.dataset), flow)
    assert open_flow([metrics]) == []
