"""The lines of logs: those that were written through `logging` say when, how grave and by whom; what was printed says itself alone."""

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import NamedTuple

import msgspec

LEVELS = ("debug", "info", "warning", "error", "critical")
"""From the least grave on."""

LONGEST_LINE = 1 << 16
"""Bytes of a line; one that is longer is taken as several."""

# As `penstock.processes.log_lines` writes them.
_LOGGED = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) ([A-Z][A-Z0-9_]*) ([^\n]*?): (.*)", re.DOTALL)
_ERROR = re.compile(
    rb"^(?:\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (?:ERROR|CRITICAL) "
    rb"|Traceback \(most recent call last\):"
    rb"|[A-Za-z_][\w.]*(?:Error|Exception): )",
    re.MULTILINE,
)

# Control sequences of ECMA-48, 5.4, and operating system commands as xterm takes them.
_ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\))")

_ERROR_WORDS = (b"Z ERROR ", b"Z CRITICAL ", b"Traceback (most recent call last):", b"Error: ", b"Exception: ")


class LogLine(msgspec.Struct, frozen=True):
    """A line of a log.

    Attributes:
        offset: The byte of the log at which it begins.
        size: Its bytes, the line's end included.
        text: What it says, without what is said by the rest.
        time: The instant at which it was logged; None if it was printed.
        level: How grave it is, in lower case; "" if it was printed.
        source: The logger; "" if it was printed.
    """

    offset: int
    size: int
    text: str
    time: datetime | None = None
    level: str = ""
    source: str = ""

    @property
    def logged(self) -> bool:
        """Whether it was written through `logging`."""
        return self.time is not None

    @property
    def searched(self) -> str:
        """What of it is searched: who says it, and what it says, without colours: a word begins after one as after a space."""
        text = _ESCAPE.sub(" ", self.text) if "\x1b" in self.text else self.text
        return f"{self.source} {text}" if self.source else text


class LineContext(NamedTuple):
    """What holds for a line that was printed: it belongs to what was logged before it, as a traceback to its message.

    Attributes:
        level: The level of what was logged last; "" before the first.
        time: Its instant.
    """

    level: str = ""
    time: datetime | None = None

    def after(self, line: LogLine) -> "LineContext":
        """The context of the line itself and of those after it."""
        return LineContext(line.level, line.time) if line.logged else self

    def reaches(self, level: str) -> bool:
        """Whether it is at least as grave as a level; each one is as grave as ""."""
        return gravity(self.level) >= gravity(level)


def gravity(level: str) -> int:
    """A number that grows with the level; 0 for none. A level of an author's own is as grave as ``info``."""
    if not level:
        return 0
    return LEVELS.index(level) + 1 if level in LEVELS else LEVELS.index("info") + 1


def log_line(offset: int, data: bytes) -> LogLine:
    """Take a line apart."""
    text = data.decode("utf-8", "replace").rstrip("\r\n")
    found = _LOGGED.fullmatch(text)
    if found is not None:
        try:
            time = datetime.fromisoformat(found[1])
        except ValueError:  # printed, and no date
            return LogLine(offset, len(data), text)
        return LogLine(offset, len(data), found[4], time, found[2].lower(), found[3])
    return LogLine(offset, len(data), text)


def split_lines(pieces: Iterable[bytes], offset: int = 0) -> Iterator[tuple[int, bytes]]:
    """The lines of a log, each with the byte at which it begins; holds one piece and one line in memory.

    Args:
        pieces: What the log holds, in its order.
        offset: The byte at which they begin.

    Returns:
        An iterator over lines with their ends; the last one has none if the log goes on in the middle of a line.
    """
    held = b""
    for piece in pieces:
        data, start = held + piece, 0
        while start < len(data):
            end = data.find(b"\n", start, start + LONGEST_LINE) + 1
            if not end:
                if len(data) - start < LONGEST_LINE:
                    break
                end = start + LONGEST_LINE
            yield offset, data[start:end]
            offset += end - start
            start = end
        held = data[start:]
    if held:
        yield offset, held


def error_at(data: bytes, start: int) -> int:
    """Where the first line of some lines begins, from a byte on, that tells of an error or begins a traceback; -1 if none does."""
    found = _ERROR.search(data, start)
    return found.start() if found else -1


def may_have_errors(data: bytes) -> bool:
    """Whether `error_at` may find something: known at a tenth of its cost."""
    return any(words in data for words in _ERROR_WORDS)
