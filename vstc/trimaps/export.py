"""Export the trimaps of all clips; finished clips are kept."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vstc.artifacts.atomic import atomic_write_json
from vstc.artifacts.manifest import InputRef
from vstc.errors import ConfigError, InputError
from vstc.flow.providers import one_opencv_thread
from vstc.formats.objects.store import InstanceClip
from vstc.trimaps.clip_export import SCHEMA_VERSION, ClipExport
from vstc.trimaps.flow import FlowBetween, StoredFlow, open_flow
from vstc.trimaps.layout import INDEX, KIND, tracks_file
from vstc.trimaps.overlay import refuse_unknown_images
from vstc.trimaps.settings import ExportSettings
from vstc.trimaps.sources.opening import open_source
from vstc.trimaps.sources.source import ObjectSource

_FRAMES_AHEAD = 2


@dataclass(frozen=True, eq=False)
class ExportPlan:
    """What is to be done, checked.

    Attributes:
        source: Where the objects are from.
        clips: The clips.
        settings: What is to be made.
        flow: What smoothing follows; None where nothing is smoothed.
        inputs: What is read.
    """

    source: ObjectSource
    clips: Sequence[InstanceClip]
    settings: ExportSettings
    flow: FlowBetween | None
    inputs: list[InputRef]

    @property
    def num_frames(self) -> int:
        """Frames of all clips."""
        return sum(len(clip.frame_names) for clip in self.clips)


def plan_export(place: Path, settings: ExportSettings, *, flow: Path | None = None) -> ExportPlan:
    """Open what is read and refuse what cannot be done, before any work.

    Args:
        place: An artifact of instances, or a folder of images.
        settings: What is to be made.
        flow: Stored flow to smooth along.

    Raises:
        ConfigError: Options that do not go together.
        InputError: Something is missing, incomplete or does not fit.
    """
    source = open_source(place, settings)
    clips = list(source.clips)[: settings.limit]
    inputs = [source.reference()]
    if not settings.smooth and (flow is not None or settings.flow_method is not None):
        raise ConfigError("flow has no effect without smoothing", hint="add --smooth")
    smoothing = None
    if settings.smooth:
        smoothing = open_flow(source, stored=flow, method=settings.flow_method)
        for clip in clips:
            if len(clip.frame_names) > 2:
                smoothing.check(clip)
        if isinstance(smoothing, StoredFlow):
            inputs.append(smoothing.reference())
    if settings.overlay:
        refuse_unknown_images(source, clips)
    return ExportPlan(source, clips, settings, smoothing, inputs)


def export_trimaps(
    plan: ExportPlan,
    folder: Path,
    *,
    workers: int | None = None,
    on_frames: Callable[[int], None] = lambda _count: None,
) -> dict[str, Any]:
    """Write the trimaps of all clips and the index over them.

    A clip whose record exists is complete and is kept.

    Args:
        plan: What is to be done.
        folder: The artifact.
        workers: Threads; None is one per core.
        on_frames: Told how many more frames are finished.

    Returns:
        Totals for people.

    Raises:
        InputError: Something cannot be read.
        OutputError: The folder cannot be written or the disk is full.
    """
    workers = workers or os.cpu_count() or 1
    rows = []
    with one_opencv_thread(), ThreadPoolExecutor(workers) as pool:
        for clip in plan.clips:
            path = folder / tracks_file(clip.id)
            if path.is_file():
                record = read_record(path)
                on_frames(len(clip.frame_names))
            else:
                exporter = ClipExport(
                    plan.source, clip, plan.settings, folder=folder, flow=plan.flow
                )
                ahead = workers + _FRAMES_AHEAD
                record = exporter.run(pool, ahead=ahead, on_frame=lambda: on_frames(1))
            rows.append(_clip_row(record))
    totals = {key: sum(row[key] for row in rows) for key in _SUMMED}
    index = {"schema": KIND, "schema_version": SCHEMA_VERSION, "clips": rows}
    atomic_write_json(folder / INDEX, index | {"settings": plan.settings.as_json()})
    return {"clips": len(rows), **totals}


def read_record(path: Path) -> dict[str, Any]:
    """Read the record of a clip.

    Raises:
        InputError: Missing, unreadable, or written by a newer version.
    """
    try:
        record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        version = int(record["schema_version"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"cannot read {path}: {error}", hint="start anew: --overwrite") from error
    if version > SCHEMA_VERSION:
        raise InputError(
            f"{path} has schema version {version}, this vstc reads up to {SCHEMA_VERSION}",
            hint="pip install --upgrade vstc",
        )
    return record


_SUMMED = ("frames", "tracks", "trimaps", "absent", "kept_core", "without_a_value")


def _clip_row(record: dict[str, Any]) -> dict[str, Any]:
    tracks = record["tracks"]
    lacking = [sum(part["frames"] for part in track["without"].values()) for track in tracks]
    return {
        "id": record["id"],
        "frames": len(record["frames"]),
        "tracks": len(tracks),
        "trimaps": sum(track["frames"] for track in tracks),
        "absent": sum(track["absent"]["frames"] for track in tracks),
        "kept_core": sum(track["kept_core"]["frames"] for track in tracks),
        "without_a_value": sum(lacking),
    }
