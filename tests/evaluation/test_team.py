from __future__ import annotations

import pytest

from vstc.errors import ConfigError
from vstc.evaluation.team import Team, joined, team_from_environment


def test_without_torchrun_a_process_is_alone():
    team = team_from_environment({})
    assert (team.rank, team.size, team.leads) == (0, 1, True)


def test_rank_and_size_come_from_the_environment():
    team = team_from_environment({"RANK": "1", "WORLD_SIZE": "3"})
    assert team == Team(1, 3)
    assert not team.leads


@pytest.mark.parametrize(
    "environment",
    [
        {"RANK": "3", "WORLD_SIZE": "3"},
        {"RANK": "one", "WORLD_SIZE": "2"},
        {"RANK": "-1", "WORLD_SIZE": "2"},
        {"WORLD_SIZE": "0"},
    ],
)
def test_variables_that_name_no_process_are_refused(environment):
    with pytest.raises(ConfigError, match="do not name a process"):
        team_from_environment(environment)


def test_shares_are_all_of_the_work_and_nothing_twice():
    items = list(range(11))
    shares = [Team(rank, 3).share(items) for rank in range(3)]
    assert sorted(item for share in shares for item in share) == items
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_a_team_of_one_needs_no_connection():
    with joined(Team()) as team:
        team.wait()
        assert team.hear(True)
        assert not team.hear(False)
