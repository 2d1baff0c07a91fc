"""Settings of the training of a refiner: what is drawn, what is validated, what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from tests.training.refiner.made_refiners import tiny_refiner_settings
from vstc.config import resolve
from vstc.errors import ConfigError
from vstc.propagation.settings import Mode, Refine
from vstc.training.refiner.settings import RefinerSettings


def test_by_default_every_frame_is_refined_at_distances_up_to_four() -> None:
    settings = RefinerSettings()
    assert settings.largest_distance == 4
    assert settings.propagation.mode is Mode.EVS
    assert settings.propagation.refine is Refine.EVERY
    changed = resolve(RefinerSettings, sets=["propagation.iam.radius=2"])
    assert changed.propagation.iam.radius == 2
    assert changed.propagation.refine is Refine.EVERY


@pytest.mark.parametrize(
    ("interval", "chosen", "expected"),
    [
        (2, (), (1,)),
        (4, (), (1, 2, 3)),
        (5, (), (1, 2, 4)),
        (10, (), (1, 2, 4, 8, 9)),
        (10, (9, 3, 3), (3, 9)),
    ],
)
def test_distances_are_validated_in_doubling_steps_and_at_the_end(
    interval: int, chosen: tuple[int, ...], expected: tuple[int, ...]
) -> None:
    settings = tiny_refiner_settings(propagation={"interval": interval}, val_distances=chosen)
    assert settings.validated_distances == expected


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"propagation": {"refine": "never"}}, "propagation must be one that is refined"),
        ({"propagation": {"interval": 1}}, "must be at least 2"),
        ({"propagation": {"look_ahead": True}}, "look_ahead must be off"),
        ({"val_distances": [5]}, r"between 1 and propagation\.interval - 1 = 4"),
        ({"refiner": {"width": 6}}, "multiple of 4"),
        ({"refiner": {"cut": "r2"}}, r"refiner\.cut"),
        ({"targets": "none"}, "targets"),
    ],
)
def test_what_cannot_be_trained_is_refused(values: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        resolve(RefinerSettings, base=values)
