"""Outlines in a plane, and motion within it."""

from __future__ import annotations

import numpy as np

from vstc.data.synth.spec import Array64


def box(width: float, height: float, *, left: float = 0.0, top: float = 0.0) -> Array64:
    """Return a rectangle, (4, 2)."""
    right, bottom = left + width, top + height
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]])


def ellipse(radius_x: float, radius_y: float, *, corners: int = 12) -> Array64:
    """Return an ellipse around the origin, (corners, 2)."""
    angle = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    return np.stack([radius_x * np.cos(angle), radius_y * np.sin(angle)], axis=1)


def limb(length: float, thick: float, thin: float) -> Array64:
    """Return a limb that hangs down from the origin and gets thinner, round at both ends."""
    top = [(-thick / 2, 0), (-0.3 * thick, -0.4 * thick), (0.3 * thick, -0.4 * thick)]
    bottom = [(thin / 2, length), (0, length + 0.4 * thin), (-thin / 2, length)]
    return np.array([*top, (thick / 2, 0), *bottom], float)


def blob(
    rng: np.random.Generator, radius_x: float, radius_y: float, *, rough: float = 0.16
) -> Array64:
    """Return the outline of a tree crown or bush around the origin, (26, 2), not convex."""
    corners = 26
    angle = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    radius = 1 + rough * rng.standard_normal(corners) * 0.7
    radius += 0.5 * rough * np.sin(3 * angle + rng.uniform(0, 6))
    return np.stack([radius_x * radius * np.cos(angle), radius_y * radius * np.sin(angle)], axis=1)


def turns(angle: Array64, *, at: tuple[float, float] = (0.0, 0.0)) -> Array64:
    """Return (T, 3, 3) rotations by angles (T,), whose centre is then put at a point.

    A positive angle swings what hangs down (t > 0) towards positive s.
    """
    matrices = np.zeros((len(angle), 3, 3))
    matrices[:, 0, 0] = matrices[:, 1, 1] = np.cos(angle)
    matrices[:, 0, 1], matrices[:, 1, 0] = np.sin(angle), -np.sin(angle)
    matrices[:, 0, 2], matrices[:, 1, 2] = at
    matrices[:, 2, 2] = 1
    return matrices


def shear(amount: Array64) -> Array64:
    """Return (T, 3, 3) that lean what stands up (t < 0) towards positive s, as wind does."""
    matrices = np.tile(np.eye(3), (len(amount), 1, 1))
    matrices[:, 0, 1] = -amount
    return matrices
