"""Make an artifact of tracked instances: clip by clip, keeping the finished ones."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from vstc.artifacts.workspace import Workspace, check_output, open_artifact
from vstc.errors import InputError
from vstc.flow.providers import one_opencv_thread
from vstc.formats.objects.index import KIND
from vstc.formats.objects.store import InstanceClip, write_index
from vstc.instances.tracking.clip import ClipTracking
from vstc.instances.tracking.identity import IdentityCount
from vstc.instances.tracking.pictures import relative_names
from vstc.instances.tracking.plan import TrackPlan
from vstc.instances.tracking.track_table import tracks_csv
from vstc.options import ExistingOutput

RECORD = "tracks.json"
TABLE = "tracks.csv"
Track = Callable[[int], AbstractContextManager[Callable[[int], None]]]


def _no_display(_total: int) -> AbstractContextManager[Callable[[int], None]]:
    return nullcontext(lambda _frames: None)


def run_tracking(
    plan: TrackPlan,
    output: Path,
    *,
    existing: ExistingOutput = ExistingOutput.REFUSE,
    workers: int | None = None,
    track: Track = _no_display,
) -> dict[str, Any]:
    """Track all clips and write the artifact; finished clips outlive a killed process.

    Args:
        plan: What is tracked.
        output: The folder to write.
        existing: What to do when it is there already.
        workers: Threads that compute flow, which do not change the result; None takes the cores.
        track: Opens a progress display for so many frames.

    Returns:
        The content of ``tracks.json``.

    Raises:
        InputError: A mask, picture or flow is damaged.
        OutputError: The folder cannot be used.
    """
    threads = workers or os.cpu_count() or 1
    config = plan.settings.as_json()
    with open_artifact(
        output, kind=KIND, config=config, inputs=plan.inputs, existing=existing
    ) as workspace:
        if not workspace.is_complete:
            with ExitStack() as stack:
                stack.enter_context(one_opencv_thread())
                pool = stack.enter_context(ThreadPoolExecutor(threads))
                advance = stack.enter_context(track(plan.num_frames))
                records = list(_track_all(plan, workspace, advance, pool, ahead=2 * threads))
            _finish(plan, workspace, records)
    return _read(output / RECORD)


def check_tracking(plan: TrackPlan, output: Path, *, existing: ExistingOutput) -> None:
    """Refuse an output folder without writing; a dry run ends here.

    Raises:
        OutputError: The folder cannot be used.
    """
    config = plan.settings.as_json()
    check_output(output, kind=KIND, config=config, inputs=plan.inputs, existing=existing)


def clip_record_file(clip_id: str) -> str:
    """Return where the tracks of a clip are listed; the file is written when all is done."""
    return f"tracks/{clip_id}.json"


def _track_all(
    plan: TrackPlan,
    workspace: Workspace,
    advance: Callable[[int], None],
    pool: Executor,
    *,
    ahead: int,
) -> Iterator[dict[str, Any]]:
    for done, clip in enumerate(plan.clips, start=1):
        name = clip_record_file(clip.id)
        if workspace.has(name):
            record = _read(workspace.path / name)
            advance(len(clip.frame_names))
        else:
            tracking = ClipTracking(plan, clip, workspace.path)
            record = tracking.run(pool, ahead=ahead, on_frame=lambda: advance(1))
            workspace.write_json(name, record)
        workspace.progress(done, len(plan.clips))
        yield record


def _finish(plan: TrackPlan, workspace: Workspace, records: list[dict[str, Any]]) -> None:
    archive = plan.archive
    names = {category.id: category.name for category in archive.categories}
    workspace.write_bytes(TABLE, tracks_csv(records, names).encode())
    record = _whole_record(plan, records)
    workspace.write_json(RECORD, record)
    clips, root = _clips_with_pictures(plan)
    write_index(
        workspace.path,
        name=archive.name,
        source=f"tracked: {archive.source}",
        categories=archive.categories,
        clips=clips,
        has_identity=True,
        root=root,
    )
    totals = dict(record["totals"])
    identity = totals.pop("identity", {})
    workspace.finish(metrics=totals | identity)


def _whole_record(plan: TrackPlan, records: list[dict[str, Any]]) -> dict[str, Any]:
    totals: dict[str, Any] = {
        "clips": len(records),
        "tracks": sum(len(record["tracks"]) for record in records),
    }
    for key in ("frames", "detections", "empty", "left_out", "frames_with_flow"):
        totals[key] = sum(record[key] for record in records)
    if plan.truth is not None:
        counts = [IdentityCount(**record["identity"]) for record in records]
        totals["identity"] = sum(counts, IdentityCount()).as_json()
    clips = {
        record["clip"]: {
            key: len(value) if key == "tracks" else value
            for key, value in record.items()
            if key != "clip"
        }
        for record in records
    }
    return {"totals": totals, "clips": clips, "flow": plan.flow_record()}


def _clips_with_pictures(plan: TrackPlan) -> tuple[list[InstanceClip], Path | None]:
    """Return the clips with the images that are known, for whoever reads the artifact later."""
    source, root = plan.pictures, plan.archive.root
    if root is not None or source is None:
        return list(plan.clips), root
    return [
        replace(clip, frames=relative_names(source.of_clip(clip), source.root))
        for clip in plan.clips
    ], source.root


def _read(path: Path) -> dict[str, Any]:
    try:
        value: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"record of tracks is not readable: {path}: {error}") from error
    return value
