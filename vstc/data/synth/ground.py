"""Sky, the far end of the town, road and sidewalks."""

from __future__ import annotations

import numpy as np

from vstc.data.synth import textures
from vstc.data.synth.builder import SceneBuilder
from vstc.data.synth.facades import draw_style, facade
from vstc.data.synth.scene import Face, Stage, plane_at
from vstc.data.synth.shapes import blob, box
from vstc.data.synth.spec import Label

ROAD_HALF = 5.3
SIDEWALK = 3.2
FRONT_X = ROAD_HALF + SIDEWALK
TILE = 10.0
_FAR_Z = 190.0
_GROUND_AXES = ((1, 0, 0), (0, 0, -1))  # t goes towards us, downwards in the picture


def add_sky(builder: SceneBuilder, rng: np.random.Generator) -> None:
    """Add the sky, at infinity."""
    size = (round(110 * builder.scale), round(330 * builder.scale))
    image = textures.sky(rng, builder.weather, size=size)
    outline = box(6.0, 2.0, left=-3.0, top=-1.6)
    face = Face(plane_at((0, 0, 1)), outline, builder.texture(image))
    builder.body([face], label=Label.SKY, stage=Stage.SKY, is_far=True)


def add_backdrop(builder: SceneBuilder, rng: np.random.Generator) -> None:
    """Add roofs and woods at the end of the street."""
    style = draw_style(rng)
    front = facade(rng, style, metres=(28, 130), scale=1.6 * builder.scale)
    texture = builder.texture(front)
    for side in (-1, 1):
        edges = np.concatenate([[0], np.cumsum(rng.uniform(9, 26, 12))])
        tops = -rng.uniform(9, 26, 12)
        roofs = np.stack([np.repeat(edges, 2)[1:-1], np.repeat(tops, 2)], axis=1)
        outline = np.concatenate([[[edges[0], 0]], roofs, [[edges[-1], 0]]])
        outline[:, 0] = side * (outline[:, 0] + (8 if side > 0 else -14))
        face = Face(plane_at((0, 0, _FAR_Z)), outline, texture, is_convex=False)
        builder.body([face], label=Label.BUILDING, stage=Stage.BACKDROP)
    wood = builder.texture(textures.leaves(rng, (72, 92, 58), size=(48, 160)))
    for x in rng.uniform(-120, 120, 9):
        outline = blob(rng, rng.uniform(9, 22), rng.uniform(5, 10)) + (x, -4)
        face = Face(plane_at((0, 0, _FAR_Z - 8)), outline, wood, is_convex=False)
        builder.body([face], label=Label.VEGETATION, stage=Stage.BACKDROP)


def add_ground(
    builder: SceneBuilder,
    rng: np.random.Generator,
    *,
    zebra_z: float | None,
    junction_z: float | None,
    grass_sides: tuple[bool, bool],
) -> None:
    """Add road, sidewalks and what lies behind them.

    Args:
        builder: Collects the faces.
        rng: Where the randomness comes from.
        zebra_z: Where people cross, or None.
        junction_z: Where another road crosses, or None.
        grass_sides: Whether there is a park on the left and on the right.
    """
    scale = 18 * builder.scale
    grey = float(rng.uniform(84, 124))
    base = (grey, grey, grey * rng.uniform(0.98, 1.06))
    size = (round(TILE * scale), round(2 * ROAD_HALF * scale))
    roads = [
        builder.texture(textures.asphalt(rng, size=size, base=base, has_zebra=has_zebra))
        for has_zebra in (False, False, True)
    ]
    starts = _tile_starts()
    tiles = []
    for near, far in zip(starts, starts[1:], strict=False):
        has_zebra = zebra_z is not None and near <= zebra_z < far
        texture = roads[2] if has_zebra else roads[int(rng.integers(2))]
        tiles.append(_strip(-ROAD_HALF, ROAD_HALF, (near, far), texture))
    builder.body(tiles, label=Label.ROAD, stage=Stage.GROUND)
    _add_sides(builder, rng, starts=starts, grass_sides=grass_sides)
    if junction_z is not None:
        cross = builder.texture(textures.plain(rng, base, size=(64, 64)))
        arms = [
            _strip(x, x + 22, (junction_z - 4, junction_z + 4), cross)
            for x in (-ROAD_HALF - 22, -ROAD_HALF - 44, ROAD_HALF, ROAD_HALF + 22)
        ]
        builder.body(arms, label=Label.ROAD, stage=Stage.GROUND)


def _add_sides(
    builder: SceneBuilder,
    rng: np.random.Generator,
    *,
    starts: list[float],
    grass_sides: tuple[bool, bool],
) -> None:
    scale = 18 * builder.scale
    warm = rng.uniform(-6, 8)
    base = (156 + warm, 152.0, 147 - warm)
    size = (round(TILE * scale), round(SIDEWALK * scale))
    slabs = builder.texture(textures.pavement(rng, size=size, base=base))
    yard = builder.texture(textures.plain(rng, np.array(base) - 12, size=(32, 32)))
    lawn = builder.texture(textures.leaves(rng, (104, 128, 66), size=(96, 96)))
    for side, is_grass in zip((-1, 1), grass_sides, strict=True):
        walk, behind = [], []
        for near, far in zip(starts, starts[1:], strict=False):
            walk.append(_side_strip(side, (ROAD_HALF, FRONT_X), (near, far), slabs))
            beyond = lawn if is_grass else yard
            behind.append(_side_strip(side, (FRONT_X, 60.0), (near, far), beyond))
        builder.body(walk, label=Label.SIDEWALK, stage=Stage.GROUND)
        label = Label.VEGETATION if is_grass else Label.SIDEWALK
        builder.body(behind, label=label, stage=Stage.GROUND)


def zebra_in_tile(z: float) -> float:
    """Return where the middle of the crossing lies in the piece of road that holds z."""
    return TILE * (z // TILE + 1 - sum(textures.ZEBRA) / 2)


def _tile_starts() -> list[float]:
    near = np.arange(-2 * TILE, 90, TILE)
    return [*near.tolist(), 120.0, 200.0]


def _strip(left: float, right: float, reach: tuple[float, float], texture: int) -> Face:
    near, far = reach
    plane = plane_at((left, 0, far), *_GROUND_AXES)
    return Face(plane, box(right - left, far - near), texture)


def _side_strip(
    side: int, inner_outer: tuple[float, float], reach: tuple[float, float], texture: int
) -> Face:
    """Return a strip whose left texture edge is at the road on either side of the street."""
    near, far = reach
    inner, outer = inner_outer
    plane = plane_at((side * inner, 0, far), (side, 0, 0), (0, 0, -1))
    return Face(plane, box(outer - inner, far - near), texture)
