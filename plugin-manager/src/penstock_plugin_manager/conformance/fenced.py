"""Running a stranger's code: for a limited time, with the end of its output in memory and nothing of it on the disk."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

_TAIL_BYTES = 20_000
_READ_BYTES = 65_536
_LAST_WORDS_S = 0.5


class FencedEnd(NamedTuple):
    """How a program ended.

    Attributes:
        code: Its exit code; None if its time was over.
        output: The end of what it printed.
    """

    code: int | None
    output: str


def run_fenced(
    command: Sequence[str], seconds: float, folder: Path | None = None, variables: Mapping[str, str] | None = None
) -> FencedEnd:
    """Run a program to its end, and end what it leaves running in its process group.

    Args:
        command: Program and arguments.
        seconds: How long it may take.
        folder: Where it runs; here unless given.
        variables: Its environment; this process' unless given.

    Raises:
        OSError: It cannot be started.
    """
    process = subprocess.Popen(
        command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=variables,
        start_new_session=True,
    )  # fmt: skip
    kept = bytearray()
    # What it leaves running elsewhere may hold the pipe for as long as it likes; nobody waits for that.
    reader = threading.Thread(target=_keep_end, args=(process, kept), daemon=True)
    reader.start()
    try:
        code: int | None = process.wait(seconds)
    except subprocess.TimeoutExpired:
        code = None
    finally:
        with contextlib.suppress(ProcessLookupError):  # nothing of it is left
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        reader.join(_LAST_WORDS_S)
    return FencedEnd(code, bytes(kept[-_TAIL_BYTES:]).decode("utf-8", "replace"))


def _keep_end(process: subprocess.Popen[bytes], kept: bytearray) -> None:
    if process.stdout is not None:
        with process.stdout as stream:
            while data := os.read(stream.fileno(), _READ_BYTES):
                kept += data
                del kept[:-_TAIL_BYTES]
