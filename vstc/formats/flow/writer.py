"""Write the flow file of one clip, so that it appears only when it is whole."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from vstc.artifacts.atomic import atomic_path, output_failure
from vstc.errors import InputError
from vstc.formats.flow.chunks import Compression, EncodedField, chunk_corners, encode_field
from vstc.formats.flow.layout import FlowDirection, FlowInfo, create_layout, dataset_name
from vstc.formats.hdf5_file import new_hdf5


class FlowWriter:
    """Write the flow file of one clip, pair by pair; it appears only when it is whole.

    A context manager. Pairs may be written in any order, but bytes on disk follow that order:
    write in a fixed one to get the same file twice.

    Args:
        path: The file to be. Its folder is made.
        info: What it will hold.
        compression: What matters more, time or size.
    """

    def __init__(
        self, path: Path, info: FlowInfo, *, compression: Compression = Compression.FAST
    ) -> None:
        self.info = info
        self._path = path
        self._compression = compression
        self._missing = {
            (direction, gap, index)
            for direction in info.directions
            for gap in info.gaps
            for index in range(info.num_pairs(gap))
        }
        self._saturated = {(d, gap): 0 for d in info.directions for gap in info.gaps}
        self._corners = chunk_corners(info.size)
        with ExitStack() as stack:
            partial = stack.enter_context(atomic_path(path))
            self._file = stack.enter_context(new_hdf5(partial))
            create_layout(self._file, info)
            self._stack = stack.pop_all()

    def write(
        self,
        index: int,
        flow: NDArray[np.float32],
        *,
        direction: FlowDirection,
        gap: int = 1,
        visible: NDArray[np.bool_] | NDArray[np.uint8] | None = None,
    ) -> None:
        """Write one field.

        Args:
            index: The pair: frames ``index`` and ``index + gap``.
            flow: (H, W, 2) in pixels of the stored grid.
            direction: The direction of ``flow``.
            gap: Distance of the two frames.
            visible: (H, W), true where the pixel is seen in the other frame too.
        """
        field = encode_field(flow, visible=visible, compression=self._compression)
        self.write_encoded(index, field, direction=direction, gap=gap)

    def write_encoded(
        self, index: int, field: EncodedField, *, direction: FlowDirection, gap: int = 1
    ) -> None:
        """Write one field that another thread has encoded; arguments as for ``write``."""
        key = (FlowDirection(direction), gap, index)
        if key not in self._missing:
            raise ValueError(f"pair {key} is written already or not part of {self._path}")
        if field.size != self.info.size:
            raise InputError(
                f"frames of {self._path.stem} differ in size: {field.size} and {self.info.size}"
            )
        if (field.visible_chunks is not None) != self.info.has_visibility:
            raise ValueError("visibility must be given for all pairs or for none")
        name = dataset_name(direction, gap)
        try:
            # The chunks are packed already, so HDF5's lock is held for the bare write only.
            flow_set = self._file[name].id
            for (y, x), data in zip(self._corners, field.chunks, strict=True):
                flow_set.write_direct_chunk((index, 0, y, x), data)
            if field.visible_chunks is not None:
                visible_set = self._file[f"{name}_visible"].id
                for (y, x), data in zip(self._corners, field.visible_chunks, strict=True):
                    visible_set.write_direct_chunk((index, y, x), data)
        except OSError as error:
            raise output_failure(self._path, error) from error
        self._missing.remove(key)
        self._saturated[direction, gap] += field.saturated

    def close(self) -> None:
        """Finish the file and put it in its place.

        Raises:
            ValueError: Pairs were not written.
        """
        if self._missing:
            self.abort()
            raise ValueError(f"{len(self._missing)} pairs of {self._path} were not written")
        for (direction, gap), count in self._saturated.items():
            self._file[dataset_name(direction, gap)].attrs["saturated_values"] = np.int64(count)
        self._stack.close()

    def abort(self) -> None:
        """Drop everything that was written."""
        error = _GivenUpError()
        self._stack.__exit__(_GivenUpError, error, None)

    def __enter__(self) -> FlowWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self.close()
        else:
            self.abort()


class _GivenUpError(Exception):
    """Tells the temporary file that it is not wanted any more."""
