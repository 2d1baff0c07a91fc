"""Settings of a training run: what is refused, what a recipe sets."""

from __future__ import annotations

from typing import Any

import pytest

from tests.tiny_runs import tiny_settings
from vstc.config import resolve
from vstc.errors import ConfigError
from vstc.training.settings import RECIPES, TrainSettings


@pytest.mark.parametrize(
    ("text", "nearest"),
    [("[100, 97]", 97), ("[97, 104]", 105), ("[4, 97]", 9), ("[768, 769]", 769)],
)
def test_a_crop_off_the_grid_is_refused_with_the_nearest_that_fits(text: str, nearest: int) -> None:
    with pytest.raises(ConfigError, match=f"crop.*8 n \\+ 1, for instance {nearest}$"):
        resolve(TrainSettings, sets=[f"crop={text}"])


@pytest.mark.parametrize(
    "text",
    [
        "batch=1",
        "scale=[2, 0.5]",
        "scale=[0, 1]",
        "ratio=[0, 0]",
        "ratio=[1, -1]",
        'terms=["ce", "ce"]',
        "terms=[]",
        'terms=["ce", "xy"]',
        "weights.tl=-1",
        "lr=0",
        "frames=4",
        "tl.form=cosine",
        "ohem=0.7",
        "ohem=much:10",
        "gap=0",
    ],
)
def test_values_out_of_range_are_refused_by_name(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        resolve(TrainSettings, sets=[text])
    assert text.split("=")[0] in caught.value.message + str(caught.value.hint) or "terms" in text


@pytest.mark.parametrize("name", RECIPES)
def test_recipes_hold_known_settings_only(name: str) -> None:
    settings = resolve(TrainSettings, base=RECIPES[name])
    assert settings.crop == (769, 769)
    assert resolve(TrainSettings, base=RECIPES[name], sets=["lr=0.5"]).lr == 0.5


@pytest.mark.parametrize(
    ("terms", "changes", "needs_neighbours", "needs_past"),
    [
        (("ce",), {}, False, False),
        (("ce", "sf"), {}, False, False),
        (("ce", "tl"), {}, True, False),
        (("ce", "tl"), {"tl": {"pairs": "both"}}, True, True),
        (("ce", "mf"), {}, True, True),
        (("ce", "pf", "tl"), {"frames": 2}, True, False),
    ],
)
def test_terms_decide_how_many_frames_a_sample_has(
    terms: tuple[str, ...], changes: dict[str, Any], needs_neighbours: bool, needs_past: bool
) -> None:
    settings = tiny_settings(terms=terms, **changes)
    assert (settings.needs_neighbours, settings.needs_past) == (needs_neighbours, needs_past)
