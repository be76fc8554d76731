"""What a Dask worker runs for a ticket: a process that claims the try and runs it, and that does not outlive the worker.

The worker holds a pipe to that process's guard (`ticket_guard`) for as long as it lives, however it ends.
"""

import io
import json
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


NEEDS = f"__import__({__name__!r}, fromlist=['run_packed']).run_packed and None"
"""What a Dask worker has to be able to evaluate before it is sent anything."""
RUN = f"__import__({__name__!r}, fromlist=['run_packed']).run_packed(packed)"
"""What a Dask worker evaluates, with `packed` as a variable: a worker that cannot unpickle what it is sent breaks off its connection and
ends, so it is sent text and what Python itself has, and says in an error what it has not."""


class TicketEnd(NamedTuple):
    """How the process of a ticket ended.

    Attributes:
        code: Its exit code, ``-N`` if signal N killed it.
        output: The end of what it printed.
    """

    code: int
    output: str


def packed(name: str, environ: Mapping[str, str], command: Sequence[str]) -> io.BytesIO:
    """The arguments of `run_ticket`; nothing of them is in its repr, which Dask logs."""
    return io.BytesIO(json.dumps([name, dict(environ), list(command)]).encode())


def run_packed(given: io.BytesIO) -> TicketEnd:
    """`run_ticket` with what was `packed`."""
    return run_ticket(*json.loads(given.getvalue()))


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
