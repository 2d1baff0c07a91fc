"""Write the form of YouTube-VIS: ``annotations.json`` and ``results.json`` of tracks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from vstc.artifacts.workspace import Workspace
from vstc.errors import InputError
from vstc.formats.objects.forms.image_names import file_name
from vstc.formats.objects.forms.json_rows import write_list, write_object
from vstc.formats.objects.forms.rle_form import RleForm, rle_json
from vstc.formats.objects.forms.video_json import FORM
from vstc.formats.objects.rle import Rle
from vstc.formats.objects.store import InstanceArchive, InstanceClip, InstanceMask

_BYTES_AT_ONCE = 64 << 20


@dataclass
class _Track:
    """What is known of a track without its masks."""

    number: int
    category_id: int
    lowest: float
    highest: float
    score_sum: float = 0.0
    num_masks: int = 0
    size_bytes: int = 0

    def add(self, mask: InstanceMask) -> None:
        """Count a mask."""
        self.lowest = min(self.lowest, mask.score)
        self.highest = max(self.highest, mask.score)
        self.score_sum += mask.score
        self.num_masks += 1
        self.size_bytes += mask.rle.counts.nbytes

    @property
    def score(self) -> float:
        """The mean over the frames that show it; exact where all are equal."""
        is_constant = self.lowest == self.highest
        return self.lowest if is_constant else self.score_sum / self.num_masks


@dataclass(frozen=True)
class _Row:
    """A track with its mask in each frame."""

    video_id: int
    clip: InstanceClip
    track: _Track
    masks: Sequence[Rle | None]


class VideoJsonWriter:
    """Writes two files for all clips, track by track.

    Results are always compressed, as the server of YouTube-VIS wants them. The score of a track
    is the mean of those of its masks. Some tracks at a time are held in memory, at most 64 MiB
    of masks where no single track is larger.

    Args:
        workspace: The output.
        archive: What is written; its tracks must be the same objects in all frames.
        clips: Which clips of it.
        rle: How masks are written in the annotations.

    Raises:
        InputError: Tracks mean nothing across frames.
    """

    def __init__(
        self,
        workspace: Workspace,
        archive: InstanceArchive,
        clips: tuple[InstanceClip, ...],
        rle: RleForm,
    ) -> None:
        self._workspace = workspace
        self._archive = archive
        self._clips = clips
        self._rle = rle

    def write(
        self, archive: InstanceArchive, clip: InstanceClip, advance: Callable[[int], None]
    ) -> None:
        """Check the tracks of a clip: the files hold all clips and are written at the end.

        Raises:
            InputError: A track changes its category.
        """
        _tracks(archive, clip)
        advance(len(clip.frame_names))

    def finish(self) -> None:
        """Write both files."""
        with (
            self._workspace.atomic("annotations.json") as partial,
            partial.open("w", encoding="utf-8") as stream,
        ):
            members = {
                "videos": self._videos(),
                "categories": [{"id": c.id, "name": c.name} for c in self._archive.categories],
                "annotations": self._annotations(),
            }
            write_object(stream, members)
        with (
            self._workspace.atomic("results.json") as partial,
            partial.open("w", encoding="utf-8") as stream,
        ):
            write_list(stream, self._results())

    def _videos(self) -> Iterator[dict[str, Any]]:
        for number, clip in enumerate(self._clips, start=1):
            yield {
                "id": number,
                "height": clip.height,
                "width": clip.width,
                "length": len(clip.frame_names),
                "file_names": [file_name(clip, i) for i in range(len(clip.frame_names))],
            }

    def _rows(self) -> Iterator[_Row]:
        for video_id, clip in enumerate(self._clips, start=1):
            for group in _groups(_tracks(self._archive, clip)):
                masks = _masks(self._archive, clip, group)
                for track in group:
                    yield _Row(video_id, clip, track, masks.pop(track.number))

    def _annotations(self) -> Iterator[dict[str, Any]]:
        for number, row in enumerate(self._rows(), start=1):
            yield {
                "id": number,
                "video_id": row.video_id,
                "category_id": row.track.category_id,
                "iscrowd": 0,
                "height": row.clip.height,
                "width": row.clip.width,
                "length": len(row.masks),
                "segmentations": [m and rle_json(m, self._rle) for m in row.masks],
                "bboxes": [m and list(m.bounding_box()) for m in row.masks],
                "areas": [m and m.area for m in row.masks],
            }

    def _results(self) -> Iterator[dict[str, Any]]:
        for row in self._rows():
            yield {
                "video_id": row.video_id,
                "category_id": row.track.category_id,
                "score": row.track.score,
                "segmentations": [m and m.as_json() for m in row.masks],
            }


def refuse_without_identity(archive: InstanceArchive, form: str = FORM) -> None:
    """Refuse to write tracks that mean nothing across frames.

    Raises:
        InputError: They do not.
    """
    if not archive.has_identity:
        raise InputError(
            f"{archive.folder} does not tell which objects of two frames are the same, "
            f"but {form} holds tracks",
            hint="vstc instances track gives objects their identities",
        )


def _tracks(archive: InstanceArchive, clip: InstanceClip) -> list[_Track]:
    """List the tracks that are visible in some frame, in the order of their numbers."""
    found: dict[int, _Track] = {}
    for frame in archive.frames(clip.id):
        for mask in frame.instances:
            if not mask.rle.area:
                continue
            score = mask.score
            new = _Track(mask.track, mask.category_id, lowest=score, highest=score)
            track = found.setdefault(mask.track, new)
            if track.category_id != mask.category_id:
                raise InputError(
                    f"clip {clip.id}, frame {frame.name}: track {mask.track} is of category "
                    f"{mask.category_id}, but of {track.category_id} before: {FORM} holds one"
                )
            track.add(mask)
    return [found[number] for number in sorted(found)]


def _groups(tracks: Sequence[_Track]) -> Iterator[list[_Track]]:
    """Put tracks together whose masks fit into memory."""
    group: list[_Track] = []
    for track in tracks:
        if group and sum(t.size_bytes for t in group) + track.size_bytes > _BYTES_AT_ONCE:
            yield group
            group = []
        group.append(track)
    if group:
        yield group


def _masks(
    archive: InstanceArchive, clip: InstanceClip, tracks: Sequence[_Track]
) -> dict[int, list[Rle | None]]:
    masks: dict[int, list[Rle | None]] = {
        track.number: [None] * len(clip.frame_names) for track in tracks
    }
    for frame in archive.frames(clip.id):
        for mask in frame.instances:
            if mask.track in masks and mask.rle.area:
                masks[mask.track][frame.index] = mask.rle
    return masks
