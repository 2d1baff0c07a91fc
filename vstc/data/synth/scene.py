"""A scene: flat faces in space, joined to bodies, each with a texture and a label.

Everything in a scene is flat or made of flat faces. So the way of every point from one frame to
the next is a known homography, and flow and visibility need no estimate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from vstc.data.synth.atlas import Atlas
from vstc.data.synth.camera import Camera
from vstc.data.synth.spec import Array8, Array64
from vstc.data.synth.weather import Weather

Ints = NDArray[np.int64]


class Stage(IntEnum):
    """Order of painting; within the last two what is far comes first."""

    SKY = 0
    BACKDROP = 1
    GROUND = 2
    HOUSES = 3
    STREET = 4


@dataclass(frozen=True)
class Face:
    """A flat part of a body.

    Attributes:
        plane: (3, 3), its columns are the s axis, the t axis and the origin, in coordinates of
            the body. Seen from outside, s goes right and t goes down.
        outline: (n, 2) corners in (s, t), metres.
        texture: Index of the texture, spread over the box around the outline.
        shade: Factor on the light.
        is_two_sided: Seen from behind as well.
        is_convex: The outline is convex.
        bend: (T, 3, 3) affine motion within the plane, or None.
    """

    plane: Array64
    outline: Array64
    texture: int
    shade: float = 1.0
    is_two_sided: bool = True
    is_convex: bool = True
    bend: Array64 | None = None


def plane_at(
    origin: Sequence[float],
    s_axis: Sequence[float] = (1, 0, 0),
    t_axis: Sequence[float] = (0, 1, 0),
) -> Array64:
    """Return the (3, 3) plane with these axes and origin; by default upright and facing us."""
    return np.array([s_axis, t_axis, origin], float).T


@dataclass(frozen=True)
class Shadows:
    """Convex parts of the ground that lie in the shade.

    Attributes:
        corners: (T, V, 3) points of the world.
        starts: (S + 1,) first corner of each shadow.
    """

    corners: Array64
    starts: Ints

    def corners_at(self, time: int) -> Array64:
        """Return the (V, 3) corners at a frame."""
        return np.asarray(self.corners[time])


@dataclass(frozen=True)
class Scene:
    """All faces of a clip as arrays; P faces, V corners.

    Attributes:
        planes: (P, 3, 3) planes in the world, for the first frame.
        moving: Indices of the faces that move.
        moving_planes: (T, moving, 3, 3).
        is_far: (P,) at infinity: only the turns of the camera move it.
        corners: (V, 3) homogeneous (s, t, 1).
        face_of_corner: (V,) which face a corner belongs to.
        starts: (P + 1,) first corner of each face.
        texel_from_plane: (P, 3, 3) from (s, t, 1) to full-size texels.
        depth_keys: (T, P) z by which faces are sorted within a stage.
        shadows: Parts of the ground that lie in the shade.
    """

    camera: Camera
    weather: Weather
    atlas: Atlas
    planes: Array64
    moving: Ints
    moving_planes: Array64
    is_far: NDArray[np.bool_]
    corners: Array64
    face_of_corner: Ints
    starts: Ints
    texel_from_plane: Array64
    textures: Ints
    texels_per_metre: Array64
    is_two_sided: NDArray[np.bool_]
    is_convex: NDArray[np.bool_]
    lights: Array64
    labels: Array8
    instances: NDArray[np.uint16]
    bodies: Ints
    stages: Ints
    depth_keys: Array64
    shadows: Shadows

    def planes_at(self, time: int) -> Array64:
        """Return the (P, 3, 3) planes in the world at a frame."""
        if not len(self.moving):
            return self.planes
        planes = self.planes.copy()
        planes[self.moving] = self.moving_planes[time]
        return planes


def cross(a: Array64, b: Array64) -> Array64:
    """Return the cross products of (..., 3) vectors, without the overhead of numpy's."""
    x = a[..., 1] * b[..., 2] - a[..., 2] * b[..., 1]
    y = a[..., 2] * b[..., 0] - a[..., 0] * b[..., 2]
    z = a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
    return np.stack([x, y, z], axis=-1)
