from __future__ import annotations

import numpy as np
import pytest

from vstc.bench.label_scenes import LARGE_CLASSES, NUM_CLASSES, SMALL_CLASSES, make_label_maps
from vstc.metrics.stability.contour import find_contours, resample


def test_maps_move_slowly_and_are_always_the_same():
    maps, again = make_label_maps((128, 256), 3), make_label_maps((128, 256), 3)
    assert all(np.array_equal(a, b) for a, b in zip(maps, again, strict=True))
    changed = [(a != b).mean() for a, b in zip(maps, maps[1:], strict=False)]
    assert all(0 < share < 0.2 for share in changed)
    other = make_label_maps((128, 256), 1, seed=5)
    assert not np.array_equal(other[0], maps[0])


@pytest.mark.parametrize("size", [(64, 96), (200, 100), (1024, 2048)])
def test_maps_hold_the_classes_of_a_street(size):
    labels = make_label_maps(size, 1)[0]
    assert (labels.shape, labels.dtype) == (size, np.uint8)
    present = set(np.unique(labels).tolist())
    assert present <= {*LARGE_CLASSES, *SMALL_CLASSES} <= set(range(NUM_CLASSES))
    assert set(LARGE_CLASSES) <= present


def test_outlines_of_the_large_regions_are_as_long_as_complicated_ones_of_cityscapes():
    for labels in make_label_maps((1024, 2048), 2):
        for k in LARGE_CLASSES:
            contour = find_contours(labels == k).with_most_vertices()
            assert 1800 <= len(resample(contour)) <= 2700
