"""Light, sky and haze of a clip."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vstc.data.synth.spec import Array64

Color = tuple[float, float, float]


@dataclass(frozen=True)
class Weather:
    """Light, sky and haze.

    Attributes:
        zenith: Sky colour overhead.
        horizon: Sky colour at the horizon, which is also the colour of the haze.
        cloud: Colour of clouds.
        cloud_share: Share of the sky with clouds, 0..1.
        tint: Colour of the light, a factor for each channel.
        ambient: Light that comes from everywhere.
        sunlight: Light from the sun.
        haze_distance: Metres after which half of a colour is haze.
        shadow: Factor for ground that lies in the shade of an object.
        sun: Unit vector to the sun; x to the right, y downwards, z ahead.
    """

    zenith: Color
    horizon: Color
    cloud: Color
    cloud_share: float
    tint: Color
    ambient: float
    sunlight: float
    haze_distance: float
    shadow: float
    sun: tuple[float, float, float]

    def light_on(self, normals: Array64) -> Array64:
        """Return the light on surfaces with these unit normals, (..., 3)."""
        facing = np.maximum(0.0, normals @ np.array(self.sun))
        return np.asarray(self.ambient + self.sunlight * facing)


_KINDS: dict[str, Weather] = {
    "clear": Weather(
        zenith=(74, 132, 206),
        horizon=(190, 214, 232),
        cloud=(246, 247, 250),
        cloud_share=0.35,
        tint=(1.03, 1.0, 0.95),
        ambient=0.68,
        sunlight=0.52,
        haze_distance=420,
        shadow=0.55,
        sun=(0.6, -0.7, -0.4),
    ),
    "evening": Weather(
        zenith=(104, 126, 178),
        horizon=(246, 214, 176),
        cloud=(255, 226, 196),
        cloud_share=0.5,
        tint=(1.05, 0.97, 0.88),
        ambient=0.58,
        sunlight=0.58,
        haze_distance=260,
        shadow=0.58,
        sun=(0.8, -0.42, -0.4),
    ),
    "overcast": Weather(
        zenith=(176, 184, 192),
        horizon=(214, 218, 220),
        cloud=(228, 230, 232),
        cloud_share=0.8,
        tint=(0.98, 1.0, 1.02),
        ambient=0.78,
        sunlight=0.16,
        haze_distance=280,
        shadow=0.78,
        sun=(0.3, -0.95, -0.1),
    ),
    "mist": Weather(
        zenith=(196, 202, 206),
        horizon=(214, 216, 214),
        cloud=(222, 224, 224),
        cloud_share=0.4,
        tint=(1.0, 1.0, 1.0),
        ambient=0.74,
        sunlight=0.18,
        haze_distance=70,
        shadow=0.82,
        sun=(0.3, -0.95, -0.1),
    ),
    "dusk": Weather(
        zenith=(78, 96, 142),
        horizon=(226, 192, 170),
        cloud=(176, 150, 160),
        cloud_share=0.45,
        tint=(0.88, 0.88, 0.94),
        ambient=0.62,
        sunlight=0.2,
        haze_distance=230,
        shadow=0.75,
        sun=(0.5, -0.8, -0.3),
    ),
}
_SHARES = {"clear": 0.32, "evening": 0.2, "overcast": 0.24, "mist": 0.1, "dusk": 0.14}


def draw_weather(rng: np.random.Generator) -> Weather:
    """Draw the weather of a clip; the sun may stand on either side."""
    kind = _KINDS[str(rng.choice(list(_SHARES), p=list(_SHARES.values())))]
    side = float(rng.choice([-1.0, 1.0]))
    sun = np.array(kind.sun) * (side, 1.0, 1.0)
    sun /= np.linalg.norm(sun)
    values = vars(kind) | {"sun": (float(sun[0]), float(sun[1]), float(sun[2]))}
    values["haze_distance"] = kind.haze_distance * float(rng.uniform(0.8, 1.2))
    return Weather(**values)
