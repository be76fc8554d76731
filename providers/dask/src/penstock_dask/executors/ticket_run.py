"""What a Dask worker runs for a ticket: a process that claims the try and runs it, and that does not outlive the worker.

The worker holds a pipe to that process's guard (`ticket_guard`) for as long as it lives, however it ends.
"""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from typing import NamedTuple

_KEPT = 2000
_running: dict[str, "subprocess.Popen[bytes]"] = {}
_lock = threading.Lock()


class WithheldEnviron(dict[str, str]):
    """Environment variables that no log of Dask's shows: it prints the arguments of what fails."""

    def __repr__(self) -> str:
        """Show the names alone."""
        return f"<{', '.join(self)}>"


class TicketEnd(NamedTuple):
    """How the process of a ticket ended.

    Attributes:
        code: Its exit code, ``-N`` if signal N killed it.
        output: The end of what it printed.
    """

    code: int
    output: str


def run_ticket(name: str, environ: Mapping[str, str], command: Sequence[str]) -> TicketEnd:
    """Run the process of a ticket on this worker to its end.

    Args:
        name: Of the ticket.
        environ: Variables that its environment has besides those of this worker.
        command: What it runs; ``penstock worker --ticket`` by this Python if it is empty.
    """
    words = list(command) or [sys.executable, "-m", "penstock", "worker", "--ticket"]
    process = subprocess.Popen(
        [sys.executable, "-m", "penstock_dask.executors.ticket_guard", *words],
        env={**os.environ, **environ},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    with _lock:
        _running[name] = process
    output = b""
    try:
        assert process.stdout is not None  # noqa: S101 - for type checkers
        while part := os.read(process.stdout.fileno(), 1 << 16):
            output = (output + part)[-_KEPT:]
        return TicketEnd(process.wait(), output.decode(errors="replace"))
    finally:
        with _lock:
            _running.pop(name, None)
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


def end_tickets(names: Sequence[str]) -> None:
    """End the processes of tickets on this worker."""
    with _lock:
        found = [_running[name] for name in names if name in _running]
    for process in found:
        process.send_signal(signal.SIGTERM)
