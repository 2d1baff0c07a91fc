"""``<clip>/propagation.csv``: how each frame of propagated predictions came about."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from vstc.artifacts.atomic import atomic_path, output_failure
from vstc.errors import InputError

NAME = "propagation.csv"
_COLUMNS = (
    *("index", "frame", "key_index", "distance"),
    *("is_refined", "flagged_share", "is_cut", "is_missing"),
)


@dataclass(frozen=True)
class PropagatedFrame:
    """How the labels of a frame came about.

    Attributes:
        index: Place in the clip.
        frame: Name of the frame.
        key_index: Place of the key frame that its labels come from; its own for a key frame.
        is_refined: A refiner repaired it.
        flagged_share: Share of its pixels where the labels are mistrusted; None when not asked.
        is_cut: A scene begins with it.
        is_missing: It could not be read.
    """

    index: int
    frame: str
    key_index: int
    is_refined: bool
    flagged_share: float | None
    is_cut: bool = False
    is_missing: bool = False

    @property
    def distance(self) -> int:
        """Frames between it and its key frame, whichever comes first."""
        return abs(self.index - self.key_index)


def propagation_log(frames: Iterable[PropagatedFrame]) -> bytes:
    """Write the log of a clip."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    writer.writerows(_row(entry) for entry in frames)
    return text.getvalue().encode()


class PropagationLogWriter:
    """Writes the log of a clip frame by frame; the file appears when it is closed.

    Args:
        path: The file to be. Its folder is made.

    Raises:
        OutputError: The disk is full or the folder cannot be written; ``write`` and ``close``
            raise it too.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.frames = 0
        with ExitStack() as stack:
            partial = stack.enter_context(atomic_path(path))
            self._stream = stack.enter_context(partial.open("w", encoding="utf-8", newline=""))
            self._writer = csv.writer(self._stream, lineterminator="\n")
            self._writer.writerow(_COLUMNS)
            self._stack = stack.pop_all()

    def write(self, entry: PropagatedFrame) -> None:
        """Append a frame."""
        try:
            self._writer.writerow(_row(entry))
        except OSError as error:
            raise output_failure(self._path, error) from error
        self.frames += 1

    def close(self) -> None:
        """Finish the file and put it in its place."""
        self._stack.close()

    def abort(self) -> None:
        """Drop everything that was written."""
        error = _GivenUpError()
        self._stack.__exit__(_GivenUpError, error, None)


def _row(entry: PropagatedFrame) -> list[object]:
    share = "" if entry.flagged_share is None else repr(entry.flagged_share)
    where = [entry.index, entry.frame, entry.key_index, entry.distance]
    flags = [int(entry.is_cut), int(entry.is_missing)]
    return [*where, int(entry.is_refined), share, *flags]


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
                    is_cut=row.get("is_cut") == "1",
                    is_missing=row.get("is_missing") == "1",
                )
                for row in csv.DictReader(stream)
            ]
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise InputError(f"{path} is no log of propagation: {error!r}") from error


class _GivenUpError(Exception):
    """Tells the temporary file that it is not wanted any more."""
