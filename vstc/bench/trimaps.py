"""What a trimap costs: decoding, the rule, packing, writing, and the whole export."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vstc.artifacts.atomic import atomic_write_bytes
from vstc.bench.cost import stopwatch
from vstc.flow.providers import one_opencv_thread
from vstc.formats.objects.rle import Rle, encode_mask
from vstc.formats.objects.store import (
    ClipWriter,
    FrameInstances,
    InstanceCategory,
    InstanceClip,
    InstanceMask,
    write_index,
)
from vstc.trimaps.export import export_trimaps, plan_export
from vstc.trimaps.layout import encode_flat
from vstc.trimaps.object_trimap import ObjectTrimap, object_trimap
from vstc.trimaps.patch import Patch, patch_of_mask
from vstc.trimaps.rules import band_rule
from vstc.trimaps.settings import ExportSettings

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class TrimapCost:
    """What was measured, in CPU time of one core.

    A frame is one object with its trimap written to a PNG file.

    Attributes:
        height: Rows of a frame.
        width: Columns of a frame.
        frames: How many were made.
        objects: Objects in a frame.
        object_share: Share of the frame that an object fills, on average.
        radius: Of the band.
        stage_ms: Milliseconds of one object in one frame, by stage.
        stages_per_second: Trimaps per second of these stages together.
        export_ms: Milliseconds of one trimap in a whole export, with reading the masks,
            neighbours and statistics.
        export_per_second: Trimaps per second of it.
    """

    height: int
    width: int
    frames: int
    objects: int
    object_share: float
    radius: float
    stage_ms: dict[str, float]
    stages_per_second: float
    export_ms: float
    export_per_second: float

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


def bench_trimaps(
    *,
    size: tuple[int, int] = (480, 854),
    num_frames: int = 60,
    num_objects: int = 1,
    radius: float = 10.0,
) -> TrimapCost:
    """Measure trimaps of walking figures on one core.

    Args:
        size: Height and width of a frame.
        num_frames: Length of the clip.
        num_objects: Figures in each frame.
        radius: Of the band, in pixels.
    """
    frames = [
        [
            encode_mask(walker(size, step=t, place=(k + 0.5) / num_objects))
            for k in range(num_objects)
        ]
        for t in range(num_frames)
    ]
    num_trimaps = num_frames * num_objects
    with tempfile.TemporaryDirectory(prefix="vstc-bench-") as name, one_opencv_thread():
        folder = Path(name)
        stages = _measure_stages([rle for row in frames for rle in row], radius, folder / "single")
        _write_instances(folder / "instances", frames, size)
        plan = plan_export(folder / "instances", ExportSettings(radius=radius))
        with stopwatch() as watch:
            export_trimaps(plan, folder / "export", workers=1)
    areas = [rle.area for row in frames for rle in row]
    export = watch.cost.cpu_seconds / num_trimaps
    return TrimapCost(
        height=size[0],
        width=size[1],
        frames=num_frames,
        objects=num_objects,
        object_share=float(np.mean(areas)) / (size[0] * size[1]),
        radius=radius,
        stage_ms=stages,
        stages_per_second=1000 / sum(stages.values()),
        export_ms=1000 * export,
        export_per_second=1 / export,
    )


def walker(size: tuple[int, int], *, step: int, place: float) -> Mask:
    """Draw a walking figure, about as tall as the frame.

    Args:
        size: Height and width of the frame.
        step: Which moment of the walk.
        place: Where it stands, as a share of the width.

    Returns:
        (H, W) bool.
    """
    height, width = size
    image = np.zeros(size, np.uint8)
    unit = height / 10
    x, y = place * width + unit * np.sin(step / 9), height * 0.42
    swing = 0.9 * np.sin(step / 3)
    thick = max(round(0.55 * unit), 1)

    def at(dx: float, dy: float) -> tuple[int, int]:
        return round(x + dx * unit), round(y + dy * unit)

    cv2.ellipse(image, at(0, 0), (round(1.05 * unit), round(1.9 * unit)), 0, 0, 360, 1, -1)
    cv2.circle(image, at(0, -2.7), round(0.85 * unit), 1, -1)
    for side in (-1, 1):
        cv2.line(image, at(0.5 * side, 1.5), at(0.5 * side + swing * side, 4.9), 1, thick)
        cv2.line(image, at(0.8 * side, -1.2), at(1.5 * side - swing * side, 1.3), 1, thick)
    return image.astype(np.bool_)


def _measure_stages(masks: Sequence[Rle], radius: float, folder: Path) -> dict[str, float]:
    """Return the mean CPU milliseconds of each stage."""
    rule, size = band_rule(radius), (masks[0].height, masks[0].width)

    def decode(rle: Rle) -> Patch:
        patch = patch_of_mask(rle)
        assert patch is not None
        return patch

    def make(patch: Patch) -> ObjectTrimap:
        return object_trimap(patch, rule, track=1, size=size)

    def pack(one: ObjectTrimap) -> bytes:
        return encode_flat(one.trimap.image(size))

    steps: dict[str, Callable[[Any], Any]] = {"decode": decode, "trimap": make, "pack": pack}
    seconds = dict.fromkeys((*steps, "write"), 0.0)
    for index, rle in enumerate(masks):
        value: Any = rle
        for stage, step in steps.items():
            started = time.process_time()
            value = step(value)
            seconds[stage] += time.process_time() - started
        started = time.process_time()
        atomic_write_bytes(folder / f"{index:05d}.png", value)
        seconds["write"] += time.process_time() - started
    return {stage: 1000 * total / len(masks) for stage, total in seconds.items()}


def _write_instances(folder: Path, frames: Sequence[Sequence[Rle]], size: tuple[int, int]) -> None:
    names = tuple(f"{index:05d}" for index in range(len(frames)))
    clip = InstanceClip("walk", *size, fps=25.0, frame_names=names)
    with ClipWriter(folder, clip) as writer:
        for index, row in enumerate(frames):
            masks = tuple(InstanceMask(k + 1, 1, 1.0, rle) for k, rle in enumerate(row))
            writer.write(FrameInstances(index, names[index], masks))
    write_index(
        folder,
        name="walk",
        source="made up",
        categories=[InstanceCategory(1, "person")],
        clips=[clip],
        has_identity=True,
        root=None,
    )
