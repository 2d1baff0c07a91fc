"""What the names of the images of a video tell."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from vstc.data.index.source import natural_key
from vstc.formats.images import IMAGE_SUFFIXES


def images_in(folder: Path, root: Path) -> list[str]:
    """List the images of a folder in natural order, relative to the root."""
    if not folder.is_dir():
        return []
    names = [
        path.relative_to(root).as_posix()
        for path in folder.iterdir()
        if path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")
    ]
    return sorted(names, key=natural_key)


def step_of(names: Sequence[str]) -> int | None:
    """Return how far apart the numbers at the end of names are; None when they differ or lack.

    A single frame has no neighbours and no step.
    """
    numbers = [re.search(r"(\d+)$", PurePosixPath(name).stem) for name in names]
    places = [int(match[1]) for match in numbers if match]
    if len(places) != len(names):
        return None
    steps = {after - before for before, after in zip(places, places[1:], strict=False)}
    return steps.pop() if len(steps) == 1 and min(steps) > 0 else None
