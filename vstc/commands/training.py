"""What ``teacher train`` and ``distill`` share: options, and the way from them to a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vstc.options import ExistingOutput

if TYPE_CHECKING:
    from vstc.artifacts.manifest import InputRef
    from vstc.training.settings import TrainSettings
    from vstc.training.train import TrainInputs

_TRAINING = "Training"
_LOSS = "Loss"

DatasetArgument = Annotated[Path, typer.Argument(help="Data set: its folder or dataset.json.")]
Flow = Annotated[
    list[Path] | None,
    typer.Option("--flow", help="Stored flow, for the temporal loss and TC; may be repeated."),
]
Model = Annotated[str | None, typer.Option("--model", help="Network, pspnet18 by default.")]
Init = Annotated[
    str | None, typer.Option("--init", help="Weights to start from: a file of any known naming.")
]
Recipe = Annotated[
    str | None, typer.Option("--recipe", help="liu2020, liu2022 or etc-code: set all at once.")
]
TrainSplit = Annotated[
    str | None, typer.Option("--split", help="Splits to train on, train by default.")
]
ValSplit = Annotated[
    str | None, typer.Option("--val-split", help="Splits to validate on, val by default.")
]
Steps = Annotated[
    int | None, typer.Option("--steps", min=1, help="Steps.", rich_help_panel=_TRAINING)
]
BatchSize = Annotated[
    int | None, typer.Option("--batch", min=1, help="Samples a step.", rich_help_panel=_TRAINING)
]
Crop = Annotated[
    str | None,
    typer.Option(
        "--crop",
        help="HEIGHTxWIDTH of the network input, sides 8 n + 1.",
        rich_help_panel=_TRAINING,
    ),
]
InputScale = Annotated[
    float | None,
    typer.Option(
        "--input-scale",
        help="Shrink frames by this factor before the network, always.",
        rich_help_panel=_TRAINING,
    ),
]
LearningRate = Annotated[
    float | None,
    typer.Option("--lr", help="Base learning rate; heads get 10x.", rich_help_panel=_TRAINING),
]
Terms = Annotated[
    str | None,
    typer.Option("--terms", help="Loss terms out of ce,sf,pf,mf,tl.", rich_help_panel=_LOSS),
]
TemporalForm = Annotated[
    str | None,
    typer.Option("--tl", help="Temporal loss: kl, l2 or logit-mse.", rich_help_panel=_LOSS),
]


def weight_option(name: str) -> Any:
    """Declare the weight of a loss term."""
    text = f"Weight of {name}; 0.1 in the papers."
    return typer.Option(f"--w-{name}", min=0, help=text, rich_help_panel=_LOSS)


WeightTl = Annotated[float | None, weight_option("tl")]
WeightPf = Annotated[float | None, weight_option("pf")]
WeightMf = Annotated[float | None, weight_option("mf")]
WeightSf = Annotated[float | None, weight_option("sf")]


@dataclass(frozen=True)
class RunOptions:
    """Options of a run that are no settings: they do not change its result."""

    output: Path
    existing: ExistingOutput
    device: str
    workers: int | None
    is_dry_run: bool
    as_json: bool


def parse_crop(text: str | None, *, option: str = "--crop") -> tuple[int, int] | None:
    """Parse HEIGHTxWIDTH, given to an option.

    Raises:
        ConfigError: It is something else.
    """
    from vstc.errors import ConfigError

    if text is None:
        return None
    try:
        height, width = (int(part) for part in text.lower().split("x"))
    except ValueError as error:
        raise ConfigError(
            f"{option} {text} is not HEIGHTxWIDTH", hint=f"for instance {option} 241x321"
        ) from error
    return height, width


def recipe_base(name: str | None) -> Mapping[str, Any]:
    """Return the settings of a recipe.

    Raises:
        ConfigError: An unknown recipe.
    """
    from vstc.errors import unknown_name
    from vstc.training.settings import RECIPES

    if name is None:
        return {}
    if name not in RECIPES:
        raise unknown_name("recipe", name, RECIPES)
    return RECIPES[name]


def train_into(options: RunOptions, inputs: TrainInputs, settings: TrainSettings) -> None:
    """Train into the output folder and print the summary."""
    from vstc import console
    from vstc.artifacts.workspace import check_output, open_artifact

    refs = _input_refs(inputs, settings)
    artifact: dict[str, Any] = {
        "kind": "vstc.checkpoint",
        "config": settings.as_json(),
        "inputs": refs,
        "existing": options.existing,
    }
    check_output(options.output, **artifact)
    from vstc.training.train import plan_training, run_training

    plan = plan_training(inputs, settings, device=options.device)
    summary = plan.summary()
    if options.is_dry_run:
        console.result(
            summary, as_json=options.as_json, render=lambda: two_columns(summary, "plan")
        )
        return
    if plan.weights is not None:
        console.note(plan.weights.summary())
    with open_artifact(options.output, **artifact) as workspace:
        if not workspace.is_complete:
            with console.track("train", settings.steps, unit="steps") as advance:
                figures = run_training(
                    plan, workspace, workers=options.workers or num_cores(), advance=advance
                )
            workspace.finish(metrics=figures, volatile=["metrics.jsonl"])
        assert workspace.manifest is not None
        shown = summary | workspace.manifest["metrics"]
    console.result(shown, as_json=options.as_json, render=lambda: two_columns(shown, "trained"))


def _input_refs(inputs: TrainInputs, settings: TrainSettings) -> list[InputRef]:
    from vstc.artifacts.fingerprint import file_sha256
    from vstc.artifacts.manifest import InputRef
    from vstc.errors import InputError
    from vstc.evaluation.flow_sources.stored import StoredFlow
    from vstc.formats.dataset import dataset_ref

    refs = [dataset_ref("dataset", inputs.dataset)]
    if inputs.pseudo is not None:
        refs.append(dataset_ref("pseudo", inputs.pseudo))
    if inputs.teacher is not None:
        refs.append(_teacher_ref(inputs.teacher))
    refs += [StoredFlow(folder).reference() for folder in inputs.flow]
    if settings.init:
        path = Path(settings.init)
        if not path.is_file():
            raise InputError(f"weights not found: {path}", hint="give --init a file")
        refs.append(InputRef("init", str(path), "raw", file_sha256(path)[:16]))
    return refs


def _teacher_ref(path: Path) -> InputRef:
    from vstc.artifacts.fingerprint import file_sha256
    from vstc.artifacts.manifest import InputRef, input_ref

    if path.is_file():
        return InputRef("teacher", str(path), "raw", file_sha256(path)[:16])
    return input_ref("teacher", path, kind="vstc.checkpoint")


def num_cores() -> int:
    """Return the default of ``--workers``."""
    import os

    return os.cpu_count() or 1


def two_columns(values: Mapping[str, Any], title: str) -> Any:
    """Make a table of names and values."""
    from rich.table import Table

    table = Table("what", "value", title=title)
    for key, value in values.items():
        table.add_row(key, str(value))
    return table
