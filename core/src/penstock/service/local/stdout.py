"""Standard output and error without secrets, for tasks that run in this very process."""

import contextlib
import logging
import sys
from collections.abc import Iterable, Iterator
from typing import Any, TextIO

from penstock.processes.log_lines import line_formatter
from penstock.processes.masking import Mask


class _MaskedStream:
    """A text stream that hides what its mask knows in each piece that is written.

    Pieces pass at once, whole lines or not, so that a debugger can prompt. What is written to the stream's ``buffer``
    is bytes and passes as it is.
    """

    def __init__(self, stream: TextIO, mask: Mask) -> None:
        self._stream, self._mask = stream, mask

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - all else is the stream's
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        self._stream.write(self._mask.hide(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)


@contextlib.contextmanager
def masked_output(mask: Mask) -> Iterator[None]:
    """Within the block, what this process prints as text goes through the mask, as do secrets that it learns later."""
    out, err = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = _MaskedStream(out, mask), _MaskedStream(err, mask)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = out, err


@contextlib.contextmanager
def printed_logs() -> Iterator[None]:
    """Within the block, what tasks log from INFO on is printed in the form that it has in the log of a try."""
    root = logging.getLogger()
    handler, level = logging.StreamHandler(sys.stdout), root.level
    handler.setFormatter(line_formatter(logging))
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
