"""Colours of a view: each sample looks up the texture of the face that it sees."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vstc.data.synth.atlas import LEVELS
from vstc.data.synth.scene import Scene, Stage
from vstc.data.synth.spec import Array8, Array32, Array64, Label
from vstc.data.synth.view import FACE_MASK, SHADOW_BIT, SUBPIXELS, View

_ROW = 256  # cv2.remap wants pictures less than 32768 wide; long lists are folded


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
    for row in range(SUBPIXELS):
        for column in range(SUBPIXELS):
            if (row, column) != (1, 1):
                is_mixed |= samples[:, row, :, column] != centre
    mixed_y, mixed_x = np.nonzero(is_mixed)
    mixed_ids = samples[mixed_y, :, mixed_x, :].reshape(-1)
    step = (np.arange(SUBPIXELS, dtype=np.float32) - SUBPIXELS // 2) / SUBPIXELS
    sub_x = mixed_x[:, None, None].astype(np.float32) + step[None, None, :]
    sub_y = mixed_y[:, None, None].astype(np.float32) + step[None, :, None]
    shape = (len(mixed_x), SUBPIXELS, SUBPIXELS)
    grid_y, grid_x = np.indices((height, width), np.float32)
    colors = _colors(
        scene,
        view,
        ids=np.concatenate([centre.reshape(-1), mixed_ids]),
        x=np.concatenate([grid_x.reshape(-1), np.broadcast_to(sub_x, shape).reshape(-1)]),
        y=np.concatenate([grid_y.reshape(-1), np.broadcast_to(sub_y, shape).reshape(-1)]),
    )
    image = colors[: height * width].reshape(height, width, 3)
    image[mixed_y, mixed_x] = (
        colors[height * width :].reshape(-1, SUBPIXELS * SUBPIXELS, 3).mean(axis=1)
    )
    is_object = np.isin(scene.labels, (Label.CAR, Label.PERSON)).astype(np.float32)
    alpha = is_object[centre & np.uint16(FACE_MASK)]
    covered = is_object[mixed_ids & np.uint16(FACE_MASK)]
    alpha[mixed_y, mixed_x] = covered.reshape(-1, SUBPIXELS * SUBPIXELS).mean(axis=1)
    return Picture(cv2.convertScaleAbs(image), alpha)


def _colors(
    scene: Scene, view: View, *, ids: NDArray[np.uint16], x: Array32, y: Array32
) -> Array32:
    """Return (N, 3) float32 colours of samples at (x, y) that see the faces ``ids``."""
    faces = (ids & np.uint16(FACE_MASK)).astype(np.intp)
    maps = _atlas_from_image(scene, view).astype(np.float32)
    terms = [maps[:, i].take(faces) for i in range(9)]
    inverse_depth = terms[6] * x + terms[7] * y + terms[8]
    u = (terms[0] * x + terms[1] * y + terms[2]) / inverse_depth
    v = (terms[3] * x + terms[4] * y + terms[5]) / inverse_depth
    texels = _look_up(scene.atlas.image, u, v)
    lights = np.stack([scene.lights, scene.lights * scene.weather.shadow]).astype(np.float32)
    light = lights.reshape(-1).take(faces + (ids >> SHADOW_BIT).astype(np.intp) * len(maps))
    clear = inverse_depth * np.float32(scene.weather.haze_distance)
    clear = clear / (1 + clear)
    light *= clear
    colors: Array32 = np.multiply(texels, light[:, None], dtype=np.float32)
    hazy = (1 - clear)[:, None] * np.float32(scene.weather.horizon)
    colors += hazy
    return colors


def _look_up(image: Array8, u: Array32, v: Array32) -> Array8:
    count = len(u)
    rows = -(-count // _ROW)
    folded = np.zeros((2, rows * _ROW), np.float32)
    folded[0, :count], folded[1, :count] = u, v
    found = cv2.remap(
        image,
        folded[0].reshape(rows, _ROW),
        folded[1].reshape(rows, _ROW),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(found.reshape(-1, 3)[:count], np.uint8)


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
