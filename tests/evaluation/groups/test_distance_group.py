from __future__ import annotations

import numpy as np
import pytest

from tests.evaluation.frames import clip_of, feed
from vstc.errors import InputError
from vstc.evaluation.groups.distance import DistanceGroup
from vstc.formats.propagation_log import (
    PropagatedFrame,
    propagation_log,
    read_propagation_log,
)


def half(share):
    """Class 1 in the upper share of the picture."""
    labels = np.zeros((40, 10), np.uint8)
    labels[: round(40 * share)] = 1
    return labels


def test_scores_are_split_by_the_distance_from_the_key_frame():
    predicted = [half(0.5), half(0.4), half(0.25), half(0.5), half(0.4)]
    clip = clip_of("a", 5, labelled=range(5))
    group = DistanceGroup(2, distances=lambda _clip: {0: 0, 1: 1, 2: 2, 3: 0, 4: 1})
    gatherer = group.gatherer()
    rows = gatherer.add(clip, feed(group, clip, predicted, [half(0.5)] * 5))
    scores = gatherer.scores()
    near, far = (16 / 20 + 20 / 24) / 2, (10 / 20 + 20 / 30) / 2
    assert scores.totals["miou_key"] == 1
    assert scores.totals["miou_worst"] == pytest.approx(far)
    assert scores.totals["miou_cycle"] == pytest.approx((1 + near + far) / 3)
    assert far < scores.totals["miou_propagated"] < near
    assert [entry["frames"] for entry in scores.extra["per_distance"]] == [2, 2, 1]
    assert rows.frames[2] == {"distance": 2}


def test_without_any_propagated_frame_there_is_nothing_but_key_frames():
    clip = clip_of("a", 2, labelled=range(2))
    group = DistanceGroup(2, distances=lambda _clip: {0: 0, 1: 0})
    gatherer = group.gatherer()
    gatherer.add(clip, feed(group, clip, [half(0.5)] * 2, [half(0.5)] * 2))
    totals = gatherer.scores().totals
    assert totals["miou_key"] == 1
    assert totals["miou_propagated"] is None
    assert totals["miou_worst"] is None


def test_a_log_survives_its_file_form(tmp_path):
    log = [
        PropagatedFrame(0, "000", 0, is_refined=False, flagged_share=None),
        PropagatedFrame(1, "001", 0, is_refined=True, flagged_share=0.1 + 0.2),
        PropagatedFrame(2, "002", 4, is_refined=False, flagged_share=0.0),
    ]
    path = tmp_path / "propagation.csv"
    path.write_bytes(propagation_log(log))
    assert read_propagation_log(path) == log
    assert [entry.distance for entry in log] == [0, 1, 2]
    path.write_text("index,frame\n0,a\n")
    with pytest.raises(InputError, match="no log of propagation"):
        read_propagation_log(path)
