"""Sequences of image files below a folder, and which of them belong to a sequence of trimaps."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from functools import cached_property
from pathlib import Path, PurePosixPath

from vstc.artifacts.fingerprint import fingerprint_files
from vstc.artifacts.manifest import MANIFEST, InputRef, input_ref
from vstc.artifacts.workspace import PROGRESS
from vstc.data.index.source import natural_key, refuse_twice
from vstc.errors import InputError
from vstc.trimaps.layout import FIRST_MASKS, KIND

Files = Mapping[str, Path]
HERE = "."


class ImageSequences:
    """The folders with images at or below a folder; each is a sequence.

    The masks of first frames, which lie beside the trimaps of vstc, are none.

    Args:
        folder: The folder.
        suffixes: Suffixes of the images, in lower case.

    Attributes:
        folder: The same.

    Raises:
        InputError: Not a folder, or no image in it.
    """

    def __init__(self, folder: Path, suffixes: Collection[str]) -> None:
        if not folder.is_dir():
            raise InputError(f"not a folder: {folder}")
        self.folder = folder
        self._suffixes = frozenset(suffixes)
        if not self.places:
            raise InputError(f"no image in {folder}", hint=f"known: {' '.join(sorted(suffixes))}")

    @cached_property
    def places(self) -> Mapping[str, Files]:
        """Files by frame name, in natural order, by the place of their folder below this one."""
        found = {}
        for place, names in self._folders():
            paths = sorted(map(PurePosixPath, names), key=lambda path: natural_key(path.stem))
            refuse_twice((path.stem for path in paths), where=str(self.folder / place))
            found[place] = {path.stem: self.folder / place / path for path in paths}
        return dict(sorted(found.items(), key=lambda entry: natural_key(entry[0])))

    def place_of(self, sequence: str) -> str | None:
        """Return the folder that belongs to a sequence.

        The one called like it; else, going up, the one of its clip; else the top folder.

        Args:
            sequence: Such as ``clip/track``.
        """
        path = PurePosixPath(sequence)
        candidates = (path, *path.parents)
        return next((str(place) for place in candidates if str(place) in self.places), None)

    def reference(self, role: str) -> InputRef:
        """Refer to trimaps of vstc as such, to other files by their names and sizes.

        Raises:
            InputError: An artifact that is incomplete or of another kind.
        """
        if any((self.folder / name).is_file() for name in (MANIFEST, PROGRESS)):
            return input_ref(role, self.folder, kind=KIND)
        files = [
            path.relative_to(self.folder).as_posix()
            for sequence in self.places.values()
            for path in sequence.values()
        ]
        identity = fingerprint_files(self.folder, files)
        return InputRef(role=role, path=str(self.folder), kind="raw", id=identity)

    def _folders(self) -> Iterator[tuple[str, list[str]]]:
        for folder, inner, names in os.walk(self.folder, followlinks=True):
            inner[:] = [n for n in inner if not n.startswith(".") and n != FIRST_MASKS]
            images = [name for name in names if self._is_image(name)]
            if images:
                yield PurePosixPath(os.path.relpath(folder, self.folder)).as_posix(), images

    def _is_image(self, name: str) -> bool:
        return not name.startswith(".") and PurePosixPath(name).suffix.lower() in self._suffixes
