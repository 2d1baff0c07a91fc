"""What lies where in a flow file: datasets, attributes, directions.

Datasets: ``next_to_prev`` and/or ``prev_to_next``, each (pairs, 2, H, W) int16 fixed point; pair
i is frames i and i + 1. Larger gaps k lie in groups ``gap_<k>``, where pair i is frames i and
i + k. With visibility, ``<direction>_visible`` (pairs, H, W) uint8 stands beside. ``frames`` has
the names of the frames: a dataset, because an attribute has no room for those of a long video.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from vstc.errors import InputError
from vstc.formats.flow.chunks import SCALE, chunk_size

SCHEMA = "vstc.flow"
SCHEMA_VERSION = 1
DAMAGED_HINT = "delete the file, then run the `vstc flow precompute` that made it with --resume"
_FILTERS: dict[str, Any] = {"compression": "gzip", "compression_opts": 1}


class FlowDirection(StrEnum):
    """On whose grid a flow is defined, and which frame it samples."""

    NEXT_TO_PREV = "next_to_prev"
    PREV_TO_NEXT = "prev_to_next"

    def frame_indices(self, index: int, *, gap: int) -> tuple[int, int]:
        """Return (target, source) of a pair: the frame of the grid, and the frame sampled."""
        prev_index, next_index = index, index + gap
        if self is FlowDirection.NEXT_TO_PREV:
            return next_index, prev_index
        return prev_index, next_index


CONVENTION = {
    FlowDirection.NEXT_TO_PREV: (
        "flow_next_to_prev is defined on the grid of the next frame: sampling the previous frame "
        "at grid + flow gives the next frame, next(x, y) = prev(x + u, y + v). Pair i has "
        "previous frame i and next frame i + gap. Channel 0 is u (x, rightwards), channel 1 is v "
        "(y, downwards)."
    ),
    FlowDirection.PREV_TO_NEXT: (
        "flow_prev_to_next is defined on the grid of the previous frame: sampling the next frame "
        "at grid + flow gives the previous frame, prev(x, y) = next(x + u, y + v). Pair i has "
        "previous frame i and next frame i + gap. Channel 0 is u (x, rightwards), channel 1 is v "
        "(y, downwards)."
    ),
}


@dataclass(frozen=True)
class FlowInfo:
    """What a flow file holds.

    Attributes:
        frames: Names of the frames of the clip.
        size: Height and width of the fields.
        source_size: Height and width of the frames, where the flow was computed on smaller ones.
        method: Name of the method, or ``truth``.
        params: Its parameters.
        directions: Which of the two directions there are.
        gaps: Distances between the frames of a pair.
        has_visibility: Visibility maps are there.
    """

    frames: tuple[str, ...]
    size: tuple[int, int]
    source_size: tuple[int, int]
    method: str
    params: Mapping[str, Any]
    directions: tuple[FlowDirection, ...] = tuple(FlowDirection)
    gaps: tuple[int, ...] = (1,)
    has_visibility: bool = False

    def num_pairs(self, gap: int = 1) -> int:
        """Return how many pairs of frames lie ``gap`` apart."""
        return max(0, len(self.frames) - gap)


def dataset_name(direction: FlowDirection, gap: int) -> str:
    """Return the path of a dataset inside the file."""
    return f"{direction}" if gap == 1 else f"gap_{gap}/{direction}"


def create_layout(file: h5py.File, info: FlowInfo) -> None:
    """Write all attributes and empty datasets, always in the same order."""
    file.attrs["schema"] = SCHEMA
    file.attrs["schema_version"] = np.int64(SCHEMA_VERSION)
    for direction in info.directions:
        file.attrs[f"convention_{direction}"] = CONVENTION[direction]
    file.attrs["unit"] = "pixels of the stored grid"
    file.attrs["scale"] = np.int64(SCALE)
    file.attrs["method"] = info.method
    file.attrs["params"] = json.dumps(dict(info.params), sort_keys=True)
    file.attrs["size"] = np.array(info.size, np.int64)
    file.attrs["source_size"] = np.array(info.source_size, np.int64)
    file.attrs["gaps"] = np.array(info.gaps, np.int64)
    names = np.array([name.encode() for name in info.frames], "S")
    file.create_dataset("frames", data=names, track_times=False)
    chunk = chunk_size(info.size)
    for gap in info.gaps:
        for direction in info.directions:
            name, pairs = dataset_name(direction, gap), info.num_pairs(gap)
            file.create_dataset(
                name,
                shape=(pairs, 2, *info.size),
                chunks=(1, 2, *chunk) if pairs else None,
                dtype="<i2",
                **(_FILTERS | {"shuffle": True} if pairs else {}),
                track_times=False,
            )
            if info.has_visibility:
                file.create_dataset(
                    f"{name}_visible",
                    shape=(pairs, *info.size),
                    chunks=(1, *chunk) if pairs else None,
                    dtype="u1",
                    **(_FILTERS if pairs else {}),
                    track_times=False,
                )


def read_info(file: h5py.File, path: Path) -> FlowInfo:
    """Read what a flow file holds.

    Raises:
        InputError: Not a flow file, damaged, or written by a newer version.
    """
    attributes = file.attrs
    if attributes.get("schema") != SCHEMA:
        raise InputError(f"{path} is HDF5 but not a {SCHEMA} file")
    version = int(attributes.get("schema_version", 0))
    if version > SCHEMA_VERSION:
        raise InputError(
            f"{path} has schema version {version}, this vstc reads up to {SCHEMA_VERSION}",
            hint="pip install --upgrade vstc",
        )
    try:
        gaps = tuple(int(gap) for gap in attributes["gaps"])
        if int(attributes["scale"]) != SCALE:
            raise ValueError(f"scale is {attributes['scale']}, not {SCALE}")
        first = file if gaps[0] == 1 else file[f"gap_{gaps[0]}"]
        directions = tuple(direction for direction in FlowDirection if direction in first)
        return FlowInfo(
            frames=tuple(name.decode() for name in file["frames"][()]),
            size=_pair_of_ints(attributes["size"]),
            source_size=_pair_of_ints(attributes["source_size"]),
            method=str(attributes["method"]),
            params=json.loads(attributes["params"]),
            directions=directions,
            gaps=gaps,
            has_visibility=f"{directions[0]}_visible" in first,
        )
    except (KeyError, ValueError, IndexError, TypeError, OSError) as error:
        raise InputError(f"flow file is damaged: {path}: {error}", hint=DAMAGED_HINT) from error


def _pair_of_ints(values: Any) -> tuple[int, int]:
    first, second = values
    return int(first), int(second)
