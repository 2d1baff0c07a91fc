"""Which rule with which width an object gets: the same in all its frames, unless told otherwise."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable

import numpy as np

from vstc.trimaps.rules import Rule, RuleName, band_rule, draw_rule
from vstc.trimaps.settings import WIDEST_RADIUS, ExportSettings, SizeFrom
from vstc.trimaps.sources.source import TrackSurvey

# Frame index and area of the object there, in pixels, to the rule.
RuleOfFrame = Callable[[int, int], Rule]


def rule_of_frames(settings: ExportSettings, clip_id: str, survey: TrackSurvey) -> RuleOfFrame:
    """Return what gives the rule of each frame of a track.

    Draws depend on the seed, the clip, the track and, with ``redraw``, the frame alone: they are
    the same whatever else is exported, and after a resume.

    Args:
        settings: The rule and its width.
        clip_id: The clip.
        survey: The track.
    """
    if settings.rule is RuleName.BAND:
        return _band_of_frames(settings, survey)
    start = [settings.seed, zlib.crc32(clip_id.encode()), survey.track]

    def drawn(index: int, _area: int) -> Rule:
        return draw_rule(settings.rule, np.random.default_rng([*start, index]))

    if settings.redraw:
        return drawn
    once = draw_rule(settings.rule, np.random.default_rng(start))
    return lambda _index, _area: once


def _band_of_frames(settings: ExportSettings, survey: TrackSurvey) -> RuleOfFrame:
    if settings.relative is None:
        constant = band_rule(settings.band_radius)
        return lambda _index, _area: constant
    share = settings.relative
    if settings.relative_to is SizeFrom.TRACK:
        of_track = band_rule(_radius(share * survey.mean_root_area))
        return lambda _index, _area: of_track
    return lambda _index, area: band_rule(_radius(share * math.sqrt(area)))


def _radius(relative: float) -> float:
    """Bound a relative radius: a band of less than a pixel is none."""
    return min(max(round(relative, 3), 1.0), WIDEST_RADIUS)
