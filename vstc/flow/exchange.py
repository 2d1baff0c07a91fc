"""Flow of a data set as single files of other programs, and back.

Layout: ``<clip>/<direction>/<prev>_<next>.flo`` (or ``.png``); gaps above 1 lie in
``<clip>/<direction>/gap_<k>/``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PurePosixPath

import numpy as np

from vstc.errors import InputError
from vstc.flow.remap import Flow
from vstc.formats.dataset import Clip
from vstc.formats.flow.hdf5 import FlowDirection, FlowInfo, FlowReader, FlowWriter
from vstc.formats.flow.kitti import read_kitti_flow, write_kitti_flow
from vstc.formats.flow.middlebury import known_flow, read_flo, write_flo


class FileFormat(StrEnum):
    """Formats of single flow files."""

    FLO = "flo"
    KITTI = "kitti"

    @property
    def suffix(self) -> str:
        """File suffix with its dot."""
        return ".flo" if self is FileFormat.FLO else ".png"


@dataclass(frozen=True)
class ExportedField:
    """One field to be written.

    Attributes:
        name: Its path in the exported folder.
        direction: Its direction.
        gap: Distance of the two frames.
        index: The pair.
    """

    name: str
    direction: FlowDirection
    gap: int
    index: int


def exported_fields(clip_id: str, info: FlowInfo, file_format: FileFormat) -> list[ExportedField]:
    """List what a clip is exported to."""
    return [
        ExportedField(
            str(_folder(clip_id, direction, gap) / _name(info.frames, i, gap, file_format)),
            direction,
            gap,
            i,
        )
        for direction in info.directions
        for gap in info.gaps
        for i in range(info.num_pairs(gap))
    ]


def export_field(reader: FlowReader, field: ExportedField, path: Path) -> None:
    """Write one field; the suffix of the path decides the format.

    Raises:
        InputError: The flow is damaged.
    """
    flow = reader.read(field.index, direction=field.direction, gap=field.gap)
    if path.suffix == FileFormat.FLO.suffix:
        write_flo(path, flow)
    else:
        write_kitti_flow(path, flow)


def import_clip(folder: Path, clip: Clip, path: Path) -> FlowInfo | None:
    """Read the single files of a clip into one flow file.

    Args:
        folder: Folder of the layout above.
        clip: The clip, which names the frames.
        path: The HDF5 file to write.

    Returns:
        What was written; None when the folder has nothing for this clip.

    Raises:
        InputError: A file is missing, damaged, of another size, or has unknown pixels.
    """
    suffix = _suffix_found(folder / clip.id)
    if suffix is None:
        return None
    found = [d for d in FlowDirection if (folder / clip.id / d).is_dir()]
    gaps = sorted({gap for direction in found for gap in _gaps_found(folder, clip.id, direction)})
    names = tuple(clip.frame_names)
    fields = [
        (direction, gap, index, folder / _folder(clip.id, direction, gap) / name)
        for direction in found
        for gap in gaps
        for index in range(len(names) - gap)
        for name in [_name(names, index, gap, suffix)]
    ]
    if not fields:
        return None
    first = _read_dense(fields[0][3])
    size = (first.shape[0], first.shape[1])
    info = FlowInfo(
        frames=names,
        size=size,
        source_size=size,
        method="imported",
        params={"format": str(suffix)},
        directions=tuple(found),
        gaps=tuple(gaps),
    )
    with FlowWriter(path, info) as writer:
        for direction, gap, index, file in fields:
            writer.write(index, _read_dense(file), direction=direction, gap=gap)
    return info


def _folder(clip_id: str, direction: FlowDirection, gap: int) -> PurePosixPath:
    folder = PurePosixPath(clip_id) / direction
    return folder if gap == 1 else folder / f"gap_{gap}"


def _name(frames: tuple[str, ...], index: int, gap: int, file_format: FileFormat) -> str:
    return f"{frames[index]}_{frames[index + gap]}{file_format.suffix}"


def _suffix_found(folder: Path) -> FileFormat | None:
    for file_format in FileFormat:
        if any(folder.rglob(f"*{file_format.suffix}")):
            return file_format
    return None


def _gaps_found(folder: Path, clip_id: str, direction: FlowDirection) -> Iterator[int]:
    place = folder / clip_id / direction
    if any(path.is_file() for path in place.iterdir()):
        yield 1
    for path in place.iterdir():
        match = re.fullmatch(r"gap_(\d+)", path.name)
        if match and path.is_dir():
            yield int(match.group(1))


def _read_dense(path: Path) -> Flow:
    if path.suffix == FileFormat.FLO.suffix:
        flow = read_flo(path)
        known = known_flow(flow)
    else:
        sparse = read_kitti_flow(path)
        flow, known = sparse.flow, sparse.known
    if not known.all():
        share = 1 - float(np.mean(known))
        raise InputError(f"{path} has {share:.1%} unknown pixels; only dense flow can be imported")
    return flow
