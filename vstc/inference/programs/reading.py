"""Open what a user gives as a network: a run, a checkpoint, or an exported program."""

from __future__ import annotations

from pathlib import Path

from vstc.data.index.classes import infer_class_table
from vstc.errors import InputError
from vstc.formats.dataset import Dataset
from vstc.inference.checkpoint import ClassTable, TrainedNetwork, load_network
from vstc.inference.programs.archive import ProgramArchive, is_program, read_archive
from vstc.inference.programs.description import ProgramDescription, read_description
from vstc.inference.programs.model import ProgramModel


def open_trained(
    path: Path, *, which: str = "best", dataset: Dataset | None = None
) -> TrainedNetwork:
    """Open a network of any kind; no code of a file is run.

    Args:
        path: Run folder, checkpoint file or exported program.
        which: ``best`` or ``last``; for run folders.
        dataset: The frames; it names the classes of a program that does not name them itself.

    Raises:
        InputError: As ``load_network`` and ``load_program``.
    """
    if is_program(path):
        return load_program(path, dataset=dataset)
    return load_network(path, which=which)


def load_program(path: Path, *, dataset: Dataset | None = None) -> TrainedNetwork:
    """Load an exported program.

    A program of others says nothing of itself: floats are then normalised as ImageNet's RGB, and
    the classes are those of the data set, or ``class_0`` and so on where there are none.

    Args:
        path: The file.
        dataset: The frames.

    Raises:
        InputError: Damaged, holding code or unknown operators, not to be called as a network, or
            of another number of classes than it or the data set says.
    """
    archive = read_archive(path)
    described = describe(archive)
    if described is None:
        model = ProgramModel(archive, pixels=ProgramDescription(classes=[]).pixels)
        table = _table_of_frames(model, dataset)
        return TrainedNetwork(model.eval(), table, input_scale=1.0, step=0)
    model = ProgramModel(
        archive,
        pixels=described.pixels,
        align_corners=described.align_corners,
        source=described.source,
    )
    if len(described.classes) != model.num_classes:
        raise InputError(
            f"{path} has {model.num_classes} classes and describes {len(described.classes)}"
        )
    table = ClassTable(described.classes, described.ignore_index)
    step = 0 if described.source is None else described.source.step
    return TrainedNetwork(model.eval(), table, described.input_scale, step)


def describe(archive: ProgramArchive) -> ProgramDescription | None:
    """Return what a program says of itself; None if nothing.

    Raises:
        InputError: The description is damaged, or of a newer version.
    """
    if archive.description is None:
        return None
    return read_description(archive.description, archive.path)


def _table_of_frames(model: ProgramModel, dataset: Dataset | None) -> ClassTable:
    if dataset is None or not dataset.classes:
        inferred = infer_class_table(range(model.num_classes))
        return ClassTable(list(inferred.classes), inferred.ignore_index)
    if dataset.num_classes != model.num_classes:
        raise InputError(
            f"{model.path} has {model.num_classes} classes and data set {dataset.name} "
            f"{dataset.num_classes}",
            hint=f"vstc export {model.path} --classes FILE -o NEW.pt2 writes its own classes "
            "into it",
        )
    return ClassTable.of(dataset)
