"""Masks and recorded values for the tests of the stability measure."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

GOLDENS = Path(__file__).parents[1] / "goldens"


@cache
def recorded():
    """Name -> values of the original authors' code (its origin is told in the file's "meta")."""
    return json.loads((GOLDENS / "tsb.json").read_text())["cases"]


@cache
def recorded_masks():
    with np.load(GOLDENS / "tsb_masks.npz") as masks:
        return {name: masks[name] for name in masks.files}


def mask_pair(case):
    return recorded_masks()[f"{case}__a"], recorded_masks()[f"{case}__b"]


def blob(seed, *, height=60, width=80, sigma=4.0):
    """A smooth random field, thresholded: several blobs, some with holes."""
    field = np.random.default_rng(seed).standard_normal((height, width))
    return cv2.GaussianBlur(field, (0, 0), sigma) > 0


def disc(height=60, width=80, *, row=30, column=40, radius=20, wave=0.0):
    """A disc with its centre on a pixel; ``wave`` makes five bumps of that many pixels."""
    rows, columns = np.mgrid[:height, :width]
    angle = np.arctan2(rows - row, columns - column)
    return np.hypot(rows - row, columns - column) <= radius + wave * np.sin(5 * angle + 0.3)


def small_masks(max_side=12):
    """White noise and blocks: many saddles, lines of one pixel, holes, objects at the border."""
    return npst.arrays(
        bool, st.tuples(st.integers(1, max_side), st.integers(1, max_side)), elements=st.booleans()
    )


def blobs(max_seed=10_000):
    return st.builds(
        blob,
        st.integers(0, max_seed),
        height=st.integers(8, 40),
        width=st.integers(8, 40),
        sigma=st.sampled_from([0.7, 1.5, 3.0]),
    )
