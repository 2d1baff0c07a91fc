"""Checkpoints of refiners: they say which network they belong to, and refuse others."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vstc.artifacts.fingerprint import file_sha256
from vstc.artifacts.manifest import InputRef, input_ref
from vstc.errors import ConfigError, InputError
from vstc.inference.checkpoint import (
    REFINER_SCHEMA,
    TrainedNetwork,
    load_state,
    read_checkpoint,
)
from vstc.inference.network_identity import NetworkIdentity
from vstc.models.refiner import Refiner
from vstc.models.refiner_catalog import create_refiner

_MISFIT_HINT = "vstc refiner train makes a refiner of this network"


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
        reason = self.network.misfit(network)
        if reason is not None:
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
            "network": network.as_json(),
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
        identity = NetworkIdentity.from_json(described["network"])
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
