"""Checkpoints of merging layers: they say which two networks they belong to, and refuse others."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vstc.artifacts.fingerprint import file_sha256
from vstc.artifacts.manifest import InputRef, input_ref
from vstc.errors import ConfigError, InputError
from vstc.inference.checkpoint import MERGE_SCHEMA, TrainedNetwork, load_state, read_checkpoint
from vstc.inference.network_identity import NetworkIdentity
from vstc.models.score_merge import ScoreMerge

_MISFIT_HINT = "vstc merge train makes a merging layer of these two networks"


@dataclass(frozen=True)
class TrainedMerge:
    """A merging layer with what is needed to use it.

    Attributes:
        merge: In evaluation mode, on the CPU.
        network: The key network that it belongs to.
        light: The light network that it belongs to.
        propagation: How features were propagated in its training, plain values of settings.
        step: Training step of the weights.
    """

    merge: ScoreMerge
    network: NetworkIdentity
    light: NetworkIdentity
    propagation: Mapping[str, Any]
    step: int

    def require(self, network: TrainedNetwork, light: TrainedNetwork | None) -> None:
        """Check that two networks are those that the layer belongs to.

        Raises:
            ConfigError: There is no light network.
            InputError: One is another.
        """
        if light is None:
            raise ConfigError(
                "a merging layer needs the light network that it was trained with",
                hint=f"--light RUN, where it had {self.light.model} of {self.light.id}",
            )
        for role, own, given in (
            ("network", self.network, network),
            ("light network", self.light, light),
        ):
            reason = own.misfit(given)
            if reason is not None:
                raise InputError(
                    f"the merging layer does not fit the {role}: {reason}", hint=_MISFIT_HINT
                )


def describe_merge(
    network: NetworkIdentity, light: NetworkIdentity, propagation: Mapping[str, Any]
) -> str:
    """Describe a merging layer as JSON, for the checkpoint.

    Args:
        network: The key network that it belongs to.
        light: The light network that it belongs to.
        propagation: Settings of the propagation, plain values.
    """
    return json.dumps(
        {
            "network": network.as_json(),
            "light": light.as_json(),
            "propagation": dict(propagation),
        },
        sort_keys=True,
    )


def load_merge(run: Path, *, which: str = "best") -> TrainedMerge:
    """Load the merging layer of a run folder or of a checkpoint file.

    Args:
        run: A folder with ``best.pt`` and ``last.pt``, or one such file.
        which: ``best`` or ``last``; for folders.

    Raises:
        InputError: As ``read_checkpoint``, or weights of other classes.
    """
    path = run / f"{which}.pt" if run.is_dir() else run
    content = read_checkpoint(path, schema=MERGE_SCHEMA)
    try:
        described = json.loads(content["merge"])
        network = NetworkIdentity.from_json(described["network"])
        light = NetworkIdentity.from_json(described["light"])
        propagation, step = dict(described["propagation"]), int(content["step"])
        weights = content["weights"]
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"checkpoint {path} describes no merging layer: {error}") from error
    merge = ScoreMerge(len(network.table.classes))
    load_state(merge, weights, path)
    return TrainedMerge(merge.eval(), network, light, propagation, step)


def merge_ref(run: Path) -> InputRef:
    """Refer to a run folder, or to a checkpoint file on its own, as an input.

    Raises:
        InputError: The folder is not a complete run, or there is no such file.
    """
    if run.is_file():
        return InputRef("merge", str(run), "raw", file_sha256(run)[:16])
    return input_ref("merge", run, kind=MERGE_SCHEMA)
