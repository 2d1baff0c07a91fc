"""The engine: frames of a video in, labels of every frame out, in order, one after the other.

It is the reference of what propagation computes. A pipeline runs the same parts beside each
other: it prepares frames (``prepare_frame``) and makes maps (``step_maps``) in threads, hands
them to an ``Order`` through ``Stages``, and draws (``draw``) in threads again.

What happens to odd input:
- A clip of one frame is a key frame.
- A frame that cannot be read is given as None. It shows what the frame shows that it would have
  been carried from, and flow is taken between the readable frames around it (stored flow must
  have that gap). Where nothing can be carried from, as at the beginning of a clip, it is an
  error.
- A frame of another size, and the first frame of another scene where cuts are looked for, is a
  key frame, and nothing is carried across.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from vstc.formats.video.motion_field import FrameVectors
from vstc.propagation.carrying.carry import Labels
from vstc.propagation.frames import prepare_frame
from vstc.propagation.order import DecidedFrame, Order, make_order
from vstc.propagation.settings import PropagateSettings
from vstc.propagation.stages import Networks, Stages

Array8 = NDArray[np.uint8]


@dataclass(frozen=True)
class Propagated:
    """The result of one frame.

    Attributes:
        index: Place in the clip.
        labels: Ids, (H, W).
        key_index: Place of the key frame that they come from; its own for a key frame.
        is_refined: A refiner repaired it, or it was fused with what was carried.
        is_cut: A scene, or another size, begins with it.
        is_missing: It could not be read.
        flagged_share: Share of its pixels that are mistrusted; None when not asked.
        scores: What the labels were drawn from, (1, K, h, w): probabilities that were carried,
            or logits of a head; for key frames, the probabilities that are carried from them.
            None where labels are carried.
    """

    index: int
    labels: Labels
    key_index: int
    is_refined: bool
    is_cut: bool
    is_missing: bool
    flagged_share: float | None
    scores: torch.Tensor | None

    @property
    def is_key(self) -> bool:
        """Tell whether it is a key frame."""
        return self.index == self.key_index

    @property
    def distance(self) -> int:
        """Frames between it and its key frame, whichever comes first."""
        return abs(self.index - self.key_index)


class Propagator:
    """Propagates one clip after the other.

    Args:
        settings: How results are propagated.
        networks: With what.

    Raises:
        ConfigError: A network or the flow is missing.
    """

    def __init__(self, settings: PropagateSettings, networks: Networks) -> None:
        self._stages = Stages(settings, networks)
        self._order: Order = make_order(self._stages)
        self._count = 0

    def step(self, rgb: Array8 | None, *, vectors: FrameVectors | None = None) -> list[Propagated]:
        """Take the next frame of the clip.

        Args:
            rgb: (H, W, 3); None for a frame that cannot be read.
            vectors: Motion vectors that came with it.

        Returns:
            Results that are ready, in order. Without look-ahead that is this frame's; with
            it, they come when their next key frame is there.

        Raises:
            InputError: There is no key frame to carry from, or flow is missing.
        """
        index, self._count = self._count, self._count + 1
        frame = None
        if rgb is not None:
            frame = prepare_frame(index, rgb, self._stages.settings, vectors=vectors)
        return [draw(self._stages, decided) for decided in self._order.take(index, frame)]

    def finish(self) -> list[Propagated]:
        """End the clip and return what is left; the next frame begins another clip."""
        left = [draw(self._stages, decided) for decided in self._order.finish()]
        self._order, self._count = make_order(self._stages), 0
        return left


def draw(stages: Stages, decided: DecidedFrame) -> Propagated:
    """Draw the labels of a frame that is decided; safe to call from any thread."""
    content = stages.content(decided.outcome)
    return Propagated(
        index=decided.index,
        labels=stages.labels(content, decided.outcome.size),
        key_index=decided.key_index,
        is_refined=decided.is_refined,
        is_cut=decided.is_cut,
        is_missing=decided.is_missing,
        flagged_share=decided.flagged_share,
        scores=content if isinstance(content, torch.Tensor) else decided.outcome.scores,
    )
