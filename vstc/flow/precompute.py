"""Compute the flow of a data set, one file per clip; finished clips are kept."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from vstc.errors import InputError
from vstc.flow.pipeline import FlowPipeline, FlowPlan, FrameSource, StageSeconds
from vstc.flow.providers import FlowProvider, one_opencv_thread
from vstc.formats.dataset import Clip, Dataset
from vstc.formats.flow.hdf5 import flow_path
from vstc.formats.frames import FrameReader


@dataclass(frozen=True)
class PrecomputeResult:
    """What was done.

    Attributes:
        computed: Clips whose file was written.
        kept: Clips whose file was there already.
        skipped: Clips left out, because their frames do not follow one another.
        num_fields: Flow fields computed.
        size_bytes: Size of what was computed, packed.
        saturated_values: Values beyond +-511.98 px, which were clipped.
        seconds: Wall time.
        stages: Where the time went.
    """

    computed: tuple[str, ...]
    kept: tuple[str, ...]
    skipped: tuple[str, ...]
    num_fields: int
    size_bytes: int
    saturated_values: int
    seconds: float
    stages: StageSeconds


def precompute_flow(
    dataset: Dataset,
    clips: Sequence[Clip],
    provider: FlowProvider,
    *,
    folder: Path,
    plan: FlowPlan | None = None,
    source: FrameSource | None = None,
    on_fields: Callable[[int], None] | None = None,
) -> PrecomputeResult:
    """Compute the flow of clips into one HDF5 file each, ``folder/<clip>.h5``.

    A file that exists is complete and is kept, so that a killed run goes on where it was.

    Args:
        dataset: The data set.
        clips: Its clips to work on.
        provider: The method.
        folder: Where the files go.
        plan: What to compute.
        source: Where frames come from; None decodes the data set's files.
        on_fields: Told how many more flow fields are finished.

    Raises:
        InputError: A frame is unreadable, too small, or of another size than its neighbour.
        OutputError: The folder cannot be written or the disk is full.
    """
    plan = plan or FlowPlan()
    wanted = [clip for clip in clips if plan.num_fields(clip)]
    kept = [clip for clip in wanted if flow_path(folder, clip.id).is_file()]
    kept_ids = {clip.id for clip in kept}
    todo = [clip for clip in wanted if clip.id not in kept_ids]
    report = on_fields or (lambda _count: None)
    report(sum(plan.num_fields(clip) for clip in kept))
    started = time.perf_counter()
    with one_opencv_thread():
        pipeline = FlowPipeline(
            source or FrameReader(dataset), provider, folder=folder, plan=plan, on_fields=report
        )
        pipeline.run(todo)
    return PrecomputeResult(
        computed=tuple(clip.id for clip in todo),
        kept=tuple(clip.id for clip in kept),
        skipped=tuple(clip.id for clip in clips if not plan.num_fields(clip)),
        num_fields=pipeline.num_fields,
        size_bytes=pipeline.size_bytes,
        saturated_values=pipeline.saturated,
        seconds=time.perf_counter() - started,
        stages=pipeline.stages,
    )


def skipped_note(clips: Sequence[Clip], plan: FlowPlan) -> str | None:
    """Say which clips get no flow and what can be done; None when all get some.

    Raises:
        InputError: No clip would get any.
    """
    skipped = [clip.id for clip in clips if not plan.num_fields(clip)]
    if not skipped:
        return None
    named = ", ".join(skipped[:5]) + (", ..." if len(skipped) > 5 else "")
    why = "their frames do not follow one another closely enough"
    if len(skipped) == len(clips):
        raise InputError(f"no clip can get flow ({named}): {why}", hint="add --include-sparse")
    return f"{len(skipped)} of {len(clips)} clips get no flow ({named}): {why}"
