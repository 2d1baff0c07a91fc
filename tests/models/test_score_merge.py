"""The merging layer: the mean until it is trained, and only of scores that belong together."""

from __future__ import annotations

import pytest
import torch

from vstc.models.score_merge import ScoreMerge


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("num_classes", [2, 11, 150])
def test_untrained_it_is_the_mean_of_both(num_classes: int) -> None:
    one, two = drawn(2, num_classes, 3, 5), drawn(2, num_classes, 3, 5, seed=1)
    merge = ScoreMerge(num_classes)
    torch.testing.assert_close(merge(one, two), (one + two) / 2)
    assert sum(p.numel() for p in merge.parameters()) == 2 * num_classes**2 + num_classes


def test_it_is_one_matrix_and_a_bias_at_every_pixel() -> None:
    merge = ScoreMerge(3)
    weight, bias = drawn(3, 6, seed=2), drawn(3, seed=3)
    merge.load_state_dict({"conv.weight": weight[:, :, None, None], "conv.bias": bias})
    one, two = drawn(1, 3, 4, 4), drawn(1, 3, 4, 4, seed=1)
    merged = merge(one, two)
    for y in range(4):
        for x in range(4):
            both = torch.cat([one[0, :, y, x], two[0, :, y, x]])
            torch.testing.assert_close(merged[0, :, y, x], weight @ both + bias)


@pytest.mark.parametrize(
    ("one", "two"), [((1, 4, 2, 2), (1, 4, 2, 2)), ((1, 3, 2, 2), (1, 3, 4, 4))]
)
def test_other_classes_and_other_sizes_are_refused(
    one: tuple[int, ...], two: tuple[int, ...]
) -> None:
    with pytest.raises(ValueError, match="3 classes and one shape"):
        ScoreMerge(3)(torch.zeros(one), torch.zeros(two))
