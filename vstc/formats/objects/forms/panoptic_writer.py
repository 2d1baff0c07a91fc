"""Write the panoptic form of COCO: ``panoptic.json`` and ``panoptic/<clip>/<frame>.png``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vstc.artifacts.workspace import Workspace
from vstc.formats.images import encode_rgb
from vstc.formats.objects.forms.image_names import image_entries
from vstc.formats.objects.forms.json_rows import write_object
from vstc.formats.objects.forms.painting import Overlap, paint_ids
from vstc.formats.objects.forms.panoptic import FORM, MAX_ID, segment_colors
from vstc.formats.objects.rle import runs_to_rle
from vstc.formats.objects.runs import runs_by_id
from vstc.formats.objects.store import FrameInstances, InstanceArchive, InstanceClip

_FOLDER = "panoptic"


class PanopticWriter:
    """Writes maps of tracks in colours; the id of a segment is its track.

    Maps that are there are kept. Segments have a ``score`` beside the members of COCO, and
    ``info`` tells whether ids mean the same in all frames of a clip.

    Args:
        workspace: The output.
        overlap: What to do where masks overlap.
        archive: What is written.
        clips: Which clips of it.
    """

    def __init__(
        self,
        workspace: Workspace,
        overlap: Overlap,
        archive: InstanceArchive,
        clips: tuple[InstanceClip, ...],
    ) -> None:
        self._workspace = workspace
        self._overlap = overlap
        self._archive = archive
        self._clips = clips

    def write(
        self, archive: InstanceArchive, clip: InstanceClip, advance: Callable[[int], None]
    ) -> None:
        """Write the maps of a clip.

        Raises:
            InputError: Masks overlap, or a track does not fit into 24 bits.
        """
        for frame in archive.frames(clip.id):
            name = f"{_FOLDER}/{clip.id}/{frame.name}.png"
            if not self._workspace.has(name):
                self._workspace.write_bytes(
                    name, encode_rgb(segment_colors(self._ids(clip, frame)))
                )
            advance(1)

    def finish(self) -> None:
        """Write the JSON file, which describes the maps of all clips."""
        with (
            self._workspace.atomic(f"{_FOLDER}.json") as partial,
            partial.open("w", encoding="utf-8") as stream,
        ):
            members = {
                "info": {"has_identity": self._archive.has_identity},
                "categories": [
                    {"id": c.id, "name": c.name, "isthing": int(c.is_thing)}
                    for c in self._archive.categories
                ],
                "images": image_entries(self._clips),
                "annotations": self._annotations(),
            }
            write_object(stream, members)

    def _ids(self, clip: InstanceClip, frame: FrameInstances) -> NDArray[np.uint32]:
        return paint_ids(clip, frame, overlap=self._overlap, max_id=MAX_ID, form=FORM)

    def _annotations(self) -> Iterator[dict[str, Any]]:
        number = 0
        for clip in self._clips:
            for frame in self._archive.frames(clip.id):
                number += 1
                yield {
                    "image_id": number,
                    "file_name": f"{clip.id}/{frame.name}.png",
                    "segments_info": self._segments(clip, frame),
                }

    def _segments(self, clip: InstanceClip, frame: FrameInstances) -> list[dict[str, Any]]:
        """Describe the segments as they are in the map, where nothing overlaps."""
        shown = runs_by_id(self._ids(clip, frame))
        rows = []
        for mask in frame.instances:
            if mask.track not in shown:
                continue
            rle = runs_to_rle(shown[mask.track], height=clip.height, width=clip.width)
            rows.append(
                {
                    "id": mask.track,
                    "category_id": mask.category_id,
                    "area": rle.area,
                    "bbox": list(rle.bounding_box()),
                    "iscrowd": 0,
                    "score": mask.score,
                }
            )
        return rows
