"""Which network something was trained beside, so that another one can be refused."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from vstc.formats.dataset import LabelClass
from vstc.inference.checkpoint import ClassTable, TrainedNetwork
from vstc.inference.programs.model import ProgramModel


@dataclass(frozen=True)
class NetworkIdentity:
    """Which network it is.

    Attributes:
        id: Id of the run, or of the checkpoint file, that it was read from.
        model: Name in the catalog.
        table: Its classes.
        input_scale: Factor between a frame and its input.
        weights: Fingerprint of its weights.
    """

    id: str
    model: str
    table: ClassTable
    input_scale: float
    weights: str

    @classmethod
    def of(cls, network: TrainedNetwork, *, id: str) -> NetworkIdentity:
        """Identify a network."""
        return cls(
            id=id,
            model=network.model.name,
            table=network.table,
            input_scale=network.input_scale,
            weights=_known_weights(network) or fingerprint_weights(network.model.state_dict()),
        )

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> NetworkIdentity:
        """Read what ``as_json`` gave.

        Raises:
            KeyError: A value is missing.
            TypeError: A value is of another type.
            ValueError: A value is no such thing.
        """
        classes = [LabelClass.model_validate(entry) for entry in values["classes"]]
        return cls(
            id=str(values["id"]),
            model=str(values["model"]),
            table=ClassTable(classes, int(values["ignore_index"])),
            input_scale=float(values["input_scale"]),
            weights=str(values["weights"]),
        )

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "id": self.id,
            "model": self.model,
            "classes": [entry.model_dump(mode="json") for entry in self.table.classes],
            "ignore_index": self.table.ignore_index,
            "input_scale": self.input_scale,
            "weights": self.weights,
        }

    def misfit(self, network: TrainedNetwork) -> str | None:
        """Tell why a network is another one; None if it is this one."""
        given = NetworkIdentity.of(network, id="")
        if given.model != self.model:
            return f"it is made for {self.model}, the network is {given.model}"
        if [c.name for c in given.table.classes] != [c.name for c in self.table.classes]:
            return "their classes differ"
        if given.input_scale != self.input_scale:
            return f"input_scale is {self.input_scale} there, {given.input_scale} here"
        if given.weights != self.weights:
            return f"it was trained beside other weights (of {self.id})"
        return None


def fingerprint_weights(state: Mapping[str, torch.Tensor]) -> str:
    """Return 16 hex digits that tell weights from others, by name, type, shape and value."""
    digest = hashlib.sha256()
    for name in sorted(state):
        value = state[name].detach().cpu().contiguous()
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
        digest.update(value.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:16]


def _known_weights(network: TrainedNetwork) -> str | None:
    """Return the fingerprint of the weights that a program was exported from, if it has one."""
    model = network.model
    if not isinstance(model, ProgramModel) or model.source is None:
        return None
    return model.source.weights
