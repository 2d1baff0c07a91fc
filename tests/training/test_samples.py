"""Samples: frames, labels and flow that belong together, cut alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.moving import CLASSES, draw_scene, write_moving_dataset
from tests.tiny_runs import tiny_settings
from vstc.errors import InputError
from vstc.formats.dataset import class_palette, load_dataset
from vstc.formats.images import encode_labels, encode_rgb
from vstc.training.flows import FlowShelf
from vstc.training.samples import Sample, SampleMaker
from vstc.training.sources import lay_out_batch, make_source

UPRIGHT = {"scale": (1.0, 1.0), "flip": 0.0}


def make_maker(
    folder: Path, *, flow: bool = True, anchors: str = "labelled", **changes: Any
) -> SampleMaker:
    settings = tiny_settings(**changes)
    source = make_source(
        "labelled",
        load_dataset(folder),
        split="train",
        limit=None,
        temporal_anchors=anchors,  # type: ignore[arg-type]
    )
    slots = lay_out_batch(
        [source], batch=settings.batch, ratio=(1, 1), temporal_share=settings.temporal_share
    )
    shelf = FlowShelf([folder / "flow"]) if flow else None
    return SampleMaker([source], slots, settings, flow=shelf)


def samples(maker: SampleMaker, count: int = 12) -> list[Sample]:
    return [maker.make(step, slot) for step in range(count // 2) for slot in range(2)]


def photometric_agreement(sample: Sample) -> list[float]:
    """Share of valid pixels whose colour stands, exactly, where the flow points (whole pixels)."""
    shares = []
    for entry in sample.flows:
        height, width = entry.valid.shape
        y, x = np.mgrid[:height, :width]
        ends = np.round(np.dstack([x, y]) + entry.flow).astype(int)[entry.valid]
        there = sample.frames[entry.neighbour][ends[:, 1], ends[:, 0]]
        same = (there == sample.frames[0][entry.valid]).all(axis=1)
        shares.append(float(same.mean()))
    return shares


def test_a_sample_of_ce_alone_is_one_frame(moving_dataset: Path) -> None:
    for sample in samples(make_maker(moving_dataset, flow=False)):
        assert len(sample.frames) == 1
        assert sample.frames[0].shape == (33, 41, 3)
        assert sample.labels.shape == (33, 41)
        assert sample.flows == []
        assert sample.times[0] in (1, 3)


@pytest.mark.parametrize("flip", [0.0, 1.0])
def test_flow_joins_the_same_points_of_anchor_and_neighbours(
    moving_dataset: Path, flip: float
) -> None:
    settings = {"terms": ("ce", "tl"), "tl": {"pairs": "both"}, "scale": (1.0, 1.0), "flip": flip}
    for sample in samples(make_maker(moving_dataset, **settings)):
        assert len(sample.frames) == 3
        assert [entry.neighbour for entry in sample.flows] == [1, 2]
        assert sample.times[1] > sample.times[0] > sample.times[2]
        # Covered pixels disagree; with the wrong direction or time next to none would agree.
        assert min(photometric_agreement(sample)) > 0.6


def test_flow_of_the_wrong_neighbour_would_be_seen(moving_dataset: Path) -> None:
    maker = make_maker(moving_dataset, terms=("ce", "tl"), tl={"pairs": "both"}, **UPRIGHT)
    swapped = []
    for sample in samples(maker):
        frames = [sample.frames[0], sample.frames[2], sample.frames[1]]
        wrong = Sample(frames, sample.times, sample.labels, sample.flows)
        swapped += photometric_agreement(wrong)
    assert np.mean(swapped) < 0.3


def test_flow_back_is_given_for_the_forward_backward_mask(moving_dataset: Path) -> None:
    maker = make_maker(moving_dataset, terms=("ce", "tl"), tl={"mask": "fb"}, **UPRIGHT)
    sample = maker.make(0, 0)
    (entry,) = sample.flows
    assert entry.flow_back is not None
    # Where a pixel and its target belong to the same thing, the way back is the way there.
    height, width = entry.valid.shape
    y, x = np.mgrid[:height, :width]
    ends = np.round(np.dstack([x, y]) + entry.flow).astype(int)[entry.valid]
    back = entry.flow_back[ends[:, 1], ends[:, 0]]
    assert (back == -entry.flow[entry.valid]).all(axis=1).mean() > 0.6


def test_last_pairs_use_the_later_neighbour_only(moving_dataset: Path) -> None:
    maker = make_maker(moving_dataset, terms=("ce", "mf", "tl"), tl={"pairs": "last"})
    for sample in samples(maker):
        assert len(sample.frames) == 3
        assert [entry.neighbour for entry in sample.flows] == [1]


def test_labels_belong_to_the_anchor(moving_dataset: Path) -> None:
    maker = make_maker(moving_dataset, terms=("ce",), flow=False, crop=(49, 65), **UPRIGHT)
    truths = [draw_scene(seed).labels[index] for seed in (0, 1) for index in (1, 3)]
    for sample in samples(maker):
        inside = sample.labels != 255
        assert inside.sum() == 48 * 64
        assert any((sample.labels[inside] == truth.ravel()).all() for truth in truths)


def test_an_unlabelled_anchor_has_void_labels(moving_dataset: Path) -> None:
    maker = make_maker(
        moving_dataset, anchors="any", terms=("ce", "tl"), temporal_share=1.0, steps=20
    )
    made = samples(maker, 40)
    unlabelled = [sample for sample in made if sample.times[0] not in (1, 3)]
    assert unlabelled
    assert all((sample.labels == 255).all() for sample in unlabelled)


def test_a_sample_depends_on_seed_step_and_slot_alone(moving_dataset: Path) -> None:
    settings = {"terms": ("ce", "tl"), "rotate": 10.0, "blur": 0.5, "color": 0.3}
    first = samples(make_maker(moving_dataset, **settings))
    maker = make_maker(moving_dataset, **settings)
    again = [maker.make(step, slot) for step in range(6)[::-1] for slot in (1, 0)][::-1]
    for one, two in zip(first, again, strict=True):
        assert one.times == two.times
        assert all((a == b).all() for a, b in zip(one.frames, two.frames, strict=True))
        assert (one.labels == two.labels).all()
    other = samples(make_maker(moving_dataset, seed=1, **settings))
    assert any((a.frames[0] != b.frames[0]).any() for a, b in zip(first, other, strict=True))


def test_blur_and_colour_are_the_same_for_all_frames_of_a_sample(moving_dataset: Path) -> None:
    plain = make_maker(moving_dataset, terms=("ce", "pf"), flow=False)
    coloured = make_maker(moving_dataset, terms=("ce", "pf"), flow=False, color=1.0)
    for one, two in zip(samples(plain), samples(coloured), strict=True):
        before, after = np.stack(one.frames).ravel(), np.stack(two.frames).ravel()
        tables = [set(after[before == level]) for level in range(256)]
        assert max(len(found) for found in tables) == 1
        seen = [float(found.pop()) for found in tables if found]
        assert seen == sorted(seen)  # what is darker stays darker


@pytest.fixture
def own_dataset(tmp_path: Path) -> Path:
    """A data set that a test may damage."""
    return write_moving_dataset(tmp_path, train=1, val=0).folder


def make_all(folder: Path, **changes: Any) -> None:
    samples(make_maker(folder, **changes), 8)


def test_a_truncated_frame_is_refused_by_name(own_dataset: Path) -> None:
    for frame in (own_dataset / "frames").rglob("*.png"):
        frame.write_bytes(frame.read_bytes()[:300])
    with pytest.raises(InputError, match=r"frames/train0/00\d\.png"):
        make_all(own_dataset)


def test_a_label_of_another_size_is_refused_by_name(own_dataset: Path) -> None:
    small = encode_labels(np.zeros((20, 30), np.uint8), class_palette(CLASSES))
    for label in (own_dataset / "labels").rglob("*.png"):
        label.write_bytes(small)
    with pytest.raises(InputError, match=r"label .*00\d\.png is 30x20, its frame is 64x48"):
        make_all(own_dataset)


def test_an_unknown_label_id_is_refused_by_name(own_dataset: Path) -> None:
    strange = encode_labels(np.full((48, 64), 200, np.uint8), class_palette(CLASSES))
    for label in (own_dataset / "labels").rglob("*.png"):
        label.write_bytes(strange)
    with pytest.raises(InputError, match=r"label id 200 .*labels/train0/00\d\.png"):
        make_all(own_dataset)


def test_flow_of_another_size_is_refused(own_dataset: Path) -> None:
    larger = encode_rgb(np.zeros((96, 128, 3), np.uint8))
    for frame in (own_dataset / "frames").rglob("*.png"):
        frame.write_bytes(larger)
    for label in (own_dataset / "labels").rglob("*.png"):
        data = encode_labels(np.zeros((96, 128), np.uint8), class_palette(CLASSES))
        label.write_bytes(data)
    with pytest.raises(InputError, match="flow of clip train0 is 64x48, its frames are 128x96"):
        make_all(own_dataset, terms=("ce", "tl"))


def test_frames_of_a_clip_that_differ_in_size_are_refused(own_dataset: Path) -> None:
    for index in (0, 2, 4, 5):
        other = encode_rgb(np.zeros((40, 60, 3), np.uint8))
        (own_dataset / f"frames/train0/00{index}.png").write_bytes(other)
    with pytest.raises(InputError, match="train0"):
        make_all(own_dataset, terms=("ce", "pf"), flow=False, gap=1)
