"""How well true labels survive being carried, by flow method, scheme, size and direction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from typing import Any

from vstc.bench.coded_clips import Encoding, can_encode, coded_flow
from vstc.errors import ConfigError, InputError, unknown_name
from vstc.formats.dataset import Clip, Dataset
from vstc.formats.video.motion_vectors import require_motion_vectors
from vstc.propagation.frames import FlowSource
from vstc.propagation.measuring.carried_truth import CarriedScore, carry_truth, look_ahead_miou
from vstc.propagation.schedule import frames_from_past
from vstc.propagation.settings import MOTION_VECTORS, PropagateSettings

RADII = (0, 2, 4, 8)
GAPS = (3, 5, 10, 17)
_FULL = {"mode": "labels", "carry": "labels", "carry_scale": 1.0, "map_scale": 1.0}
_QUARTER = {"mode": "labels", "carry": "labels", "carry_scale": 0.25, "map_scale": 0.25}
_VECTORS = {"flow": {"method": MOTION_VECTORS}}
_CHAINED, _COMPOSED = {"scheme": "chained"}, {"scheme": "composed"}
_EQ1 = {"warping": "eq1", "scheme": "chained"}
_ULTRAFAST = {"flow": {"method": "dis-ultrafast"}}
_FINER = {"flow": {"method": "dis-ultrafast", "params": {"finest_scale": 1}}}
_MEDIUM = {"flow": {"method": "dis-medium"}}
_FARNEBACK = {
    "flow": {
        "method": "farneback",
        # As in Paul et al. 2020, Figure 6.
        "params": {"levels": 2, "window_size": 9, "iterations": 15},
    }
}


@dataclass(frozen=True)
class CarryCase:
    """A row of the table.

    Attributes:
        values: Settings of propagation that differ from the default.
        is_swapped: Flow of the wrong direction.
        from_future: Carry to earlier frames.
        has_mask: Score the mask too.
        encoding: Carry along the motion vectors of the clip, encoded so.
    """

    values: Mapping[str, Any]
    is_swapped: bool = False
    from_future: bool = False
    has_mask: bool = False
    encoding: Encoding | None = None


def _mask(flows: int, **values: Any) -> CarryCase:
    iam = {"flows": flows, "always": True, "outside": False}
    return CarryCase({**_FULL, **_ULTRAFAST, **_CHAINED, **values, "iam": iam}, has_mask=True)


def _coded(crf: int, preset: str = "medium", **values: Any) -> CarryCase:
    values = {**_FULL, **_VECTORS, **_CHAINED, **values}
    return CarryCase(values, encoding=Encoding(crf, preset), has_mask="iam" in values)


def _coded_mask(**gaps: bool) -> CarryCase:
    return _coded(28, iam={"flows": 1, "always": True, "outside": False, **gaps})


_ONE_FLOW = {"iam": {"flows": 1}}
CASES: Mapping[str, CarryCase] = {
    "hold": CarryCase({**_FULL, "warp": False}),
    "ultrafast, chained": CarryCase({**_FULL, **_ULTRAFAST, **_CHAINED}),
    "ultrafast, composed": CarryCase({**_FULL, **_ULTRAFAST, **_COMPOSED}),
    "medium, chained": CarryCase({**_FULL, **_MEDIUM, **_CHAINED}),
    "medium, composed": CarryCase({**_FULL, **_MEDIUM, **_COMPOSED}),
    "wrong direction": CarryCase({**_FULL, **_ULTRAFAST, **_CHAINED}, is_swapped=True),
    "ultrafast, Eq. 1": CarryCase({**_FULL, **_ULTRAFAST, **_EQ1, **_ONE_FLOW}),
    "ultrafast, future": CarryCase({**_FULL, **_ULTRAFAST, **_COMPOSED}, from_future=True),
    "ultrafast finer, composed": CarryCase({**_FULL, **_FINER, **_COMPOSED}),
    "Farneback, chained": CarryCase({**_FULL, **_FARNEBACK, **_CHAINED}),
    "Farneback, composed": CarryCase({**_FULL, **_FARNEBACK, **_COMPOSED}),
    "quarter, Eq. 1 (EVS)": CarryCase({**_QUARTER, **_ULTRAFAST, **_EQ1, **_ONE_FLOW}),
    "quarter, chained": CarryCase({**_QUARTER, **_ULTRAFAST, **_CHAINED}),
    "quarter, composed": CarryCase({**_QUARTER, **_ULTRAFAST, **_COMPOSED}),
    "quarter, probabilities": CarryCase(
        {**_QUARTER, **_ULTRAFAST, **_COMPOSED, "carry": "probabilities"}
    ),
    "quarter maps, full labels": CarryCase({**_FULL, **_ULTRAFAST, "map_scale": 0.25}),
    "mask: one flow, Eq. 1": _mask(1, **_EQ1),
    "mask: one flow": _mask(1),
    "mask: two flows": _mask(2),
    "mask: two flows, medium": _mask(2, **_MEDIUM),
    "H.264 motion vectors, crf 28": _coded(28),
    "H.264 motion vectors, crf 28, composed": _coded(28, **_COMPOSED),
    "H.264 motion vectors, crf 23 veryfast": _coded(23, "veryfast"),
    "H.264 motion vectors, crf 18": _coded(18),
    "mask: motion vectors": _coded_mask(),
    "mask: motion vectors, without gaps": _coded_mask(gaps=False),
}


@dataclass(frozen=True)
class CarryRow:
    """A measured row."""

    name: str
    scores: Sequence[CarriedScore]

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {"name": self.name, "scores": [score.as_json() for score in self.scores]}


@dataclass(frozen=True)
class LookAheadRow:
    """All frames between key frames that lie a distance apart, every phase once.

    Attributes:
        gap: The distance.
        from_past: Frames after a key frame that come from the past, with look-ahead.
        causal_miou: All from the past.
        miou: The others from the future.
    """

    gap: int
    from_past: int
    causal_miou: float | None
    miou: float | None

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


def choose_cases(names: str | None) -> dict[str, CarryCase]:
    """Return the rows whose names begin with one of some words.

    Args:
        names: Beginnings of names, separated by semicolons; None takes all.

    Raises:
        ConfigError: Nothing begins so.
    """
    if names is None:
        return dict(CASES)
    chosen: dict[str, CarryCase] = {}
    for word in (part.strip() for part in names.split(";")):
        found = {name: case for name, case in CASES.items() if name.startswith(word)}
        if not found:
            raise unknown_name("row", word, CASES)
        chosen.update(found)
    return chosen


def runnable_cases(cases: Mapping[str, CarryCase]) -> dict[str, CarryCase]:
    """Return the rows that can be measured here: without PyAV those without motion vectors.

    Raises:
        SetupError: None is left.
    """
    if can_encode():
        return dict(cases)
    left = {name: case for name, case in cases.items() if case.encoding is None}
    if not left:
        require_motion_vectors()
    return left


def parse_distances(text: str) -> tuple[int, ...]:
    """Parse whole numbers from 1 on, with commas between.

    Raises:
        ConfigError: It is something else.
    """
    try:
        distances = tuple(sorted({int(part) for part in text.split(",")}))
    except ValueError:
        distances = ()
    if not distances or distances[0] < 1:
        raise ConfigError(f"--distances {text} are not whole numbers from 1 on, such as 1,2,4,9")
    return distances


def find_clip(dataset: Dataset, clip_id: str | None) -> Clip:
    """Return a clip by its name, or the longest one that is labelled throughout.

    Raises:
        InputError: There is none.
    """
    if clip_id is not None:
        return dataset.clip(clip_id)
    dense = [
        clip
        for clip in dataset.clips
        if clip.is_consecutive and len(clip.labelled_indices) == len(clip.frames)
    ]
    if not dense:
        raise InputError(f"data set {dataset.name} has no clip in which every frame is labelled")
    return max(dense, key=lambda clip: len(clip.frames))


def bench_carry(
    dataset: Dataset,
    clip: Clip,
    cases: Mapping[str, CarryCase],
    *,
    distances: Iterable[int],
    advance: Callable[[int], None],
) -> list[CarryRow]:
    """Measure rows of the table.

    Args:
        dataset: Where frames and labels are.
        clip: A clip in which every frame is labelled.
        cases: What to measure, by name.
        distances: Frames between key frame and target.
        advance: Told of every finished frame, ``len(cases) * len(clip.frames)`` in all.

    Raises:
        SetupError: Motion vectors are wanted without PyAV.
        InputError: A frame of the clip has no label, or it cannot be encoded.
    """
    wanted = tuple(distances)
    flows: dict[Encoding, FlowSource] = {}
    rows = []
    with ExitStack() as stack:
        for name, case in cases.items():
            code = case.encoding
            if code is not None and code not in flows:
                flows[code] = stack.enter_context(coded_flow(dataset, clip, code))
            scores = carry_truth(
                dataset,
                clip,
                PropagateSettings.model_validate(case.values),
                distances=wanted,
                from_future=case.from_future,
                is_swapped=case.is_swapped,
                radii=RADII if case.has_mask else (),
                flows=None if code is None else flows[code],
                advance=advance,
            )
            rows.append(CarryRow(name, scores))
    return rows


def bench_look_ahead(
    dataset: Dataset,
    clip: Clip,
    *,
    gaps: Sequence[int] = GAPS,
    advance: Callable[[int], None],
) -> list[LookAheadRow]:
    """Compare carrying from the past with carrying from the nearer key frame.

    Args:
        dataset: Where frames and labels are.
        clip: A clip in which every frame is labelled, longer than the largest gap.
        gaps: Distances of key frames.
        advance: Told of every finished frame, ``2 * len(clip.frames)`` in all.
    """
    settings = PropagateSettings.model_validate({**_FULL, **_ULTRAFAST, **_COMPOSED})
    gaps = [gap for gap in gaps if gap <= len(clip.frames) - 1]
    if not gaps:
        advance(2 * len(clip.frames))
        return []
    past, future = (
        carry_truth(
            dataset,
            clip,
            settings,
            distances=range(1, max(gaps)),
            from_future=from_future,
            advance=advance,
        )
        for from_future in (False, True)
    )
    rows = []
    for gap in gaps:
        near = frames_from_past(gap, switch=settings.switch)
        causal = look_ahead_miou(past, future, gap, from_past=gap - 1)
        rows.append(
            LookAheadRow(gap, near, causal, look_ahead_miou(past, future, gap, from_past=near))
        )
    return rows
