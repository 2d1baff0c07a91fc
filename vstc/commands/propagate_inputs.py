"""What ``vstc propagate`` opens: networks or labels for key frames, flow, and the frames."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vstc.artifacts.manifest import InputRef
    from vstc.artifacts.workspace import Workspace
    from vstc.commands.frame_results import Job, Outlet
    from vstc.formats.dataset import Clip, Dataset
    from vstc.inference.frame_streams import LiveStream
    from vstc.inference.inputs import FrameInput
    from vstc.inference.merge_checkpoint import TrainedMerge
    from vstc.inference.refiner_checkpoint import TrainedRefiner
    from vstc.propagation.equipment import Equipment
    from vstc.propagation.flows import ClipFlows
    from vstc.propagation.run_settings import PropagateRunSettings
    from vstc.propagation.settings import PropagateSettings


@dataclass(frozen=True)
class NetworkPaths:
    """What the networks of a run are read from.

    Attributes:
        key: Run folder, checkpoint, exported program, folder of labels, or the word ``labels``
            for true ones.
        refiner: Run folder or checkpoint of a refiner.
        light: Run folder or checkpoint of a light network.
        flow: Stored flow; None computes it.
        device: ``--device``.
        merge: Run folder or checkpoint of a merging layer; None takes the mean.
    """

    key: str
    refiner: Path | None
    light: Path | None
    flow: Path | None
    device: str
    merge: Path | None = None

    @property
    def has_labels(self) -> bool:
        """Tell whether key frames have ready labels instead of a network.

        Raises:
            InputError: A program of a format that cannot be run here.
        """
        from vstc.evaluation.label_sources.opening import is_checkpoint
        from vstc.propagation.equipment import refuse_exported

        refuse_exported(Path(self.key))
        return not is_checkpoint(Path(self.key))

    def references(self) -> list[InputRef]:
        """Refer to all of them as inputs.

        Raises:
            InputError: One is missing, incomplete, or something else.
        """
        from vstc.inference.checkpoint import checkpoint_ref
        from vstc.propagation.flows import StoredFlows

        refs = []
        if not self.has_labels:
            refs.append(checkpoint_ref(Path(self.key)))
        elif not self._are_true_labels:
            refs.append(_labels_ref(Path(self.key)))
        if self.refiner is not None:
            from vstc.inference.refiner_checkpoint import refiner_ref

            refs.append(refiner_ref(self.refiner))
        if self.light is not None:
            refs.append(replace(checkpoint_ref(self.light), role="light"))
        if self.merge is not None:
            from vstc.inference.merge_checkpoint import merge_ref

            refs.append(merge_ref(self.merge))
        if self.flow is not None:
            refs.append(StoredFlows(self.flow).reference())
        return refs

    def load_refiner(self, which: str) -> TrainedRefiner | None:
        """Load the refiner, if there is one."""
        if self.refiner is None:
            return None
        from vstc.inference.refiner_checkpoint import load_refiner

        return load_refiner(self.refiner, which=which)

    def load_merge(self, which: str) -> TrainedMerge | None:
        """Load the merging layer, if there is one."""
        if self.merge is None:
            return None
        from vstc.inference.merge_checkpoint import load_merge

        return load_merge(self.merge, which=which)

    def trained_with(self, which: str) -> Mapping[str, Any] | None:
        """Return the settings of propagation that a refiner or a merging layer was trained with."""
        trained = self.load_refiner(which) or self.load_merge(which)
        return None if trained is None else trained.propagation

    def flow_method(self, settings: PropagateSettings) -> str | None:
        """Name the method that labels move along; None if nothing moves.

        Raises:
            ConfigError: Stored flow was chosen and not given, or given and is not wanted.
            InputError: It is missing, incomplete or something else.
        """
        from vstc.errors import ConfigError
        from vstc.propagation.flows import StoredFlows
        from vstc.propagation.settings import STORED_FLOW

        method = settings.flow.method
        if (method == STORED_FLOW) != (self.flow is not None):
            raise ConfigError(
                f"flow.method is {method}, and "
                + ("no flow is given" if self.flow is None else f"flow is given: {self.flow}"),
                hint="--flow FOLDER reads stored flow, --flow-method NAME computes it",
            )
        if not settings.warp:
            return None
        return method if self.flow is None else StoredFlows(self.flow).method

    def open_flows(self, settings: PropagateSettings, dataset: Dataset | None) -> ClipFlows | None:
        """Open the flow; None if nothing moves.

        Args:
            settings: Say where it comes from.
            dataset: The frames; None for a pipe or a camera.
        """
        from vstc.propagation.flows import ComputedFlows, StoredFlows
        from vstc.propagation.motion_flow import MotionVectorFlows
        from vstc.propagation.settings import MOTION_VECTORS

        if not settings.warp:
            return None
        if self.flow is not None:
            return StoredFlows(self.flow)
        if settings.flow.method == MOTION_VECTORS:
            return MotionVectorFlows(dataset)
        return ComputedFlows(settings)

    @property
    def _are_true_labels(self) -> bool:
        from vstc.evaluation.label_sources.opening import TRUE_LABELS

        return self.key == TRUE_LABELS

    def open_labels(self, dataset: Dataset, clips: Sequence[Clip]) -> Equipment:
        """Open labels in the place of a network.

        Raises:
            ConfigError: A refiner, a light network or a merging layer was given too.
            InputError: There are none that belong to the frames.
        """
        from vstc.errors import ConfigError
        from vstc.evaluation.label_sources.opening import open_label_source
        from vstc.propagation.equipment import LabelEquipment

        if (self.refiner, self.light, self.merge) != (None, None, None):
            raise ConfigError(
                "labels as key frames have no network beside them",
                hint="leave out --refiner, --light and --merge, or give a run folder",
            )
        return LabelEquipment(open_label_source(self.key, dataset), dataset, clips)

    def open_models(self, settings: PropagateRunSettings, dataset: Dataset | None) -> Equipment:
        """Load the networks.

        Args:
            settings: What the run does.
            dataset: The frames; it names the classes of a program that does not name them itself.

        Raises:
            ConfigError: One is missing or idle.
            InputError: One is damaged, or they do not belong together.
            SetupError: The device is not there.
        """
        from vstc.inference.checkpoint import load_network
        from vstc.inference.network import pick_device
        from vstc.inference.programs.reading import open_trained
        from vstc.propagation.equipment import ModelEquipment

        device = pick_device(self.device)
        trained = open_trained(Path(self.key), which=settings.checkpoint, dataset=dataset)
        refiner = self.load_refiner(settings.checkpoint)
        if refiner is not None:
            refiner.require(trained)
        light = None
        if self.light is not None:
            light = load_network(self.light, which=settings.checkpoint)
        merge = self.load_merge(settings.checkpoint)
        if merge is not None:
            merge.require(trained, light)
        return ModelEquipment.of(
            trained,
            settings.propagation,
            device=device,
            refiner=None if refiner is None else refiner.refiner,
            light=light,
            merge=None if merge is None else merge.merge,
        )


def prepare_job(
    frames: FrameInput | LiveStream,
    paths: NetworkPaths,
    settings: PropagateRunSettings,
    *,
    workers: int | None,
) -> Job:
    """Load what is needed; everything that can be refused is refused here.

    Args:
        frames: The frames.
        paths: Where networks and flow are.
        settings: The settings.
        workers: ``--workers``.
    """
    from vstc import console
    from vstc.commands.frame_results import Job
    from vstc.formats.dataset import class_palette
    from vstc.inference.inputs import FrameInput
    from vstc.inference.sinks.label_files import LabelFile
    from vstc.inference.sinks.y4m_output import StdoutFormat, Y4mOutput
    from vstc.propagation.clip_writer import Outputs, Threads
    from vstc.propagation.run import check_run, propagate_dataset, propagate_live

    clips: list[Clip] = []
    if isinstance(frames, FrameInput):
        clips = frames.dataset.select(settings.split, limit=settings.limit)
    equipment = _open_equipment(frames, clips, paths, settings)
    dataset = frames.dataset if isinstance(frames, FrameInput) else None
    flows = paths.open_flows(settings.propagation, dataset)
    LabelFile.of(equipment.table, settings.format)
    for remark in check_run(equipment, flows, clips, settings):
        console.warn(remark)
    threads = Threads.of(workers, cores=os.cpu_count() or 1, device=equipment.device)

    def work(
        workspace: Workspace | None, outlet: Outlet | None, advance: Callable[[int], None]
    ) -> dict[str, Any]:
        sink = None
        if outlet is not None:
            palette = class_palette(equipment.table.classes)
            sink = Y4mOutput(outlet.stream, palette, format=StdoutFormat(outlet.format))
        common: dict[str, Any] = {
            "outputs": Outputs(workspace, sink, advance),
            "threads": threads,
        }
        if isinstance(frames, FrameInput):
            return propagate_dataset(equipment, flows, frames.dataset, clips, settings, **common)
        return propagate_live(equipment, flows, frames, settings, **common)

    is_stored = isinstance(frames, FrameInput)
    units = sum(len(clip.frames) for clip in clips) if is_stored else None
    plan = {
        "clips": len(clips) if is_stored else 1,
        "units": units,
        "device": str(equipment.device),
        "workers": threads.workers,
        "network_threads": threads.network,
        "propagation": settings.propagation.as_json(),
    }
    return Job(units, plan, work)


def _open_equipment(
    frames: FrameInput | LiveStream,
    clips: Sequence[Clip],
    paths: NetworkPaths,
    settings: PropagateRunSettings,
) -> Equipment:
    from vstc.errors import InputError
    from vstc.inference.inputs import FrameInput

    if not paths.has_labels:
        dataset = frames.dataset if isinstance(frames, FrameInput) else None
        return paths.open_models(settings, dataset)
    if not isinstance(frames, FrameInput):
        raise InputError(
            "labels cannot be the key frames of a pipe or a camera",
            hint="store the frames first, or give a run folder",
        )
    return paths.open_labels(frames.dataset, clips)


def _labels_ref(folder: Path) -> InputRef:
    """Refer to a folder of labels; one without a manifest by the names and sizes of its files."""
    from vstc.artifacts.fingerprint import fingerprint_files
    from vstc.artifacts.manifest import MANIFEST, InputRef, input_ref
    from vstc.errors import InputError

    if not folder.is_dir():
        raise InputError(
            f"no network at {folder}",
            hint="give a run folder, a checkpoint, a folder of labels, or the word labels",
        )
    if (folder / MANIFEST).is_file():
        return input_ref("labels", folder)
    files = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    return InputRef("labels", str(folder), "raw", fingerprint_files(folder, files))
