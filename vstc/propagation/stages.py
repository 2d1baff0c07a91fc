"""The stages of propagation, one method each: key frame, step, repair, drawing.

Each takes what the one before returned and keeps nothing. Flow (``step_maps``) and drawing may
run in any thread; what calls a network belongs into one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from vstc.errors import ConfigError
from vstc.models.score_merge import ScoreMerge
from vstc.propagation.carrying.carry import Labels, ids_of_scores, resize_ids, resize_scores
from vstc.propagation.carrying.inconsistency import (
    Attention,
    StepMaps,
    attention,
    fuse_scores,
    settle,
)
from vstc.propagation.carrying.maps import Size
from vstc.propagation.chain import (
    Carried,
    ChainState,
    read_background,
    read_content,
    renew,
    start_chain,
    step_chain,
)
from vstc.propagation.frames import FlowMapper, FlowSource, Mapper, PreparedFrame, scaled_size
from vstc.propagation.networks import (
    HeadNetwork,
    KeyNetwork,
    KeyRequest,
    LightNetwork,
    RefinerInput,
    RefinerNetwork,
)
from vstc.propagation.settings import Carry, Mode, PropagateSettings, Refine


@dataclass(frozen=True)
class Networks:
    """The networks and the flow that propagation works with.

    Attributes:
        key: Segments key frames.
        flows: Where flow comes from; None if nothing is warped.
        refiner: For ``refine`` last and every.
        head: For ``features`` and ``fusion``: the key network's last layers.
        light: For ``fusion``.
        merge: For ``fusion``; its device is that of the scores.
    """

    key: KeyNetwork
    flows: FlowSource | None = None
    refiner: RefinerNetwork | None = None
    head: HeadNetwork | None = None
    light: LightNetwork | None = None
    merge: ScoreMerge | None = None

    def check(self, settings: PropagateSettings) -> None:
        """Refuse settings whose parts are missing.

        Raises:
            ConfigError: A part is missing.
        """
        wants_refiner = settings.refine in {Refine.LAST, Refine.EVERY}
        is_fusion = settings.mode is Mode.FUSION
        missing = [
            (settings.warp and self.flows is None, "warp=true needs a source of flow"),
            (
                wants_refiner and self.refiner is None,
                f"refine={settings.refine} needs a refiner: train one with vstc refiner train",
            ),
            (
                settings.carries_feature and self.head is None,
                f"mode={settings.mode} needs a network whose head can run alone: "
                "a run or a checkpoint, neither labels nor an exported program",
            ),
            (is_fusion and self.light is None, "mode=fusion needs a light network"),
            (is_fusion and self.merge is None, "mode=fusion needs a merging layer"),
        ]
        for is_missing, message in missing:
            if is_missing:
                raise ConfigError(message)


@dataclass(frozen=True)
class Outcome:
    """What a frame is to be drawn from.

    Attributes:
        size: Height and width of the frame.
        labels: Ids that are ready, (H, W).
        carried: The result as it was carried here.
        scores: Scores (1, K, h, w) of a head or of networks merged; beside ready labels the
            probabilities that are carried from here, None if none are.
    """

    size: Size
    labels: Labels | None = None
    carried: Carried | None = None
    scores: torch.Tensor | None = None


class Stages:
    """Runs single stages.

    Args:
        settings: How results are propagated.
        networks: With what.
        mapper: Makes the maps; None makes them of the networks' flow when they are asked for.

    Raises:
        ConfigError: A part is missing.
    """

    def __init__(
        self, settings: PropagateSettings, networks: Networks, *, mapper: Mapper | None = None
    ) -> None:
        networks.check(settings)
        self.settings = settings
        self.networks = networks
        self._mapper = mapper if settings.warp else None
        if settings.warp and mapper is None and networks.flows is not None:
            self._mapper = FlowMapper(networks.flows, settings)

    @property
    def _wants_refiner(self) -> bool:
        return self.settings.refine in {Refine.LAST, Refine.EVERY}

    def key_request(self, size: Size) -> KeyRequest:
        """Return what is wanted of key frames of a size."""
        refiner = self.networks.refiner
        return KeyRequest(
            scaled_size(size, self.settings.carry_scale),
            probabilities=self.settings.carry is Carry.PROBABILITIES,
            feature=self.settings.carries_feature
            or (self._wants_refiner and refiner is not None and refiner.takes_feature),
        )

    def place_key(
        self, frame: PreparedFrame, carried_here: ChainState | None = None
    ) -> tuple[ChainState, Outcome]:
        """Segment a key frame.

        Args:
            frame: The key frame.
            carried_here: With ``refine`` fuse: what was carried to it, to be fused with.

        Returns:
            The start of a chain, and what to draw.
        """
        settings = self.settings
        result = self.networks.key.segment(frame, self.key_request(frame.size))
        picture = self._picture(frame) if self._wants_refiner else None
        state = start_chain(
            frame.index,
            result,
            map_size=scaled_size(frame.size, settings.map_scale),
            picture=picture,
            settings=settings,
        )
        if carried_here is None:
            return state, Outcome(frame.size, labels=result.labels, scores=result.probabilities)
        assert isinstance(state.carried.content, torch.Tensor)
        fused = _fused(
            carried_here,
            self._warped(carried_here),
            state.carried.content,
            self._attention(carried_here),
        )
        # A new chain, but of pixels some of which are older than this frame.
        state = replace(state, carried=fused.carried, doubt=fused.doubt)
        return state, Outcome(frame.size, carried=state.carried)

    def maps(self, target: PreparedFrame, source: PreparedFrame) -> StepMaps | None:
        """Make the maps from a frame to its neighbour; None if nothing is warped.

        Args:
            target: The frame to carry to.
            source: The frame to carry from, earlier or later.
        """
        return None if self._mapper is None else self._mapper.maps(target, source)

    def step(self, state: ChainState, target: PreparedFrame, maps: StepMaps | None) -> ChainState:
        """Carry a result to a neighbour.

        Args:
            state: At the frame to carry from.
            target: The frame to carry to.
            maps: From one to the other; None holds the result.
        """
        if maps is None:
            return replace(state, index=target.index)
        return step_chain(state, target.index, maps, self.settings)

    def finish(
        self, state: ChainState, frame: PreparedFrame, *, is_last: bool
    ) -> tuple[ChainState, Outcome, bool]:
        """Do what is to be done at a frame that is no key frame: repair it, or run a head.

        Args:
            state: At this frame.
            frame: The frame.
            is_last: It is the last one that is carried from its key frame.

        Returns:
            The state to go on from, what to draw, and whether the refiner ran.
        """
        if self.settings.carries_feature:
            return state, Outcome(frame.size, scores=self._head_scores(state, frame)), False
        if not self._is_refined(state, is_last=is_last):
            return state, Outcome(frame.size, carried=state.carried), False
        state = self._repaired(state, frame)
        return state, Outcome(frame.size, carried=state.carried), True

    def content(self, outcome: Outcome) -> Labels | torch.Tensor:
        """Return what a frame is drawn from: ids (h, w), or scores (1, K, h, w)."""
        if outcome.labels is not None:
            return outcome.labels
        if outcome.scores is not None:
            return outcome.scores
        assert outcome.carried is not None
        return read_content(outcome.carried, self.settings.interpolation)

    def labels(self, content: Labels | torch.Tensor, size: Size) -> Labels:
        """Return ids at the size of the frame, from ids or scores of any size."""
        if not isinstance(content, torch.Tensor):
            return resize_ids(content, size)
        return ids_of_scores(content, size=size, channel_ids=self.networks.key.channel_ids)

    def _is_refined(self, state: ChainState, *, is_last: bool) -> bool:
        if self.settings.refine is Refine.LAST:
            return is_last
        share = state.flagged_share
        above = self.settings.refine_above
        is_above = above == 0 or (share is not None and share > above)
        return self.settings.refine is Refine.EVERY and is_above

    def _repaired(self, state: ChainState, frame: PreparedFrame) -> ChainState:
        refiner = self.networks.refiner
        assert refiner is not None
        warped, weights = self._warped(state), self._attention(state)
        size = (warped.shape[-2], warped.shape[-1])
        behind = read_background(state.background, self.settings.interpolation)
        given = RefinerInput(
            frame,
            warped,
            _resized(weights, size),
            behind.feature if refiner.takes_feature else None,
            None if behind.picture is None else self._residual(frame, behind.picture, size),
        )
        return _fused(state, warped, refiner.refine(given), weights)

    def _warped(self, state: ChainState) -> torch.Tensor:
        warped = read_content(state.carried, self.settings.interpolation)
        assert isinstance(warped, torch.Tensor)
        return warped

    def _attention(self, state: ChainState) -> Attention:
        given = self.settings.iam
        assert state.doubt is not None
        return attention(state.doubt, radius=given.radius, sigma=given.sigma, max_age=given.max_age)

    def _head_scores(self, state: ChainState, frame: PreparedFrame) -> torch.Tensor:
        head, light, merge = self.networks.head, self.networks.light, self.networks.merge
        behind = read_background(state.background, self.settings.interpolation)
        assert head is not None
        assert behind.feature is not None
        size = scaled_size(frame.size, self.settings.carry_scale)
        scores = head.classify(behind.feature, size)
        if self.settings.mode is not Mode.FUSION:
            return scores
        assert light is not None
        assert merge is not None
        with torch.inference_mode():
            merged: torch.Tensor = merge(scores, light.scores(frame, size))
        return merged

    def _picture(self, frame: PreparedFrame) -> NDArray[np.uint8] | None:
        refiner = self.networks.refiner
        if refiner is None or not refiner.takes_residual:
            return None
        return _small(frame.rgb, scaled_size(frame.size, self.settings.map_scale))

    def _residual(
        self, frame: PreparedFrame, carried: NDArray[np.uint8], size: Size
    ) -> NDArray[np.float32]:
        now = _small(frame.rgb, (carried.shape[0], carried.shape[1]))
        difference = cv2.absdiff(now, carried).mean(axis=2, dtype=np.float32) / 255
        return _resized(np.asarray(difference, np.float32), size)


def _fused(
    state: ChainState, warped: torch.Tensor, refined: torch.Tensor, weights: Attention
) -> ChainState:
    """Return the state after Eq. 4: refined where it is doubted."""
    assert state.doubt is not None
    probabilities = fuse_scores(
        warped, refined, _resized(weights, (warped.shape[-2], warped.shape[-1]))
    )
    return renew(state, probabilities, settle(state.doubt, weights))


def _small(rgb: NDArray[np.uint8], size: Size) -> NDArray[np.uint8]:
    return np.asarray(cv2.resize(rgb, (size[1], size[0]), interpolation=cv2.INTER_AREA), np.uint8)


def _resized(weights: NDArray[np.float32], size: Size) -> NDArray[np.float32]:
    if weights.shape == size:
        return weights
    return resize_scores(torch.from_numpy(weights)[None, None], size)[0, 0].numpy()
