"""Colours of a view: each sample looks up the texture of the face that it sees."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from vstc.data.synth.atlas import LEVELS
from vstc.data.synth.scene import Scene, Stage
from vstc.data.synth.spec import Array8, Array32, Array64, Label
from vstc.data.synth.view import FACE_MASK, SHADOW_BIT, SUBPIXELS, View

_OFFSETS = tuple(np.ndindex(SUBPIXELS, SUBPIXELS))  # (row, column) of the samples of a pixel
# So many samples at a time: their arrays stay in the cache, and cv2.remap takes them as one row.
_BLOCK = 8192


@dataclass(frozen=True)
class Picture:
    """What the camera sees before its sensor spoils it.

    Attributes:
        image_HW3: RGB uint8.
        alpha_HW: Share of each pixel that cars and people cover, float32 in [0, 1].
    """

    image_HW3: Array8
    alpha_HW: Array32


def shade(scene: Scene, view: View) -> Picture:
    """Colour a view: one sample where a pixel sees one face, all 3 x 3 where it sees more."""
    height, width = scene.camera.size
    samples = view.ids.reshape(height, SUBPIXELS, width, SUBPIXELS)
    centre = samples[:, 1, :, 1]
    is_mixed = np.zeros((height, width), np.bool_)
    for row, column in _OFFSETS:
        is_mixed |= samples[:, row, :, column] != centre
    mixed_y, mixed_x = np.nonzero(is_mixed)
    # (9, mixed): the nine samples of a pixel lie far apart, so that sums over them are quick.
    mixed_ids = np.stack([samples[mixed_y, i, mixed_x, j] for i, j in _OFFSETS])
    offsets = (np.array(_OFFSETS) - SUBPIXELS // 2) / SUBPIXELS
    sub_y = (mixed_y + offsets[:, :1]).astype(np.float32)
    sub_x = (mixed_x + offsets[:, 1:]).astype(np.float32)
    surface = _surface(scene, view)
    grid_x, grid_y = _grid((height, width))
    planes = _colors(surface, ids=centre.reshape(-1), x=grid_x, y=grid_y)
    mixed_planes = _colors(
        surface, ids=mixed_ids.reshape(-1), x=sub_x.reshape(-1), y=sub_y.reshape(-1)
    )
    channels = []
    for plane, parts in zip(planes, mixed_planes, strict=True):
        channel = plane.reshape(height, width)
        channel[is_mixed] = parts.reshape(mixed_ids.shape).sum(axis=0) / len(_OFFSETS)
        channels.append(cv2.convertScaleAbs(channel))
    is_object = np.isin(scene.labels, (Label.CAR, Label.PERSON)).astype(np.float32)
    alpha = is_object[centre & np.uint16(FACE_MASK)]
    covered = is_object[mixed_ids & np.uint16(FACE_MASK)]
    alpha[is_mixed] = covered.sum(axis=0) / len(_OFFSETS)
    return Picture(np.asarray(cv2.merge(channels), np.uint8), alpha)


@lru_cache(maxsize=4)
def _grid(size: tuple[int, int]) -> tuple[Array32, Array32]:
    y, x = np.indices(size, np.float32)
    return x.reshape(-1), y.reshape(-1)


def _colors(surface: _Surface, *, ids: NDArray[np.uint16], x: Array32, y: Array32) -> Array32:
    """Return (3, N) red, green and blue of samples at (x, y) that see the faces ``ids``."""
    colors = np.empty((3, len(ids)), np.float32)
    for start in range(0, len(ids), _BLOCK):
        block = slice(start, start + _BLOCK)
        for channel, values in zip(colors, surface(ids[block], x[block], y[block]), strict=True):
            channel[block] = values
    return colors


def _surface(scene: Scene, view: View) -> _Surface:
    maps = np.ascontiguousarray(_atlas_from_image(scene, view).T, np.float32)
    lights = np.concatenate([scene.lights, scene.lights * scene.weather.shadow])
    return _Surface(scene, maps, lights.astype(np.float32))


@dataclass(frozen=True)
class _Surface:
    """Colours samples of one frame.

    Attributes:
        maps: (9, P) homographies from pixels to the atlas.
        lights: (2 P,) light on the faces, then the same in the shade.
    """

    scene: Scene
    maps: Array32
    lights: Array32

    def __call__(self, ids: NDArray[np.uint16], x: Array32, y: Array32) -> list[Array32]:
        faces = (ids & np.uint16(FACE_MASK)).astype(np.intp)
        terms = [row.take(faces) for row in self.maps]
        inverse_depth = terms[6] * x + terms[7] * y + terms[8]
        depth = 1 / inverse_depth
        u = (terms[0] * x + terms[1] * y + terms[2]) * depth
        v = (terms[3] * x + terms[4] * y + terms[5]) * depth
        faces += (ids >> SHADOW_BIT).astype(np.intp) * self.maps.shape[1]
        light = self.lights.take(faces)
        weather = self.scene.weather
        clear = inverse_depth * np.float32(weather.haze_distance)
        clear /= 1 + clear
        light *= clear
        hazy = 1 - clear
        texels = _look_up(self.scene.atlas.image, u, v)
        return [
            texel * light + hazy * np.float32(haze)
            for texel, haze in zip(texels, weather.horizon, strict=True)
        ]


def _look_up(image: Array8, u: Array32, v: Array32) -> list[Array8]:
    """Return the channels, (N,) each, of a picture at the points (u, v)."""
    found = cv2.remap(image, u[None], v[None], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return [np.asarray(channel, np.uint8).reshape(-1) for channel in cv2.split(found)]


def _atlas_from_image(scene: Scene, view: View) -> Array64:
    """Return (P, 9) homographies from pixels to the atlas; the third component is 1 / depth."""
    focal = 0.72 * scene.camera.size[1]
    texels_per_pixel = scene.texels_per_metre * view.depths / focal
    # Ground and fronts are seen at a slant: they are averaged further along it than across.
    level = np.rint(np.log2(np.maximum(texels_per_pixel, 1e-6)) + 0.2)
    level = np.clip(level, 0, LEVELS - 1).astype(np.intp)
    level[scene.stages == Stage.SKY] = 0
    scale_x, scale_y, offset_x, offset_y = scene.atlas.placed[scene.textures, level].T
    texels = scene.texel_from_plane @ view.plane_from_image
    texels[:, 0] = texels[:, 0] * scale_x[:, None] + texels[:, 2] * offset_x[:, None]
    texels[:, 1] = texels[:, 1] * scale_y[:, None] + texels[:, 2] * offset_y[:, None]
    return texels.reshape(-1, 9)
