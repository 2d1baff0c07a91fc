from __future__ import annotations

from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from vstc.commands.default_group import DEFAULT, DefaultCommand, DefaultGroup


def judge(
    folder: str, strict: Annotated[bool, typer.Option("--strict", help="Be strict.")] = False
) -> None:
    """Judge a folder."""
    typer.echo(f"judged {folder} {strict}")


def compare(runs: list[str]) -> None:
    """Set runs side by side."""
    typer.echo(f"compared {runs}")


@pytest.fixture
def app():
    group = typer.Typer(cls=DefaultGroup, help="Judge things.", rich_markup_mode=None)
    group.command(DEFAULT, cls=DefaultCommand)(judge)
    group.command("compare")(compare)
    program = typer.Typer(rich_markup_mode=None)
    program.add_typer(group, name="evaluate")
    program.callback()(lambda: None)
    return program


@pytest.fixture
def call(app):
    def run(*words, code=0, **environment):
        done = CliRunner().invoke(app, [*words], prog_name="vstc", env=environment)
        assert done.exit_code == code, done.output
        return done.output

    return run


def completed(call, words):
    return call(
        _VSTC_COMPLETE="complete_bash", COMP_WORDS=words, COMP_CWORD=str(words.count(" "))
    ).split()


def test_a_word_that_is_no_subcommand_belongs_to_the_command_itself(call):
    assert call("evaluate", "runs/a", "--strict") == "judged runs/a True\n"
    assert call("evaluate", "--strict", "runs/a") == "judged runs/a True\n"


def test_the_name_of_a_subcommand_calls_it(call):
    assert call("evaluate", "compare", "a", "b") == "compared ['a', 'b']\n"
    assert call("evaluate", "./compare") == "judged ./compare False\n"


def test_help_is_that_of_the_command_and_names_the_subcommands(call):
    text = call("evaluate", "--help")
    assert text.startswith("Usage: vstc evaluate [OPTIONS] ")
    assert "Judge a folder." in text
    assert "--strict" in text
    assert "compare  Set runs side by side." in text
    assert "Judge things." in call("--help")
    assert "Usage: vstc evaluate compare [OPTIONS]" in call("evaluate", "compare", "--help")


def test_errors_speak_of_the_command(call):
    assert "Missing argument 'folder'" in call("evaluate", code=2)
    text = call("evaluate", "a", "--wrong", code=2)
    assert "No such option: --wrong" in text
    assert "Try 'vstc evaluate --help'" in text


def test_shells_complete_subcommands_and_options(call):
    assert completed(call, "vstc evaluate co") == ["compare"]
    assert completed(call, "vstc evaluate --st") == ["--strict"]
    assert completed(call, "vstc evaluate a --st") == ["--strict"]
    assert completed(call, "vstc evalu") == ["evaluate"]


def test_the_command_does_not_show_up_as_a_subcommand(app):
    group = typer.main.get_command(app).commands["evaluate"]
    assert list(group.commands) == ["compare"]
    assert group.default.name == "evaluate"
