"""The documents: links lead somewhere, commands exist, and what is generated is fresh."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
import typer

from vstc import __version__
from vstc.config import resolve
from vstc.propagation.settings import PropagateSettings
from vstc.training.merge.settings import MergeSettings
from vstc.training.settings import TrainSettings

PROJECT = Path(__file__).resolve().parents[1]
PAGES = sorted(
    path
    for path in [*PROJECT.glob("*.md"), *(PROJECT / "docs").rglob("*.md")]
    if ".venv" not in path.parts
)
DECISIONS = sorted((PROJECT / "docs" / "decisions").glob("*.md"))
every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))


def anchors(text: str) -> set[str]:
    """The anchors of a page, formed as code hosts form them."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {
        re.sub(r"[^\w -]", "", heading.lower()).strip().replace(" ", "-") for heading in headings
    }


def shell_commands(text: str) -> Iterator[list[str]]:
    """The words of every call of `vstc` in the shell blocks of a page, those in pipes too."""
    for block in re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            for is_pipe, call in groupby(words, key="|".__eq__):
                name, *rest = call
                if not is_pipe and name.endswith("vstc"):
                    yield rest


@cache
def program() -> Any:
    from vstc.cli import build_app

    return typer.main.get_command(build_app())


def find_command(words: list[str]) -> tuple[Any, list[str]]:
    """Walk down the groups as far as the words lead."""
    command = program()
    rest = list(words)
    while rest and rest[0] in getattr(command, "commands", {}):
        command = command.commands[rest.pop(0)]
    return getattr(command, "default", command), rest


@every_page
def test_relative_links_lead_to_files_and_headings(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        place = page.parent / name if name else page
        is_found = place.exists() and (
            not anchor or anchor in anchors(place.read_text(encoding="utf-8"))
        )
        if not is_found:
            broken.append(target)
    assert broken == []


@every_page
def test_commands_on_a_page_are_accepted_by_the_program(page: Path) -> None:
    for words in shell_commands(page.read_text(encoding="utf-8")):
        command, rest = find_command(words)
        assert not hasattr(command, "commands"), f"no such command: vstc {shlex.join(words)}"
        command.make_context("vstc", rest)


@every_page
def test_page_names_no_machine_of_ours(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert not re.search(r"(?<![\w.])/(work|root|tmp)/", text)


def test_reference_of_commands_is_up_to_date(tmp_path: Path) -> None:
    for name in ("generate.py", "commands.md"):
        (tmp_path / name).write_bytes((PROJECT / "docs" / name).read_bytes())
    done = subprocess.run([sys.executable, tmp_path / "generate.py"], capture_output=True)
    assert done.returncode == 0, "make docs writes docs/commands.md anew"


def test_readme_lists_every_command() -> None:
    table = (PROJECT / "README.md").read_text(encoding="utf-8")
    groups_in_one_row = {"index", "bench"}
    for name, command in program().commands.items():
        children = getattr(command, "commands", {})
        is_command = not children or hasattr(command, "default")
        names = [name] if is_command or name in groups_in_one_row else []
        names += [f"{name} {child}" for child in children if name not in groups_in_one_row]
        for full in names:
            assert re.search(rf"^\| .*`vstc {full}`.* \|", table, re.MULTILINE), full


def test_readme_shows_no_command_that_does_not_exist() -> None:
    table = (PROJECT / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`vstc .+?) \|", table, re.MULTILINE)
    assert len(rows) > 10
    for name in re.findall(r"`vstc ([a-z -]+)`", " ".join(rows)):
        _, rest = find_command(name.split())
        assert rest == [], name


def test_every_file_and_setting_that_the_papers_page_names_exists() -> None:
    text = (PROJECT / "docs" / "papers.md").read_text(encoding="utf-8")
    files = re.findall(r"`(vstc/[\w/]+\.py)`", text)
    assert len(files) > 10
    assert [name for name in files if not (PROJECT / name).is_file()] == []
    settings = re.findall(r"`--set ([^`]+)`", text)
    assert len(settings) > 20
    for setting in settings:
        resolve(TrainSettings, sets=[setting])
    for setting in re.findall(r"`vstc merge train --set ([^`]+)`", text):
        resolve(MergeSettings, sets=[setting])
    of_propagation = re.findall(r"`vstc propagate --set ([^`]+)`", text)
    assert of_propagation
    for setting in of_propagation:
        resolve(PropagateSettings, sets=[setting])


def test_every_kind_of_artifact_is_described() -> None:
    source = "".join(path.read_text() for path in (PROJECT / "vstc").rglob("*.py"))
    kinds = set(re.findall(r'(?:KIND|SCHEMA|"kind":?) ?=?:? ?"(vstc\.[a-z-]+)"', source))
    assert {"vstc.dataset", "vstc.flow", "vstc.metrics"} <= kinds
    text = (PROJECT / "docs" / "artifacts.md").read_text(encoding="utf-8")
    assert sorted(kind for kind in kinds if f"## {kind}\n" not in text) == []


def test_changelog_has_the_version_and_a_place_for_the_next() -> None:
    text = (PROJECT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(r"^## \[Unreleased\]$", text, re.MULTILINE)
    assert re.search(rf"^## \[{re.escape(__version__)}\]", text, re.MULTILINE)
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    assert project["version"] == __version__


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.stem)
def test_decision_has_its_three_parts_in_half_a_page(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    headings = re.findall(r"^## (\w+)$", text, re.MULTILINE)
    assert headings == ["Context", "Decision", "Consequence"]
    assert text.startswith(f"# {page.name[:4]} ")
    assert len(text.splitlines()) <= 45


def test_decisions_are_numbered_without_a_gap() -> None:
    numbers = [int(page.name[:4]) for page in DECISIONS]
    assert numbers == list(range(1, len(numbers) + 1))


def test_every_pinned_version_is_allowed_and_every_dependency_is_pinned() -> None:
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    lines = (PROJECT / "constraints.txt").read_text().splitlines()
    pins = dict(line.split("==") for line in lines if not line.startswith("#"))
    pinned = {canonicalize_name(name): version for name, version in pins.items()}
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    wanted = project["dependencies"] + [
        line for extra in project["optional-dependencies"].values() for line in extra
    ]
    for line in wanted:
        requirement = Requirement(line)
        if requirement.name != "vstc":
            version = pinned[canonicalize_name(requirement.name)]
            assert requirement.specifier.contains(version), line


def test_every_data_file_of_the_package_is_installed_with_it() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())
    patterns = project["tool"]["setuptools"]["package-data"]["vstc"]
    package = PROJECT / "vstc"
    packaged = {path for pattern in patterns for path in package.glob(pattern)}
    files = {
        path for path in package.rglob("*") if path.is_file() and path.suffix not in {".py", ".pyc"}
    }
    assert sorted(files - packaged) == []
