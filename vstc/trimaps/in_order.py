"""Work in threads whose results come in order, so that files and sums are always the same."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from typing import TypeVar

Given = TypeVar("Given")
Made = TypeVar("Made")


def map_in_order(
    pool: Executor, work: Callable[[Given], Made], items: Iterable[Given], *, ahead: int
) -> Iterator[Made]:
    """Apply a function to items in a pool, a few at a time.

    Args:
        pool: Where the work is done.
        work: The function.
        items: Taken by the calling thread, only as fast as results are taken.
        ahead: How many items may be in work or wait as results.

    Yields:
        Results in the order of the items. What ``work`` raises is raised here in its turn; items
        that were not begun are dropped then.
    """
    waiting: deque[Future[Made]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) >= ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()
