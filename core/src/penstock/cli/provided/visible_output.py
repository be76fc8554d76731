"""The streams of a command that a provider brings: whatever it prints, nothing of it steers the terminal."""

import contextlib
import sys
from collections.abc import Iterable, Iterator
from typing import Any, TextIO

from penstock.cli.streams import coloured
from penstock.model.text import visible


class _VisibleStream:
    """A text stream that is given nothing that would steer a terminal; one that is a terminal gets colours.

    What is written to the stream's ``buffer`` is bytes, and passes as it is.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - all else is the stream's
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        shown = text.replace("\r\n", "\n")
        self._stream.write(coloured(shown) if self._stream.isatty() else visible(shown))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)


@contextlib.contextmanager
def visible_output() -> Iterator[None]:
    """Within the block, nothing that this process prints as text steers the terminal: for commands that others have written."""
    out, err = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = _VisibleStream(out), _VisibleStream(err)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = out, err
