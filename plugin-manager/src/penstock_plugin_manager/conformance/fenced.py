"""Running a stranger's code: for a limited time, with the end of its output in memory, and so much on the disk."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from penstock_plugin_manager.resolve.process import Tail

_TAIL_BYTES = 20_000
_LOOK_S = 1.0
_LAST_WORDS_S = 0.5


class FencedEnd(NamedTuple):
    """How a program ended.

    Attributes:
        code: Its exit code; None if it was ended.
        output: The end of what it printed.
        ended_for: Why it was ended; "" if it was not.
    """

    code: int | None
    output: str
    ended_for: str = ""


def run_fenced(
    command: Sequence[str],
    seconds: float,
    folder: Path | None = None,
    variables: Mapping[str, str] | None = None,
    *,
    scratch: Path | None = None,
    most_written: int = 0,
) -> FencedEnd:
    """Run a program to its end, and end what it leaves running in its process group.

    Args:
        command: Program and arguments.
        seconds: How long it may take.
        folder: Where it runs; here unless given.
        variables: Its environment; this process' unless given.
        scratch: The folder whose files are counted while it runs.
        most_written: How many bytes these may have.

    Raises:
        OSError: It cannot be started.
    """
    process = subprocess.Popen(
        command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=variables,
        start_new_session=True,
    )  # fmt: skip
    tail = Tail(process.stdout, _TAIL_BYTES)
    try:
        code, ended_for = _watched(process, seconds, scratch, most_written)
    finally:
        with contextlib.suppress(ProcessLookupError):  # nothing of it is left
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return FencedEnd(code, tail.text(_LAST_WORDS_S), ended_for)


def _watched(
    process: subprocess.Popen[bytes], seconds: float, scratch: Path | None, most: int
) -> tuple[int | None, str]:
    """Wait for a program's end, or for a reason to end it: the exit code, or the reason."""
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.wait(min(left, _LOOK_S) if scratch else left), ""
        if scratch and _written(scratch) > most:
            return None, f"wrote more than {most:,} bytes to the disk"
    return None, f"took more than {seconds:g} s"


def _written(folder: Path) -> int:
    """The bytes that a folder's files take on the disk; a file that goes away meanwhile counts nothing."""
    found = 0
    for root, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                found += Path(root, name).lstat().st_blocks * 512
    return found
