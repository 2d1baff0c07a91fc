"""Import instance masks into an archive, clip by clip."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from vstc.artifacts.workspace import Workspace, check_output, open_artifact
from vstc.formats.objects.forms.source import InstanceSource
from vstc.formats.objects.index import KIND
from vstc.formats.objects.store import (
    ClipWriter,
    InstanceArchive,
    InstanceClip,
    clip_file,
    write_index,
)
from vstc.instances.exchange.opening import OpenedSource
from vstc.instances.exchange.settings import ImportSettings
from vstc.options import ExistingOutput

Advance = Callable[[int], None]


@dataclass(frozen=True)
class ImportedClip:
    """A clip in figures.

    Attributes:
        id: The clip.
        size: Height and width.
        frames: Its frames.
        masks: Masks of all frames together.
        tracks: Different track numbers; None where they mean nothing across frames.
        most: Most masks in a frame.
        has_images: Whether the images of its frames are known.
    """

    id: str
    size: tuple[int, int]
    frames: int
    masks: int
    tracks: int | None
    most: int
    has_images: bool

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self) | {"size": list(self.size)}


def count_frames(source: OpenedSource) -> int:
    """Count the frames of all clips."""
    return sum(len(clip.frame_names) for clip in source.masks.clips)


def import_instances(
    source: OpenedSource,
    output: Path,
    settings: ImportSettings,
    *,
    existing: ExistingOutput,
    dry_run: bool,
    advance: Advance,
) -> list[ImportedClip]:
    """Read all masks, and write them as ``vstc.instances``.

    A dry run reads and checks them and writes nothing.

    Args:
        source: The masks.
        output: Folder of the artifact.
        settings: Recorded in the manifest.
        existing: What to do when the folder is there already.
        dry_run: Write nothing.
        advance: Takes the number of frames just done.

    Raises:
        InputError: A mask is missing or wrong; clips before it are kept.
        OutputError: As ``open_artifact``.
    """
    saved: dict[str, Any] = {
        "kind": KIND,
        "config": settings.as_json(),
        "inputs": source.inputs,
        "existing": existing,
    }
    if dry_run:
        check_output(output, **saved)
        return [_look(source.masks, clip, advance) for clip in source.masks.clips]
    with open_artifact(output, **saved) as workspace:
        if workspace.is_complete:
            archive = InstanceArchive(output)
            return [_recount(output, clip, archive.has_identity) for clip in archive.clips]
        done = _write_clips(source.masks, workspace, advance)
        write_index(
            output,
            name=settings.name or _name(source.masks.place),
            source=f"{source.masks.form} masks in {source.masks.place.name}",
            categories=source.masks.categories,
            clips=source.masks.clips,
            has_identity=source.masks.has_identity,
            root=source.root,
        )
        workspace.finish(
            metrics={
                "clips": len(done),
                "frames": sum(clip.frames for clip in done),
                "masks": sum(clip.masks for clip in done),
            }
        )
    return done


class _Counter:
    """Counts the masks of a clip."""

    def __init__(self) -> None:
        self._tracks: set[int] = set()
        self._masks = 0
        self._most = 0

    def add(self, tracks: list[int]) -> None:
        self._tracks.update(tracks)
        self._masks += len(tracks)
        self._most = max(self._most, len(tracks))

    def result(self, clip: InstanceClip, *, has_identity: bool) -> ImportedClip:
        return ImportedClip(
            id=clip.id,
            size=(clip.height, clip.width),
            frames=len(clip.frame_names),
            masks=self._masks,
            tracks=len(self._tracks) if has_identity else None,
            most=self._most,
            has_images=clip.frames is not None,
        )


def _name(place: Path) -> str:
    return place.resolve().stem


def _write_clips(
    source: InstanceSource, workspace: Workspace, advance: Advance
) -> list[ImportedClip]:
    total = sum(len(clip.frame_names) for clip in source.clips)
    done, results = 0, []
    for clip in source.clips:
        if workspace.has(clip_file(clip.id)):
            results.append(_recount(workspace.path, clip, source.has_identity))
            advance(len(clip.frame_names))
        else:
            counter = _Counter()
            with ClipWriter(workspace.path, clip) as writer:
                for frame in source.read(clip):
                    writer.write(frame)
                    counter.add([mask.track for mask in frame.instances])
                    advance(1)
            results.append(counter.result(clip, has_identity=source.has_identity))
        done += len(clip.frame_names)
        workspace.progress(done, total)
    return results


def _look(source: InstanceSource, clip: InstanceClip, advance: Advance) -> ImportedClip:
    """Read a clip and write nothing."""
    counter = _Counter()
    for frame in source.read(clip):
        counter.add([mask.track for mask in frame.instances])
        advance(1)
    return counter.result(clip, has_identity=source.has_identity)


def _recount(folder: Path, clip: InstanceClip, has_identity: bool) -> ImportedClip:
    """Count what an earlier run wrote, without decoding masks."""
    counter = _Counter()
    with (folder / clip_file(clip.id)).open("rb") as stream:
        for line in stream:
            counter.add([row["track"] for row in json.loads(line)["instances"]])
    return counter.result(clip, has_identity=has_identity)
