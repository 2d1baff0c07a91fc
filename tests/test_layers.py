"""The shape of the source: imports point downwards, files and functions stay short."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "vstc"
LAYERS = {
    5: {"cli", "commands", "__main__"},
    4: {"report", "bench", "demo"},
    3: {"training", "inference", "evaluation", "propagation", "instances", "trimaps"},
    2: {"data", "flow", "models", "losses", "metrics"},
    1: {"artifacts", "formats", "config"},
    0: {"errors", "console", "options"},
}
LEVEL = {room: level for level, rooms in LAYERS.items() for room in rooms}
# Arrows between rooms of one layer that are allowed.
SIDEWAYS = {
    ("__main__", "cli"),
    ("cli", "commands"),
    ("training", "inference"),
    ("training", "evaluation"),
    ("training", "propagation"),
    ("evaluation", "inference"),
    ("propagation", "inference"),
    ("trimaps", "instances"),
    ("formats", "artifacts"),
    ("options", "errors"),
}
SIDEWAYS_TO_MODULE = {
    ("losses", "vstc.flow.warp"),
    ("metrics", "vstc.flow.warp"),
    ("evaluation", "vstc.trimaps.layout"),
}
THIRD_PARTY = {
    "errors": set(),
    "console": {"rich"},
    "options": {"typer"},
    "config": {"pydantic"},
    "artifacts": set(),
    "formats": {"numpy", "cv2", "PIL", "h5py", "pydantic", "av"},
    "models": {"torch", "numpy"},
    "losses": {"torch", "numpy"},
    "metrics": {"torch", "numpy", "cv2"},  # OpenCV for its array kernels
}
NAMELESS = {"utils", "util", "helpers", "helper", "common", "misc", "core"}
MAX_FILE_LINES, MAX_COMMAND_LINES, MAX_FUNCTION_LINES = 400, 150, 60


@dataclass(frozen=True)
class Source:
    path: Path
    module: str
    room: str
    text: str
    tree: ast.Module

    def imports(self) -> Iterator[str]:
        """Yield the full names of all modules that are imported, anywhere in the file."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{self.path}: relative import"
                for alias in node.names:
                    full = f"{node.module}.{alias.name}"
                    yield full if full in modules() else str(node.module)


@cache
def modules() -> dict[str, Path]:
    found = {}
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def sources() -> tuple[Source, ...]:
    made = []
    for module, path in modules().items():
        if module == "vstc":
            continue
        text = path.read_text(encoding="utf-8")
        made.append(Source(path, module, module.split(".")[1], text, ast.parse(text)))
    return tuple(made)


def test_every_room_has_a_layer() -> None:
    assert {source.room for source in sources()} <= set(LEVEL)


def test_imports_point_downwards() -> None:
    wrong = []
    for source in sources():
        for target in source.imports():
            room = target.split(".")[1] if target.startswith("vstc.") else None
            if room is None or room == source.room or LEVEL[room] < LEVEL[source.room]:
                continue
            arrow = (source.room, room)
            if arrow in SIDEWAYS or (source.room, target) in SIDEWAYS_TO_MODULE:
                continue
            wrong.append(f"{source.module} -> {target}")
    assert wrong == []


def test_no_module_imports_itself_through_others() -> None:
    arrows = {
        source.module: {name for name in source.imports() if name in modules()}
        for source in sources()
    }
    done: set[str] = set()

    def visit(module: str, trail: tuple[str, ...]) -> None:
        assert module not in trail, " -> ".join((*trail, module))
        if module not in done:
            for target in arrows.get(module, ()):
                visit(target, (*trail, module))
            done.add(module)

    for module in arrows:
        visit(module, ())


def test_rooms_use_only_the_libraries_that_they_may_know() -> None:
    wrong = []
    for source in sources():
        allowed = THIRD_PARTY.get(source.room)
        for target in source.imports():
            top = target.split(".")[0]
            if top in {"click", "pkg_resources"}:
                wrong.append(f"{source.module} -> {target}")
            if allowed is None or top in allowed or top == "vstc":
                continue
            if top not in sys.stdlib_module_names:
                wrong.append(f"{source.module} -> {target}")
    assert wrong == []


def test_every_room_and_file_has_a_telling_name() -> None:
    names = {part for module in modules() for part in module.split(".")}
    assert names & NAMELESS == set()


def test_files_stay_short() -> None:
    def limit(source: Source) -> int:
        is_command = source.room == "commands" and "\ndef command(" in source.text
        return MAX_COMMAND_LINES if is_command else MAX_FILE_LINES

    long = {s.module: n for s in sources() if (n := s.text.count("\n")) > limit(s)}
    assert long == {}


def test_functions_stay_short() -> None:
    """Lines of code: the signature of a command is long by nature, and docstrings may be."""
    long = {}
    for source in sources():
        for node in ast.walk(source.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                body = node.body[1:] if ast.get_docstring(node) else node.body
                lines = (node.end_lineno or 0) - body[0].lineno + 1 if body else 0
                if lines > MAX_FUNCTION_LINES:
                    long[f"{source.module}.{node.name}"] = lines
    assert long == {}


def test_packages_are_empty_but_for_a_docstring() -> None:
    full = [
        source.module
        for source in sources()
        if source.path.name == "__init__.py" and len(source.tree.body) > 1
    ]
    assert full == []


@pytest.mark.parametrize("word", ["TODO", "FIXME", "NotImplementedError"])
def test_nothing_is_left_for_later(word: str) -> None:
    held = [source.module for source in sources() if word in source.text]
    assert held == []


def test_library_code_never_prints_or_exits() -> None:
    wrong = []
    for source in sources():
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                if called == "print" or (called in {"sys.exit", "exit"} and LEVEL[source.room] < 5):
                    wrong.append(f"{source.module}:{node.lineno} {called}")
            if isinstance(node, ast.ExceptHandler) and node.type is None:
                wrong.append(f"{source.module}:{node.lineno} bare except")
    assert wrong == []


def test_no_machine_path_stands_in_the_source() -> None:
    machine_path = re.compile(r"(?<![\w.])/(work|home|root)/|\.\./shared")
    held = [s.module for s in sources() if machine_path.search(s.text)]
    assert held == []
