"""How results are propagated: every parameter, typed, with what excludes what."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from vstc.config import Settings
from vstc.errors import unknown_name
from vstc.flow.providers import CATALOG, CatalogProvider, make_provider
from vstc.propagation.carrying.carry import OLDEST, Interpolation

STORED_FLOW = "stored"
MOTION_VECTORS = "motion-vectors"


class Mode(StrEnum):
    """What happens on frames between key frames.

    ``LABELS`` carries the result. ``EVS`` carries it and refines it (Paul et al. 2020).
    ``FEATURES`` carries an inner map of the key network and runs its head again (DFF, Zhu et al.
    2017). ``FUSION`` merges that with a light network on every frame (Accel, Jain et al. 2019).
    """

    LABELS = "labels"
    EVS = "evs"
    FEATURES = "features"
    FUSION = "fusion"


class Refine(StrEnum):
    """Which frames the refiner repairs.

    ``LAST`` of a cycle is what Paul et al. 2020 do: their frame rates leave no time for more, and
    only that frame is scored. ``FUSE`` needs no refiner: on key frames the network's result
    replaces what was carried only where that is doubted (their EVS 01).
    """

    NEVER = "never"
    LAST = "last"
    EVERY = "every"
    FUSE = "fuse"


class Carry(StrEnum):
    """What is carried of a key frame's result."""

    LABELS = "labels"
    PROBABILITIES = "probabilities"


class Scheme(StrEnum):
    """How several steps become one.

    ``CHAINED`` carries the result of the frame before, so that every step rounds or blurs it.
    ``COMPOSED`` composes the maps and reads the key frame once.
    """

    CHAINED = "chained"
    COMPOSED = "composed"


class Warping(StrEnum):
    """How a flow becomes a map.

    ``EXACT`` adds the flow on the grid of the target. ``EQ1`` subtracts the flow on the grid of
    the source (Paul et al. 2020, Eq. 1 and 2), which is right where flow is locally constant.
    """

    EXACT = "exact"
    EQ1 = "eq1"


class ScheduleKind(StrEnum):
    """Who decides which frames are key frames.

    ``FIXED``: every ``interval``-th. ``ADAPTIVE``: where too much is doubted, at the latest after
    ``interval``. ``GIVEN``: those that the key network has a result for.
    """

    FIXED = "fixed"
    ADAPTIVE = "adaptive"
    GIVEN = "given"


class FlowSettings(Settings):
    """Where flow comes from.

    Attributes:
        method: Name in the catalog of flow methods, ``stored``, or ``motion-vectors``: those that
            the codec of a video left in it.
        params: Parameters of the method that differ from its own.
        scale: Frames are shrunk by this before flow is computed; vectors are scaled back.
    """

    method: str = "dis-ultrafast"
    params: dict[str, Any] = {}
    scale: float = Field(1.0, gt=0, le=1)

    @model_validator(mode="after")
    def _method_is_known(self) -> Self:
        if self.method not in {STORED_FLOW, MOTION_VECTORS}:
            self.make_provider()
        if self.method == MOTION_VECTORS and self.params:
            raise ValueError(f"flow.method={MOTION_VECTORS} has no params")
        return self

    def make_provider(self) -> CatalogProvider:
        """Choose the method.

        Raises:
            ConfigError: An unknown name or parameter, or the flow is not computed.
        """
        if self.method in {STORED_FLOW, MOTION_VECTORS}:
            raise unknown_name("flow method", self.method, CATALOG)
        return make_provider(self.method, self.params)


class IamSettings(Settings):
    """The mask of inconsistent labels.

    Attributes:
        flows: ``1`` turns the flow there around for the way back, ``2`` computes that as well.
        radius: Pixels of the map that flagged pixels are dilated by, a square.
        sigma: Gaussian that smooths the dilated mask.
        outside: Flag pixels that are read beyond the frame.
        gaps: With ``motion-vectors``: flag blocks that the codec stored none for. A whole intra
            frame is flagged: nothing is known of what moved.
        max_age: Frames after which a pixel is taken from the network whatever the mask says;
            None has no limit.
        always: Make the mask even where nothing but the record of flagged shares wants it.
    """

    flows: Literal[1, 2] = 2
    radius: int = Field(4, ge=0)
    sigma: float = Field(2.0, ge=0)
    outside: bool = True
    gaps: bool = True
    max_age: int | None = Field(None, ge=1, le=OLDEST)
    always: bool = False


class ScheduleSettings(Settings):
    """Which frames are key frames.

    Attributes:
        kind: Who decides.
        threshold: Adaptive: share of flagged pixels above which a frame becomes a key frame.
        target_rate: Adaptive: key frames per frame to aim at, by moving the threshold.
        min_gap: Adaptive: the least distance of key frames.
        cuts: Look for scene cuts: the first frame of a scene is a key frame.
        cut_threshold: What ``cut_score`` must pass for that.
    """

    kind: ScheduleKind = ScheduleKind.FIXED
    threshold: float = Field(0.02, gt=0, le=1)
    target_rate: float | None = Field(None, gt=0, le=1)
    min_gap: int = Field(2, ge=1)
    cuts: bool = True
    cut_threshold: float = Field(0.045, gt=0, lt=1)


class PropagateSettings(Settings):
    """How the results of key frames reach the other frames.

    Attributes:
        mode: What happens on frames between.
        interval: From one key frame to the next; the longest distance when not fixed.
        network_scale: Factor on the key network's input.
        warp: Carry along flow; else the key frame's result is held.
        refine: Which frames are refined.
        refine_above: With ``every``: only frames with more than this share of flagged pixels.
        carry: What is carried.
        carry_scale: Size of what is carried, relative to the frame.
        interpolation: How probabilities and features are read between pixels.
        scheme: How several steps become one.
        warping: How a flow becomes a map.
        map_scale: Size of the maps and masks, relative to the frame.
        flow: Where flow comes from.
        iam: The mask of inconsistent labels.
        schedule: Which frames are key frames.
        look_ahead: Carry from the nearer key frame, past or future; results come late.
        switch: Look-ahead: part of the way between key frames that is carried from the past.
    """

    mode: Mode = Mode.LABELS
    interval: int = Field(5, ge=1)
    network_scale: float = Field(1.0, gt=0, le=4)
    warp: bool = True
    refine: Refine = Refine.NEVER
    refine_above: float = Field(0.0, ge=0, le=1)
    carry: Carry = Carry.PROBABILITIES
    carry_scale: float = Field(0.25, gt=0, le=1)
    interpolation: Interpolation = Interpolation.BILINEAR
    scheme: Scheme = Scheme.COMPOSED
    warping: Warping = Warping.EXACT
    map_scale: float = Field(0.25, gt=0, le=1)
    flow: FlowSettings = FlowSettings()
    iam: IamSettings = IamSettings()
    schedule: ScheduleSettings = ScheduleSettings()
    look_ahead: bool = False
    switch: float = Field(0.55, ge=0, le=1)

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        for is_wrong, message in self._conflicts() + self._motion_vector_conflicts():
            if is_wrong:
                raise ValueError(message)
        return self

    def _conflicts(self) -> list[tuple[bool, str]]:
        schedule, refines = self.schedule, self.refine is not Refine.NEVER
        is_adaptive = schedule.kind is ScheduleKind.ADAPTIVE
        gap = None if schedule.target_rate is None else 1 / schedule.target_rate
        return [
            (refines and self.mode is not Mode.EVS, "refine needs mode=evs"),
            (
                refines and self.carry is not Carry.PROBABILITIES,
                "refine needs carry=probabilities: the refined result is a mixture",
            ),
            (refines and not self.warp, "refine needs warp=true"),
            (
                self.refine is Refine.LAST and schedule.kind is not ScheduleKind.FIXED,
                "refine=last needs schedule.kind=fixed, or use refine=every with refine_above",
            ),
            (
                self.refine is Refine.FUSE and self.look_ahead,
                "refine=fuse goes from frame to frame and cannot look ahead",
            ),
            (
                self.warping is Warping.EQ1 and self.iam.flows == 2,
                "warping=eq1 has one flow: use iam.flows=1",
            ),
            (is_adaptive and not self.warp, "schedule.kind=adaptive needs warp=true"),
            (
                is_adaptive and schedule.min_gap > self.interval,
                f"schedule.min_gap is above interval={self.interval}",
            ),
            (gap is not None and not is_adaptive, "schedule.target_rate needs kind=adaptive"),
            (
                gap is not None and not schedule.min_gap <= gap <= self.interval,
                f"schedule.target_rate must lie between 1/interval = 1/{self.interval} and "
                f"1/min_gap = 1/{schedule.min_gap}",
            ),
        ]

    def _motion_vector_conflicts(self) -> list[tuple[bool, str]]:
        """A codec's vectors lie on the grid of the later frame and point into the earlier one."""
        if self.flow.method != MOTION_VECTORS or not self.warp:
            return []
        name = f"flow.method={MOTION_VECTORS}"
        return [
            (self.look_ahead, f"look_ahead needs flow both ways, {name} points back only"),
            (
                self.warping is Warping.EQ1,
                f"warping=eq1 needs flow to the later frame, {name} points back: use warping=exact",
            ),
            (
                self.flows_per_step == 2,
                f"iam.flows=2 needs flow both ways, {name} points back only: use iam.flows=1",
            ),
        ]

    @property
    def needs_doubt(self) -> bool:
        """Tell whether the mask of inconsistent labels is needed."""
        is_adaptive = self.schedule.kind is ScheduleKind.ADAPTIVE
        return self.warp and (self.refine is not Refine.NEVER or is_adaptive or self.iam.always)

    @property
    def finds_cuts(self) -> bool:
        """Tell whether scene cuts are looked for; key frames that are given are left alone."""
        return self.schedule.cuts and self.schedule.kind is not ScheduleKind.GIVEN

    @property
    def carries_feature(self) -> bool:
        """Tell whether a tapped feature is carried; the refiner may want one too."""
        return self.mode in {Mode.FEATURES, Mode.FUSION}

    @property
    def steps_per_cycle(self) -> int:
        """Frames of a fixed cycle that something is carried to."""
        if not self.warp:
            return 0
        return self.interval if self.refine is Refine.FUSE else self.interval - 1

    @property
    def flows_per_step(self) -> int:
        """Flow fields that a step needs."""
        return 2 if self.needs_doubt and self.iam.flows == 2 else 1

    @property
    def refinements_per_cycle(self) -> int:
        """Frames of a fixed cycle that the refiner sees, if none is left out."""
        if self.refine is Refine.EVERY:
            return self.interval - 1
        return int(self.refine is Refine.LAST and self.interval > 1)

    @property
    def fusions_per_cycle(self) -> int:
        """Frames of a fixed cycle that are fused without a refiner."""
        return int(self.refine is Refine.FUSE)
