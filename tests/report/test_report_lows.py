"""The worst pairs and frames: by the drop in their own clip, and not twice the same moment."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vstc.report.lows import lowest_frames, lowest_pairs
from vstc.report.scores import FrameScore, PairScore


def pairs(*values: float | None) -> list[PairScore]:
    return [PairScore(index, value) for index, value in enumerate(values)]


def frames(*values: float | None) -> list[FrameScore]:
    return [FrameScore(index, 0.9, value) for index, value in enumerate(values)]


def test_pair_is_judged_by_its_own_clip() -> None:
    steady = pairs(0.9, 0.9, 0.9, 0.7, 0.9)
    restless = pairs(0.5, 0.5, 0.5, 0.4, 0.5)
    first, second = lowest_pairs({"steady": steady, "restless": restless}, count=2)
    assert (first.clip, first.index, first.value, first.usual) == ("steady", 3, 0.7, 0.9)
    assert second.clip == "restless"


def test_flat_line_has_no_low() -> None:
    assert lowest_pairs({"c": pairs(0.8, 0.8, 0.8)}, count=3) == ()
    assert lowest_pairs({"c": pairs(0.8, 0.795, 0.8)}, count=3, least_drop=0.01) == ()


def test_unknown_values_do_not_count() -> None:
    assert lowest_pairs({"c": pairs(None, None)}, count=3) == ()
    assert [low.index for low in lowest_pairs({"c": pairs(0.9, None, 0.9, 0.5)}, count=3)] == [3]


def test_neighbours_of_a_low_are_the_same_moment() -> None:
    shaken = pairs(0.9, 0.9, 0.5, 0.4, 0.5, 0.9, 0.6, 0.9, 0.9, 0.9)
    assert [low.index for low in lowest_pairs({"c": shaken}, count=3)] == [3, 6]


def test_frame_with_the_lowest_miou_comes_first() -> None:
    found = lowest_frames({"a": frames(0.9, 0.8, 0.9), "b": frames(0.5, None, 1.0)}, count=5)
    assert [(low.clip, low.index) for low in found] == [("b", 0), ("a", 1)]


def test_frame_that_is_all_right_is_no_low() -> None:
    assert lowest_frames({"a": frames(1.0, 1.0)}, count=5) == ()


@given(
    st.dictionaries(
        st.sampled_from("abc"), st.lists(st.none() | st.floats(0, 1), max_size=25), max_size=3
    ),
    st.integers(0, 6),
)
def test_lows_are_ordered_apart_and_not_too_many(
    values: dict[str, list[float | None]], count: int
) -> None:
    found = lowest_pairs({clip: pairs(*known) for clip, known in values.items()}, count=count)
    assert len(found) <= count
    assert [low.drop for low in found] == sorted((low.drop for low in found), reverse=True)
    for low in found:
        assert low.drop > 0
        others = [o.index for o in found if o.clip == low.clip and o is not low]
        assert all(abs(low.index - other) >= 3 for other in others)
