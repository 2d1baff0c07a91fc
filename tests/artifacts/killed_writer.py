"""Kill a writer before each of its file system operations in turn, then look what it left.

Run as a program by test_killed.py: forks are cheap in a small process, and an audit hook
can be put into a child only. Prints one JSON object per kill point.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from vstc.artifacts import workspace
from vstc.artifacts.lineage import trace
from vstc.artifacts.manifest import read_manifest
from vstc.artifacts.workspace import open_artifact
from vstc.errors import InputError, OutputError
from vstc.options import ExistingOutput

WATCHED = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate"}
NAMES = ["top.bin", "clip/a.bin", "clip/b.bin", "other/c.bin"]


def content(name: str, config: dict[str, Any]) -> bytes:
    return json.dumps([name, config]).encode() * 50


def work(output: Path, config: dict[str, Any], existing: ExistingOutput) -> None:
    with open_artifact(output, kind="vstc.thing", config=config, existing=existing) as space:
        if space.is_complete:
            return
        for done, name in enumerate(NAMES):
            if not space.has(name):
                with space.atomic(name) as partial, partial.open("wb") as stream:
                    half = len(content(name, config)) // 2
                    stream.write(content(name, config)[:half])
                    stream.flush()
                    sys.audit("os.truncate", str(partial), 0)  # one more point: half a file
                    stream.write(content(name, config)[half:])
            space.progress(done + 1, len(NAMES), force=True)
        space.finish()


def kill_before(operation: int, output: Path) -> None:
    place = str(output)
    seen = 0

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal seen
        if event in WATCHED and str(arguments[0]).startswith(place):
            seen += 1
            if seen > operation:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def run_killed(operation: int, output: Path, config: Any, existing: ExistingOutput) -> bool:
    """Tell whether the writer was killed, rather than done before its operation."""
    child = os.fork()
    if child == 0:
        kill_before(operation, output)
        work(output, config, existing)
        os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def outcome(output: Path, config: dict[str, Any], existing: ExistingOutput) -> str:
    try:
        work(output, config, existing)
    except OutputError as error:
        return error.message.replace(str(output), "OUT")
    return "done"


def tree(output: Path) -> dict[str, str]:
    files = [path for path in sorted(output.rglob("*")) if path.is_file()]
    return {
        path.relative_to(output).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()[:8]
        for path in files
        if path.name != "manifest.json"
    }


def observe(output: Path) -> dict[str, Any]:
    """Say what a reader makes of a folder."""
    facts: dict[str, Any] = {"files": tree(output) if output.exists() else {}}
    try:
        facts["id"] = read_manifest(output)["id"]
        facts["faults"] = trace(output).all_faults()
    except InputError:
        facts["id"] = None
    return facts


def main(folder: Path, scene: str) -> None:
    # Versions and the git state play no part here, and asking for them costs two processes.
    workspace.environment = dict
    old, new = {"name": "old"}, {"name": "new"}
    operation = 0
    is_killed = True
    while is_killed:
        output = folder / f"{operation}"
        existing = ExistingOutput.REFUSE
        if scene != "fresh":
            if scene == "over complete":
                work(output, old, ExistingOutput.REFUSE)
            else:
                run_killed(25, output, old, ExistingOutput.REFUSE)
            existing = ExistingOutput.OVERWRITE
        is_killed = run_killed(operation, output, new, existing)
        facts: dict[str, Any] = {"killed": is_killed, "left": observe(output)}
        facts["resume"] = outcome(output, new, ExistingOutput.RESUME)
        facts["resumed"] = observe(output)
        facts["overwrite"] = outcome(output, new, ExistingOutput.OVERWRITE)
        facts["overwritten"] = observe(output)
        sys.stdout.write(json.dumps(facts) + "\n")
        operation += 1


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
