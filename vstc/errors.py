"""Errors that a user can act on; each class carries the exit code of the process."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class VstcError(Exception):
    """An expected failure: a message, an optional hint and an exit code.

    Args:
        message: What is wrong, the offending value, and where.
        hint: The command or change that repairs it.
    """

    exit_code = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class ConfigError(VstcError):
    """A bad flag, an unknown key, or a value out of range."""

    exit_code = 2


class InputError(VstcError):
    """A missing, corrupt, incomplete or mismatching data set or artifact."""

    exit_code = 3


class OutputError(VstcError):
    """An output that exists, is locked, does not fit on the disk, or belongs to another config."""

    exit_code = 4


class SetupError(VstcError):
    """A missing device, a missing extra, or too little memory."""

    exit_code = 5


class CheckFailed(VstcError):
    """A check or requirement that ran to its end and said no."""

    exit_code = 6


def unknown_name(what: str, name: str, known: Iterable[str]) -> ConfigError:
    """Build the error for a name that no table has, nearest known names first.

    Args:
        what: What the name stands for, such as ``"model"``.
        name: The name that was given.
        known: All names that exist.
    """
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.4)
    listed = near + [other for other in names if other not in near]
    return ConfigError(f"unknown {what}: {name}", hint=f"choose one of: {', '.join(listed)}")
