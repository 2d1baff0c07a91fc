"""A clip of a video whose frames bring the motion vectors that the codec stored for them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from vstc.errors import InputError
from vstc.formats.dataset import Clip, Dataset, VideoFrame
from vstc.formats.video.coded_frames import CodedVideoReader
from vstc.inference.frame_streams import ClipStream, Size, StreamFrame


class CodedClipStream(ClipStream):
    """A clip that is a video or part of one; one decoding gives pixels and vectors.

    Args:
        dataset: The data set.
        clip: The clip.
        indices: Places of the frames to read, rising; None reads all.
    """

    def __init__(
        self, dataset: Dataset, clip: Clip, *, indices: Sequence[int] | None = None
    ) -> None:
        super().__init__(dataset, clip, indices=indices)
        self._video: CodedVideoReader | None = None

    @cached_property
    def size(self) -> Size:
        """Height and width of all frames."""
        with self._guard:
            return self._opened(self._source(self._indices[0]).video).size

    def _read(self, index: int) -> StreamFrame:
        source = self._source(index)
        frame = self._opened(source.video).read(source.index)
        return StreamFrame(index, self._clip.frame_names[index], frame.image, frame.vectors)

    def _release(self) -> None:
        if self._video is not None:
            self._video.close()
            self._video = None

    def _source(self, index: int) -> VideoFrame:
        source = self._dataset.frame_source(self._clip, index)
        if not isinstance(source, VideoFrame):
            raise InputError(f"{source} is no frame of a video: it has no motion vectors")
        return source

    def _opened(self, path: str) -> CodedVideoReader:
        if self._video is None or str(self._video.path) != path:
            self._release()
            self._video = CodedVideoReader(Path(path))
        return self._video
