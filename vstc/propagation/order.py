"""Which frames are key frames, and in which order the others are carried from them.

``CausalOrder`` carries from the past and decides every frame when it comes. ``LookAheadOrder``
waits for the next key frame and carries from the nearer one; what waits is bounded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from vstc.errors import InputError
from vstc.propagation.chain import ChainState
from vstc.propagation.frames import PreparedFrame
from vstc.propagation.schedule import CutDetector, frames_from_past, make_schedule
from vstc.propagation.settings import PropagateSettings, Refine, ScheduleKind
from vstc.propagation.stages import Outcome, Stages


@dataclass(frozen=True)
class DecidedFrame:
    """A frame whose result is there and is still to be drawn.

    Attributes:
        index: Place in the clip.
        key_index: Place of the key frame that it comes from; its own for a key frame.
        outcome: What to draw.
        is_refined: A refiner repaired it, or it was fused with what was carried.
        is_cut: A scene, or another size, begins with it.
        is_missing: It could not be read.
        flagged_share: Share of its pixels that are mistrusted; None when not asked.
    """

    index: int
    key_index: int
    outcome: Outcome
    is_refined: bool = False
    is_cut: bool = False
    is_missing: bool = False
    flagged_share: float | None = None


class Order(Protocol):
    """Takes the frames of one clip."""

    def take(self, index: int, frame: PreparedFrame | None) -> list[DecidedFrame]:
        """Take the next frame; None if it cannot be read.

        Returns:
            Frames that are decided, in order.

        Raises:
            InputError: There is no key frame to carry from, or flow is missing.
        """

    def finish(self) -> list[DecidedFrame]:
        """Return what still waits at the end of the clip."""


def make_order(stages: Stages) -> Order:
    """Make the order of one clip."""
    return LookAheadOrder(stages) if stages.settings.look_ahead else CausalOrder(stages)


@dataclass(frozen=True)
class _Reached:
    """A chain, the last readable frame on its way, and what that frame shows."""

    state: ChainState
    frame: PreparedFrame
    outcome: Outcome

    @property
    def key_index(self) -> int:
        return self.state.key_index


class _Scenes:
    """Tells where a scene or another size begins."""

    def __init__(self, settings: PropagateSettings) -> None:
        threshold = settings.schedule.cut_threshold
        self._cuts = CutDetector(threshold) if settings.finds_cuts else None
        self._last: PreparedFrame | None = None

    def begins_with(self, frame: PreparedFrame) -> bool:
        last, self._last = self._last, frame
        if last is None:
            return False
        if last.size != frame.size:
            return True
        if self._cuts is None or last.thumbnail is None or frame.thumbnail is None:
            return False
        return self._cuts.is_cut(last.thumbnail, frame.thumbnail)


class CausalOrder:
    """Carries from the past; each frame is decided when it comes.

    Args:
        stages: Does the work.
    """

    def __init__(self, stages: Stages) -> None:
        self._stages = stages
        self._settings = stages.settings
        self._scenes = _Scenes(stages.settings)
        self._schedule = make_schedule(stages.settings, stages.networks.key.has_result)
        self._reached: _Reached | None = None

    def take(self, index: int, frame: PreparedFrame | None) -> list[DecidedFrame]:
        """Take the next frame; see ``Order``."""
        if frame is None:
            return [_held(index, self._reached)]
        is_cut = self._scenes.begins_with(frame)
        reached = None if is_cut else self._reached
        if reached is None:
            return [self._place_key(frame, None, is_cut=is_cut)]
        distance = index - reached.key_index
        is_key = self._schedule.is_key(index=index, distance=distance, share=None)
        here: ChainState | None = None
        if not is_key or self._settings.refine is Refine.FUSE:
            maps = self._stages.maps(frame, reached.frame)
            here = self._stages.step(reached.state, frame, maps)
            is_key = is_key or self._schedule.is_key(
                index=index, distance=distance, share=here.flagged_share
            )
        if is_key:
            self._schedule.placed(distance=distance)
            is_fused = self._settings.refine is Refine.FUSE
            return [self._place_key(frame, here if is_fused else None, is_cut=False)]
        assert here is not None
        self._reached, decided = _finish(
            self._stages, here, frame, is_last=distance == self._settings.interval - 1
        )
        return [decided]

    def finish(self) -> list[DecidedFrame]:
        """Nothing waits."""
        return []

    def _place_key(
        self, frame: PreparedFrame, here: ChainState | None, *, is_cut: bool
    ) -> DecidedFrame:
        state, outcome = self._stages.place_key(frame, here)
        self._reached = _Reached(state, frame, outcome)
        return DecidedFrame(
            frame.index,
            frame.index,
            outcome,
            is_refined=here is not None,
            is_cut=is_cut,
            flagged_share=None if here is None else here.flagged_share,
        )


class LookAheadOrder:
    """Waits for the next key frame and carries from the nearer one.

    No more than ``interval`` frames wait: if no key frame comes within them (some cannot be read,
    or keys are given and lie farther apart) they are carried from the past.

    Args:
        stages: Does the work.
    """

    def __init__(self, stages: Stages) -> None:
        self._stages = stages
        self._settings = stages.settings
        self._scenes = _Scenes(stages.settings)
        self._schedule = make_schedule(stages.settings, stages.networks.key.has_result)
        self._waiting: list[tuple[int, PreparedFrame | None]] = []
        self._reached: _Reached | None = None
        self._probe: _Reached | None = None

    def take(self, index: int, frame: PreparedFrame | None) -> list[DecidedFrame]:
        """Take the next frame; see ``Order``."""
        decided: list[DecidedFrame] = []
        is_cut = frame is not None and self._scenes.begins_with(frame)
        if is_cut:
            decided += self._decide_waiting(None)
            self._reached = self._probe = None
        if frame is None or not self._becomes_key(frame):
            self._waiting.append((index, frame))
            if len(self._waiting) >= self._settings.interval:
                decided += self._decide_waiting(None)
            return decided
        state, outcome = self._stages.place_key(frame)
        key = _Reached(state, frame, outcome)
        decided += self._decide_waiting(key)
        self._reached = self._probe = key
        return [*decided, DecidedFrame(index, index, outcome, is_cut=is_cut)]

    def finish(self) -> list[DecidedFrame]:
        """Return what still waits, carried from the past."""
        return self._decide_waiting(None)

    def _becomes_key(self, frame: PreparedFrame) -> bool:
        kind = self._settings.schedule.kind
        if self._probe is None:
            is_given = kind is ScheduleKind.GIVEN
            return not is_given or self._stages.networks.key.has_result(frame.index)
        distance = frame.index - self._probe.key_index
        is_key = self._schedule.is_key(index=frame.index, distance=distance, share=None)
        if not is_key and kind is ScheduleKind.ADAPTIVE:
            maps = self._stages.maps(frame, self._probe.frame)
            state = self._stages.step(self._probe.state, frame, maps)
            self._probe = _Reached(state, frame, self._probe.outcome)
            is_key = self._schedule.is_key(
                index=frame.index, distance=distance, share=state.flagged_share
            )
        if is_key:
            self._schedule.placed(distance=distance)
        return is_key

    def _decide_waiting(self, key: _Reached | None) -> list[DecidedFrame]:
        """Carry to all that wait, from the past and from the key frame after them."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return []
        past = waiting
        if key is not None:
            number = 0
            if self._reached is not None:
                gap = key.key_index - self._reached.key_index
                last = frames_from_past(gap, switch=self._settings.switch)
                number = sum(i <= self._reached.key_index + last for i, _ in waiting)
            past, future = waiting[:number], waiting[number:]
            _, back = self._carry(key, future[::-1])
        else:
            back = []
        if past:
            self._reached, forth = self._carry(self._reached, past)
            return forth + back[::-1]
        return back[::-1]

    def _carry(
        self, reached: _Reached | None, frames: list[tuple[int, PreparedFrame | None]]
    ) -> tuple[_Reached | None, list[DecidedFrame]]:
        decided = []
        readable = [index for index, frame in frames if frame is not None]
        for index, frame in frames:
            if frame is None or reached is None:
                decided.append(_held(index, reached))
                continue
            state = self._stages.step(reached.state, frame, self._stages.maps(frame, reached.frame))
            reached, one = _finish(self._stages, state, frame, is_last=index == readable[-1])
            decided.append(one)
        return reached, decided


def _finish(
    stages: Stages, state: ChainState, frame: PreparedFrame, *, is_last: bool
) -> tuple[_Reached, DecidedFrame]:
    share = state.flagged_share
    state, outcome, is_refined = stages.finish(state, frame, is_last=is_last)
    return _Reached(state, frame, outcome), DecidedFrame(
        frame.index,
        state.key_index,
        outcome,
        is_refined=is_refined,
        flagged_share=share,
    )


def _held(index: int, reached: _Reached | None) -> DecidedFrame:
    """Show what the frame before shows, or with look-ahead the one after."""
    if reached is None:
        raise InputError(f"there is no key frame that frame {index} could be carried from")
    return DecidedFrame(index, reached.key_index, reached.outcome, is_missing=True)
