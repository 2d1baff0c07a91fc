"""Options of ``vstc propagate`` that no other command has."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

_HOW, _NETWORKS, _BENCH = "Propagation", "Networks", "Benchmark"

Network = Annotated[
    str,
    typer.Argument(
        help="Run folder, checkpoint, exported program, folder of labels for the key frames, or "
        "the word labels."
    ),
]
Preset = Annotated[
    str | None,
    typer.Option(
        "--preset",
        help="evs-01 to evs-14, fast, balanced (default) or best.",
        rich_help_panel=_HOW,
    ),
]
Mode = Annotated[
    str | None,
    typer.Option("--mode", help="labels, evs, features or fusion.", rich_help_panel=_HOW),
]
Interval = Annotated[
    int | None,
    typer.Option("--interval", min=1, help="Frames to the next key frame.", rich_help_panel=_HOW),
]
Refine = Annotated[
    str | None,
    typer.Option("--refine", help="never, last, every or fuse.", rich_help_panel=_HOW),
]
Carry = Annotated[
    str | None,
    typer.Option("--carry", help="labels or probabilities.", rich_help_panel=_HOW),
]
Scheme = Annotated[
    str | None,
    typer.Option("--scheme", help="chained or composed.", rich_help_panel=_HOW),
]
LookAhead = Annotated[
    bool | None,
    typer.Option(
        "--look-ahead/--no-look-ahead",
        help="Carry from the nearer key frame, past or future; results come late.",
        rich_help_panel=_HOW,
    ),
]
Schedule = Annotated[
    str | None,
    typer.Option("--schedule", help="fixed, adaptive or given.", rich_help_panel=_HOW),
]
FlowMethod = Annotated[
    str | None,
    typer.Option("--flow-method", help="How flow is computed.", rich_help_panel=_HOW),
]
StoredFlow = Annotated[
    Path | None,
    typer.Option("--flow", help="Stored flow, instead of computing it.", rich_help_panel=_HOW),
]
RefinerRun = Annotated[
    Path | None,
    typer.Option("--refiner", help="Run of vstc refiner train.", rich_help_panel=_NETWORKS),
]
LightRun = Annotated[
    Path | None,
    typer.Option("--light", help="Light network, for fusion.", rich_help_panel=_NETWORKS),
]
MergeRun = Annotated[
    Path | None,
    typer.Option(
        "--merge",
        help="Run of vstc merge train, for fusion; else scores are averaged.",
        rich_help_panel=_NETWORKS,
    ),
]
Benchmark = Annotated[
    bool,
    typer.Option(
        "--benchmark",
        help="Measure rates, latency and parts beside the bound; -o keeps them.",
        rich_help_panel=_BENCH,
    ),
]
Presets = Annotated[
    str | None,
    typer.Option(
        "--presets", help="What to measure, comma separated; default: all.", rich_help_panel=_BENCH
    ),
]
Size = Annotated[
    str | None,
    typer.Option("--size", help="HEIGHTxWIDTH that frames are brought to.", rich_help_panel=_BENCH),
]
Without = Annotated[
    str | None,
    typer.Option(
        "--without",
        help="Leave out decode (frames are in memory), write, or both.",
        rich_help_panel=_BENCH,
    ),
]
RandomWeights = Annotated[
    bool,
    typer.Option(
        "--random-weights",
        help="NETWORK is the name of a model: measure it untrained.",
        rich_help_panel=_BENCH,
    ),
]
