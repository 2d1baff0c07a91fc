"""Keep some sure foreground in every part of an object, and some background.

A wide band leaves nothing of a thin part, and programs that get a trimap without foreground stop
with an error. Parts that are eroded away get a narrower band inside; outside, it stays as wide.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vstc.trimaps.distance import depth
from vstc.trimaps.values import BACKGROUND, FOREGROUND, MASK_FROM, Opacity, Trimap

DEFAULT_SHARE = 0.01


@dataclass(frozen=True)
class KeptCore:
    """What had to be kept.

    Attributes:
        parts: Connected parts of the object whose band was made narrower.
        radius: The narrowest band that is left inside one of them: pixels of it nearer to the
            edge than this are unknown. None when there is no such part.
        is_background_kept: The band would have covered all of the background.
    """

    parts: int = 0
    radius: float | None = None
    is_background_kept: bool = False

    @property
    def is_anything_kept(self) -> bool:
        """Tell whether the trimap differs from what its rule says."""
        return self.parts > 0 or self.is_background_kept


NOTHING_KEPT = KeptCore()


def keep_core(
    trimap: Trimap,
    opacity: Opacity,
    *,
    share: float = DEFAULT_SHARE,
    smallest_part: int = 1,
    is_whole_frame: bool = False,
) -> tuple[Trimap, KeptCore]:
    """Give back foreground where less than a share of a connected part is left.

    What is kept are the pixels deepest inside, as a smaller radius would have left them: the
    fewest depths that make up the share, or the greatest depth alone.

    Args:
        trimap: (H, W), what a rule has made of the opacity.
        opacity: (H, W) uint8; 0 surely background, 255 surely foreground, else not sure. An object
            that is nowhere sure counts where its values are highest.
        share: Of the pixels of a part; 0 keeps nothing.
        smallest_part: Parts with fewer pixels may vanish, unless the object has no larger one.
        is_whole_frame: The image is all of the frame, so the background must be in it too.

    Returns:
        The trimap, the same array if nothing was kept, and a report. Parts hang together by sides
        or corners.
    """
    if share <= 0:
        return trimap, NOTHING_KEPT
    sure = opacity == FOREGROUND
    if not sure.any():
        sure = _highest(opacity, share)
    kept, parts, radius = _missing_core(trimap, sure, share, smallest_part)
    has_no_background = is_whole_frame and not (trimap == BACKGROUND).any()
    background = _deepest(opacity == BACKGROUND, share) if has_no_background else None
    if kept is None and background is None:
        return trimap, NOTHING_KEPT
    trimap = trimap.copy()
    if kept is not None:
        trimap[kept] = FOREGROUND
    if background is not None:
        trimap[background] = BACKGROUND
    return trimap, KeptCore(parts, radius, background is not None)


def _missing_core(
    trimap: Trimap, sure: NDArray[np.bool_], share: float, smallest_part: int
) -> tuple[NDArray[np.bool_] | None, int, float | None]:
    """Find what must be kept of parts that lack it: pixels, number of parts, least depth."""
    num_labels, labels, stats, _ = cv2.connectedComponentsWithStats(
        sure.view(np.uint8), connectivity=8
    )
    areas = np.asarray(stats[:, cv2.CC_STAT_AREA])
    held = np.bincount(labels[trimap == FOREGROUND], minlength=num_labels)
    is_large = areas >= min(smallest_part, areas[1:].max(initial=0))
    is_lacking = is_large & (held < np.ceil(share * areas))
    lacking = [int(part) for part in np.flatnonzero(is_lacking) if part != 0]
    if not lacking:
        return None, 0, None
    depths = depth(sure)
    kept = np.zeros(sure.shape, np.bool_)
    least = math.inf
    for part in lacking:
        left, top, width, height = (int(v) for v in stats[part, :4])
        box = (slice(top, top + height), slice(left, left + width))
        mine = labels[box] == part
        limit = _depth_that_leaves(depths[box][mine], share)
        kept[box] |= mine & (depths[box] >= limit)
        least = min(least, limit)
    return kept, len(lacking), least


def _deepest(where: NDArray[np.bool_], share: float) -> NDArray[np.bool_] | None:
    """Return the pixels deepest inside of a set; None when it is empty."""
    if not where.any():
        return None
    depths = depth(where)
    return depths >= _depth_that_leaves(depths[where], share)


def _highest(opacity: Opacity, share: float) -> NDArray[np.bool_]:
    """Return where an object that is nowhere sure is most so; nothing when there is no object."""
    is_object = opacity >= MASK_FROM
    if not is_object.any():
        return is_object
    return opacity >= _depth_that_leaves(opacity[is_object], share)


def _depth_that_leaves(values: NDArray[np.generic], share: float) -> float:
    """Return the greatest value that at least a share of all values reach."""
    count = max(math.ceil(share * values.size), 1)
    return float(np.partition(values, -count)[-count])
