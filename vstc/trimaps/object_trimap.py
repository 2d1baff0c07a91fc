"""The trimap of one object in one frame, before it is written."""

from __future__ import annotations

from dataclasses import dataclass, replace

from vstc.trimaps.kept_core import DEFAULT_SHARE, NOTHING_KEPT, KeptCore, keep_core
from vstc.trimaps.patch import Patch, Size
from vstc.trimaps.rules import Rule


@dataclass(frozen=True, eq=False)
class ObjectTrimap:
    """An object with its trimap; both patches have the same window.

    Attributes:
        track: Number of the object.
        opacity: What it was made from.
        trimap: 0, 128 and 255; background outside of the window.
        rule: What made it.
        kept: What had to be kept of foreground and background.
    """

    track: int
    opacity: Patch
    trimap: Patch
    rule: Rule
    kept: KeptCore = NOTHING_KEPT


def object_trimap(
    opacity: Patch,
    rule: Rule,
    *,
    track: int,
    size: Size,
    core_share: float = DEFAULT_SHARE,
    smallest_part: int = 1,
) -> ObjectTrimap:
    """Make the trimap of one object, alone in the frame.

    Args:
        opacity: The object, in its bounding box.
        rule: The rule.
        track: Number of the object.
        size: Height and width of the frame.
        core_share: Share of each part of the object that stays foreground.
        smallest_part: Parts with fewer pixels may vanish.
    """
    # One pixel of margin at least: edges and contacts show only where the outside is seen.
    grown = opacity.grown(max(rule.reach, 1), size=size)
    trimap, kept = keep_core(
        rule.apply(grown.values),
        grown.values,
        share=core_share,
        smallest_part=smallest_part,
        is_whole_frame=grown.window.covers(size),
    )
    return ObjectTrimap(track, grown, Patch(grown.window, trimap), rule, kept)


def keep_core_anew(
    one: ObjectTrimap, *, size: Size, core_share: float, smallest_part: int
) -> ObjectTrimap:
    """Keep the core of an object whose trimap was changed after it was made; arguments as above."""
    values, kept = keep_core(
        one.trimap.values,
        one.opacity.values,
        share=core_share,
        smallest_part=smallest_part,
        is_whole_frame=one.trimap.window.covers(size),
    )
    if not kept.is_anything_kept:
        return one
    return replace(one, trimap=Patch(one.trimap.window, values), kept=kept)
