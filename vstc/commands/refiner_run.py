"""The way from the options of ``refiner train`` and ``merge train`` to a run folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from vstc.commands.training import RunOptions, num_cores, two_columns

if TYPE_CHECKING:
    from vstc.artifacts.manifest import InputRef
    from vstc.artifacts.workspace import Workspace
    from vstc.training.refiner.settings import RefinerSettings
    from vstc.training.refiner.train import RefinerInputs, RefinerPlan
    from vstc.training.settings import LoopSettings

# Above this the refiner costs so much that a shorter key frame interval may be the better deal.
_HALF = 0.5


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


def train_refiner_into(
    options: RunOptions, inputs: RefinerInputs, settings: RefinerSettings
) -> None:
    """Train a refiner into the output folder and print the summary."""
    from vstc.inference.checkpoint import REFINER_SCHEMA, checkpoint_ref

    refs = [checkpoint_ref(inputs.network), *data_refs(inputs.dataset, inputs.flow)]

    def prepare() -> Prepared:
        from vstc.training.refiner.train import plan_refiner_training

        return _Refiner(plan_refiner_training(inputs, settings, device=options.device))

    train_into_folder(options, settings, kind=REFINER_SCHEMA, refs=refs, prepare=prepare)


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


class _Refiner:
    """The training of a refiner."""

    def __init__(self, plan: RefinerPlan) -> None:
        self._plan = plan
        self.summary = plan.summary

    def tell(self) -> None:
        from vstc import console

        cost, network = self._plan.cost, self._plan.network.model.name
        height, width = cost.size
        text = (
            f"the refiner costs {cost.refiner_gmacs:.3g} GMAC at {width}x{height}, "
            f"{network} {cost.network_gmacs:.3g} ({cost.ratio:.1%})"
        )
        if cost.ratio > _HALF:
            console.warn(
                f"{text}: more than half of the network hardly pays; try a smaller --width"
            )
        else:
            console.note(text)

    def run(
        self, workspace: Workspace, *, workers: int, advance: Callable[[int], None]
    ) -> dict[str, Any]:
        from vstc.training.refiner.train import run_refiner_training

        return run_refiner_training(self._plan, workspace, workers=workers, advance=advance)
