"""Textures of house fronts: plaster, brick and concrete with windows, shops and cornices."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from vstc.data.synth.spec import Array8, Array32, Array64
from vstc.data.synth.textures import Rgb, finish, fractal_noise, tinted

FLOOR_METRES = 3.1
_KINDS_OF_WINDOWS = 7
WALL_COLORS: tuple[Rgb, ...] = (
    (222, 204, 172),
    (196, 130, 98),
    (168, 184, 198),
    (152, 150, 146),
    (148, 88, 74),
    (178, 192, 172),
    (214, 210, 202),
    (204, 166, 106),
    (126, 124, 126),
    (186, 152, 144),
)
SIGN_COLORS: tuple[Rgb, ...] = (
    (160, 44, 42),
    (38, 86, 122),
    (44, 104, 72),
    (206, 160, 60),
    (70, 62, 66),
)


@dataclass(frozen=True)
class FacadeStyle:
    """What a house looks like.

    Attributes:
        wall: Colour of the wall.
        has_bricks: Courses of bricks show.
        window: Width and height of a window as parts of its cell.
        bay_metres: Distance of the windows.
        has_shop: The ground floor is a shop.
        sign: Colour of awning and sign.
    """

    wall: Rgb
    has_bricks: bool
    window: tuple[float, float]
    bay_metres: float
    has_shop: bool
    sign: Rgb


def draw_style(rng: np.random.Generator) -> FacadeStyle:
    """Draw the look of a house."""
    wall = np.array(WALL_COLORS[rng.integers(len(WALL_COLORS))], float) + rng.normal(0, 7, 3)
    is_office = rng.random() < 0.2
    return FacadeStyle(
        wall=tuple(float(value) for value in np.clip(wall, 40, 235)),
        has_bricks=bool(rng.random() < 0.35),
        window=(0.86, 0.6) if is_office else (rng.uniform(0.4, 0.6), rng.uniform(0.5, 0.68)),
        bay_metres=rng.uniform(2.2, 3.4),
        has_shop=bool(rng.random() < 0.55),
        sign=SIGN_COLORS[rng.integers(len(SIGN_COLORS))],
    )


def facade(
    rng: np.random.Generator, style: FacadeStyle, *, metres: tuple[float, float], scale: float
) -> Array8:
    """Make a house front.

    Args:
        rng: Where the randomness comes from.
        style: What the house looks like.
        metres: Height and width of the front.
        scale: Texels per metre.
    """
    height, width = (max(8, round(side * scale)) for side in metres)
    texture = tinted(style.wall, fractal_noise(rng, (height, width), cells=7, octaves=3), 5.0)
    if style.has_bricks:
        course = max(2, round(0.25 * scale))
        texture[::course] -= 15
    texture *= np.linspace(1.05, 0.93, height, dtype=np.float32)[:, None, None]
    floors = max(1, int(metres[0] / FLOOR_METRES))
    bays = max(1, round(metres[1] / style.bay_metres))
    tall = round(FLOOR_METRES * scale)
    panes = _panes(rng, style, cell=width / bays, tall=tall)
    for floor in range(floors):
        bottom = height - round(floor * FLOOR_METRES * scale)
        top = bottom - tall
        texture[max(0, top) : max(0, top) + max(1, round(0.12 * scale))] += 12
        if floor == 0 and style.has_shop:
            _shop(rng, texture, style, rows=(top, bottom))
        else:
            _windows(rng, texture, style, rows=(top, bottom), panes=panes, bays=bays)
    cornice = max(1, round(0.35 * scale))
    texture[:cornice] = np.asarray(style.wall, np.float32) * 0.8 + 36
    texture[cornice : 2 * cornice] *= 0.8
    return finish(texture)


def _windows(
    rng: np.random.Generator,
    texture: Array32,
    style: FacadeStyle,
    *,
    rows: tuple[int, int],
    panes: list[Array32],
    bays: int,
) -> None:
    cell = texture.shape[1] / bays
    tall = rows[1] - rows[0]
    wide = max(2, round(style.window[0] * cell))
    high = max(2, round(style.window[1] * tall))
    top = max(1, rows[0] + round(0.2 * tall))
    for bay, kind in enumerate(rng.integers(len(panes), size=bays).tolist()):
        left = max(0, round((bay + 0.5) * cell - wide / 2) - 1)
        room = texture[top - 1 : top + high + 2, left : left + wide + 2]
        room[:] = panes[kind][: room.shape[0], : room.shape[1]]


def _panes(
    rng: np.random.Generator, style: FacadeStyle, *, cell: float, tall: int
) -> list[Array32]:
    """Draw the windows that a house has, framed; the houses' fronts repeat them."""
    wide = max(2, round(style.window[0] * cell))
    high = max(2, round(style.window[1] * tall))
    frame = np.array(style.wall)
    panes = []
    for _ in range(_KINDS_OF_WINDOWS):
        pane = np.empty((high + 3, wide + 2, 3), np.float32)
        pane[:] = frame + 30
        pane[1 : 1 + high, 1 : 1 + wide] = _glass(rng)
        pane[1 : 1 + high // 3, 1 : 1 + wide] = _glass(rng) + 22
        pane[1 : 1 + high, 1 + wide // 2] = frame * 0.7 + 60
        panes.append(pane)
    return panes


def _glass(rng: np.random.Generator) -> Array64:
    kind = rng.random()
    if kind < 0.1:
        return np.array((214.0, 188.0, 132.0))
    if kind < 0.25:
        return np.array((150.0, 166.0, 182.0)) + rng.normal(0, 10)
    return np.array((62.0, 74.0, 88.0)) + rng.normal(0, 11)


def _shop(
    rng: np.random.Generator, texture: Array32, style: FacadeStyle, *, rows: tuple[int, int]
) -> None:
    width, tall = texture.shape[1], rows[1] - rows[0]
    units = max(1, round(width / (2.2 * tall)))
    cell = width / units
    fill(texture, (0, rows[0]), (width, max(1, tall // 6)), np.array(style.sign) * 0.8)
    for unit in range(units):
        left, wide = round(unit * cell + 0.06 * cell), round(0.88 * cell)
        fill(texture, (left, rows[0] + tall // 5), (wide, tall * 7 // 10), _glass(rng) + 12)
        door = left + round(0.7 * wide)
        fill(texture, (door, rows[0] + tall // 4), (max(2, wide // 6), tall), _glass(rng))
        if rng.random() < 0.6:
            awning = (left, rows[0] + tall // 6), (wide, tall // 4)
            fill(texture, *awning, np.array(style.sign))
            for stripe in range(left, left + wide, max(4, wide // 6)):
                corner = (stripe, rows[0] + tall // 6)
                fill(texture, corner, (max(2, wide // 12), tall // 4), np.full(3, 216.0))


def roof(rng: np.random.Generator, *, metres: tuple[float, float], scale: float) -> Array8:
    """Make a steep roof with dormer windows."""
    size = (max(6, round(metres[0] * scale)), max(8, round(metres[1] * scale)))
    base = np.array(((92, 98, 108), (124, 78, 66), (84, 82, 84))[rng.integers(3)], float)
    texture = tinted(tuple(base), fractal_noise(rng, size, cells=8, octaves=2), 6.0)
    texture[:: max(2, round(0.3 * scale))] -= 10
    cell = 3.2 * scale
    for bay in range(max(1, int(size[1] / cell))):
        left, wide, high = round((bay + 0.3) * cell), round(0.36 * cell), size[0] // 2
        fill(texture, (left - 1, size[0] // 4), (wide + 2, high), np.full(3, 196.0))
        fill(texture, (left, size[0] // 4 + 1), (wide, high - 1), _glass(rng))
    return finish(texture)


def fill(texture: Array32, corner: tuple[int, int], size: tuple[int, int], color: Array64) -> None:
    """Fill a rectangle; the corner is (x, y), the size width and height."""
    x, y = corner
    cv2.rectangle(
        texture, (x, y), (x + size[0] - 1, y + size[1] - 1), [float(c) for c in color], -1
    )
