"""What the program says: the result on stdout, everything else on stderr."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

_QUIET = False
_VERBOSE = False


def set_verbosity(*, quiet: bool, verbose: bool) -> None:
    """Choose how much is said on stderr for the rest of the process."""
    global _QUIET, _VERBOSE
    _QUIET, _VERBOSE = quiet, verbose


def is_verbose() -> bool:
    """Tell whether ``--verbose`` was asked for."""
    return _VERBOSE


def _stderr() -> Console:
    from rich.console import Console

    return Console(stderr=True, highlight=False, soft_wrap=True)


def note(message: str) -> None:
    """Say one line on stderr, unless ``--quiet``."""
    if not _QUIET:
        _stderr().print(message, markup=False)


def detail(message: str) -> None:
    """Say one line on stderr with ``--verbose`` only."""
    if _VERBOSE:
        note(message)


def warn(message: str) -> None:
    """Say a warning on stderr, also with ``--quiet``."""
    _stderr().print(f"warning: {message}", style="yellow", markup=False)


def report_error(message: str, hint: str | None) -> None:
    """Print an error and its hint in the form that every command shares."""
    console = _stderr()
    console.print("error: ", style="bold red", end="", markup=False)
    console.print(message, markup=False)
    if hint:
        console.print(f"\nhint: {hint}", markup=False)


def result(
    data: Mapping[str, Any],
    *,
    as_json: bool,
    render: Callable[[], Any],
    is_stdout_taken: bool = False,
) -> None:
    """Print a command's result on stdout.

    Args:
        data: The result as plain JSON values; printed when ``as_json`` is set.
        as_json: Print one JSON object instead of the rendered form.
        render: Makes the rich renderable (or string) for people; called only when needed.
        is_stdout_taken: Something else goes there: print for people on stderr, unless
            ``--quiet``.
    """
    if is_stdout_taken:
        if not _QUIET:
            _stderr().print(render(), markup=False)
        return
    if as_json:
        sys.stdout.write(json.dumps(data, indent=2, sort_keys=True, allow_nan=False) + "\n")
        sys.stdout.flush()
        return
    from rich.console import Console

    width = None if sys.stdout.isatty() else 160
    Console(highlight=False, markup=False, width=width).print(render())


@contextmanager
def track(label: str, total: int | None, *, unit: str = "items") -> Iterator[Callable[[int], None]]:
    """Show progress on stderr: a bar on a terminal, else a line per 10 %.

    Args:
        label: What is being done.
        total: How many units there are; None when unknown.
        unit: Name of the unit, in the plural.

    Yields:
        A function that takes the number of units that were just finished.
    """
    if _QUIET:
        yield lambda _count: None
        return
    if sys.stderr.isatty():
        with _bar(label, total, unit) as advance:
            yield advance
        return
    yield _line_per_tenth(label, total, unit)


@contextmanager
def _bar(label: str, total: int | None, unit: str) -> Iterator[Callable[[int], None]]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as Remaining

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        Remaining(),
    )
    started = time.monotonic()
    with Progress(*columns, console=_stderr(), transient=False) as progress:
        task = progress.add_task(label, total=total, rate="")

        def advance(count: int) -> None:
            done = progress.tasks[0].completed + count
            rate = done / max(time.monotonic() - started, 1e-6)
            progress.update(task, advance=count, rate=f"{rate:.1f} {unit}/s")

        yield advance


def _line_per_tenth(label: str, total: int | None, unit: str) -> Callable[[int], None]:
    started = time.monotonic()
    state = {"done": 0, "said": 0}

    def advance(count: int) -> None:
        state["done"] += count
        if not total:
            return
        tenth = 10 * state["done"] // total
        if tenth > state["said"]:
            state["said"] = tenth
            seconds = max(time.monotonic() - started, 1e-6)
            rate = state["done"] / seconds
            left = (total - state["done"]) / max(rate, 1e-9)
            note(f"{label}: {state['done']}/{total} {unit}, {rate:.1f} {unit}/s, {left:.0f} s left")

    return advance
