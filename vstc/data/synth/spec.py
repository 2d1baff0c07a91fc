"""What a synthetic clip is made from, and the classes that occur in it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from vstc.formats.dataset import LabelClass

Array8 = NDArray[np.uint8]
Array32 = NDArray[np.float32]
Array64 = NDArray[np.float64]

FPS = 15.0
IGNORE_INDEX = 255


class Label(IntEnum):
    """Class ids, with the names of Cityscapes."""

    ROAD = 0
    SIDEWALK = 1
    BUILDING = 2
    POLE = 3
    VEGETATION = 4
    SKY = 5
    PERSON = 6
    CAR = 7


_COLORS = {
    Label.ROAD: (128, 64, 128),
    Label.SIDEWALK: (244, 35, 232),
    Label.BUILDING: (70, 70, 70),
    Label.POLE: (153, 153, 153),
    Label.VEGETATION: (107, 142, 35),
    Label.SKY: (70, 130, 180),
    Label.PERSON: (220, 20, 60),
    Label.CAR: (0, 0, 142),
}
CLASSES = (
    *(LabelClass(id=int(k), name=k.name.lower(), color=c) for k, c in _COLORS.items()),
    LabelClass(id=IGNORE_INDEX, name="void", color=(0, 0, 0), ignore=True),
)


@dataclass(frozen=True)
class Sensor:
    """How the camera spoils the picture; labels and flow do not depend on it.

    Attributes:
        noise: Standard deviation of the pixel noise, in grey levels of 0..255.
        drift: Largest relative change of brightness over time; white balance drifts by a third.
        motion_blur: Part of the time between two frames for which the shutter is open, 0..1.
    """

    noise: float = 6.0
    drift: float = 0.15
    motion_blur: float = 0.0


@dataclass(frozen=True)
class ClipSpec:
    """A clip: equal specs give equal bytes.

    Attributes:
        seed: Seed of the data set.
        key: Which clip of the data set; another key is another scene.
        frames: How many frames.
        size: Height and width.
        sensor: How the camera spoils the picture.
    """

    seed: int = 0
    key: tuple[int, ...] = ()
    frames: int = 30
    size: tuple[int, int] = (96, 192)
    sensor: Sensor = Sensor()

    def generators(self) -> tuple[np.random.Generator, np.random.Generator]:
        """Return the generators of the scene and of the sensor, apart from each other."""
        scene, sensor = np.random.SeedSequence(self.seed, spawn_key=self.key).spawn(2)
        return np.random.default_rng(scene), np.random.default_rng(sensor)
