"""What commands share that take frames from anywhere and put results into files or a pipe."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer

from vstc.options import ExistingOutput, existing_output

if TYPE_CHECKING:
    from vstc.artifacts.manifest import InputRef
    from vstc.artifacts.workspace import Workspace
    from vstc.inference.frame_streams import LiveStream
    from vstc.inference.inputs import FrameInput

KIND = "vstc.predictions"

Frames = Annotated[
    str,
    typer.Argument(help="Data set, folder of images, video, camera:N, or - for y4m on stdin."),
]
OptionalOutput = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        help="Folder to write; with --stdout it may be left out.",
        rich_help_panel="Output",
    ),
]
Stdout = Annotated[
    str | None,
    typer.Option(
        "--stdout",
        help="Video on standard output: y4m (overlay), or y4m-colors (label colours alone).",
        rich_help_panel="Output",
    ),
]


@dataclass(frozen=True)
class Target:
    """Where results go.

    Attributes:
        output: The folder of the artifact; None writes none.
        stdout: What standard output carries; None is the command's result.
        existing: What to do with an output that is there.
        is_dry_run: Stop before anything is written.
        as_json: Print the result as JSON.
    """

    output: Path | None
    stdout: str | None
    existing: ExistingOutput
    is_dry_run: bool
    as_json: bool


@dataclass(frozen=True)
class Outlet:
    """Standard output, opened for a video.

    Attributes:
        stream: Where the bytes go.
        format: What is drawn, one of ``StdoutFormat``.
    """

    stream: BinaryIO
    format: str


@dataclass(frozen=True)
class Job:
    """Work that is ready to begin.

    Attributes:
        total: How many frames it will report; None when nobody knows.
        plan: What a dry run shows.
        work: Does it: takes the artifact or None, the outlet or None, and a progress function.
            Returns the summary; where ``ended`` in it is ``interrupt``, Ctrl-C ended the stream.
    """

    total: int | None
    plan: dict[str, Any]
    work: Callable[[Workspace | None, Outlet | None, Callable[[int], None]], dict[str, Any]]


def choose_target(
    frames: str,
    output: Path | None,
    stdout: str | None,
    *,
    resume: bool,
    overwrite: bool,
    is_dry_run: bool,
    as_json: bool,
    into_folder: dict[str, bool],
) -> Target:
    """Check that the choices of input and output fit together, before anything is opened.

    Args:
        frames: The input, as given.
        output: ``-o``.
        stdout: ``--stdout``.
        resume: ``--resume``.
        overwrite: ``--overwrite``.
        is_dry_run: ``--dry-run``.
        as_json: ``--json``.
        into_folder: Options that write into the folder, and whether they were given.

    Raises:
        ConfigError: They do not.
    """
    from vstc.errors import ConfigError, unknown_name
    from vstc.inference.inputs import PIPE, is_live
    from vstc.inference.sinks.y4m_output import StdoutFormat

    existing = existing_output(resume=resume, overwrite=overwrite)
    if stdout is not None and stdout not in list(StdoutFormat):
        raise unknown_name("--stdout", stdout, StdoutFormat)
    if output is None and stdout is None:
        raise ConfigError("results have no place to go", hint="give -o FOLDER, or --stdout y4m")
    if output is None:
        asked = {"--resume": resume, "--overwrite": overwrite, **into_folder}
        needless = [name for name, is_given in asked.items() if is_given]
        if needless:
            raise ConfigError(f"{needless[0]} is about a folder", hint="give one with -o FOLDER")
    if stdout is not None and as_json:
        raise ConfigError(
            "--stdout and --json both want standard output", hint="leave out one of them"
        )
    if resume and stdout is not None:
        raise ConfigError(
            "--stdout needs every frame anew, --resume leaves out those that are finished",
            hint="leave out one of them",
        )
    if resume and is_live(frames):
        what = "standard input" if frames == PIPE else f"camera {frames}"
        raise ConfigError(
            f"--resume needs frames that can be read again; {what} cannot",
            hint="start anew with --overwrite",
        )
    return Target(output, stdout, existing, is_dry_run, as_json)


def run_on_frames(
    frames: str,
    target: Target,
    *,
    config: dict[str, Any],
    inputs: list[InputRef],
    prepare: Callable[[FrameInput | LiveStream], Job],
) -> None:
    """Open the frames, do the work, and print its summary.

    Args:
        frames: The input, as given.
        target: Where results go.
        config: The settings of the artifact.
        inputs: What the command reads besides the frames.
        prepare: Loads what is needed; everything that can be refused is refused there.
    """
    from vstc import console
    from vstc.artifacts.workspace import check_output
    from vstc.formats.video.pipe import standard_output
    from vstc.inference.inputs import FrameInput, open_input

    outlet = None
    if target.stdout is not None and not target.is_dry_run:
        outlet = Outlet(standard_output(), target.stdout)
    opened = open_input(frames, output=target.output)
    refs = list(inputs)
    if isinstance(opened, FrameInput):
        refs.append(opened.reference)
        for remark in opened.remarks:
            console.warn(remark)
    artifact: dict[str, Any] = {"config": config, "inputs": refs, "existing": target.existing}
    with ExitStack() as stack:
        if not isinstance(opened, FrameInput):
            stack.callback(opened.close)
        if target.output is not None:
            check_output(target.output, kind=KIND, **artifact)
        job = prepare(opened)
        if target.is_dry_run:
            console.result(job.plan, as_json=target.as_json, render=lambda: str(job.plan))
            return
        summary = _run(job, opened, target, artifact, outlet)
    _tell(summary, target)


def _run(
    job: Job,
    opened: FrameInput | LiveStream,
    target: Target,
    artifact: dict[str, Any],
    outlet: Outlet | None,
) -> dict[str, Any]:
    from vstc import console
    from vstc.artifacts.workspace import open_artifact
    from vstc.formats.dataset import write_dataset
    from vstc.inference.inputs import FrameInput

    def work(workspace: Workspace | None) -> dict[str, Any]:
        with console.track(KIND.removeprefix("vstc."), job.total, unit="frames") as advance:
            return job.work(workspace, outlet, advance)

    if target.output is None:
        return work(None)
    with open_artifact(target.output, kind=KIND, **artifact) as workspace:
        if not workspace.is_complete:
            if isinstance(opened, FrameInput) and opened.is_raw:
                write_dataset(target.output, opened.dataset.record)
            try:
                summary = work(workspace)
            except BrokenPipeError:
                console.note(
                    f"nobody reads standard output any more; what was finished is in "
                    f"{target.output}, --resume without --stdout goes on"
                )
                raise
            workspace.finish(metrics=summary, volatile=["timing.json"])
        assert workspace.manifest is not None
        return dict(workspace.manifest["metrics"])


def _tell(summary: dict[str, Any], target: Target) -> None:
    from vstc import console
    from vstc.commands.network import summary_table
    from vstc.inference.predict import INTERRUPTED

    console.result(
        summary,
        as_json=target.as_json,
        render=lambda: summary_table(summary),
        is_stdout_taken=target.stdout is not None,
    )
    if summary.get("ended") == INTERRUPTED:
        kept = f"; its {summary['frames']} frames are in {target.output}" if target.output else ""
        console.note(f"the stream was interrupted{kept}")
        raise typer.Exit(130)
