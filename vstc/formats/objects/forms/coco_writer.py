"""Write the form of COCO: ``annotations.json`` and ``results.json`` of objects in images."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from vstc.artifacts.workspace import Workspace
from vstc.formats.objects.forms.image_names import image_entries
from vstc.formats.objects.forms.json_rows import write_list, write_object
from vstc.formats.objects.forms.rle_form import RleForm, rle_json
from vstc.formats.objects.store import InstanceArchive, InstanceClip, InstanceMask


class CocoWriter:
    """Writes two files for all clips, image by image.

    Annotations have a ``score`` beside the members of COCO, and their track as ``instance_id``
    where that is the same object in all frames. Results are always compressed.

    Args:
        workspace: The output.
        archive: What is written.
        clips: Which clips of it.
        rle: How masks are written in the annotations.
    """

    def __init__(
        self,
        workspace: Workspace,
        archive: InstanceArchive,
        clips: tuple[InstanceClip, ...],
        rle: RleForm,
    ) -> None:
        self._workspace = workspace
        self._archive = archive
        self._clips = clips
        self._rle = rle

    def write(
        self, archive: InstanceArchive, clip: InstanceClip, advance: Callable[[int], None]
    ) -> None:
        """Count the frames of a clip: the files hold all clips and are written at the end."""
        del archive
        advance(len(clip.frame_names))

    def finish(self) -> None:
        """Write both files."""
        with (
            self._workspace.atomic("annotations.json") as partial,
            partial.open("w", encoding="utf-8") as stream,
        ):
            members = {
                "categories": [{"id": c.id, "name": c.name} for c in self._archive.categories],
                "images": image_entries(self._clips),
                "annotations": self._annotations(),
            }
            write_object(stream, members)
        with (
            self._workspace.atomic("results.json") as partial,
            partial.open("w", encoding="utf-8") as stream,
        ):
            write_list(stream, self._results())

    def _masks(self) -> Iterator[tuple[int, InstanceMask]]:
        """Give the masks that are not empty, with the number of their image."""
        number = 0
        for clip in self._clips:
            for frame in self._archive.frames(clip.id):
                number += 1
                yield from ((number, mask) for mask in frame.instances if mask.rle.area)

    def _annotations(self) -> Iterator[dict[str, Any]]:
        for number, (image_id, mask) in enumerate(self._masks(), start=1):
            row = {
                "id": number,
                "image_id": image_id,
                "category_id": mask.category_id,
                "iscrowd": 0,
                "area": mask.rle.area,
                "bbox": list(mask.rle.bounding_box()),
                "score": mask.score,
                "segmentation": rle_json(mask.rle, self._rle),
            }
            yield row | ({"instance_id": mask.track} if self._archive.has_identity else {})

    def _results(self) -> Iterator[dict[str, Any]]:
        for image_id, mask in self._masks():
            yield {
                "image_id": image_id,
                "category_id": mask.category_id,
                "score": mask.score,
                "bbox": list(mask.rle.bounding_box()),
                "segmentation": mask.rle.as_json(),
            }
