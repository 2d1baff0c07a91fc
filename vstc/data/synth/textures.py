"""Procedural textures: noise, ground, sky, leaves, cloth."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np

from vstc.data.synth.spec import Array8, Array32, Array64
from vstc.data.synth.weather import Weather

ZEBRA = (0.3, 0.65)  # where a crossing begins and ends in its piece of road, from the far end
Rgb = Sequence[float] | Array64


def fractal_noise(
    rng: np.random.Generator, size: tuple[int, int], *, cells: int, octaves: int = 3
) -> Array32:
    """Return smooth noise of about unit deviation.

    Args:
        rng: Where the randomness comes from.
        size: Height and width.
        cells: Waves along the longer side in the coarsest octave.
        octaves: Each has twice the waves and 0.6 of the strength.
    """
    height, width = size
    total = np.zeros(size, np.float32)
    for octave in range(octaves):
        waves = cells * 2**octave / max(size)
        grid = (max(2, round(height * waves)), max(2, round(width * waves)))
        coarse = rng.standard_normal(grid, np.float32)
        total += 0.6**octave * cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return total


def tinted(base: Rgb, noise: Array32, strength: float) -> Array32:
    """Turn noise to an RGB texture around a colour, (H, W, 3) float32."""
    return np.asarray(_color(base) + (strength * noise)[..., None], np.float32)


def finish(texture: Array32) -> Array8:
    """Round and clip to 8 bits."""
    return np.asarray(cv2.convertScaleAbs(np.maximum(texture, 0)), np.uint8)


def plain(rng: np.random.Generator, base: Rgb, *, size: tuple[int, int] = (24, 24)) -> Array8:
    """Make a nearly plain surface that darkens a little downwards and to its right edge."""
    return finish(tinted(base, fractal_noise(rng, size, cells=6, octaves=2), 5.0) * _light(size))


def cloth(rng: np.random.Generator, base: Rgb) -> Array8:
    """Make cloth: plain, striped or checked, rounded by light."""
    size = (32, 20)
    texture = tinted(base, fractal_noise(rng, size, cells=8, octaves=2), 7.0)
    pattern = rng.integers(5)
    other = np.asarray(rng.uniform(30, 225, 3), np.float32)
    if pattern == 0:
        texture[::6] = texture[1::6] = other
    elif pattern == 1:
        texture[:, ::5] = 0.5 * (texture[:, ::5] + other)
        texture[::7] = 0.5 * (texture[::7] + other)
    around = 1.05 - 0.3 * np.linspace(-1, 1, size[1], dtype=np.float32) ** 2
    return finish(texture * around[None, :, None])


def leaves(rng: np.random.Generator, base: Rgb, *, size: tuple[int, int] = (64, 64)) -> Array8:
    """Make foliage: bright and dark clumps, lighter on top."""
    clumps = fractal_noise(rng, size, cells=9, octaves=3)
    texture = tinted(base, clumps, 17.0)
    texture[..., 0] += 7.0 * fractal_noise(rng, size, cells=5, octaves=1)
    down = np.linspace(1.22, 0.72, size[0], dtype=np.float32)[:, None, None]
    return finish(texture * down)


def sky(rng: np.random.Generator, weather: Weather, *, size: tuple[int, int]) -> Array8:
    """Make the sky: a gradient to the horizon at the lower quarter, and clouds."""
    height, width = size
    down = np.clip(np.linspace(0, 1.25, height, dtype=np.float32), 0, 1)[:, None, None] ** 1.6
    texture = (1 - down) * _color(weather.zenith) + down * _color(weather.horizon)
    texture = np.repeat(texture, width, axis=1)
    clouds = fractal_noise(rng, (height * 2, width), cells=11, octaves=4)[::2]
    cover = np.clip(0.9 * clouds + 3.2 * weather.cloud_share - 1.9, 0, 1)[..., None] * (1 - down)
    return finish(texture + cover * (_color(weather.cloud) - texture))


def asphalt(
    rng: np.random.Generator, *, size: tuple[int, int], base: Rgb, has_zebra: bool
) -> Array8:
    """Make a piece of road across its whole width: worn tracks, patches, paint.

    Args:
        rng: Where the randomness comes from.
        size: Height (along the road, 10 m) and width (across).
        base: Colour of the asphalt.
        has_zebra: Paint a crossing.
    """
    height, width = size
    texture = tinted(base, fractal_noise(rng, size, cells=24, octaves=3), 4.5)
    texture += (5.0 * fractal_noise(rng, size, cells=3, octaves=1))[..., None]
    across = np.linspace(-1, 1, width, dtype=np.float32)
    for track in (-0.42, -0.18, 0.18, 0.42):
        texture -= 7.0 * np.exp(-(((across - track) / 0.06) ** 2))[None, :, None]
    for _ in range(int(rng.integers(0, 3))):
        x, y = int(rng.uniform(0, 0.8) * width), int(rng.uniform(0, 0.8) * height)
        patch = texture[y : y + int(height * rng.uniform(0.1, 0.3)), x : x + width // 6]
        patch += np.float32(rng.uniform(-16, 8))
    paint = _color((208, 208, 200))
    line = max(1, round(0.012 * width))
    if has_zebra:
        top, bottom = (int(part * height) for part in ZEBRA)
        stripes = np.nonzero((np.arange(width) * 22 // width) % 2)[0]
        texture[top:bottom, stripes] = 0.85 * paint + 0.15 * texture[top:bottom, stripes]
    else:
        centre = slice(width // 2 - line, width // 2 + line)
        texture[: int(0.4 * height), centre] = paint
    for edge in (0.2, 0.8):
        texture[:, int(edge * width) : int(edge * width) + line] = 0.6 * paint + 30
    return finish(texture)


def pavement(rng: np.random.Generator, *, size: tuple[int, int], base: Rgb) -> Array8:
    """Make a piece of sidewalk: slabs, and a kerb along the left edge.

    Args:
        rng: Where the randomness comes from.
        size: Height (along the road) and width (across).
        base: Colour of the slabs.
    """
    height, width = size
    slabs = rng.standard_normal((16, 5), np.float32)
    shade = cv2.resize(slabs, (width, height), interpolation=cv2.INTER_NEAREST)
    texture = tinted(base, 5 * shade + 4 * fractal_noise(rng, size, cells=20, octaves=2), 1.0)
    texture[:: max(2, height // 16)] -= 18
    texture[:, :: max(2, width // 5)] -= 18
    kerb = max(2, width // 14)
    texture[:, :kerb] = _color(base) + 26
    texture[:, kerb : kerb + max(1, kerb // 3)] -= 30
    return finish(texture)


@lru_cache(maxsize=32)
def _light(size: tuple[int, int]) -> Array32:
    down = np.linspace(1.06, 0.88, size[0], dtype=np.float32)[:, None, None]
    across = np.linspace(1.04, 0.9, size[1], dtype=np.float32)[None, :, None]
    return np.asarray(down * across, np.float32)


def _color(color: Rgb) -> Array32:
    return np.asarray(color, np.float32)
