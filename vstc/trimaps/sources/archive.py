"""Instance masks of an artifact as a source of trimaps."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from functools import partial
from pathlib import Path

from vstc.artifacts.fingerprint import fingerprint_files
from vstc.artifacts.manifest import MANIFEST, InputRef, input_ref
from vstc.errors import InputError
from vstc.formats.objects.index import INDEX, KIND
from vstc.formats.objects.store import InstanceArchive, InstanceClip, InstanceMask, clip_file
from vstc.trimaps.patch import Patch, patch_of_mask
from vstc.trimaps.sources.source import FrameObjects, TrackSurvey, gather_survey


class ArchiveObjects:
    """The tracks of a ``vstc.instances`` artifact.

    Args:
        folder: The artifact.
        min_score: Leave out masks with a lower score.
        tracks: Only these; None is all.

    Raises:
        InputError: Missing, incomplete, or its numbers mean nothing from frame to frame.
    """

    def __init__(
        self, folder: Path, *, min_score: float = 0.0, tracks: Collection[int] | None = None
    ) -> None:
        self._archive = InstanceArchive(folder)
        self._min_score = min_score
        self._tracks = tracks
        self._names = {kind.id: kind.name for kind in self._archive.categories}
        has_several = any(len(clip.frame_names) > 1 for clip in self._archive.clips)
        if not self._archive.has_identity and has_several:
            raise InputError(
                f"{folder} has no identities: its numbers change from frame to frame",
                hint=f"vstc instances track {folder} -o TRACKS",
            )

    @property
    def clips(self) -> Sequence[InstanceClip]:
        """All clips."""
        return self._archive.clips

    def reference(self) -> InputRef:
        """Refer to the artifact; a folder without a manifest by its names and sizes."""
        folder = self._archive.folder
        if (folder / MANIFEST).is_file():
            return input_ref("instances", folder, kind=KIND)
        files = [INDEX, *(clip_file(clip.id) for clip in self._archive.clips)]
        identity = fingerprint_files(folder, files)
        return InputRef(role="instances", path=str(folder), kind="raw", id=identity)

    def survey(self, clip: InstanceClip) -> dict[int, TrackSurvey]:
        """Look through a clip for its tracks; no mask is decoded.

        Raises:
            InputError: The file of the clip is missing or damaged.
        """
        return gather_survey(
            (frame.index, mask.track, self._names.get(mask.category_id), mask.rle.area)
            for frame in self._archive.frames(clip.id)
            for mask in self._wanted(frame.instances)
        )

    def frames(self, clip: InstanceClip) -> Iterator[FrameObjects]:
        """Read the frames of a clip in order."""
        for frame in self._archive.frames(clip.id):
            masks = self._wanted(frame.instances)
            yield FrameObjects(frame.index, frame.name, partial(_decode, masks))

    def frame_image(self, clip: InstanceClip, index: int) -> Path | None:
        """Return the image of a frame; None when it is not known."""
        return self._archive.frame_image(clip, index)

    def _wanted(self, masks: Sequence[InstanceMask]) -> list[InstanceMask]:
        return [
            mask
            for mask in masks
            if mask.rle.area
            and mask.score >= self._min_score
            and (self._tracks is None or mask.track in self._tracks)
        ]


def _decode(masks: Sequence[InstanceMask]) -> list[tuple[int, Patch]]:
    patches = ((mask.track, patch_of_mask(mask.rle)) for mask in masks)
    return [(track, patch) for track, patch in patches if patch is not None]
