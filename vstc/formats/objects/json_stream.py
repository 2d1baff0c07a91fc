"""Large JSON files: one item at a time, with its place in the file to come back to."""

from __future__ import annotations

import json
import os
import tempfile
import weakref
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from vstc.errors import InputError

_CHUNK_BYTES = 1 << 20
_BYTE_ORDER_MARK = "\xef\xbb\xbf"
_SPACE = " \t\n\r"
_AFTER_VALUE = frozenset(_SPACE + ",]}:")
_DECODER = json.JSONDecoder()


@dataclass(frozen=True)
class JsonItem:
    """An item of a JSON file.

    Attributes:
        key: The member of the object at the top that it is, or is an element of; None in a
            file that is a list.
        index: Its place in the list; None for a member that is no list.
        value: Plain JSON values.
        start: Its first byte in the file.
        end: The byte after its last.
    """

    key: str | None
    index: int | None
    value: Any
    start: int
    end: int

    @property
    def place(self) -> str:
        """How to name it in an error, such as ``annotations[3]``."""
        index = "" if self.index is None else f"[{self.index}]"
        return f"{self.key or ''}{index}"


class JsonFile:
    """A JSON file that is an object or a list, of any length; threads may share it.

    Args:
        path: The file, or a zip file that holds it.
        member: Name inside a zip file.

    Attributes:
        path: The file.
        is_list: Whether it is a list; else it is an object.

    Raises:
        InputError: Missing, a zip file without the member, or neither an object nor a list.
    """

    def __init__(self, path: Path, *, member: str = "results.json") -> None:
        self.path = path
        try:
            with _open_plain(path, member) as stream:
                self._descriptor = os.dup(stream.fileno())
        except (OSError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
            raise InputError(f"cannot read {path}: {error}") from error
        weakref.finalize(self, os.close, self._descriptor)
        first = _Text(self._descriptor, path).peek()
        if not first or first not in "[{":
            raise InputError(f"{path} is neither a JSON object nor a list")
        self.is_list = first == "["

    def items(self) -> Iterator[JsonItem]:
        """Read the items in order: elements of the list, or members of the object.

        A member that is a list comes element by element; an empty one comes as it is.

        Raises:
            InputError: Not JSON, or cut short.
        """
        text = _Text(self._descriptor, self.path)
        yield from _elements(text, None) if self.is_list else _members(text)
        if text.peek():
            raise text.failure("something follows the end")

    def read(self, start: int, end: int) -> Any:
        """Read one item again by its place."""
        return json.loads(os.pread(self._descriptor, end - start, start))


def _open_plain(path: Path, member: str) -> IO[bytes]:
    """Open a file; one inside a zip file is unpacked to a temporary file, to jump in it."""
    if not path.is_file() or not zipfile.is_zipfile(path):
        return path.open("rb")
    with zipfile.ZipFile(path) as archive:
        if member not in archive.namelist():
            raise InputError(
                f"{path} holds no {member}", hint=f"put {member} at the top of the zip file"
            )
        plain = tempfile.TemporaryFile()  # noqa: SIM115
        with archive.open(member) as packed:
            while chunk := packed.read(_CHUNK_BYTES):
                plain.write(chunk)
        plain.flush()
        return plain


def _members(text: _Text) -> Iterator[JsonItem]:
    text.take("{")
    is_first = True
    while text.peek() != "}":
        if not is_first:
            text.take(",")
        is_first = False
        if text.peek() != '"':
            raise text.failure("a name in quotes is missing")
        key = str(text.value()[0])
        text.take(":")
        if text.peek() == "[":
            yield from _elements(text, key)
        else:
            yield JsonItem(key, None, *text.value())
    text.take("}")


def _elements(text: _Text, key: str | None) -> Iterator[JsonItem]:
    start = text.take("[")
    index = 0
    while text.peek() != "]":
        if index:
            text.take(",")
        text.peek()
        yield JsonItem(key, index, *text.value())
        index += 1
    end = text.take("]") + 1
    if key is not None and not index:
        yield JsonItem(key, None, [], start, end)


class _Text:
    """The part of a file that is being parsed, a byte per character, so that places agree."""

    def __init__(self, descriptor: int, path: Path) -> None:
        self._descriptor = descriptor
        self._path = path
        self._text = ""
        self._place = 0
        self._offset = 0  # of the text in the file
        self._read_more()
        self._place = len(_BYTE_ORDER_MARK) if self._text.startswith(_BYTE_ORDER_MARK) else 0

    def peek(self) -> str:
        """Skip white space and return the next character; empty at the end of the file."""
        while True:
            while self._place < len(self._text):
                if self._text[self._place] not in _SPACE:
                    return self._text[self._place]
                self._place += 1
            if not self._read_more():
                return ""

    def take(self, expected: str) -> int:
        """Go past a character that must come next; return its place in the file."""
        if self.peek() != expected:
            raise self.failure(f"{expected!r} is missing")
        self._place += 1
        return self._offset + self._place - 1

    def value(self) -> tuple[Any, int, int]:
        """Parse the value that begins here; return it with its first byte and the one after."""
        while True:
            try:
                value, end = _DECODER.raw_decode(self._text, self._place)
                # A number that is cut by the end of the text is a number too.
                is_cut = self._text[end : end + 1] not in _AFTER_VALUE
                if not (is_cut and self._read_more()):
                    break
            except (ValueError, RecursionError) as error:
                if not self._read_more():
                    raise self.failure(str(error)) from error
        start, self._place = self._place, end
        written = self._text[start:end]
        if not written.isascii():
            try:
                value = json.loads(written.encode("latin-1"))
            except ValueError as error:
                raise self.failure(str(error)) from error
        return value, self._offset + start, self._offset + end

    def failure(self, what: str) -> InputError:
        """Make the error for text that is not JSON."""
        place = self._offset + self._place
        return InputError(f"{self._path} is not valid JSON near byte {place}: {what}")

    def _read_more(self) -> bool:
        """Drop what is parsed and append at least as much as is left."""
        left = len(self._text) - self._place
        wanted = max(_CHUNK_BYTES, left)
        chunk = os.pread(self._descriptor, wanted, self._offset + len(self._text))
        if chunk:
            self._text = self._text[self._place :] + chunk.decode("latin-1")
            self._offset += self._place
            self._place = 0
        return bool(chunk)
