"""What is said where: the result on stdout, everything else on stderr."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
from rich.table import Table

from vstc import console


@pytest.fixture(autouse=True)
def _plain_verbosity() -> Iterator[None]:
    console.set_verbosity(quiet=False, verbose=False)
    yield
    console.set_verbosity(quiet=False, verbose=False)


Captured = pytest.CaptureFixture[str]


def never() -> str:
    raise AssertionError


def test_json_result_is_one_sorted_object_on_stdout(capsys: Captured) -> None:
    console.result({"b": None, "a": [1.5]}, as_json=True, render=never)
    said = capsys.readouterr()
    assert said.out == '{\n  "a": [\n    1.5\n  ],\n  "b": null\n}\n'
    assert said.err == ""


def test_json_result_refuses_nan() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        console.result({"miou": float("nan")}, as_json=True, render=never)


def test_rendered_result_goes_to_stdout_with_all_its_brackets(capsys: Captured) -> None:
    table = Table("name", "value", title="a [title]")
    table.add_row("[vstc.flow 0123]", "[/tmp/x] [red]")
    console.result({}, as_json=False, render=lambda: table)
    said = capsys.readouterr()
    for part in ("a [title]", "[vstc.flow 0123]", "[/tmp/x] [red]"):
        assert part in said.out
    assert said.err == ""


def test_plain_text_result_is_printed_as_it_is(capsys: Captured) -> None:
    console.result({}, as_json=False, render=lambda: "mIoU [bold] 0.5")
    assert capsys.readouterr().out == "mIoU [bold] 0.5\n"


def test_notes_and_warnings_go_to_stderr_unbroken(capsys: Captured) -> None:
    long = "word " * 60 + "[end]"
    console.note(long)
    console.warn(long)
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == f"{long}\nwarning: {long}\n"


@pytest.mark.parametrize(
    ("quiet", "verbose", "expected"),
    [
        (False, False, ["note", "warning: warn"]),
        (True, False, ["warning: warn"]),
        (False, True, ["note", "detail", "warning: warn"]),
    ],
)
def test_quiet_and_verbose(
    capsys: Captured, quiet: bool, verbose: bool, expected: list[str]
) -> None:
    console.set_verbosity(quiet=quiet, verbose=verbose)
    console.note("note")
    console.detail("detail")
    console.warn("warn")
    assert capsys.readouterr().err.splitlines() == expected


@pytest.mark.parametrize(("total", "step"), [(100, 1), (7, 1), (1000, 37)])
def test_progress_without_a_terminal_is_at_most_a_line_per_tenth(
    capsys: Captured, total: int, step: int
) -> None:
    with console.track("flow", total, unit="pairs") as advance:
        for start in range(0, total, step):
            advance(min(step, total - start))
    lines = capsys.readouterr().err.splitlines()
    assert 1 <= len(lines) <= 10
    assert lines[-1].startswith(f"flow: {total}/{total} pairs, ")
    assert lines[-1].endswith(" pairs/s, 0 s left")


@pytest.mark.parametrize("total", [None, 0])
def test_progress_of_unknown_length_says_nothing(capsys: Captured, total: int | None) -> None:
    with console.track("flow", total) as advance:
        advance(5)
    assert capsys.readouterr().err == ""


def test_quiet_progress_says_nothing(capsys: Captured) -> None:
    console.set_verbosity(quiet=True, verbose=False)
    with console.track("flow", 2) as advance:
        advance(2)
    assert capsys.readouterr().err == ""


def in_terminal(code: str, **environment: str) -> str:
    """Run code with stderr on a pseudo terminal and return what it showed."""
    ours, theirs = os.openpty()
    env = {k: v for k, v in os.environ.items() if k not in {"NO_COLOR", "CI"}}
    env |= {"TERM": "xterm", "COLUMNS": "120"} | environment
    done = subprocess.Popen([sys.executable, "-c", code], stderr=theirs, env=env)
    os.close(theirs)
    shown = b""
    while True:
        try:
            part = os.read(ours, 4096)
        except OSError:  # Linux: the other end was closed
            break
        if not part:
            break
        shown += part
    os.close(ours)
    assert done.wait() == 0
    return shown.decode()


BAR = """
from vstc import console
with console.track("flow", 4, unit="pairs") as advance:
    advance(4)
"""
ERROR = "from vstc import console; console.report_error('what', 'how')"


def test_progress_on_a_terminal_is_a_bar_with_count_and_rate() -> None:
    shown = in_terminal(BAR)
    assert "4/4" in shown
    assert "pairs/s" in shown


def test_no_color_is_honoured_and_colour_is_never_the_only_mark() -> None:
    assert "\x1b[1;31m" in in_terminal(ERROR)
    plain = in_terminal(ERROR, NO_COLOR="1")
    assert "\x1b[1;31m" not in plain
    assert "error: " in plain
    assert "hint: how" in plain


def test_json_of_a_result_can_be_read_back(capsys: Captured) -> None:
    data = {"name": "übergröße", "per_class": {"sky": None}, "values": [0.1, 1e-12]}
    console.result(data, as_json=True, render=never)
    assert json.loads(capsys.readouterr().out) == data
