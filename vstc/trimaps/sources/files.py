"""Image files as a source of trimaps: id maps, masks, mattes or probabilities."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vstc.artifacts.manifest import InputRef
from vstc.errors import InputError
from vstc.formats.alpha import read_alpha
from vstc.formats.images import read_labels, read_mask
from vstc.formats.objects.id_masks import VOID, is_void
from vstc.formats.objects.store import InstanceClip
from vstc.trimaps.patch import Patch, patch_of_image
from vstc.trimaps.settings import SourceFormat
from vstc.trimaps.sources.image_folders import ImageClip, ImageFolders
from vstc.trimaps.sources.source import FrameObjects, TrackSurvey, gather_survey
from vstc.trimaps.values import ALPHA, MASK_FROM, PROBABILITIES, Certainty, Opacity

_Objects = list[tuple[int, Patch]]


class FileObjects:
    """Objects in PNG files.

    Args:
        folder: Holds ``<clip>/<frame>.png``; mattes, masks and probabilities of several objects
            are ``<clip>/<track>/<frame>.png``.
        format: What the files hold, not ``AUTO``. In id maps, 255 is void beside other ids.
        tracks: Only these; None is all.

    Raises:
        InputError: No such folder, no image in it, or images of a clip that differ in size.
    """

    def __init__(
        self, folder: Path, *, format: SourceFormat, tracks: Collection[int] | None = None
    ) -> None:
        self._folders = ImageFolders(folder)
        self._format = format
        self._tracks = tracks
        self._images = {clip.id: clip for clip in self._folders.clips}
        if format is SourceFormat.IDS:
            _refuse_track_folders(self._folders.clips)

    @property
    def clips(self) -> Sequence[InstanceClip]:
        """All clips."""
        return [
            InstanceClip(clip.id, *clip.size, fps=None, frame_names=clip.frame_names)
            for clip in self._folders.clips
        ]

    def reference(self) -> InputRef:
        """Refer to all files by their names and sizes."""
        return self._folders.reference(str(self._format))

    def survey(self, clip: InstanceClip) -> dict[int, TrackSurvey]:
        """Look through a clip for its tracks; every image is decoded.

        Raises:
            InputError: A file is unreadable or holds something else.
        """
        found = gather_survey(
            (frame.index, track, None, _area(patch))
            for frame in self.frames(clip)
            for track, patch in frame.load()
        )
        if self._format is SourceFormat.IDS and is_void(set(found)):
            del found[VOID]
        return found

    def frames(self, clip: InstanceClip) -> Iterator[FrameObjects]:
        """Read the frames of a clip in order."""
        images = self._images[clip.id]
        for index, name in enumerate(clip.frame_names):
            yield FrameObjects(index, name, partial(self._load, images, name))

    def frame_image(self, clip: InstanceClip, index: int) -> None:
        """Return None: images of the frames are not looked for."""

    def _load(self, clip: ImageClip, name: str) -> _Objects:
        if self._format is SourceFormat.IDS:
            return self._split_ids(next(iter(clip.tracks.values()))[name])
        read = _READERS[self._format]
        files = {track: files[name] for track, files in clip.tracks.items() if name in files}
        patches = [(t, patch_of_image(read(path))) for t, path in files.items() if self._wants(t)]
        return [(t, patch) for t, patch in patches if patch is not None and _area(patch)]

    def _split_ids(self, path: Path) -> _Objects:
        ids = read_labels(path)
        objects: _Objects = []
        for track in np.unique(ids).tolist():
            if track and self._wants(track):
                patch = patch_of_image(np.where(ids == track, np.uint8(255), np.uint8(0)))
                assert patch is not None
                objects.append((track, patch))
        return objects

    def _wants(self, track: int) -> bool:
        return self._tracks is None or track in self._tracks


def _read_hard(path: Path) -> Opacity:
    return read_mask(path) * np.uint8(255)


def _read_soft(path: Path, certainty: Certainty) -> Opacity:
    alpha = read_alpha(path)
    values: NDArray[np.uint8] = np.rint(alpha * 255).astype(np.uint8)
    # Only 0 and 1 themselves are sure, not what 8 bits round to them.
    values[(values == 255) & (alpha < 1)] = 254
    values[(values == 0) & (alpha > 0)] = 1
    return certainty.snap(values)


_READERS: dict[SourceFormat, Callable[[Path], Opacity]] = {
    SourceFormat.MASKS: _read_hard,
    SourceFormat.ALPHA: partial(_read_soft, certainty=ALPHA),
    SourceFormat.PROBABILITIES: partial(_read_soft, certainty=PROBABILITIES),
}


def _area(patch: Patch) -> int:
    return int(np.count_nonzero(patch.values >= MASK_FROM))


def _refuse_track_folders(clips: Sequence[ImageClip]) -> None:
    for clip in clips:
        if len(clip.tracks) > 1:
            raise InputError(
                f"clip {clip.id} has a folder for each of {len(clip.tracks)} objects, so its files "
                "are no maps of ids",
                hint="add --format masks, alpha or probabilities",
            )
