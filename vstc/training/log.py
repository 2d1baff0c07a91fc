"""The log of a run, ``metrics.jsonl``: one JSON object a line, cut back when a run resumes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vstc.artifacts.atomic import atomic_write_bytes, output_failure

LOG = "metrics.jsonl"


class RunLog:
    """Appends events; every line is flushed, so a killed run loses none that it said.

    Args:
        folder: The run folder.
        resume_at: Keep the lines of earlier steps and drop the rest; 0 starts empty.
    """

    def __init__(self, folder: Path, *, resume_at: int) -> None:
        self._path = folder / LOG
        kept = [line for line in read_log(folder) if line["step"] <= resume_at and resume_at]
        text = "".join(_line(entry) for entry in kept)
        atomic_write_bytes(self._path, text.encode())

    def add(self, event: str, step: int, values: Mapping[str, Any]) -> None:
        """Append an event.

        Args:
            event: ``step`` or ``validation``.
            step: How many steps were done.
            values: Plain JSON values.
        """
        try:
            with self._path.open("a", encoding="utf-8") as stream:
                stream.write(_line({"event": event, "step": step, **values}))
        except OSError as error:
            raise output_failure(self._path, error) from error


def read_log(folder: Path) -> list[dict[str, Any]]:
    """Read the events of a run; a last line that was cut short is left out."""
    path = folder / LOG
    if not path.is_file():
        return []
    entries: list[dict[str, Any]] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            entries.append(json.loads(line))
        except ValueError:
            break
    return entries


def _line(entry: Mapping[str, Any]) -> str:
    return json.dumps(entry, sort_keys=True, allow_nan=False) + "\n"
