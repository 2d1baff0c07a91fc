"""What gives the objects of clips, frame by frame."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from vstc.artifacts.manifest import InputRef
from vstc.formats.objects.store import InstanceClip
from vstc.trimaps.patch import Patch


@dataclass(frozen=True)
class FrameObjects:
    """The objects of a frame, decoded when asked for, by any thread.

    Attributes:
        index: Place in the clip.
        name: Name of the frame.
        load: Decodes them: (track, opacity) of those that are visible.
    """

    index: int
    name: str
    load: Callable[[], list[tuple[int, Patch]]]


@dataclass
class TrackSurvey:
    """What is known of a track before any trimap is made.

    Attributes:
        track: Its number.
        category: Name of its class; None when it has none.
        first_index: The first frame where it is visible.
        frames: In how many it is.
    """

    track: int
    category: str | None
    first_index: int
    frames: int = 0
    _roots: float = field(default=0.0, repr=False)

    def add(self, area: int) -> None:
        """Count a frame where so many pixels of it are visible."""
        self.frames += 1
        self._roots += math.sqrt(area)

    @property
    def mean_root_area(self) -> float:
        """Mean of the square root of its area, in pixels, over the frames where it is visible."""
        return self._roots / max(self.frames, 1)


class ObjectSource(Protocol):
    """Gives the objects of clips; clips may be read from several threads."""

    @property
    def clips(self) -> Sequence[InstanceClip]:
        """All clips."""

    def reference(self) -> InputRef:
        """Refer to what is read as an input."""

    def survey(self, clip: InstanceClip) -> dict[int, TrackSurvey]:
        """Look through a clip for its tracks, in the order of their numbers.

        Raises:
            InputError: Something is missing or unreadable.
        """

    def frames(self, clip: InstanceClip) -> Iterator[FrameObjects]:
        """Read the frames of a clip in order; loading raises InputError like ``survey``."""

    def frame_image(self, clip: InstanceClip, index: int) -> Path | None:
        """Return the image of a frame; None when it is not known."""


def gather_survey(
    sightings: Iterable[tuple[int, int, str | None, int]],
) -> dict[int, TrackSurvey]:
    """Gather what is known of the tracks of a clip.

    Args:
        sightings: Of visible objects in the order of the frames: frame index, track, category
            and area.
    """
    found: dict[int, TrackSurvey] = {}
    for index, track, category, area in sightings:
        if track not in found:
            found[track] = TrackSurvey(track, category, index)
        found[track].add(area)
    return dict(sorted(found.items()))
