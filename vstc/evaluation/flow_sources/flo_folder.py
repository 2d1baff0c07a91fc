"""Flow that is given as a folder of Middlebury ``.flo`` files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from vstc.artifacts.manifest import InputRef
from vstc.errors import InputError
from vstc.evaluation.flow_sources.source import (
    FORWARD_ONLY,
    ClipFlow,
    FlowField,
    FlowNeeds,
    VisibleMask,
    no_visibility,
)
from vstc.formats.dataset import Clip, Dataset
from vstc.formats.flow.hdf5 import FlowDirection
from vstc.formats.flow.middlebury import flo_size, known_flow, read_flo
from vstc.formats.images import image_size

_SAMPLE_BYTES = 4096
_NO_BACKWARD_HINT = (
    "leave the flow out to have it computed, or give an artifact of vstc flow precompute, "
    "which has both directions"
)


class FloFolderFlow:
    """Reads ``<clip>/<frame>.flo``, without clip folders ``<frame>.flo``, or a flow export.

    A flow export is ``<clip>/prev_to_next/<frame>_<next frame>.flo``.

    A file is named like the earlier frame of a pair and holds the flow from it to the next one,
    on its own grid. Unknown pixels (beyond 1e9) become nan, so that they do not count.

    Args:
        folder: The folder.
        dataset: The data set whose clips are asked for.

    Raises:
        InputError: There is no such folder, or no ``.flo`` file in it.
    """

    def __init__(self, folder: Path, dataset: Dataset) -> None:
        self.folder = folder
        self._dataset = dataset
        if next(folder.rglob("*.flo"), None) is None:
            raise InputError(
                f"no .flo file in {folder}",
                hint="name them <clip>/<frame>.flo, after the earlier frame of each pair",
            )

    def check(self, clips: Sequence[Clip], needs: FlowNeeds = FORWARD_ONLY) -> None:
        """Look whether each pair has a file that is whole and of a fitting size.

        Raises:
            InputError: A file is missing, damaged or of another shape than the frames; two
                clips would share a file; or more is asked for than the flow to the next frame.
        """
        if needs.next_to_prev:
            raise self._no_backward()
        if needs.visibility:
            raise no_visibility(f"{self.folder} (.flo files)")
        owners: dict[Path, str] = {}
        for clip in clips:
            self._check_clip(clip)
            for path in self._paths(clip):
                if path in owners:
                    raise InputError(
                        f"clips {owners[path]} and {clip.id} would both read {path}",
                        hint="put the files of each clip into a folder <clip>/",
                    )
                owners[path] = clip.id

    def reference(self) -> InputRef:
        """Refer to the folder as an input, by names, sizes and a sample of each file."""
        digest = hashlib.sha256()
        for path in sorted(self.folder.rglob("*.flo")):
            size_bytes = path.stat().st_size
            digest.update(f"{path.relative_to(self.folder).as_posix()}\0{size_bytes}\n".encode())
            with path.open("rb") as stream:
                # All files have the same length, so their length alone would tell nothing.
                stream.seek(max(0, size_bytes // 2 - _SAMPLE_BYTES // 2))
                digest.update(stream.read(_SAMPLE_BYTES))
        return InputRef("flow", str(self.folder), "raw", digest.hexdigest()[:16])

    @contextmanager
    def open(self, clip: Clip) -> Iterator[ClipFlow]:
        """Open the flow of one clip."""
        yield _FloClipFlow(self, self._paths(clip))

    def describe(self) -> dict[str, Any]:
        """Say for the record where the flow comes from; the files do not tell their method."""
        height, width = flo_size(min(self.folder.rglob("*.flo")))
        return {
            "source": "flo",
            "method": None,
            "params": {},
            "size": f"{width}x{height}",
            "id": self.reference().id,
        }

    def _no_backward(self) -> InputError:
        return InputError(
            f"{self.folder} has .flo files to the next frame only, no next_to_prev",
            hint=_NO_BACKWARD_HINT,
        )

    def _paths(self, clip: Clip) -> list[Path]:
        """Name the file of each pair."""
        names = clip.frame_names
        exported = self.folder / clip.id / FlowDirection.PREV_TO_NEXT
        if exported.is_dir():
            return [exported / f"{a}_{b}.flo" for a, b in pairwise(names)]
        nested = self.folder / clip.id
        folder = nested if nested.is_dir() else self.folder
        return [folder / f"{name}.flo" for name in names[:-1]]

    def _check_clip(self, clip: Clip) -> None:
        paths = self._paths(clip)
        missing = [path for path in paths if not path.is_file()]
        if missing:
            raise InputError(
                f"{len(missing)} of {len(paths)} flow files of clip {clip.id} are missing, "
                f"the first is {missing[0]}",
                hint="name them <clip>/<frame>.flo, after the earlier frame of each pair",
            )
        sizes = {flo_size(path): path for path in paths}
        if len(sizes) > 1:
            (first, one), (second, other) = list(sizes.items())[:2]
            raise InputError(f"flow files differ in size: {one} is {first}, {other} is {second}")
        frame = self._dataset.frame_source(clip, 0)
        if isinstance(frame, Path):
            self._check_shape(paths[0], next(iter(sizes)), image_size(frame))

    @staticmethod
    def _check_shape(path: Path, flow: tuple[int, int], frame: tuple[int, int]) -> None:
        """Refuse flow of padded or cropped frames: smaller flow is stretched over the frame."""
        by_height, by_width = flow[0] / frame[0], flow[1] / frame[1]
        if abs(by_height - by_width) > 1 / frame[0] + 1 / frame[1]:
            raise InputError(
                f"flow {path} is {flow[1]}x{flow[0]}, the frames are {frame[1]}x{frame[0]}: "
                "another shape",
                hint="cut off padding, or compute it on frames shrunk alike in both directions",
            )


class _FloClipFlow:
    def __init__(self, source: FloFolderFlow, paths: Sequence[Path]) -> None:
        self._source = source
        self._paths = paths

    def prev_to_next(self, index: int) -> FlowField:
        flow = read_flo(self._paths[index])
        flow[~known_flow(flow)] = np.nan
        return flow

    def next_to_prev(self, index: int) -> FlowField:
        raise self._source._no_backward()

    def visible_prev(self, index: int) -> VisibleMask:
        raise no_visibility(f"{self._source.folder} (.flo files)")

    visible_next = visible_prev
