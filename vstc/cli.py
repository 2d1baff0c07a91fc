"""The ``vstc`` program: it registers the commands and turns errors into exit codes."""

from __future__ import annotations

import importlib
import inspect
import sys
from typing import Any

import typer
from typer.core import TyperGroup

from vstc import __version__
from vstc.commands.default_group import DEFAULT, DefaultCommand, DefaultGroup
from vstc.errors import OutputError, SetupError, VstcError

# (group or None, name, module below vstc.commands); a module offers `command`. A command without
# a name stands for its group: it runs unless the next word is a subcommand.
COMMANDS: tuple[tuple[str | None, str, str], ...] = (
    ("data", "synth", "data_synth"),
    ("data", "index", "data_index"),
    ("data", "check", "data_check"),
    ("flow", "precompute", "flow_precompute"),
    ("flow", "inspect", "flow_inspect"),
    ("flow", "evaluate", "flow_evaluate"),
    ("flow", "export", "flow_export"),
    ("flow", "import", "flow_import"),
    ("instances", "import", "instances_import"),
    ("instances", "track", "instances_track"),
    ("instances", "export", "instances_export"),
    ("teacher", "train", "teacher_train"),
    ("refiner", "train", "refiner_train"),
    ("merge", "train", "merge_train"),
    (None, "pseudo-label", "pseudo_label"),
    (None, "distill", "distill"),
    (None, "predict", "predict"),
    (None, "propagate", "propagate"),
    ("evaluate", "", "evaluate"),
    ("evaluate", "compare", "evaluate_compare"),
    ("evaluate", "efficiency", "evaluate_efficiency"),
    ("evaluate", "instances", "evaluate_instances"),
    ("trimap", "export", "trimap_export"),
    ("trimap", "check", "trimap_check"),
    ("trimap", "evaluate", "trimap_evaluate"),
    (None, "export", "export"),
    (None, "report", "report"),
    (None, "demo", "demo"),
    (None, "info", "info"),
    ("bench", "losses", "bench_losses"),
    ("bench", "flow", "bench_flow"),
    ("bench", "train", "bench_train"),
    ("bench", "carry", "bench_carry"),
    ("bench", "metrics", "bench_metrics"),
    ("bench", "trimap", "bench_trimap"),
)
GROUPS = {
    "data": "Make, index and check data sets.",
    "flow": "Compute, look at and judge optical flow.",
    "instances": "Read, write and track masks of objects.",
    "teacher": "Train teachers and baselines.",
    "refiner": "Train what repairs propagated predictions.",
    "merge": "Train what merges carried scores with those of a light network.",
    "evaluate": "Judge predictions; compare runs; measure how fast and large a network is.",
    "trimap": "Make trimaps of masks, check and judge them.",
    "bench": "Measure rates beside the bounds that they have.",
}


class ErrorGroup(TyperGroup):
    """A command group that prints a ``VstcError`` and leaves with its exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command; see ``vstc.errors`` for the exit codes."""
        try:
            return super().invoke(ctx)
        except VstcError as error:
            raise _leave(error) from error
        except KeyboardInterrupt:
            _say_how_to_go_on()
            raise typer.Exit(130) from None
        except BrokenPipeError:
            raise typer.Exit(0) from None
        except OSError as error:
            translated = _from_os_error(error)
            if translated is None:
                raise
            raise _leave(translated) from error
        except (RuntimeError, MemoryError) as error:
            if not _is_out_of_memory(error):
                raise
            message = str(error).partition("\n")[0] or "out of memory"
            raise _leave(SetupError(message, hint="lower the batch or crop size")) from error


def _leave(error: VstcError) -> typer.Exit:
    from vstc import console

    if console.is_verbose():
        import traceback

        traceback.print_exc()
    console.report_error(error.message, error.hint)
    return typer.Exit(error.exit_code)


def _say_how_to_go_on() -> None:
    from vstc import console
    from vstc.artifacts.manifest import resume_command

    words = sys.argv[1:]
    if any(word in {"-o", "--output"} or word.startswith("--output=") for word in words):
        console.note(f"interrupted; finished work is kept: {resume_command(['vstc', *words])}")
    else:
        console.note("interrupted")


def _is_out_of_memory(error: Exception) -> bool:
    text = str(error).lower()
    return isinstance(error, MemoryError) or "out of memory" in text or "not enough memory" in text


def _from_os_error(error: OSError) -> OutputError | None:
    import errno

    if error.errno in {errno.ENOSPC, errno.EDQUOT} or "No space left" in str(error):
        return OutputError(
            f"the disk is full: {error.filename or error}",
            hint="free some space, then run again with --resume",
        )
    return None


def _version(value: bool) -> None:
    if value:
        sys.stdout.write(f"vstc {__version__}\n")
        raise typer.Exit


def build_app() -> typer.Typer:
    """Build the program with all its commands."""
    app = typer.Typer(
        cls=ErrorGroup,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        help=(
            "Train, run and judge video segmentation that is accurate, fast and steady over time."
        ),
        epilog="Start with: vstc demo",
    )
    groups = {name: _build_group(name, text) for name, text in GROUPS.items()}
    for group, name, module in COMMANDS:
        command = importlib.import_module(f"vstc.commands.{module}").command
        target = groups[group] if group else app
        if isinstance(command, typer.Typer):
            target.add_typer(command, name=name)
        elif name:
            target.command(name)(command)
        else:
            target.command(DEFAULT, cls=DefaultCommand)(command)
    for name, group_app in groups.items():
        app.add_typer(group_app, name=name)

    @app.callback()
    def root(
        version: bool = typer.Option(
            False, "--version", help="Print the version.", callback=_version, is_eager=True
        ),
    ) -> None:
        del version

    _keep_example_lines(app)
    return app


def _build_group(name: str, text: str) -> typer.Typer:
    stands_for_a_command = any(group == name and not leaf for group, leaf, _ in COMMANDS)
    if stands_for_a_command:
        return typer.Typer(cls=DefaultGroup, help=text, rich_markup_mode=None)
    return typer.Typer(no_args_is_help=True, help=text, rich_markup_mode=None)


def _keep_example_lines(app: typer.Typer) -> None:
    """Mark the examples in all help texts (a backspace, for the formatter) as not to be wrapped."""
    for command in app.registered_commands:
        text = inspect.cleandoc(command.help or getattr(command.callback, "__doc__", None) or "")
        command.help = text.replace("\n\n$ ", "\n\n\b\n$ ")
    for group in app.registered_groups:
        if group.typer_instance is not None:
            _keep_example_lines(group.typer_instance)


def main() -> None:
    """Run the command line; an error that nobody foresaw keeps its traceback."""
    try:
        build_app()(prog_name="vstc")
    except Exception:
        sys.stderr.write("this is a bug in vstc: please report it with the output of `vstc info`\n")
        raise
