"""Find out what a user means by predictions, and refuse what they cannot be."""

from __future__ import annotations

from pathlib import Path

from vstc.artifacts.manifest import MANIFEST, read_manifest
from vstc.artifacts.workspace import PROGRESS
from vstc.errors import ConfigError, InputError
from vstc.evaluation.label_sources.folder import PREDICTIONS_KIND, FolderLabels, not_found
from vstc.evaluation.label_sources.probabilities import (
    HDF5_SUFFIXES,
    NPZ_SUFFIX,
    ProbabilityLabels,
)
from vstc.evaluation.label_sources.source import OpenedSource, PredictionFormat
from vstc.evaluation.label_sources.truth import DatasetLabels
from vstc.formats.dataset import KIND, Dataset

TRUE_LABELS = "labels"
CHECKPOINT_KIND = "vstc.checkpoint"
_CHECKPOINTS = ("best.pt", "last.pt")
_CHECKPOINT_SUFFIXES = frozenset({".pt", ".pth", ".pt2"})
_SCORE_SUFFIXES = frozenset({*HDF5_SUFFIXES, NPZ_SUFFIX})
_FILE_HINTS = {
    ".png": "give the folder of the label maps",
    ".h5": "give the folder of the files <clip>.h5",
    ".hdf5": "give the folder of the files <clip>.hdf5",
    ".npz": "give the folder of the files <clip>/<frame>.npz",
    ".zip": "unpack it and give the folder",
    ".onnx": "checkpoints and .pt2 programs can be run; predict with the other program first",
    ".json": "vstc evaluate instances judges YouTube-VIS results",
}


def open_label_source(
    predictions: str,
    dataset: Dataset,
    *,
    format: PredictionFormat = PredictionFormat.AUTO,
    device: str = "auto",
    resize: bool = False,
) -> OpenedSource:
    """Open predictions, whatever they are.

    Args:
        predictions: The word ``labels`` for the true labels; a run folder, a checkpoint file or
            an exported program; or a folder of label maps or class scores.
        dataset: The data set that was predicted.
        format: What the files of a folder hold.
        device: Where a checkpoint runs, as of ``--device``.
        resize: Bring class scores to the size of the labels before the best class is chosen.

    Raises:
        ConfigError: A format was given where there is no choice.
        InputError: Nothing of the kind is there, or it does not fit the data set.
        SetupError: The device is not there.
    """
    path = Path(predictions)
    if predictions == TRUE_LABELS:
        _refuse_format(format, "the true labels")
        return DatasetLabels(dataset)
    if is_checkpoint(path):
        # Only this source needs torch, which takes seconds to import.
        from vstc.evaluation.label_sources.checkpoint import CheckpointLabels

        _refuse_format(format, f"checkpoint {path}")
        return CheckpointLabels(path, dataset, device=device, resize=resize)
    if path.is_file():
        raise InputError(
            f"{path} is neither a folder of predictions nor a checkpoint",
            hint=_FILE_HINTS.get(path.suffix.lower(), "checkpoints end in .pt"),
        )
    if not path.is_dir():
        raise not_found(path)
    _refuse_other_artifact(path)
    if _holds_scores(path, format):
        return ProbabilityLabels(path, dataset, resize=resize)
    return FolderLabels(path, dataset, format=format)


def is_checkpoint(path: Path) -> bool:
    """Tell whether a path is meant as a run folder, a checkpoint file or an exported program."""
    if path.suffix.lower() in _CHECKPOINT_SUFFIXES and not path.is_dir():
        return True
    if (path / MANIFEST).is_file():
        return bool(read_manifest(path)["kind"] == CHECKPOINT_KIND)
    return any((path / name).is_file() for name in _CHECKPOINTS)


def _refuse_format(format: PredictionFormat, what: str) -> None:
    if format is not PredictionFormat.AUTO:
        raise ConfigError(
            f"--format {format} is about the files of a folder, but {what} are judged",
            hint="leave out --format",
        )


def _refuse_other_artifact(folder: Path) -> None:
    is_artifact = (folder / MANIFEST).is_file() or (folder / PROGRESS).is_file()
    if is_artifact:
        kind = str(read_manifest(folder)["kind"])
        if kind == KIND:
            raise InputError(
                f"{folder} is a data set, not predictions",
                hint="the word `labels` judges the labels of the data set given with --dataset",
            )
        if kind != PREDICTIONS_KIND:
            raise InputError(f"{folder} is a {kind}, but a {PREDICTIONS_KIND} is needed here")


def _holds_scores(folder: Path, format: PredictionFormat) -> bool:
    """Tell whether a folder is to be read as class scores."""
    if format is not PredictionFormat.AUTO:
        return format is PredictionFormat.PROBABILITIES
    if (folder / MANIFEST).is_file():
        return False
    found = _suffixes(folder)
    scores = next((name for suffix, name in found.items() if suffix in _SCORE_SUFFIXES), None)
    if scores is not None and ".png" in found:
        raise InputError(
            f"{folder} holds label maps and class scores: {found['.png']} and {scores}",
            hint="choose with --format: ids, colors ... or probabilities",
        )
    return scores is not None


def _suffixes(folder: Path) -> dict[str, str]:
    """Return one file of each suffix that label maps and scores may have."""
    found: dict[str, str] = {}
    for path in folder.rglob("*"):
        if path.suffix in _SCORE_SUFFIXES | {".png"}:
            found.setdefault(path.suffix, path.relative_to(folder).as_posix())
    return found
