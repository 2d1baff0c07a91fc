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

from vstc.data.synth.atlas import Atlas, pack
from vstc.data.synth.camera import Camera
from vstc.data.synth.spec import Array8, Array64, Label
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


class SceneBuilder:
    """Collects the bodies and textures of a scene.

    Args:
        camera: Gives the number of frames.
        weather: Gives the light on each face.
    """

    def __init__(self, camera: Camera, weather: Weather) -> None:
        self.camera = camera
        self.weather = weather
        self._textures: list[Array8] = []
        self._faces: list[Face] = []
        self._rows: list[tuple[Label, int, int, Stage, bool]] = []
        self._motions: list[Array64] = []
        self._depths: list[Array64] = []
        self._shadows: list[Array64] = []
        self._num_bodies = 0
        self._num_instances = 0

    @property
    def scale(self) -> float:
        """Size of the frames relative to 96 rows; textures get finer with it."""
        return self.camera.size[0] / 96

    def texture(self, image: Array8) -> int:
        """Add a texture and return its index."""
        self._textures.append(image)
        return len(self._textures) - 1

    def body(
        self,
        faces: Sequence[Face],
        *,
        label: Label,
        stage: Stage,
        positions: Array64 | None = None,
        rotation: Array64 | None = None,
        nearest: float = 0.0,
        is_far: bool = False,
    ) -> None:
        """Add a body.

        Args:
            faces: Its faces, painted in this order.
            label: Its class; cars and people get an instance id of their own.
            stage: When it is painted.
            positions: (T, 3) or (1, 3); None is the origin.
            rotation: (3, 3) from the body to the world.
            nearest: How far its nearest point lies before its position, metres of z.
            is_far: It is at infinity.
        """
        self._num_bodies += 1
        instance = 0
        if label in {Label.CAR, Label.PERSON}:
            self._num_instances += 1
            instance = self._num_instances
        places = np.zeros((1, 3)) if positions is None else np.asarray(positions, float)
        turn = np.eye(3) if rotation is None else rotation
        for face in faces:
            planes = (turn @ face.plane)[None]
            if face.bend is not None:
                planes = planes @ face.bend
            shift = np.zeros((len(places), 3, 3))
            shift[:, :, 2] = places
            self._motions.append(planes + shift)
            self._faces.append(face)
            self._rows.append((label, instance, self._num_bodies, stage, is_far))
            self._depths.append(places[:, 2] - nearest)

    def shadow(self, outline: Array64) -> None:
        """Put a part of the ground into the shade: (T or 1, n, 2) of (x, z), convex."""
        self._shadows.append(outline)

    def build(self) -> Scene:
        """Turn all that was added into arrays."""
        num_frames = self.camera.num_frames
        atlas = pack(self._textures)
        moving = [i for i, motion in enumerate(self._motions) if len(motion) > 1]
        labels, instances, bodies, stages, is_far = zip(*self._rows, strict=True)
        textures = np.array([face.texture for face in self._faces])
        maps = self._texel_maps(atlas)
        lengths = [len(face.outline) for face in self._faces]
        outlines = np.concatenate([face.outline for face in self._faces])
        depths = np.zeros((num_frames, len(self._faces)))
        for index, depth in enumerate(self._depths):
            depths[:, index] = depth
        return Scene(
            camera=self.camera,
            weather=self.weather,
            atlas=atlas,
            planes=np.stack([motion[0] for motion in self._motions]),
            moving=np.array(moving, np.int64),
            moving_planes=(
                np.stack([self._motions[i] for i in moving], axis=1)
                if moving
                else np.zeros((num_frames, 0, 3, 3))
            ),
            is_far=np.array(is_far),
            corners=np.concatenate([outlines, np.ones((len(outlines), 1))], axis=1),
            face_of_corner=np.repeat(np.arange(len(lengths)), lengths),
            starts=np.concatenate([[0], np.cumsum(lengths)]),
            texel_from_plane=maps,
            textures=textures,
            texels_per_metre=np.sqrt(maps[:, 0, 0] * maps[:, 1, 1]),
            is_two_sided=np.array([face.is_two_sided for face in self._faces]),
            is_convex=np.array([face.is_convex for face in self._faces]),
            lights=self._lights(),
            labels=np.array(labels, np.uint8),
            instances=np.array(instances, np.uint16),
            bodies=np.array(bodies, np.int64),
            stages=np.array(stages, np.int64),
            depth_keys=depths,
            shadows=_join_shadows(self._shadows, num_frames),
        )

    def _lights(self) -> Array64:
        """Return the light on every face, (P,), as it stands in the first frame."""
        planes = np.stack([motion[0] for motion in self._motions])
        is_two_sided = np.array([face.is_two_sided for face in self._faces])
        outward = -cross(planes[..., 0], planes[..., 1])
        outward /= np.maximum(np.sqrt((outward**2).sum(axis=1)), 1e-12)[:, None]
        towards_us = ((self.camera.centres[0] - planes[..., 2]) * outward).sum(axis=1)
        outward[is_two_sided & (towards_us < 0)] *= -1
        shades = np.array([face.shade for face in self._faces])
        is_sky = np.array([row[3] is Stage.SKY for row in self._rows])
        return np.where(is_sky, 1.0, shades * self.weather.light_on(outward))

    def _texel_maps(self, atlas: Atlas) -> Array64:
        """Return the maps, (P, 3, 3), that spread each texture over the box of its face."""
        outlines = np.concatenate([face.outline for face in self._faces])
        firsts = np.cumsum([0, *(len(face.outline) for face in self._faces[:-1])])
        low = np.minimum.reduceat(outlines, firsts)
        high = np.maximum.reduceat(outlines, firsts)
        textures = [face.texture for face in self._faces]
        scale = atlas.sizes[textures] / np.maximum(high - low, 1e-6)
        maps = np.zeros((len(low), 3, 3))
        maps[:, 0, 0], maps[:, 1, 1], maps[:, 2, 2] = scale[:, 0], scale[:, 1], 1
        maps[:, :2, 2] = -low * scale - 0.5
        return maps


def cross(a: Array64, b: Array64) -> Array64:
    """Return the cross products of (..., 3) vectors, without the overhead of numpy's."""
    x = a[..., 1] * b[..., 2] - a[..., 2] * b[..., 1]
    y = a[..., 2] * b[..., 0] - a[..., 0] * b[..., 2]
    z = a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
    return np.stack([x, y, z], axis=-1)


def _join_shadows(shadows: list[Array64], num_frames: int) -> Shadows:
    if not shadows:
        return Shadows(np.zeros((num_frames, 0, 3)), np.zeros(1, np.int64))
    lengths = [shadow.shape[1] for shadow in shadows]
    corners = np.zeros((num_frames, sum(lengths), 3))
    starts = np.concatenate([[0], np.cumsum(lengths)])
    for shadow, start, length in zip(shadows, starts, lengths, strict=False):
        corners[:, start : start + length, ::2] = shadow
    return Shadows(corners, starts)
