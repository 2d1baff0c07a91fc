"""Measure a checkpoint, and keep the figures in an artifact when one is wanted."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vstc.artifacts.manifest import InputRef
from vstc.artifacts.workspace import check_output, open_artifact
from vstc.errors import InputError
from vstc.inference.checkpoint import checkpoint_ref, load_network
from vstc.inference.efficiency import FRAME, KIND, NETWORK, measure_efficiency
from vstc.inference.latency import Repeats
from vstc.inference.network import FrameNetwork, pick_device
from vstc.inference.settings import EfficiencySettings
from vstc.options import ExistingOutput

RECORD = "efficiency.json"


@dataclass(frozen=True)
class EfficiencyPlan:
    """A network that is loaded and ready to be measured.

    Attributes:
        network: The network on its device, without its auxiliary head.
        settings: Size, batch and repeats.
        inputs: The checkpoint.
        output: Folder to write; None writes nothing.
        existing: What to do when it is there already.
    """

    network: FrameNetwork
    settings: EfficiencySettings
    inputs: tuple[InputRef, ...]
    output: Path | None
    existing: ExistingOutput

    def artifact(self) -> dict[str, Any]:
        """Return what a workspace needs to know."""
        return {
            "kind": KIND,
            "config": self.settings.as_json(),
            "inputs": self.inputs,
            "existing": self.existing,
        }


def plan_efficiency(
    checkpoint: Path,
    settings: EfficiencySettings,
    *,
    output: Path | None,
    existing: ExistingOutput = ExistingOutput.REFUSE,
) -> EfficiencyPlan:
    """Load a network and refuse what cannot be, before anything is measured.

    Args:
        checkpoint: Run folder or checkpoint file.
        settings: What is measured, and where.
        output: Folder to write; None writes nothing.
        existing: What to do when it is there already.

    Raises:
        InputError: The checkpoint is missing or damaged.
        OutputError: The folder cannot be used.
        SetupError: The device is not there.
    """
    inputs = (checkpoint_ref(checkpoint),)
    device = pick_device(settings.device)
    trained = load_network(checkpoint, which=settings.checkpoint)
    trained.model.drop_aux_head()
    network = FrameNetwork.of_trained(trained.model, device=device, input_scale=trained.input_scale)
    plan = EfficiencyPlan(network, settings, inputs, output, existing)
    if output is not None:
        check_output(output, **plan.artifact())
    return plan


def run_efficiency(
    plan: EfficiencyPlan, *, on_part: Callable[[str], None] = lambda _part: None
) -> dict[str, Any]:
    """Measure, and write the artifact where the plan has an output.

    Args:
        plan: What is measured.
        on_part: Takes the name of each part before it is measured.

    Returns:
        The content of ``efficiency.json``.

    Raises:
        OutputError: The folder cannot be used.
    """
    if plan.output is None:
        return _measure(plan, on_part)
    with open_artifact(plan.output, **plan.artifact()) as workspace:
        if workspace.is_complete:
            return read_efficiency(plan.output)
        record = _measure(plan, on_part)
        workspace.write_json(RECORD, record)
        workspace.finish(
            metrics={
                "parameters": record["num_parameters_inference"],
                "gmacs": record["gmacs"],
                "fps": record["latency"][NETWORK]["fps"],
                "frame_fps": record["latency"][FRAME]["fps"],
            }
        )
    return record


def read_efficiency(folder: Path) -> dict[str, Any]:
    """Read ``efficiency.json`` of an artifact.

    Raises:
        InputError: Missing, or not what it should be.
    """
    path = folder / RECORD
    try:
        record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if record["schema"] != KIND or not record["latency"][NETWORK]["fps"] > 0:
            raise ValueError("it holds no rate")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"efficiency figures are not readable: {path}: {error!r}",
            hint="measure again: vstc evaluate efficiency --overwrite",
        ) from error
    return record


def _measure(plan: EfficiencyPlan, on_part: Callable[[str], None]) -> dict[str, Any]:
    settings = plan.settings
    return measure_efficiency(
        plan.network,
        size=settings.size,
        batch=settings.batch,
        threads=settings.threads,
        repeats=Repeats(
            warm_up_calls=settings.warm_up_calls,
            warm_up_seconds=settings.warm_up_seconds,
            calls=settings.calls,
            seconds=settings.seconds,
        ),
        on_part=on_part,
    ).as_json()
