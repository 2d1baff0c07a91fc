"""What the chain will ask for, guessed ahead of it, so that it is ready by then.

A wrong guess costs time, never a different result: what is missing is made when it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable

from vstc.propagation.schedule import frames_from_past
from vstc.propagation.settings import PropagateSettings, Refine, ScheduleKind


class Forecast:
    """Guesses key frames, and the steps between neighbours that something is carried along.

    One thread asks; the one that places key frames says so with ``placed``.

    Args:
        settings: How results are propagated.
        has_result: Tells whether the key network can give a result for a frame.
    """

    def __init__(self, settings: PropagateSettings, has_result: Callable[[int], bool]) -> None:
        self._settings = settings
        self._kind = settings.schedule.kind
        self._has_result = has_result
        self._last_key = 0
        self._from_past = settings.interval - 1
        if settings.look_ahead:
            self._from_past = frames_from_past(settings.interval, switch=settings.switch)

    def placed(self, index: int) -> None:
        """Take note of a key frame, wherever it was expected."""
        self._last_key = index

    def is_key(self, index: int) -> bool:
        """Guess whether a frame will be a key frame; sure ones only where nobody can know."""
        if self._kind is ScheduleKind.GIVEN:
            return self._has_result(index)
        if self._kind is ScheduleKind.ADAPTIVE:
            return index == 0
        return self._place(index) == 0

    def goes_forth(self, index: int) -> bool:
        """Guess whether something is carried to a frame from the one before it."""
        settings = self._settings
        if not settings.warp:
            return False
        if settings.refine is Refine.FUSE or self._kind is ScheduleKind.ADAPTIVE:
            return True
        if self._kind is ScheduleKind.GIVEN:
            return not self._has_result(index)
        return 0 < self._place(index) <= self._from_past

    def goes_back(self, index: int) -> bool:
        """Guess whether something is carried to a frame from the one after it."""
        if not (self._settings.warp and self._settings.look_ahead):
            return False
        if self._kind is ScheduleKind.ADAPTIVE:
            return True
        if self._kind is ScheduleKind.GIVEN:
            return not self._has_result(index)
        return self._place(index) > self._from_past

    def _place(self, index: int) -> int:
        """Return how many frames after a key frame a frame comes in a fixed schedule."""
        return (index - self._last_key) % self._settings.interval
