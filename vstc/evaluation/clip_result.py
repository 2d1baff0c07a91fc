"""What is counted of one clip, and its form on disk, so that finished clips can be kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vstc.evaluation.groups.base import Part


@dataclass(frozen=True)
class ClipResult:
    """What is counted of one clip; plain enough to be kept in a JSON file.

    Attributes:
        clip_id: The clip.
        size: Height and width of the label maps; None when no frame was read.
        parts: What each metric group counted, by its name.
        strays: Predicted ids that the class table does not have: pixels, frames, the first.
    """

    clip_id: str
    size: tuple[int, int] | None
    parts: Mapping[str, Part]
    strays: Mapping[str, Any] | None = None

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "clip": self.clip_id,
            "size": self.size,
            "parts": dict(self.parts),
            "strays": self.strays,
        }

    @staticmethod
    def from_json(value: Mapping[str, Any]) -> ClipResult:
        """Read what ``as_json`` made."""
        size = value["size"]
        return ClipResult(
            clip_id=value["clip"],
            size=(size[0], size[1]) if size else None,
            parts=value["parts"],
            strays=value["strays"],
        )
