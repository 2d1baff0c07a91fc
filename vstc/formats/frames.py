"""Frames of a data set: in order as a stream, or any one by its place."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vstc.formats.dataset import Clip, Dataset, VideoFrame
from vstc.formats.images import read_rgb
from vstc.formats.video.files import VideoReader

Array8 = NDArray[np.uint8]


class FrameReader:
    """Reads frames as (H, W, 3) uint8 RGB; each thread has its own video decoders.

    Args:
        dataset: The data set.
        cache_bytes: Decoded frames kept for ``read``, oldest use dropped first; 0 keeps none.
    """

    def __init__(self, dataset: Dataset, *, cache_bytes: int = 0) -> None:
        self._dataset = dataset
        self._local = threading.local()
        self._cache: OrderedDict[tuple[str, int], Array8] = OrderedDict()
        self._cache_left = cache_bytes
        self._guard = threading.Lock()

    def read(self, clip: Clip, index: int) -> Array8:
        """Read one frame by its place in the clip.

        Raises:
            InputError: The file is missing or unreadable.
        """
        key = (clip.id, index)
        with self._guard:
            if key in self._cache:
                self._cache.move_to_end(key)
                return self._cache[key]
        image = self._decode(clip, index)
        self._keep(key, image)
        return image

    def stream(self, clip: Clip, *, start: int = 0) -> Iterator[Array8]:
        """Read the frames of a clip in order, holding one at a time.

        Args:
            clip: The clip.
            start: First frame to give.

        Raises:
            InputError: A file is missing or unreadable.
        """
        for index in range(start, len(clip.frames)):
            yield self._decode(clip, index)

    def _decode(self, clip: Clip, index: int) -> Array8:
        source = self._dataset.frame_source(clip, index)
        if isinstance(source, VideoFrame):
            return self._video(source.video).read(source.index)
        return read_rgb(source)

    def _video(self, path: str) -> VideoReader:
        """Return this thread's decoder; only the last one stays open."""
        opened: tuple[str, VideoReader] | None = getattr(self._local, "video", None)
        if opened is None or opened[0] != path:
            opened = (path, VideoReader(Path(path)))
            self._local.video = opened
        return opened[1]

    def _keep(self, key: tuple[str, int], image: Array8) -> None:
        with self._guard:
            if key in self._cache:
                return
            self._cache_left -= image.nbytes
            self._cache[key] = image
            while self._cache_left < 0:
                _, dropped = self._cache.popitem(last=False)
                self._cache_left += dropped.nbytes
