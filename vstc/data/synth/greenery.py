"""Trees, hedges, lamp posts and signs."""

from __future__ import annotations

import numpy as np

from vstc.data.synth import textures
from vstc.data.synth.builder import SceneBuilder
from vstc.data.synth.ground import FRONT_X
from vstc.data.synth.scene import Face, Stage, plane_at
from vstc.data.synth.shapes import blob, box, ellipse, shear
from vstc.data.synth.spec import Label

_LEAVES = ((86, 116, 58), (70, 100, 56), (112, 128, 62), (150, 116, 56), (96, 118, 84))


class Greenery:
    """Plants trees and hedges; the textures are shared.

    Args:
        builder: Collects the faces.
        rng: Where the randomness comes from.
    """

    def __init__(self, builder: SceneBuilder, rng: np.random.Generator) -> None:
        self._builder = builder
        self._rng = rng
        size = round(72 * builder.scale)
        tones = rng.choice(len(_LEAVES), 2, replace=False)
        self._leaves = [
            builder.texture(textures.leaves(rng, _LEAVES[tone], size=(size, size)))
            for tone in tones
        ]
        self._bark = builder.texture(textures.plain(rng, (92, 76, 62), size=(40, 10)))

    def tree(self, *, x: float, z: float, stage: Stage = Stage.STREET) -> None:
        """Plant a tree whose crown sways in the wind."""
        rng, builder = self._rng, self._builder
        trunk, radius = rng.uniform(2.0, 2.9), rng.uniform(1.3, 2.1)
        frames = np.arange(builder.camera.num_frames)
        sway = 0.012 * np.sin(frames / rng.uniform(2.5, 4) + rng.uniform(0, 6))
        leaves = self._leaves[int(rng.integers(len(self._leaves)))]
        faces = [
            Face(
                plane_at((0, 0, 0)),
                np.array([[-0.09, -trunk - 0.5], [0.09, -trunk - 0.5], [0.15, 0], [-0.15, 0]]),
                self._bark,
            )
        ]
        for layer in range(3):
            middle = rng.normal(0, 0.3 * radius), -trunk - radius * rng.uniform(0.6, 1.0)
            outline = blob(rng, radius * rng.uniform(0.7, 1.0), radius * rng.uniform(0.65, 0.9))
            faces.append(
                Face(
                    plane_at((0, 0, -0.1 * layer)),
                    outline + middle,
                    leaves,
                    shade=0.82 + 0.13 * layer,
                    is_convex=False,
                    bend=shear(sway * (1 + 0.3 * layer)),
                )
            )
        position = np.array([[x, 0.0, z]])
        builder.body(faces, label=Label.VEGETATION, stage=stage, positions=position)
        _cast(builder, x=x, z=z, height=trunk + radius, radius=0.8 * radius, start=trunk)

    def park(self, side: int) -> None:
        """Plant a hedge along one side, and trees behind it."""
        rng, builder = self._rng, self._builder
        for near in np.arange(-12.0, 120.0, 8.0):
            height = rng.uniform(0.9, 1.4)
            tops = -height - 0.16 * rng.random(13)
            outline = np.concatenate(
                [np.stack([np.linspace(0, 8, 13), tops], axis=1), [[8, 0], [0, 0]]]
            )
            start, step = (near, 1) if side < 0 else (near + 8, -1)
            plane = plane_at((side * (FRONT_X + 0.2), 0, start), (0, 0, step))
            front = Face(plane, outline, self._leaves[0], is_convex=False)
            end = Face(
                plane_at((side * (FRONT_X + 0.2), 0, near)),
                box(1.2, height, top=-height) * (side, 1),
                self._leaves[0],
                shade=0.9,
            )
            builder.body(
                [end, front],
                label=Label.VEGETATION,
                stage=Stage.HOUSES,
                nearest=-near,
            )
            for _ in range(2):
                x = side * (FRONT_X + rng.uniform(3, 16))
                self.tree(x=x, z=near + rng.uniform(0.5, 8), stage=Stage.HOUSES)


class StreetFurniture:
    """Puts up lamp posts and signs.

    Args:
        builder: Collects the faces.
        rng: Where the randomness comes from.
    """

    def __init__(self, builder: SceneBuilder, rng: np.random.Generator) -> None:
        self._builder = builder
        metal = rng.choice(3)
        base = ((84, 92, 92), (120, 122, 122), (62, 70, 66))[metal]
        self._metal = builder.texture(textures.plain(rng, base, size=(48, 12)))
        signs = ((44, 84, 158), (188, 48, 44), (214, 186, 66))
        self._signs = [builder.texture(textures.plain(rng, color)) for color in signs]
        self._lamp = builder.texture(textures.plain(rng, (226, 222, 206)))
        self._rng = rng

    def lamp(self, *, x: float, z: float) -> None:
        """Put up a lamp post whose arm reaches over the road."""
        inward = -1.0 if x > 0 else 1.0
        plane = plane_at((0, 0, 0))
        arm = np.array([[0, -5.9], [1.5, -6.3], [1.5, -6.12], [0, -5.65]]) * (inward, 1)
        head = np.array([[1.3, -6.34], [1.95, -6.34], [1.9, -6.2], [1.35, -6.2]]) * (inward, 1)
        faces = [
            Face(plane, np.array([[-0.09, -6], [0.09, -6], [0.15, 0], [-0.15, 0]]), self._metal),
            Face(plane, box(0.42, 0.6, left=-0.21, top=-0.6), self._metal),
            Face(plane, arm, self._metal),
            Face(plane, head, self._lamp, shade=1.05),
        ]
        self._put(faces, x, z, height=6.0)

    def sign(self, *, x: float, z: float) -> None:
        """Put up a post with a sign."""
        plane, near = plane_at((0, 0, 0)), plane_at((0, 0, -0.05))
        texture = self._signs[int(self._rng.integers(len(self._signs)))]
        kind = self._rng.integers(3)
        shape = (
            ellipse(0.34, 0.34),
            box(0.62, 0.62, left=-0.31, top=-0.31),
            np.array([[0, -0.36], [0.38, 0.3], [-0.38, 0.3]]),
        )[kind]
        faces = [
            Face(plane, box(0.16, 2.7, left=-0.08, top=-2.7), self._metal),
            Face(near, shape + (0, -2.55), texture),
            Face(near, 0.62 * shape + (0, -2.55), self._lamp),
        ]
        self._put(faces, x, z, height=2.7)

    def _put(self, faces: list[Face], x: float, z: float, *, height: float) -> None:
        position = np.array([[x, 0.0, z]])
        self._builder.body(faces, label=Label.POLE, stage=Stage.STREET, positions=position)
        _cast(self._builder, x=x, z=z, height=height, radius=0.12)


def _cast(
    builder: SceneBuilder, *, x: float, z: float, height: float, radius: float, start: float = 0.0
) -> None:
    """Lay the shadow of a post (or, from ``start`` on, of a crown) on the ground."""
    sun = np.array(builder.weather.sun)
    along = np.array([sun[0], sun[2]]) / sun[1]  # metres on the ground per metre of height
    across = np.array([-along[1], along[0]]) / max(float(np.hypot(*along)), 1e-6)
    foot = np.array([x, z])
    middle, reach = foot + along * (start + height) / 2, along * (height - start) / 2
    angle = np.linspace(0, 2 * np.pi, 14, endpoint=False)[:, None]
    outline = middle + np.cos(angle) * reach + np.sin(angle) * across * radius
    builder.shadow(np.array([outline]))
