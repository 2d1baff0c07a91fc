"""Frames for metric groups, made of label maps alone."""

from __future__ import annotations

from vstc.evaluation.frame import JudgedFrame
from vstc.formats.dataset import Clip


def clip_of(clip_id, num_frames, *, labelled=()):
    names = [f"{index:03d}" for index in range(num_frames)]
    labels = {names[index]: f"{names[index]}.png" for index in labelled}
    frames = [f"{name}.png" for name in names]
    return Clip(id=clip_id, split="val", frame_step=1, frames=frames, labels=labels)


def feed(group, clip, predicted, true=None):
    """Show a clip to a group, as the judge does; None stands for a frame without prediction."""
    counter = group.counter(clip)
    previous = None
    for index, labels in enumerate(predicted):
        frame = None
        if labels is not None:
            truth = true[index] if true else None
            frame = JudgedFrame(index=index, predicted=labels, true=truth, previous=previous)
            if group.is_temporal or truth is not None:
                counter.update(frame)
        previous = frame.alone() if frame else None
    return counter.result()
