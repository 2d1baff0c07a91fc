"""What the scores mean, in one line each; never TC without its mode nor Tsb without its scale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from vstc.report.scores import RunScores, score

_DEFINITIONS: Mapping[str, str] = {
    "miou": "mean over classes of intersection over union",
    "macc": "mean over classes of the pixels found",
    "aacc": "pixels that are right",
    "fwiou": "IoU of the classes, weighted by their true pixels",
    "boundary_f": "F-measure of the outlines, as in DAVIS",
    "tc": "mIoU of each frame with the next one, moved along the flow",
    "tc_seq": "mean of the clips' own TC",
    "tc_acc": "pixels that keep their label along the flow",
    "tsb": "how much outlines change their shape from frame to frame; lower is better",
    "vc8": "pixels whose label stays over 8 frames where the true one does, right or wrong",
    "vc16": "pixels whose label stays over 16 frames where the true one does, right or wrong",
    "vc8_correct": "pixels that are right in all of 8 frames where the true label stays",
    "vc16_correct": "pixels that are right in all of 16 frames where the true label stays",
    "change_rate": "pixels whose label differs in the next frame, motion included; lower is better",
    "aba_rate": "pixels whose label flips for a single frame; lower is better",
    "jitter": "standard deviation of the agreement of neighbouring frames; lower is better",
    "area_flicker": "change of a class's area from frame to frame, relative to its mean area; "
    "lower is better",
    "ap": "average precision of video instances, mean over IoU 0.5 to 0.95",
    "ap50": "average precision at IoU 0.5",
    "ap75": "average precision at IoU 0.75",
    "ar1": "recall when one instance per video and class counts",
    "ar10": "recall when ten instances per video and class count",
    "fps": "frames per second of the network",
}
# What must be told with a score: the place of it in the protocol.
_QUALIFIERS: Mapping[str, tuple[str, str]] = {
    "tc": ("tc", "mode"),
    "tc_seq": ("tc", "mode"),
    "tc_acc": ("tc", "mode"),
    "tsb": ("tsb", "scale"),
}


def full_label(key: str, runs: Sequence[RunScores]) -> str:
    """Return the name of a score with what it depends on: ``TC (nearest)``.

    Where the runs differ in it, all variants are named.

    Args:
        key: Name of the score.
        runs: The runs that it is shown for.
    """
    variants = dict.fromkeys(filter(None, (_variant(key, run) for run in runs)))
    name = score(key).label
    return f"{name} ({', '.join(variants)})" if variants else name


def definition(key: str) -> str:
    """Return what a score is, in one line without a full stop; empty for an unknown one."""
    return _DEFINITIONS.get(key, "")


def _variant(key: str, run: RunScores) -> str | None:
    """Return the mode or scale that a score of a run was made with, where the record tells."""
    if key not in _QUALIFIERS:
        return None
    group, name = _QUALIFIERS[key]
    settings = run.protocol.get(group)
    value = settings.get(name) if isinstance(settings, Mapping) else None
    return None if value is None else str(value)
