"""Render a clip frame by frame, with everything that is known about it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vstc.data.synth.scene import Scene
from vstc.data.synth.sensor import SensorModel
from vstc.data.synth.shade import shade
from vstc.data.synth.spec import Array8, Array32, ClipSpec
from vstc.data.synth.street import build_street
from vstc.data.synth.truth import PairTruth, pair_truth
from vstc.data.synth.view import View, view_at


@dataclass(frozen=True)
class SynthFrame:
    """A frame and all that is true of it.

    Attributes:
        image_HW3: RGB uint8.
        labels_HW: Class ids, uint8.
        instances_HW: Ids of cars and people, the same through the clip, uint16; 0 elsewhere.
        alpha_HW: Share of the pixel that cars and people cover, float32 in [0, 1].
        flow_to_next_HW2: Flow on the grid of this frame: the next frame at grid + flow shows
            the same points. Pixels, float32 in steps of 1/64. None for the last frame.
        visible_to_next_HW: Pixels that are seen in the next frame too.
        flow_to_prev_HW2: The same towards the previous frame. None for the first frame.
        visible_to_prev_HW: Pixels that are seen in the previous frame too.
    """

    image_HW3: Array8
    labels_HW: Array8
    instances_HW: NDArray[np.uint16]
    alpha_HW: Array32
    flow_to_next_HW2: Array32 | None
    visible_to_next_HW: NDArray[np.bool_] | None
    flow_to_prev_HW2: Array32 | None
    visible_to_prev_HW: NDArray[np.bool_] | None


def render_clip(spec: ClipSpec) -> Iterator[SynthFrame]:
    """Render a clip in order; two frames are in memory at a time."""
    scene_rng, sensor_rng = spec.generators()
    scene = build_street(scene_rng, frames=spec.frames, size=spec.size)
    sensor = SensorModel(spec.sensor, rng=sensor_rng, weather=scene.weather, size=spec.size)
    view = view_at(scene, 0)
    before: PairTruth | None = None
    for time in range(spec.frames):
        is_last = time + 1 == spec.frames
        view_next = view if is_last else view_at(scene, time + 1)
        after = None if is_last else pair_truth(scene, view, view_next)
        yield _frame(scene, sensor, view, before=before, after=after, time=time)
        view, before = view_next, after


def _frame(
    scene: Scene,
    sensor: SensorModel,
    view: View,
    *,
    before: PairTruth | None,
    after: PairTruth | None,
    time: int,
) -> SynthFrame:
    picture = shade(scene, view)
    to_next = None if after is None else after.flow_prev_to_next_HW2
    to_prev = None if before is None else before.flow_next_to_prev_HW2
    # The last frame has no next one; it is blurred along where it came from.
    motion = to_next if to_next is not None or to_prev is None else -to_prev
    faces = view.centre_ids
    return SynthFrame(
        image_HW3=sensor.expose(picture.image_HW3, flow_to_next=motion, time=time),
        labels_HW=scene.labels[faces],
        instances_HW=scene.instances[faces],
        alpha_HW=picture.alpha_HW,
        flow_to_next_HW2=to_next,
        visible_to_next_HW=None if after is None else after.visible_prev_HW,
        flow_to_prev_HW2=to_prev,
        visible_to_prev_HW=None if before is None else before.visible_next_HW,
    )
