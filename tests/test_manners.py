"""What all commands have in common: help, options, exit codes, the form of an error."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer

from vstc import cli, console
from vstc.errors import (
    CheckFailed,
    ConfigError,
    InputError,
    OutputError,
    SetupError,
    VstcError,
    unknown_name,
)

Run = Callable[..., Any]
HEAVY = {"torch", "cv2", "h5py", "numpy", "pydantic", "matplotlib", "jinja2", "PIL"}
EXISTING = {"--resume", "--overwrite", "--dry-run"}


@cache
def commands() -> dict[str, Any]:
    """All commands by their full names."""

    def leaves(group: Any, name: str) -> Iterator[tuple[str, Any]]:
        if hasattr(group, "default"):
            yield name, group.default
        for child_name, child in group.commands.items():
            full = f"{name} {child_name}".strip()
            yield from leaves(child, full) if hasattr(child, "commands") else [(full, child)]

    return dict(leaves(typer.main.get_command(cli.build_app()), ""))


def option_names(command: Any) -> set[str]:
    options = [param for param in command.params if param.param_type_name == "option"]
    return {name for option in options for name in option.opts}


def help_paragraphs(command: Any) -> list[str]:
    text = (command.help or "").replace("\b", "").strip()
    return [" ".join(part.split()) for part in text.split("\n\n")]


every_command = pytest.mark.parametrize("name", commands())


def python(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, **options)


@every_command
def test_help_is_a_sentence_then_what_it_reads_and_writes_then_an_example(name: str) -> None:
    first, *middle, last = help_paragraphs(commands()[name])
    assert re.fullmatch(r"[A-Z][^.!?]*(\.\d[^.!?]*)*\.", first), f"not one sentence: {first}"
    about = " ".join(middle).lower()
    assert "read" in about
    assert "write" in about
    assert last.startswith(f"$ vstc {name} "), last
    assert "\n" not in last


@every_command
def test_example_is_accepted_by_the_parser_of_its_command(name: str) -> None:
    import shlex

    command = commands()[name]
    words = shlex.split(help_paragraphs(command)[-1])[1 + 1 + name.count(" ") + 1 :]
    context = command.make_context(name, [*words], resilient_parsing=False)
    assert context.command is command


@every_command
def test_every_command_prints_json_and_every_writer_shares_the_options(name: str) -> None:
    names = option_names(commands()[name])
    assert "--json" in names
    if "--output" in names:
        assert names >= EXISTING | {"-o", "--json", "--quiet", "-q", "--verbose", "-v"}
    if "--set" in names or "--config" in names:
        assert names >= {"--set", "--config"}


@every_command
def test_short_options_are_the_shared_ones_and_long_ones_are_lower_case(name: str) -> None:
    for option in option_names(commands()[name]):
        assert option in {"-o", "-q", "-v"} or re.fullmatch(r"--[a-z0-9]+(-[a-z0-9]+)*", option)


def test_an_option_of_all_writers_has_the_same_words_everywhere() -> None:
    shared = {"--output", "--resume", "--overwrite", "--dry-run", "--json", "--config", "--set"}
    meanings: dict[str, set[str]] = {}
    for command in commands().values():
        for param in command.params:
            for option in shared & set(param.opts):
                if option != "--output" or param.required:  # a check may write, but need not
                    meanings.setdefault(option, set()).add(param.help)
    assert {option for option, texts in meanings.items() if len(texts) > 1} == set()


@every_command
def test_unknown_flag_is_a_usage_error(name: str, run: Run) -> None:
    done = run(*name.split(), "--no-such-flag", code=2)
    assert done.stdout == ""
    assert "--no-such-flag" in done.stderr


@every_command
def test_help_keeps_the_example_on_one_line(name: str, run: Run) -> None:
    shown = run(*name.split(), "--help").stdout
    assert help_paragraphs(commands()[name])[-1] in shown


@pytest.mark.parametrize("name", [n for n in commands() if "--set" in option_names(commands()[n])])
def test_unknown_setting_is_refused_with_known_names(name: str, run: Run, tmp_path: Path) -> None:
    (tmp_path / "exists").mkdir()
    arguments = [
        word
        for param in commands()[name].params
        if param.param_type_name == "argument" and param.required
        for word in [str(tmp_path / "exists")]
    ]
    for param in commands()[name].params:
        if param.param_type_name == "option" and param.required:
            arguments += [param.opts[0], str(tmp_path / "out")]
    done = run(*name.split(), *arguments, "--set", "sede=1", code=2)
    assert done.stderr.startswith("error: unknown setting: sede\n\nhint: choose one of: ")
    assert done.stdout == ""
    assert not (tmp_path / "out").exists()


def test_start_imports_nothing_heavy() -> None:
    code = (
        "import sys, json; from vstc.cli import build_app; import typer\n"
        "typer.main.get_command(build_app())\n"
        "sys.stdout.write(json.dumps(sorted({m.split('.')[0] for m in sys.modules})))"
    )
    done = python("-c", code)
    assert done.returncode == 0, done.stderr
    assert HEAVY & set(json.loads(done.stdout)) == set()


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], ["data", "--help"], ["info", "--help"]]
)
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    """Typer itself imports pydantic as soon as a command has parameters, which is 0.1 s."""
    code = (
        "import sys, atexit; from vstc.cli import main\n"
        "atexit.register(lambda: sys.stderr.write(' '.join(sys.modules)))\n"
        f"sys.argv = ['vstc', *{arguments}]; main()"
    )
    done = python("-c", code)
    assert "vstc" in done.stdout
    typers_own = {"pydantic"} if len(arguments) > 1 else set()
    assert HEAVY & {module.split(".")[0] for module in done.stderr.split()} <= typers_own


def test_program_runs_as_a_module_and_tells_its_version() -> None:
    assert python("-m", "vstc", "--version").stdout == "vstc 0.1.0\n"


def test_misspelt_command_is_answered_with_the_nearest(run: Run) -> None:
    done = run("inof", code=2)
    assert "info" in done.stderr


def program(*, body: str) -> subprocess.CompletedProcess[str]:
    """Run a program that has the manners of vstc and one command ``go``."""
    code = (
        "import sys, typer\nfrom vstc import cli, errors, console\n"
        "app = typer.Typer(cls=cli.ErrorGroup, pretty_exceptions_enable=False)\n"
        "app.callback()(lambda: None)\n"
        "@app.command('go')\ndef go(output: str = typer.Option('', '-o')) -> None:\n"
        f"    {body}\n"
        "cli.build_app = lambda: app\n"
        "sys.argv = ['vstc', 'go', '-o', 'runs/x']\ncli.main()\n"
    )
    return python("-c", code)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError, 2),
        (InputError, 3),
        (OutputError, 4),
        (SetupError, 5),
        (CheckFailed, 6),
        (VstcError, 1),
    ],
)
def test_error_has_its_exit_code_and_the_shared_form(error: type[VstcError], code: int) -> None:
    done = program(body=f"raise errors.{error.__name__}('what [is] wrong: x', hint='vstc [it]')")
    assert done.returncode == code
    assert done.stdout == ""
    assert done.stderr == "error: what [is] wrong: x\n\nhint: vstc [it]\n"


def test_error_without_hint_is_one_line() -> None:
    assert program(body="raise errors.InputError('what')").stderr == "error: what\n"


def test_long_error_is_not_broken_into_lines() -> None:
    done = program(body="raise errors.InputError('word ' * 60 + 'end')")
    assert done.stderr.count("\n") == 1


def test_verbose_error_has_its_traceback() -> None:
    body = "console.set_verbosity(quiet=False, verbose=True); raise errors.InputError('what')"
    assert "Traceback" in program(body=body).stderr


def test_full_disk_leaves_with_4() -> None:
    done = program(body="raise OSError(28, 'No space left on device', 'runs/x/flow.h5')")
    assert done.returncode == 4
    assert done.stderr.startswith("error: the disk is full: runs/x/flow.h5\n\nhint: ")


@pytest.mark.parametrize(
    "raised",
    [
        "MemoryError()",
        "RuntimeError('CUDA out of memory. Tried to allocate')",
        "RuntimeError('DefaultCPUAllocator: not enough memory: you tried to allocate 1 bytes')",
    ],
)
def test_too_little_memory_leaves_with_5_and_a_hint(raised: str) -> None:
    done = program(body=f"raise {raised}")
    assert done.returncode == 5
    assert "\n\nhint: lower the batch or crop size" in done.stderr


@pytest.mark.parametrize("raised", ["RuntimeError('shape')", "OSError(5, 'I/O')", "KeyError('k')"])
def test_unforeseen_error_keeps_its_traceback_and_asks_for_a_report(raised: str) -> None:
    done = program(body=f"raise {raised}")
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "please report it with the output of `vstc info`" in done.stderr
    assert done.stdout == ""


def test_interrupt_leaves_with_130_and_says_how_to_go_on() -> None:
    done = program(body=f"import os; os.kill(os.getpid(), {int(signal.SIGINT)})")
    assert done.returncode == 130
    assert done.stderr == "interrupted; finished work is kept: vstc go -o runs/x --resume\n"


def test_reader_that_goes_away_is_no_error() -> None:
    code = (
        "import subprocess, sys\n"
        "vstc = subprocess.Popen([sys.executable, '-m', 'vstc', 'info', '--json'],"
        " stdout=subprocess.PIPE, stderr=subprocess.PIPE)\n"
        "vstc.stdout.close()\n"
        "sys.stdout.write(vstc.stderr.read().decode()); sys.exit(vstc.wait())\n"
    )
    done = python("-c", code)
    assert (done.returncode, done.stdout) == (0, "")


def test_nearest_names_come_first_and_all_are_listed() -> None:
    error = unknown_name("model", "pspnet8", ["icnet", "pspnet18", "pspnet101"])
    assert error.message == "unknown model: pspnet8"
    assert error.hint == "choose one of: pspnet18, pspnet101, icnet"


def test_quiet_is_not_verbose() -> None:
    console.set_verbosity(quiet=True, verbose=False)
    assert not console.is_verbose()
    console.set_verbosity(quiet=False, verbose=False)
