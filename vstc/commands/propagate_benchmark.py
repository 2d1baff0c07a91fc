"""``vstc propagate --benchmark``: how fast each operating point is on this machine."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vstc.artifacts.manifest import InputRef
    from vstc.commands.frame_results import Target
    from vstc.commands.propagate_inputs import NetworkPaths
    from vstc.formats.dataset import Clip, Dataset
    from vstc.inference.checkpoint import TrainedNetwork
    from vstc.inference.inputs import FrameInput
    from vstc.models.refiner import Refiner
    from vstc.models.score_merge import ScoreMerge
    from vstc.propagation.measuring.benchmark import BenchmarkCase
    from vstc.propagation.measuring.frames import BenchmarkFrames
    from vstc.propagation.run_settings import PropagateRunSettings
    from vstc.propagation.settings import PropagateSettings

Choose = Callable[[str], "PropagateRunSettings"]
_WITHOUT = ("decode", "write")
_RAW_CLASSES = 19


@dataclass(frozen=True)
class BenchmarkOptions:
    """What to measure.

    Attributes:
        presets: Names, comma separated; None is all.
        size: HEIGHTxWIDTH of the frames; None keeps theirs.
        without: Parts to leave out, comma separated.
        has_random_weights: The network is the name of a model.
        limit: Frames at each operating point.
        workers: ``--workers``.
    """

    presets: str | None
    size: str | None
    without: str | None
    has_random_weights: bool
    limit: int | None
    workers: int | None

    def refuse_misplaced(self, is_benchmark: bool) -> None:
        """Refuse options that have no effect without ``--benchmark``.

        Raises:
            ConfigError: There are some.
        """
        from vstc.errors import ConfigError

        given = {
            "--presets": self.presets is not None,
            "--size": self.size is not None,
            "--without": self.without is not None,
            "--random-weights": self.has_random_weights,
        }
        misplaced = [name for name, is_given in given.items() if is_given and not is_benchmark]
        if misplaced:
            raise ConfigError(f"{misplaced[0]} is about --benchmark", hint="add --benchmark")

    @property
    def names(self) -> list[str]:
        """Names of the operating points."""
        from vstc.propagation.presets import PRESETS

        return list(PRESETS) if self.presets is None else _words(self.presets)

    @property
    def left_out(self) -> list[str]:
        """Parts that are left out."""
        return sorted(_words(self.without or ""))


@dataclass(frozen=True)
class _Loaded:
    """The networks that are measured."""

    key: TrainedNetwork
    refiner: Refiner | None
    light: TrainedNetwork | None
    merge: ScoreMerge | None

    def needed_refiner(self, settings: PropagateSettings) -> Refiner | None:
        """Return the refiner where one is needed, an untrained one where none was given."""
        from vstc.models.refiner_catalog import refiner_for

        if not settings.refinements_per_cycle:
            return None
        return self.refiner or refiner_for(self.key.model, seed=0)


def choose_preset(
    choose: Callable[..., PropagateRunSettings], flags: dict[str, Any], name: str
) -> PropagateRunSettings:
    """Choose the settings of a preset; a limit counts frames here, and is no setting.

    Args:
        choose: Merges the settings of a run.
        flags: Values of flags by their key.
        name: The preset, instead of the one among the flags.
    """
    return choose(flags={**flags, "propagation.preset": name, "limit": None})


def benchmark_presets(
    paths: NetworkPaths, frames: str, choose: Choose, how: BenchmarkOptions, target: Target
) -> None:
    """Measure operating points, keep the rates where there is an output, and print them.

    Args:
        paths: Where the network is.
        frames: The frames, as given.
        choose: Gives the settings of a preset.
        how: What to measure.
        target: Where the rates go.

    Raises:
        ConfigError: Labels in the place of a network, an unknown preset or part, or a place that
            rates do not go to.
        InputError: The frames are a stream, or too few.
        OutputError: The folder cannot be used.
    """
    from vstc import console
    from vstc.artifacts.workspace import check_output
    from vstc.commands.propagate_benchmark_result import tables
    from vstc.inference.network import pick_device
    from vstc.propagation.clip_writer import Threads
    from vstc.propagation.measuring.artifact import KIND, keep_rates
    from vstc.propagation.measuring.benchmark import run_benchmark

    _refuse_place(target)
    settings = {name: choose(name) for name in how.names}
    first = next(iter(settings.values()))
    opened, clip = _longest_clip(frames, first)
    device = pick_device(paths.device)
    threads = Threads.of(how.workers, cores=os.cpu_count() or 1, device=device)
    given = _given_frames(opened.dataset, clip, how, is_bound=_is_bound(paths, settings))
    networks = _load(paths, opened.dataset, first, how)
    artifact = _artifact(paths, opened.reference, settings, given, how)
    artifact["existing"] = target.existing
    if target.output is not None:
        check_output(target.output, kind=KIND, **artifact)
    cases = _cases(paths, networks, settings, given, device)
    if target.is_dry_run:
        plan = {"presets": how.names, "clip": clip.id, "frames": given.count, "device": str(device)}
        console.result(plan, as_json=target.as_json, render=lambda: str(plan))
        return

    def measure() -> dict[str, Any]:
        measured = run_benchmark(
            cases, given, threads=threads, on_case=lambda name: console.note(f"measuring: {name}")
        )
        return measured.as_json() | {
            "network": networks.key.model.name,
            "clip": clip.id,
            "refiner": "untrained" if networks.refiner is None else str(paths.refiner),
            "left_out": how.left_out,
        }

    record = keep_rates(target.output, artifact, measure)
    console.result(record, as_json=target.as_json, render=lambda: tables(record))


def _refuse_place(target: Target) -> None:
    from vstc.errors import ConfigError
    from vstc.options import ExistingOutput

    if target.stdout is not None:
        raise ConfigError(
            "--benchmark makes no video", hint="leave out --stdout; -o keeps the rates"
        )
    if target.output is None and target.existing is not ExistingOutput.REFUSE:
        raise ConfigError(f"--{target.existing} is about a folder", hint="give one with -o FOLDER")


def _artifact(
    paths: NetworkPaths,
    frames: InputRef,
    settings: dict[str, PropagateRunSettings],
    given: BenchmarkFrames,
    how: BenchmarkOptions,
) -> dict[str, Any]:
    """Describe the artifact: what is measured, with every setting of every operating point."""
    first = next(iter(settings.values()))
    measured = {
        "operating_points": {name: s.propagation.as_json() for name, s in settings.items()},
        "frames": given.count,
        "size": None if given.size is None else list(given.size),
        "left_out": how.left_out,
        "workers": how.workers,
        "device": paths.device,
        "random_weights": paths.key if how.has_random_weights else None,
    }
    config = {"benchmark": measured, "checkpoint": first.checkpoint, "split": first.split}
    inputs = [] if how.has_random_weights else paths.references()
    return {"config": config, "inputs": [*inputs, frames]}


def _is_bound(paths: NetworkPaths, settings: dict[str, PropagateRunSettings]) -> bool:
    from vstc.propagation.settings import MOTION_VECTORS

    methods = {chosen.propagation.flow.method for chosen in settings.values()}
    return paths.flow is not None or MOTION_VECTORS in methods


def _longest_clip(frames: str, settings: PropagateRunSettings) -> tuple[FrameInput, Clip]:
    from vstc.errors import InputError
    from vstc.inference.inputs import is_live, open_frames

    if is_live(frames):
        raise InputError(
            "a benchmark runs the same frames many times, a pipe or camera gives them once",
            hint="give a data set, a folder of images, or a video",
        )
    opened = open_frames(Path(frames), output=Path())
    clips = opened.dataset.select(settings.split)
    return opened, max(clips, key=lambda clip: len(clip.frames))


def _given_frames(
    dataset: Dataset, clip: Clip, how: BenchmarkOptions, *, is_bound: bool
) -> BenchmarkFrames:
    from vstc.commands.training import parse_crop
    from vstc.errors import unknown_name
    from vstc.propagation.measuring.frames import DEFAULT_FRAMES, BenchmarkFrames

    for name in how.left_out:
        if name not in _WITHOUT:
            raise unknown_name("part to leave out", name, _WITHOUT)
    return BenchmarkFrames(
        dataset,
        clip,
        count=how.limit or DEFAULT_FRAMES,
        size=parse_crop(how.size, option="--size"),
        decodes="decode" not in how.left_out,
        writes="write" not in how.left_out,
        is_bound=is_bound,
    )


def _network(
    paths: NetworkPaths, dataset: Dataset, settings: PropagateRunSettings, how: BenchmarkOptions
) -> TrainedNetwork:
    from vstc.data.index.classes import infer_class_table
    from vstc.errors import ConfigError
    from vstc.inference.checkpoint import ClassTable, TrainedNetwork
    from vstc.inference.programs.reading import open_trained
    from vstc.models.catalog import create_model

    if not how.has_random_weights:
        if paths.has_labels:
            raise ConfigError(
                f"a benchmark needs a network, and {paths.key} is none",
                hint="give a run folder or a checkpoint, or a model with --random-weights",
            )
        return open_trained(Path(paths.key), which=settings.checkpoint, dataset=dataset)
    classes = dataset.classes or list(infer_class_table(range(_RAW_CLASSES)).classes)
    model = create_model(paths.key, num_classes=len(classes), seed=0)
    return TrainedNetwork(model.eval(), ClassTable(classes, dataset.ignore_index), 1.0, 0)


def _load(
    paths: NetworkPaths, dataset: Dataset, settings: PropagateRunSettings, how: BenchmarkOptions
) -> _Loaded:
    """Load all networks, and refuse those that do not belong together."""
    from vstc.inference.checkpoint import load_network

    key = _network(paths, dataset, settings, how)
    refiner, merge = paths.load_refiner(settings.checkpoint), paths.load_merge(settings.checkpoint)
    light = None if paths.light is None else load_network(paths.light, which=settings.checkpoint)
    if refiner is not None:
        refiner.require(key)
    if merge is not None:
        merge.require(key, light)
    return _Loaded(
        key,
        None if refiner is None else refiner.refiner,
        light,
        None if merge is None else merge.merge,
    )


def _cases(
    paths: NetworkPaths,
    networks: _Loaded,
    settings: dict[str, PropagateRunSettings],
    frames: BenchmarkFrames,
    device: Any,
) -> list[BenchmarkCase]:
    """Make the operating points; where a refiner is needed and none given, an untrained one."""
    from vstc.propagation.equipment import ModelEquipment
    from vstc.propagation.measuring.benchmark import PER_FRAME, BenchmarkCase, per_frame_settings
    from vstc.propagation.run import check_run
    from vstc.propagation.settings import Mode

    _refuse_idle(networks, settings)
    every = per_frame_settings(next(iter(settings.values())))
    cases = []
    for name, chosen in {PER_FRAME: every, **settings}.items():
        frames.check(chosen.propagation)
        fuses = chosen.propagation.mode is Mode.FUSION
        equipment = ModelEquipment.of(
            networks.key,
            chosen.propagation,
            device=device,
            refiner=networks.needed_refiner(chosen.propagation),
            light=networks.light if fuses else None,
            merge=networks.merge if fuses else None,
        )
        flows = paths.open_flows(chosen.propagation, frames.dataset)
        check_run(equipment, flows, [frames.clip], chosen)
        cases.append(BenchmarkCase(name, chosen, equipment, flows))
    return cases


def _refuse_idle(networks: _Loaded, settings: dict[str, PropagateRunSettings]) -> None:
    from vstc.errors import ConfigError
    from vstc.propagation.settings import Mode

    fuses = any(chosen.propagation.mode is Mode.FUSION for chosen in settings.values())
    if not fuses and (networks.light is not None or networks.merge is not None):
        raise ConfigError(
            "the light network would never be used: no operating point has mode fusion",
            hint="--mode fusion, or leave out --light and --merge",
        )


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]
