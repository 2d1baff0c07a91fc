"""How temporal consistency is measured: every choice that changes its value, by name."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from vstc.errors import ConfigError


class ConsistencyMode(StrEnum):
    """How labels are brought to another frame and how agreement is counted.

    ``NEAREST`` copies the nearest label: the fair number. ``ONEHOT`` lets the four neighbours
    vote with bilinear weights. ``LIU2020`` does what the released code of Liu et al. 2020 does,
    ``VSPW`` what that of Miao et al. 2021 does; both to show why published values differ.
    """

    NEAREST = "nearest"
    ONEHOT = "onehot"
    LIU2020 = "liu2020"
    VSPW = "vspw"


class Border(StrEnum):
    """What a pixel gets whose flow leaves the frame: nothing, so it does not count, or the rim."""

    IGNORE = "ignore"
    CLAMP = "clamp"


class Direction(StrEnum):
    """Whose labels move.

    ``NEXT``: those of t+1, brought to t by the flow on the grid of t (the released code).
    ``PREV``: those of t-1, brought to t by the flow on the grid of t (Liu et al. 2020, Eq. 5).
    """

    NEXT = "next"
    PREV = "prev"


class Occlusion(StrEnum):
    """Which hidden pixels do not count: none, those of a flow check, or those of a given mask."""

    NONE = "none"
    FB = "fb"
    MASK = "mask"


_FIXED_BORDER = {ConsistencyMode.LIU2020: "clamp", ConsistencyMode.VSPW: "class 0"}


@dataclass(frozen=True)
class ConsistencyProtocol:
    """Choices behind a value of TC.

    ``liu2020`` and ``vspw`` are fixed: they bring their own border and take no other choice but
    ``excluded``.

    Attributes:
        mode: How labels are moved and counted.
        border: What a pixel gets whose flow leaves the frame; None takes the mode's own, which
            is ``ignore`` for the modes that are not fixed.
        direction: Whose labels move.
        occlusion: Which hidden pixels do not count.
        excluded: Class ids that are left out of the mean over classes. Their pixels are counted
            as ever: they are misses of the classes they meet, and part of ``tc_acc``.

    Raises:
        ConfigError: A fixed mode is given another choice.
    """

    mode: ConsistencyMode = ConsistencyMode.NEAREST
    border: Border | None = None
    direction: Direction = Direction.NEXT
    occlusion: Occlusion = Occlusion.NONE
    excluded: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.mode not in _FIXED_BORDER:
            return
        chosen: dict[str, tuple[str | None, str | None]] = {
            "border": (self.border, _FIXED_BORDER[self.mode]),
            "direction": (self.direction, Direction.NEXT),
            "occlusion": (self.occlusion, Occlusion.NONE),
        }
        for name, (value, own) in chosen.items():
            if value is not None and value != own:
                raise ConfigError(
                    f"TC mode {self.mode} has fixed rules: its {name} is {own}, not {value}",
                    hint=f"leave the {name} out, or take mode nearest or onehot",
                )

    @property
    def is_fixed(self) -> bool:
        """Tell whether the mode repeats released code and takes no other choice."""
        return self.mode in _FIXED_BORDER

    @property
    def clamps(self) -> bool:
        """Tell whether a pixel whose flow leaves the frame gets the label of the rim."""
        return self.border is Border.CLAMP

    @property
    def needs_prev_to_next(self) -> bool:
        """Tell whether the flow on the grid of the earlier frame is needed."""
        return self.direction is Direction.NEXT or self.occlusion is Occlusion.FB

    @property
    def needs_next_to_prev(self) -> bool:
        """Tell whether the flow on the grid of the later frame is needed."""
        return self.direction is Direction.PREV or self.occlusion is Occlusion.FB

    @property
    def needs_visibility(self) -> bool:
        """Tell whether masks of visible pixels are needed."""
        return self.occlusion is Occlusion.MASK

    def as_json(self) -> dict[str, Any]:
        """Return every choice as plain JSON values, for the record."""
        return {
            "mode": str(self.mode),
            "direction": str(self.direction),
            "border": _FIXED_BORDER.get(self.mode) or str(self.border or Border.IGNORE),
            "occlusion": str(self.occlusion),
            "excluded": sorted(self.excluded),
        }
