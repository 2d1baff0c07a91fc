"""Processes that share one evaluation, as ``torchrun`` starts them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from vstc.errors import ConfigError

_LONGEST_WAIT = timedelta(days=7)
Item = TypeVar("Item")


@dataclass(frozen=True)
class Team:
    """The place of this process among those that share the work.

    Attributes:
        rank: Number of this process; 0 leads.
        size: How many there are.
    """

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Tell whether this process opens and writes the artifact."""
        return self.rank == 0

    def share(self, items: Sequence[Item]) -> list[Item]:
        """Return this process's part of the work."""
        return list(items[self.rank :: self.size])

    def wait(self) -> None:
        """Wait for all processes to come to this place."""
        if self.size > 1:
            from torch import distributed

            distributed.barrier()

    def hear(self, value: bool) -> bool:
        """Return what the leading process says; what the others say does not count."""
        if self.size == 1:
            return value
        from torch import distributed

        said = [value]
        distributed.broadcast_object_list(said, src=0)
        return said[0]


def team_from_environment(environment: Mapping[str, str] = os.environ) -> Team:
    """Read rank and size from the variables that ``torchrun`` sets; a team of one without them.

    Raises:
        ConfigError: The variables do not make sense.
    """
    texts = environment.get("RANK", "0"), environment.get("WORLD_SIZE", "1")
    try:
        rank, size = int(texts[0]), int(texts[1])
    except ValueError:
        rank, size = -1, 0
    if not 0 <= rank < size:
        raise ConfigError(
            f"RANK={texts[0]} and WORLD_SIZE={texts[1]} do not name a process",
            hint="start with torchrun, or unset both variables",
        )
    return Team(rank, size)


@contextmanager
def joined(team: Team) -> Iterator[Team]:
    """Connect the processes of a team for as long as the context lasts."""
    if team.size == 1:
        yield team
        return
    from torch import distributed

    distributed.init_process_group(
        "gloo", rank=team.rank, world_size=team.size, timeout=_LONGEST_WAIT
    )
    try:
        yield team
    finally:
        distributed.destroy_process_group()
