"""Make a metrics artifact: judge a plan clip by clip, keep finished clips, write the record."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from pathlib import Path
from typing import Any

from vstc.artifacts.atomic import atomic_write_json
from vstc.artifacts.workspace import Workspace, check_output, open_artifact
from vstc.errors import InputError
from vstc.evaluation.clip_result import ClipResult
from vstc.evaluation.evaluate import gather, judge_clips
from vstc.evaluation.flow_plan import PreparedFlow
from vstc.evaluation.plan import EvaluationPlan
from vstc.evaluation.record import KIND, RECORD, ClipTables, metrics_record
from vstc.evaluation.tables import record_files
from vstc.evaluation.team import Team, joined
from vstc.flow.providers import one_opencv_thread
from vstc.formats.dataset import Clip
from vstc.options import ExistingOutput

Track = Callable[[int], AbstractContextManager[Callable[[int], None]]]
CLIPS = "clips"


def _no_display(_total: int) -> AbstractContextManager[Callable[[int], None]]:
    return nullcontext(lambda _frames: None)


def run_evaluation(
    plan: EvaluationPlan,
    output: Path,
    *,
    existing: ExistingOutput = ExistingOutput.REFUSE,
    workers: int | None = None,
    team: Team | None = None,
    track: Track = _no_display,
) -> dict[str, Any]:
    """Judge all clips and write the artifact; finished clips outlive a killed process.

    Args:
        plan: What is judged.
        output: The folder to write; the processes of a team share it.
        existing: What to do when it is there already.
        workers: Threads, and processes for Tsb; None takes the cores.
        team: The processes that share the clips; None is this one alone.
        track: Opens a progress display for so many frames.

    Returns:
        The content of ``metrics.json``.

    Raises:
        InputError: Predictions, labels or flow do not fit.
        OutputError: The folder cannot be used.
    """
    with joined(team or Team()) as team, ExitStack() as stack:
        workspace = None
        if team.leads:
            workspace = stack.enter_context(
                open_artifact(
                    output,
                    kind=KIND,
                    config=plan.settings.as_json(),
                    inputs=plan.inputs,
                    existing=existing,
                )
            )
            if isinstance(plan.flow, PreparedFlow) and not workspace.is_complete:
                plan.flow.prepare(workers)
        if not team.hear(workspace is not None and workspace.is_complete):
            _judge(plan, team.share(plan.clips), output, workspace, workers=workers, track=track)
            team.wait()
            if workspace is not None:
                _write(plan, workspace)
        team.wait()
    return read_record(output)


def check_evaluation(plan: EvaluationPlan, output: Path, *, existing: ExistingOutput) -> None:
    """Refuse an output folder without writing; a dry run ends here.

    Raises:
        OutputError: The folder cannot be used.
    """
    config = plan.settings.as_json()
    check_output(output, kind=KIND, config=config, inputs=plan.inputs, existing=existing)


def read_record(folder: Path) -> dict[str, Any]:
    """Read ``metrics.json`` of a metrics artifact.

    Raises:
        InputError: Missing or not readable.
    """
    record: dict[str, Any] = _read_json(folder / RECORD)
    return record


def read_clip_result(folder: Path, clip_id: str) -> ClipResult:
    """Read what a metrics artifact counted of a clip.

    Raises:
        InputError: Missing, not readable, or of another version.
    """
    path = folder / _clip_name(clip_id)
    try:
        return ClipResult.from_json(_read_json(path))
    except (KeyError, TypeError, IndexError) as error:
        raise InputError(
            f"{path} does not hold the counts of a clip: {error!r}",
            hint="run its vstc evaluate again with --overwrite",
        ) from error


def _judge(
    plan: EvaluationPlan,
    clips: Sequence[Clip],
    output: Path,
    workspace: Workspace | None,
    *,
    workers: int | None,
    track: Track,
) -> None:
    """Judge some clips and keep what they hold in the folder."""
    keeper = _Keeper(output, workspace, len(clips))
    frames = sum(len(clip.frames) for clip in clips)
    # Our own threads keep the cores busy; OpenCV's would get in their way.
    with plan.judge.working(workers), track(frames) as advance, one_opencv_thread():
        results = judge_clips(
            plan.judge,
            clips,
            workers=workers or os.cpu_count() or 1,
            known=keeper.load,
            keep=keeper.keep,
            advance=advance,
        )
        for _ in results:
            pass


def _write(plan: EvaluationPlan, workspace: Workspace) -> None:
    """Gather the kept clips, one in memory at a time, and complete the artifact."""
    results = (read_clip_result(workspace.path, clip.id) for clip in plan.clips)
    groups = plan.judge.groups
    with ClipTables(workspace.path, groups.values()) as tables:
        evaluation = gather(groups, plan.clips, results, take_rows=tables.add)
    record = metrics_record(evaluation, plan.dataset, protocol=plan.protocol)
    workspace.write_json(RECORD, record)
    for name, content in record_files(record).items():
        workspace.write_bytes(name, content)
    workspace.finish(metrics=evaluation.totals())


class _Keeper:
    """Keeps the result of each clip in the artifact, so that ``--resume`` finds it."""

    def __init__(self, folder: Path, workspace: Workspace | None, num_clips: int) -> None:
        self._folder = folder
        self._workspace = workspace
        self._num_clips = num_clips
        self._done = 0
        self._guard = threading.Lock()

    def load(self, clip: Clip) -> ClipResult | None:
        if not (self._folder / _clip_name(clip.id)).is_file():
            return None
        return read_clip_result(self._folder, clip.id)

    def keep(self, result: ClipResult) -> None:
        atomic_write_json(self._folder / _clip_name(result.clip_id), result.as_json())
        with self._guard:
            self._done += 1
            if self._workspace is not None:
                self._workspace.progress(self._done, self._num_clips)


def _clip_name(clip_id: str) -> str:
    return f"{CLIPS}/{clip_id}.json"


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"metrics are not readable: {path}: {error}") from error
