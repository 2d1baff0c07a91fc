"""The worst frames of each run: where its labels change most, and where they are most wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from vstc.errors import InputError
from vstc.flow.providers import CATALOG
from vstc.formats.frames import FrameReader
from vstc.report.blocks import Block, Gallery, Note, Section
from vstc.report.closeups import Closeups, Row
from vstc.report.contests import Contest
from vstc.report.datasets import class_legend
from vstc.report.flicker import ChangeFinder
from vstc.report.inputs import open_dataset, open_flow, open_judged
from vstc.report.lows import Low, lowest_frames, lowest_pairs
from vstc.report.scores import RunScores
from vstc.report.sources import Source

_ROWS_BY_RUNS = {1: 6, 2: 4, 3: 3}
_MAX_GALLERY_BYTES = 800_000
_CACHE_BYTES = 64 * 2**20


def worst_section(contests: Sequence[Contest], sources: Sequence[Source]) -> Section | None:
    """Show the worst frames of the runs; None where the scores do not tell which these are.

    Args:
        contests: The runs with their scores; of many, the first and the last ones are shown.
        sources: All artifacts of the report: label maps, data sets and flow are looked for
            among them first, then behind the scores.
    """
    runs = [
        run
        for contest in contests
        for run in contest.runs
        if (run.pairs or run.frames) and not _is_of_trimaps(run)
    ]
    shown = runs[:1] + runs[1:][1 - max(_ROWS_BY_RUNS) :]
    blocks: list[Block] = []
    legends: dict[str, Block] = {}
    for run in shown:
        count = _ROWS_BY_RUNS[len(shown)]
        pairs = lowest_pairs(run.pairs, count=count)
        frames = lowest_frames(run.frames, count=count)
        if not pairs and not frames:
            continue
        try:
            closeups = _open(run, sources)
            blocks += [*_pair_gallery(closeups, pairs), *_frame_gallery(closeups, frames)]
            legends[closeups.dataset.name] = class_legend(closeups.dataset)
        except InputError as error:
            blocks.append(Note(_no_pictures(run, error)))
    if not blocks:
        return None
    if len(shown) < len(runs):
        blocks.append(Note(f"Worst frames of {len(shown)} of {len(runs)} runs are shown."))
    return Section(
        anchor="worst",
        title="Worst frames",
        lead="Where the scores are lowest, and which pixels are to blame.",
        blocks=(*legends.values(), *blocks),
    )


def _is_of_trimaps(run: RunScores) -> bool:
    """Tell whether a run scores trimaps, which have pictures of their own and no data set."""
    predictions = run.protocol.get("predictions")
    return isinstance(predictions, Mapping) and predictions.get("source") == "trimaps"


def _no_pictures(run: RunScores, error: InputError) -> str:
    hint = f" To see them, {error.hint}." if error.hint else ""
    return f"No pictures of the worst frames of {run.name}: {error.message}.{hint}"


def _open(run: RunScores, sources: Sequence[Source]) -> Closeups:
    dataset = open_dataset(run.source, sources)
    archives = open_flow([run.source]) or open_flow(sources)
    return Closeups(
        name=run.name,
        color=run.color,
        dataset=dataset,
        frames=FrameReader(dataset, cache_bytes=_CACHE_BYTES),
        labels=open_judged(run.source, dataset, sources),
        finder=ChangeFinder(dataset, archives, method=_flow_method(run)),
    )


def _flow_method(run: RunScores) -> str | None:
    """Return how the flow behind the scores was computed, where that can be done again."""
    tc = run.protocol.get("tc")
    flow = tc.get("flow") if isinstance(tc, Mapping) else None
    method = flow.get("method") if isinstance(flow, Mapping) else None
    return str(method) if method in CATALOG else None


def _pair_gallery(closeups: Closeups, lows: Sequence[Low]) -> list[Block]:
    if not lows:
        return []
    clips = [closeups.dataset.clip(low.clip) for low in lows]
    flow = ", ".join(dict.fromkeys(closeups.finder.flow_name(clip) for clip in clips))
    caption = (
        "The pairs of frames whose agreement drops most below the median of their clip. Pink "
        f"pixels change their label although the motion is taken out (flow: {flow})."
    )
    rows = _rows(closeups.pair, lows)
    return [Gallery(rows=rows, title=f"Least steady: {closeups.name}", caption=caption)]


def _frame_gallery(closeups: Closeups, lows: Sequence[Low]) -> list[Block]:
    if not lows:
        return []
    caption = "The frames with the lowest mIoU of their own. Pink pixels are wrong."
    rows = _rows(closeups.frame, lows)
    return [Gallery(rows=rows, title=f"Least right: {closeups.name}", caption=caption)]


def _rows(draw: Callable[[Low], Row], lows: Sequence[Low]) -> tuple[Row, ...]:
    """Draw the lows, worst first, as long as the pictures stay light enough for the page."""
    rows: list[Row] = []
    size_bytes = 0
    for low in lows:
        row = draw(low)
        size_bytes += sum(len(shown.uri) for shown in row[1])
        if rows and size_bytes > _MAX_GALLERY_BYTES:
            break
        rows.append(row)
    return tuple(rows)
