"""Make a metrics artifact of object tracks: video by video, keeping the finished ones."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from vstc.artifacts.workspace import Workspace, check_output, open_artifact
from vstc.errors import InputError
from vstc.evaluation.instances.judge import VideoResult, judge_video
from vstc.evaluation.instances.plan import InstancePlan
from vstc.evaluation.instances.record import instance_record
from vstc.evaluation.record import KIND, RECORD
from vstc.formats.objects.tracks import Video
from vstc.options import ExistingOutput

Track = Callable[[int], AbstractContextManager[Callable[[int], None]]]


def _no_display(_total: int) -> AbstractContextManager[Callable[[int], None]]:
    return nullcontext(lambda _frames: None)


def run_instances(
    plan: InstancePlan,
    output: Path,
    *,
    existing: ExistingOutput = ExistingOutput.REFUSE,
    workers: int | None = None,
    track: Track = _no_display,
) -> dict[str, Any]:
    """Judge all videos and write the artifact; finished videos outlive a killed process.

    Args:
        plan: What is judged.
        output: The folder to write.
        existing: What to do when it is there already.
        workers: Threads over videos, which do not change the result; None takes the cores.
        track: Opens a progress display for so many frames.

    Returns:
        The content of ``metrics.json``.

    Raises:
        InputError: A map of ids is not readable.
        OutputError: The folder cannot be used.
    """
    config = plan.settings.as_json()
    with open_artifact(
        output, kind=KIND, config=config, inputs=plan.inputs, existing=existing
    ) as workspace:
        if not workspace.is_complete:
            threads = min(workers or os.cpu_count() or 1, len(plan.videos))
            with track(plan.num_frames) as advance:
                results = _judge_all(_Judge(plan, workspace, advance), plan, threads)
            record = instance_record(plan, results)
            workspace.write_json(RECORD, record)
            workspace.finish(metrics=record["totals"])
    try:
        written: dict[str, Any] = json.loads((output / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"metrics are not readable: {output / RECORD}: {error}") from error
    return written


def check_instances(plan: InstancePlan, output: Path, *, existing: ExistingOutput) -> None:
    """Refuse an output folder without writing; a dry run ends here.

    Raises:
        OutputError: The folder cannot be used.
    """
    config = plan.settings.as_json()
    check_output(output, kind=KIND, config=config, inputs=plan.inputs, existing=existing)


def _judge_all(judge: _Judge, plan: InstancePlan, threads: int) -> list[VideoResult]:
    if threads == 1:
        return [judge.result_of(video) for video in plan.videos]
    with ThreadPoolExecutor(threads) as pool:
        try:
            return list(pool.map(judge.result_of, plan.videos))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


class _Judge:
    """Judges videos, and keeps each result in the artifact so that ``--resume`` finds it."""

    def __init__(
        self, plan: InstancePlan, workspace: Workspace, advance: Callable[[int], None]
    ) -> None:
        self._plan = plan
        self._workspace = workspace
        self._advance = advance
        self._done = 0
        self._guard = threading.Lock()

    def result_of(self, video: Video) -> VideoResult:
        name = f"videos/{video.id}.json"
        if self._workspace.has(name):
            text = (self._workspace.path / name).read_text(encoding="utf-8")
            result = VideoResult.from_json(json.loads(text))
        else:
            found, true = self._plan.found.open(video), self._plan.true.open(video)
            result = judge_video(video, found=found, true=true)
            self._workspace.write_json(name, result.as_json())
        with self._guard:
            self._done += 1
            self._workspace.progress(self._done, len(self._plan.videos))
            self._advance(video.length)
        return result
