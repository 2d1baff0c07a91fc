"""``vstc propagate --benchmark``: how fast each operating point is on this machine."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vstc.commands.propagate_inputs import NetworkPaths
    from vstc.formats.dataset import Clip, Dataset
    from vstc.inference.checkpoint import TrainedNetwork
    from vstc.models.refiner import Refiner
    from vstc.propagation.benchmark import BenchmarkCase
    from vstc.propagation.benchmark_frames import BenchmarkFrames
    from vstc.propagation.run_settings import PropagateRunSettings

Choose = Callable[[str], "PropagateRunSettings"]
_WITHOUT = ("decode", "write")
_RAW_CLASSES = 19
_PARTS = ("decode", "flow", "warp", "network", "refiner", "draw", "write")


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
        is_dry_run: Stop before anything is measured.
        as_json: Print JSON.
    """

    presets: str | None
    size: str | None
    without: str | None
    has_random_weights: bool
    limit: int | None
    workers: int | None
    is_dry_run: bool
    as_json: bool

    def refuse_misplaced(self, is_benchmark: bool, *, writes: bool) -> None:
        """Refuse options that have no effect.

        Args:
            is_benchmark: ``--benchmark``.
            writes: An output was given.

        Raises:
            ConfigError: There are some.
        """
        from vstc.errors import ConfigError

        if is_benchmark and writes:
            raise ConfigError(
                "--benchmark writes nothing", hint="leave out -o and --stdout; --json prints all"
            )
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


def preset_flags(flags: dict[str, Any], name: str) -> dict[str, Any]:
    """Return flags with another preset; a limit counts frames here, and is no setting."""
    return {**flags, "propagation.preset": name, "limit": None}


def benchmark_presets(
    paths: NetworkPaths, frames: str, choose: Choose, how: BenchmarkOptions
) -> None:
    """Measure operating points and print them.

    Args:
        paths: Where the network is.
        frames: The frames, as given.
        choose: Gives the settings of a preset.
        how: What to measure.

    Raises:
        ConfigError: Labels in the place of a network, or an unknown preset or part.
        InputError: The frames are a stream, or too few.
    """
    from vstc import console
    from vstc.inference.network import pick_device
    from vstc.propagation.benchmark import run_benchmark
    from vstc.propagation.clip_writer import Threads

    settings = {name: choose(name) for name in how.names}
    first = next(iter(settings.values()))
    dataset, clip = _longest_clip(frames, first)
    device = pick_device(paths.device)
    threads = Threads.of(how.workers, cores=os.cpu_count() or 1, device=device)
    given = _given_frames(dataset, clip, how)
    trained = _network(paths, dataset, first, how)
    refiner = paths.load_refiner(first.checkpoint)
    if refiner is not None:
        refiner.require(trained)
    cases = _cases(
        paths, trained, None if refiner is None else refiner.refiner, settings, given, device
    )
    if how.is_dry_run:
        plan = {"presets": how.names, "clip": clip.id, "frames": given.count, "device": str(device)}
        console.result(plan, as_json=how.as_json, render=lambda: str(plan))
        return
    measured = run_benchmark(
        cases, given, threads=threads, on_case=lambda name: console.note(f"measuring: {name}")
    ).as_json()
    measured["network"] = trained.model.name
    measured["clip"] = clip.id
    measured["refiner"] = "untrained" if refiner is None else str(paths.refiner)
    measured["left_out"] = _words(how.without or "")
    console.result(measured, as_json=how.as_json, render=lambda: _tables(measured))


def _longest_clip(frames: str, settings: PropagateRunSettings) -> tuple[Dataset, Clip]:
    from vstc.errors import InputError
    from vstc.inference.inputs import is_live, open_frames

    if is_live(frames):
        raise InputError(
            "a benchmark runs the same frames many times, a pipe or camera gives them once",
            hint="give a data set, a folder of images, or a video",
        )
    dataset = open_frames(Path(frames), output=Path()).dataset
    clips = dataset.select(settings.split)
    return dataset, max(clips, key=lambda clip: len(clip.frames))


def _given_frames(dataset: Dataset, clip: Clip, how: BenchmarkOptions) -> BenchmarkFrames:
    from vstc.commands.training import parse_crop
    from vstc.errors import unknown_name
    from vstc.propagation.benchmark_frames import DEFAULT_FRAMES, BenchmarkFrames

    left_out = _words(how.without or "")
    for name in left_out:
        if name not in _WITHOUT:
            raise unknown_name("part to leave out", name, _WITHOUT)
    return BenchmarkFrames(
        dataset,
        clip,
        count=how.limit or DEFAULT_FRAMES,
        size=parse_crop(how.size, option="--size"),
        decodes="decode" not in left_out,
        writes="write" not in left_out,
    )


def _network(
    paths: NetworkPaths, dataset: Dataset, settings: PropagateRunSettings, how: BenchmarkOptions
) -> TrainedNetwork:
    from vstc.data.index.classes import infer_class_table
    from vstc.errors import ConfigError
    from vstc.inference.checkpoint import ClassTable, TrainedNetwork, load_network
    from vstc.models.catalog import create_model

    if not how.has_random_weights:
        if paths.has_labels:
            raise ConfigError(
                f"a benchmark needs a network, and {paths.key} is none",
                hint="give a run folder or a checkpoint, or a model with --random-weights",
            )
        return load_network(Path(paths.key), which=settings.checkpoint)
    classes = dataset.classes or list(infer_class_table(range(_RAW_CLASSES)).classes)
    model = create_model(paths.key, num_classes=len(classes), seed=0)
    return TrainedNetwork(model.eval(), ClassTable(classes, dataset.ignore_index), 1.0, 0)


def _cases(
    paths: NetworkPaths,
    trained: TrainedNetwork,
    refiner: Refiner | None,
    settings: dict[str, PropagateRunSettings],
    frames: BenchmarkFrames,
    device: Any,
) -> list[BenchmarkCase]:
    """Make the operating points; where a refiner is needed and none given, an untrained one."""
    from vstc.models.refiner_catalog import refiner_for
    from vstc.propagation.benchmark import PER_FRAME, BenchmarkCase, per_frame_settings
    from vstc.propagation.equipment import ModelEquipment

    every = per_frame_settings(next(iter(settings.values())))
    cases = []
    for name, chosen in {PER_FRAME: every, **settings}.items():
        frames.check(chosen.propagation)
        needed = None
        if chosen.propagation.refinements_per_cycle:
            refiner = refiner or refiner_for(trained.model, seed=0)
            needed = refiner
        equipment = ModelEquipment.of(trained, chosen.propagation, device=device, refiner=needed)
        flows = paths.open_flows(chosen.propagation, frames.dataset)
        source = None if flows is None else flows.of(frames.clip)
        equipment.networks(frames.clip, source).check(chosen.propagation)
        cases.append(BenchmarkCase(name, chosen, equipment, flows))
    return cases


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _tables(measured: dict[str, Any]) -> Any:
    from rich.console import Group

    rows = measured["rows"]
    return Group(_title(measured), _rates(rows), _part_table(rows), measured["verdict"])


def _rates(rows: Sequence[dict[str, Any]]) -> Any:
    from rich.table import Table

    table = Table("operating point")
    columns = {
        "frames/s": ("frames_per_second", 1),
        "x every frame": ("times_per_frame_rate", 2),
        "bound": ("bound", 1),
        "of bound": ("share_of_bound", 2),
        "all cores": ("cores_bound", 1),
        "in sequence": ("sequential", 1),
        "network busy": ("network_busy", 2),
        "p50 ms": ("latency_p50_ms", 0),
        "p95 ms": ("latency_p95_ms", 0),
        "added": ("added", 2),
        "but files": ("added_but_files", 2),
    }
    for title in columns:
        table.add_column(title, justify="right")
    for row in rows:
        cells = [f"{row[key]:.{digits}f}" for key, digits in columns.values()]
        table.add_row(f"{row['name']}, every {row['interval']}", *cells)
    return table


def _part_table(rows: Sequence[dict[str, Any]]) -> Any:
    from rich.table import Table

    table = Table("ms a frame, one after the other", "network ms", "flow ms")
    for part in _PARTS:
        table.add_column(part, justify="right")
    for row in rows:
        parts = row["parts"]
        cells = [f"{parts[part]['ms_per_frame']:.2f}" for part in _PARTS]
        table.add_row(row["name"], f"{row['network_ms']:.1f}", f"{row['flow_ms']:.2f}", *cells)
    return table


def _title(measured: dict[str, Any]) -> str:
    machine, (height, width) = measured["machine"], measured["size"]
    load = machine["load_before"]
    left_out = "".join(f", without {part}" for part in measured["left_out"])
    return (
        f"{measured['network']}, frames of {height}x{width}{left_out}, {machine['device']}, "
        f"{machine['cores']} cores: {machine['workers']} for flow, {machine['network_threads']} "
        f"for the network; load before: {'unknown' if load is None else f'{load:.1f}'}"
    )
