"""Trimaps of a report: their tracks and widths, and what they make of a frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from vstc.errors import InputError
from vstc.formats.images import read_labels
from vstc.report.blocks import Block, Cell, Chart, Charts, Gallery, Note, Picture, Section, Table
from vstc.report.numbers import ABSENT, amount, plain, small_percent
from vstc.report.objects import cut_out, draw_masks, surroundings, track_color, trimap_alpha
from vstc.report.pictures import picture
from vstc.report.sources import Source, read_json
from vstc.report.timelines import MAX_ROWS, Presence, gaps_in, timeline_chart
from vstc.report.trimapsources import Array8, TrimapSources
from vstc.trimaps.layout import INDEX, tracks_file, trimap_file

_CLIPS = 3
_ROWS = 4
_PLACES = ("background", "unknown", "foreground")

Row = tuple[str, tuple[Picture, ...]]
Record = Mapping[str, Any]


def trimaps_section(trimaps: Sequence[Source], sources: Sequence[Source]) -> Section:
    """Show every artifact of trimaps in turn.

    Args:
        trimaps: The artifacts.
        sources: All artifacts of the report; frames, masks and mattes among them are used.

    Raises:
        InputError: The record of an artifact is not what it should be.
    """
    blocks: list[Block] = []
    for source in trimaps:
        ids = _clip_ids(source)
        count = min(_CLIPS, len(ids))
        shown = [ids[number * len(ids) // count] for number in range(count)]
        behind = TrimapSources(source, sources)
        for clip_id in shown:
            blocks += _describe(source, clip_id, behind)
        if len(shown) < len(ids):
            blocks.append(Note(f"{len(shown)} of {len(ids)} clips of {source.name} are shown."))
    return Section(
        anchor="trimaps",
        title="Trimaps",
        lead="Black is background, white is foreground, and grey is for a matting tool to decide.",
        blocks=tuple(blocks),
    )


def _clip_ids(source: Source) -> list[str]:
    path = source.path / INDEX
    try:
        return [str(row["id"]) for row in read_json(path)["clips"]]
    except (KeyError, TypeError) as error:
        raise InputError(f"{path} lists no clips: {error!r}") from error


def _describe(source: Source, clip_id: str, behind: TrimapSources) -> list[Block]:
    path = source.path / tracks_file(clip_id)
    record = read_json(path)
    try:
        tracks = record["tracks"]
        title = f"{source.name}: {clip_id}, {record['rule']} rule"
        if not tracks:
            return [Note(f"{clip_id} of {source.name} has no trimap.")]
        return [
            _timeline(record, title),
            _table(record),
            *_gallery(source, record, behind),
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path} is not the record of a clip: {error!r}") from error


def _timeline(record: Record, title: str) -> Charts:
    num_frames = len(record["frames"])
    tracks = [
        Presence(
            name=_name(track),
            color=track_color(track["track"]),
            ranges=gaps_in(track["absent"]["ranges"], num_frames=num_frames),
        )
        for track in record["tracks"]
    ]
    label = f"When the tracks of {record['id']} have a trimap"
    svg = timeline_chart(tracks, num_frames=num_frames, label=label)
    cut = f"the first {MAX_ROWS} of {len(tracks)} tracks" if len(tracks) > MAX_ROWS else ""
    return Charts(charts=(Chart("When a track has a trimap", svg, note=cut),), title=title)


def _table(record: Record) -> Table:
    pixels = record["height"] * record["width"]
    widths = list(dict.fromkeys(name for track in record["tracks"] for name in track["widths"]))
    rows = tuple(
        (
            Cell(str(track["track"]), color=track_color(track["track"])),
            Cell(str(track["category"] or ABSENT)),
            Cell(amount(track["pixels"]["unknown"] and _present(track, record))),
            Cell(amount(track["absent"]["frames"])),
            *(_spread(track["pixels"][name], pixels) for name in ("foreground", "unknown")),
            *(_width(track["widths"].get(name)) for name in widths),
            Cell(amount(track["kept_core"]["frames"])),
            Cell(_lacking(track)),
        )
        for track in record["tracks"]
    )
    columns = (
        *("Track", "Class", "Frames", "Absent", "Foreground, %", "Unknown, %"),
        *(f"{name.replace('_', ' ').capitalize()}, px" for name in widths),
        *("Kept core", "Without a value"),
    )
    caption = (
        "Shares are of the frame, mean with least and most. Kept core counts the frames in which "
        "the band was narrowed so that some foreground is left."
    )
    return Table(columns=columns, rows=rows, caption=caption)


def _present(track: Record, record: Record) -> int:
    return len(record["frames"]) - int(track["absent"]["frames"])


def _spread(spread: Mapping[str, float] | None, pixels: int) -> Cell:
    if spread is None:
        return Cell(ABSENT)
    mean, low, high = (small_percent(spread[name] / pixels) for name in ("mean", "min", "max"))
    return Cell(mean, note=f"{low} to {high}" if low != high else "")


def _width(spread: Mapping[str, float] | None) -> Cell:
    if spread is None:
        return Cell(ABSENT)
    low, high = amount(spread["min"]), amount(spread["max"])
    return Cell(amount(spread["mean"]), note=f"{low} to {high}" if low != high else "")


def _lacking(track: Record) -> str:
    """Name the values that some trimaps lack: matting tools refuse such a trimap."""
    lacking = {name: track["without"][name]["frames"] for name in _PLACES}
    return plain([f"{name} in {amount(count)}" for name, count in lacking.items() if count])


def _gallery(source: Source, record: Record, behind: TrimapSources) -> list[Block]:
    try:
        rows = tuple(_row(source, record, *place, behind) for place in _moments(record))
    except InputError as error:
        return [Note(f"No pictures of {record['id']} of {source.name}: {error.message}")]
    captions = {shown.caption for _, pictures in rows for shown in pictures}
    told = ["Each row shows one object and its surroundings."]
    if "cut out by trimap" in captions:
        told.append("Cut out by trimap: what is unknown is half transparent.")
    if "cut out by matte" in captions:
        told.append("Cut out by matte: with the matte that vstc trimap evaluate made of it.")
    if "frame" not in captions:
        told.append("The frames are not known: add the instance masks or the data set.")
    return [Gallery(rows=rows, caption=" ".join(told))]


def _moments(record: Record) -> list[tuple[Record, int]]:
    """Choose the tracks that are there most, and of each a place in its longest stretch."""
    num_frames = len(record["frames"])
    present = [track for track in record["tracks"] if _present(track, record)]
    by_frames = sorted(present, key=lambda track: -_present(track, record))
    chosen = [track for track in present if track in by_frames[:_ROWS]]
    count = len(chosen)
    moments = []
    for number, track in enumerate(chosen):
        ranges = gaps_in(track["absent"]["ranges"], num_frames=num_frames)
        first, last = max(ranges, key=lambda ends: ends[1] - ends[0])
        # Tracks that are there all the time are shown at different times.
        moments.append((track, first + (2 * number + 1) * (last - first) // (2 * count)))
    return moments


def _row(source: Source, record: Record, track: Record, index: int, behind: TrimapSources) -> Row:
    clip_id, number, name = record["id"], track["track"], record["frames"][index]
    size = (int(record["height"]), int(record["width"]))
    trimap = read_labels(source.path / trimap_file(clip_id, number, name))
    image = behind.image(clip_id, name, size=size)
    masks = behind.masks(clip_id, name, size=size)
    matte = behind.matte(clip_id, str(number), name, size=size)
    drawn: dict[str, Array8] = {} if image is None else {"frame": image}
    if masks:
        drawn["masks"] = draw_masks(masks, image=image, size=size)
    drawn["trimap"] = np.dstack([trimap] * 3)
    if matte is not None:
        drawn["matte"] = np.rint(np.dstack([matte] * 3) * 255).astype(np.uint8)
    if image is not None:
        caption = "cut out by trimap" if matte is None else "cut out by matte"
        drawn[caption] = cut_out(image, trimap_alpha(trimap) if matte is None else matte)
    window = surroundings(trimap > 0) if trimap.any() else ()
    pictures = (picture(shown[window], caption=caption) for caption, shown in drawn.items())
    return f"{clip_id} / {_name(track)} / {name}", tuple(pictures)


def _name(track: Record) -> str:
    return f"{track['track']} {track['category'] or ''}".strip()
