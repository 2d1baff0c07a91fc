"""What a camera does to a picture: blur of motion, drift of brightness, noise."""

from __future__ import annotations

import cv2
import numpy as np

from vstc.data.synth.spec import Array8, Array32, Sensor
from vstc.data.synth.weather import Weather

_POOL_MARGIN = 64
_BLUR_SAMPLES = 5


class SensorModel:
    """Spoils the frames of a clip one after another.

    Args:
        sensor: How much.
        rng: The sensor's own generator.
        weather: Gives the colour of the light.
        size: Height and width.
    """

    def __init__(
        self, sensor: Sensor, *, rng: np.random.Generator, weather: Weather, size: tuple[int, int]
    ) -> None:
        self._sensor = sensor
        self._rng = rng
        self._tint = np.array(weather.tint)
        self._phases = rng.uniform(0, 2 * np.pi, (2, 3))
        self._periods = rng.uniform(5, 14, (2, 3))
        margin = _POOL_MARGIN
        self._size = size
        pool = rng.standard_normal((size[0] + margin, size[1] + margin, 3), np.float32)
        # Neighbouring pixels share some noise, as they do after demosaicking.
        pool = 0.75 * pool + 0.5 * cv2.blur(pool, (3, 3)) * 2
        self._pool = np.rint(pool * sensor.noise).astype(np.int16)

    def expose(self, image: Array8, *, flow_to_next: Array32 | None, time: int) -> Array8:
        """Turn what is before the camera into the frame that it stores.

        Args:
            image: (H, W, 3) RGB.
            flow_to_next: Flow on the grid of this frame; what moves is blurred along it.
            time: Index of the frame.
        """
        if self._sensor.motion_blur > 0 and flow_to_next is not None:
            image = blur_along(image, flow_to_next * self._sensor.motion_blur)
        toned = np.asarray(cv2.LUT(image, self._tone(time)), np.uint8)
        if self._sensor.noise <= 0:
            return toned
        top, left = self._rng.integers(0, _POOL_MARGIN, 2)
        noise = self._pool[top : top + self._size[0], left : left + self._size[1]]
        if self._rng.random() < 0.5:
            noise = noise[:, ::-1]
        return np.asarray(cv2.add(toned, np.ascontiguousarray(noise), dtype=cv2.CV_8U), np.uint8)

    def _tone(self, time: int) -> Array8:
        """Return the (1, 256, 3) table of this frame: exposure, white balance, contrast."""
        waves = np.sin(time / self._periods + self._phases)
        jump = self._rng.normal(0, 0.25, 4)
        gain = 1 + self._sensor.drift * (0.6 * waves[0].mean() + 0.5 * jump[0])
        balance = 1 + self._sensor.drift / 3 * (waves[1] + jump[1:])
        levels = np.arange(256)[:, None] * gain * self._tint * balance
        # A soft shoulder keeps bright skies from clipping.
        levels = np.where(levels > 200, 200 + 55 * np.tanh((levels - 200) / 55), levels)
        return np.asarray(np.clip(np.rint(levels), 0, 255)[None], np.uint8)


def blur_along(image: Array8, motion: Array32) -> Array8:
    """Average a picture along the motion of each pixel.

    Args:
        image: (H, W, 3).
        motion: (H, W, 2) way of each pixel while the shutter is open, pixels.
    """
    height, width = image.shape[:2]
    grid = np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1).astype(np.float32)
    total = np.zeros(image.shape, np.float32)
    for part in np.linspace(-0.5, 0.5, _BLUR_SAMPLES, dtype=np.float32):
        x, y = cv2.split(grid + part * motion)
        total += cv2.remap(image, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(np.rint(total / _BLUR_SAMPLES), np.uint8)
