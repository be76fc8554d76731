"""The first process of the executor: started fresh, it imports the runtime once and forks a file server for each file.

When the scheduler hangs up, it ends, and with it everything that it forked.
"""

import os
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from typing import NoReturn

from penstock.execute.rehearsal import rehearse
from penstock.execute.runner import Runner
from penstock.execute.serving.file_server import FileServer
from penstock.execute.serving.server_output import ServerOutput
from penstock.execute.spawn_messages import END_S, Lease, Message, Open, receive_message
from penstock.processes.descendants import end_children, kill_orphans
from penstock.processes.fork import become_subreaper, fork, prepare_to_fork
from penstock.processes.frames import frame
from penstock.processes.group import Reaper, reap
from penstock.processes.huge_pages import collapse
from penstock.spec.wire import FrameKind

GRACE_S = 10.0


def serve(control: socket.socket, held: tuple[int, ...], make_runner: Callable[[Open], Runner]) -> NoReturn:
    """Fork file servers until the scheduler hangs up.

    Args:
        control: Blocking stream socket to the scheduler.
        held: Descriptors that every process of the executor keeps open.
        make_runner: Makes the runner of a file server; the import itself happens in the file server's process.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    become_subreaper()
    reaper = Reaper()
    _line_by_line()
    rehearse()
    prepare_to_fork()
    collapse()
    children: set[int] = set()
    output = ServerOutput(sys.stdout.fileno())
    until_s: float | None = None
    while (message := _next(control, reaper, children, output, until_s)) is not None:
        if isinstance(message, Lease):
            until_s = message.until_s
        else:
            opened, line = message
            children.add(_fork_file_server(opened, line, held, output, make_runner))
            line.close()
    if until_s is None or time.monotonic() < until_s:
        _wait_for_end(children, output)
    end_children(END_S)
    os._exit(0)


def _wait_for_end(children: set[int], output: ServerOutput) -> None:
    """Let file servers end their tries before the kernel ends them for their parent's death."""
    until = time.monotonic() + GRACE_S
    while children and time.monotonic() < until:
        children.difference_update(pid for pid, _ in reap())
        for pipe in select.select(output.pipes, [], [], 0.01)[0]:
            output.take(pipe)


def _line_by_line() -> None:
    """Let what user code prints leave at each end of line, so that a log can be followed while it is written."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True, errors="backslashreplace")  # type: ignore[union-attr]  # real streams


def _next(
    control: socket.socket, reaper: Reaper, children: set[int], output: ServerOutput, until_s: float | None
) -> Message | None:
    """Wait for the next message, or for the end of the time; meanwhile, end what file servers that have died left behind.

    What file servers print is written to the log meanwhile.
    """
    while True:
        left_s = None if until_s is None else max(0.0, until_s - time.monotonic())
        ready, _, _ = select.select([control.fileno(), reaper.fileno(), *output.pipes], [], [], left_s)
        if reaper.fileno() in ready:
            children.difference_update(pid for pid, _ in reaper.reap())
            kill_orphans(children)
        for pipe in output.pipes:
            if pipe in ready:
                output.take(pipe)
        if control.fileno() in ready:
            return receive_message(control)
        if not left_s and until_s is not None:
            print("the scheduler has lost its database: another machine may take over, so all tries are ended.")  # noqa: T201
            return None


def _fork_file_server(
    message: Open,
    line: socket.socket,
    held: tuple[int, ...],
    output: ServerOutput,
    make_runner: Callable[[Open], Runner],
) -> int:
    writing = output.listen(message.name)
    try:
        return fork(lambda kept: _be_file_server(message, kept, make_runner), (line.fileno(), *held), output=writing)
    finally:
        os.close(writing)


def _be_file_server(message: Open, kept: tuple[int, ...], make_runner: Callable[[Open], Runner]) -> NoReturn:
    """Import the file in the forked process and serve its tries.

    The scheduler gets the process's number before the import, so that it can end one that never comes back.
    """
    control = socket.socket(fileno=kept[0])
    control.sendall(frame(FrameKind.HELLO, os.getpid()))
    runner = make_runner(message)
    if not message.fresh:
        runner.load()
    threads = threading.active_count() > 1
    control.sendall(frame(FrameKind.FRESH if threads else FrameKind.READY, 0))
    if threads:
        os._exit(0)
    prepare_to_fork()
    control.setblocking(False)
    FileServer(control, runner, kept[1:], message.beat_s).serve()
