"""Trainings on pairs of frames: from options and a plan to a run folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from vstc.commands.training import RunOptions, num_cores, two_columns

if TYPE_CHECKING:
    from vstc.artifacts.manifest import InputRef
    from vstc.artifacts.workspace import Workspace
    from vstc.training.settings import LoopSettings


class Prepared(Protocol):
    """A training whose inputs were all found to fit."""

    def tell(self) -> None:
        """Say what a person should know before it begins."""

    def summary(self) -> dict[str, Any]:
        """Describe it in plain JSON values."""

    def run(
        self, workspace: Workspace, *, workers: int, advance: Callable[[int], None]
    ) -> dict[str, Any]:
        """Run it and return figures for the manifest."""


def train_into_folder(
    options: RunOptions,
    settings: LoopSettings,
    *,
    kind: str,
    refs: list[InputRef],
    prepare: Callable[[], Prepared],
) -> None:
    """Train into the output folder and print the summary.

    Args:
        options: Where to, and how.
        settings: The run's settings.
        kind: Schema of the artifact.
        refs: What is read.
        prepare: Opens and checks the inputs; only asked once the output folder may be written.
    """
    from vstc import console
    from vstc.artifacts.workspace import check_output, open_artifact

    artifact: dict[str, Any] = {
        "kind": kind,
        "config": settings.as_json(),
        "inputs": refs,
        "existing": options.existing,
    }
    check_output(options.output, **artifact)
    prepared = prepare()
    summary = prepared.summary()
    prepared.tell()
    if options.is_dry_run:
        console.result(
            summary, as_json=options.as_json, render=lambda: two_columns(summary, "plan")
        )
        return
    with open_artifact(options.output, **artifact) as workspace:
        if not workspace.is_complete:
            with console.track("train", settings.steps, unit="steps") as advance:
                figures = prepared.run(
                    workspace, workers=options.workers or num_cores(), advance=advance
                )
            workspace.finish(metrics=figures, volatile=["metrics.jsonl"])
        assert workspace.manifest is not None
        shown = summary | workspace.manifest["metrics"]
    console.result(shown, as_json=options.as_json, render=lambda: two_columns(shown, "trained"))


def data_refs(dataset: Path, flow: Sequence[Path]) -> list[InputRef]:
    """Refer to a data set and to stored flow as inputs.

    Raises:
        InputError: One is missing, incomplete, or something else.
    """
    from vstc.evaluation.flow_sources.stored import StoredFlow
    from vstc.formats.dataset import dataset_ref

    return [
        dataset_ref("dataset", dataset),
        *(StoredFlow(folder).reference() for folder in flow),
    ]
