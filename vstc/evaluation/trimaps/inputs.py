"""Bring trimaps, true trimaps, true alpha and frames together, sequence by sequence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from vstc.artifacts.manifest import InputRef
from vstc.data.index.source import natural_key
from vstc.errors import InputError, unknown_name
from vstc.evaluation.trimaps.frames import FrameClips, open_frames
from vstc.evaluation.trimaps.labels import Size, refuse_other_size
from vstc.evaluation.trimaps.sequences import HERE, Files, ImageSequences
from vstc.evaluation.trimaps.settings import TrimapSettings
from vstc.formats.alpha import ALPHA_SUFFIXES
from vstc.formats.dataset import Clip
from vstc.formats.images import image_size
from vstc.trimaps.layout import MERGED

TRIMAP_SUFFIXES = frozenset({".png"})


@dataclass(frozen=True)
class TrimapPaths:
    """What the user gives.

    Attributes:
        trimaps: Folder of the trimaps to judge.
        truths: Folders of true trimaps by the name of their width.
        alpha: Folder of true alpha.
        frames: Folder of frames, or a data set.
        flow: Stored flow.
        flow_cache: Artifact that keeps computed flow.
    """

    trimaps: Path
    truths: Mapping[str, Path] = field(default_factory=dict)
    alpha: Path | None = None
    frames: Path | None = None
    flow: Path | None = None
    flow_cache: Path | None = None


@dataclass(frozen=True)
class TrimapSequence:
    """A sequence of trimaps and what belongs to it.

    Attributes:
        clip: Its frames; where these are not known, its trimaps stand for them.
        files: Its trimaps by frame name.
        truths: True trimaps by width and frame name.
        alphas: True alpha by frame name.
        source: The clip that the frames are from; None without frames.
        size: Height and width of all its images.
    """

    clip: Clip
    files: Files
    truths: Mapping[str, Files]
    alphas: Files
    source: Clip | None
    size: Size


@dataclass(frozen=True)
class TrimapInputs:
    """Everything that is read.

    Attributes:
        name: What trimaps are judged on: the frames, else the truth, else themselves.
        sequences: The sequences, in natural order.
        references: The inputs for the record, but for flow.
    """

    name: str
    sequences: tuple[TrimapSequence, ...]
    references: tuple[InputRef, ...]


def open_inputs(paths: TrimapPaths, settings: TrimapSettings) -> TrimapInputs:
    """Find the sequences and what belongs to each.

    Args:
        paths: What the user gives.
        settings: Which sequences.

    Raises:
        ConfigError: A track that is not there.
        InputError: Something is missing, is there twice, or has another size.
    """
    found = ImageSequences(paths.trimaps, TRIMAP_SUFFIXES)
    truths = {name: ImageSequences(p, TRIMAP_SUFFIXES) for name, p in paths.truths.items()}
    alphas = ImageSequences(paths.alpha, ALPHA_SUFFIXES) if paths.alpha else None
    frames = open_frames(paths.frames) if paths.frames else None
    ids = _selected(found, settings)
    for name, folder in truths.items():
        _refuse_shared(folder, ids, f"true trimaps {name}")
    if alphas:
        _refuse_shared(alphas, ids, "true alpha")
    sequences = [
        _sequence(
            sequence,
            found.places[place],
            truths={name: _files(folder, sequence) for name, folder in truths.items()},
            alphas=_files(alphas, sequence) if alphas else {},
            frames=frames,
        )
        for sequence, place in ids.items()
    ]
    references = [found.reference("trimaps")]
    references += [folder.reference(f"truth {name}") for name, folder in truths.items()]
    references += [alphas.reference("alpha")] if alphas else []
    references += [frames.reference] if frames else []
    truth = next(iter(paths.truths.values()), paths.alpha or paths.trimaps)
    name = frames.name if frames else truth.resolve().name
    return TrimapInputs(name, tuple(sequences), tuple(references))


def _selected(found: ImageSequences, settings: TrimapSettings) -> dict[str, str]:
    """Return the places of the sequences to judge by their ids.

    Trimaps of all objects of a clip together are judged where they are asked for, or alone.
    """
    top = found.folder.resolve().name
    ids = {top if place == HERE else place: place for place in found.places}
    tracks = {sequence: Path(sequence).name for sequence in ids}
    for name in settings.tracks:
        if name not in tracks.values():
            raise unknown_name("track", name, sorted(set(tracks.values()), key=natural_key))
    chosen = settings.tracks or set(tracks.values()) - {MERGED} or {MERGED}
    wanted = [sequence for sequence, track in tracks.items() if track in chosen]
    return {sequence: ids[sequence] for sequence in wanted[: settings.limit]}


def _refuse_shared(folder: ImageSequences, sequences: Iterable[str], what: str) -> None:
    """Refuse a truth that two tracks would be judged by, or that a sequence lacks."""
    takers: dict[str, str] = {}
    for sequence in sequences:
        place = folder.place_of(sequence)
        if place is None:
            raise InputError(
                f"{folder.folder} has no {what} of {sequence}",
                hint=f"put them into {folder.folder / sequence}, or choose with --tracks",
            )
        if place in takers:
            raise InputError(
                f"{what} in {folder.folder / place} would be those of {takers[place]} and "
                f"of {sequence}",
                hint="give each track a folder of its own, or choose one with --tracks",
            )
        takers[place] = sequence


def _files(folder: ImageSequences, sequence: str) -> Files:
    place = folder.place_of(sequence)
    return {} if place is None else folder.places[place]


def _sequence(
    sequence: str,
    files: Files,
    *,
    truths: Mapping[str, Files],
    alphas: Files,
    frames: FrameClips | None,
) -> TrimapSequence:
    for name, true in truths.items():
        _refuse_missing(true, files, f"trimaps {sequence}", f"true trimaps {name}")
    _refuse_missing(alphas, files, f"trimaps {sequence}", "true alpha")
    first = next(iter(files.values()))
    size = image_size(first)
    for others in (*truths.values(), alphas):
        for path in list(others.values())[:1]:
            refuse_other_size(path, image_size(path), size)
    source = None
    if frames is not None:
        source = frames.clip_of(sequence)
        if source is None:
            raise InputError(f"{frames.reference.path} has no frames of trimaps {sequence}")
        _refuse_missing(files, source.frame_names, f"frames of {source.id}", f"trimaps {sequence}")
        if isinstance(source.frames[0], str):
            refuse_other_size(first, size, image_size(Path(source.frames[0])))
    return TrimapSequence(
        clip=_clip(sequence, files, source),
        files=files,
        truths=truths,
        alphas=alphas,
        source=source,
        size=size,
    )


def _clip(sequence: str, files: Files, source: Clip | None) -> Clip:
    if source is not None:
        # Frames behind the last trimap are no part of the sequence; places stay those of the clip.
        last = max(source.frame_names.index(name) for name in files)
        frames = source.frames[: last + 1]
        return source.model_copy(update={"id": sequence, "frames": frames})
    places = [str(path) for path in files.values()]
    return Clip(id=sequence, split="all", frame_step=1, frames=list(places))


def _refuse_missing(wanted: Iterable[str], found: Iterable[str], where: str, what: str) -> None:
    known = set(found)
    missing = [name for name in wanted if name not in known]
    if missing:
        raise InputError(
            f"{where} lack {len(missing)} frames that {what} have, the first is {missing[0]}",
            hint="files are called like their frames",
        )
