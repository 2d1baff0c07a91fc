"""The camera of a clip: where it is and where it looks, frame by frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vstc.data.synth.spec import Array64

LANE_X = 1.6


@dataclass(frozen=True)
class Camera:
    """A pinhole camera on its way; x points right, y down, z ahead, in metres.

    Attributes:
        centres: (T, 3) positions; the ground is y = 0.
        projections: (T, 3, 3) that take a direction in the world to homogeneous pixels. The
            third component is the depth of the point.
        size: Height and width of the frames.
    """

    centres: Array64
    projections: Array64
    size: tuple[int, int]

    @property
    def num_frames(self) -> int:
        """How many frames the camera takes."""
        return len(self.centres)


@dataclass(frozen=True)
class Ride:
    """How a camera moves, drawn once for a clip.

    Attributes:
        metres_per_frame: Speed ahead.
        turn: Yaw from the first frame to the last, radians.
        sway: Amplitude of the unsteady yaw, radians.
        height: Height over the ground, metres.
    """

    metres_per_frame: float
    turn: float
    sway: float
    height: float


def draw_ride(rng: np.random.Generator, *, frames: int) -> Ride:
    """Draw a drive (mostly), a pan from a standing car, or a slow drive with a turn of view."""
    kind = rng.choice(3, p=[0.68, 0.2, 0.12])
    speed = (rng.uniform(0.12, 0.34), rng.uniform(0, 0.03), rng.uniform(0.06, 0.15))[kind]
    widest = min(0.35, 0.011 * frames)
    turn = (rng.uniform(-0.06, 0.06), rng.uniform(0.5, 1) * widest, 0.5 * widest)[kind]
    return Ride(
        metres_per_frame=float(speed),
        turn=float(turn * rng.choice([-1.0, 1.0])),
        sway=float(rng.uniform(0.002, 0.008)),
        height=float(rng.uniform(1.45, 1.9)),
    )


def place_camera(
    rng: np.random.Generator, ride: Ride, *, frames: int, size: tuple[int, int]
) -> Camera:
    """Compute the camera of every frame."""
    time = np.arange(frames)
    phases = rng.uniform(0, 2 * np.pi, 4)
    ahead = ride.metres_per_frame * (time + 2.5 * np.sin(time / 17 + phases[0]))
    yaw = ride.turn * (time / max(1, frames - 1) - 0.5)
    yaw = yaw + ride.sway * (np.sin(time / 3.1 + phases[1]) + 0.5 * np.sin(time / 1.3))
    pitch = 0.003 * np.sin(time / 2.3 + phases[2]) + 0.002 * np.sin(time / 0.9 + phases[3])
    centres = np.stack(
        [
            LANE_X + 0.12 * np.sin(time / 11 + phases[1]),
            -ride.height + 0.01 * np.sin(time / 1.7 + phases[3]),
            ahead - ahead[0],
        ],
        axis=1,
    )
    return Camera(centres, _projections(yaw, pitch, size), size)


def _projections(yaw: Array64, pitch: Array64, size: tuple[int, int]) -> Array64:
    height, width = size
    focal = 0.72 * width
    intrinsics = np.array(
        [[focal, 0, (width - 1) / 2], [0, focal, 0.43 * height - 0.5], [0, 0, 1]], float
    )
    turned = np.zeros((len(yaw), 3, 3))
    turned[:, 0, 0] = turned[:, 2, 2] = np.cos(yaw)
    turned[:, 0, 2], turned[:, 2, 0] = -np.sin(yaw), np.sin(yaw)
    turned[:, 1, 1] = 1
    tilted = np.zeros((len(yaw), 3, 3))
    tilted[:, 0, 0] = 1
    tilted[:, 1, 1] = tilted[:, 2, 2] = np.cos(pitch)
    tilted[:, 1, 2], tilted[:, 2, 1] = -np.sin(pitch), np.sin(pitch)
    return np.asarray(intrinsics @ tilted @ turned)
