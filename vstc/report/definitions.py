"""What the scores mean, in one line each; never TC without its mode nor Tsb without its scale."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from vstc.evaluation.score_names import score_name
from vstc.report.scores import RunScores

_DEFINITIONS: Mapping[str, str] = {
    "miou": "mean over classes of intersection over union",
    "macc": "mean over classes of the pixels found",
    "aacc": "pixels that are right",
    "fwiou": "IoU of the classes, weighted by their true pixels",
    "miou_key": "mIoU of the key frames",
    "miou_propagated": "mIoU of the frames between key frames",
    "miou_worst": "mIoU of the frames that are farthest from their key frame",
    "miou_cycle": "mIoU at each distance from the key frame, mean over distances",
    "iou_key": "IoU in the key frames",
    "iou_propagated": "IoU in the frames between key frames",
    "boundary_f": "F-measure of outlines per frame and class, then mean, as in DAVIS",
    "region_j": "IoU of masks per frame and class, then mean, as in DAVIS",
    "tc": "mIoU of each frame with the next one, moved along the flow",
    "tc_seq": "mean of the clips' own TC",
    "tc_acc": "pixels that keep their label along the flow",
    "tsb": "how much outlines change their shape from frame to frame; lower is better",
    "tsb_core": "Tsb of what trimaps hold as surely foreground; lower is better",
    "mad": "mean absolute difference of mattes to true alpha; lower is better",
    "mse": "mean squared difference of mattes to true alpha; lower is better",
    "sad": "sum of absolute differences of a matte, in thousands; lower is better",
    "grad": "squared differences of a matte's gradients, in thousands; lower is better",
    "conn": "what of a matte is not connected as it should be, in thousands; lower is better",
    "dtssd": "how wrongly mattes change from frame to frame; lower is better",
    "jitter": "standard deviation of a pair's TC pixels over a clip, mean over clips; "
    "lower is better",
    "jitter_drop": "largest fall of TC pixels from one pair to the next, mean over clips; "
    "lower is better",
    "change_rate": "pixels whose label differs in the next frame, motion included; lower is better",
    "excess_change_rate": "the change rate where the truth does not change; lower is better",
    "aba_rate": "pixels that change for one frame and change back; lower is better",
    "area_flicker": "change of a class's area from frame to frame over its mean area; "
    "lower is better",
    "ap": "average precision of object tracks, mean over IoU 0.5 to 0.95",
    "ap50": "average precision at IoU 0.5",
    "ap75": "average precision at IoU 0.75",
    "ar1": "recall when one track per video and class counts",
    "ar10": "recall when ten tracks per video and class count",
    "ar100": "recall when a hundred tracks per video and class count",
    **{
        f"{name}_{size}": f"{what} of {size} objects"
        for name, what in (("ap", "average precision"), ("ar", "recall"))
        for size in ("small", "medium", "large")
    },
    "mean_best_iou": "overlap of each true track with the best found one of its class, mean",
    "rate": "frames per second of propagation at this operating point, frames in and labels out",
    "fps": "frames per second of the network",
    "params": "millions of parameters of the network; lower is better",
    "gmacs": "thousand millions of multiply-adds a frame; lower is better",
}
_VC = {
    "": "pixels whose label stays over {n} frames where the truth does, right or wrong, "
    "counted as VSPW's scripts do",
    "fixed": "VC{n} over all windows of all clips, void left out",
    "correct": "pixels that are right in all of {n} frames where the truth stays",
}
_TC_SCORES = frozenset({"tc", "tc_seq", "tc_acc"})
_TSB_SCORES = frozenset({"tsb", "tsb_core"})


def full_label(key: str, runs: Sequence[RunScores]) -> str:
    """Return the name of a score with what it depends on: ``TC (nearest)``.

    Where the runs differ in it, all variants are named.

    Args:
        key: Name of the score.
        runs: The runs that it is shown for.
    """
    variants = dict.fromkeys(filter(None, (_variant(key, run) for run in runs)))
    name = score_name(key).label
    return f"{name} ({' / '.join(variants)})" if variants else name


def definition(key: str) -> str:
    """Return what a score is, in one line without a full stop; empty for an unknown one."""
    window = re.fullmatch(r"vc(\d+)(?:_(\w+))?", key)
    if window:
        return _VC.get(window[2] or "", "").format(n=window[1])
    return _DEFINITIONS.get(key, "")


def _variant(key: str, run: RunScores) -> str:
    """Return the mode or scale that a score of a run was made with, where the record tells."""
    if key in _TC_SCORES:
        tc = _settings(run, "tc")
        named = [tc.get("mode"), "prev" if tc.get("direction") == "prev" else None]
        return ", ".join(str(name) for name in named if name)
    return str(_settings(run, key).get("scale") or "") if key in _TSB_SCORES else ""


def _settings(run: RunScores, group: str) -> Mapping[str, Any]:
    settings = run.protocol.get(group)
    return settings if isinstance(settings, Mapping) else {}
