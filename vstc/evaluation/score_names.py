"""What scores are called, how they are written, and which way is better."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class ScoreName:
    """How a score is shown.

    Attributes:
        label: What tables call it.
        is_share: It lies in [0, 1] and is shown in percent.
        is_better_low: Smaller values are better.
        is_neutral: Neither way is better: counts.
        decimals: Digits after the point; in points for shares.
    """

    label: str
    is_share: bool = True
    is_better_low: bool = False
    is_neutral: bool = False
    decimals: int = 2


# In the order in which tables show them.
SCORES = {
    "miou": ScoreName("mIoU"),
    "macc": ScoreName("mAcc"),
    "iou": ScoreName("IoU"),
    "acc": ScoreName("Acc"),
    "aacc": ScoreName("aAcc"),
    "fwiou": ScoreName("fwIoU"),
    "miou_key": ScoreName("mIoU key frames"),
    "miou_propagated": ScoreName("mIoU other frames"),
    "miou_worst": ScoreName("mIoU farthest"),
    "miou_cycle": ScoreName("mIoU cycle"),
    "iou_key": ScoreName("IoU key frames"),
    "iou_propagated": ScoreName("IoU other frames"),
    "boundary_f": ScoreName("Boundary F"),
    "region_j": ScoreName("Region J"),
    "tc": ScoreName("TC"),
    "tc_seq": ScoreName("TC per clip"),
    "tc_acc": ScoreName("TC pixels"),
    "tsb": ScoreName("Tsb", is_share=False, is_better_low=True, decimals=4),
    "tsb_core": ScoreName("Tsb core", is_share=False, is_better_low=True, decimals=4),
    "vc8": ScoreName("VC8"),
    "vc16": ScoreName("VC16"),
    "vc8_fixed": ScoreName("VC8 fixed"),
    "vc16_fixed": ScoreName("VC16 fixed"),
    "vc8_correct": ScoreName("VC8 correct"),
    "vc16_correct": ScoreName("VC16 correct"),
    "change_rate": ScoreName("Change rate", is_better_low=True),
    "excess_change_rate": ScoreName("Excess change rate", is_better_low=True),
    "aba_rate": ScoreName("A-B-A rate", is_better_low=True),
    "jitter": ScoreName("Jitter", is_better_low=True),
    "jitter_drop": ScoreName("Jitter drop", is_better_low=True),
    "area_flicker": ScoreName("Area flicker", is_better_low=True),
    "ap": ScoreName("AP"),
    "ap50": ScoreName("AP50"),
    "ap75": ScoreName("AP75"),
    "ar1": ScoreName("AR1"),
    "ar10": ScoreName("AR10"),
    "ar100": ScoreName("AR100"),
    "ap_small": ScoreName("AP small"),
    "ap_medium": ScoreName("AP medium"),
    "ap_large": ScoreName("AP large"),
    "ar_small": ScoreName("AR small"),
    "ar_medium": ScoreName("AR medium"),
    "ar_large": ScoreName("AR large"),
    "mean_best_iou": ScoreName("Best IoU"),
    "mad": ScoreName("MAD", is_share=False, is_better_low=True, decimals=4),
    "mse": ScoreName("MSE", is_share=False, is_better_low=True, decimals=4),
    "sad": ScoreName("SAD", is_share=False, is_better_low=True, decimals=3),
    "grad": ScoreName("Grad", is_share=False, is_better_low=True, decimals=3),
    "conn": ScoreName("Conn", is_share=False, is_better_low=True, decimals=3),
    "dtssd": ScoreName("dtSSD", is_share=False, is_better_low=True, decimals=4),
    "rate": ScoreName("Frames/s", is_share=False, decimals=1),
    "fps": ScoreName("fps", is_share=False, decimals=1),
    "params": ScoreName("Params (M)", is_share=False, is_better_low=True),
    "gmacs": ScoreName("GMACs", is_share=False, is_better_low=True),
}
_WINDOW = re.compile(r"vc(\d+)(?:_(\w+))?")
_ORDER = {name: place for place, name in enumerate(SCORES)}


def score_name(key: str) -> ScoreName:
    """Return how a score is shown; an unknown one is called by its key and is no share.

    The windows of VC may be of any length.
    """
    window = _WINDOW.fullmatch(key)
    if window and key not in SCORES:
        return ScoreName(" ".join(filter(None, (f"VC{window[1]}", window[2]))))
    return SCORES.get(key, ScoreName(key, is_share=False, is_neutral=True, decimals=4))


def in_order(keys: Iterable[str]) -> list[str]:
    """Sort scores as tables show them; unknown ones come last, by the alphabet."""
    return sorted(set(keys), key=lambda key: (_ORDER.get(key, len(_ORDER)), key))


def write_score(key: str, value: float | None) -> str:
    """Write a score for people: shares in percent, a dash for None, counts as they are."""
    if value is None:
        return "\u2013"
    if isinstance(value, int):
        return str(value)
    shown = score_name(key)
    return f"{100 * value if shown.is_share else value:.{shown.decimals}f}"


def write_change(key: str, change: float) -> str:
    """Write the difference of two scores with its sign; that of shares in points."""
    shown = score_name(key)
    text = f"{100 * change if shown.is_share else change:+.{shown.decimals}f}"
    is_zero = not text.strip("+-0.")
    return f"\u00b1{text[1:]}" if is_zero else text
