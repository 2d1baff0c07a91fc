"""The networks of a run, opened: from checkpoints, or labels in the key network's place."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from vstc.data.index.classes import infer_class_table
from vstc.errors import ConfigError, InputError
from vstc.formats.dataset import Clip, Dataset
from vstc.inference.checkpoint import ClassTable, TrainedNetwork
from vstc.inference.network import FrameNetwork
from vstc.inference.programs.model import ProgramModel
from vstc.models.refiner import Refiner
from vstc.models.score_merge import ScoreMerge
from vstc.propagation.frames import FlowSource, PreparedFrame
from vstc.propagation.model_networks import ModelKeys, ModelRefiner
from vstc.propagation.networks import KeyRequest, KeyResult, LabelKeys
from vstc.propagation.settings import Mode, PropagateSettings
from vstc.propagation.stages import Networks

_FOREIGN = {".onnx", ".engine", ".torchscript"}
CPU = torch.device("cpu")


class Equipment(Protocol):
    """All networks of a run."""

    @property
    def table(self) -> ClassTable:
        """The classes."""

    @property
    def device(self) -> torch.device:
        """Where networks run."""

    def networks(self, clip: Clip | None, flows: FlowSource | None) -> Networks:
        """Return what a clip is propagated with.

        Args:
            clip: The clip; None for a stream.
            flows: Where its flow comes from; None if nothing moves.
        """


@dataclass(frozen=True)
class ModelEquipment:
    """Networks of ours.

    Attributes:
        table: The classes.
        device: Where networks run.
        parts: The networks, without flow.
    """

    table: ClassTable
    device: torch.device
    parts: Networks

    @classmethod
    def of(
        cls,
        trained: TrainedNetwork,
        settings: PropagateSettings,
        *,
        device: torch.device,
        refiner: Refiner | None = None,
        light: TrainedNetwork | None = None,
        merge: ScoreMerge | None = None,
    ) -> ModelEquipment:
        """Put networks into their roles.

        Args:
            trained: The key network.
            settings: How results are propagated.
            device: Where networks run.
            refiner: A refiner that belongs to the key network.
            light: For ``fusion``: a network with the same classes.
            merge: For ``fusion``: a layer that belongs to both; None takes the mean.

        Raises:
            InputError: The classes differ.
            ConfigError: A network is missing, or would never be used.
        """
        if merge is not None and settings.mode is not Mode.FUSION:
            raise ConfigError(
                f"the merging layer would never be used: mode is {settings.mode}",
                hint="--mode fusion, or leave out --merge",
            )
        frames = FrameNetwork.of_trained(
            trained.model,
            device=device,
            input_scale=trained.input_scale * settings.network_scale,
        )
        is_program = isinstance(trained.model, ProgramModel)
        if is_program and refiner is not None and refiner.tap is not None:
            raise InputError(
                f"refiner {refiner.name} reads inner maps, which an exported program does not give",
                hint="give the checkpoint, or a refiner that needs none: vstc refiner train "
                "--refiner residual --set refiner.feature=false",
            )
        keys = ModelKeys(frames, tap=None if refiner is None else refiner.tap)
        parts = Networks(
            keys,
            refiner=None if refiner is None else ModelRefiner(refiner, frames),
            head=keys if refiner is None and not is_program else None,
            light=None if light is None else _light(light, trained.table, device),
            merge=_merge(merge, trained, device) if settings.mode is Mode.FUSION else None,
        )
        _refuse_idle(parts, settings)
        return cls(trained.table, device, parts)

    def networks(self, clip: Clip | None, flows: FlowSource | None) -> Networks:
        """Return what a clip is propagated with; the networks are the same for all."""
        del clip
        parts = self.parts
        return Networks(parts.key, flows, parts.refiner, parts.head, parts.light, parts.merge)


class LabelFiles(Protocol):
    """Labels of some frames; ``LabelSource`` of ``vstc.evaluation`` is one."""

    def available(self, clip: Clip) -> Collection[str]:
        """Return the names of the frames of a clip that have labels."""

    def labels(self, clip: Clip, frame_name: str) -> NDArray[np.uint8]:
        """Return the ids of a frame, (H, W)."""


class LabelEquipment:
    """Labels of another program, or true ones, in the place of a key network.

    Args:
        files: The labels.
        dataset: The frames that they belong to; without a class table, one is made up of the ids
            that are found.
        clips: The clips that will be propagated.

    Attributes:
        table: The classes.
        device: The processor.
    """

    def __init__(self, files: LabelFiles, dataset: Dataset, clips: Iterable[Clip]) -> None:
        self._files = files
        self.device = CPU
        self.table = ClassTable.of(dataset)
        if not dataset.classes:
            self.table = _made_up_table(files, dataset, clips)

    def networks(self, clip: Clip | None, flows: FlowSource | None) -> Networks:
        """Return what a clip is propagated with.

        Raises:
            InputError: A stream: its frames have no names that labels could go by.
        """
        if clip is None:
            raise InputError(
                "labels cannot be the key frames of a pipe or a camera",
                hint="store the frames first, or give a run folder",
            )
        return Networks(_ClipLabels(self._files, clip, len(self.table.classes)), flows)


class _ClipLabels:
    """The labels of one clip as a key network; each file is read once, when it is needed."""

    def __init__(self, files: LabelFiles, clip: Clip, num_classes: int) -> None:
        self._names = clip.frame_names
        self._available = frozenset(files.available(clip))
        self._keys = LabelKeys(
            lambda index: files.labels(clip, self._names[index]), num_classes=num_classes
        )
        self.channel_ids: NDArray[np.uint8] = self._keys.channel_ids

    def has_result(self, index: int) -> bool:
        return index < len(self._names) and self._names[index] in self._available

    def segment(self, frame: PreparedFrame, request: KeyRequest) -> KeyResult:
        if not self.has_result(frame.index):
            raise InputError(
                f"frame {self._names[frame.index]} is to be a key frame and has no labels",
                hint="with --schedule given those are key frames that have labels, but the "
                "first frame always is one unless --look-ahead is given",
            )
        return self._keys.segment(frame, request)


def refuse_exported(path: Path) -> None:
    """Refuse a program of a format that cannot be run here.

    Raises:
        InputError: The path is one.
    """
    if path.suffix.lower() in _FOREIGN:
        raise InputError(
            f"{path} looks like an exported program of a kind that vstc cannot run",
            hint="export it with torch.export.save (.pt2), or let the other program label key "
            "frames and give the folder of those labels",
        )


def _light(light: TrainedNetwork, table: ClassTable, device: torch.device) -> ModelKeys:
    names = [[entry.name for entry in one.classes] for one in (table, light.table)]
    if names[0] != names[1]:
        raise InputError("the key network and the light network differ in their classes")
    return ModelKeys(
        FrameNetwork.of_trained(light.model, device=device, input_scale=light.input_scale)
    )


def _merge(merge: ScoreMerge | None, trained: TrainedNetwork, device: torch.device) -> ScoreMerge:
    return (merge or ScoreMerge(len(trained.table.classes))).eval().to(device)


def _refuse_idle(parts: Networks, settings: PropagateSettings) -> None:
    if parts.refiner is not None and settings.refinements_per_cycle == 0:
        raise ConfigError(
            f"the refiner would never be used: refine is {settings.refine}",
            hint="--mode evs --refine every --carry probabilities, or leave out --refiner",
        )
    if parts.light is not None and settings.mode is not Mode.FUSION:
        raise ConfigError(
            f"the light network would never be used: mode is {settings.mode}",
            hint="--mode fusion, or leave out --light",
        )


def _made_up_table(files: LabelFiles, dataset: Dataset, clips: Iterable[Clip]) -> ClassTable:
    found: set[int] = set()
    for clip in clips:
        for name in files.available(clip):
            found.update(np.unique(files.labels(clip, name)).tolist())
    table = infer_class_table(found, ignore_index=dataset.ignore_index)
    counted = [entry for entry in table.classes if not entry.ignore]
    return ClassTable(counted, table.ignore_index)
