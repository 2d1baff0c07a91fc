"""Small networks, settings and runs for the tests of training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.moving import CLASSES
from vstc.artifacts.workspace import open_artifact
from vstc.formats.dataset import load_dataset
from vstc.inference.checkpoint import BEST, ClassTable, describe_network, write_checkpoint
from vstc.models.catalog import create_model
from vstc.training.settings import TrainSettings

FAST: dict[str, Any] = {
    "model": "pspnet-tiny",
    "crop": (33, 41),
    "batch": 2,
    "steps": 4,
    "log_every": 1,
    "val_split": None,
    "checkpoint_every": 1000,
}
TABLE = ClassTable(CLASSES, 255)
ALL_TERMS = ("ce", "sf", "pf", "mf", "tl")


def tiny_settings(**changes: Any) -> TrainSettings:
    return TrainSettings.model_validate(FAST | changes)


def write_run(
    folder: Path, dataset: Path, *, model: str = "pspnet-tiny", seed: int = 0, **changes: Any
) -> Path:
    """Write a run folder with random weights, as a teacher or for predictions."""
    table = ClassTable.of(load_dataset(dataset))
    network = create_model(model, num_classes=len(table.classes), seed=seed)
    content = {
        "step": 0,
        "network": describe_network(network, table, 1.0),
        "weights": network.state_dict(),
        "best": {"miou": None, "tc": None, "step": 0},
    }
    with open_artifact(folder, kind="vstc.checkpoint", config={"seed": seed}) as workspace:
        write_checkpoint(folder / BEST, content | changes)
        workspace.finish()
    return folder
