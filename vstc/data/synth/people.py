"""People: a skeleton of flat limbs that walks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vstc.data.synth import textures
from vstc.data.synth.builder import SceneBuilder
from vstc.data.synth.scene import Face, Stage, plane_at
from vstc.data.synth.shapes import ellipse, limb, turns
from vstc.data.synth.spec import FPS, Array64, Label
from vstc.data.synth.textures import Rgb

_STRIDE = 0.72  # metres per step, for a person of 1.75 m
_SKIN: tuple[Rgb, ...] = ((224, 184, 154), (198, 150, 118), (146, 104, 80), (104, 74, 58))
_HAIR: tuple[Rgb, ...] = ((48, 38, 34), (92, 66, 46), (150, 116, 72), (128, 124, 120), (34, 32, 34))
_JACKETS = (
    (58, 64, 78),
    (120, 48, 46),
    (66, 92, 128),
    (142, 134, 122),
    (78, 92, 70),
    (192, 178, 156),
    (176, 120, 54),
    (108, 100, 104),
    (200, 96, 88),
)
_TROUSERS: tuple[Rgb, ...] = (
    (52, 56, 66),
    (76, 86, 108),
    (110, 102, 92),
    (44, 42, 44),
    (134, 120, 100),
)


@dataclass(frozen=True)
class Walk:
    """How a person goes.

    Attributes:
        start: x and z at the first frame.
        velocity: Metres per second along x and z.
    """

    start: tuple[float, float]
    velocity: tuple[float, float]


@dataclass(frozen=True)
class _Pose:
    """Angles of a walking person over time, (T,) each, by side (0 far, 1 near)."""

    hip: tuple[Array64, Array64]
    knee: tuple[Array64, Array64]
    shoulder: tuple[Array64, Array64]
    elbow: tuple[Array64, Array64]
    rise: Array64


@dataclass(frozen=True)
class Wardrobe:
    """Textures that the people of a clip share."""

    skin: list[int]
    hair: list[int]
    trousers: list[int]
    shoes: list[int]


def make_wardrobe(builder: SceneBuilder, rng: np.random.Generator) -> Wardrobe:
    """Make the textures that people share."""

    def small(colors: Sequence[Rgb]) -> list[int]:
        return [builder.texture(textures.plain(rng, color, size=(12, 12))) for color in colors]

    shoes = [tuple(rng.uniform(30, 120, 3)) for _ in range(3)]
    return Wardrobe(small(_SKIN), small(_HAIR), small(_TROUSERS), small(shoes))


def add_person(
    builder: SceneBuilder, rng: np.random.Generator, wardrobe: Wardrobe, walk: Walk
) -> None:
    """Add a person, in profile when they cross our view, from behind or in front otherwise."""
    frames = np.arange(builder.camera.num_frames)
    height = float(rng.uniform(1.55, 1.9)) if rng.random() < 0.9 else float(rng.uniform(1.1, 1.3))
    speed = float(np.hypot(*walk.velocity))
    is_profile = abs(walk.velocity[0]) > abs(walk.velocity[1])
    facing = -1.0 if walk.velocity[0] < 0 else 1.0
    steps = frames / FPS * speed / (_STRIDE * height / 1.75)
    pose = _pose(np.pi * steps + rng.uniform(0, 6), is_profile=is_profile, is_still=speed < 0.2)
    clothes = _dress(builder, rng, wardrobe)
    faces = _faces(rng, clothes, height=height, pose=pose, is_profile=is_profile)
    x = walk.start[0] + frames / FPS * walk.velocity[0]
    z = walk.start[1] + frames / FPS * walk.velocity[1]
    positions = np.stack([x, pose.rise * height, z], axis=1)
    builder.body(
        faces,
        label=Label.PERSON,
        stage=Stage.STREET,
        positions=positions,
        rotation=np.diag([facing, 1.0, 1.0]),
    )
    sun = np.array(builder.weather.sun)
    along = np.array([sun[0], sun[2]]) / sun[1] * height
    feet = np.stack([x, z], axis=1)
    spread = np.array([0.22, 0.05])
    corners = [feet - spread, feet + spread, feet + along + 0.7 * spread, feet + along - spread]
    builder.shadow(np.stack(corners, axis=1))


def _pose(phase: Array64, *, is_profile: bool, is_still: bool) -> _Pose:
    reach = 0.0 if is_still else 0.52 if is_profile else 0.1
    swing = reach * np.sin(phase)
    lift = 0.0 if is_still else 0.85 if is_profile else 0.12
    arms = 0.8 * swing if is_profile else 0.1 + 0.6 * swing
    bent = np.full_like(phase, 0.25 if is_profile else 0.1)
    return _Pose(
        hip=(swing, -swing),
        # The knee bends while the leg swings to the front.
        knee=(-lift * np.maximum(0, np.cos(phase)), -lift * np.maximum(0, -np.cos(phase))),
        shoulder=(-arms, arms),
        elbow=(bent + 0.3 * np.maximum(0, swing), bent + 0.3 * np.maximum(0, -swing)),
        rise=0.0 * phase if is_still else -0.012 * np.abs(np.cos(phase)),
    )


@dataclass(frozen=True)
class _Clothes:
    coat: int
    cloth: int
    skin: int
    hair: int
    shoe: int


def _dress(builder: SceneBuilder, rng: np.random.Generator, wardrobe: Wardrobe) -> _Clothes:
    jacket = np.array(_JACKETS[rng.integers(len(_JACKETS))]) + rng.normal(0, 8, 3)
    coat = builder.texture(textures.cloth(rng, tuple(jacket)))
    skin, hair, cloth, shoe = (
        kinds[int(rng.integers(len(kinds)))]
        for kinds in (wardrobe.skin, wardrobe.hair, wardrobe.trousers, wardrobe.shoes)
    )
    return _Clothes(coat, cloth, skin, hair, shoe)


def _faces(
    rng: np.random.Generator,
    clothes: _Clothes,
    *,
    height: float,
    pose: _Pose,
    is_profile: bool,
) -> list[Face]:
    coat, cloth, skin = clothes.coat, clothes.cloth, clothes.skin
    hair, shoe = clothes.hair, clothes.shoe
    h = height
    hip_x, shoulder_x = (0.0, 0.0) if is_profile else (0.05 * h, 0.115 * h)
    plane = plane_at((0, 0, 0))
    faces: list[Face] = []

    def leg(side: int) -> None:
        sign, shade = (-1, 0.8) if side == 0 else (1, 1.0)
        thigh = turns(pose.hip[side], at=(sign * hip_x, -0.49 * h))
        shin = thigh @ turns(pose.knee[side], at=(0.0, 0.24 * h))
        toe = np.array([[-0.03, 0.2], [0.03, 0.2], [0.1 if is_profile else 0.04, 0.245]])
        foot = np.concatenate([toe, [[-0.035, 0.245]]]) * h
        faces.append(Face(plane, limb(0.24 * h, 0.1 * h, 0.075 * h), cloth, shade, bend=thigh))
        faces.append(Face(plane, limb(0.22 * h, 0.07 * h, 0.045 * h), cloth, shade, bend=shin))
        faces.append(Face(plane, foot, shoe, shade, bend=shin))

    def arm(side: int) -> None:
        sign, shade = (-1, 0.84) if side == 0 else (1, 1.08)
        upper = turns(pose.shoulder[side], at=(sign * shoulder_x, -0.8 * h))
        lower = upper @ turns(pose.elbow[side], at=(0.0, 0.17 * h))
        hand = ellipse(0.025 * h, 0.03 * h, corners=6) + (0, 0.17 * h)
        faces.append(Face(plane, limb(0.17 * h, 0.06 * h, 0.05 * h), coat, shade, bend=upper))
        faces.append(Face(plane, limb(0.14 * h, 0.05 * h, 0.04 * h), coat, shade, bend=lower))
        faces.append(Face(plane, hand, skin, shade, bend=lower))

    leg(0)
    arm(0)
    leg(1)
    waist, chest = (0.065, 0.08) if is_profile else (0.085, 0.125)
    hem = float(rng.choice([0.47, 0.44, 0.33]))
    torso = np.array(
        [[-0.05, -0.84], [0.05, -0.84], [chest, -0.79], [waist, -0.6], [waist + 0.01, -hem]]
    )
    torso = np.concatenate([torso, (torso * (-1, 1))[:1:-1]]) * h
    faces.append(Face(plane, torso, coat, is_convex=False))
    if rng.random() < 0.35:
        left = -0.15 if is_profile else -0.07
        pack = np.array([[0, -0.8], [0.13, -0.8], [0.14, -0.6], [0, -0.58]]) + (left, 0)
        faces.append(Face(plane, pack * h, shoe, shade=1.15))
    neck = np.array([[-0.025, -0.87], [0.025, -0.87], [0.03, -0.82], [-0.03, -0.82]]) * h
    faces.append(Face(plane, neck, skin, shade=0.85))
    faces.append(Face(plane, ellipse(0.052 * h, 0.066 * h) + (0, -0.925 * h), skin))
    top = ellipse(0.056 * h, 0.05 * h) + (-0.012 * h if is_profile else 0.0, -0.95 * h)
    faces.append(Face(plane, top, hair))
    arm(1)
    return faces
