"""Runs for comparisons, made of confusion matrices; their records are what evaluation writes."""

from __future__ import annotations

import numpy as np

from vstc.evaluation.compare.runs import ComparedRun
from vstc.metrics.confusion import mean_of_known, scores_from_counts

CLASSES = 3


def make_counts(clips, *, miss, seed=0, pixels=1000):
    """Draw confusion matrices of clips; a share of the pixels of each class is missed.

    The true pixels depend on the seed alone, and clips are of different difficulty.
    """
    rng = np.random.default_rng(seed)
    counts = np.zeros((clips, CLASSES + 1, CLASSES + 1), np.int64)
    for clip in range(clips):
        for k in range(CLASSES):
            true = int(rng.integers(pixels // 2, pixels))
            missed = int(true * miss * (0.5 + clip % 3 / 2))
            counts[clip, k, k] = true - missed
            counts[clip, k, (k + 1) % CLASSES] = missed
    return counts


def make_run(name="run", *, clips=8, miss=0.1, flicker=0.1, seed=0, **changes):
    """Make a run whose clips miss, and lose from frame to frame, a share of the pixels."""
    counts = make_counts(clips, miss=miss, seed=seed)
    moved = make_counts(clips, miss=flicker, seed=seed + 1)
    whole, pooled = (scores_from_counts(c.sum(axis=0)) for c in (counts, moved))
    per_clip = [
        {
            "id": f"clip{number}",
            "frames": 5,
            "labelled_frames": 5,
            "pairs": 4,
            "miou": scores_from_counts(counts[number]).miou,
            "tc": scores_from_counts(moved[number]).miou,
            "tsb": flicker + 0.01 * number,
        }
        for number in range(clips)
    ]
    record = {
        "dataset": "made",
        "protocol": {
            "absent": "null",
            "excluded": [],
            "tc": {"mode": "nearest", "flow": {"method": "dis-medium"}},
            "predictions": {"source": name},
        },
        "totals": {
            "miou": whole.miou,
            "macc": whole.macc,
            "aacc": whole.aacc,
            "fwiou": whole.fwiou,
            "tc": pooled.miou,
            "tc_acc": pooled.aacc,
            "tc_seq": mean_of_known([row["tc"] for row in per_clip]),
            "tsb": mean_of_known([row["tsb"] for row in per_clip]),
            "vc8": None,
        },
        "per_class": [{"id": k, "name": f"class{k}"} for k in range(CLASSES)],
        "per_clip": per_clip,
        "confusion": counts.sum(axis=0).tolist(),
    }
    return ComparedRun(name, record | changes, counts={"miou": counts, "tc": moved})


def make_efficiency(fps, **changes):
    return {
        "latency": {"network": {"fps": fps}},
        "num_parameters_inference": 2_500_000,
        "gmacs": 1.5,
        "size": [96, 128],
        "device_name": "a machine",
    } | changes
