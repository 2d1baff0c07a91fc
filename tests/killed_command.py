"""Run a command, kill it at given points of its work, resume it, kill it again, let it end.

Run as a program: torch is imported once, before any thread of it runs, and every attempt is a
cheap fork. Prints how often the command was killed and the exit code of its last attempt.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

PATIENCE_SECONDS = 60


def run_killed(
    arguments: Sequence[object], output: Path, *, moments: Sequence[int], seed: int = 0
) -> tuple[int, int]:
    """Return (number of kills, last exit code).

    Args:
        arguments: Words after ``vstc``; ``-o OUTPUT`` is added.
        output: The output folder.
        moments: Kill when so many units (log lines, or else files) are there, and a bit later.
        seed: Of the bit.
    """
    words = [*map(str, arguments), "-o", str(output)]
    done = subprocess.run(
        [sys.executable, __file__, json.dumps([words, str(output), list(moments), seed])],
        capture_output=True,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    kills, code = json.loads(done.stdout.splitlines()[-1])
    assert code == 0, done.stderr
    return kills, code


def units(output: Path) -> int:
    log = output / "metrics.jsonl"
    if log.is_file():
        return log.read_bytes().count(b"\n")
    kept_clips = (output / "clips").glob("*.json")
    return sum(1 for _ in output.rglob("*.png")) + sum(1 for _ in kept_clips)


def attempt(words: list[str]) -> int:
    child = os.fork()
    if child:
        return child
    from vstc.cli import build_app

    sys.stdout = open(os.devnull, "w")  # noqa: SIM115
    try:
        build_app()(words, standalone_mode=False)
    except BaseException as error:  # noqa: BLE001
        code = getattr(error, "exit_code", 1)
        sys.stderr.write(f"{error!r}\n")
        sys.stderr.flush()
        os._exit(code)
    os._exit(0)


def kill_later(child: int, output: Path, *, moment: int, delay: float) -> bool:
    """Tell whether the child was killed, rather than done before."""
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        if os.waitpid(child, os.WNOHANG)[0]:
            return False
        if output.is_dir() and units(output) >= moment:
            time.sleep(delay)
            os.kill(child, signal.SIGKILL)
            return os.WIFSIGNALED(os.waitpid(child, 0)[1])
        time.sleep(0.001)
    os.kill(child, signal.SIGKILL)
    raise TimeoutError(f"{moment} units were not reached")


def main(words: list[str], output: Path, moments: list[int], seed: int) -> None:
    import cv2
    import torch
    import torch._dynamo  # the first optimizer imports it, which takes a second

    import vstc.inference.pseudo_label
    import vstc.training.merge.train
    import vstc.training.refiner.train
    import vstc.training.train  # noqa: F401

    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    delays = random.Random(seed)
    kills = 0
    for moment in moments:
        child = attempt([*words, *(["--resume"] if output.exists() else [])])
        kills += kill_later(child, output, moment=moment, delay=delays.uniform(0, 0.03))
    status = os.waitpid(attempt([*words, "--resume"]), 0)[1]
    sys.stdout.write(json.dumps([kills, os.waitstatus_to_exitcode(status)]) + "\n")


if __name__ == "__main__":
    main_words, main_output, main_moments, main_seed = json.loads(sys.argv[1])
    main(main_words, Path(main_output), main_moments, main_seed)
