"""Synthetic clips: the same by seed, different by clip, full of life."""

from __future__ import annotations

import numpy as np
import pytest

from vstc.data.synth.render import SynthFrame, render_clip
from vstc.data.synth.spec import CLASSES, ClipSpec, Label, Sensor

SMALL = (48, 96)


def clip_bytes(spec: ClipSpec) -> bytes:
    parts = []
    for frame in render_clip(spec):
        parts += [
            getattr(frame, name).tobytes()
            for name in ("image_HW3", "labels_HW", "instances_HW", "alpha_HW")
        ]
        if frame.flow_to_next_HW2 is not None:
            parts += [frame.flow_to_next_HW2.tobytes(), frame.visible_to_next_HW.tobytes()]
    return b"".join(parts)


def test_equal_specs_give_equal_bytes() -> None:
    spec = ClipSpec(seed=5, key=(2,), frames=4, size=SMALL)
    assert clip_bytes(spec) == clip_bytes(spec)


@pytest.mark.parametrize("change", [{"seed": 6}, {"key": (3,)}])
def test_another_seed_or_key_gives_another_scene(change: dict[str, object]) -> None:
    base = {"seed": 5, "key": (2,), "frames": 2, "size": SMALL}
    first = next(render_clip(ClipSpec(**base)))
    other = next(render_clip(ClipSpec(**(base | change))))
    assert (first.labels_HW != other.labels_HW).mean() > 0.1


def test_the_sensor_changes_the_picture_and_not_the_truth() -> None:
    spec = ClipSpec(seed=5, key=(2,), frames=3, size=SMALL, sensor=Sensor(noise=0, drift=0))
    rough = ClipSpec(
        seed=5,
        key=(2,),
        frames=3,
        size=SMALL,
        sensor=Sensor(noise=10, drift=0.3, motion_blur=0.5),
    )
    for clean, spoilt in zip(render_clip(spec), render_clip(rough), strict=True):
        np.testing.assert_array_equal(clean.labels_HW, spoilt.labels_HW)
        if clean.flow_to_next_HW2 is not None:
            np.testing.assert_array_equal(clean.flow_to_next_HW2, spoilt.flow_to_next_HW2)
        difference = spoilt.image_HW3.astype(float) - clean.image_HW3
        assert difference.std() > 5


def test_noise_has_the_strength_that_was_asked_for() -> None:
    def first(noise: float) -> SynthFrame:
        return next(render_clip(ClipSpec(seed=1, frames=2, sensor=Sensor(noise=noise, drift=0))))

    clean, noisy = first(0.0).image_HW3.astype(float), first(8.0).image_HW3.astype(float)
    inner = (clean > 40) & (clean < 215)
    assert 6 < (noisy - clean)[inner].std() < 10


def test_drift_changes_the_brightness_between_frames() -> None:
    def means(drift: float) -> np.ndarray:
        spec = ClipSpec(seed=4, frames=12, size=SMALL, sensor=Sensor(noise=0, drift=drift))
        return np.array([frame.image_HW3.mean() for frame in render_clip(spec)])

    assert np.abs(np.diff(means(0.3))).mean() > 3 * np.abs(np.diff(means(0.0))).mean()


def test_every_class_occurs() -> None:
    seen: set[int] = set()
    for key in range(4):
        frame = next(render_clip(ClipSpec(seed=0, key=(key,), frames=2)))
        seen |= set(np.unique(frame.labels_HW).tolist())
    assert seen == {int(label) for label in Label}
    assert [entry.name for entry in CLASSES if not entry.ignore] == [
        label.name.lower() for label in Label
    ]


@pytest.mark.parametrize("label", [Label.CAR, Label.PERSON])
def test_cars_and_people_move_against_what_is_behind_them(label: Label) -> None:
    """Some instance changes its way relative to the ground beneath it from frame to frame."""
    moved = 0
    for key in range(6):
        prev = next(render_clip(ClipSpec(seed=1, key=(key,), frames=2)))
        flow = prev.flow_to_next_HW2
        for instance in np.unique(prev.instances_HW[prev.labels_HW == label]):
            mask = prev.instances_HW == instance
            ring = np.zeros_like(mask)
            rows, columns = np.nonzero(mask)
            low = min(rows.max() + 1, mask.shape[0] - 1)
            ring[low, columns.min() : columns.max() + 1] = True
            ring &= np.isin(prev.labels_HW, (Label.ROAD, Label.SIDEWALK))
            if mask.sum() < 20 or not ring.any():
                continue
            relative = np.median(flow[mask], axis=0) - np.median(flow[ring], axis=0)
            moved += np.hypot(*relative) > 0.4
    assert moved >= 2


def test_limbs_of_a_person_move_apart() -> None:
    spread = 0.0
    for key in range(6):
        frame = next(render_clip(ClipSpec(seed=1, key=(key,), frames=2)))
        people = frame.instances_HW * (frame.labels_HW == Label.PERSON)
        for instance in np.unique(people[people > 0]):
            flow = frame.flow_to_next_HW2[people == instance]
            spread = max(spread, float(np.ptp(flow[:, 0])))
    assert spread > 1.0


@pytest.mark.parametrize("size", [(33, 65), (64, 48), (160, 320)])
def test_any_size_can_be_rendered(size: tuple[int, int]) -> None:
    frames = list(render_clip(ClipSpec(seed=2, frames=2, size=size)))
    assert frames[0].image_HW3.shape == (*size, 3)
    assert frames[0].labels_HW.shape == frames[0].instances_HW.shape == size
    assert frames[0].flow_to_next_HW2.shape == (*size, 2)
    assert frames[1].visible_to_prev_HW.shape == size
