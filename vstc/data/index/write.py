"""Turn a source into a finished data set artifact."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vstc.artifacts.workspace import PROGRESS, check_output, open_artifact
from vstc.data.index.source import Advance, Source
from vstc.data.index.summary import ClipSummary, summarise
from vstc.errors import InputError
from vstc.formats.dataset import KIND, Dataset, load_dataset, write_dataset
from vstc.options import ExistingOutput


@dataclass(frozen=True)
class IndexResult:
    """A data set index and what was noticed while it was made.

    Attributes:
        dataset: The data set; in a dry run it is not on disk.
        clips: Its clips in figures.
        remarks: What a person should know.
        was_complete: It was there already and nothing was done.
    """

    dataset: Dataset
    clips: Sequence[ClipSummary]
    remarks: Sequence[str]
    was_complete: bool


def write_index(
    source: Source,
    output: Path,
    *,
    settings: Mapping[str, Any],
    existing: ExistingOutput,
    dry_run: bool,
    advance: Advance,
) -> IndexResult:
    """Look into a source and write its ``dataset.json`` and manifest.

    Args:
        source: The raw files.
        output: Folder of the artifact.
        settings: Resolved settings, recorded in the manifest.
        existing: What to do when the folder is there already.
        dry_run: Do everything but write.
        advance: Called with the number of units done.

    Raises:
        InputError: A file that has to be read is missing or corrupt.
        OutputError: As ``open_artifact``.
    """
    inputs = [source.as_input()]
    if dry_run:
        check_output(output, kind=KIND, config=settings, inputs=inputs, existing=existing)
        return _build(source, output, advance)
    with open_artifact(
        output, kind=KIND, config=settings, inputs=inputs, existing=existing
    ) as workspace:
        if workspace.is_complete:
            dataset = load_dataset(output)
            return IndexResult(dataset, summarise(dataset), [], was_complete=True)
        try:
            done = _build(source, output, advance)
        except InputError:
            # Nothing is begun: once the files are repaired, their fingerprint is another one,
            # and a resume would be refused.
            (output / PROGRESS).unlink(missing_ok=True)
            raise
        write_dataset(output, done.dataset.record)
        workspace.finish(
            metrics={
                "clips": len(done.clips),
                "frames": sum(clip.frames for clip in done.clips),
                "labelled": sum(clip.labelled for clip in done.clips),
            }
        )
    return done


def _build(source: Source, output: Path, advance: Advance) -> IndexResult:
    indexed = source.build(advance)
    dataset = Dataset(source.record(indexed, output), output)
    return IndexResult(dataset, summarise(dataset), indexed.remarks, was_complete=False)
