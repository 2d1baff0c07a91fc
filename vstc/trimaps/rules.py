"""Rules by name, with what they have drawn; each knows how far it reaches."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from vstc.trimaps.band import band_reach, band_trimap
from vstc.trimaps.training_rules import (
    WIDEST_DIM,
    WIDEST_GCA,
    WIDEST_INDEXNET,
    dim_trimap,
    gca_trimap,
    indexnet_trimap,
)
from vstc.trimaps.values import Opacity, Trimap


class RuleName(StrEnum):
    """Which rule turns masks into trimaps."""

    BAND = "band"
    INDEXNET = "indexnet"
    DIM = "dim"
    GCA = "gca"


@dataclass(frozen=True)
class Rule:
    """A rule with its widths.

    Attributes:
        name: Which rule.
        widths: Its parameters, in pixels.
        reach: How far beyond the object a pixel may become unknown.
        apply: Makes the trimap of an image that holds the object with a margin of ``reach``, or
            up to the edge of the frame.
    """

    name: RuleName
    widths: Mapping[str, float]
    reach: int
    apply: Callable[[Opacity], Trimap]


def band_rule(radius: float) -> Rule:
    """Return the rule for export.

    Args:
        radius: In pixels.
    """
    return Rule(
        RuleName.BAND,
        {"radius": radius},
        band_reach(radius),
        lambda opacity: band_trimap(opacity, radius=radius),
    )


def draw_rule(name: RuleName, generator: np.random.Generator) -> Rule:
    """Return one of the training-time rules with widths drawn as its authors do.

    Args:
        name: Which rule, not ``BAND``.
        generator: Source of the draw.
    """
    if name is RuleName.INDEXNET:
        radius = _draw(generator, WIDEST_INDEXNET)
        return Rule(
            name,
            {"radius": radius},
            radius + 1,  # of a hard mask, the pixels beside it count as not sure
            lambda opacity: indexnet_trimap(opacity, radius=radius),
        )
    if name is RuleName.DIM:
        iterations = _draw(generator, WIDEST_DIM)
        return Rule(
            name,
            {"iterations": iterations},
            iterations,
            lambda opacity: dim_trimap(opacity, iterations=iterations),
        )
    if name is RuleName.GCA:
        inner, outer = _draw(generator, WIDEST_GCA), _draw(generator, WIDEST_GCA)
        return Rule(
            name,
            {"foreground_size": inner, "background_size": outer},
            (outer - 1) // 2 + 1,
            lambda opacity: gca_trimap(opacity, foreground_size=inner, background_size=outer),
        )
    raise ValueError(f"rule {name} draws nothing")


def _draw(generator: np.random.Generator, widest: int) -> int:
    return int(generator.integers(1, widest, endpoint=True))
