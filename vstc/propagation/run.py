"""Propagate clips or a stream into files and into a pipe; a clip is finished or done anew."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from vstc.errors import InputError
from vstc.formats.dataset import Clip, Dataset, VideoFrame
from vstc.inference.frame_streams import ClipStream, LiveStream
from vstc.inference.predict import END_OF_STREAM, INTERRUPTED, READER_GONE
from vstc.inference.read_ahead import ClosableSource
from vstc.propagation.clip_writer import ClipWriter, Outputs, Threads
from vstc.propagation.equipment import Equipment
from vstc.propagation.flows import ClipFlows, StoredFlows
from vstc.propagation.motion_flow import MotionVectorFlows, open_clip
from vstc.propagation.run_settings import PropagateRunSettings
from vstc.propagation.settings import ScheduleKind
from vstc.propagation.threads.pipeline import AnyFrame, MissingFrame


def check_run(
    equipment: Equipment,
    flows: ClipFlows | None,
    clips: Sequence[Clip],
    settings: PropagateRunSettings,
) -> list[str]:
    """Refuse what would fail later, before anything is written.

    Args:
        equipment: The networks.
        flows: Where flow comes from; None if nothing moves.
        clips: What will be propagated; none for a stream.
        settings: How.

    Returns:
        What a person should know, one sentence each.

    Raises:
        ConfigError: A network is missing.
        InputError: Flow that is stored, or in videos, is missing or does not fit.
        SetupError: Motion vectors are wanted without PyAV.
    """
    if isinstance(flows, StoredFlows):
        flows.check(clips, settings.propagation)
    if isinstance(flows, MotionVectorFlows):
        flows.check(clips)
    first = clips[0] if clips else None
    source = None if flows is None else flows.of(first)
    equipment.networks(first, source).check(settings.propagation)
    remarks = []
    sparse = [clip.id for clip in clips if len(clip.frames) > 1 and not clip.is_consecutive]
    if sparse:
        remarks.append(
            f"the frames of {len(sparse)} clips, such as {sparse[0]}, do not follow one another "
            "in time: little can be carried between them; --split chooses others"
        )
    if settings.propagation.schedule.kind is ScheduleKind.GIVEN and _all_given(equipment, clips):
        remarks.append(
            "all frames have labels and will be key frames, so nothing will be carried; "
            f"--schedule fixed takes one of every {settings.propagation.interval}"
        )
    return remarks


def propagate_dataset(
    equipment: Equipment,
    flows: ClipFlows | None,
    dataset: Dataset,
    clips: Sequence[Clip],
    settings: PropagateRunSettings,
    *,
    outputs: Outputs,
    threads: Threads,
) -> dict[str, Any]:
    """Propagate clips into ``<clip>/<frame>.png`` and ``<clip>/propagation.csv``.

    The log comes last: a clip that has one is whole and is kept, any other is done anew.

    Args:
        equipment: The networks.
        flows: Where flow comes from; None if nothing moves.
        dataset: Where the frames are.
        clips: What to propagate.
        settings: How, and what to write.
        outputs: Where results go.
        threads: How many work.

    Returns:
        Figures of the run.

    Raises:
        InputError: A frame cannot be read, or there is nothing to carry to it from; finished
            clips are kept.
        BrokenPipeError: The reader of the outlet is gone; finished clips are kept.
    """
    run = ClipWriter(equipment.table, settings, outputs, threads)
    total, done = sum(len(clip.frames) for clip in clips), 0
    with run.pipeline(settings) as pipeline:
        for clip in clips:
            if clip.frames and not run.keep(clip.id):
                networks = equipment.networks(clip, None if flows is None else flows.of(clip))
                stream = open_clip(dataset, clip, flows)
                frames: ClosableSource[AnyFrame] = stream
                if settings.missing == "hold" and _are_images(clip):
                    frames = _WithGaps(stream, clip)
                results = pipeline.run(frames, networks)
                try:
                    run.write_clip(clip.id, results, size=stream.size, fps=stream.fps)
                except InputError as error:
                    raise _with_kept(error, done if outputs.workspace else 0) from error
            else:
                outputs.advance(len(clip.frames))
            done += len(clip.frames)
            if outputs.workspace is not None:
                outputs.workspace.progress(done, total)
    return run.summary()


def propagate_live(
    equipment: Equipment,
    flows: ClipFlows | None,
    stream: LiveStream,
    settings: PropagateRunSettings,
    *,
    outputs: Outputs,
    threads: Threads,
) -> dict[str, Any]:
    """Propagate frames that come once, until they end or nobody wants them any more.

    Ctrl-C and a reader that goes away end the stream; what was propagated is whole. Arguments as
    ``propagate_dataset``, but for the stream.

    Returns:
        Figures of the run, what came in, and what ended it.

    Raises:
        InputError: There was no frame, or the stream broke; frames before are kept.
        KeyboardInterrupt: Ctrl-C before the first frame.
    """
    run = ClipWriter(equipment.table, settings, outputs, threads, keeps_part=True)
    networks = equipment.networks(None, None if flows is None else flows.of(None))
    stream.limit = settings.limit
    ended = END_OF_STREAM
    try:
        with run.pipeline(settings) as pipeline:
            results = pipeline.run(stream, networks)
            run.write_clip(stream.clip_id, results, size=stream.size, fps=stream.fps)
    except BrokenPipeError:
        ended = READER_GONE
    except KeyboardInterrupt:
        if run.figures.frames == 0:
            raise
        ended = INTERRUPTED
    except InputError as error:
        raise _with_kept(error, run.figures.frames if outputs.workspace else 0) from error
    if run.figures.frames == 0 and ended == END_OF_STREAM:
        raise InputError(f"clip {stream.clip_id} holds no frame")
    came = {"clip": stream.clip_id, "size": list(stream.size), "fps": stream.fps, "ended": ended}
    return run.summary() | came


class _WithGaps:
    """The frames of a clip of images; one that cannot be read is given as missing."""

    def __init__(self, stream: ClipStream, clip: Clip) -> None:
        self._stream = stream
        self._names = clip.frame_names

    def __iter__(self) -> Iterator[AnyFrame]:
        frames = iter(self._stream)
        for index, name in enumerate(self._names):
            try:
                frame = next(frames, None)
            except InputError:
                yield MissingFrame(index, name)
                frames = iter(self._stream)  # goes on behind the frame
                continue
            if frame is None:  # closed
                return
            yield frame

    def close(self) -> None:
        self._stream.close()


def _all_given(equipment: Equipment, clips: Sequence[Clip]) -> bool:
    return bool(clips) and all(
        key.has_result(index)
        for clip in clips
        for key in [equipment.networks(clip, None).key]
        for index in range(len(clip.frames))
    )


def _are_images(clip: Clip) -> bool:
    return not any(isinstance(frame, VideoFrame) for frame in clip.frames)


def _with_kept(error: InputError, frames: int) -> InputError:
    if frames == 0:
        return error
    return InputError(f"{error.message} ({frames} finished frames are kept)", hint=error.hint)
