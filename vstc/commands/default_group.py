"""A command that has subcommands: any other first word is the command's own argument."""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand, TyperGroup

# What the command itself is registered as; no shell word looks like this.
DEFAULT = "<default>"


class DefaultCommand(TyperCommand):
    """The command itself; its help lists the subcommands too."""

    group: DefaultGroup

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the options, then the subcommands."""
        super().format_options(ctx, formatter)
        self.group.format_commands(ctx, formatter)


class DefaultGroup(TyperGroup):
    """A group that hands over to one command unless the first word is a subcommand's name.

    So ``vstc evaluate FOLDER`` and ``vstc evaluate compare RUN...`` go together; a folder that is
    called like a subcommand is written ``./compare``.

    Attributes:
        default: The command that stands for the group.
    """

    default: DefaultCommand

    def __init__(self, *, commands: dict[str, Any], **attributes: Any) -> None:
        self.default = commands.pop(DEFAULT)
        super().__init__(commands=commands, **attributes)
        self.default.name = self.name
        self.default.group = self

    def make_context(
        self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any
    ) -> Any:
        """Parse the words of a subcommand, or those of the command itself."""
        is_completing_first_word = bool(extra.get("resilient_parsing")) and not args
        chosen: Any = super()
        if not is_completing_first_word and not (args and args[0] in self.commands):
            chosen = self.default
        return chosen.make_context(info_name, args, parent=parent, **extra)

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        """Complete the first word: a subcommand, or an option of the command itself."""
        if incomplete.startswith("-"):
            return self.default.shell_complete(ctx, incomplete)
        return super().shell_complete(ctx, incomplete)
