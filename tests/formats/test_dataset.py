"""The data set index: what it tells, and which faults it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vstc.artifacts.workspace import open_artifact
from vstc.errors import ConfigError, InputError
from vstc.formats.dataset import (
    KIND,
    Clip,
    DatasetRecord,
    LabelClass,
    VideoFrame,
    dataset_ref,
    load_dataset,
    relative_root,
    write_dataset,
)


def content(**changes: Any) -> dict[str, Any]:
    """A small valid index."""
    return {
        "schema": "vstc.dataset",
        "schema_version": 1,
        "name": "tiny",
        "root": "../raw",
        "ignore_index": 2,
        "classes": [
            {"id": 0, "name": "road", "color": [128, 64, 128]},
            {"id": 1, "name": "sky", "color": [70, 130, 180]},
            {"id": 2, "name": "void", "color": [0, 0, 0], "ignore": True},
        ],
        "clips": [
            {
                "id": "a",
                "split": "train",
                "fps": 10.0,
                "frame_step": 1,
                "frames": ["img/a_0.png", "img/a_1.png"],
                "labels": {"a_1": "lab/a_1.png"},
            },
            {"id": "b", "split": "val", "frames": [{"video": "b.mp4", "index": 7}]},
        ],
    } | changes


def write(folder: Path, value: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    text = value if isinstance(value, str) else json.dumps(value)
    (folder / "dataset.json").write_text(text)
    return folder


def clip(**changes: Any) -> Clip:
    return Clip.model_validate(
        {"id": "a", "split": "train", "frames": ["0.png", "1.png"]} | changes
    )


def test_index_tells_classes_clips_and_paths(tmp_path: Path) -> None:
    dataset = load_dataset(write(tmp_path / "index", content()))
    assert (dataset.name, dataset.num_classes, dataset.ignore_index) == ("tiny", 2, 2)
    assert dataset.splits == ["train", "val"]
    first, second = dataset.clips
    assert first.frame_names == ["a_0", "a_1"]
    assert first.labelled_indices == [1]
    assert dataset.frame_source(first, 0) == tmp_path / "raw" / "img" / "a_0.png"
    assert dataset.label_path(first, 0) is None
    assert dataset.label_path(first, 1) == tmp_path / "raw" / "lab" / "a_1.png"
    assert second.frame_names == ["000007"]
    source = dataset.frame_source(second, 0)
    assert source == VideoFrame(video=str(tmp_path / "raw" / "b.mp4"), index=7)


def test_folder_and_file_open_the_same_index(tmp_path: Path) -> None:
    folder = write(tmp_path / "index", content())
    assert load_dataset(folder).record == load_dataset(folder / "dataset.json").record


def test_palette_has_the_colours_of_the_table_and_black(tmp_path: Path) -> None:
    palette = load_dataset(write(tmp_path, content())).palette()
    assert palette.shape == (256, 3)
    assert palette[1].tolist() == [70, 130, 180]
    assert not palette[3:].any()


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"frame_step": 1}, True),
        ({"frame_step": 2}, False),
        ({"frame_step": 1, "fps": 30.0}, True),
        ({"frame_step": 3, "fps": 12.0}, True),  # 0.25 s
        ({"frame_step": 30, "fps": 30.0}, False),  # CamVid: 1 s
        ({"frame_step": 1, "fps": 1.0}, False),
        ({"fps": 30.0}, False),
        ({"frame_step": 1, "frames": ["0.png"]}, False),
        ({"frame_step": 1, "frames": []}, False),
    ],
)
def test_only_frames_near_in_time_are_consecutive(facts: dict[str, Any], expected: bool) -> None:
    assert clip(**facts).is_consecutive is expected


def test_select_keeps_order_and_knows_its_splits(tmp_path: Path) -> None:
    dataset = load_dataset(write(tmp_path, content()))
    assert [c.id for c in dataset.select(None)] == ["a", "b"]
    assert [c.id for c in dataset.select("val")] == ["b"]
    assert [c.id for c in dataset.select("val, train", limit=1)] == ["a"]
    with pytest.raises(ConfigError, match="unknown split: vla") as caught:
        dataset.select("vla")
    assert caught.value.hint == "choose one of: val, train"


def test_unknown_clip_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has no clip c"):
        load_dataset(write(tmp_path, content())).clip("c")


@given(
    clips=st.lists(
        st.builds(
            Clip,
            id=st.from_regex(r"[a-z0-9_-]{1,8}(/[a-z0-9]{1,4})?", fullmatch=True),
            split=st.sampled_from(["train", "val"]),
            fps=st.none() | st.floats(1, 60),
            frame_step=st.none() | st.integers(1, 30),
            frames=st.lists(
                st.from_regex(r"[a-z]{1,3}/[0-9]{1,6}\.png", fullmatch=True), max_size=4
            ),
        ),
        unique_by=lambda clip: clip.id,
        max_size=3,
    ).filter(lambda clips: all(len(set(c.frame_names)) == len(c.frame_names) for c in clips))
)
def test_written_index_reads_back_the_same(
    clips: list[Clip], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.getbasetemp() / "index"
    folder.mkdir(exist_ok=True)
    classes = [LabelClass(id=0, name="road", color=(1, 2, 3))]
    record = DatasetRecord(name="n", root=".", classes=classes, clips=clips)
    write_dataset(folder, record)
    assert load_dataset(folder).record == record


def test_root_is_written_relative_with_forward_slashes(tmp_path: Path) -> None:
    (tmp_path / "data" / "raw").mkdir(parents=True)
    assert relative_root(tmp_path / "data" / "raw", tmp_path / "runs" / "x") == "../../data/raw"


def set_in(value: Any, dotted: str, new: Any) -> Any:
    *parents, last = [int(k) if k.isdigit() else k for k in dotted.split(".")]
    place = value
    for parent in parents:
        place = place[parent]
    place[last] = new
    return value


@pytest.mark.parametrize(
    ("where", "value", "says"),
    [
        ("schema_version", 3, "schema version 3, this vstc reads up to 2"),
        ("schema_version", None, "is not readable"),
        ("schema_version", "new", "is not readable"),
        ("schema", "other", "is not a data set index: schema"),
        ("clips", {}, "is not a data set index: clips"),
        ("extra", 1, "extra: Extra inputs are not permitted"),
        ("classes.0.id", 256, "classes.0.id"),
        ("classes.0.color", [0, 0, 300], r"classes.0.color.2"),
        ("classes.0.id", 1, r"class ids must be 0..1, found \[1, 1\]"),
        ("classes.1.id", 5, r"class ids must be 0..1, found \[0, 5\]"),
        ("ignore_index", 1, "ignore_index 1 is the id of a class"),
        ("ignore_index", 256, "ignore_index"),
        ("clips.1.id", "a", "clip id stands twice: a"),
        ("clips.0.id", "../../etc", "cannot name a folder"),
        ("clips.0.id", "/etc", "cannot name a folder"),
        ("clips.0.id", "", "cannot name a folder"),
        ("clips.0.frames", ["x/0.png", "y/0.png"], "clip a: frame name stands twice: 0"),
        ("clips.0.labels", {"a_9": "l.png"}, "clip a: label for unknown frame a_9"),
        ("clips.1.frames.0.index", -1, "clips.1.frames.0"),
    ],
)
def test_fault_is_refused_and_named(tmp_path: Path, where: str, value: Any, says: str) -> None:
    write(tmp_path, set_in(content(), where, value))
    with pytest.raises(InputError, match=says):
        load_dataset(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '"x"', "null"])
def test_what_is_no_index_is_an_input_error(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError, match=r"dataset\.json is not readable"):
        load_dataset(write(tmp_path, text))


def test_missing_index_names_the_command_that_makes_one(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no data set at") as caught:
        load_dataset(tmp_path)
    assert caught.value.hint is not None
    assert "vstc data index" in caught.value.hint


def test_index_without_manifest_is_known_by_its_content(tmp_path: Path) -> None:
    one = dataset_ref("dataset", write(tmp_path / "one", content()))
    two = dataset_ref("dataset", write(tmp_path / "two", content()) / "dataset.json")
    three = dataset_ref("dataset", write(tmp_path / "three", content(name="other")))
    assert one.kind == two.kind == "raw"
    assert one.id == two.id != three.id


def test_index_with_manifest_is_known_by_its_id(tmp_path: Path) -> None:
    with open_artifact(tmp_path / "x", kind=KIND, config={}) as work:
        write_dataset(work.path, DatasetRecord.model_validate(content()))
        with pytest.raises(InputError, match="incomplete"):
            dataset_ref("dataset", tmp_path / "x")
        manifest = work.finish()
    ref = dataset_ref("dataset", tmp_path / "x" / "dataset.json")
    assert (ref.kind, ref.id) == (KIND, manifest["id"])


def test_reference_to_nothing_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no data set at"):
        dataset_ref("dataset", tmp_path)


def test_palette_is_uint8(tmp_path: Path) -> None:
    assert load_dataset(write(tmp_path, content())).palette().dtype == np.uint8
