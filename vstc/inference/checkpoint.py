"""Checkpoints: tensors and plain values only, whole or not there, loadable without running code."""

from __future__ import annotations

import io
import json
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from vstc.artifacts.atomic import atomic_write_bytes
from vstc.artifacts.fingerprint import file_sha256
from vstc.artifacts.manifest import InputRef, input_ref
from vstc.errors import ConfigError, InputError
from vstc.formats.dataset import Dataset, LabelClass
from vstc.models.catalog import create_model
from vstc.models.segmentation_model import SegmentationModel

SCHEMA = "vstc.checkpoint"
REFINER_SCHEMA = "vstc.refiner"
MERGE_SCHEMA = "vstc.merge"
KNOWN_SCHEMAS = frozenset({SCHEMA, REFINER_SCHEMA, MERGE_SCHEMA})
SCHEMA_VERSION = 1
LAST, BEST = "last.pt", "best.pt"


@dataclass(frozen=True)
class ClassTable:
    """The classes that a network was trained on.

    Attributes:
        classes: The entries that count, ids 0 .. C-1.
        ignore_index: The data set's label of void.
    """

    classes: list[LabelClass]
    ignore_index: int

    @classmethod
    def of(cls, dataset: Dataset) -> ClassTable:
        """Take the table of a data set."""
        return cls(dataset.classes, dataset.ignore_index)


@dataclass(frozen=True)
class TrainedNetwork:
    """A network with what is needed to use it on new frames.

    Attributes:
        model: The network in evaluation mode, on the CPU.
        table: Its classes.
        input_scale: Factor between a frame and the network's input.
        step: Training step of the weights.
    """

    model: SegmentationModel
    table: ClassTable
    input_scale: float
    step: int


def write_checkpoint(path: Path, content: Mapping[str, Any], *, schema: str = SCHEMA) -> None:
    """Write a checkpoint atomically.

    Args:
        path: The file.
        content: Tensors and plain Python values; schema and version are added.
        schema: What it is a checkpoint of.
    """
    buffer = io.BytesIO()
    torch.save({"schema": schema, "schema_version": SCHEMA_VERSION, **content}, buffer)
    atomic_write_bytes(path, buffer.getbuffer())


def read_checkpoint(path: Path, *, schema: str = SCHEMA) -> dict[str, Any]:
    """Read a checkpoint of ours; code inside it is never run.

    Args:
        path: The file.
        schema: What it must be a checkpoint of.

    Raises:
        InputError: Missing, truncated, holding code, foreign, or newer.
    """
    if not path.is_file():
        raise InputError(f"checkpoint not found: {path}")
    if path.suffix.lower() == ".pt2":
        raise InputError(
            f"{path} is an exported program, but a checkpoint is needed here",
            hint="give the run or the checkpoint that it was exported from",
        )
    loaded = _load(path)
    content: dict[str, Any] = loaded if isinstance(loaded, dict) else {}
    found = content.get("schema")
    if found in KNOWN_SCHEMAS and found != schema:
        raise InputError(f"{path} is a {found}, but a {schema} is needed here")
    if found != schema:
        raise InputError(
            f"{path} is not a checkpoint of vstc",
            hint="start a training from foreign weights with --init",
        )
    version = content.get("schema_version")
    if not isinstance(version, int) or version > SCHEMA_VERSION:
        raise InputError(
            f"{path} was written by a newer vstc: it has schema version {version}, "
            f"this one reads up to {SCHEMA_VERSION}",
            hint="pip install --upgrade vstc",
        )
    return content


def _load(path: Path) -> Any:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except MemoryError:
        raise
    except PermissionError as error:
        raise InputError(f"cannot read checkpoint {path}: {error.strerror}") from error
    # torch has no class of its own for damaged files: anything from OSError to AssertionError.
    except Exception as error:
        if isinstance(error, pickle.UnpicklingError) and "GLOBAL" in str(error):
            raise InputError(
                f"checkpoint {path} holds more than tensors and plain values: it is not loaded",
                hint="loading it could run code; train it again, or give its tensors to --init",
            ) from error
        raise InputError(
            f"checkpoint {path} is damaged or is no checkpoint",
            hint="copy it again, or train with --resume from the last checkpoint",
        ) from error


def load_network(run: Path, *, which: str = "best") -> TrainedNetwork:
    """Load the network of a run folder or of a checkpoint file.

    Args:
        run: A folder with ``best.pt`` and ``last.pt``, or one such file.
        which: ``best`` or ``last``; for folders.

    Raises:
        InputError: As ``read_checkpoint``, or weights that do not fit the architecture.
    """
    path = run / f"{which}.pt" if run.is_dir() else run
    content = read_checkpoint(path)
    try:
        described = json.loads(content["network"])
        classes = [LabelClass.model_validate(entry) for entry in described["classes"]]
        model = create_model(described["model"], num_classes=len(classes))
        table = ClassTable(classes, int(described["ignore_index"]))
        input_scale, step = float(described["input_scale"]), int(content["step"])
        weights = content["weights"]
    except (ConfigError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"checkpoint {path} describes no known network: {error}") from error
    load_state(model, weights, path)
    return TrainedNetwork(model.eval(), table, input_scale, step)


def checkpoint_ref(run: Path) -> InputRef:
    """Refer to a run folder, or to a checkpoint file on its own, as an input.

    Raises:
        InputError: The folder is not a complete run, or there is no such file.
    """
    if run.is_file():
        return InputRef("checkpoint", str(run), "raw", file_sha256(run)[:16])
    return input_ref("checkpoint", run, kind=SCHEMA)


def load_state(module: torch.nn.Module, state: Mapping[str, torch.Tensor], path: Path) -> None:
    """Load weights that must fit exactly.

    Raises:
        InputError: Another architecture.
    """
    try:
        module.load_state_dict(state)
    except (RuntimeError, TypeError, AttributeError) as error:
        reason = str(error).splitlines()[-1].strip()
        raise InputError(f"checkpoint {path} is of another architecture: {reason}") from error


def describe_network(model: SegmentationModel, table: ClassTable, input_scale: float) -> str:
    """Describe a network as JSON, for the checkpoint."""
    return json.dumps(
        {
            "model": model.name,
            "classes": [entry.model_dump(mode="json") for entry in table.classes],
            "ignore_index": table.ignore_index,
            "input_scale": input_scale,
            "output_stride": model.output_stride,
        },
        sort_keys=True,
    )
