"""One frame of a scene as geometry: where faces lie in the picture and who hides whom."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vstc.data.synth.scene import Scene, Stage, cross
from vstc.data.synth.spec import Array8, Array64

SUBPIXELS = 3  # odd, so that the middle sample is the centre of the pixel
SHADOW_BIT = 14
FACE_MASK = (1 << SHADOW_BIT) - 1
_NEAR = 0.15
_SINGULAR = 1e-12
_SHIFT = 4
_FARTHEST = 1 << 22
_SPECK = 3 << (_SHIFT - 1)  # smaller than half a pixel in both directions: not painted

Ids = NDArray[np.uint16]


@dataclass(frozen=True)
class View:
    """Geometry of a frame.

    Attributes:
        image_from_plane: (P, 3, 3); the third component of the result is the depth.
        plane_from_image: (P, 3, 3), the inverse.
        depths: (P,) a middling depth of each face, for the choice of its texture size.
        ids: (3 H, 3 W) face seen at each of 3 x 3 samples of a pixel; bit 14 means shade.
    """

    image_from_plane: Array64
    plane_from_image: Array64
    depths: Array64
    ids: Ids

    @property
    def centre_ids(self) -> Ids:
        """Faces at the centres of the pixels, (H, W), without the shade bit."""
        return self.ids[1::SUBPIXELS, 1::SUBPIXELS] & np.uint16(FACE_MASK)


def view_at(scene: Scene, time: int) -> View:
    """Project all faces of a frame and find the one in front at every sample."""
    camera = scene.camera
    planes = scene.planes_at(time).copy()
    planes[~scene.is_far, :, 2] -= camera.centres[time]
    projected = camera.projections[time] @ planes
    inverse, determinant = invert(projected)
    points = np.einsum("vij,vj->vi", projected[scene.face_of_corner], scene.corners)
    outlines = _Outlines(points, scene.starts, camera.size)
    is_drawn = outlines.is_inside & (scene.is_two_sided | (determinant > 0))
    is_drawn &= np.abs(determinant) > _SINGULAR
    order = np.lexsort((-scene.depth_keys[time], scene.stages))
    order = order[is_drawn[order]]
    is_ground = scene.stages[order] <= Stage.GROUND
    ids = np.zeros((SUBPIXELS * camera.size[0], SUBPIXELS * camera.size[1]), np.uint16)
    outlines.paint(ids, order[is_ground], is_convex=scene.is_convex)
    _shade_ground(ids, scene, time)
    outlines.paint(ids, order[~is_ground], is_convex=scene.is_convex)
    return View(projected, inverse, outlines.middling_depths(), ids)


def invert(matrices: Array64) -> tuple[Array64, Array64]:
    """Invert (..., 3, 3) matrices by their cofactors.

    Returns:
        The inverses (of singular ones: zeros) and the determinants.
    """
    a, b, c = matrices[..., 0], matrices[..., 1], matrices[..., 2]
    rows = np.stack([cross(b, c), cross(c, a), cross(a, b)], axis=-2)
    determinant = (a * rows[..., 0, :]).sum(axis=-1)
    is_regular = np.abs(determinant) > _SINGULAR
    factor = np.where(is_regular, 1 / np.where(is_regular, determinant, 1.0), 0.0)
    return rows * factor[..., None, None], determinant


def to_samples(points: Array64) -> NDArray[np.int32]:
    """Turn homogeneous pixels into sample coordinates with four binary places."""
    depth = np.maximum(points[:, 2:], 1e-6)
    samples = (points[:, :2] / depth * SUBPIXELS + SUBPIXELS // 2) * (1 << _SHIFT)
    return np.asarray(np.clip(np.rint(samples), -_FARTHEST, _FARTHEST), np.int32)


def cut_near(points: Array64) -> Array64:
    """Cut away the part of a polygon, (n, 3) homogeneous, that lies behind the camera."""
    kept: list[Array64] = []
    for current, following in zip(points, np.roll(points, -1, axis=0), strict=True):
        if current[2] > _NEAR:
            kept.append(current)
        if (current[2] > _NEAR) != (following[2] > _NEAR):
            part = (_NEAR - current[2]) / (following[2] - current[2])
            kept.append(current + part * (following - current))
    return np.array(kept).reshape(-1, 3)


class _Outlines:
    """Polygons in the picture, all projected at once.

    Args:
        points: (V, 3) corners as homogeneous pixels.
        starts: (P + 1,) first corner of each polygon.
        size: Height and width of the frame.
    """

    def __init__(self, points: Array64, starts: NDArray[np.int64], size: tuple[int, int]) -> None:
        self._points = points
        self._starts = starts.tolist()
        self._samples = to_samples(points)
        firsts = starts[:-1]
        self._nearest = np.minimum.reduceat(points[:, 2], firsts)
        self._farthest = np.maximum.reduceat(points[:, 2], firsts)
        limit = np.array([size[1], size[0]]) * SUBPIXELS << _SHIFT
        lowest = np.minimum.reduceat(self._samples, firsts)
        highest = np.maximum.reduceat(self._samples, firsts)
        self._is_cut = self._nearest <= _NEAR
        is_speck = (highest - lowest < _SPECK).all(axis=1)
        self.is_inside = ((highest >= 0) & (lowest < limit)).all(axis=1)
        self.is_inside &= ~(self._is_cut | is_speck)
        for polygon in np.nonzero(self._is_cut & (self._farthest > _NEAR))[0]:
            cut = to_samples(cut_near(points[starts[polygon] : starts[polygon + 1]]))
            inside = (cut.max(axis=0) >= 0) & (cut.min(axis=0) < limit)
            self.is_inside[polygon] = inside.all()

    def middling_depths(self) -> Array64:
        """Return a depth between the nearest and the farthest corner, (P,)."""
        depths = np.maximum(self._nearest, 2.0) * np.maximum(self._farthest, 2.0)
        return np.asarray(np.sqrt(depths))

    def paint(
        self,
        canvas: Ids | Array8,
        polygons: NDArray[np.int64],
        *,
        is_convex: NDArray[np.bool_],
        value: int | None = None,
    ) -> None:
        """Paint polygons in order, each with its index or all with one value."""
        is_plain = is_convex[polygons].tolist()
        is_cut = self._is_cut[polygons].tolist()
        for polygon, plain, cut in zip(polygons.tolist(), is_plain, is_cut, strict=True):
            color = polygon if value is None else value
            corners = slice(self._starts[polygon], self._starts[polygon + 1])
            outline = self._samples[corners]
            if cut:
                outline = to_samples(cut_near(self._points[corners]))
            if plain:
                cv2.fillConvexPoly(canvas, outline, color, cv2.LINE_8, _SHIFT)
            else:
                cv2.fillPoly(canvas, [outline], color, cv2.LINE_8, _SHIFT)


def _shade_ground(ids: Ids, scene: Scene, time: int) -> None:
    if not len(scene.shadows.starts) > 1:
        return
    camera = scene.camera
    shadows = scene.shadows
    points = (shadows.corners_at(time) - camera.centres[time]) @ camera.projections[time].T
    outlines = _Outlines(points, shadows.starts, camera.size)
    shown = np.nonzero(outlines.is_inside)[0]
    mask = np.zeros(ids.shape, np.uint8)
    outlines.paint(mask, shown, is_convex=np.ones(len(points), np.bool_), value=1)
    ids |= mask.astype(np.uint16) << SHADOW_BIT
