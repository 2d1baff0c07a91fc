"""The written data set says what was rendered, and a killed run ends with the same bytes."""

from __future__ import annotations

import hashlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from vstc.config import resolve
from vstc.data.synth import dataset as module
from vstc.data.synth.dataset import make_record, make_synth_dataset
from vstc.data.synth.render import render_clip
from vstc.data.synth.settings import SynthSettings, share_clips
from vstc.errors import ConfigError
from vstc.formats.dataset import load_dataset
from vstc.formats.flow.hdf5 import FlowArchive, FlowDirection
from vstc.formats.images import read_labels, read_rgb
from vstc.options import ExistingOutput

TINY = SynthSettings(
    splits={"train": 2, "val": 1}, frames=5, size=(32, 64), label_every=2, alpha=True
)


def payload(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "manifest.json"
    }


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("synth") / "data"
    make_synth_dataset(output, TINY)
    return output


def test_files_hold_what_was_rendered(made: Path) -> None:
    dataset = load_dataset(made)
    clip = dataset.clip("val0000")
    archive = FlowArchive(made / "truth-flow")
    reader = archive.reader(clip.id)
    for index, frame in enumerate(render_clip(TINY.clip_spec("val", 0))):
        name = clip.frame_names[index]
        np.testing.assert_array_equal(read_rgb(dataset.frame_source(clip, index)), frame.image_HW3)
        np.testing.assert_array_equal(read_labels(dataset.label_path(clip, index)), frame.labels_HW)
        stored = cv2.imread(str(made / clip.instances[name]), cv2.IMREAD_UNCHANGED)
        assert stored.dtype == np.uint16
        np.testing.assert_array_equal(stored, frame.instances_HW)
        alpha = cv2.imread(str(made / "alpha" / clip.id / f"{name}.png"), cv2.IMREAD_UNCHANGED)
        np.testing.assert_allclose(alpha / 255, frame.alpha_HW, atol=0.003)
        if frame.flow_to_next_HW2 is not None:
            forward = FlowDirection.PREV_TO_NEXT
            stored_flow = reader.read(index, direction=forward)
            np.testing.assert_array_equal(stored_flow, frame.flow_to_next_HW2)
            visible = reader.visible(index, direction=forward)
            np.testing.assert_array_equal(visible, frame.visible_to_next_HW)
        if frame.flow_to_prev_HW2 is not None:
            backward = FlowDirection.NEXT_TO_PREV
            stored_flow = reader.read(index - 1, direction=backward)
            np.testing.assert_array_equal(stored_flow, frame.flow_to_prev_HW2)
            visible = reader.visible(index - 1, direction=backward)
            np.testing.assert_array_equal(visible, frame.visible_to_prev_HW)


def test_training_lists_few_labels_and_the_disk_holds_all(made: Path) -> None:
    dataset = load_dataset(made)
    assert dataset.clip("train0000").labelled_indices == [1, 3]
    assert dataset.clip("val0000").labelled_indices == [0, 1, 2, 3, 4]
    assert len(list((made / "labels" / "train0000").glob("*.png"))) == 5
    assert all(clip.is_consecutive for clip in dataset.clips)
    assert dataset.num_classes == 8
    assert dataset.ignore_index == 255


def test_killed_and_resumed_ends_with_the_same_bytes(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "data"
    real = module.render_clip
    seen = []

    def failing(spec):  # type: ignore[no-untyped-def]
        seen.append(spec)
        for index, frame in enumerate(real(spec)):
            if len(seen) >= 2 and index == 3:
                raise KeyboardInterrupt
            yield frame

    monkeypatch.setattr(module, "render_clip", failing)
    with pytest.raises(KeyboardInterrupt):
        make_synth_dataset(output, TINY)
    assert not (output / "manifest.json").exists()
    assert [path.name for path in (output / "truth-flow").glob("*.h5")] == ["train0000.h5"]
    monkeypatch.setattr(module, "render_clip", real)
    done = make_synth_dataset(output, TINY, existing=ExistingOutput.RESUME)
    assert done.num_new_frames == 10
    assert payload(output) == payload(made)


def test_the_number_of_workers_does_not_matter(made: Path, tmp_path: Path) -> None:
    make_synth_dataset(tmp_path / "data", TINY, workers=3)
    assert payload(tmp_path / "data") == payload(made)


def test_clips_do_not_depend_on_how_many_there_are() -> None:
    more = TINY.model_copy(update={"splits": {"val": 9, "train": 7}})
    assert more.clip_spec("val", 0) == TINY.clip_spec("val", 0)
    assert TINY.clip_spec("train", 0) != TINY.clip_spec("val", 0)


@pytest.mark.parametrize(
    ("frames", "every", "expected"),
    [(30, 10, [5, 15, 25]), (5, 1, [0, 1, 2, 3, 4]), (4, 100, [2]), (2, 3, [1])],
)
def test_label_every_starts_in_the_middle(frames: int, every: int, expected: list[int]) -> None:
    settings = SynthSettings(frames=frames, label_every=every)
    assert list(settings.labelled_frames("train")) == expected
    assert len(make_record(settings).clips[0].labels) == len(expected)


def test_clips_are_shared_over_the_splits() -> None:
    assert share_clips(1) == {"train": 1}
    assert share_clips(2) == {"train": 1, "val": 1}
    assert share_clips(20) == {"train": 16, "val": 2, "test": 2}
    with pytest.raises(ConfigError):
        share_clips(0)


@pytest.mark.parametrize(
    "flags",
    [
        {"size": "96"},
        {"size": "8x8"},
        {"splits": "train"},
        {"splits": "train=1,train=2"},
        {"splits": "../x=1"},
        {"frames": 1},
        {"noise": -1},
        {"label_every": 0},
    ],
)
def test_bad_settings_are_refused(flags: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        resolve(SynthSettings, flags=flags)
