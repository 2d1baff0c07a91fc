"""Where samples come from: data sets, the frames that can anchor a sample, and their order."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vstc.errors import InputError
from vstc.formats.dataset import Clip, Dataset


@dataclass(frozen=True)
class Anchor:
    """A frame that a sample is built around."""

    clip: Clip
    index: int


@dataclass(frozen=True)
class Source:
    """A data set as training sees it.

    Attributes:
        name: ``labelled`` or ``pseudo``.
        dataset: Its index.
        anchors: All labelled frames of the chosen splits.
        temporal: Frames with a later neighbour, for the slots of a batch that must have one:
            labelled frames, or any.
    """

    name: str
    dataset: Dataset
    anchors: list[Anchor]
    temporal: list[Anchor]


def make_source(
    name: str,
    dataset: Dataset,
    *,
    split: str | None,
    limit: int | None,
    temporal_anchors: Literal["labelled", "any"] = "labelled",
) -> Source:
    """Collect the frames of a data set that samples are built around.

    Args:
        name: ``labelled`` or ``pseudo``.
        dataset: The data set.
        split: Comma separated splits; None for all.
        limit: Use the first so many clips.
        temporal_anchors: Whether frames without a label may anchor a pair of frames; the
            temporal and the distillation terms need no label.

    Raises:
        InputError: No frame has a label.
    """
    clips = dataset.select(split, limit=limit)
    anchors = [Anchor(clip, index) for clip in clips for index in clip.labelled_indices]
    if not anchors:
        raise InputError(
            f"data set {dataset.name} has no labelled frame in split {split or 'any'}",
            hint=f"splits with clips: {', '.join(dataset.splits)}",
        )
    candidates = anchors
    if temporal_anchors == "any":
        candidates = [Anchor(clip, index) for clip in clips for index in range(len(clip.frames))]
    return Source(name, dataset, anchors, [anchor for anchor in candidates if _has_next(anchor)])


def _has_next(anchor: Anchor) -> bool:
    return anchor.clip.is_consecutive and anchor.index + 1 < len(anchor.clip.frames)


@dataclass(frozen=True)
class Slot:
    """One place in a batch: which source it draws from, and whether neighbours are a must."""

    source: int
    needs_next: bool


def lay_out_batch(
    sources: list[Source], *, batch: int, ratio: tuple[int, int], temporal_share: float | None
) -> list[Slot]:
    """Divide a batch among the sources.

    Args:
        sources: One source, or the labelled and the pseudo-labelled one.
        batch: Samples in a batch.
        ratio: Labelled : pseudo.
        temporal_share: Share of each source's samples that must have a later neighbour; None
            takes frames as they come.

    Returns:
        The slots, the same for every step.
    """
    counts = [batch]
    if len(sources) == 2:
        labelled = round(batch * ratio[0] / sum(ratio))
        if min(ratio) > 0 and batch > 1:
            labelled = min(max(labelled, 1), batch - 1)
        counts = [labelled, batch - labelled]
    slots: list[Slot] = []
    for place, (source, count) in enumerate(zip(sources, counts, strict=True)):
        share = 0.0 if temporal_share is None else temporal_share
        num_temporal = round(count * share) if len(source.temporal) else 0
        slots += [Slot(place, needs_next=rank < num_temporal) for rank in range(count)]
    return slots


class DrawOrder:
    """Which anchor a slot takes at a step: a pure function of seed and step.

    Every anchor of a pool comes once before any comes twice; pools are the anchors of a source,
    and those of them that have a neighbour.
    """

    def __init__(self, sources: list[Source], slots: list[Slot], *, seed: int) -> None:
        self._sources = sources
        self._slots = slots
        self._seed = seed
        self._ranks: list[int] = []
        self._pool_counts: dict[Slot, int] = {}
        for slot in slots:
            self._ranks.append(self._pool_counts.get(slot, 0))
            self._pool_counts[slot] = self._ranks[-1] + 1

    def anchor(self, step: int, slot_index: int) -> Anchor:
        """Return the anchor of a slot at a step."""
        slot = self._slots[slot_index]
        source = self._sources[slot.source]
        pool = source.temporal if slot.needs_next else source.anchors
        drawn = step * self._pool_counts[slot] + self._ranks[slot_index]
        epoch, place = divmod(drawn, len(pool))
        key = (self._seed, slot.source, int(slot.needs_next), epoch)
        return pool[int(_permutation(key, len(pool))[place])]


@lru_cache(maxsize=16)
def _permutation(key: tuple[int, ...], size: int) -> NDArray[np.int64]:
    return np.random.default_rng(list(key)).permutation(size)


def draw_neighbours(
    random: np.random.Generator, anchor: Anchor, *, sampling: str, gap: int, needs_past: bool
) -> list[int]:
    """Draw the neighbours of an anchor inside its clip.

    Args:
        random: Source of randomness.
        anchor: The labelled frame.
        sampling: ``independent`` draws 1..gap on either side, ``symmetric`` the same on both,
            ``adjacent`` takes exactly ``gap``; all come nearer where the clip ends before.
        gap: Largest distance.
        needs_past: Draw an earlier frame too.

    Returns:
        Frame indices, later one first; empty when the clip does not continue.
    """
    after, before = (int(value) for value in random.integers(1, gap, size=2, endpoint=True))
    if sampling == "symmetric":
        before = after
    if sampling == "adjacent":
        after = before = gap
    if not anchor.clip.is_consecutive:
        return []
    last = len(anchor.clip.frames) - 1
    after, before = min(after, last - anchor.index), min(before, anchor.index)
    neighbours = [anchor.index + after] if after > 0 else []
    if needs_past and before > 0:
        neighbours.append(anchor.index - before)
    return neighbours
