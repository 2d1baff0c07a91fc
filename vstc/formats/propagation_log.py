"""``<clip>/propagation.csv``: how each frame of propagated predictions came about."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from vstc.errors import InputError

NAME = "propagation.csv"
_COLUMNS = ("index", "frame", "key_index", "distance", "is_refined", "flagged_share")


@dataclass(frozen=True)
class PropagatedFrame:
    """How the labels of a frame came about.

    Attributes:
        index: Place in the clip.
        frame: Name of the frame.
        key_index: Place of the key frame that its labels come from; its own for a key frame.
        is_refined: A refiner repaired it.
        flagged_share: Share of its pixels where the labels are mistrusted; None when not asked.
    """

    index: int
    frame: str
    key_index: int
    is_refined: bool
    flagged_share: float | None

    @property
    def distance(self) -> int:
        """Frames between it and its key frame, whichever comes first."""
        return abs(self.index - self.key_index)


def propagation_log(frames: Iterable[PropagatedFrame]) -> bytes:
    """Write the log of a clip."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for entry in frames:
        share = "" if entry.flagged_share is None else repr(entry.flagged_share)
        where = [entry.index, entry.frame, entry.key_index, entry.distance]
        writer.writerow([*where, int(entry.is_refined), share])
    return text.getvalue().encode()


def read_propagation_log(path: Path) -> list[PropagatedFrame]:
    """Read the log of a clip.

    Raises:
        InputError: Not readable, or not such a log.
    """
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            return [
                PropagatedFrame(
                    index=int(row["index"]),
                    frame=row["frame"],
                    key_index=int(row["key_index"]),
                    is_refined=row["is_refined"] == "1",
                    flagged_share=float(row["flagged_share"]) if row["flagged_share"] else None,
                )
                for row in csv.DictReader(stream)
            ]
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise InputError(f"{path} is no log of propagation: {error!r}") from error
