"""The way from the options of ``refiner train`` to a run folder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vstc.commands.training import RunOptions, num_cores, two_columns

if TYPE_CHECKING:
    from vstc.artifacts.manifest import InputRef
    from vstc.training.refiner.settings import RefinerSettings
    from vstc.training.refiner.train import RefinerInputs, RefinerPlan

# Above this the refiner costs so much that a shorter key frame interval may be the better deal.
_HALF = 0.5


def train_refiner_into(
    options: RunOptions, inputs: RefinerInputs, settings: RefinerSettings
) -> None:
    """Train into the output folder and print the summary."""
    from vstc import console
    from vstc.artifacts.workspace import check_output, open_artifact
    from vstc.inference.checkpoint import REFINER_SCHEMA

    artifact: dict[str, Any] = {
        "kind": REFINER_SCHEMA,
        "config": settings.as_json(),
        "inputs": _input_refs(inputs),
        "existing": options.existing,
    }
    check_output(options.output, **artifact)
    from vstc.training.refiner.train import plan_refiner_training, run_refiner_training

    plan = plan_refiner_training(inputs, settings, device=options.device)
    summary = plan.summary()
    _tell_cost(plan)
    if options.is_dry_run:
        console.result(
            summary, as_json=options.as_json, render=lambda: two_columns(summary, "plan")
        )
        return
    with open_artifact(options.output, **artifact) as workspace:
        if not workspace.is_complete:
            with console.track("train", settings.steps, unit="steps") as advance:
                figures = run_refiner_training(
                    plan, workspace, workers=options.workers or num_cores(), advance=advance
                )
            workspace.finish(metrics=figures, volatile=["metrics.jsonl"])
        assert workspace.manifest is not None
        shown = summary | workspace.manifest["metrics"]
    console.result(shown, as_json=options.as_json, render=lambda: two_columns(shown, "trained"))


def _tell_cost(plan: RefinerPlan) -> None:
    from vstc import console

    cost, network = plan.cost, plan.network.model.name
    height, width = cost.size
    text = (
        f"the refiner costs {cost.refiner_gmacs:.3g} GMAC at {width}x{height}, "
        f"{network} {cost.network_gmacs:.3g} ({cost.ratio:.1%})"
    )
    if cost.ratio > _HALF:
        console.warn(f"{text}: more than half of the network hardly pays; try a smaller --width")
    else:
        console.note(text)


def _input_refs(inputs: RefinerInputs) -> list[InputRef]:
    from vstc.evaluation.flow_sources.stored import StoredFlow
    from vstc.formats.dataset import dataset_ref
    from vstc.inference.checkpoint import checkpoint_ref

    return [
        checkpoint_ref(inputs.network),
        dataset_ref("dataset", inputs.dataset),
        *(StoredFlow(folder).reference() for folder in inputs.flow),
    ]
