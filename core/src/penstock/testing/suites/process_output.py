"""Running a provider's code in a process of its own, with only the end of what it prints in memory."""

import contextlib
import subprocess
import threading
from collections.abc import Sequence
from typing import IO, NamedTuple

_MOST_BYTES = 1_000_000
_READ_BYTES = 1 << 16
_LAST_WORDS_S = 5.0


class ProcessOutput(NamedTuple):
    """What a process left.

    Attributes:
        code: Its exit code.
        output: The end of its standard output.
        errors: The end of its standard error.
    """

    code: int
    output: str
    errors: str


def run_process(command: Sequence[str], seconds: float, data: bytes = b"") -> ProcessOutput:
    """Run a program to its end.

    Args:
        command: Program and arguments.
        seconds: How long it may take.
        data: Its standard input.

    Raises:
        TimeoutExpired: It took longer, and was killed.
    """
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0
    ) as process:
        assert process.stdin is not None  # noqa: S101 - it was asked for
        kept = [bytearray(), bytearray()]
        readers = [
            threading.Thread(target=_keep_end, args=(stream, end), daemon=True)
            for stream, end in zip((process.stdout, process.stderr), kept, strict=True)
        ]
        writer = threading.Thread(target=_feed, args=(process.stdin, data), daemon=True)
        for thread in (*readers, writer):
            thread.start()
        try:
            code = process.wait(seconds)
        except BaseException:
            process.kill()
            raise
        for reader in readers:  # what it leaves running may hold the pipes; nobody waits for that
            reader.join(_LAST_WORDS_S)
    output, errors = (bytes(end[-_MOST_BYTES:]).decode("utf-8", "replace") for end in kept)
    return ProcessOutput(code, output, errors)


def _feed(stream: IO[bytes], data: bytes) -> None:
    with contextlib.suppress(OSError, ValueError), stream:
        stream.write(data)


def _keep_end(stream: IO[bytes], kept: bytearray) -> None:
    with contextlib.suppress(OSError, ValueError):
        while data := stream.read(_READ_BYTES):
            kept += data
            del kept[:-_MOST_BYTES]
