"""Write docs/commands.md from the commands themselves; exit 1 when the file was not up to date."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from vstc.cli import build_app

PAGE = Path(__file__).with_name("commands.md")
HEAD = """# Commands

This page is written by `make docs` from the commands' own help; do not edit it.

stdout carries the result (a table, or one JSON object with `--json`), stderr everything else.
Settings are merged in this order: flag, `--set`, `--config`, default; an unknown key is an error.
Exit codes: 0 done, 1 a bug, 2 usage or settings, 3 input, 4 output, 5 set-up (device, extra,
memory), 6 a check that said no, 130 Ctrl-C.
"""


def main() -> int:
    """Write the page; tell by the exit code whether it was up to date."""
    old = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    new = reference()
    if old == new:
        return 0
    PAGE.write_text(new, encoding="utf-8")
    sys.stderr.write(f"docs/{PAGE.name} was not up to date and is written anew: commit it\n")
    return 1


def reference() -> str:
    """Return the whole page."""
    commands = list(leaves(typer.main.get_command(build_app()), "vstc"))
    lines = [HEAD, "| command | what it does |", "|---|---|"]
    for name, command in commands:
        first = paragraphs(command)[0]
        lines.append(f"| [`{name}`](#{name.replace(' ', '-')}) | {first} |")
    for name, command in commands:
        lines += ["", *section(name, command)]
    return "\n".join(lines) + "\n"


def leaves(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Yield all commands below a group with their full names, the group's own one first."""
    default = getattr(command, "default", None)
    if default is not None:
        yield name, default
    for child_name, child in getattr(command, "commands", {}).items():
        yield from leaves(child, f"{name} {child_name}")
    if not hasattr(command, "commands"):
        yield name, command


def section(name: str, command: Any) -> Iterator[str]:
    """Yield the lines of one command: what it does, its usage, its options."""
    yield f"## {name}"
    yield ""
    for paragraph in paragraphs(command):
        if paragraph.startswith("$ "):
            yield from ("```sh", *paragraph.removeprefix("$ ").split(" $ "), "```", "")
        else:
            yield from (paragraph, "")
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option" and not p.hidden]
    if arguments:
        yield from ("| argument | meaning |", "|---|---|")
        yield from (f"| `{p.name}` | {cell(p.help)} |" for p in arguments)
        yield ""
    if options:
        yield from ("| option | default | meaning |", "|---|---|---|")
        yield from (option_row(option) for option in options)


def option_row(option: Any) -> str:
    """Return the table row of one option."""
    names = ", ".join(f"`{name}`" for name in sorted(option.opts, key=len, reverse=True))
    if option.secondary_opts:
        names += " / " + ", ".join(f"`{name}`" for name in option.secondary_opts)
    if option.required:
        default = "required"
    elif option.default in (None, False, (), [], "") or callable(option.default):
        default = ""
    else:
        default = f"`{getattr(option.default, 'value', option.default)}`"
    return f"| {names} | {default} | {cell(option.help)} |"


def cell(text: str | None) -> str:
    """Return a text that cannot break a table."""
    return " ".join((text or "").split()).replace("|", "\\|")


def paragraphs(command: Any) -> list[str]:
    """Return the paragraphs of a command's help, each on one line."""
    text = (command.help or "").replace("\b", "").strip()
    return [" ".join(part.split()) for part in text.split("\n\n")]


if __name__ == "__main__":
    sys.exit(main())
