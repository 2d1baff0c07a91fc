"""Read the flow file of one clip, whole fields or windows, from many threads at once."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from vstc.errors import InputError
from vstc.formats.flow.chunks import SCALE, decode_flow_chunk, decode_visible_chunk
from vstc.formats.flow.layout import (
    DAMAGED_HINT,
    FlowDirection,
    FlowInfo,
    dataset_name,
    read_info,
)

Window = tuple[int, int, int, int]


class FlowReader:
    """Read the flow file of one clip; any thread may, and most of the work needs no lock.

    The file is opened at the first use in each process, so a reader can be pickled or inherited
    by a worker process. A context manager, for those who want the file closed early.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._opened: tuple[int, h5py.File, FlowInfo] | None = None
        self._guard = threading.Lock()

    @property
    def info(self) -> FlowInfo:
        """What the file holds.

        Raises:
            InputError: Missing, truncated, not a flow file, or written by a newer version.
        """
        return self._open()[1]

    def read(
        self,
        index: int,
        *,
        direction: FlowDirection,
        gap: int = 1,
        window: Window | None = None,
    ) -> NDArray[np.float32]:
        """Read a field, or a part of it at the cost of the chunks that it touches.

        Args:
            index: The pair: frames ``index`` and ``index + gap``.
            direction: On whose grid; see ``CONVENTION``.
            gap: Distance of the two frames.
            window: (top, left, height, width); None reads all.

        Returns:
            (H, W, 2) float32, (x, y) in pixels of the stored grid.

        Raises:
            InputError: The file lacks it or is damaged.
        """
        file, info = self._open()
        name = self._checked_name(info, index, direction, gap)
        dataset = file[name]
        top, left, height, width = self._checked_window(info, window)
        flow = np.empty((height, width, 2), np.float32)
        if not _is_gzip_shuffle(dataset):
            part = dataset[index, :, top : top + height, left : left + width]
            np.multiply(np.moveaxis(part, 0, 2), 1 / SCALE, out=flow, dtype=np.float32)
            return flow
        for corner, source, target in _chunks_of(dataset.chunks[-2:], (top, left, height, width)):
            fixed = self._decoded(dataset, (index, 0, *corner), decode_flow_chunk)
            np.multiply(fixed[source], 1 / SCALE, out=flow[target], dtype=np.float32)
        return flow

    def visible(
        self,
        index: int,
        *,
        direction: FlowDirection,
        gap: int = 1,
        window: Window | None = None,
    ) -> NDArray[np.bool_]:
        """Read where a pixel is seen in the other frame too; arguments as for ``read``.

        Returns:
            (H, W) bool.

        Raises:
            InputError: The file has no visibility or is damaged.
        """
        file, info = self._open()
        name = self._checked_name(info, index, direction, gap)
        if not info.has_visibility:
            raise InputError(f"{self.path} has no visibility maps: its flow is {info.method}")
        dataset = file[f"{name}_visible"]
        top, left, height, width = self._checked_window(info, window)
        visible = np.empty((height, width), np.bool_)
        for corner, source, target in _chunks_of(dataset.chunks[-2:], (top, left, height, width)):
            chunk = self._decoded(dataset, (index, *corner), decode_visible_chunk)
            visible[target] = chunk[source]
        return visible

    def saturated_values(self, *, direction: FlowDirection, gap: int = 1) -> int:
        """Return how many values were clipped to +-511.98 px when the file was written."""
        file, info = self._open()
        name = self._checked_name(info, 0, direction, gap)
        return int(file[name].attrs.get("saturated_values", 0))

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        with self._guard:
            if self._opened is not None and self._opened[0] == os.getpid():
                self._opened[1].close()
            self._opened = None

    def __enter__(self) -> FlowReader:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path}

    def __setstate__(self, state: dict[str, Any]) -> None:
        FlowReader.__init__(self, state["path"])

    def _open(self) -> tuple[h5py.File, FlowInfo]:
        opened = self._opened
        if opened is not None and opened[0] == os.getpid():
            return opened[1], opened[2]
        with self._guard:
            if self._opened is None or self._opened[0] != os.getpid():
                file = _open_file(self.path)
                self._opened = (os.getpid(), file, read_info(file, self.path))
            return self._opened[1], self._opened[2]

    def _checked_name(self, info: FlowInfo, index: int, direction: FlowDirection, gap: int) -> str:
        if direction not in info.directions or gap not in info.gaps:
            raise InputError(
                f"{self.path} has no flow {direction} with gap {gap}, only "
                f"{', '.join(info.directions)} with gaps {', '.join(map(str, info.gaps))}",
                hint="compute it with vstc flow precompute --directions ... --gaps ...",
            )
        if not 0 <= index < info.num_pairs(gap):
            raise InputError(
                f"{self.path} has no pair {index} with gap {gap}: there are {info.num_pairs(gap)}"
            )
        return dataset_name(FlowDirection(direction), gap)

    def _checked_window(self, info: FlowInfo, window: Window | None) -> Window:
        height, width = info.size
        if window is None:
            return 0, 0, height, width
        top, left, rows, columns = window
        if top < 0 or left < 0 or rows < 1 or columns < 1:
            raise ValueError(f"window {window} is empty or begins outside")
        if top + rows > height or left + columns > width:
            raise InputError(f"window {window} leaves the {height} x {width} flow of {self.path}")
        return window

    def _decoded(
        self,
        dataset: h5py.Dataset,
        offset: tuple[int, ...],
        decode: Callable[[bytes, tuple[int, int]], NDArray[Any]],
    ) -> NDArray[Any]:
        try:
            _, data = dataset.id.read_direct_chunk(offset)
            return decode(data, dataset.chunks[-2:])
        except (ValueError, RuntimeError, OSError) as error:
            raise InputError(
                f"flow file is damaged: {self.path}, {dataset.name} pair {offset[0]}: {error}",
                hint=DAMAGED_HINT,
            ) from error


def _open_file(path: Path) -> h5py.File:
    if not path.is_file():
        raise InputError(f"flow file not found: {path}")
    try:
        return h5py.File(path, "r")
    except OSError as error:
        raise InputError(
            f"flow file is truncated or not HDF5: {path}: {error}", hint=DAMAGED_HINT
        ) from error


def _is_gzip_shuffle(dataset: h5py.Dataset) -> bool:
    is_plain_type = dataset.dtype == np.dtype("<i2")
    return is_plain_type and dataset.compression == "gzip" and bool(dataset.shuffle)


def _chunks_of(
    chunk: tuple[int, int], window: Window
) -> Iterator[tuple[tuple[int, int], tuple[slice, slice], tuple[slice, slice]]]:
    """Yield chunk corner, the part of the chunk inside the window, and its place there."""
    top, left, height, width = window
    rows, columns = chunk
    for y in range(top // rows * rows, top + height, rows):
        for x in range(left // columns * columns, left + width, columns):
            first_y, last_y = max(y, top), min(y + rows, top + height)
            first_x, last_x = max(x, left), min(x + columns, left + width)
            source = (slice(first_y - y, last_y - y), slice(first_x - x, last_x - x))
            target = (slice(first_y - top, last_y - top), slice(first_x - left, last_x - left))
            yield (y, x), source, target
