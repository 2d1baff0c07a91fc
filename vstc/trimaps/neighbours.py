"""Objects side by side: what surely belongs to one is background of the others.

The result does not depend on the order of the objects: every one is changed by what all others
were before any change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from vstc.trimaps.object_trimap import ObjectTrimap
from vstc.trimaps.patch import Patch, Size
from vstc.trimaps.values import BACKGROUND, FOREGROUND, MASK_FROM, UNKNOWN, Trimap

_Mask = NDArray[np.bool_]
_Counts = NDArray[np.uint16]
_AROUND = np.ones((3, 3), np.uint8)


def respect_neighbours(objects: Sequence[ObjectTrimap], *, size: Size) -> list[ObjectTrimap]:
    """Settle the trimaps of all objects of a frame with each other.

    Foreground of another object, outside of the object's own mask, becomes background. Along the
    line where masks touch, the pixels on both sides are unknown in both trimaps, except where that
    would leave an object without any foreground. Where masks overlap, each keeps its own trimap:
    one object may be part of another.

    Args:
        objects: Each alone in the frame.
        size: Height and width of the frame.

    Returns:
        The objects in the same order.
    """
    crowded = _with_company(objects)
    if not crowded:
        return list(objects)
    claims: _Counts = np.zeros(size, np.uint16)
    cores: _Counts = np.zeros(size, np.uint16)
    for one in crowded:
        claims[one.opacity.window.slices] += _mask(one)
        cores[one.trimap.window.slices] += one.trimap.values == FOREGROUND
    in_company = {id(one) for one in crowded}
    return [_settle(one, claims, cores) if id(one) in in_company else one for one in objects]


def _with_company(objects: Sequence[ObjectTrimap]) -> list[ObjectTrimap]:
    """Return the objects whose windows meet that of another."""
    if len(objects) < 2:
        return []
    windows = [one.trimap.window for one in objects]
    top, left, height, width = np.array([[w.top, w.left, w.height, w.width] for w in windows]).T
    bottom, right = top + height, left + width
    meets = (top[:, None] < bottom) & (left[:, None] < right)
    has_company = (meets & meets.T).sum(axis=1) > 1  # each meets itself
    return [one for one, has in zip(objects, has_company, strict=True) if has]


def _settle(one: ObjectTrimap, claims: _Counts, cores: _Counts) -> ObjectTrimap:
    part, mask = one.trimap.window.slices, _mask(one)
    others = (claims[part] - mask > 0) & ~mask
    if not others.any():
        return one
    trimap = one.trimap.values.copy()
    foreground = trimap == FOREGROUND
    trimap[(cores[part] - foreground > 0) & others] = BACKGROUND
    _open_contact_line(trimap, mask, others)
    return replace(one, trimap=Patch(one.trimap.window, trimap))


def _open_contact_line(trimap: Trimap, mask: _Mask, others: _Mask) -> None:
    contact = (others & _around(mask)) | (mask & _around(others))
    foreground = trimap == FOREGROUND
    if not (foreground & ~contact).any():
        contact &= ~foreground
    trimap[contact] = UNKNOWN


def _around(mask: _Mask) -> _Mask:
    return np.asarray(cv2.dilate(mask.view(np.uint8), _AROUND)).view(np.bool_)


def _mask(one: ObjectTrimap) -> _Mask:
    return one.opacity.values >= MASK_FROM
