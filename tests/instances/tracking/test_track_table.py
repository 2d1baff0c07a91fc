"""The table of objects."""

from __future__ import annotations

from tests.instances.tracking.masks import box
from vstc.formats.objects.store import FrameInstances, InstanceMask
from vstc.instances.tracking.track_table import TrackRow, TrackTable, tracks_csv


def filled() -> TrackTable:
    table = TrackTable()
    seen = {0: [1, 2], 1: [1], 2: [], 3: [1], 4: [1, 2], 5: []}
    for index, tracks in seen.items():
        masks = [
            InstanceMask(n, 5 if index == 1 else 4, 0.5 + 0.1 * index, box(0, 0, n, 2 + index))
            for n in tracks
        ]
        table.add(FrameInstances(index, f"f{index}", tuple(masks)))
    return table


def test_row_tells_class_score_span_gaps_and_area() -> None:
    first, second = filled().rows()
    assert first == TrackRow(
        track=1,
        category_id=4,
        score=0.7,
        first_index=0,
        last_index=4,
        first_frame="f0",
        last_frame="f4",
        frames=4,
        gaps=1,
        missing_frames=1,
        area=4.0,
    )
    assert (second.frames, second.gaps, second.missing_frames, second.score) == (2, 1, 3, 0.7)


def test_csv_has_a_line_for_each_object_of_each_clip() -> None:
    rows = [row.as_json() for row in filled().rows()]
    text = tracks_csv([{"clip": "a", "tracks": rows}, {"clip": "b", "tracks": []}], {4: "cat, big"})
    assert text.splitlines() == [
        "clip,track,category,category_id,score,first_index,last_index,first_frame,last_frame,"
        "frames,gaps,missing_frames,area",
        'a,1,"cat, big",4,0.7,0,4,f0,f4,4,1,1,4.0',
        'a,2,"cat, big",4,0.7,0,4,f0,f4,2,1,3,8.0',
    ]
