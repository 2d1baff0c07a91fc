"""The way from the options of ``merge train`` to a run folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from vstc.commands.pair_training import Prepared, data_refs, train_into_folder
from vstc.commands.training import RunOptions

if TYPE_CHECKING:
    from vstc.artifacts.workspace import Workspace
    from vstc.training.merge.settings import MergeSettings
    from vstc.training.merge.train import MergeInputs, MergePlan

_BESIDE = {
    "mean": "the mean of both scores (vstc propagate --mode fusion without --merge)",
    "carried": "the carried feature alone (vstc propagate --mode features)",
    "light": "the light network alone (vstc predict)",
}


def train_merge_into(options: RunOptions, inputs: MergeInputs, settings: MergeSettings) -> None:
    """Train a merging layer into the output folder and print the summary."""
    from vstc.inference.checkpoint import MERGE_SCHEMA, checkpoint_ref

    refs = [
        checkpoint_ref(inputs.network),
        replace(checkpoint_ref(inputs.light), role="light"),
        *data_refs(inputs.dataset, inputs.flow),
    ]

    def prepare() -> Prepared:
        from vstc.training.merge.train import plan_merge_training

        return _Merge(plan_merge_training(inputs, settings, device=options.device))

    train_into_folder(options, settings, kind=MERGE_SCHEMA, refs=refs, prepare=prepare)


class _Merge:
    """The training of a merging layer."""

    def __init__(self, plan: MergePlan) -> None:
        self._plan = plan
        self.summary = plan.summary

    def tell(self) -> None:
        from vstc import console

        plan = self._plan
        network, light = plan.gmacs
        height, width = plan.settings.crop
        text = (
            f"{plan.light.model.name}, for every frame, costs {light:.3g} GMAC at "
            f"{width}x{height}, {plan.network.model.name} {network:.3g} ({light / network:.1%})"
        )
        if light >= network:
            console.warn(f"{text}: a light network should cost less than the network")
        else:
            console.note(text)

    def run(
        self, workspace: Workspace, *, workers: int, advance: Callable[[int], None]
    ) -> dict[str, Any]:
        from vstc import console
        from vstc.training.merge.train import run_merge_training

        figures = run_merge_training(self._plan, workspace, workers=workers, advance=advance)
        for remark in _better_without(figures):
            console.warn(remark)
        return figures


def _better_without(figures: dict[str, Any]) -> list[str]:
    """Say what has a better mIoU than the layer, one sentence each."""
    best, remarks = figures["best_miou"], []
    for name, what in _BESIDE.items():
        value = figures.get(f"best_miou_{name}")
        if best is not None and value is not None and value > best:
            remarks.append(f"{what} has mIoU {value:.4f} here, the layer {best:.4f}")
    return remarks
