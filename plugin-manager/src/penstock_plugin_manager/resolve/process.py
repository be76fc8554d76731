"""Running uv and pip."""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
from collections.abc import Callable, Mapping
from typing import IO, NamedTuple

from penstock_plugin_manager.errors import ManagerError
from penstock_plugin_manager.resolve.message import explain

_ANSWER_BYTES = 64_000_000
"""The longest answer; that of a resolution has some 100 bytes for each file of each package."""
_MESSAGE_BYTES = 1_000_000
"""How much of the end of what a tool says is kept: a source distribution that is built may print without end."""
_READ_BYTES = 65_536


class Runner(NamedTuple):
    """How tools are run.

    Attributes:
        show: Whether the tool's progress goes to the terminal.
        held: File descriptors of locks; the tool inherits them, so that a lock outlives a killed manager.
        variables: Environment variables besides those of this process.
    """

    show: bool = False
    held: Callable[[], tuple[int, ...]] = tuple
    variables: Mapping[str, str] = {}

    def with_variables(self, variables: Mapping[str, str]) -> Runner:
        """Return a runner that sets more environment variables; an empty one is taken away."""
        return self._replace(variables={**self.variables, **variables})

    def run(self, command: list[str], what: str) -> str:
        """Run a tool to its end.

        Returns:
            Its standard output.

        Raises:
            ManagerError: it failed; the message is in the words of this manager. Or its answer has no end.
        """
        variables = {**os.environ, **self.variables, "NO_COLOR": "" if self.show else "1"}
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=None if self.show else subprocess.PIPE,
                pass_fds=self.held(),
                env={name: text for name, text in variables.items() if text},
            )
        except OSError as error:
            raise ManagerError(f"{command[0]} cannot be run: {error.strerror}.", "Install uv: pip install uv") from None
        with process:
            answer, messages = Tail(process.stdout, _ANSWER_BYTES), Tail(process.stderr, _MESSAGE_BYTES)
            try:
                output, message = answer.text(), messages.text()
            except BaseException:  # an interrupt: nobody would read what the tool goes on to say
                process.kill()
                raise
        if process.returncode:
            raise explain(what, message or output[-_MESSAGE_BYTES:], process.returncode)
        if answer.cut:
            raise ManagerError(f"The {what} printed more than {_ANSWER_BYTES:,} bytes, and no answer is so long.")
        return output


class Tail:
    """The end of what a process prints, read in a thread of its own so that the process never waits for a reader.

    Attributes:
        cut: Whether it printed more than is kept.

    Args:
        stream: What is read, and closed at its end; None for nothing.
        most: How many bytes are kept.
    """

    def __init__(self, stream: IO[bytes] | None, most: int) -> None:
        self.cut = False
        self._most, self._kept = most, bytearray()
        # What the process leaves running may hold the stream for as long as it likes; a daemon thread keeps nobody.
        self._reader = threading.Thread(target=self._read, args=(stream,), daemon=True)
        if stream is not None:
            self._reader.start()

    def text(self, seconds: float | None = None) -> str:
        """The end of what was printed, once the stream has ended or a time is over."""
        if self._reader.ident is not None:
            self._reader.join(seconds)
        return bytes(self._kept[-self._most :]).decode("utf-8", "replace")

    def _read(self, stream: IO[bytes]) -> None:
        with stream, contextlib.suppress(OSError, ValueError):  # an interrupt may close it under the reader
            while data := os.read(stream.fileno(), _READ_BYTES):
                self._kept += data
                self.cut = self.cut or len(self._kept) > self._most
                del self._kept[: -self._most]
