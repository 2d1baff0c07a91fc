"""Object tracks of a report: who is there when, how large, and what it looks like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from vstc.errors import InputError
from vstc.formats.images import read_rgb
from vstc.formats.objects.rle import decode_mask
from vstc.formats.objects.store import FrameInstances, InstanceArchive, InstanceClip
from vstc.report.blocks import (
    Block,
    Cell,
    Chart,
    Charts,
    Gallery,
    Legend,
    Note,
    Picture,
    Section,
    Table,
)
from vstc.report.charts import Series, line_chart
from vstc.report.numbers import amount, counted, small_percent
from vstc.report.objects import draw_masks, track_color
from vstc.report.pictures import picture
from vstc.report.sources import Source
from vstc.report.timelines import MAX_ROWS, Presence, timeline_chart
from vstc.report.tracksurvey import ClipSurvey, TrackSurvey, survey_clip

_CLIPS = 3
_FRAMES = {"landscape": 3, "portrait": 6}
_LINES = 8


def tracks_section(sources: Sequence[Source]) -> Section:
    """Show every artifact of instance masks in turn."""
    blocks: list[Block] = []
    for source in sources:
        archive = InstanceArchive(source.path)
        shown = spread(archive.clips, _CLIPS)
        surveys = [survey_clip(archive, clip) for clip in shown]
        blocks.append(_clips_table(source, archive, surveys))
        if len(shown) < len(archive.clips):
            blocks.append(
                Note(f"{len(shown)} of {len(archive.clips)} clips of {source.name} are shown.")
            )
        if not archive.has_identity:
            blocks.append(
                Note(
                    f"{source.name} holds frames one by one: a number means nothing in the next "
                    "frame. vstc instances track gives objects their identity."
                )
            )
        for survey in surveys:
            blocks += _describe(archive, survey)
    return Section(
        anchor="tracks",
        title="Object tracks",
        lead="Every object has its number and its colour in all frames.",
        blocks=tuple(blocks),
    )


def spread(clips: Sequence[InstanceClip], count: int) -> list[InstanceClip]:
    """Choose clips evenly over the list, beginning with the first."""
    count = min(count, len(clips))
    return [clips[number * len(clips) // count] for number in range(count)]


def frame_of(archive: InstanceArchive, clip: InstanceClip, index: int) -> NDArray[np.uint8] | None:
    """Read the image of a frame; None where it is not known or has another size.

    Raises:
        InputError: It is known and gone.
    """
    path = archive.frame_image(clip, index)
    if path is None:
        return None
    image = read_rgb(path)
    return image if image.shape[:2] == (clip.height, clip.width) else None


def masks_of(frame: FrameInstances) -> dict[int, NDArray[np.bool_]]:
    """Decode the visible masks of a frame, (H, W) by track."""
    return {mask.track: decode_mask(mask.rle) for mask in frame.instances if mask.rle.area}


def _clips_table(source: Source, archive: InstanceArchive, surveys: Sequence[ClipSurvey]) -> Table:
    columns: tuple[str, ...] = ("Clip", "Frames", "Size", "Objects per frame", "Most")
    if archive.has_identity:
        columns = (*columns, "Tracks", "With gaps")
    rows = []
    for survey in surveys:
        clip, objects = survey.clip, survey.objects
        mean = sum(objects) / len(objects) if objects else None
        cells = [
            Cell(clip.id),
            Cell(amount(len(clip.frame_names))),
            Cell(f"{clip.width} x {clip.height}"),
            Cell(amount(mean)),
            Cell(amount(max(objects, default=None))),
        ]
        if archive.has_identity:
            gaps = sum(len(track.ranges) > 1 for track in survey.tracks)
            cells += [Cell(amount(len(survey.tracks))), Cell(amount(gaps))]
        rows.append(tuple(cells))
    title = f"{source.name}: {archive.name}, {counted(len(archive.categories), 'class', 'classes')}"
    return Table(columns=columns, rows=tuple(rows), title=title)


def _describe(archive: InstanceArchive, survey: ClipSurvey) -> list[Block]:
    clip = survey.clip
    if not survey.tracks:
        return [Note(f"{clip.id} has no object.")]
    blocks: list[Block] = []
    if archive.has_identity:
        blocks += [_charts(survey), _tracks_table(survey)]
    try:
        blocks.append(_gallery(archive, survey))
    except InputError as error:
        blocks.append(Note(f"No pictures of {clip.id}: {error.message}"))
    return blocks


def _charts(survey: ClipSurvey) -> Charts:
    clip, num_frames = survey.clip, len(survey.clip.frame_names)
    tracks = [Presence(t.name, track_color(t.track), t.ranges) for t in survey.tracks]
    there = timeline_chart(
        tracks, num_frames=num_frames, label=f"When the tracks of {clip.id} are there"
    )
    by_area = sorted(survey.tracks, key=lambda track: -max(track.areas))
    largest = [track for track in survey.tracks if track in by_area[:_LINES]]
    areas = line_chart(
        [_area_line(track, survey) for track in largest],
        x_label="frame",
        y_label="area, %",
        y_limits=(0, None),
        label=f"Area of the tracks of {clip.id}",
    )
    cut = f"the first {MAX_ROWS} of {len(tracks)} tracks" if len(tracks) > MAX_ROWS else ""
    few = f"the {_LINES} largest tracks" if len(largest) < len(tracks) else ""
    return Charts(
        charts=(
            Chart("When a track is there", there, note=cut),
            Chart("Share of the frame", areas, note=few),
        ),
        title=clip.id,
        legend=Legend(tuple((track.name, track_color(track.track)) for track in largest)),
    )


def _area_line(track: TrackSurvey, survey: ClipSurvey) -> Series:
    """Draw the area of a track; frames without it are gaps."""
    known = dict(zip(track.places, track.areas, strict=True))
    shares = [
        100 * known[place] / survey.num_pixels if place in known else None
        for place in range(len(survey.objects))
    ]
    return Series(track.name, track_color(track.track), tuple(shares))


def _tracks_table(survey: ClipSurvey) -> Table:
    rows = tuple(
        (
            Cell(str(track.track), color=track_color(track.track)),
            Cell(track.category),
            Cell(amount(len(track.places))),
            Cell(survey.clip.frame_names[track.places[0]]),
            Cell(survey.clip.frame_names[track.places[-1]]),
            Cell(amount(len(track.ranges) - 1)),
            Cell(small_percent(sum(track.areas) / len(track.areas) / survey.num_pixels)),
            Cell(small_percent(min(track.areas) / survey.num_pixels)),
            Cell(small_percent(max(track.areas) / survey.num_pixels)),
            Cell(f"{track.mean_score:.2f}"),
        )
        for track in survey.tracks
    )
    columns = (
        *("Track", "Class", "Frames", "First", "Last", "Gaps"),
        *("Area, %", "Least", "Most", "Score"),
    )
    return Table(columns=columns, rows=rows, caption="Area is the share of the frame.")


def _gallery(archive: InstanceArchive, survey: ClipSurvey) -> Gallery:
    """Show some frames, and below each its masks."""
    clip = survey.clip
    frames: list[Picture] = []
    drawn: list[Picture] = []
    for frame in _chosen(archive, survey):
        image, masks = frame_of(archive, clip, frame.index), masks_of(frame)
        shown = draw_masks(masks, image=image, size=(clip.height, clip.width))
        drawn.append(picture(shown, caption="masks", note=counted(len(masks), "object")))
        if image is not None:
            frames.append(picture(image, caption=f"{clip.id} / {frame.name}"))
        else:
            drawn[-1] = replace(drawn[-1], caption=f"{clip.id} / {frame.name}")
    rows = [row for row in (frames, drawn) if row]
    return Gallery(rows=tuple(("", tuple(row)) for row in rows), narrow_columns=3)


def _chosen(archive: InstanceArchive, survey: ClipSurvey) -> list[FrameInstances]:
    """Choose frames evenly among those that show an object."""
    shown = [place for place, objects in enumerate(survey.objects) if objects]
    is_portrait = survey.clip.height > survey.clip.width
    count = min(_FRAMES["portrait" if is_portrait else "landscape"], len(shown))
    wanted = {shown[(2 * n + 1) * len(shown) // (2 * count)] for n in range(count)}
    return [frame for frame in archive.frames(survey.clip.id) if frame.index in wanted]
