"""Where samples come from: anchors, the layout of a batch, the order of draws, neighbours."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vstc.errors import ConfigError, InputError
from vstc.formats.dataset import Clip, Dataset, DatasetRecord, LabelClass
from vstc.training.sources import (
    Anchor,
    DrawOrder,
    Slot,
    Source,
    draw_neighbours,
    lay_out_batch,
    make_source,
)


def clip(
    name: str, *, frames: int = 6, labelled: tuple[int, ...] = (), step: int | None = 1
) -> Clip:
    names = [f"{index}.png" for index in range(frames)]
    labels = {str(index): f"l{index}.png" for index in labelled}
    return Clip(id=name, split="train", fps=10, frame_step=step, frames=names, labels=labels)


def data_set(*clips: Clip) -> Dataset:
    classes = [LabelClass(id=0, name="a", color=(0, 0, 0))]
    record = DatasetRecord(name="t", root=".", classes=classes, clips=list(clips))
    return Dataset(record, Path())


def source(*clips: Clip, name: str = "labelled", **options: object) -> Source:
    return make_source(name, data_set(*clips), split=None, limit=None, **options)  # type: ignore[arg-type]


def test_anchors_are_labelled_frames_and_temporal_ones_have_a_later_neighbour() -> None:
    made = source(clip("a", labelled=(0, 3, 5)), clip("b", labelled=(2,), step=None))
    assert [(a.clip.id, a.index) for a in made.anchors] == [("a", 0), ("a", 3), ("a", 5), ("b", 2)]
    assert [(a.clip.id, a.index) for a in made.temporal] == [("a", 0), ("a", 3)]


def test_any_frame_may_anchor_a_pair_on_request() -> None:
    made = source(clip("a", labelled=(0,)), clip("b", frames=3), temporal_anchors="any")
    assert [(a.clip.id, a.index) for a in made.anchors] == [("a", 0)]
    assert [(a.clip.id, a.index) for a in made.temporal] == [
        *(("a", index) for index in range(5)),
        *(("b", index) for index in range(2)),
    ]


def test_a_split_without_labels_is_refused_with_the_others() -> None:
    with pytest.raises(InputError, match="no labelled frame in split train") as caught:
        make_source("labelled", data_set(clip("a")), split="train", limit=None)
    assert caught.value.hint == "splits with clips: train"
    with pytest.raises(ConfigError, match="unknown split: trian"):
        make_source("labelled", data_set(clip("a")), split="trian", limit=None)


def test_limit_takes_the_first_clips() -> None:
    clips = [clip(name, labelled=(1,)) for name in "abc"]
    made = make_source("labelled", data_set(*clips), split=None, limit=2)
    assert [anchor.clip.id for anchor in made.anchors] == ["a", "b"]


@pytest.mark.parametrize(
    ("batch", "ratio", "share", "expected"),
    [
        (4, (1, 1), None, [0, 0, 1, 1]),
        (6, (1, 2), None, [0, 0, 1, 1, 1, 1]),
        (2, (1, 6), None, [0, 1]),  # neither is left out of a small batch
        (2, (6, 1), None, [0, 1]),
        (4, (0, 1), None, [1, 1, 1, 1]),
        (4, (1, 0), None, [0, 0, 0, 0]),
    ],
)
def test_a_batch_is_divided_by_the_ratio(
    batch: int, ratio: tuple[int, int], share: float | None, expected: list[int]
) -> None:
    two = [source(clip("a", labelled=(1,))), source(clip("b", labelled=(1,)), name="pseudo")]
    slots = lay_out_batch(two, batch=batch, ratio=ratio, temporal_share=share)
    assert [slot.source for slot in slots] == expected
    assert not any(slot.needs_next for slot in slots)


def test_temporal_share_marks_that_part_of_each_source() -> None:
    moving, still = clip("a", labelled=(1,)), clip("b", labelled=(1,), step=None)
    slots = lay_out_batch(
        [source(moving), source(still, name="pseudo")], batch=8, ratio=(1, 1), temporal_share=0.5
    )
    assert slots == [Slot(0, True)] * 2 + [Slot(0, False)] * 2 + [Slot(1, False)] * 4


@given(num_anchors=st.integers(1, 7), batch=st.integers(1, 6), seed=st.integers(0, 9))
def test_every_anchor_comes_once_before_any_comes_twice(
    num_anchors: int, batch: int, seed: int
) -> None:
    made = source(*(clip(f"c{i}", labelled=(1,)) for i in range(num_anchors)))
    slots = lay_out_batch([made], batch=batch, ratio=(1, 1), temporal_share=None)
    order = DrawOrder([made], slots, seed=seed)
    epochs = 3
    num_steps = -(-num_anchors * epochs // batch)
    drawn = [order.anchor(step, slot).clip.id for step in range(num_steps) for slot in range(batch)]
    for epoch in range(epochs):
        part = drawn[epoch * num_anchors : (epoch + 1) * num_anchors]
        assert Counter(part) == Counter(anchor.clip.id for anchor in made.anchors)


def test_pools_are_walked_through_apart() -> None:
    made = source(*(clip(f"c{i}", labelled=(1, 5)) for i in range(3)))
    slots = lay_out_batch([made], batch=4, ratio=(1, 1), temporal_share=0.25)
    order = DrawOrder([made], slots, seed=3)
    temporal = [order.anchor(step, 0) for step in range(3)]
    assert {(a.clip.id, a.index) for a in temporal} == {(f"c{i}", 1) for i in range(3)}
    others = [order.anchor(step, slot) for step in range(2) for slot in (1, 2, 3)]
    assert {(a.clip.id, a.index) for a in others} == {
        (f"c{i}", j) for i in range(3) for j in (1, 5)
    }


def test_order_is_a_function_of_seed_and_step_alone() -> None:
    made = source(*(clip(f"c{i}", labelled=(1,)) for i in range(20)))
    slots = lay_out_batch([made], batch=2, ratio=(1, 1), temporal_share=None)

    def drawn(seed: int, steps: list[int]) -> list[str]:
        order = DrawOrder([made], slots, seed=seed)
        return [order.anchor(step, 1).clip.id for step in steps]

    steps = list(range(30))
    assert drawn(0, steps) == drawn(0, steps[::-1])[::-1]
    assert drawn(0, steps[12:]) == drawn(0, steps)[12:]
    assert drawn(0, steps) != drawn(1, steps)
    assert drawn(0, steps[:10]) != drawn(0, steps[10:20])  # another order each epoch


def offsets(
    sampling: str, *, gap: int = 2, index: int = 10, needs_past: bool = True
) -> set[tuple[int, ...]]:
    anchor = Anchor(clip("a", frames=21), index)
    return {
        tuple(
            neighbour - index
            for neighbour in draw_neighbours(
                np.random.default_rng(seed),
                anchor,
                sampling=sampling,
                gap=gap,
                needs_past=needs_past,
            )
        )
        for seed in range(300)
    }


def test_independent_sampling_draws_both_sides_freely() -> None:
    assert offsets("independent") == {(1, -1), (1, -2), (2, -1), (2, -2)}
    assert offsets("independent", needs_past=False) == {(1,), (2,)}


def test_symmetric_sampling_draws_the_same_distance_on_both_sides() -> None:
    assert offsets("symmetric", gap=3) == {(1, -1), (2, -2), (3, -3)}


def test_adjacent_sampling_takes_exactly_the_gap() -> None:
    assert offsets("adjacent") == {(2, -2)}


@given(
    sampling=st.sampled_from(["independent", "symmetric", "adjacent"]),
    frames=st.integers(1, 6),
    gap=st.integers(1, 8),
    seed=st.integers(0, 99),
    data=st.data(),
)
def test_neighbours_stay_within_clip_and_gap(
    sampling: str, frames: int, gap: int, seed: int, data: st.DataObject
) -> None:
    index = data.draw(st.integers(0, frames - 1))
    anchor = Anchor(clip("a", frames=frames), index)
    drawn = draw_neighbours(
        np.random.default_rng(seed), anchor, sampling=sampling, gap=gap, needs_past=True
    )
    assert all(0 <= place < frames and 0 < abs(place - index) <= gap for place in drawn)
    assert len(drawn) == (index < frames - 1) + (index > 0)
    assert drawn == sorted(drawn, reverse=True)


def test_frames_far_apart_in_time_have_no_neighbours() -> None:
    for step in (None, 30):
        anchor = Anchor(clip("a", step=step), 2)
        random = np.random.default_rng(0)
        assert draw_neighbours(random, anchor, sampling="independent", gap=2, needs_past=True) == []
