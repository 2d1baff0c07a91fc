"""What a word or a path means as predictions, and what each wrong thing is told."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.evaluation.scenes import write_predictions
from tests.tiny_runs import write_run
from vstc.artifacts.workspace import open_artifact
from vstc.errors import ConfigError, InputError
from vstc.evaluation.label_sources.checkpoint import CheckpointLabels
from vstc.evaluation.label_sources.folder import FolderLabels
from vstc.evaluation.label_sources.opening import open_label_source
from vstc.evaluation.label_sources.probabilities import ProbabilityLabels
from vstc.evaluation.label_sources.source import PredictionFormat
from vstc.evaluation.label_sources.truth import DatasetLabels
from vstc.formats.dataset import Dataset


def write_scores(folder: Path, dataset: Dataset) -> Path:
    clip = dataset.clips[0]
    (folder / clip.id).mkdir(parents=True)
    path = folder / clip.id / f"{clip.frame_names[0]}.npz"
    np.savez(path, logits=np.zeros((dataset.num_classes, 4, 4), np.float32))
    return folder


def test_the_word_labels_is_the_truth(scene: Dataset) -> None:
    source = open_label_source("labels", scene)
    assert isinstance(source, DatasetLabels)
    assert source.reference() is None
    assert source.describe() == {"source": "labels"}
    clip = scene.clips[0]
    assert set(source.available(clip)) == set(clip.labels)
    assert source.labels(clip, clip.frame_names[0]).max() == 255
    assert source.strays.of(clip) is None


def test_a_folder_is_what_its_files_are(scene: Dataset, tmp_path: Path) -> None:
    images = write_predictions(tmp_path / "images", scene)
    scores = write_scores(tmp_path / "scores", scene)
    assert isinstance(open_label_source(str(images), scene), FolderLabels)
    assert isinstance(open_label_source(str(scores), scene), ProbabilityLabels)
    write_scores(images / "more", scene)
    with pytest.raises(InputError, match="label maps and class scores") as caught:
        open_label_source(str(images), scene)
    assert "--format" in str(caught.value.hint)
    chosen = open_label_source(str(images), scene, format=PredictionFormat.IDS)
    assert isinstance(chosen, FolderLabels)


def test_an_artifact_with_scores_beside_its_labels_is_read_by_its_labels(
    scene: Dataset, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    with open_artifact(out, kind="vstc.predictions", config={}) as workspace:
        write_predictions(out, scene)
        write_scores(out / "scores", scene)
        workspace.finish()
    source = open_label_source(str(out), scene)
    assert isinstance(source, FolderLabels)
    assert source.describe() == {"source": "images", "format": "auto"}


@pytest.mark.parametrize("place", ["run", "run/best.pt"])
def test_a_run_and_its_files_are_run(scene: Dataset, tmp_path: Path, place: str) -> None:
    write_run(tmp_path / "run", scene.folder)
    source = open_label_source(str(tmp_path / place), scene, device="cpu")
    assert isinstance(source, CheckpointLabels)


@pytest.mark.parametrize("format", ["ids", "probabilities"])
def test_a_format_needs_files(scene: Dataset, tmp_path: Path, format: str) -> None:
    write_run(tmp_path / "run", scene.folder)
    for predictions in ("labels", str(tmp_path / "run")):
        with pytest.raises(ConfigError, match=f"--format {format} is about the files"):
            open_label_source(predictions, scene, format=PredictionFormat(format))


def test_an_unfinished_run_or_prediction_is_told_how_to_go_on(
    scene: Dataset, tmp_path: Path
) -> None:
    progress = json.dumps({"command": ["vstc", "predict", "x", "-o", "out"]})
    for name, kind in [("0.png", "predictions"), ("last.pt", "checkpoint")]:
        folder = tmp_path / kind
        folder.mkdir()
        (folder / name).touch()
        (folder / "progress.json").write_text(progress)
        with pytest.raises(InputError, match="incomplete") as caught:
            open_label_source(str(folder), scene)
        assert caught.value.hint == "vstc predict x -o out --resume"


@pytest.mark.parametrize(
    ("name", "says", "hint"),
    [
        ("none", "predictions not found", "the word `labels`"),
        ("none.pt", "checkpoint not found", ""),
        ("map.png", "neither a folder of predictions nor a checkpoint", "the folder of the label"),
        ("clip.h5", "neither a folder", r"<clip>\.h5"),
        ("maps.zip", "neither a folder", "unpack"),
        ("empty", "holds no prediction for any of 3 clips", "named like pan/pan_000.png"),
        ("a-data-set", "is a data set, not predictions", "the word `labels`"),
        ("flow", r"is a vstc\.flow, but a vstc\.predictions is needed", ""),
    ],
)
def test_wrong_things_are_refused_with_a_hint(
    scene: Dataset, tmp_path: Path, name: str, says: str, hint: str
) -> None:
    for file in ("map.png", "clip.h5", "maps.zip"):
        (tmp_path / file).touch()
    (tmp_path / "empty").mkdir()
    for folder, kind in [("a-data-set", "vstc.dataset"), ("flow", "vstc.flow")]:
        with open_artifact(tmp_path / folder, kind=kind, config={}) as workspace:
            workspace.finish()
    with pytest.raises(InputError, match=says) as caught:
        open_label_source(str(tmp_path / name), scene)
    assert hint.replace("\\", "") in str(caught.value.hint)


def test_only_a_checkpoint_needs_torch(scene: Dataset, tmp_path: Path) -> None:
    images = write_predictions(tmp_path / "images", scene)
    code = (
        "import sys; from pathlib import Path\n"
        "from vstc.formats.dataset import load_dataset\n"
        "from vstc.evaluation.label_sources.opening import open_label_source\n"
        f"open_label_source({str(images)!r}, load_dataset(Path({str(scene.folder)!r})))\n"
        "sys.exit('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
