"""What a process writes to its terminal, which may be a file on a disk that is full."""

import contextlib
import os
import sys

from penstock.model.text import visible


def write_line(line: str) -> None:
    """Write a line to standard error, without characters that would change the terminal; one that cannot be written is lost.

    Who writes it has something to do that matters more: a scheduler or a worker that ended because nobody can read what it has to
    remark would be started again and again.
    """
    text = f"{visible(line)}\n"
    with contextlib.suppress(OSError, ValueError):  # a stream that was closed raises ValueError
        try:
            terminal = sys.stderr.fileno()
        except (OSError, ValueError):  # it was replaced by one of this process
            sys.stderr.write(text)
            return
        # Not by the stream, which keeps what it could not write: Python's end would fail at that, and with it the exit code.
        os.write(terminal, text.encode(errors="backslashreplace"))
