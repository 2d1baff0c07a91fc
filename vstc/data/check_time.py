"""Judge from frame names whether the frames of a clip follow one another as declared."""

from __future__ import annotations

import re
from collections import Counter

from vstc.formats.dataset import MAX_NEIGHBOUR_SECONDS, Clip


def time_faults(clip: Clip) -> list[str]:
    """Compare the numbers in the frame names with what the clip declares.

    Only clips that declare a ``frame_step`` are judged, and only by names that end with a
    number. Frames numbered anew (steps of 1) and frames that lie within the time that counts
    as neighbours are no fault.

    Returns:
        What is wrong, one sentence each.
    """
    parts = [re.fullmatch(r"(.*?)(\d+)", name) for name in clip.frame_names]
    found = [match for match in parts if match is not None]
    if clip.frame_step is None or len(found) < len(parts) or len(found) < 2:
        return []
    prefixes = list(dict.fromkeys(match[1] for match in found))
    if len(prefixes) > 1:
        if not clip.is_consecutive:
            return []
        return [f"declared consecutive, but holds several sequences: {', '.join(prefixes[:4])}"]
    numbers = [int(match[2]) for match in found]
    steps = [after - before for before, after in zip(numbers, numbers[1:], strict=False)]
    names = clip.frame_names
    for i, step in enumerate(steps):
        if step <= 0:
            return [f"not in time order: {names[i]} stands before {names[i + 1]}"]
    return _step_faults(clip, steps) if clip.is_consecutive else []


def _step_faults(clip: Clip, steps: list[int]) -> list[str]:
    usual = Counter(steps).most_common(1)[0][0]
    gaps = [i for i, step in enumerate(steps) if step != usual]
    faults = []
    if gaps:
        i = gaps[0]
        faults.append(
            f"declared consecutive, but has {len(gaps)} place(s) where the frame number does not "
            f"rise by {usual}: first from {clip.frame_names[i]} to {clip.frame_names[i + 1]}"
        )
    is_near = clip.fps is not None and usual / clip.fps <= MAX_NEIGHBOUR_SECONDS
    if usual not in {1, clip.frame_step} and not is_near:
        faults.append(
            f"declares frame_step {clip.frame_step}, but the frame numbers rise by {usual}"
        )
    return faults
