"""Cars: a profile drawn out to a solid, with windows, lamps and turning wheels."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from vstc.data.synth import textures
from vstc.data.synth.builder import SceneBuilder
from vstc.data.synth.facades import fill
from vstc.data.synth.scene import Face, Stage, plane_at
from vstc.data.synth.shapes import box, ellipse, turns
from vstc.data.synth.spec import FPS, Array8, Array64, Label
from vstc.data.synth.textures import Rgb

_PAINTS: tuple[Rgb, ...] = (
    (214, 214, 212),
    (168, 172, 176),
    (44, 46, 50),
    (92, 96, 100),
    (150, 40, 40),
    (52, 78, 124),
    (190, 158, 72),
    (64, 104, 100),
    (126, 92, 72),
)
_GLASS: Rgb = (64, 76, 88)
_FLOOR = -0.28  # underside of the body; y points down


@dataclass(frozen=True)
class Drive:
    """How a car goes.

    Attributes:
        positions: (T, 2) x and z of its middle.
        heading: 0 away from us, 1 to the right, 2 towards us, 3 to the left.
    """

    positions: Array64
    heading: int


@dataclass(frozen=True)
class _Build:
    """Measures in metres; lengths count from the rear bumper."""

    length: float
    width: float
    belt: float
    top: float
    trunk: float
    roof: tuple[float, float]
    hood: float
    nose: float


def _draw_build(rng: np.random.Generator) -> _Build:
    kind = rng.integers(4)
    if kind == 0:  # saloon
        return _Build(4.5, 1.8, 0.92, 1.43, 0.75, (1.35, 2.6), 3.35, 0.78)
    if kind == 1:  # hatchback
        return _Build(3.9, 1.74, 0.94, 1.48, 0.1, (0.55, 2.2), 2.95, 0.8)
    if kind == 2:  # off-road car
        return _Build(4.6, 1.9, 1.08, 1.74, 0.1, (0.4, 2.7), 3.45, 0.98)
    return _Build(4.9, 1.95, 1.1, 2.05, 0.05, (0.12, 3.6), 4.25, 0.95)  # van


def add_car(builder: SceneBuilder, rng: np.random.Generator, drive: Drive) -> None:
    """Add a car and its shadow."""
    build = _draw_build(rng)
    travelled = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(drive.positions, axis=0).T))])
    faces = _faces(builder, rng, build, travelled=travelled)
    angle = np.pi / 2 * drive.heading
    cosine, sine = round(np.cos(angle)), round(np.sin(angle))
    rotation = np.array([[cosine, 0, sine], [0, 1, 0], [-sine, 0, cosine]], float)
    half_z = build.length / 2 if drive.heading % 2 == 0 else build.width / 2
    positions = np.insert(drive.positions, 1, 0.0, axis=1)
    if np.ptp(positions, axis=0).max() == 0:
        positions = positions[:1]
    builder.body(
        faces,
        label=Label.CAR,
        stage=Stage.STREET,
        positions=positions,
        rotation=rotation,
        nearest=half_z,
    )
    _cast(builder, build, rotation=rotation, centres=positions[:, ::2])


def _cast(builder: SceneBuilder, build: _Build, *, rotation: Array64, centres: Array64) -> None:
    sun = np.array(builder.weather.sun)
    along = np.array([sun[0], sun[2]]) / sun[1] * 0.75 * build.top
    corners = box(build.width, build.length, left=-build.width / 2, top=-build.length / 2)
    footprint = corners @ rotation[::2, ::2].T
    hull = cv2.convexHull(np.concatenate([footprint, footprint + along]).astype(np.float32))
    builder.shadow(centres[:, None] + hull[:, 0].astype(float))


def _faces(
    builder: SceneBuilder, rng: np.random.Generator, build: _Build, *, travelled: Array64
) -> list[Face]:
    paint = np.array(_PAINTS[rng.integers(len(_PAINTS))]) + rng.normal(0, 8, 3)
    body = builder.texture(textures.plain(rng, paint, size=(20, 40)))
    side = builder.texture(_side_texture(rng, paint))
    glass = builder.texture(_window_texture(rng, paint, panes=1))
    panes = builder.texture(_window_texture(rng, paint, panes=2))
    rear = builder.texture(_end_texture(rng, paint, lamp=(190, 40, 36), is_front=False))
    front = builder.texture(_end_texture(rng, paint, lamp=(236, 234, 216), is_front=True))
    wheel = builder.texture(_wheel_texture())
    strip = _Extrusion(build)
    b = build
    inset = 0.17
    return [
        strip.tyres(wheel),
        *strip.sides(
            [(0, _FLOOR), (0, -b.belt), (b.hood, -b.belt), (b.length, -b.nose), (b.length, _FLOOR)],
            side,
        ),
        strip.across((b.length, _FLOOR), (b.length, -b.nose), front),
        strip.across((b.length, -b.nose), (b.hood, -b.belt), body),
        strip.across((b.trunk, -b.belt), (0, -b.belt), body),
        strip.across((0, -b.belt), (0, _FLOOR), rear),
        strip.across((b.hood, -b.belt), (b.roof[1], -b.top), glass, inset=(0, inset)),
        strip.across((b.roof[1], -b.top), (b.roof[0], -b.top), body, inset=(inset, inset)),
        strip.across((b.roof[0], -b.top), (b.trunk, -b.belt), glass, inset=(inset, 0)),
        *strip.cabin(panes, inset),
        *strip.wheels(wheel, travelled),
    ]


class _Extrusion:
    """Makes faces in coordinates of the car: x right, y down, z ahead from its middle."""

    def __init__(self, build: _Build) -> None:
        self._build = build

    def sides(self, profile: list[tuple[float, float]], texture: int) -> list[Face]:
        """Return both flanks; the profile is (from the rear, y)."""
        outline = np.array(profile, float) - (self._build.length / 2, 0)
        half = self._build.width / 2
        return [
            _one_sided(plane_at((half, 0, 0), (0, 0, 1)), outline, texture),
            _one_sided(plane_at((-half, 0, 0), (0, 0, -1)), outline * (-1, 1), texture),
        ]

    def across(
        self,
        front: tuple[float, float],
        back: tuple[float, float],
        texture: int,
        *,
        inset: tuple[float, float] = (0.0, 0.0),
    ) -> Face:
        """Return the strip from flank to flank between two points of the profile.

        Seen from outside, and going from front to rear over the roof, ``front`` comes first.
        """
        (z0, y0), (z1, y1) = front, back
        middle = self._build.length / 2
        half = self._build.width / 2
        slope = np.array([0.0, y1 - y0, z1 - z0])
        length = float(np.linalg.norm(slope))
        plane = plane_at((0, y0, z0 - middle), (1, 0, 0), tuple(slope / length))
        low, high = half - inset[0], half - inset[1]
        outline = np.array([[-low, 0], [low, 0], [high, length], [-high, length]])
        return _one_sided(plane, outline, texture)

    def cabin(self, texture: int, inset: float) -> list[Face]:
        """Return the leaning side windows."""
        b = self._build
        rise = b.top - b.belt
        lean = np.array([inset, rise]) / np.hypot(inset, rise)
        tall = float(np.hypot(inset, rise))
        profile = np.array([[b.trunk, 0], [b.roof[0], -tall], [b.roof[1], -tall], [b.hood, 0]]) - (
            b.length / 2,
            0,
        )
        half = b.width / 2
        right = plane_at((half, -b.belt, 0), (0, 0, 1), (lean[0], lean[1], 0))
        left = plane_at((-half, -b.belt, 0), (0, 0, -1), (-lean[0], lean[1], 0))
        return [
            _one_sided(right, profile, texture),
            _one_sided(left, profile * (-1, 1), texture),
        ]

    def wheels(self, texture: int, travelled: Array64) -> list[Face]:
        """Return the four wheels, which turn with the way travelled."""
        b = self._build
        radius, half = 0.33, b.width / 2 + 0.01
        faces = []
        for place in (0.19 * b.length, 0.8 * b.length):
            z = place - b.length / 2
            is_still = travelled[-1] == 0
            for side in (1, -1):
                plane = plane_at((side * half, -radius, z), (0, 0, side))
                bend = turns(-side * travelled / radius)
                outline = ellipse(radius, radius, corners=14)
                face = _one_sided(plane, outline, texture, bend=None if is_still else bend)
                faces.append(face)
        return faces

    def tyres(self, texture: int) -> Face:
        """Return the dark under the body as it shows from behind."""
        half = self._build.width / 2
        plane = plane_at((0, 0, -self._build.length / 2 + 0.35))
        outline = box(2 * half - 0.1, -_FLOOR, left=-half + 0.05, top=_FLOOR)
        return Face(plane, outline, texture, shade=0.45)


def _one_sided(
    plane: Array64, outline: Array64, texture: int, *, bend: Array64 | None = None
) -> Face:
    return Face(plane, outline, texture, is_two_sided=False, bend=bend)


def _side_texture(rng: np.random.Generator, paint: Array64) -> Array8:
    texture = textures.plain(rng, tuple(paint), size=(24, 96)).astype(np.float32)
    texture[:3] *= 1.12
    texture[20:] *= 0.55
    for x in (30, 52, 68):
        texture[1:20, x : x + 1] *= 0.6
    fill(texture, (44, 6), (5, 1), paint * 0.5)
    fill(texture, (0, 5), (3, 4), np.array((190.0, 60, 50)))
    return textures.finish(texture)


def _window_texture(rng: np.random.Generator, paint: Array64, *, panes: int) -> Array8:
    texture = textures.plain(rng, tuple(paint), size=(20, 48)).astype(np.float32)
    glass = np.array(_GLASS) + rng.normal(0, 6)
    wide = 48 // panes
    for pane in range(panes):
        fill(texture, (pane * wide + 3, 3), (wide - 5, 14), glass)
        fill(texture, (pane * wide + 3, 3), (wide - 5, 4), glass + 34)
    return textures.finish(texture)


def _end_texture(rng: np.random.Generator, paint: Array64, *, lamp: Rgb, is_front: bool) -> Array8:
    # The strip over the car begins at the front bumper, so there it goes upwards.
    texture = textures.plain(rng, tuple(paint), size=(24, 48)).astype(np.float32)
    texture[18:] *= 0.5
    fill(texture, (1, 4), (9, 6), np.array(lamp))
    fill(texture, (38, 4), (9, 6), np.array(lamp))
    fill(texture, (17, 12), (14, 4), np.array((222.0, 222, 212)))
    return textures.finish(texture[::-1] if is_front else texture)


def _wheel_texture() -> Array8:
    texture = np.full((24, 24, 3), 34, np.float32)
    cv2.circle(texture, (12, 12), 7, (150.0, 152.0, 156.0), -1)
    for angle in np.arange(5) * 2 * np.pi / 5:
        tip = (round(12 + 7 * np.cos(angle)), round(12 + 7 * np.sin(angle)))
        cv2.line(texture, (12, 12), tip, (70.0, 72.0, 76.0), 2)
    return textures.finish(texture)


def parked(x: float, z: float, *, frames: int) -> Array64:
    """Return the positions of a car that stands."""
    return np.tile(np.array([[x, z]], float), (frames, 1))


def driving(x: float, z: float, *, speed: float, frames: int, along: int = 1) -> Array64:
    """Return the positions of a car that goes along z (1) or x (0) at metres per second."""
    positions = parked(x, z, frames=frames)
    positions[:, along] += np.arange(frames) / FPS * speed
    return positions
