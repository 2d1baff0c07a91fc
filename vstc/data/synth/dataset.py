"""Write a synthetic data set: frames, labels, instances, true flow."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vstc.artifacts.workspace import Workspace, check_output, open_artifact
from vstc.data.synth.render import SynthFrame, render_clip
from vstc.data.synth.settings import SynthSettings
from vstc.data.synth.spec import CLASSES, FPS, IGNORE_INDEX
from vstc.formats.dataset import KIND, Clip, DatasetRecord, class_palette, write_dataset
from vstc.formats.flow import hdf5 as flow_hdf5
from vstc.formats.flow.hdf5 import FlowDirection, FlowInfo, FlowWriter, flow_path
from vstc.formats.images import encode_gray, encode_labels, encode_rgb
from vstc.options import ExistingOutput

TRUTH_FLOW = "truth-flow"
_PALETTE = class_palette(CLASSES)

Advance = Callable[[int], None]


@dataclass(frozen=True)
class SynthResult:
    """What was made.

    Attributes:
        record: The content of ``dataset.json``.
        num_new_frames: Frames that were rendered now, not in an earlier run.
        was_complete: All of it was there already.
    """

    record: DatasetRecord
    num_new_frames: int
    was_complete: bool


def make_synth_dataset(
    output: Path,
    settings: SynthSettings,
    *,
    existing: ExistingOutput = ExistingOutput.REFUSE,
    dry_run: bool = False,
    workers: int = 1,
    advance: Advance = lambda _count: None,
) -> SynthResult:
    """Render a data set and write it as an artifact.

    Beside the index stand ``frames/``, ``labels/`` (of all frames, also of those that the index
    does not list), ``instances/``, ``alpha/`` if wished, and ``truth-flow/``, which is an
    artifact of kind ``vstc.flow`` of its own.

    Args:
        output: Folder to write.
        settings: What to make.
        existing: What to do when the folder is there already.
        dry_run: Only check, and return the index that would be written.
        workers: Clips that are rendered at the same time.
        advance: Called with the number of frames done.

    Raises:
        OutputError: As ``open_artifact``.
    """
    record = make_record(settings)
    config = settings.as_json()
    if dry_run:
        check_output(output, kind=KIND, config=config, existing=existing)
        return SynthResult(record, 0, was_complete=False)
    with open_artifact(output, kind=KIND, config=config, existing=existing) as workspace:
        if workspace.is_complete:
            return SynthResult(record, 0, was_complete=True)
        num_new_frames = _write_clips(workspace, record, settings, workers=workers, advance=advance)
        write_dataset(output, record)
        labelled = sum(len(clip.labels) for clip in record.clips)
        workspace.finish(
            metrics={
                "clips": settings.num_clips,
                "frames": settings.num_clips * settings.frames,
                "labelled": labelled,
            },
            # It has a manifest of its own, which holds times.
            volatile=[TRUTH_FLOW],
        )
    return SynthResult(record, num_new_frames, was_complete=False)


def make_record(settings: SynthSettings) -> DatasetRecord:
    """Make the index of a synthetic data set."""
    names = [f"{index:06d}" for index in range(settings.frames)]
    clips = []
    for split, count in settings.splits.items():
        labelled = [names[index] for index in settings.labelled_frames(split)]
        for index in range(count):
            clip_id = f"{split}{index:04d}"
            clips.append(
                Clip(
                    id=clip_id,
                    split=split,
                    fps=FPS,
                    frame_step=1,
                    frames=[f"frames/{clip_id}/{name}.png" for name in names],
                    labels={name: f"labels/{clip_id}/{name}.png" for name in labelled},
                    instances={name: f"instances/{clip_id}/{name}.png" for name in names},
                )
            )
    return DatasetRecord(
        name="synth",
        root=".",
        classes=list(CLASSES),
        ignore_index=IGNORE_INDEX,
        clips=clips,
    )


def _write_clips(
    workspace: Workspace,
    record: DatasetRecord,
    settings: SynthSettings,
    *,
    workers: int,
    advance: Advance,
) -> int:
    # The flow file of a clip appears last, so where there is one the clip is complete.
    with open_artifact(
        workspace.path / TRUTH_FLOW,
        kind=flow_hdf5.KIND,
        config=settings.as_json(),
        existing=ExistingOutput.RESUME,
    ) as flow_workspace:
        missing = [
            (clip, index)
            for clip, index in _numbered(record)
            if not flow_path(flow_workspace.path, clip.id).is_file()
        ]
        done = len(record.clips) - len(missing)
        advance(done * settings.frames)

        def write(job: tuple[Clip, int]) -> None:
            clip, index = job
            _write_clip(workspace, flow_workspace.path, clip, index, settings)

        with ThreadPoolExecutor(workers) as pool:
            futures = [pool.submit(write, job) for job in missing]
            try:
                for future in futures:
                    future.result()
                    done += 1
                    advance(settings.frames)
                    workspace.progress(done, len(record.clips))
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        if not flow_workspace.is_complete:
            flow_workspace.finish(metrics={"clips": len(record.clips)})
    return len(missing) * settings.frames


def _numbered(record: DatasetRecord) -> Iterator[tuple[Clip, int]]:
    """Yield each clip with its number within its split."""
    counts: dict[str, int] = {}
    for clip in record.clips:
        yield clip, counts.setdefault(clip.split, 0)
        counts[clip.split] += 1


def _write_clip(
    workspace: Workspace, flow_folder: Path, clip: Clip, index: int, settings: SynthSettings
) -> None:
    info = FlowInfo(
        frames=tuple(clip.frame_names),
        size=settings.size,
        source_size=settings.size,
        method="truth",
        params={},
        has_visibility=True,
    )
    frames = render_clip(settings.clip_spec(clip.split, index))
    with FlowWriter(flow_path(flow_folder, clip.id), info) as writer:
        for number, (name, frame) in enumerate(zip(clip.frame_names, frames, strict=True)):
            _write_pictures(workspace, f"{clip.id}/{name}.png", frame, has_alpha=settings.alpha)
            if frame.flow_to_prev_HW2 is not None:
                writer.write(
                    number - 1,
                    frame.flow_to_prev_HW2,
                    direction=FlowDirection.NEXT_TO_PREV,
                    visible=frame.visible_to_prev_HW,
                )
            if frame.flow_to_next_HW2 is not None:
                writer.write(
                    number,
                    frame.flow_to_next_HW2,
                    direction=FlowDirection.PREV_TO_NEXT,
                    visible=frame.visible_to_next_HW,
                )


def _write_pictures(
    workspace: Workspace, place: str, frame: SynthFrame, *, has_alpha: bool
) -> None:
    workspace.write_bytes(f"frames/{place}", encode_rgb(frame.image_HW3))
    workspace.write_bytes(f"labels/{place}", encode_labels(frame.labels_HW, _PALETTE))
    workspace.write_bytes(f"instances/{place}", encode_gray(frame.instances_HW))
    if has_alpha:
        alpha = np.rint(frame.alpha_HW * 255).astype(np.uint8)
        workspace.write_bytes(f"alpha/{place}", encode_gray(alpha))
