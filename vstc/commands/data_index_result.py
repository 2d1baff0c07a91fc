"""What the commands of ``vstc data index`` share: write the index and print what is in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vstc import options

if TYPE_CHECKING:
    from vstc.data.index.source import Source
    from vstc.data.index.summary import ClipSummary
    from vstc.data.index.write import IndexResult


def write_and_print(
    source: Source,
    output: Path,
    settings: dict[str, Any],
    *,
    existing: options.ExistingOutput,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Index a source, or only look in a dry run, and print the splits."""
    from vstc.data.index.write import write_index

    with _progress(source) as advance:
        done = write_index(
            source,
            output,
            settings=settings,
            existing=existing,
            dry_run=dry_run,
            advance=advance,
        )
    print_index(done, output, dry_run=dry_run, as_json=as_json)


def index_layout(
    layout: str,
    root: Path,
    output: Path,
    *,
    existing: options.ExistingOutput,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Index a data set whose layout is known by its name, and print the splits."""
    from vstc.data.index.layouts import find_layout

    source = find_layout(layout, root)
    settings = {"layout": layout}
    write_and_print(source, output, settings, existing=existing, dry_run=dry_run, as_json=as_json)


def print_index(done: IndexResult, output: Path, *, dry_run: bool, as_json: bool) -> None:
    """Print the splits of an index, and what was noticed."""
    from vstc import console

    for remark in done.remarks:
        console.note(f"note: {remark}")
    if done.was_complete:
        console.note(f"{output} is complete: nothing to do")
    result = _as_json(done, output, dry_run=dry_run)
    console.result(result, as_json=as_json, render=lambda: _table(done))


def _progress(source: Source) -> AbstractContextManager[Callable[[int], None]]:
    from vstc import console

    if source.units == 0:
        return nullcontext(lambda _count: None)
    return console.track("index", source.units, unit=source.unit)


def _as_json(done: IndexResult, output: Path, *, dry_run: bool) -> dict[str, Any]:
    return {
        "dataset": done.dataset.name,
        "output": str(output),
        "dry_run": dry_run,
        "root": done.dataset.record.root,
        "num_classes": done.dataset.num_classes,
        "ignore_index": done.dataset.ignore_index,
        "clips": [clip.as_json() for clip in done.clips],
        "remarks": list(done.remarks),
    }


def _table(done: IndexResult) -> Any:
    from rich.table import Table

    data = done.dataset
    title = f"{data.name}: {data.num_classes} classes, void = {data.ignore_index}"
    table = Table(title=title)
    for heading in ("split", "clips", "frames", "labelled", "size", "fps", "step", "consecutive"):
        table.add_column(heading, justify="left" if heading == "split" else "right")
    for split in data.splits:
        table.add_row(split, *_cells([clip for clip in done.clips if clip.split == split]))
    return table


def _cells(clips: Sequence[ClipSummary]) -> list[str]:
    consecutive = sum(clip.is_consecutive for clip in clips)
    return [
        str(len(clips)),
        str(sum(clip.frames for clip in clips)),
        str(sum(clip.labelled for clip in clips)),
        _distinct(f"{clip.size[1]}x{clip.size[0]}" for clip in clips),
        _distinct("unknown" if clip.fps is None else f"{clip.fps:g}" for clip in clips),
        _distinct("none" if clip.frame_step is None else str(clip.frame_step) for clip in clips),
        {0: "no", len(clips): "yes"}.get(consecutive, f"{consecutive} of {len(clips)} clips"),
    ]


def _distinct(values: Any) -> str:
    kinds = list(dict.fromkeys(values))
    return ", ".join(kinds[:3]) + (f" and {len(kinds) - 3} more" if len(kinds) > 3 else "")
