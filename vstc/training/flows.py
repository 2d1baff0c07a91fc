"""Stored flow of several data sets: each clip is looked up in the folders in turn."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from vstc.errors import InputError
from vstc.formats.dataset import Clip
from vstc.formats.flow.hdf5 import FlowArchive, FlowDirection, FlowReader


class FlowShelf:
    """Finds the flow of a clip among several ``vstc.flow`` artifacts.

    Args:
        folders: The artifacts; the first that has a clip serves it.

    Raises:
        InputError: A folder is missing or incomplete.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self._archives = [FlowArchive(folder) for folder in folders]

    def archive(self, clip_id: str) -> FlowArchive:
        """Return the archive that has a clip.

        Raises:
            InputError: None has it; the last one says what to type.
        """
        for archive in self._archives:
            if archive.has(clip_id):
                return archive
        return self._archives[-1]

    def reader(self, clip_id: str) -> FlowReader:
        """Return the reader of a clip.

        Raises:
            InputError: No folder has it.
        """
        return self.archive(clip_id).reader(clip_id)

    def shared_folder(self, clip_ids: Iterable[str]) -> Path | None:
        """Return the folder that has all of some clips, or None."""
        wanted = list(clip_ids)
        for archive in self._archives:
            if wanted and all(archive.has(clip_id) for clip_id in wanted):
                return archive.folder
        return None

    def require(
        self, clip: Clip, *, directions: Sequence[FlowDirection], gaps: Sequence[int]
    ) -> None:
        """Check that the flow of a clip has what will be read.

        Raises:
            InputError: It was made of other frames, or a direction or a distance is missing.
        """
        reader = self.reader(clip.id)
        info = reader.info
        if list(info.frames) != clip.frame_names:
            raise InputError(
                f"flow {reader.path} was made of other frames than clip {clip.id} has now",
                hint="run its vstc flow precompute again with --overwrite",
            )
        lacking: list[str] = [d for d in directions if d not in info.directions]
        lacking += [f"gap {gap}" for gap in gaps if gap not in info.gaps]
        if lacking:
            raise InputError(
                f"flow of clip {clip.id} in {self.archive(clip.id).folder} lacks "
                f"{', '.join(lacking)}",
                hint=f"vstc flow precompute ... --gaps {','.join(map(str, gaps))} makes it; "
                "--set gap=N trains with smaller distances",
            )
