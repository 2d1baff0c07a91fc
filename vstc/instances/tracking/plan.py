"""Open and check what tracking reads, before the first mask is matched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vstc.artifacts.manifest import InputRef, input_ref
from vstc.errors import ConfigError, InputError, unknown_name
from vstc.formats.objects.index import KIND
from vstc.formats.objects.store import InstanceArchive, InstanceClip
from vstc.instances.tracking.motion import DEFAULT_METHOD, ComputedMotion, Motion, StoredMotion
from vstc.instances.tracking.pictures import PictureSource, check_pictures, open_pictures
from vstc.instances.tracking.settings import NO_FLOW, TrackSettings


@dataclass(frozen=True)
class TrackPlan:
    """Everything that is known and checked before the first mask is matched.

    Attributes:
        archive: The masks.
        clips: The clips to track.
        settings: The settings.
        pictures: Where the pictures of frames are; None when nobody needs or knows any.
        motion: Where flow comes from; None for none.
        truth: Masks with true identities; None when nothing is compared.
        inputs: What is read.
    """

    archive: InstanceArchive
    clips: tuple[InstanceClip, ...]
    settings: TrackSettings
    pictures: PictureSource | None
    motion: Motion | None
    truth: InstanceArchive | None
    inputs: tuple[InputRef, ...]

    @property
    def num_frames(self) -> int:
        """Frames of all clips."""
        return sum(len(clip.frame_names) for clip in self.clips)

    def flow_record(self) -> dict[str, Any] | None:
        """Say for the record where flow comes from; None when there is none."""
        return None if self.motion is None else self.motion.describe()


def plan_tracking(
    instances: Path,
    settings: TrackSettings | None = None,
    *,
    frames: Path | None = None,
    flow: Path | None = None,
    against: Path | None = None,
) -> TrackPlan:
    """Open the inputs of tracking.

    Args:
        instances: The masks; their track numbers mean nothing.
        settings: How to track.
        frames: Data set or folder with the pictures; None takes those that the masks name.
        flow: Stored flow; None computes it where pictures are known.
        against: Masks of the same clips with true identities, to count lost ones.

    Raises:
        ConfigError: An unknown clip or flow method, or choices that exclude one another.
        InputError: An input is missing, or does not fit the masks.
    """
    settings = settings or TrackSettings()
    _refuse_contradictions(settings, flow)
    inputs = [input_ref("instances", instances, kind=KIND)]
    archive = InstanceArchive(instances)
    clips = _selected(archive, settings)
    pictures = open_pictures(archive, frames)
    motion = _open_motion(settings, flow, clips, has_pictures=pictures is not None)
    if not (settings.video or (motion is not None and motion.needs_pictures)):
        pictures = None if frames is None else pictures
    if pictures is not None:
        check_pictures(pictures, clips)
        reference = pictures.reference(clips)
        inputs += [reference] if reference is not None else []
    if isinstance(motion, StoredMotion):
        inputs.append(motion.reference())
    truth = None
    if against is not None:
        truth = _open_truth(against, clips)
        inputs.append(input_ref("truth", against, kind=KIND))
    return TrackPlan(archive, clips, settings, pictures, motion, truth, tuple(inputs))


def _refuse_contradictions(settings: TrackSettings, flow: Path | None) -> None:
    if flow is not None and settings.flow_method is not None:
        raise ConfigError(
            f"flow is read from {flow}, so a flow method ({settings.flow_method}) has no effect",
            hint="leave out --flow or --flow-method",
        )


def _selected(archive: InstanceArchive, settings: TrackSettings) -> tuple[InstanceClip, ...]:
    known = [clip.id for clip in archive.clips]
    for name in settings.clips:
        if name not in known:
            raise unknown_name("clip", name, known)
    chosen = [clip for clip in archive.clips if not settings.clips or clip.id in settings.clips]
    if not chosen:
        raise InputError(f"{archive.folder} has no clips")
    return tuple(chosen[: settings.limit])


def _open_motion(
    settings: TrackSettings,
    flow: Path | None,
    clips: Sequence[InstanceClip],
    *,
    has_pictures: bool,
) -> Motion | None:
    if flow is not None:
        stored = StoredMotion(flow)
        for clip in clips:
            stored.check(clip)
        return stored
    if settings.flow_method == NO_FLOW:
        return None
    if has_pictures:
        return ComputedMotion(settings.flow_method or DEFAULT_METHOD)
    if settings.flow_method is not None:
        raise ConfigError(
            f"{settings.flow_method} flow is computed from frames, and none are known",
            hint="give a data set or a folder with --frames",
        )
    return None


def _open_truth(against: Path, clips: Sequence[InstanceClip]) -> InstanceArchive:
    truth = InstanceArchive(against)
    if not truth.has_identity:
        raise InputError(f"{against} has no identities, so nothing can be compared with it")
    for clip in clips:
        true = truth.clip(clip.id)
        if (true.height, true.width) != (clip.height, clip.width):
            raise InputError(
                f"masks of clip {clip.id} are {clip.width}x{clip.height}, in {against} they are "
                f"{true.width}x{true.height}"
            )
        if not set(true.frame_names) & set(clip.frame_names):
            raise InputError(
                f"{against} has no frame {clip.frame_names[:1]} of clip {clip.id}, nor any other"
            )
    return truth
