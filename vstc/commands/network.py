"""A network of ours on frames: open a run, open frames, work, print."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vstc.options import ExistingOutput

if TYPE_CHECKING:
    from vstc.artifacts.workspace import Workspace
    from vstc.formats.dataset import Clip
    from vstc.inference.checkpoint import ClassTable
    from vstc.inference.frame_streams import LiveStream
    from vstc.inference.inputs import FrameInput
    from vstc.inference.network import FrameNetwork
    from vstc.inference.settings import PseudoLabelSettings

Checkpoint = Annotated[
    str | None, typer.Option("--checkpoint", help="best (default) or last of a run folder.")
]
Scales = Annotated[
    str | None, typer.Option("--scales", help="Test-time scales, such as 0.75,1,1.5.")
]


@dataclass(frozen=True)
class Opened:
    """A network and the frames to run it on."""

    network: FrameNetwork
    table: ClassTable
    frames: FrameInput
    clips: list[Clip]
    workers: int


Work = Callable[[Opened, "Workspace", Callable[[int], None]], dict[str, Any]]


def numbers(text: str | None) -> tuple[float, ...] | None:
    """Parse numbers separated by commas.

    Raises:
        ConfigError: Something is not a number.
    """
    from vstc.errors import ConfigError

    if text is None:
        return None
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise ConfigError(f"{text} is not a list of numbers", hint="such as 0.75,1,1.5") from error


def run_network(
    kind: str,
    run: Path,
    frames: Path,
    output: Path,
    settings: PseudoLabelSettings,
    *,
    work: Work,
    count: Callable[[Opened], int],
    existing: ExistingOutput,
    device: str,
    workers: int | None,
    is_dry_run: bool,
    as_json: bool,
) -> None:
    """Open everything, do the work in the output folder, and print its summary.

    Args:
        kind: Kind of the artifact.
        run: Run folder or checkpoint.
        frames: Data set, folder or video.
        output: Folder to write.
        settings: The command's settings.
        work: The one domain function; returns the summary.
        count: How many units it will report.
        existing: What to do with an output that is there.
        device: ``--device``.
        workers: ``--workers``.
        is_dry_run: Stop before anything is written.
        as_json: Print JSON.
    """
    from vstc import console
    from vstc.artifacts.workspace import check_output, open_artifact
    from vstc.inference.checkpoint import checkpoint_ref
    from vstc.inference.inputs import open_frames

    frame_input = open_frames(frames, output=output)
    for remark in frame_input.remarks:
        console.warn(remark)
    artifact: dict[str, Any] = {
        "kind": kind,
        "config": settings.as_json(),
        "inputs": [checkpoint_ref(run), frame_input.reference],
        "existing": existing,
    }
    check_output(output, **artifact)
    network, table = open_network(run, frame_input, checkpoint=settings.checkpoint, device=device)
    clips = frame_input.dataset.select(settings.split, limit=settings.limit)
    opened = Opened(network, table, frame_input, clips, workers or os.cpu_count() or 1)
    total = count(opened)
    if is_dry_run:
        plan = {"clips": len(opened.clips), "units": total, "device": str(opened.network.device)}
        console.result(plan, as_json=as_json, render=lambda: str(plan))
        return
    with open_artifact(output, **artifact) as workspace:
        if not workspace.is_complete:
            with console.track(kind.removeprefix("vstc."), total, unit="frames") as advance:
                summary = work(opened, workspace, advance)
            workspace.finish(metrics=summary, volatile=["timing.json"])
        assert workspace.manifest is not None
        shown = workspace.manifest["metrics"]
    console.result(shown, as_json=as_json, render=lambda: summary_table(shown))


def open_network(
    run: Path, frames: FrameInput | LiveStream, *, checkpoint: str, device: str
) -> tuple[FrameNetwork, ClassTable]:
    """Load a network and its classes.

    Args:
        run: Run folder, checkpoint or exported program.
        frames: Stored frames name the classes of a program that does not name them itself.
        checkpoint: ``best`` or ``last``; for run folders.
        device: ``--device``.

    Raises:
        InputError: There is no such network, or it is damaged.
        SetupError: The device is not there.
    """
    from vstc.inference.inputs import FrameInput
    from vstc.inference.network import FrameNetwork, pick_device
    from vstc.inference.programs.reading import open_trained

    place = pick_device(device)
    dataset = frames.dataset if isinstance(frames, FrameInput) else None
    trained = open_trained(run, which=checkpoint, dataset=dataset)
    network = FrameNetwork.of_trained(trained.model, device=place, input_scale=trained.input_scale)
    return network, trained.table


def summary_table(values: dict[str, Any]) -> Any:
    """Show a summary: single values, and a table by class where there is one."""
    from rich.console import Group
    from rich.table import Table

    flat = Table("what", "value")
    for key, value in values.items():
        if not isinstance(value, dict):
            flat.add_row(key, str(value))
    if not values.get("classes"):
        return flat
    rows = values["classes"]
    columns = list(next(iter(rows.values())))
    by_class = Table("class", *columns)
    for name, row in rows.items():
        by_class.add_row(name, *(str(row[column]) for column in columns))
    return Group(flat, by_class)
