"""Make a metrics artifact: judge a plan clip by clip, keep finished clips, write the record."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from vstc.artifacts.workspace import Workspace, check_output, open_artifact
from vstc.errors import InputError
from vstc.evaluation.clip_result import ClipResult
from vstc.evaluation.evaluate import evaluate_predictions
from vstc.evaluation.plan import EvaluationPlan
from vstc.evaluation.record import KIND, PAIRS, RECORD, metrics_record, pairs_csv
from vstc.flow.providers import one_opencv_thread
from vstc.formats.dataset import Clip
from vstc.options import ExistingOutput

Track = Callable[[int], AbstractContextManager[Callable[[int], None]]]


def _no_display(_total: int) -> AbstractContextManager[Callable[[int], None]]:
    return nullcontext(lambda _frames: None)


def run_evaluation(
    plan: EvaluationPlan,
    output: Path,
    *,
    existing: ExistingOutput = ExistingOutput.REFUSE,
    workers: int | None = None,
    track: Track = _no_display,
) -> dict[str, Any]:
    """Judge all clips and write the artifact; finished clips outlive a killed process.

    Args:
        plan: What is judged.
        output: The folder to write.
        existing: What to do when it is there already.
        workers: Threads over clips; None takes the cores.
        track: Opens a progress display for so many frames.

    Returns:
        The content of ``metrics.json``.

    Raises:
        InputError: Predictions, labels or flow do not fit.
        OutputError: The folder cannot be used.
    """
    config = plan.settings.as_json()
    with open_artifact(
        output, kind=KIND, config=config, inputs=plan.inputs, existing=existing
    ) as workspace:
        if workspace.is_complete:
            return read_record(output)
        threads = min(workers or os.cpu_count() or 1, len(plan.clips))
        keeper = _Keeper(workspace, len(plan.clips))
        # Clips in parallel keep the cores busy; a clip alone leaves them to OpenCV.
        opencv_threads = one_opencv_thread() if threads > 1 else nullcontext()
        with track(plan.num_frames) as advance, opencv_threads:
            evaluation = evaluate_predictions(
                plan.judge,
                plan.clips,
                absent=plan.settings.absent,
                workers=threads,
                known=keeper.load,
                keep=keeper.keep,
                advance=advance,
            )
        record = metrics_record(evaluation, plan.dataset, protocol=plan.protocol)
        workspace.write_json(RECORD, record)
        workspace.write_bytes(PAIRS, pairs_csv(evaluation))
        workspace.finish(metrics=evaluation.totals())
    return record


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
    try:
        record: dict[str, Any] = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"metrics are not readable: {folder / RECORD}: {error}") from error
    return record


class _Keeper:
    """Keeps the result of each clip in the artifact, so that ``--resume`` finds it."""

    def __init__(self, workspace: Workspace, num_clips: int) -> None:
        self._workspace = workspace
        self._num_clips = num_clips
        self._done = 0
        self._guard = threading.Lock()

    def load(self, clip: Clip) -> ClipResult | None:
        name = self._name(clip.id)
        if not self._workspace.has(name):
            return None
        text = (self._workspace.path / name).read_text(encoding="utf-8")
        return ClipResult.from_json(json.loads(text))

    def keep(self, result: ClipResult) -> None:
        self._workspace.write_json(self._name(result.clip_id), result.as_json())
        with self._guard:
            self._done += 1
            self._workspace.progress(self._done, self._num_clips)

    @staticmethod
    def _name(clip_id: str) -> str:
        return f"clips/{clip_id}.json"
