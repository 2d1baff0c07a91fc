"""Judge one video: the overlap of each found with each true track of its category."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from vstc.evaluation.instances.sources import OpenVideo, Track
from vstc.formats.objects.runs import Runs, num_pixels, shared_pixels
from vstc.formats.objects.tracks import Video
from vstc.metrics.track_matching import TrackOverlaps

BLOCK_FRAMES = 64


@dataclass(frozen=True, eq=False)
class VideoResult:
    """What is counted of one video; plain enough to be kept in a JSON file.

    Attributes:
        video_id: The video.
        cases: Found and true tracks by category; only categories that have some.
    """

    video_id: int
    cases: dict[int, TrackOverlaps]

    @property
    def num_true(self) -> int:
        """True tracks without crowds."""
        return sum(int((~case.is_crowd).sum()) for case in self.cases.values())

    @property
    def num_crowds(self) -> int:
        """True tracks that stand for several objects."""
        return sum(int(case.is_crowd.sum()) for case in self.cases.values())

    @property
    def num_found(self) -> int:
        """Found tracks, at most 100 per category."""
        return sum(len(case.scores) for case in self.cases.values())

    @property
    def mean_best_iou(self) -> float | None:
        """Mean over the true tracks of the best overlap with a found one of their category."""
        best = [
            case.ious[:, ~case.is_crowd].max(axis=0, initial=0.0) for case in self.cases.values()
        ]
        return float(np.mean(np.concatenate(best))) if self.num_true else None

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "video": self.video_id,
            "categories": [
                {
                    "id": category_id,
                    "scores": case.scores.tolist(),
                    "found_areas": case.found_areas.tolist(),
                    "true_areas": case.true_areas.tolist(),
                    "is_crowd": case.is_crowd.tolist(),
                    "ious": case.ious.tolist(),
                }
                for category_id, case in self.cases.items()
            ],
        }

    @staticmethod
    def from_json(value: dict[str, Any]) -> VideoResult:
        """Read what ``as_json`` made."""
        cases = {}
        for row in value["categories"]:
            found, true = len(row["scores"]), len(row["true_areas"])
            cases[row["id"]] = TrackOverlaps(
                scores=np.array(row["scores"], np.float64),
                found_areas=np.array(row["found_areas"], np.float64),
                true_areas=np.array(row["true_areas"], np.float64),
                is_crowd=np.array(row["is_crowd"], np.bool_),
                ious=np.array(row["ious"], np.float64).reshape(found, true),
            )
        return VideoResult(value["video"], cases)


def judge_video(
    video: Video, *, found: OpenVideo, true: OpenVideo, block_frames: int = BLOCK_FRAMES
) -> VideoResult:
    """Compare the tracks of a video, category by category.

    The overlap of two tracks is the sum over all frames of shared pixels by that of joint
    pixels; 0 for two empty tracks. Found pixels on void of the ground truth count for nothing;
    void of the results is no track and nothing else.

    Args:
        video: The video.
        found: What is judged.
        true: The ground truth.
        block_frames: Frames that are held at a time; changes no number.
    """
    pixels = _Pixels()
    for start in range(0, video.length, block_frames):
        frames = range(start, min(start + block_frames, video.length))
        pixels.add(found.read(frames), true.read(frames), found=found, true=true)
    void = true.void_key()
    of_found, of_true = _by_category(found), _by_category(true)
    categories = sorted(of_found.keys() | of_true.keys())
    cases = {
        number: _case(of_found.get(number, []), of_true.get(number, []), pixels, void)
        for number in categories
    }
    return VideoResult(video.id, cases)


class _Pixels:
    """Pixels of tracks, and of pairs of one category, summed over frames; by key."""

    def __init__(self) -> None:
        self.found: Counter[int] = Counter()
        self.true: Counter[int] = Counter()
        self.shared: Counter[tuple[int, int]] = Counter()

    def add(
        self,
        runs_found: Mapping[int, Runs],
        runs_true: Mapping[int, Runs],
        *,
        found: OpenVideo,
        true: OpenVideo,
    ) -> None:
        for key, runs in runs_true.items():
            self.true[key] += num_pixels(runs)
        for key, runs in runs_found.items():
            self.found[key] += num_pixels(runs)
            for true_key, others in runs_true.items():
                if found.category_id(key) == true.category_id(true_key):
                    self.shared[key, true_key] += shared_pixels(runs, others)


def _by_category(video: OpenVideo) -> dict[int, list[Track]]:
    tracks: dict[int, list[Track]] = {}
    for track in video.tracks():
        tracks.setdefault(video.category_id(track.key), []).append(track)
    return tracks


def _case(
    found: Sequence[Track], true: Sequence[Track], pixels: _Pixels, void: int | None
) -> TrackOverlaps:
    ious = np.zeros((len(found), len(true)))
    for row, mine in enumerate(found):
        counted = pixels.found[mine.key]
        if void is not None:
            counted -= pixels.shared[mine.key, void]
        for column, other in enumerate(true):
            shared = pixels.shared[mine.key, other.key]
            joint = counted + pixels.true[other.key] - shared
            ious[row, column] = shared / joint if joint else 0.0
    return TrackOverlaps(
        scores=np.array([track.score for track in found], np.float64),
        found_areas=np.array([track.mean_area for track in found], np.float64),
        true_areas=np.array([track.mean_area for track in true], np.float64),
        is_crowd=np.array([track.is_crowd for track in true], np.bool_),
        ious=ious,
    )
