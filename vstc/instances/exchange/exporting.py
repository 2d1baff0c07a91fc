"""Write an archive of instance masks in the form of another program."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from vstc.artifacts.manifest import input_ref
from vstc.artifacts.workspace import Workspace, check_output, open_artifact
from vstc.errors import unknown_name
from vstc.formats.objects.forms import sa_v, video_json
from vstc.formats.objects.forms.coco_writer import CocoWriter
from vstc.formats.objects.forms.davis import DavisWriter
from vstc.formats.objects.forms.detect import FILES_KIND
from vstc.formats.objects.forms.files import FilesWriter
from vstc.formats.objects.forms.panoptic_writer import PanopticWriter
from vstc.formats.objects.forms.sa_v import SaVWriter
from vstc.formats.objects.forms.video_json_writer import VideoJsonWriter, refuse_without_identity
from vstc.formats.objects.index import KIND
from vstc.formats.objects.store import InstanceArchive, InstanceClip
from vstc.instances.exchange.settings import ExportSettings
from vstc.options import ExistingOutput

_NEED_IDENTITY = {video_json.FORM, sa_v.FORM}
Advance = Callable[[int], None]


class _Writer(Protocol):
    def write(self, archive: InstanceArchive, clip: InstanceClip, advance: Advance) -> None: ...

    def finish(self) -> None: ...


def clips_to_export(archive: InstanceArchive, settings: ExportSettings) -> tuple[InstanceClip, ...]:
    """Choose clips, and refuse what the form cannot hold.

    Raises:
        ConfigError: There is no such clip.
        InputError: The form holds tracks, but the archive tells no identities.
    """
    if settings.format in _NEED_IDENTITY:
        refuse_without_identity(archive, settings.format)
    known = {clip.id: clip for clip in archive.clips}
    for clip_id in settings.clips:
        if clip_id not in known:
            raise unknown_name("clip", clip_id, known)
    return tuple(known[clip_id] for clip_id in settings.clips or known)


def export_instances(
    archive: InstanceArchive,
    output: Path,
    settings: ExportSettings,
    *,
    existing: ExistingOutput,
    dry_run: bool,
    advance: Advance,
) -> None:
    """Write the clips of an archive in the form of another program.

    Args:
        archive: The masks.
        output: Folder of the artifact.
        settings: The form, and how it is written.
        existing: What to do when the folder is there already.
        dry_run: Write nothing.
        advance: Takes the number of frames just done.

    Raises:
        InputError: The form cannot hold the masks; files before that are kept.
        OutputError: As ``open_artifact``.
    """
    clips = clips_to_export(archive, settings)
    saved: dict[str, Any] = {
        "kind": FILES_KIND,
        "config": settings.as_json(),
        "inputs": [input_ref("instances", archive.folder, kind=KIND)],
        "existing": existing,
    }
    if dry_run:
        check_output(output, **saved)
        return
    total, done = sum(len(clip.frame_names) for clip in clips), 0
    with open_artifact(output, **saved) as workspace:
        if workspace.is_complete:
            return
        writer = _writer(workspace, archive, clips, settings)
        for clip in clips:
            writer.write(archive, clip, advance)
            done += len(clip.frame_names)
            workspace.progress(done, total)
        writer.finish()
        workspace.finish(metrics={"clips": len(clips), "frames": total})


def _writer(
    workspace: Workspace,
    archive: InstanceArchive,
    clips: tuple[InstanceClip, ...],
    settings: ExportSettings,
) -> _Writer:
    build: dict[str, Callable[[], _Writer]] = {
        "davis": lambda: DavisWriter(workspace, settings.overlap),
        "files": lambda: FilesWriter(workspace),
        "youtube-vis": lambda: VideoJsonWriter(workspace, archive, clips, settings.rle),
        "coco": lambda: CocoWriter(workspace, archive, clips, settings.rle),
        "sa-v": lambda: SaVWriter(workspace),
        "panoptic": lambda: PanopticWriter(workspace, settings.overlap, archive, clips),
    }
    return build[settings.format]()
