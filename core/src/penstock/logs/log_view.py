"""Reads parts of one log, of any size, in bounded memory: a page of lines from either end, and the places of a text."""

from collections.abc import Callable, Iterator
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple

from penstock.logs.reading import LogReader
from penstock.model.logs.log_line import (
    LONGEST_LINE,
    LineContext,
    LogLine,
    error_at,
    log_line,
    may_have_errors,
    split_lines,
)
from penstock.model.logs.log_page import LogMatch, LogMatches, LogPage
from penstock.processes.files import file_size

PAGE_BYTES = 1 << 20
"""Bytes of the lines of one page, at most."""

SCANNED_BYTES = 16 << 20
"""Bytes that are looked through for one page of lines of a level."""

SEARCHED_BYTES = 256 << 20
"""Bytes that are searched at once."""

_BLOCK = 1 << 20
_CONTEXT = 1 << 16
_AROUND = 500

Finder = Callable[[bytes, int], int]
"""Takes whole lines and a byte of them, and returns where the next line of those that are sought begins, or goes on; -1 if none does."""


class LogView(NamedTuple):
    """One log, wherever it is.

    Attributes:
        reader: Reads logs.
        path: Its file on this machine, if it is here.
        name: What it is called in the log store.
        growing: Whether its try has not ended.
    """

    reader: LogReader
    path: Path
    name: str
    growing: bool

    def size(self) -> int:
        """Bytes of the log, 0 if there is none; one that the log store has and is not sealed is read for that.

        Raises:
            OSError: Its file cannot be read.
            PenstockError: The log store does not give it.
        """
        try:
            return file_size(self.path)
        except FileNotFoundError:
            if not self.reader.remote:
                return 0
        sealed = self.reader.size(self.name)
        return sum(map(len, self.read(0))) if sealed is None else sealed

    def read(self, offset: int, length: int | None = None) -> Iterator[bytes]:
        """What it holds from a byte on, and no more than ``length`` bytes; raises as `size`."""
        try:
            for piece in self.reader.read(self.path, self.name, offset):
                if length is not None and len(piece) >= length:
                    yield piece[:length]
                    return
                length = None if length is None else length - len(piece)
                yield piece
        except FileNotFoundError:
            return

    def page(self, offset: int, most: int, level: str = "") -> LogPage:
        """The lines from a byte on; raises as `size`.

        Args:
            offset: The byte, at which a line begins.
            most: Lines of the page, at most.
            level: Only lines of this level, or a graver one.
        """
        size = self.size()
        found: list[LogLine] = []
        end, taken, context = offset, 0, self._context(offset) if level else LineContext()
        for start, data in self._whole_lines(offset, size):
            line = log_line(start, data)
            context = context.after(line)
            if context.reaches(level):
                taken += line.size
                if found and taken > PAGE_BYTES:
                    break
                found.append(line)
            end = start + len(data)
            if len(found) == most or end - offset >= SCANNED_BYTES:
                break
        return LogPage(tuple(found), min(offset, size), end, size, self.growing)

    def last_page(self, before: int | None, most: int, level: str = "") -> LogPage:
        """The lines before a byte, or the last ones of the log; raises as `size`."""
        size = self.size()
        before = size if before is None else min(before, size)
        start = max(0, before - PAGE_BYTES)
        lines = list(split_lines(self.read(start, before - start), start))
        if start and len(lines) > 1:
            del lines[0]  # most likely not from its beginning on
        if lines and self.growing and before == size and not _ended(lines[-1][1]):
            lines.pop()
        lines = lines[-most:] if not level else lines
        begin = lines[0][0] if lines else before
        context, found = self._context(begin) if level else LineContext(), []
        for at, data in lines:
            line = log_line(at, data)
            context = context.after(line)
            if context.reaches(level):
                found.append(line)
        if len(found) > most:
            found = found[-most:]
            begin = found[0].offset
        end = lines[-1][0] + len(lines[-1][1]) if lines else before
        return LogPage(tuple(found), begin, end, size, self.growing)

    def find(self, finder: Finder, offset: int, lines: int, most: int) -> LogMatches:
        """Search from a byte on; raises as `size`.

        Args:
            finder: Finds the next place.
            offset: The byte, at which a line begins.
            lines: How many lines are before it.
            most: Matches, at most.
        """
        found: list[LogMatch] = []
        stop = offset + SEARCHED_BYTES
        for start, block in self._blocks(offset):
            at = 0
            while (place := finder(block, at)) >= 0:
                begin = block.rfind(b"\n", 0, place) + 1
                after = block.find(b"\n", place) + 1 or len(block)
                lines += block.count(b"\n", at, begin)
                found.append(LogMatch(start + begin, lines + 1, _around(block[begin:after], place - begin)))
                lines += block.endswith(b"\n", begin, after)
                at = after
                if len(found) == most:
                    return LogMatches(tuple(found), start + at, lines, whole=False)
            lines += block.count(b"\n", at)
            offset = start + len(block)
            if offset >= stop:
                return LogMatches(tuple(found), offset, lines, whole=False)
        return LogMatches(tuple(found), offset, lines, whole=True)

    def _blocks(self, offset: int) -> Iterator[tuple[int, bytes]]:
        """Whole lines, many at once, with the byte at which they begin; a line that has no end yet is left while the log grows."""
        held: list[bytes] = []
        length = 0
        for piece in self.read(offset):
            held.append(piece)
            length += len(piece)
            if length < _BLOCK:
                continue
            data = b"".join(held)
            end = data.rfind(b"\n") + 1 or length
            yield offset, data[:end]
            held, offset, length = [data[end:]], offset + end, length - end
        rest = b"".join(held)
        if self.growing:
            rest = rest[: rest.rfind(b"\n") + 1]
        if rest:
            yield offset, rest

    def _whole_lines(self, offset: int, size: int) -> Iterator[tuple[int, bytes]]:
        lines = split_lines(self.read(offset, max(0, size - offset)), offset)
        return takewhile(lambda each: _ended(each[1]), lines) if self.growing else lines

    def _context(self, offset: int) -> LineContext:
        """What was logged last before a byte, if it is near."""
        start, context = max(0, offset - _CONTEXT), LineContext()
        for at, data in split_lines(self.read(start, offset - start), start):
            context = context.after(log_line(at, data))
        return context


def text_finder(text: str) -> Finder:
    """Finds a text; letters of ASCII may be upper or lower case."""
    sought, last, lowered = text.encode().lower(), b"", b""

    def find(data: bytes, start: int) -> int:
        nonlocal last, lowered
        if data is not last:
            last, lowered = data, data.lower()
        return lowered.find(sought, start)

    return find


def error_finder() -> Finder:
    """Finds lines that tell of an error, or begin a traceback."""
    last, may = b"", False

    def find(data: bytes, start: int) -> int:
        nonlocal last, may
        if data is not last:
            last, may = data, may_have_errors(data)
        return error_at(data, start) if may else -1

    return find


def _ended(data: bytes) -> bool:
    return data.endswith(b"\n") or len(data) >= LONGEST_LINE


def _around(line: bytes, place: int) -> str:
    start = max(0, place - _AROUND)
    cut = line[start : place + 2 * _AROUND].decode("utf-8", "replace").rstrip("\r\n")
    return ("..." if start else "") + cut + ("..." if len(line) > place + 2 * _AROUND else "")
