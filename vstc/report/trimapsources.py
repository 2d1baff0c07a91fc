"""What stands behind trimaps: the frames and masks that they were made from, and their mattes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vstc.artifacts.lineage import find_input
from vstc.errors import InputError
from vstc.formats.alpha import read_alpha
from vstc.formats.dataset import Dataset, load_dataset
from vstc.formats.frames import FrameReader
from vstc.formats.objects.store import InstanceArchive
from vstc.report.sources import DATASET, INSTANCES, METRICS, Source
from vstc.report.tracks import frame_of, masks_of

Array8 = NDArray[np.uint8]
ALPHAS = "alphas"


class TrimapSources:
    """Finds what belongs to the trimaps of an artifact; what is gone is None.

    Args:
        source: The trimaps.
        sources: All artifacts of the report; masks, data sets and mattes are looked for among
            them first.
    """

    def __init__(self, source: Source, sources: Sequence[Source]) -> None:
        self._archives = list(_archives(source, sources))
        self._datasets = list(_datasets(sources))
        self._mattes = [
            other.path / ALPHAS
            for other in sources
            if other.kind == METRICS and (other.path / ALPHAS).is_dir()
        ]

    def image(self, clip_id: str, frame_name: str, *, size: tuple[int, int]) -> Array8 | None:
        """Return a frame, (H, W, 3) RGB, if it is known and has the size."""
        for archive in self._archives:
            for clip in archive.clips:
                if clip.id == clip_id and frame_name in clip.frame_names:
                    with suppress(InputError):
                        image = frame_of(archive, clip, clip.frame_names.index(frame_name))
                        if image is not None and image.shape[:2] == size:
                            return image
        for dataset in self._datasets:
            for entry in dataset.clips:
                if entry.id == clip_id and frame_name in entry.frame_names:
                    with suppress(InputError):
                        index = entry.frame_names.index(frame_name)
                        image = FrameReader(dataset).read(entry, index)
                        if image.shape[:2] == size:
                            return image
        return None

    def masks(
        self, clip_id: str, frame_name: str, *, size: tuple[int, int]
    ) -> dict[int, NDArray[np.bool_]]:
        """Return the masks of a frame, (H, W) by track; empty where they are not known."""
        for archive in self._archives:
            clip = next((clip for clip in archive.clips if clip.id == clip_id), None)
            if clip is None or (clip.height, clip.width) != size:
                continue
            with suppress(InputError):
                for frame in archive.frames(clip_id):
                    if frame.name == frame_name:
                        return masks_of(frame)
        return {}

    def matte(
        self, clip_id: str, track: str, frame_name: str, *, size: tuple[int, int]
    ) -> NDArray[np.float32] | None:
        """Return the matte that an evaluation made of a trimap, (H, W) in [0, 1]."""
        for folder in self._mattes:
            path = folder / clip_id / track / f"{frame_name}.png"
            if path.is_file():
                with suppress(InputError):
                    alpha = read_alpha(path)
                    if alpha.shape == size:
                        return alpha
        return None


def _archives(source: Source, sources: Sequence[Source]) -> Iterator[InstanceArchive]:
    """Open the masks that the trimaps were made from, then all other masks of the report."""
    ref = source.input(INSTANCES)
    given = [other for other in sources if other.kind == INSTANCES]
    folders = [other.path for other in given if ref is not None and other.id == ref["id"]]
    place = find_input(source.path, ref["path"]) if ref else None
    folders += [place] if place is not None else []
    folders += [other.path for other in given]
    for folder in dict.fromkeys(folders):
        with suppress(InputError):
            yield InstanceArchive(folder)


def _datasets(sources: Sequence[Source]) -> Iterator[Dataset]:
    for source in sources:
        if source.kind == DATASET:
            with suppress(InputError):
                yield load_dataset(Path(source.path))
