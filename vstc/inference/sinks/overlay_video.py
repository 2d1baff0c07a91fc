"""Results as a video of the frames with their label colours."""

from __future__ import annotations

from contextlib import ExitStack, suppress

import numpy as np
from numpy.typing import NDArray

from vstc.artifacts.workspace import Workspace
from vstc.errors import VstcError
from vstc.formats.images import overlay_labels
from vstc.formats.video.files import VideoWriter
from vstc.inference.results import FrameResult, Size, refuse_other_size

Array8 = NDArray[np.uint8]
DEFAULT_FPS = 25.0


class OverlayVideo:
    """Writes ``<clip>/overlay.mp4``; it appears when the clip is closed.

    Args:
        workspace: The artifact.
        palette: (256, 3) RGB, the colour of each id; black shows the frame.
        keeps_part: A clip that is abandoned has its video as far as it goes: its frames cannot be
            had again.
    """

    def __init__(self, workspace: Workspace, palette: Array8, *, keeps_part: bool = False) -> None:
        self._workspace = workspace
        self._keeps_part = keeps_part
        self._palette = palette
        self._clip_id = ""
        self._size: Size = (0, 0)
        self._stack = ExitStack()

    def open(self, clip_id: str, *, size: Size, fps: float | None) -> None:
        """Begin a video; a clip whose rate is unknown gets 25 frames per second."""
        self._clip_id, self._size = clip_id, size
        path = self._workspace.path / overlay_file(clip_id)
        self._video = VideoWriter(path, fps=fps or DEFAULT_FPS, size=size)
        self._stack.enter_context(self._video)

    def write(self, result: FrameResult) -> None:
        """Append a frame.

        Raises:
            InputError: It has another size than the clip.
        """
        refuse_other_size(result, self._size, clip_id=self._clip_id)
        self._video.write(overlay_labels(result.frame, result.labels, self._palette))

    def close(self) -> None:
        """Finish the video."""
        self._stack.close()

    def abandon(self) -> None:
        """Leave no video, or a shorter one."""
        if self._keeps_part:
            with suppress(VstcError):  # no frame yet, or a full disk
                self._stack.close()
        else:
            error = _GivenUpError()
            self._stack.__exit__(_GivenUpError, error, None)


def overlay_file(clip_id: str) -> str:
    """Return where the video of a clip lies in a predictions artifact."""
    return f"{clip_id}/overlay.mp4"


class _GivenUpError(Exception):
    """Tells the video that it is not wanted any more."""
