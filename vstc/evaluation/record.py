"""The files of a metrics artifact: ``metrics.json`` and ``per_pair.csv``."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Any

from vstc.evaluation.evaluate import ClipScores, Evaluation
from vstc.formats.dataset import Dataset

KIND = "vstc.metrics"
SCHEMA_VERSION = 1
RECORD = "metrics.json"
PAIRS = "per_pair.csv"


def metrics_record(
    evaluation: Evaluation, dataset: Dataset, *, protocol: dict[str, Any]
) -> dict[str, Any]:
    """Build the content of ``metrics.json``; fractions in [0, 1], null where absent.

    Args:
        evaluation: The scores.
        dataset: The data set that was judged on.
        protocol: How the scores were made, as plain JSON values.
    """
    sizes = {
        "sizes": _shown_sizes(clip.size for clip in evaluation.clips),
        "flow_sizes": _shown_sizes(clip.flow_size for clip in evaluation.clips),
    }
    seg, con = evaluation.segmentation, evaluation.consistency
    return {
        "schema": KIND,
        "schema_version": SCHEMA_VERSION,
        "dataset": dataset.name,
        "protocol": protocol | sizes,
        "totals": evaluation.totals(),
        "counts": {
            "clips": len(evaluation.clips),
            "labelled_frames": sum(clip.n_labelled for clip in evaluation.clips),
            "labelled_pixels": seg.n_pixels,
            "pairs": con.n_pairs,
            "valid_pairs": con.n_valid_pairs,
            "valid_pair_pixels": con.n_valid_pixels,
            "skipped_pairs": sum(clip.n_skipped_pairs for clip in evaluation.clips),
        },
        "per_class": [
            {
                "id": entry.id,
                "name": entry.name,
                "iou": seg.per_class_iou[entry.id],
                "acc": seg.per_class_acc[entry.id],
                "tc": con.per_class[entry.id],
            }
            for entry in sorted(dataset.classes, key=lambda entry: entry.id)
        ],
        "per_clip": [_clip_record(clip, evaluation) for clip in evaluation.clips],
        "confusion": evaluation.confusion.counts.tolist(),
    }


def pairs_csv(evaluation: Evaluation) -> bytes:
    """Build ``per_pair.csv``: the agreement of each pair of frames, for jitter curves.

    ``accuracy`` is empty where no pixel of the pair is valid.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["clip", "index", "frame", "next_frame", "accuracy", "valid_pixels"])
    for scores in evaluation.clips:
        consistency = evaluation.consistency.per_clip.get(scores.clip.id)
        names = scores.clip.frame_names
        pairs = consistency.pairs if consistency else ()
        for index, pair in zip(scores.pair_indices, pairs, strict=True):
            accuracy = "" if pair.accuracy is None else repr(pair.accuracy)
            row = [scores.clip.id, index, names[index], names[index + 1], accuracy, pair.n_valid]
            writer.writerow(row)
    return text.getvalue().encode()


def _shown_sizes(sizes: Iterable[tuple[int, int] | None]) -> list[str]:
    return [f"{width}x{height}" for height, width in sorted({size for size in sizes if size})]


def _clip_record(scores: ClipScores, evaluation: Evaluation) -> dict[str, Any]:
    seg = scores.segmentation
    con = evaluation.consistency.per_clip.get(scores.clip.id)
    return {
        "id": scores.clip.id,
        "split": scores.clip.split,
        "frames": len(scores.clip.frames),
        "labelled_frames": scores.n_labelled,
        "pairs": len(scores.pair_indices),
        "skipped_pairs": scores.n_skipped_pairs,
        "miou": seg.miou if seg else None,
        "macc": seg.macc if seg else None,
        "aacc": seg.aacc if seg else None,
        "fwiou": seg.fwiou if seg else None,
        "tc": con.tc if con else None,
        "tc_acc": con.tc_acc if con else None,
    }
