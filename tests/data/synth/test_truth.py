"""Flow, visibility, labels and instances of synthetic clips agree with each other."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from vstc.data.synth.render import SynthFrame, render_clip
from vstc.data.synth.spec import ClipSpec, Label, Sensor
from vstc.metrics.consistency import TemporalConsistency
from vstc.metrics.consistency_protocol import ConsistencyProtocol, Occlusion
from vstc.metrics.warping import warp_labels_next_to_prev

CLEAN = Sensor(noise=0.0, drift=0.0)
KEYS = ((0,), (1,), (2,), (5,))
CLIPS: dict[tuple[int, ...], list[SynthFrame]] = {}


@pytest.fixture(params=KEYS, ids=str)
def clip(request: pytest.FixtureRequest) -> list[SynthFrame]:
    if request.param not in CLIPS:
        spec = ClipSpec(seed=3, key=request.param, frames=8, sensor=CLEAN)
        CLIPS[request.param] = list(render_clip(spec))
    return CLIPS[request.param]


def targets(flow: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Nearest pixel that each pixel goes to, by the rule of the metrics, written anew."""
    height, width = flow.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float64)
    return (
        np.floor(x + flow[..., 0] + 0.5).astype(int),
        np.floor(y + flow[..., 1] + 0.5).astype(int),
    )


def test_labels_and_instances_follow_the_flow_on_all_visible_pixels(
    clip: list[SynthFrame],
) -> None:
    for prev, nxt in zip(clip, clip[1:], strict=False):
        for here, there, flow, visible in (
            (prev, nxt, prev.flow_to_next_HW2, prev.visible_to_next_HW),
            (nxt, prev, nxt.flow_to_prev_HW2, nxt.visible_to_prev_HW),
        ):
            x, y = targets(flow)
            assert (x[visible] >= 0).all()
            assert (y[visible] >= 0).all()
            moved_labels = there.labels_HW[y[visible], x[visible]]
            moved_instances = there.instances_HW[y[visible], x[visible]]
            np.testing.assert_array_equal(moved_labels, here.labels_HW[visible])
            np.testing.assert_array_equal(moved_instances, here.instances_HW[visible])


def test_tc_of_the_true_labels_is_one(clip: list[SynthFrame]) -> None:
    seen_only = ConsistencyProtocol(occlusion=Occlusion.MASK)
    judge = TemporalConsistency(num_classes=len(Label), protocol=seen_only)
    for prev, nxt in zip(clip, clip[1:], strict=False):
        judge.update(
            "clip",
            labels_prev=prev.labels_HW,
            labels_next=nxt.labels_HW,
            flow_prev_to_next=prev.flow_to_next_HW2,
            visible_prev=prev.visible_to_next_HW,
        )
        warped = warp_labels_next_to_prev(nxt.labels_HW, prev.flow_to_next_HW2)
        visible = prev.visible_to_next_HW
        np.testing.assert_array_equal(warped[visible], prev.labels_HW[visible])
    scores = judge.scores()
    assert scores.tc == 1.0
    assert scores.tc_acc == 1.0


def test_the_two_flows_are_inverse_within_a_pixel(clip: list[SynthFrame]) -> None:
    for prev, nxt in zip(clip, clip[1:], strict=False):
        visible = prev.visible_to_next_HW
        x, y = targets(prev.flow_to_next_HW2)
        back = nxt.flow_to_prev_HW2[y[visible], x[visible]]
        home_y, home_x = np.nonzero(visible)
        assert np.abs(x[visible] + back[:, 0] - home_x).max() <= 1.0
        assert np.abs(y[visible] + back[:, 1] - home_y).max() <= 1.0


def test_flow_lies_on_the_grid_of_flow_files(clip: list[SynthFrame]) -> None:
    for frame in clip[:-1]:
        steps = frame.flow_to_next_HW2 * 64
        np.testing.assert_array_equal(steps, np.rint(steps))
        assert np.abs(frame.flow_to_next_HW2).max() <= 500


def test_the_next_image_warped_by_the_flow_is_this_image(clip: list[SynthFrame]) -> None:
    for prev, nxt in zip(clip, clip[1:], strict=False):
        height, width = prev.labels_HW.shape
        y, x = np.mgrid[:height, :width].astype(np.float32)
        flow = prev.flow_to_next_HW2
        warped = cv2.remap(nxt.image_HW3, x + flow[..., 0], y + flow[..., 1], cv2.INTER_LINEAR)
        # Away from outlines, where a pixel shows two things at once.
        outline = cv2.morphologyEx(prev.labels_HW, cv2.MORPH_GRADIENT, np.ones((5, 5), np.uint8))
        inner = prev.visible_to_next_HW & (outline == 0)
        error = np.abs(warped.astype(float) - prev.image_HW3)[inner].mean(axis=1)
        still = np.abs(nxt.image_HW3.astype(float) - prev.image_HW3)[inner].mean(axis=1)
        assert error.mean() < 3.5
        assert np.median(error) < 2.0
        assert error.mean() < 0.7 * still.mean()


def test_some_pixels_are_hidden_and_most_are_not(clip: list[SynthFrame]) -> None:
    shares = [frame.visible_to_next_HW.mean() for frame in clip[:-1]]
    assert min(shares) > 0.5
    assert max(shares) < 1.0


def test_alpha_is_one_inside_objects_and_zero_far_from_them(clip: list[SynthFrame]) -> None:
    for frame in clip:
        alpha = frame.alpha_HW
        assert alpha.dtype == np.float32
        assert alpha.min() >= 0
        assert alpha.max() <= 1
        is_object = np.isin(frame.labels_HW, (Label.CAR, Label.PERSON)).astype(np.uint8)
        kernel = np.ones((3, 3), np.uint8)
        inner = alpha[cv2.erode(is_object, kernel) == 1]
        outer = alpha[cv2.dilate(is_object, kernel) == 0]
        # Gaps narrower than a pixel may show there, but never cover its centre.
        assert (inner > 0.5).all()
        assert (outer < 0.5).all()
        assert (inner == 1).mean() > 0.95
        assert (outer == 0).mean() > 0.99
        if is_object.any():
            assert ((alpha > 0.05) & (alpha < 0.95)).any()


def test_instances_are_the_cars_and_people(clip: list[SynthFrame]) -> None:
    label_of: dict[int, int] = {}
    for frame in clip:
        is_object = np.isin(frame.labels_HW, (Label.CAR, Label.PERSON))
        np.testing.assert_array_equal(frame.instances_HW > 0, is_object)
        for instance in np.unique(frame.instances_HW[is_object]):
            labels = np.unique(frame.labels_HW[frame.instances_HW == instance])
            assert len(labels) == 1
            assert label_of.setdefault(int(instance), int(labels[0])) == labels[0]


def test_clips_begin_and_end_without_flow(clip: list[SynthFrame]) -> None:
    assert clip[0].flow_to_prev_HW2 is None
    assert clip[0].visible_to_prev_HW is None
    assert clip[-1].flow_to_next_HW2 is None
    assert clip[-1].visible_to_next_HW is None
