"""Predicted labels from a network, made on the fly and kept nowhere."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vstc.artifacts.manifest import InputRef
from vstc.data.labels import label_size
from vstc.errors import InputError
from vstc.evaluation.label_sources.strays import StrayIds
from vstc.formats.dataset import Clip, Dataset, LabelClass
from vstc.inference.checkpoint import BEST, LAST, checkpoint_ref
from vstc.inference.live_labels import LiveLabels
from vstc.inference.network import FrameNetwork, pick_device
from vstc.inference.programs.reading import open_trained


class CheckpointLabels:
    """What the network of a run says about each frame alone.

    Args:
        run: Run folder, of which the best checkpoint is taken (the last where there is no best),
            or one checkpoint file, or an exported program.
        dataset: The frames, and the classes that the network must know.
        device: As of ``--device``.
        resize: Bring logits to the size of the labels before the best class is chosen; else to
            the size of the frames.

    Raises:
        InputError: No such checkpoint, a run that is not complete, or other classes.
        SetupError: The device is not there.
    """

    def __init__(
        self, run: Path, dataset: Dataset, *, device: str = "auto", resize: bool = False
    ) -> None:
        self._reference = checkpoint_ref(run)
        path = run
        if run.is_dir():
            path = run / (BEST if (run / BEST).is_file() else LAST)
        trained = open_trained(path, dataset=dataset)
        _refuse_other_classes(trained.table.classes, dataset, path)
        network = FrameNetwork.of_trained(
            trained.model, device=pick_device(device), input_scale=trained.input_scale
        )
        size_of = partial(label_size, dataset)
        self._live = (
            LiveLabels(network, dataset, size_of=size_of)
            if resize
            else LiveLabels(network, dataset)
        )
        self._description = {
            "source": "checkpoint",
            "checkpoint": path.name,
            "step": trained.step,
            "input_scale": trained.input_scale,
            "device": network.device.type,
            "resize_scores": "bilinear" if resize else None,
        }
        self.strays = StrayIds()

    def reference(self) -> InputRef:
        """Refer to the run, or to the file, as an input."""
        return self._reference

    def describe(self) -> dict[str, Any]:
        """Tell what the labels are made of."""
        return dict(self._description)

    def available(self, clip: Clip) -> Collection[str]:
        """Return the names of all frames: each can be predicted."""
        return self._live.available(clip)

    def labels(self, clip: Clip, frame_name: str) -> NDArray[np.uint8]:
        """Predict the ids of a frame, (H, W); threads wait for each other here."""
        return self._live.labels(clip, frame_name)


def _refuse_other_classes(known: list[LabelClass], dataset: Dataset, path: Path) -> None:
    theirs = [entry.name for entry in known]
    ours = [entry.name for entry in sorted(dataset.classes, key=lambda entry: entry.id)]
    if theirs == ours:
        return
    where = f"checkpoint {path} and data set {dataset.name} differ in their classes"
    hint = "judge it on the data set that it was trained for, or give that the same class table"
    if len(theirs) != len(ours):
        raise InputError(f"{where}: {len(theirs)} and {len(ours)}", hint=hint)
    index = next(i for i, pair in enumerate(zip(theirs, ours, strict=True)) if pair[0] != pair[1])
    raise InputError(f"{where}: class {index} is {theirs[index]} and {ours[index]}", hint=hint)
