"""Draw a whole street scene: what stands, drives and walks where."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vstc.data.synth.builder import SceneBuilder
from vstc.data.synth.camera import Camera, draw_ride, place_camera
from vstc.data.synth.cars import Drive, add_car, driving, parked
from vstc.data.synth.greenery import Greenery, StreetFurniture
from vstc.data.synth.ground import (
    FRONT_X,
    ROAD_HALF,
    add_backdrop,
    add_ground,
    add_sky,
    zebra_in_tile,
)
from vstc.data.synth.houses import add_house, draw_plots
from vstc.data.synth.people import Walk, add_person, make_wardrobe
from vstc.data.synth.scene import Scene
from vstc.data.synth.spec import FPS, Array64
from vstc.data.synth.weather import draw_weather

_PARKED_X = ROAD_HALF - 1.1
_ONCOMING_X = -1.7
_KERB_X = ROAD_HALF + 0.45


@dataclass(frozen=True)
class _Plan:
    """What is special about a street.

    Attributes:
        zebra_z: Where people cross, or None.
        junction_z: Where another road crosses, or None.
        grass_sides: Whether there is a park on the left and on the right.
        end_z: Where the camera is in the last frame.
    """

    zebra_z: float | None
    junction_z: float | None
    grass_sides: tuple[bool, bool]
    end_z: float


def build_street(rng: np.random.Generator, *, frames: int, size: tuple[int, int]) -> Scene:
    """Draw and build the scene of a clip."""
    weather = draw_weather(rng)
    camera = place_camera(rng, draw_ride(rng, frames=frames), frames=frames, size=size)
    plan = _draw_plan(rng, camera)
    builder = SceneBuilder(camera, weather)
    add_sky(builder, rng)
    add_backdrop(builder, rng)
    add_ground(
        builder,
        rng,
        zebra_z=plan.zebra_z,
        junction_z=plan.junction_z,
        grass_sides=plan.grass_sides,
    )
    _add_sides(builder, rng, plan)
    _add_parked(builder, rng, plan)
    _add_traffic(builder, rng, plan)
    _add_walkers(builder, rng, plan)
    return builder.build()


def _draw_plan(rng: np.random.Generator, camera: Camera) -> _Plan:
    end_z = float(camera.centres[:, 2].max())
    kind = rng.random()
    zebra_z = zebra_in_tile(end_z + float(rng.uniform(9, 15))) if kind < 0.5 else None
    junction_z = end_z + float(rng.uniform(15, 26)) if 0.35 < kind < 0.8 else None
    if zebra_z is not None and junction_z is not None:
        junction_z = zebra_z + 6.5
    grass = rng.random(2) < (0.22, 0.14)
    return _Plan(zebra_z, junction_z, (bool(grass[0]), bool(grass[1] and not grass[0])), end_z)


def _add_sides(builder: SceneBuilder, rng: np.random.Generator, plan: _Plan) -> None:
    greenery, furniture = Greenery(builder, rng), StreetFurniture(builder, rng)
    for side, is_grass in zip((-1, 1), plan.grass_sides, strict=True):
        if is_grass:
            greenery.park(side)
        else:
            houses, gaps = draw_plots(rng, side=side, junction_z=plan.junction_z)
            for plot in houses:
                add_house(builder, rng, plot)
            for plot in gaps:
                x = side * (FRONT_X + float(rng.uniform(2, 5)))
                greenery.tree(x=x, z=(plot.near + plot.far) / 2)
        has_trees = rng.random() < 0.6
        for z in np.arange(2.0, 90.0, 11.0) + rng.uniform(0, 8):
            if _is_at_junction(plan, float(z)):
                continue
            furniture.lamp(x=side * _KERB_X, z=float(z))
            if has_trees and rng.random() < 0.7:
                greenery.tree(x=side * (_KERB_X + 0.4), z=float(z) + 5)
            elif rng.random() < 0.6:
                furniture.sign(x=side * _KERB_X, z=float(z) + float(rng.uniform(3, 8)))


def _add_parked(builder: SceneBuilder, rng: np.random.Generator, plan: _Plan) -> None:
    frames = builder.camera.num_frames
    for side, share in ((-1, rng.uniform(0.1, 0.75)), (1, rng.uniform(0.05, 0.5))):
        for z in np.arange(3.0, 75.0, 6.2) + rng.uniform(0, 5):
            is_free = plan.zebra_z is None or abs(z - plan.zebra_z) > 5
            if rng.random() < share and is_free and not _is_at_junction(plan, float(z)):
                positions = parked(side * _PARKED_X, float(z), frames=frames)
                add_car(builder, rng, Drive(positions, heading=0 if side > 0 else 2))


def _add_traffic(builder: SceneBuilder, rng: np.random.Generator, plan: _Plan) -> None:
    """Add moving cars. Where people or cars cross, those on our road wait or are beyond."""
    frames = builder.camera.num_frames
    seconds = max(frames / FPS, 1e-6)
    crossing = max(plan.zebra_z or 0.0, plan.junction_z or 0.0)
    if plan.junction_z is not None:
        _add_crossing_cars(builder, rng, plan.junction_z)
    if rng.random() < 0.75:
        first = crossing + 9 if crossing else float(rng.uniform(9, 16))
        speed = plan.end_z / seconds + float(rng.uniform(-0.2, 2.5))
        positions = driving(1.6, first, speed=max(0.0, speed), frames=frames)
        add_car(builder, rng, Drive(positions, heading=0))
    speed = float(rng.uniform(4, 9))
    start = (crossing + 10 if crossing else 12.0) + float(rng.uniform(0, 14))
    for _ in range(int(rng.integers(1, 4))):
        positions = driving(_ONCOMING_X, start, speed=-speed, frames=frames)
        if crossing:
            positions[:, 1] = _brake(positions[:, 1], crossing + 8)
        add_car(builder, rng, Drive(positions, heading=2))
        if crossing:
            break
        start += float(rng.uniform(10, 20))


def _add_crossing_cars(builder: SceneBuilder, rng: np.random.Generator, junction_z: float) -> None:
    frames = builder.camera.num_frames
    for lane, direction in ((1.8, -1), (-1.8, 1)):
        if rng.random() < 0.25:
            continue
        speed = float(rng.uniform(3, 8))
        # In the middle of the clip it is in the middle of the picture.
        start = -direction * speed * frames / FPS * float(rng.uniform(0.25, 0.75))
        positions = driving(
            start, junction_z + lane, speed=direction * speed, frames=frames, along=0
        )
        add_car(builder, rng, Drive(positions, heading=1 if direction > 0 else 3))


def _add_walkers(builder: SceneBuilder, rng: np.random.Generator, plan: _Plan) -> None:
    seconds = builder.camera.num_frames / FPS
    wardrobe = make_wardrobe(builder, rng)
    for _ in range(int(rng.integers(5, 11))):
        side = float(rng.choice([-1.0, 1.0]))
        x = side * (ROAD_HALF + float(rng.uniform(0.9, 2.7)))
        z = plan.end_z * float(rng.uniform(0, 1)) + 4.5 + float(rng.gamma(2.0, 3.4))
        pace = float(rng.choice([-1.35, -1.1, 0.0, 1.15, 1.4]))
        add_person(builder, rng, wardrobe, Walk((x, z), (0.0, pace)))
    crossing = [] if plan.zebra_z is None else [plan.zebra_z] * int(rng.integers(1, 4))
    # Some walk across the sidewalk, to a door or to the kerb, at any place.
    across = [plan.end_z + float(rng.uniform(6, 13)) for _ in range(int(rng.integers(0, 3)))]
    for z in crossing:
        pace = float(rng.choice([-1.0, 1.0]) * rng.uniform(0.9, 1.6))
        x = float(rng.uniform(-3, 4)) - pace * seconds / 2
        add_person(
            builder, rng, wardrobe, Walk((x, z + float(rng.uniform(-1.2, 1.2))), (pace, 0.0))
        )
    for z in across:
        pace = float(rng.choice([-1.0, 1.0]) * rng.uniform(0.4, 0.7))
        x = float(rng.choice([-1.0, 1.0])) * (ROAD_HALF + 1.6) - pace * min(seconds, 2.0) / 2
        add_person(builder, rng, wardrobe, Walk((x, z), (pace, 0.0)))


def _is_at_junction(plan: _Plan, z: float) -> bool:
    return plan.junction_z is not None and abs(z - plan.junction_z) < 8


def _brake(z: Array64, stop: float) -> Array64:
    """Let a car that comes towards us slow down and stop."""
    left = np.maximum(z - stop, 0)
    braking = 8.0
    # Farther than the braking distance it goes on as it was; then the rest shrinks smoothly.
    slowed = np.where(left > braking, left, braking * np.exp(left / braking - 1))
    beyond = z < stop
    slowed[beyond] = braking * np.exp((z[beyond] - stop) / braking - 1)
    return np.asarray(stop - braking / np.e + slowed)
