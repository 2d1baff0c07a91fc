from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vstc.metrics.ranking import Ranks, rank_table

# Liu et al. 2022, Table V: mIoU, its rank, TC, its rank, fps, its rank, R.
TABLE_V = [
    (67.7, 24, 71.2, 3, 16.5, 15, 15),  # CC
    (68.7, 23, 71.4, 2, 9.7, 17, 15),  # DFF
    (72.1, 16, 70.3, 9, 3.6, 23, 21),  # Accel
    (78.8, 2, 69.7, 14, 1.7, 24, 14),  # PSPNet ResNet101
    (74.5, 11, 68.2, 20, 14.4, 16, 19),  # SKD-MV2
    (72.7, 15, 67.6, 21, 8.0, 22, 24),  # SKD-R18
    (69.8, 22, 68.5, 18, 9.5, 18, 24),  # PSPNet18
    (75.6, 9, 69.1, 16, 18.9, 11, 11),  # HRNet-w18
    (70.2, 21, 68.4, 19, 20.8, 7, 19),  # MobileNetV2
    (66.0, 25, 62.5, 24, 83, 3, 23),  # ESPNetV2
    (76.0, 7, 53.7, 25, 35, 5, 13),  # harDNet
    (71.3, 18, 67.2, 23, 156, 1, 15),  # BiseNetV2
    (79.5, 1, 71.7, 1, 1.7, 24, 4),  # teacher
    (71.1, 19, 70.0, 12, 9.5, 18, 22),  # PSPNet18+TL
    (73.1, 13, 70.6, 5, 9.5, 18, 11),  # PSPNet18 of the conference paper
    (75.9, 8, 70.7, 4, 9.5, 18, 6),  # PSPNet18_Video
    (76.4, 6, 69.6, 15, 18.9, 11, 7),  # HRNet-w18+TL
    (76.6, 5, 70.1, 11, 18.9, 11, 5),  # HRNet-w18 of the conference paper
    (78.6, 4, 70.6, 5, 18.9, 11, 2),  # HRNet-w18_Video
    (70.7, 20, 70.4, 7, 20.8, 7, 10),  # MobileNetV2+TL
    (73.9, 12, 69.9, 13, 20.8, 7, 7),  # MobileNetV2 of the conference paper
    (75.5, 10, 70.4, 7, 20.8, 7, 3),  # MobileNetV2_Video
    (72.8, 14, 68.7, 17, 156, 1, 9),  # BiseNetV2_Video: a misprint, see below
    (78.7, 3, 70.3, 9, 35, 5, 1),  # harDNet_Video
    (71.5, 17, 67.3, 22, 83, 3, 15),  # ESPNetV2_Video
]
MISPRINT = 22
RUNS = st.lists(st.tuples(*[st.floats(0, 100)] * 3), min_size=1, max_size=12)


def test_ranks_equal_those_of_the_paper():
    # GRFP and NaiveS lack a value: they take no place in the paper either.
    runs = [row[:5:2] for row in TABLE_V] + [(69.4, None, 3.2), (82.0, None, None)]
    table = rank_table(runs)
    for index, row in enumerate(TABLE_V):
        assert table[index].parts == row[1:6:2]
        if index != MISPRINT:
            assert table[index].r == row[6]
    assert table[25:] == [Ranks(), Ranks()]


def test_the_misprint_of_the_paper_has_the_sum_of_two_runs_in_place_seven():
    table = rank_table([row[:5:2] for row in TABLE_V])
    assert [table[i].total for i in (16, 20, MISPRINT)] == [32, 32, 32]
    assert [table[i].r for i in (16, 20, MISPRINT)] == [7, 7, 7]


def test_one_run_alone_is_first():
    assert rank_table([(0.7, 0.6, 30.0)]) == [Ranks((1, 1, 1), 3, 1)]


def test_equal_runs_share_the_best_place():
    best, tied = (0.9, 0.9, 9.0), (0.5, 0.5, 5.0)
    table = rank_table([tied, best, tied, (0.1, 0.1, 1.0)])
    assert [ranks.r for ranks in table] == [2, 1, 2, 4]


def test_runs_without_a_value_take_no_place():
    assert rank_table([(None, 0.9, 9.0), (0.1, 0.1, 1.0)]) == [Ranks(), Ranks((1, 1, 1), 3, 1)]
    assert rank_table([(None, 0.9, 9.0)]) == [Ranks()]
    assert rank_table([]) == []


@given(runs=RUNS, data=st.data())
def test_the_order_of_the_runs_does_not_matter(runs, data):
    order = data.draw(st.permutations(range(len(runs))))
    table = rank_table(runs)
    assert rank_table([runs[i] for i in order]) == [table[i] for i in order]


@given(runs=RUNS)
def test_places_count_the_better_runs(runs):
    for values, ranks in zip(runs, rank_table(runs), strict=True):
        better = [sum(other[i] > values[i] for other in runs) + 1 for i in range(3)]
        assert ranks.parts == tuple(better)
        assert ranks.total == sum(better)


def test_runs_with_other_values_are_refused():
    with pytest.raises(ValueError, match="same values"):
        rank_table([(0.5, 0.5), (0.5, 0.5, 1.0)])
