"""Which runs were judged on the same frames, and so can be compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from vstc.report.numbers import plain
from vstc.report.others import flat
from vstc.report.scores import RunScores, read_scores
from vstc.report.sources import Source

_ABOUT_THE_RUN = {"predictions", "propagated_with"}


@dataclass(frozen=True)
class Contest:
    """Runs that were judged on the same clips, the reference first.

    Attributes:
        title: Data set and splits.
        runs: Their scores.
    """

    title: str
    runs: tuple[RunScores, ...]

    @property
    def reference(self) -> RunScores:
        """The run that the others are compared with: the first one."""
        return self.runs[0]

    @property
    def candidate(self) -> RunScores:
        """The run that the page is about: the last one."""
        return self.runs[-1]

    def compares(self, key: str) -> bool:
        """Tell whether reference and candidate differ and both have a score."""
        scores = (self.reference.totals.get(key), self.candidate.totals.get(key))
        return len(self.runs) > 1 and None not in scores

    def differing(self) -> list[str]:
        """List the settings of the protocol in which the runs differ."""
        protocols = [dict(flat(_how_judged(run))) for run in self.runs]
        keys = dict.fromkeys(key for known in protocols for key in known)
        return [
            key
            for key in keys
            if any(known.get(key) != protocols[0].get(key) for known in protocols)
        ]


def read_contests(sources: Sequence[Source]) -> tuple[Contest, ...]:
    """Read metrics artifacts and put those together that judge the same things on the same clips.

    A run that was judged twice on the same frames is told apart by the folders.

    Args:
        sources: The metrics artifacts.

    Raises:
        InputError: A file is missing or not what it should be.
    """
    groups: dict[Any, list[tuple[Source, RunScores]]] = {}
    for source in sources:
        scores = read_scores(source)
        groups.setdefault(_what_was_judged(scores), []).append((source, scores))
    return tuple(_contest(group) for group in groups.values())


def _how_judged(run: RunScores) -> dict[str, Any]:
    """Return what of the protocol is about judging, not about the run."""
    return {key: value for key, value in run.protocol.items() if key not in _ABOUT_THE_RUN}


def _what_was_judged(scores: RunScores) -> tuple[str, ...]:
    clips = (str(entry["id"]) for entry in scores.clips)
    return (scores.dataset, *_splits(scores), plain(scores.protocol.get("metrics")), *clips)


def _splits(scores: RunScores) -> list[str]:
    return [str(split) for split in scores.protocol.get("splits") or ()]


def _contest(group: Sequence[tuple[Source, RunScores]]) -> Contest:
    count = Counter(source.name for source, _ in group)
    runs = tuple(
        replace(scores, name=f"{source.name} ({source.path.name})")
        if count[source.name] > 1
        else scores
        for source, scores in group
    )
    splits = _splits(runs[0])
    named = f", split {', '.join(splits)}" if splits else ""
    return Contest(title=f"{runs[0].dataset or 'unnamed data set'}{named}", runs=runs)
