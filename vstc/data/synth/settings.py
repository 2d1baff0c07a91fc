"""Settings of a synthetic data set."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from vstc.config import Settings
from vstc.data.synth.spec import ClipSpec, Sensor
from vstc.errors import ConfigError

TRAIN = "train"
_SPLITS = (TRAIN, "val", "test")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")


def _parse_size(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    found = re.fullmatch(r"(\d+)x(\d+)", value)
    if found is None:
        raise ValueError("a size is HEIGHTxWIDTH, such as 96x192")
    return int(found[1]), int(found[2])


def _parse_splits(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    splits: dict[str, int] = {}
    for part in value.split(","):
        name, _, count = (text.strip() for text in part.partition("="))
        if not _NAME.fullmatch(name) or not count.isdigit():
            raise ValueError("splits are NAME=CLIPS, such as train=20,val=6")
        if name in splits:
            raise ValueError(f"split {name} stands twice")
        splits[name] = int(count)
    return splits


_Side = Annotated[int, Field(ge=32, le=4096)]
_Count = Annotated[int, Field(ge=0, le=100_000)]


class SynthSettings(Settings):
    """What is made.

    Attributes:
        splits: Number of clips by split.
        frames: Frames of each clip.
        size: Height and width.
        label_every: In ``train`` only every so many frames has its label in the index, starting
            in the middle of the first such run; other splits have all. 1 lists all.
        unlabelled: Splits whose labels the index does not list at all.
        seed: Another seed gives other scenes.
        noise: Pixel noise, standard deviation in grey levels.
        drift: Largest relative drift of brightness.
        motion_blur: Part of the time between frames that the shutter is open.
        alpha: Write soft masks of cars and people too.
    """

    splits: Annotated[
        dict[Annotated[str, Field(pattern=f"^{_NAME.pattern}$")], _Count],
        BeforeValidator(_parse_splits),
    ] = {TRAIN: 20, "val": 6}
    frames: int = Field(30, ge=2, le=100_000)
    size: Annotated[tuple[_Side, _Side], BeforeValidator(_parse_size)] = (96, 192)
    label_every: int = Field(10, ge=1)
    unlabelled: tuple[str, ...] = ()
    seed: int = Field(0, ge=0)
    noise: float = Field(6.0, ge=0, le=64)
    drift: float = Field(0.15, ge=0, le=0.9)
    motion_blur: float = Field(0.0, ge=0, le=1)
    alpha: bool = False

    @property
    def num_clips(self) -> int:
        """How many clips there are in all splits."""
        return sum(self.splits.values())

    def clip_spec(self, split: str, index: int) -> ClipSpec:
        """Return what a clip is made from; it does not depend on how many clips there are."""
        return ClipSpec(
            seed=self.seed,
            key=(*split.encode(), index),
            frames=self.frames,
            size=self.size,
            sensor=Sensor(noise=self.noise, drift=self.drift, motion_blur=self.motion_blur),
        )

    def labelled_frames(self, split: str) -> range:
        """Return the frames whose labels the index lists."""
        if split in self.unlabelled:
            return range(0)
        if split != TRAIN:
            return range(self.frames)
        first = min(self.label_every // 2, self.frames // 2)
        return range(first, self.frames, self.label_every)


def share_clips(num_clips: int) -> dict[str, int]:
    """Divide clips over train, val and test, about 8 : 1 : 1, each split having one if possible.

    Raises:
        ConfigError: Fewer than one clip.
    """
    if num_clips < 1:
        raise ConfigError(f"--clips {num_clips}: there must be one at least")
    held_out = max(1, round(num_clips / 10))
    counts = {name: held_out for name in _SPLITS[1:][: num_clips - 1]}
    return {TRAIN: num_clips - sum(counts.values()), **counts}
