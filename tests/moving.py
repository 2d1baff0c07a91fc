"""A tiny data set drawn in code: textured shapes that move by whole pixels, with exact flow."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vstc.formats.dataset import (
    Clip,
    Dataset,
    DatasetRecord,
    LabelClass,
    class_palette,
    load_dataset,
    write_dataset,
)
from vstc.formats.flow.hdf5 import FlowDirection, FlowInfo, FlowWriter
from vstc.formats.images import encode_labels, encode_rgb

Array8 = NDArray[np.uint8]
CLASSES = [
    LabelClass(id=0, name="ground", color=(90, 90, 90)),
    LabelClass(id=1, name="square", color=(200, 40, 40)),
    LabelClass(id=2, name="disc", color=(40, 40, 200)),
]


@dataclass(frozen=True)
class Scene:
    """A clip before it is written; ``objects`` tells for every pixel which layer it shows."""

    frames: list[Array8]
    labels: list[Array8]
    objects: list[Array8]
    velocities: NDArray[np.int64]

    def flow(self, target: int, source: int) -> NDArray[np.float32]:
        """Return the exact flow on the grid of ``target``: sample ``source`` at grid + flow."""
        return ((source - target) * self.velocities[self.objects[target]]).astype(np.float32)


def draw_scene(seed: int, *, num_frames: int = 6, size: tuple[int, int] = (48, 64)) -> Scene:
    """Draw a scrolling ground with a square and a disc; all move by whole pixels a frame."""
    random = np.random.default_rng(seed)
    height, width = size
    reach = 4 * num_frames
    colors = np.array([[90, 110, 90], [190, 60, 50], [50, 70, 190]])
    shape = (height + 2 * reach, width + 2 * reach, 3)
    textures = [np.clip(color + random.normal(0, 12, shape), 0, 255) for color in colors]
    velocities = np.vstack([random.integers(-1, 2, (1, 2)), random.integers(-3, 4, (2, 2))])
    middle = np.array([width, height]) / 2 + random.integers(-6, 7, (3, 2))
    radius = min(height, width) // 4
    y, x = np.mgrid[:height, :width]
    frames, labels, objects = [], [], []
    for time in range(num_frames):
        shown = np.zeros(size, np.uint8)
        moved = middle + velocities * (time - num_frames // 2)
        square = np.maximum(abs(x - moved[1, 0] + radius), abs(y - moved[1, 1])) <= radius
        shown[square] = 1
        shown[np.hypot(x - moved[2, 0] - radius, y - moved[2, 1]) <= radius] = 2
        image = np.zeros((height, width, 3), np.uint8)
        for layer, texture in enumerate(textures):
            left, top = reach - velocities[layer] * time
            window = texture[top : top + height, left : left + width]
            image[shown == layer] = window[shown == layer].astype(np.uint8)
        frames.append(image)
        labels.append(shown)
        objects.append(shown)
    return Scene(frames, labels, objects, velocities)


def write_moving_dataset(
    folder: Path,
    *,
    train: int = 2,
    val: int = 1,
    num_frames: int = 6,
    size: tuple[int, int] = (48, 64),
) -> Dataset:
    """Write clips ``train0`` .. and ``val0`` .., and their flow to ``flow/``.

    Training clips have labels on their second and fourth frame, validation clips on all.
    """
    clips = []
    names = [(f"train{i}", "train") for i in range(train)] + [
        (f"val{i}", "val") for i in range(val)
    ]
    for seed, (clip_id, split) in enumerate(names):
        scene = draw_scene(seed, num_frames=num_frames, size=size)
        clips.append(_write_clip(folder, clip_id, split, scene))
        write_flow(folder / "flow", clips[-1], scene)
    record = DatasetRecord(name="moving", root=".", classes=CLASSES, clips=clips)
    write_dataset(folder, record)
    return load_dataset(folder)


def write_flow(
    folder: Path,
    clip: Clip,
    scene: Scene,
    *,
    gaps: tuple[int, ...] = (1, 2),
    directions: tuple[FlowDirection, ...] = tuple(FlowDirection),
) -> None:
    """Write the exact flow of a clip."""
    size = scene.labels[0].shape
    info = FlowInfo(
        frames=tuple(clip.frame_names),
        size=size,
        source_size=size,
        method="truth",
        params={},
        directions=directions,
        gaps=gaps,
    )
    with FlowWriter(folder / f"{clip.id}.h5", info) as writer:
        for gap in gaps:
            for direction in directions:
                for index in range(info.num_pairs(gap)):
                    target, source = direction.frame_indices(index, gap=gap)
                    flow = scene.flow(target, source)
                    writer.write(index, flow, direction=direction, gap=gap)


def _write_clip(folder: Path, clip_id: str, split: str, scene: Scene) -> Clip:
    palette = class_palette(CLASSES)
    frames, labels = [], {}
    for index, (frame, label) in enumerate(zip(scene.frames, scene.labels, strict=True)):
        name = f"{index:03d}"
        frames.append(f"frames/{clip_id}/{name}.png")
        _write(folder / frames[-1], encode_rgb(frame))
        if split != "train" or index in (1, 3):
            labels[name] = f"labels/{clip_id}/{name}.png"
            _write(folder / labels[name], encode_labels(label, palette))
    return Clip(id=clip_id, split=split, fps=10, frame_step=1, frames=frames, labels=labels)


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
