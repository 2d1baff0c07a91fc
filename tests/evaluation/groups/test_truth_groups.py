"""IoU and boundaries as ``vstc evaluate`` gathers them."""

from __future__ import annotations

import numpy as np
import pytest

from tests.evaluation.frames import clip_of, feed
from vstc.evaluation.groups.boundary import BoundaryGroup
from vstc.evaluation.groups.segmentation import SegmentationGroup
from vstc.metrics.confusion import AbsentClass


def box(left):
    labels = np.zeros((40, 60), np.uint8)
    labels[10:30, left : left + 20] = 1
    return labels


def score(group, predicted, true):
    clip = clip_of("a", len(predicted), labelled=range(len(predicted)))
    gatherer = group.gatherer()
    return gatherer.add(clip, feed(group, clip, predicted, true)), gatherer.scores()


def test_frames_are_scored_alone_and_the_set_together():
    rows, scores = score(SegmentationGroup(2), [box(10), box(15)], [box(10), box(10)])
    assert rows.frames[0] == {"labelled_pixels": 2400, "accuracy": 1.0, "miou": 1.0}
    assert rows.frames[1]["accuracy"] == pytest.approx(1 - 200 / 2400)
    hit, error = 400 + 300, 100
    assert scores.per_class["iou"][1] == pytest.approx(hit / (hit + 2 * error))
    assert scores.counts == {"labelled_frames": 2, "labelled_pixels": 4800}


def test_excluded_classes_leave_the_mean_but_not_the_counts():
    with_all = score(SegmentationGroup(2), [box(15)], [box(10)])[1]
    without = score(SegmentationGroup(2, excluded=[0]), [box(15)], [box(10)])[1]
    assert without.totals["miou"] == with_all.per_class["iou"][1]
    assert without.totals["aacc"] == with_all.totals["aacc"]
    assert without.extra == with_all.extra


def test_an_absent_class_is_null_or_zero():
    null = score(SegmentationGroup(3), [box(10)], [box(10)])[1]
    zero = score(SegmentationGroup(3, absent=AbsentClass.ZERO), [box(10)], [box(10)])[1]
    assert (null.totals["miou"], zero.totals["miou"]) == (1.0, pytest.approx(2 / 3))
    assert null.per_class["iou"][2] is None


def test_a_shifted_box_keeps_its_outline_within_the_tolerance():
    # The diagonal of 72 px allows an outline to be one pixel off.
    group = BoundaryGroup(2, class_ids=(1,))
    rows, near = score(group, [box(11)], [box(10)])
    _, far = score(group, [box(14)], [box(10)])
    assert near.totals["boundary_f"] == 1
    assert far.totals["boundary_f"] < 0.7
    assert near.totals["region_j"] == pytest.approx(380 / 420)
    assert rows.frames[0]["region_j"] == near.totals["region_j"]
    assert near.per_class["boundary_f"] == [None, 1.0]
