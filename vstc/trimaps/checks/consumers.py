"""What each known program reads of a trimap, as its released code does it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from vstc.trimaps.values import FOREIGN_TRIMAPS, Certainty

Histogram = NDArray[np.int64]


class Region(StrEnum):
    """The parts of a trimap."""

    BACKGROUND = "background"
    UNKNOWN = "unknown"
    FOREGROUND = "foreground"


EVERY = frozenset(Region)


@dataclass(frozen=True)
class Consumer:
    """What a program makes of the values of a trimap, and what it cannot do without.

    Attributes:
        reads: Up to which value it takes background and from which on foreground; the rest is
            unknown to it.
        only_128: Nothing but exactly 128 is unknown to it: other values between are alphas.
        needs: Regions without which it stops with an error or takes one for another.
        one_channel: It takes a file of one channel only.
        first_frame: It reads the first frame of an object alone.
        mask: It reads no trimap but the mask of the first frame.
    """

    reads: Certainty
    only_128: bool = False
    needs: frozenset[Region] = frozenset()
    one_channel: bool = False
    first_frame: bool = False
    mask: bool = False


# IndexNet: the demo divides what is not 128 by 255. FBA: get_trimap compares with 0 and 1. GCA
# and the training of ViTMatte: below 85, from 170 on; ViTMatte itself: the grey image is an input
# of the network, trained with 128. pymatting and closed-form-matting: <= 0.1, >= 0.9, and an error
# without foreground or background. OTVM: 0, the largest and the second largest value of the first
# frame. MatAnyone: a binary mask of the first frame.
CONSUMERS: Mapping[str, Consumer] = {
    "indexnet": Consumer(Certainty(0, 255), only_128=True, one_channel=True),
    "fba": Consumer(Certainty(0, 255)),
    "gca": Consumer(Certainty(84, 170)),
    "vitmatte": Consumer(Certainty(0, 255), only_128=True),
    "pymatting": Consumer(Certainty(25, 230), needs=EVERY),
    "closed-form-matting": Consumer(Certainty(25, 230), needs=EVERY),
    "otvm": Consumer(Certainty(0, 255), only_128=True, needs=EVERY, first_frame=True),
    "matanyone": Consumer(Certainty(0, 255), first_frame=True, mask=True),
}


@dataclass(frozen=True, eq=False)
class ImageFacts:
    """What a check needs to know of an image file.

    Attributes:
        size: Height and width.
        mode: ``L`` for one channel of 8 bits; else what Pillow calls it.
        histogram: How many pixels have each value, (256,), of the grey values.
    """

    size: tuple[int, int]
    mode: str
    histogram: Histogram

    @property
    def values(self) -> list[int]:
        """The values that are there."""
        return [int(value) for value in np.flatnonzero(self.histogram)]


def complaints(consumer: Consumer, facts: ImageFacts) -> list[str]:
    """Say what a program would misread in a trimap or lack; nothing when all is well.

    A value is misread if the program takes it for another region than it is by the usual
    tolerance: background up to 25, foreground from 230 on.
    """
    found = []
    if consumer.one_channel and facts.mode != "L":
        found.append(f"mode {facts.mode} is not one channel of 8 bits")
    for value in facts.values:
        meant, taken = region_of(value, FOREIGN_TRIMAPS), _taken(consumer, value)
        if taken != meant:
            found.append(f"value {value} is {meant} but read as {taken}")
            break
    present = {region_of(value, consumer.reads) for value in facts.values}
    lacking = sorted(consumer.needs - present)
    if lacking:
        found.append(f"no {' and no '.join(lacking)}")
    return found


def mask_complaints(facts: ImageFacts) -> list[str]:
    """Say what is wrong with the mask of an object: it must be 0 and 255, and not empty."""
    found = []
    if facts.mode != "L":
        found.append(f"mode {facts.mode} is not one channel of 8 bits")
    if set(facts.values) - {0, 255}:
        found.append("other values than 0 and 255")
    if not facts.histogram[255]:
        found.append("the mask is empty")
    return found


def region_of(value: int, certainty: Certainty) -> Region:
    """Tell which region a value stands for."""
    if value <= certainty.background_to:
        return Region.BACKGROUND
    return Region.FOREGROUND if value >= certainty.foreground_from else Region.UNKNOWN


def _taken(consumer: Consumer, value: int) -> str:
    region = region_of(value, consumer.reads)
    if consumer.only_128 and region is Region.UNKNOWN and value != 128:
        return f"alpha {value / 255:.2f}"
    return str(region)
