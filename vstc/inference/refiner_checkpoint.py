"""Checkpoints of refiners: they say which network they belong to, and refuse others."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from vstc.artifacts.fingerprint import file_sha256
from vstc.artifacts.manifest import InputRef, input_ref
from vstc.errors import ConfigError, InputError
from vstc.formats.dataset import LabelClass
from vstc.inference.checkpoint import (
    REFINER_SCHEMA,
    ClassTable,
    TrainedNetwork,
    load_state,
    read_checkpoint,
)
from vstc.models.refiner import Refiner
from vstc.models.refiner_catalog import create_refiner

_MISFIT_HINT = "vstc refiner train makes a refiner of this network"


@dataclass(frozen=True)
class NetworkIdentity:
    """Which network a refiner belongs to.

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
            weights=fingerprint_weights(network.model.state_dict()),
        )


@dataclass(frozen=True)
class TrainedRefiner:
    """A refiner with what is needed to use it.

    Attributes:
        refiner: In evaluation mode, on the CPU.
        network: The network that it belongs to.
        propagation: How results were propagated in its training, plain values of settings.
        step: Training step of the weights.
    """

    refiner: Refiner
    network: NetworkIdentity
    propagation: Mapping[str, Any]
    step: int

    def require(self, network: TrainedNetwork) -> None:
        """Check that a network is the one that the refiner belongs to.

        Raises:
            InputError: It is another one.
        """
        given, own = NetworkIdentity.of(network, id=""), self.network
        if given.model != own.model:
            reason = f"it is made for {own.model}, the network is {given.model}"
        elif [c.name for c in given.table.classes] != [c.name for c in own.table.classes]:
            reason = "their classes differ"
        elif given.input_scale != own.input_scale:
            reason = f"input_scale is {own.input_scale} there, {given.input_scale} here"
        elif given.weights != own.weights:
            reason = f"it was trained beside other weights (of {own.id})"
        else:
            return
        raise InputError(f"the refiner does not fit the network: {reason}", hint=_MISFIT_HINT)


def describe_refiner(
    refiner: Refiner, network: NetworkIdentity, propagation: Mapping[str, Any]
) -> str:
    """Describe a refiner as JSON, for the checkpoint.

    Args:
        refiner: Its architecture counts, not its weights.
        network: The network that it belongs to.
        propagation: Settings of the propagation, plain values.
    """
    return json.dumps(
        {
            "name": refiner.name,
            "arguments": dict(refiner.arguments),
            "network": {
                "id": network.id,
                "model": network.model,
                "classes": [entry.model_dump(mode="json") for entry in network.table.classes],
                "ignore_index": network.table.ignore_index,
                "input_scale": network.input_scale,
                "weights": network.weights,
            },
            "propagation": dict(propagation),
        },
        sort_keys=True,
    )


def load_refiner(run: Path, *, which: str = "best") -> TrainedRefiner:
    """Load the refiner of a run folder or of a checkpoint file.

    Args:
        run: A folder with ``best.pt`` and ``last.pt``, or one such file.
        which: ``best`` or ``last``; for folders.

    Raises:
        InputError: As ``read_checkpoint``, or weights that do not fit the architecture.
    """
    path = run / f"{which}.pt" if run.is_dir() else run
    content = read_checkpoint(path, schema=REFINER_SCHEMA)
    try:
        described = json.loads(content["refiner"])
        refiner = create_refiner(described["name"], described["arguments"])
        network = described["network"]
        classes = [LabelClass.model_validate(entry) for entry in network["classes"]]
        identity = NetworkIdentity(
            id=str(network["id"]),
            model=str(network["model"]),
            table=ClassTable(classes, int(network["ignore_index"])),
            input_scale=float(network["input_scale"]),
            weights=str(network["weights"]),
        )
        propagation, step = dict(described["propagation"]), int(content["step"])
        weights = content["weights"]
    except (ConfigError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"checkpoint {path} describes no known refiner: {error}") from error
    load_state(refiner, weights, path)
    return TrainedRefiner(refiner.eval(), identity, propagation, step)


def refiner_ref(run: Path) -> InputRef:
    """Refer to a run folder, or to a checkpoint file on its own, as an input.

    Raises:
        InputError: The folder is not a complete run, or there is no such file.
    """
    if run.is_file():
        return InputRef("refiner", str(run), "raw", file_sha256(run)[:16])
    return input_ref("refiner", run, kind=REFINER_SCHEMA)


def fingerprint_weights(state: Mapping[str, torch.Tensor]) -> str:
    """Return 16 hex digits that tell weights from others, by name, type, shape and value."""
    digest = hashlib.sha256()
    for name in sorted(state):
        value = state[name].detach().cpu().contiguous()
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
        digest.update(value.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:16]
