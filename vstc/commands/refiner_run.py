"""The way from the options of ``refiner train`` to a run folder."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from vstc.commands.pair_training import Prepared, data_refs, train_into_folder
from vstc.commands.training import RunOptions

if TYPE_CHECKING:
    from vstc.artifacts.workspace import Workspace
    from vstc.training.refiner.settings import RefinerSettings
    from vstc.training.refiner.train import RefinerInputs, RefinerPlan

# Above this the refiner costs so much that a shorter key frame interval may be the better deal.
_HALF = 0.5


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
