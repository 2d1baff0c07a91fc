"""Open what the user gives."""

from __future__ import annotations

from pathlib import Path

from vstc.errors import ConfigError
from vstc.formats.objects.index import INDEX
from vstc.trimaps.settings import ExportSettings, SourceFormat
from vstc.trimaps.sources.archive import ArchiveObjects
from vstc.trimaps.sources.files import FileObjects
from vstc.trimaps.sources.source import ObjectSource


def open_source(place: Path, settings: ExportSettings) -> ObjectSource:
    """Open an artifact of instances, or a folder of images.

    Raises:
        ConfigError: A folder of images without a word about what they are, or an option that does
            not go with it.
        InputError: Missing, incomplete, or of another form.
    """
    if settings.format is not SourceFormat.AUTO:
        if settings.min_score > 0:
            raise ConfigError(
                f"files of {settings.format} have no scores", hint="leave out min_score"
            )
        return FileObjects(place, format=settings.format, tracks=settings.tracks)
    if place.is_dir() and not (place / INDEX).is_file() and next(place.rglob("*.png"), None):
        raise ConfigError(
            f"{place} is a folder of images, and not an artifact of instances",
            hint="say what they are: --format ids, masks, alpha or probabilities",
        )
    return ArchiveObjects(place, min_score=settings.min_score, tracks=settings.tracks)
