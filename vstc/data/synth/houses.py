"""Rows of houses on both sides of the street."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vstc.data.synth import textures
from vstc.data.synth.builder import SceneBuilder
from vstc.data.synth.facades import FLOOR_METRES, draw_style, facade, roof
from vstc.data.synth.ground import FRONT_X
from vstc.data.synth.scene import Face, Stage, plane_at
from vstc.data.synth.shapes import box
from vstc.data.synth.spec import Array64, Label

_DEPTH = 12.0
_LAST_Z = 175.0


@dataclass(frozen=True)
class Plot:
    """Ground of one house: which side (-1 left, 1 right), and from where to where."""

    side: int
    near: float
    far: float


def draw_plots(
    rng: np.random.Generator, *, side: int, junction_z: float | None
) -> tuple[list[Plot], list[Plot]]:
    """Divide one side of the street into houses and gaps for trees."""
    houses: list[Plot] = []
    gaps: list[Plot] = []
    near = -14.0
    while near < _LAST_Z:
        length = float(rng.uniform(9, 19)) if near < 80 else 30.0
        if junction_z is not None and near < junction_z + 5.5 and near + length > junction_z - 5.5:
            if junction_z - 5.5 - near > 4:
                houses.append(Plot(side, near, junction_z - 5.5))
            near = junction_z + 5.5
            continue
        if rng.random() < 0.13:
            gaps.append(Plot(side, near, near + 0.6 * length))
            near += 0.6 * length
            continue
        houses.append(Plot(side, near, near + length))
        near += length
    return houses, gaps


def add_house(builder: SceneBuilder, rng: np.random.Generator, plot: Plot) -> None:
    """Add a house: its front along the street, the wall of its near end, perhaps a roof."""
    style = draw_style(rng)
    length = plot.far - plot.near
    height = FLOOR_METRES * int(rng.integers(2, 6)) + 0.7
    setback = float(rng.choice([0.0, 0.0, 0.4, 0.9]))
    # Far houses are only ever small in the picture.
    scale = builder.scale * (13.0 if plot.near < 45 else 7.0 if plot.near < 90 else 4.0)
    x = plot.side * (FRONT_X + setback)
    texture = builder.texture(facade(rng, style, metres=(height, length), scale=scale))
    blind = builder.texture(textures.plain(rng, style.wall, size=(40, 40)))
    start, step = (plot.near, 1) if plot.side < 0 else (plot.far, -1)
    rise = float(rng.uniform(1.6, 3.0)) if rng.random() < 0.45 else 0.0
    front = Face(plane_at((x, 0, start), (0, 0, step)), box(length, height, top=-height), texture)
    end = Face(plane_at((x, 0, plot.near)), _gable(plot.side, height, rise), blind, shade=0.94)
    faces = [end, front]
    if rise:
        tiles = builder.texture(roof(rng, metres=(rise, length), scale=scale))
        slope = np.array([plot.side * 0.45 * rise, -rise, 0.0])
        tall = float(np.linalg.norm(slope))
        top = (x + slope[0], -height - rise, start)
        plane = plane_at(top, (0, 0, step), tuple(-slope / tall))
        faces.append(Face(plane, box(length, tall), tiles))
    builder.body(
        faces,
        label=Label.BUILDING,
        stage=Stage.HOUSES,
        positions=np.zeros((1, 3)),
        nearest=-plot.near,
    )


def _gable(side: int, height: float, rise: float) -> Array64:
    """Return the outline of the end wall; its s axis goes from the front away from the road."""
    inset = 0.45 * rise
    outline = np.array(
        [[0, 0], [0, -height], [inset, -height - rise], [_DEPTH, -height - rise], [_DEPTH, 0]]
    )
    return outline * (side, 1)
