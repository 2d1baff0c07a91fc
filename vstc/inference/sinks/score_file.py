"""Results as a file of class probabilities for each clip."""

from __future__ import annotations

from contextlib import suppress

from vstc.artifacts.workspace import Workspace
from vstc.errors import VstcError
from vstc.formats.score_writer import ScoreWriter
from vstc.inference.results import FrameResult, Size, refuse_other_size


class ScoreFiles:
    """Writes ``<clip>.h5``, which ``vstc evaluate --format probabilities`` reads.

    Args:
        workspace: The artifact.
        num_classes: How many classes there are.
        keeps_part: A clip that is abandoned has its file as far as it goes: its frames cannot be
            had again.
    """

    def __init__(self, workspace: Workspace, num_classes: int, *, keeps_part: bool = False) -> None:
        self._workspace = workspace
        self._keeps_part = keeps_part
        self._num_classes = num_classes
        self._clip_id = ""
        self._size: Size = (0, 0)
        self._writer: ScoreWriter | None = None

    def open(self, clip_id: str, *, size: Size, fps: float | None) -> None:
        """Begin a file."""
        del fps
        self._clip_id, self._size = clip_id, size
        path = self._workspace.path / score_file(clip_id)
        self._writer = ScoreWriter(path, num_classes=self._num_classes, size=size)

    def write(self, result: FrameResult) -> None:
        """Append the probabilities of a frame.

        Raises:
            InputError: It has another size than the clip.
        """
        assert self._writer is not None
        assert result.probabilities is not None
        refuse_other_size(result, self._size, clip_id=self._clip_id)
        self._writer.write(result.name, result.probabilities)

    def close(self) -> None:
        """Finish the file."""
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()

    def abandon(self) -> None:
        """Leave no file, or one of fewer frames."""
        writer, self._writer = self._writer, None
        if writer is None:
            return
        if self._keeps_part and writer.frames:
            with suppress(VstcError):
                writer.close()
        else:
            writer.abort()


def score_file(clip_id: str) -> str:
    """Return where the probabilities of a clip lie in a predictions artifact."""
    return f"{clip_id}.h5"
