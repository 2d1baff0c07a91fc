"""Collect bodies and textures, and turn them into the arrays of a scene."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vstc.data.synth.atlas import Atlas, pack
from vstc.data.synth.camera import Camera
from vstc.data.synth.scene import Face, Scene, Shadows, Stage, cross
from vstc.data.synth.spec import Array8, Array64, Label
from vstc.data.synth.weather import Weather


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


def _join_shadows(shadows: list[Array64], num_frames: int) -> Shadows:
    if not shadows:
        return Shadows(np.zeros((num_frames, 0, 3)), np.zeros(1, np.int64))
    lengths = [shadow.shape[1] for shadow in shadows]
    corners = np.zeros((num_frames, sum(lengths), 3))
    starts = np.concatenate([[0], np.cumsum(lengths)])
    for shadow, start, length in zip(shadows, starts, lengths, strict=False):
        corners[:, start : start + length, ::2] = shadow
    return Shadows(corners, starts)
