"""In what runs were judged differently, so that their scores do not compare."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from vstc.errors import InputError
from vstc.evaluation.compare.runs import ComparedRun

# What of the protocol and of an efficiency record may differ: it tells what was judged, not how.
_ABOUT_THE_RUN = ("predictions", "propagated_with")
_HOW_TIMED = ("size", "batch", "device_name", "dtype", "threads", "torch")
_SHOWN = 5


def differing(reference: ComparedRun, other: ComparedRun) -> list[str]:
    """Say in what two runs were judged differently; empty when they compare.

    Data set, classes, protocol, clips and true labels must be the same, and speed must be
    measured on the same device in the same way where both runs have it.
    """
    return [
        *_values("data set", reference.record["dataset"], other.record["dataset"]),
        *_values("classes", _class_names(reference), _class_names(other)),
        *_protocols(reference.protocol, other.protocol),
        *_clips(reference, other),
        *_true_labels(reference, other),
        *_timings(reference.efficiency, other.efficiency),
    ]


def refuse_different(runs: Sequence[ComparedRun]) -> None:
    """Refuse runs that do not compare with the first one.

    Raises:
        InputError: A run was judged differently; the error names in what.
    """
    for run in runs[1:]:
        found = differing(runs[0], run)
        if found:
            rest = len(found) - _SHOWN
            more = f"; and {rest} more" if rest > 0 else ""
            raise InputError(
                f"{run.name} was judged differently than {runs[0].name}: "
                f"{'; '.join(found[:_SHOWN])}{more}",
                hint="judge them alike with vstc evaluate, or add --allow-different",
            )


def have_the_same_clips(reference: ComparedRun, other: ComparedRun) -> bool:
    """Tell whether two runs were judged on the same clips of the same classes."""
    is_same_table = _class_names(reference) == _class_names(other)
    return is_same_table and sorted(reference.clip_ids) == sorted(other.clip_ids)


def _protocols(reference: Mapping[str, Any], other: Mapping[str, Any]) -> Iterator[str]:
    before, after = dict(_flat(reference)), dict(_flat(other))
    for key in dict.fromkeys((*before, *after)):
        yield from _values(key, before.get(key), after.get(key))


def _flat(value: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, entry in value.items():
        if not prefix and key in _ABOUT_THE_RUN:
            continue
        if isinstance(entry, Mapping):
            yield from _flat(entry, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", entry


def _clips(reference: ComparedRun, other: ComparedRun) -> Iterator[str]:
    before = {str(row["id"]): row for row in reference.record["per_clip"]}
    after = {str(row["id"]): row for row in other.record["per_clip"]}
    lacking, added = sorted(before.keys() - after.keys()), sorted(after.keys() - before.keys())
    if lacking:
        yield f"it lacks {len(lacking)} of {len(before)} clips, the first is {lacking[0]}"
    if added:
        yield f"it has {len(added)} clips more, the first is {added[0]}"
    for clip_id in sorted(before.keys() & after.keys()):
        for key in ("frames", "labelled_frames", "pairs"):
            values = before[clip_id].get(key), after[clip_id].get(key)
            yield from _values(f"{key} of clip {clip_id}", *values)


def _true_labels(reference: ComparedRun, other: ComparedRun) -> Iterator[str]:
    """Compare true pixels by class: they do not depend on the predictions."""
    first, second = reference.record.get("confusion"), other.record.get("confusion")
    if first is None or second is None:
        return
    before, after = (np.array(table, np.int64).sum(axis=1) for table in (first, second))
    if before.shape == after.shape and (before != after).any():
        yield "the true labels (true pixels by class)"


def _timings(reference: Mapping[str, Any] | None, other: Mapping[str, Any] | None) -> Iterator[str]:
    if reference is not None and other is not None:
        for key in _HOW_TIMED:
            yield from _values(f"{key} of the timing", reference.get(key), other.get(key))


def _values(what: str, before: Any, after: Any) -> Iterator[str]:
    if before != after:
        yield f"{what} ({_shown(before)} there, {_shown(after)} here)"


def _shown(value: Any) -> str:
    if value is None or value == []:
        return "none"
    text = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _class_names(run: ComparedRun) -> list[str]:
    return [str(row["name"]) for row in run.record["per_class"]]
