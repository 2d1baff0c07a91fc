"""True optical flow between two views, and where it holds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vstc.data.synth.scene import Scene
from vstc.data.synth.spec import Array32
from vstc.data.synth.view import View

FIXED_POINT = 64  # steps per pixel of flow files: truth is rounded to what they can hold
LARGEST_FLOW = 500.0
RETURN_WITHIN = 1.0
_NEAR = 0.05
_BAND_PIXELS = 8192

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class PairTruth:
    """Flow of two neighbouring frames in both directions, pixels, in steps of 1/64.

    Attributes:
        flow_prev_to_next_HW2: On the grid of the earlier frame; next = prev + flow.
        visible_prev_HW: Pixels of the earlier frame that are seen in the later one too.
        flow_next_to_prev_HW2: On the grid of the later frame.
        visible_next_HW: Pixels of the later frame that are seen in the earlier one too.
    """

    flow_prev_to_next_HW2: Array32
    visible_prev_HW: Mask
    flow_next_to_prev_HW2: Array32
    visible_next_HW: Mask


def pair_truth(scene: Scene, view_prev: View, view_next: View) -> PairTruth:
    """Compute true flow and visibility of two frames.

    A pixel is visible in the other frame if it lands inside it, on a pixel (nearest) of the
    same body, whose own flow leads back to within a pixel. So labels and instances that are
    moved along the flow to the nearest pixel agree on all visible pixels without exception.
    """
    ids_prev, ids_next = (view.centre_ids.astype(np.intp) for view in (view_prev, view_next))
    forward, is_ahead = _flow(ids_prev, view_prev, view_next)
    backward, is_ahead_back = _flow(ids_next, view_next, view_prev)
    bodies_prev, bodies_next = scene.bodies.take(ids_prev), scene.bodies.take(ids_next)
    return PairTruth(
        flow_prev_to_next_HW2=forward,
        visible_prev_HW=is_ahead & _returns(forward, backward, (bodies_prev, bodies_next)),
        flow_next_to_prev_HW2=backward,
        visible_next_HW=is_ahead_back & _returns(backward, forward, (bodies_next, bodies_prev)),
    )


def _flow(ids: NDArray[np.intp], here: View, there: View) -> tuple[Array32, Mask]:
    """Return the flow of the faces that are seen here, and where they stay before the camera."""
    motion = there.image_from_plane @ here.plane_from_image
    moved = np.ascontiguousarray((motion - np.eye(3)).reshape(-1, 9).T, np.float32)
    height, width = ids.shape
    x = np.arange(width, dtype=np.float32)
    flow = np.empty((height, width, 2), np.float32)
    is_ahead = np.empty((height, width), np.bool_)
    for rows in _bands(ids.shape):
        y = np.arange(rows.start, rows.stop, dtype=np.float32)[:, None]
        terms = [row.take(ids[rows]) for row in moved]
        # With A = motion - 1 and depth ratio w = 1 + (A p)_z: flow = ((A p)_xy - p (A p)_z) / w,
        # which loses no digits where the flow is small.
        dx, dy, dz = (terms[i] * x + terms[i + 1] * y + terms[i + 2] for i in (0, 3, 6))
        ratio = 1 + dz
        is_ahead[rows] = ratio > _NEAR
        scale = FIXED_POINT / np.maximum(ratio, np.float32(_NEAR))
        flow[rows, :, 0] = np.rint((dx - x * dz) * scale)
        flow[rows, :, 1] = np.rint((dy - y * dz) * scale)
        flow[rows] /= FIXED_POINT
    np.clip(flow, -LARGEST_FLOW, LARGEST_FLOW, out=flow)
    return flow, is_ahead


def _returns(
    flow: Array32,
    flow_back: Array32,
    bodies: tuple[NDArray[np.int64], NDArray[np.int64]],
) -> Mask:
    height, width = flow.shape[:2]
    x = np.arange(width, dtype=np.float32)
    back_x, back_y = (np.ascontiguousarray(flow_back[..., i]).reshape(-1) for i in range(2))
    bodies_there = bodies[1].reshape(-1)
    is_back = np.empty((height, width), np.bool_)
    for rows in _bands((height, width)):
        y = np.arange(rows.start, rows.stop, dtype=np.float32)[:, None]
        target_x = np.floor(flow[rows, :, 0] + (x + np.float32(0.5)))
        target_y = np.floor(flow[rows, :, 1] + (y + np.float32(0.5)))
        is_inside = (target_x >= 0) & (target_x < width) & (target_y >= 0) & (target_y < height)
        place = np.where(is_inside, target_y * width + target_x, 0).astype(np.intp)
        is_inside &= bodies_there.take(place) == bodies[0][rows]
        is_inside &= np.abs(target_x + back_x.take(place) - x) <= RETURN_WITHIN
        is_inside &= np.abs(target_y + back_y.take(place) - y) <= RETURN_WITHIN
        is_back[rows] = is_inside
    return is_back


def _bands(size: tuple[int, ...]) -> list[slice]:
    """Cut a frame into bands of rows whose arrays stay in the cache."""
    height, width = size
    step = max(1, _BAND_PIXELS // width)
    return [slice(top, min(top + step, height)) for top in range(0, height, step)]
