"""The streams of a command: closed, full or unable to say a letter, they end it in a sentence and never in a bug."""

import codecs
import contextlib
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from penstock.errors import ConfigError, RequestError, as_sentence
from penstock.model.text import visible

_STYLE = re.compile(r"(\x1b\[[0-9;]*m)")


class OutputError(ConfigError):
    """Standard output takes nothing: it is closed, or its disk is full."""


def prepare() -> None:
    """Make the streams fit for any text.

    Raises:
        OutputError: Standard output is closed. Nothing was done then: a file that is opened next would take its place.
    """
    closed = [number for number, stream in enumerate((sys.stdin, sys.stdout, sys.stderr)) if stream is None]
    for number in closed:
        # Whoever opens a file next gets the lowest free number, and what is printed would go into that file.
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_RDWR), number)
    if 1 in closed:
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - it lives as long as the process
    if 2 in closed:
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - as above
    for stream in (sys.stdout, sys.stderr):
        if (reconfigure := getattr(stream, "reconfigure", None)) is not None:
            reconfigure(errors="backslashreplace")
    if 1 in closed:
        raise OutputError("standard output is closed. Open it, or send it to /dev/null if nobody reads it.")


@contextlib.contextmanager
def written(stream: IO[Any]) -> Iterator[None]:
    """Within the block, what cannot be written to standard output is an error with a sentence.

    Raises:
        BrokenPipeError: Whoever read it has gone.
        OutputError: It takes nothing.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(f"{_name(stream)} cannot be written: {error.strerror}.") from None


def cause(error: OSError) -> Exception:
    """What an error means that may come from click, which writes help itself: whether standard output takes a line end."""
    try:
        with written(sys.stdout):
            sys.stdout.write("\n")
            sys.stdout.flush()
    except (OutputError, BrokenPipeError) as found:
        return found
    return error


def _read_stdin() -> bytes:
    """All of standard input; raises RequestError if it is closed or cannot be read."""
    if sys.stdin is None:
        raise RequestError("standard input is closed, so nothing can be read from it.")
    try:
        return sys.stdin.buffer.read()
    except OSError as error:
        raise RequestError(f"standard input cannot be read: {error.strerror}.") from None


def read_text() -> str:
    """All of standard input as UTF-8; raises RequestError if it cannot be read, or is no text."""
    try:
        return _read_stdin().decode()
    except UnicodeDecodeError as error:
        raise RequestError(f"standard input is no UTF-8 text: {as_sentence(error)}") from None


def silence(*streams: IO[Any]) -> None:
    """Send what is left to be written, to standard output unless others are named, nowhere, not even at the interpreter's end."""
    for stream in streams or (sys.stdout,):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


@contextlib.contextmanager
def output_beside() -> Iterator[None]:
    """Within the block, what anybody prints on standard output, child processes included, goes to standard error."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)


class LogOutput:
    """Writes the bytes of logs to standard output: as they are, or what a terminal may be given of them.

    A terminal gets whole lines, without what would steer it, colours excepted.
    """

    def __init__(self) -> None:
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode if sys.stdout.isatty() else None
        self._begun = ""

    def write(self, data: bytes) -> None:
        """Write a piece of a log."""
        if self._decode is None:
            self._bytes(data)
            return
        *lines, self._begun = (self._begun + self._decode(data).replace("\r\n", "\n").replace("\r", "\n")).split("\n")
        self._text("".join(f"{line}\n" for line in lines))

    def flush(self) -> None:
        """Write the line that has begun."""
        self._text(self._begun)
        self._begun = ""

    def _text(self, text: str) -> None:
        self._bytes(coloured(text).encode(sys.stdout.encoding or "utf-8", "backslashreplace"))

    def _bytes(self, data: bytes) -> None:
        with written(sys.stdout):
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()


def coloured(text: str) -> str:
    """The text as a terminal may be given it: of what steers one, colours and weights alone."""
    return "".join(part if number % 2 else visible(part) for number, part in enumerate(_STYLE.split(text)))


def _name(stream: IO[Any]) -> str:
    return "standard error" if stream is sys.stderr else "standard output"
