"""A chain: a key frame's result on its way from frame to frame, forwards or backwards in time.

States are never changed; a step makes a new one. So a state may be drawn in one thread while
another goes on from it. ``StepMaps`` come in, nothing is computed twice, nothing is kept but the
last state: memory does not depend on the length of a chain.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from vstc.propagation.carrying.carry import (
    Interpolation,
    Labels,
    carry_ids,
    carry_picture,
    carry_values,
    likeliest,
    resize_ids,
)
from vstc.propagation.carrying.inconsistency import Doubt, StepMaps, gather_doubt, no_doubt
from vstc.propagation.carrying.maps import (
    Map,
    Size,
    compose_maps,
    map_to_tensor,
    positions_in_cells,
    scale_map,
)
from vstc.propagation.networks import Feature, KeyResult
from vstc.propagation.settings import Carry, PropagateSettings, Scheme

Array8 = NDArray[np.uint8]


@dataclass(frozen=True)
class Carried:
    """Something of one moment, and where the current frame finds it.

    Attributes:
        content: Ids (h, w) or probabilities (1, K, h, w) at the size of what is carried.
        check: Ids at the size of the maps, for the mask; None where none is needed.
        map_to_cur: Where the current frame's pixels are found in it, at the size of the maps;
            None if it lies on the current frame's own grid.
    """

    content: Labels | torch.Tensor
    check: Labels | None
    map_to_cur: Map | None


@dataclass(frozen=True)
class Background:
    """What a head or a refiner wants to know of the key frame.

    Attributes:
        feature: The tapped map; None if not wanted.
        picture: The key frame at the size of the maps, (h, w, 3); None if not wanted.
        map_to_cur: As in ``Carried``; refining renews the content but not this.
    """

    feature: Feature | None
    picture: Array8 | None
    map_to_cur: Map | None


@dataclass(frozen=True)
class ChainState:
    """A chain at one frame.

    Attributes:
        index: Place of the frame.
        key_index: Place of the key frame, before or after it.
        carried: The result.
        background: What else is carried.
        doubt: Where the result is not to be trusted; None where no mask is needed.
    """

    index: int
    key_index: int
    carried: Carried
    background: Background
    doubt: Doubt | None

    @property
    def flagged_share(self) -> float | None:
        """Share of flagged pixels; None where no mask is needed."""
        return None if self.doubt is None else self.doubt.share


def start_chain(
    index: int,
    result: KeyResult,
    *,
    map_size: Size,
    picture: Array8 | None,
    settings: PropagateSettings,
) -> ChainState:
    """Begin at a key frame.

    Args:
        index: Its place.
        result: What the network found.
        map_size: Height and width of the maps.
        picture: The key frame at that size, where the refiner wants the residual.
        settings: Say what is carried.
    """
    content: Labels | torch.Tensor = result.small_labels
    if settings.carry is Carry.PROBABILITIES:
        assert result.probabilities is not None
        content = result.probabilities
    check = resize_ids(result.small_labels, map_size) if settings.needs_doubt else None
    return ChainState(
        index=index,
        key_index=index,
        carried=Carried(content, check, None),
        background=Background(result.feature, picture, None),
        doubt=no_doubt(map_size) if settings.needs_doubt else None,
    )


def step_chain(
    state: ChainState, index: int, maps: StepMaps, settings: PropagateSettings
) -> ChainState:
    """Carry everything to the neighbour.

    Args:
        state: At the frame that is known.
        index: Place of the frame to carry to.
        maps: From one to the other.
        settings: Say how.
    """
    carried, background, doubt = state.carried, state.background, state.doubt
    if doubt is not None:
        labels = check_labels(state)
        doubt = gather_doubt(doubt, labels, maps, with_outside=settings.iam.outside)
    if settings.scheme is Scheme.CHAINED:
        new = Carried(
            _read(carried.content, maps.there, settings.interpolation),
            None if carried.check is None else carry_ids(carried.check, maps.there),
            None,
        )
        behind = _read_background(background, maps.there, settings.interpolation)
        return ChainState(index, state.key_index, new, behind, doubt)
    path = _onwards(carried.map_to_cur, maps.there)
    # Mostly both have come the same way; then it is composed once.
    is_shared = background.map_to_cur is carried.map_to_cur
    is_alone = background.feature is None and background.picture is None
    far = path if is_shared or is_alone else _onwards(background.map_to_cur, maps.there)
    return ChainState(
        index,
        state.key_index,
        replace(carried, map_to_cur=path),
        replace(background, map_to_cur=far),
        doubt,
    )


def renew(state: ChainState, probabilities: torch.Tensor, doubt: Doubt) -> ChainState:
    """Put a refined result in place of the carried one; features stay the key frame's.

    Args:
        state: At the frame that was refined.
        probabilities: (1, K, h, w).
        doubt: What is still doubted.
    """
    size = (doubt.flagged.shape[0], doubt.flagged.shape[1])
    check = likeliest(probabilities[0], size)
    return replace(state, carried=Carried(probabilities, check, None), doubt=doubt)


def check_labels(state: ChainState) -> Labels:
    """Return the ids of the state's frame at the size of the maps."""
    check, path = state.carried.check, state.carried.map_to_cur
    assert check is not None
    return check if path is None else carry_ids(check, path)


def read_content(carried: Carried, interpolation: Interpolation) -> Labels | torch.Tensor:
    """Return the carried ids or probabilities on the current frame's grid."""
    if carried.map_to_cur is None:
        return carried.content
    return _read(carried.content, carried.map_to_cur, interpolation)


def read_background(background: Background, interpolation: Interpolation) -> Background:
    """Return feature and picture on the current frame's grid."""
    if background.map_to_cur is None:
        return background
    return _read_background(background, background.map_to_cur, interpolation)


def _onwards(path: Map | None, there: Map) -> Map:
    return there if path is None else compose_maps(path, there)


def _read(
    content: Labels | torch.Tensor, path: Map, interpolation: Interpolation
) -> Labels | torch.Tensor:
    if not isinstance(content, torch.Tensor):
        return carry_ids(content, path)
    size = (content.shape[-2], content.shape[-1])
    places = map_to_tensor(scale_map(path, size), content.device)
    return carry_values(content, places, interpolation=interpolation)


def _read_background(background: Background, path: Map, interpolation: Interpolation) -> Background:
    feature, picture = background.feature, background.picture
    if feature is not None:
        places = positions_in_cells(path, feature.grid, feature.frame_size)
        values = carry_values(
            feature.values, places.to(feature.values.device), interpolation=interpolation
        )
        feature = replace(feature, values=values)
    if picture is not None:
        picture = carry_picture(picture, path)
    return Background(feature, picture, None)
