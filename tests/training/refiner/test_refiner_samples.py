"""Samples of refiners: key frame and frame cut alike, and maps that join them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.training.refiner.made_refiners import UPRIGHT, make_maker
from vstc.data.augment import CropMap
from vstc.flow.providers import make_provider
from vstc.formats.dataset import Clip, load_dataset
from vstc.formats.frames import FrameReader
from vstc.propagation.carrying.carry import carry_ids
from vstc.propagation.carrying.maps import compose_maps
from vstc.training.flows import FlowShelf
from vstc.training.pairs.crop_flow import ComputedCropFlow, StoredCropFlow
from vstc.training.pairs.samples import (
    PairSample,
    PairSampleMaker,
    draw_distance,
    join_refiner_samples,
)

pytestmark = pytest.mark.usefixtures("one_thread")
FULL_MAPS: dict[str, Any] = {"interval": 4, "map_scale": 1.0}


def samples(maker: PairSampleMaker, count: int = 16) -> list[PairSample]:
    return [maker.make(step, slot) for step in range(count // 2) for slot in range(2)]


def agreement(sample: PairSample) -> float:
    """Share of pixels whose colour is that of the key frame where the composed maps point."""
    path = None
    for maps in sample.steps:
        path = maps.there if path is None else compose_maps(path, maps.there)
    assert path is not None
    carried = [carry_ids(np.ascontiguousarray(sample.key[:, :, c]), path) for c in range(3)]
    counts = sample.labels != 255
    same = (np.dstack(carried) == sample.current).all(axis=2)
    return float(same[counts].mean())


@pytest.mark.parametrize("flip", [0.0, 1.0])
def test_maps_lead_from_the_frame_to_its_key_frame(moving_dataset: Path, flip: float) -> None:
    """The objects move by whole pixels, so that colours agree exactly but where they hide."""
    changes = {"scale": (1.0, 1.0), "flip": flip, "crop": (33, 41), "still_share": 0.0}
    maker = make_maker(moving_dataset, propagation=FULL_MAPS, **changes)
    found = [agreement(sample) for sample in samples(maker)]
    assert np.mean(found) > 0.75
    assert min(found) > 0.5


class Backwards:
    """Flow of the other direction, about: the commonest mistake."""

    def __init__(self, flow: StoredCropFlow) -> None:
        self._flow = flow

    def flow(self, clip: Clip, target: int, source: int, crop: CropMap) -> Any:
        return -self._flow.flow(clip, target, source, crop)


def test_flow_in_the_wrong_direction_would_be_seen(moving_dataset: Path) -> None:
    changes: dict[str, Any] = {"crop": (33, 41), "still_share": 0.0, **UPRIGHT}
    flow = StoredCropFlow(FlowShelf([moving_dataset / "flow"]))
    right, wrong = (
        np.mean([agreement(s) for s in samples(make_maker(moving_dataset, **made, **changes))])
        for made in (
            {"propagation": FULL_MAPS, "flow": flow},
            {"propagation": FULL_MAPS, "flow": Backwards(flow)},
        )
    )
    assert wrong < 0.5 * right


def test_a_flip_mirrors_positions_and_negates_the_sideways_motion(moving_dataset: Path) -> None:
    flow = StoredCropFlow(FlowShelf([moving_dataset / "flow"]))
    clip = load_dataset(moving_dataset).clip("val0")
    plain, mirrored = (
        flow.flow(clip, 3, 2, _crop(41, 57, is_flipped=is_flipped)) for is_flipped in (False, True)
    )
    np.testing.assert_allclose(mirrored[:, ::-1] * [-1, 1], plain, atol=1e-4)
    assert np.abs(plain[..., 0]).max() >= 1


def _crop(height: int, width: int, *, is_flipped: bool) -> CropMap:
    matrix = np.eye(2, 3)
    if is_flipped:
        matrix = np.array([[-1.0, 0, width - 1], [0, 1, 0]])
    return CropMap(matrix, (48, 64), (height, width))


def test_the_same_step_and_slot_give_the_same_sample(moving_dataset: Path) -> None:
    one, two = (make_maker(moving_dataset, color=0.4, blur=0.5) for _ in range(2))
    for a, b in zip(samples(one, 6), samples(two, 6), strict=True):
        assert np.array_equal(a.key, b.key)
        assert np.array_equal(a.current, b.current)
        assert np.array_equal(a.labels, b.labels)
        assert len(a.steps) == len(b.steps)
        for m, n in zip(a.steps, b.steps, strict=True):
            assert np.array_equal(m.there, n.there)


def test_distances_are_uniform_and_sometimes_zero() -> None:
    random = np.random.default_rng(0)
    drawn = Counter(draw_distance(random, 9, largest=4, still_share=0.1) for _ in range(20_000))
    assert set(drawn) == {0, 1, 2, 3, 4}
    assert drawn[0] / 20_000 == pytest.approx(0.1, abs=0.01)
    assert all(drawn[k] / 20_000 == pytest.approx(0.225, abs=0.012) for k in (1, 2, 3, 4))
    assert {draw_distance(random, 2, largest=4, still_share=0.0) for _ in range(50)} == {1, 2}
    assert {draw_distance(random, 0, largest=4, still_share=0.0) for _ in range(9)} == {0}


def test_at_distance_zero_the_frame_is_its_own_key_frame(moving_dataset: Path) -> None:
    for sample in samples(make_maker(moving_dataset, still_share=1.0), 4):
        assert sample.steps == []
        assert np.array_equal(sample.key, sample.current)


def test_one_flow_makes_the_map_back_from_the_map_there(moving_dataset: Path) -> None:
    shared = {"still_share": 0.0, **UPRIGHT}
    two = make_maker(moving_dataset, propagation={"interval": 4}, **shared).make(0, 0)
    one = make_maker(moving_dataset, propagation={"iam": {"flows": 1}}, **shared).make(0, 0)
    for both, single in zip(two.steps, one.steps, strict=True):
        assert both.back is not None
        assert single.back is not None
        assert np.array_equal(both.there, single.there)
        assert not np.array_equal(both.back, single.back)
        size = single.there.shape[:2]
        grid = np.dstack(np.meshgrid(np.arange(size[1]), np.arange(size[0])))
        np.testing.assert_allclose(single.there + single.back, 2 * grid, atol=1e-4)


def test_frames_that_the_network_labels_only_tell_what_is_void(moving_dataset: Path) -> None:
    maker = make_maker(moving_dataset, name="own", crop=(65, 81), **UPRIGHT)
    sample = maker.make(0, 0)
    assert sample.asks_network
    assert set(np.unique(sample.labels)) == {0, 255}
    padded = (sample.current == (124, 116, 104)).all(axis=2)
    assert np.array_equal(padded, sample.labels == 255)
    batch = join_refiner_samples([sample, maker.make(0, 1)])
    assert batch.own_rows == [0, 1]
    assert batch.num_images == 4
    assert batch.key_B3HW.shape == (2, 3, 65, 81)


def test_the_network_sees_crops_at_its_input_scale(moving_dataset: Path) -> None:
    half = make_maker(moving_dataset, input_scale=0.5, crop=(33, 41), **UPRIGHT).make(0, 0)
    visible = half.labels != 255
    rows, columns = visible.any(axis=1).sum(), visible.any(axis=0).sum()
    assert (rows, columns) == (24, 32)


@pytest.mark.parametrize("scale", [1.0, 0.5])
def test_computed_flow_is_what_would_be_stored(
    moving_dataset: Path, tmp_path: Path, scale: float
) -> None:
    dataset = load_dataset(moving_dataset)
    reader, provider = FrameReader(dataset), make_provider("dis-ultrafast")
    computed = ComputedCropFlow(reader, provider, scale=scale)
    clip, crop = dataset.clip("val0"), _crop(33, 41, is_flipped=True)
    field = computed.flow(clip, 3, 2, crop)
    assert field.shape == (33, 41, 2)
    truth = StoredCropFlow(FlowShelf([moving_dataset / "flow"])).flow(clip, 3, 2, crop)
    if scale == 1.0:
        assert np.median(np.abs(field - truth)) < 1.5
    whole = computed.flow(clip, 3, 2, CropMap(np.eye(2, 3), (48, 64), (48, 64)))
    np.testing.assert_allclose(field[:, ::-1] * [-1, 1], whole[:33, :41], atol=1e-4)
