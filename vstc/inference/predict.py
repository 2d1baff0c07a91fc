"""Predict every frame on its own, streaming, into files and into a pipe."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from typing import Any

from vstc.artifacts.workspace import Workspace
from vstc.errors import InputError
from vstc.formats.dataset import Clip, Dataset, class_palette
from vstc.formats.images import read_labels
from vstc.inference.checkpoint import ClassTable
from vstc.inference.frame_streams import ClipStream, FrameStream, LiveStream
from vstc.inference.network import FrameNetwork
from vstc.inference.read_ahead import ReadAhead
from vstc.inference.results import FrameResult, ResultSink, open_sinks
from vstc.inference.settings import PredictSettings
from vstc.inference.sinks.in_thread import InThread
from vstc.inference.sinks.label_files import LabelFile, LabelFiles, confidence_file, label_file
from vstc.inference.sinks.overlay_video import DEFAULT_FPS, OverlayVideo, overlay_file
from vstc.inference.sinks.score_file import ScoreFiles, score_file
from vstc.inference.stream import StageTimes, predict_frames, unfinished

TIMING = "timing.json"
END_OF_STREAM, READER_GONE, INTERRUPTED = "end of stream", "reader gone", "interrupt"
_DECODED_AHEAD = 4


def count_frames(table: ClassTable, clips: list[Clip], settings: PredictSettings) -> int:
    """Count the frames to predict, once it is sure that their labels can be written.

    Raises:
        InputError: As ``LabelFile.of``.
    """
    LabelFile.of(table, settings.format)
    return sum(len(clip.frames) for clip in clips)


def predict_dataset(
    network: FrameNetwork,
    table: ClassTable,
    dataset: Dataset,
    clips: list[Clip],
    settings: PredictSettings,
    *,
    workspace: Workspace | None,
    workers: int,
    advance: Callable[[int], None],
    outlet: ResultSink | None = None,
) -> dict[str, Any]:
    """Predict clips into ``<clip>/<frame>.png``; frames that are there already are kept.

    Args:
        network: The network.
        table: Its classes, for the colours.
        dataset: Where the frames are.
        clips: What to predict.
        settings: Test-time augmentation and what to write.
        workspace: The output; None writes no files.
        workers: Threads that encode and write.
        advance: Takes the number of frames just finished.
        outlet: Takes all results too; for an output that is not resumed.

    Returns:
        Timing figures.

    Raises:
        InputError: A frame cannot be read; those before it are kept.
        BrokenPipeError: The reader of the outlet is gone; finished files are kept.
    """
    times = StageTimes()
    file = LabelFile.of(table, settings.format)
    sinks = (
        [] if workspace is None else _file_sinks(workspace, table, file, settings, workers, times)
    )
    sinks += [] if outlet is None else [outlet]
    total = sum(len(clip.frames) for clip in clips)
    done = 0

    def count(finished: int) -> None:
        nonlocal done
        done += finished
        advance(finished)
        if workspace is not None:
            workspace.progress(done, total)

    for clip in clips:
        missing = _missing(workspace, clip, settings)
        count(len(clip.frames) - len(missing))
        if missing:
            stream = ClipStream(dataset, clip, indices=missing)
            try:
                _predict_clip(network, stream, sinks, settings, times=times, count=count)
            except InputError as error:
                raise _with_kept(error, done if workspace is not None else 0) from error
        if settings.overlay and workspace is not None:
            _write_overlay(workspace, dataset, clip, file)
    return _summary(times, workspace)


def predict_live(
    network: FrameNetwork,
    table: ClassTable,
    stream: LiveStream,
    settings: PredictSettings,
    *,
    workspace: Workspace | None,
    workers: int,
    advance: Callable[[int], None],
    outlet: ResultSink | None = None,
) -> dict[str, Any]:
    """Predict frames that come once, until they end or nobody wants them any more.

    Ctrl-C and a reader that goes away end the stream; what was predicted is whole. Arguments as
    ``predict_dataset``, but for the stream.

    Returns:
        Timing figures, what came in, and what ended it.

    Raises:
        InputError: There was no frame, or the stream broke; frames before are kept.
        KeyboardInterrupt: Ctrl-C before the first frame.
    """
    times = StageTimes()
    sinks: list[ResultSink] = []
    if workspace is not None:
        file = LabelFile.of(table, settings.format)
        sinks += _file_sinks(workspace, table, file, settings, workers, times, keeps_part=True)
        if settings.overlay:
            video = OverlayVideo(workspace, class_palette(table.classes), keeps_part=True)
            sinks.append(InThread(video, times))
    if outlet is not None:
        sinks.append(outlet)  # last: what is shown is in the files
    stream.limit = settings.limit
    done = 0

    def count(finished: int) -> None:
        nonlocal done
        done += finished
        advance(finished)
        if workspace is not None:
            workspace.progress(done, 0)

    ended = END_OF_STREAM
    try:
        _predict_clip(network, stream, sinks, settings, times=times, count=count)
    except BrokenPipeError:
        ended = READER_GONE
    except KeyboardInterrupt:
        if done == 0:
            raise
        ended = INTERRUPTED
    except InputError as error:
        raise _with_kept(error, done if workspace is not None else 0) from error
    came = {
        "source": stream.source,
        "clip": stream.clip_id,
        "size": list(stream.size),
        "fps": stream.fps,
        "ended": ended,
    }
    return _summary(times, workspace) | came | {"frames": done}


def _predict_clip(
    network: FrameNetwork,
    stream: FrameStream,
    sinks: Sequence[ResultSink],
    settings: PredictSettings,
    *,
    times: StageTimes,
    count: Callable[[int], None],
) -> None:
    before = times.frames
    with open_sinks(sinks, stream.clip_id, size=stream.size, fps=stream.fps):
        results = predict_frames(
            network,
            stream,
            scales=settings.scales,
            flip=settings.flip,
            batch=settings.batch,
            times=times,
            keep_probabilities=settings.probabilities,
        )
        with closing(results):
            for result in results:
                count(1)
                for sink in sinks:
                    sink.write(result)
        if times.frames == before:
            raise InputError(f"clip {stream.clip_id} holds no frame")


def _file_sinks(
    workspace: Workspace,
    table: ClassTable,
    file: LabelFile,
    settings: PredictSettings,
    workers: int,
    times: StageTimes,
    *,
    keeps_part: bool = False,
) -> list[ResultSink]:
    sinks: list[ResultSink] = [
        LabelFiles(workspace, file, confidence=settings.confidence, workers=workers, times=times)
    ]
    if settings.probabilities:
        scores = ScoreFiles(workspace, len(table.classes), keeps_part=keeps_part)
        sinks.append(InThread(scores, times))
    return sinks


def _missing(workspace: Workspace | None, clip: Clip, settings: PredictSettings) -> list[int]:
    """Return the frames still to predict: of a clip without its whole score file, all."""
    everything = range(len(clip.frames))
    has_no_scores = (
        workspace is not None and settings.probabilities and not workspace.has(score_file(clip.id))
    )
    if workspace is None or has_no_scores:
        return list(everything)
    is_done = partial(_is_written, workspace, clip, settings)
    return unfinished(everything, batch=settings.batch, is_done=is_done)


def _is_written(workspace: Workspace, clip: Clip, settings: PredictSettings, index: int) -> bool:
    frame_name = clip.frame_names[index]
    is_complete = workspace.has(label_file(clip.id, frame_name))
    return is_complete and (
        not settings.confidence or workspace.has(confidence_file(clip.id, frame_name))
    )


def _write_overlay(workspace: Workspace, dataset: Dataset, clip: Clip, file: LabelFile) -> None:
    """Write the clip as a video with its label colours, from the finished label maps."""
    if workspace.has(overlay_file(clip.id)):
        return
    stream = ClipStream(dataset, clip)
    video = OverlayVideo(workspace, file.palette)
    fps = (clip.fps or DEFAULT_FPS) / (clip.frame_step or 1)
    with (
        open_sinks([video], clip.id, size=stream.size, fps=fps),
        ReadAhead(stream, depth=_DECODED_AHEAD) as frames,
    ):
        for frame in frames:
            labels = read_labels(workspace.path / label_file(clip.id, frame.name))
            video.write(FrameResult(frame.index, frame.name, frame.image, labels))


def _with_kept(error: InputError, frames: int) -> InputError:
    if frames == 0:
        return error
    return InputError(f"{error.message} ({frames} finished frames are kept)", hint=error.hint)


def _summary(times: StageTimes, workspace: Workspace | None) -> dict[str, Any]:
    summary = times.as_json()
    if workspace is not None:
        workspace.write_json(TIMING, summary | {"network_ms": times.network_ms})
    return summary
