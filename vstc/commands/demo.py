"""``vstc demo``: the whole chain on the embedded data set."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from vstc import options


def command(
    output: options.Output = Path("demo"),
    seed: options.Seed = None,
    resume: options.Resume = False,
    overwrite: options.Overwrite = False,
    dry_run: options.DryRun = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Run the whole chain on synthetic street scenes, ending in a report to look at.

    Reads nothing; writes one folder per step: data, flow, baseline, teacher, pseudo labels,
    student, predictions, metrics and report.

    $ vstc demo -o demo
    """
    from vstc import console
    from vstc.demo.chain import REPORT, demo_chain, run_chain

    console.set_verbosity(quiet=quiet, verbose=verbose)
    existing = options.existing_output(resume=resume, overwrite=overwrite)
    steps = demo_chain(output, seed=seed or 0)
    _refuse_existing(output, existing, steps)
    minutes = sum(step.seconds for step in steps) / 60
    console.note(f"{len(steps)} steps, about {minutes:.0f} minutes on two cores, into {output}/")
    if dry_run:
        lines = [step.command_line() for step in steps]
        plan = {"steps": lines, "minutes": round(minutes, 1)}
        console.result(plan, as_json=as_json, render=lambda: "\n".join(lines))
        return
    seconds = run_chain(steps, resume=True, quiet=quiet, announce=console.note)
    summary = _summary(output, seconds) | {"report": str(output / REPORT)}
    console.result(summary, as_json=as_json, render=lambda: _table(summary))


def _refuse_existing(output: Path, existing: options.ExistingOutput, steps: list[Any]) -> None:
    import shutil

    from vstc.errors import OutputError

    if not output.exists() or existing is options.ExistingOutput.RESUME:
        return
    names = {step.name for step in steps}
    foreign = [entry.name for entry in output.iterdir() if entry.name not in names]
    if foreign:
        raise OutputError(f"{output} holds other things: {foreign[0]}", hint="give another -o")
    if existing is options.ExistingOutput.OVERWRITE:
        shutil.rmtree(output)
    elif any(output.iterdir()):
        raise OutputError(
            f"output exists: {output}",
            hint="add --resume to keep finished steps, or --overwrite to start anew",
        )


def _summary(output: Path, seconds: float) -> dict[str, Any]:
    def totals(name: str) -> dict[str, float | None]:
        text = (output / f"metrics-{name}" / "metrics.json").read_text(encoding="utf-8")
        values = json.loads(text)["totals"]
        return {key: values[key] for key in ("miou", "macc", "aacc", "tc")}

    return {
        "baseline": totals("baseline"),
        "student": totals("student"),
        "seconds": round(seconds, 1),
    }


def _table(summary: dict[str, Any]) -> Any:
    from rich.table import Table

    table = Table(title="held-out clips, percent", caption=f"open {summary['report']}")
    table.add_column("network")
    for name in ("mIoU", "mAcc", "aAcc", "TC"):
        table.add_column(name, justify="right")
    for name in ("baseline", "student"):
        row = summary[name].values()
        table.add_row(name, *("-" if value is None else f"{100 * value:.2f}" for value in row))
    gains = [
        "-" if None in pair else f"{100 * (pair[1] - pair[0]):+.2f}"
        for pair in zip(summary["baseline"].values(), summary["student"].values(), strict=True)
    ]
    table.add_row("gain", *gains)
    return table
