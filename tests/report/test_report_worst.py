"""The worst frames are those that the tables name, and their pictures are found or missed."""

from __future__ import annotations

import base64
import json
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.report.factory import Made, labels_of, make_metrics, make_predictions, make_project
from vstc.artifacts.manifest import input_ref
from vstc.artifacts.workspace import open_artifact
from vstc.formats.dataset import load_dataset
from vstc.formats.images import encode_labels
from vstc.report import worst
from vstc.report.blocks import Gallery, Note, Picture
from vstc.report.contests import read_contests
from vstc.report.sources import METRICS, open_sources

SIZE = (48, 64)
SPOILT = slice(10, 30), slice(20, 50)


@pytest.fixture
def glitch(project: Made, tmp_path: Path) -> dict[str, Path]:
    """Scores of predictions that are right but for a block in frame 4 of clip c1."""
    dataset = load_dataset(project.dataset)
    predictions = tmp_path / "predictions"
    inputs = [input_ref("dataset", project.dataset)]
    with open_artifact(predictions, kind="vstc.predictions", config={}, inputs=inputs) as made:
        for place, clip in enumerate(dataset.clips):
            for index, name in enumerate(clip.frame_names):
                ids = labels_of(place, index, SIZE)
                if (place, index) == (1, 4):
                    ids[SPOILT] = (ids[SPOILT] + 1) % 3
                made.write_bytes(f"{clip.id}/{name}.png", encode_labels(ids, dataset.palette()))
        made.finish()
    metrics = make_metrics(tmp_path / "metrics", project.dataset, predictions, lift=0.3)
    write_tables(metrics, dip=4, low=4)
    return {"predictions": predictions, "metrics": metrics}


def write_tables(metrics: Path, *, dip: int, low: int) -> None:
    """Say that pair ``dip`` and frame ``low`` of clip c1 are bad, and all else is well."""
    pairs = ["clip,index,frame,next_frame,accuracy,valid_pixels"]
    frames = ["clip,index,frame,labelled_pixels,accuracy,miou"]
    for clip in ("c0", "c1"):
        for index in range(9):
            is_bad = clip == "c1"
            accuracy = 0.75 if is_bad and index == dip else 0.98
            miou = 0.6 if is_bad and index == low else 1.0
            frames.append(f"{clip},{index},{index:03d},2900,{miou},{miou}")
            if index < 8:
                pairs.append(f"{clip},{index},{index:03d},{index + 1:03d},{accuracy},2900")
    (metrics / "per_pair.csv").write_text("\n".join(pairs))
    (metrics / "per_frame.csv").write_text("\n".join(frames))


def galleries(*artifacts: Path) -> list[Gallery]:
    sources = open_sources(artifacts)
    contests = read_contests([source for source in sources if source.kind == METRICS])
    section = worst.worst_section(contests, sources)
    assert section is not None
    return [block for block in section.blocks if isinstance(block, Gallery)]


def pixels(shown: Picture) -> NDArray[np.uint8]:
    data = np.frombuffer(base64.b64decode(shown.uri.split(",")[1]), np.uint8)
    image = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert image is not None
    return np.asarray(image[..., ::-1], np.uint8)


def pink_box(shown: Picture) -> tuple[int, int, int, int]:
    """Return top, bottom, left and right of the marked pixels, small specks left out."""
    red, green, blue = (pixels(shown)[..., channel].astype(int) for channel in range(3))
    is_pink = ((red > 200) & (green < 110) & (blue < 170)).astype(np.uint8)
    is_pink = cv2.morphologyEx(is_pink, cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
    rows, columns = np.flatnonzero(is_pink.any(axis=1)), np.flatnonzero(is_pink.any(axis=0))
    return int(rows.min()), int(rows.max()) + 1, int(columns.min()), int(columns.max()) + 1


def test_wrong_pixels_of_the_worst_frame_are_marked(glitch: dict[str, Path]) -> None:
    _, least_right = galleries(glitch["metrics"])
    ((label, shown),) = least_right.rows
    assert label == "c1 / 004: mIoU 60.0 %, 100.0 % is usual"
    assert [part.caption for part in shown] == ["frame", "true label", "metrics", "wrong"]
    height, width = SPOILT
    expected = (height.start, height.stop, width.start, width.stop)
    assert pink_box(shown[-1]) == pytest.approx(expected, abs=2)
    counted = SIZE[0] * SIZE[1] - 2 * SIZE[1]
    assert shown[-1].note == f"{100 * 20 * 30 / counted:.1f} %"


def test_changed_pixels_of_the_least_steady_pair_are_marked(glitch: dict[str, Path]) -> None:
    least_steady, _ = galleries(glitch["metrics"])
    ((label, shown),) = least_steady.rows
    assert label == "c1 / 004 to 005: 75.0 % agree, 98.0 % is usual"
    captions = [(part.caption, part.note) for part in shown[:-1]]
    run = "metrics"
    assert captions == [("frame", ""), ("true label", ""), (run, ""), (run, "next frame")]
    assert shown[-1].caption == "changed"
    height, width = SPOILT
    expected = (height.start, height.stop, width.start, width.stop)
    assert pink_box(shown[-1]) == pytest.approx(expected, abs=5)


def test_pictures_are_found_through_the_scores_and_through_given_artifacts(
    glitch: dict[str, Path], project: Made, tmp_path: Path
) -> None:
    through_scores = galleries(glitch["metrics"])
    moved = tmp_path / "elsewhere" / "moved"
    shutil.copytree(glitch["predictions"], moved)
    shutil.rmtree(glitch["predictions"])
    given = galleries(glitch["metrics"], moved, project.dataset)
    assert [row[0] for gallery in given for row in gallery.rows] == [
        row[0] for gallery in through_scores for row in gallery.rows
    ]


def test_missing_predictions_are_told_with_the_remedy(glitch: dict[str, Path], page: Any) -> None:
    shutil.rmtree(glitch["predictions"])
    read = page(glitch["metrics"])
    assert "No pictures of the worst frames of metrics: the predictions are gone" in read.text
    assert "To see them, add the predictions to the artifacts of the report." in read.text
    assert "worst" in read.ids


def test_missing_data_set_is_told(page: Any, tmp_path: Path) -> None:
    made = make_project(tmp_path, frames=4, clips=1, steps=2)
    shutil.rmtree(made.dataset)
    read = page(made.student["metrics"])
    assert "No pictures of the worst frames of student: the data set is gone" in read.text


def test_data_set_that_was_cut_since_is_told(glitch: dict[str, Path], page: Any) -> None:
    write_tables(glitch["metrics"], dip=4, low=4)
    text = (glitch["metrics"] / "per_frame.csv").read_text()
    (glitch["metrics"] / "per_frame.csv").write_text(text.replace("c1,4,", "c1,9,"))
    read = page(glitch["metrics"])
    assert "clip c1 of shapes has 9 frames now, frame 9 was judged" in read.text


def test_scores_of_a_checkpoint_take_its_predictions(
    glitch: dict[str, Path], project: Made, tmp_path: Path
) -> None:
    on_the_fly = shutil.copytree(glitch["metrics"], tmp_path / "on-the-fly")
    manifest = json.loads((on_the_fly / "manifest.json").read_text())
    run = input_ref("checkpoint", project.student["run"]).as_json()
    manifest["inputs"] = [manifest["inputs"][0], run]
    (on_the_fly / "manifest.json").write_text(json.dumps(manifest))
    sources = open_sources([on_the_fly])
    section = worst.worst_section(read_contests(sources), sources)
    assert section is not None
    (note,) = section.blocks
    assert isinstance(note, Note)
    assert "the label maps were not kept" in note.text
    other = make_predictions(tmp_path / "p", project.dataset, project.student["run"], noise=0.1)
    assert len(galleries(on_the_fly, other)) == 2


def test_scores_of_the_true_labels_show_the_true_labels(
    glitch: dict[str, Path], tmp_path: Path
) -> None:
    manifest = json.loads((glitch["metrics"] / "manifest.json").read_text())
    manifest["inputs"] = manifest["inputs"][:1]
    (glitch["metrics"] / "manifest.json").write_text(json.dumps(manifest))
    (glitch["metrics"] / "per_frame.csv").unlink()
    (least_steady,) = galleries(glitch["metrics"])
    truth, own = least_steady.rows[0][1][1:3]
    assert truth.uri == own.uri


def test_old_scores_have_no_worst_frames_but_worst_pairs(project: Made, tmp_path: Path) -> None:
    predictions = project.student["predictions"]
    metrics = make_metrics(tmp_path / "m", project.dataset, predictions, lift=0.3, is_old=True)
    assert [gallery.title for gallery in galleries(metrics)] == ["Least steady: student"]
    (metrics / "per_pair.csv").unlink()
    sources = open_sources([metrics])
    assert worst.worst_section(read_contests(sources), sources) is None


def test_many_runs_show_the_first_and_the_last(project: Made, page: Any, tmp_path: Path) -> None:
    folders = [
        make_metrics(
            tmp_path / f"m{number}", project.dataset, project.student["predictions"], lift=0.3
        )
        for number in range(5)
    ]
    titles = {gallery.title.split(": ")[1] for gallery in galleries(*folders)}
    assert titles == {"student (m0)", "student (m3)", "student (m4)"}
    assert "Worst frames of 3 of 5 runs are shown." in page(*folders).text


def test_heavy_pictures_are_cut_short(project: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = galleries(project.student["metrics"])
    sizes = [sum(len(shown.uri) for shown in row[1]) for row in whole[0].rows]
    monkeypatch.setattr(worst, "_MAX_GALLERY_BYTES", sizes[0] + sizes[1])
    cut = galleries(project.student["metrics"])
    assert len(whole[0].rows) > 2
    assert [row[0] for row in cut[0].rows] == [row[0] for row in whole[0].rows[:2]]
    monkeypatch.setattr(worst, "_MAX_GALLERY_BYTES", 0)
    assert len(galleries(project.student["metrics"])[0].rows) == 1
