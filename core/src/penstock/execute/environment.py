"""The scheduler's connection to a file server, and the tries that it runs."""

import contextlib
import math
import os
import selectors
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from penstock.errors import ConfigError, as_sentence
from penstock.execute.executor_lock import MARK, mark_of
from penstock.execute.spawn_messages import END_S, Open, send_lease, send_open
from penstock.model.run import TaskKey
from penstock.processes.descendants import end_marked
from penstock.processes.environ import without_secrets
from penstock.processes.frames import FrameReader, SendBuffer, frame, read_available
from penstock.processes.group import kill_group
from penstock.spec.executor import FileCode, PlanCode, TryRequest
from penstock.spec.wire import FrameKind


class ServerKey(NamedTuple):
    """What a file server is opened for: one DAG file with its Variables, or all stored plans of an environment.

    Attributes:
        provider: Id of the isolated provider in whose environment it runs; "" for the host's.
        snapshot, file: The DAG file; "" for stored plans.
        variables: Variables that the file reads, with their values, sorted.
    """

    provider: str
    snapshot: str = ""
    file: str = ""
    variables: tuple[tuple[str, str | None], ...] = ()


def server_key(code: FileCode | PlanCode) -> ServerKey:
    """Find what the file server of a try with this code is opened for."""
    if isinstance(code, PlanCode):
        return ServerKey(code.provider)
    return ServerKey("", code.snapshot, code.file, tuple(sorted(code.variables.items())))


class Submitted:
    """A try that was submitted to a file server.

    Attributes:
        payload: Its encoded request, kept until its process exists, in case another server has to take it.
        slot: Whether it holds one of the executor's slots.
        fault: What its process did wrong to its supervisor, which is then how it ends; "" for nothing.
        pid: Its process, 0 before it was started.
    """

    __slots__ = ("fault", "payload", "pid", "request", "serial", "slot")

    def __init__(self, serial: int, request: TryRequest, payload: bytes) -> None:
        self.serial, self.request, self.payload = serial, request, payload
        self.slot, self.pid, self.fault = False, 0, ""

    @property
    def key(self) -> TaskKey:
        """The task instance."""
        return self.request.key


class Server:
    """A line to one file server.

    Attributes:
        ready: Whether it has imported its file.
        prefetched: Serials of tries that wait at the server for a slot, in their order.
        successor: Serial of the try that took the slot of the one whose end comes next; 0 if none did.
        opened_at: Monotonic instant at which it was asked for.
        used_at: Monotonic instant of the last try that it was sent.
        last_heartbeat_s: Monotonic instant of its last heartbeat.
    """

    def __init__(self, sock: socket.socket, what: Open, now: float) -> None:
        sock.setblocking(False)
        self.sock, self.what = sock, what
        self.reader, self.send_buffer = FrameReader(), SendBuffer(sock)
        self.tries: dict[int, Submitted] = {}
        self.prefetched: dict[int, None] = {}
        self.successor = 0
        self.ready = False
        self.pid = 0
        self.opened_at = self.used_at = self.last_heartbeat_s = now
        self._cancelled_at: dict[int, float] = {}
        self._full = False

    def flush(self, selector: selectors.BaseSelector) -> None:
        """Send what the kernel takes now, and have the rest wake the selector as soon as there is room for it.

        Args:
            selector: Watches the socket.

        Raises:
            OSError: The other end is gone.
        """
        if self.send_buffer:
            self.send_buffer.flush()
        if self._full != bool(self.send_buffer):
            # Without this a large try would go out a socket's buffer at a time, at the events of others.
            self._full = bool(self.send_buffer)
            wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._full else 0)
            selector.modify(self.sock, wanted, self)

    @property
    def running(self) -> int:
        """How many of its tries hold a slot."""
        return sum(submitted.slot for submitted in self.tries.values())

    def send(self, kind: FrameKind, submitted: Submitted, now: float) -> None:
        """Send a try."""
        self.tries[submitted.serial] = submitted
        submitted.slot = kind == FrameKind.RUN and submitted.request.wait is None
        if kind == FrameKind.PREFETCH:
            self.prefetched[submitted.serial] = None
        self.used_at = now
        self.send_buffer.put(frame(kind, submitted.serial, submitted.payload))

    def cancel(self, submitted: Submitted, reason: str, now: float) -> None:
        """Tell it to end a try."""
        self._cancelled_at.setdefault(submitted.serial, now)
        self.send_buffer.put(frame(FrameKind.CANCEL, submitted.serial, reason.encode(errors="replace")))

    def is_hung(self, now: float, patience_s: float) -> bool:
        """Whether it has not ended a cancelled try, and nothing was heard of it for as long.

        A heartbeat that is read after the cancellation may have been sent before it, by a server that has stood still since.
        """
        oldest = min(self._cancelled_at.values(), default=now)
        return now > max(oldest, self.last_heartbeat_s) + patience_s

    def start_next(self) -> None:
        """Give a slot to the first of the tries that wait there."""
        serial = next(iter(self.prefetched))
        del self.prefetched[serial]
        self.tries[serial].slot = True
        self.send_buffer.put(frame(FrameKind.START, serial))

    def done(self, serial: int) -> Submitted | None:
        """Take out a try that has ended; its slot passes to the one that took its place there, if one did."""
        submitted = self.tries.pop(serial, None)
        self.prefetched.pop(serial, None)
        self._cancelled_at.pop(serial, None)
        successor, self.successor = self.tries.get(self.successor), 0
        if submitted is not None and submitted.slot and successor is not None and not successor.slot:
            self.prefetched.pop(successor.serial, None)
            submitted.slot, successor.slot = False, True
        return submitted

    def frames(self) -> Iterator[tuple[int, int, bytes]] | None:
        """What has arrived; None if the server is gone."""
        data = read_available(self.sock)
        return None if data is None else self.reader.feed(data)

    def kill(self) -> None:
        """End it and everything it forked, at once."""
        for submitted in self.tries.values():
            if submitted.pid:
                kill_group(submitted.pid)
        if self.pid:
            kill_group(self.pid)


class Environment:
    """A spawn server process and the file servers it forks, all in one Python environment.

    Args:
        command: Program and arguments that start a spawn server; the numbers of its descriptors are appended.
        lock: Descriptor of the executor's lock file, held by every process of the executor.
        log: File that receives what the servers themselves print.
    """

    def __init__(self, command: list[str], lock: int, log: Path) -> None:
        self._command, self._lock, self.log = command, lock, log
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._mark = ""
        self._until_s: float | None = None
        self._lapsed_s = -math.inf

    def open(self, what: Open, now: float) -> Server:
        """A line to a new file server; a spawn server that has died is started again first.

        Raises:
            ConfigError: No spawn server could be started.
        """
        self._connect()  # before anything is opened that it could leave behind
        ours, theirs = socket.socketpair()
        for attempt in (1, 2):
            control = self._connect()
            try:
                send_open(control, what, theirs)
                break
            except OSError as error:
                self.close()
                if attempt == 2:
                    raise ConfigError(
                        f"no spawn server could be started: {as_sentence(error)} See {self.log}"
                    ) from error
        theirs.close()
        return Server(ours, what, now)

    def beside(self, python: str) -> "Environment":
        """The same with another interpreter: it lives as long."""
        made = Environment([python, *self._command[1:]], self._lock, self.log)
        made._until_s = self._until_s
        return made

    def start(self) -> None:
        """Start the spawn server ahead of its first use."""
        self._connect()

    def renew_lease(self, until_s: float) -> None:
        """Let the spawn server go on until then on the monotonic clock; one that is told nothing more ends all its tries."""
        if self._is_over():
            self._lapsed_s = time.monotonic()
        self._until_s = until_s
        if self._control is not None:
            with contextlib.suppress(OSError):  # its end is seen at its lines
                send_lease(self._control, until_s)

    def lapsed_since(self, at_s: float) -> bool:
        """Whether since that instant the spawn server has had no time to go on, so that it has ended what it had."""
        return self._is_over() or self._lapsed_s >= at_s

    def _is_over(self) -> bool:
        return self._until_s is not None and time.monotonic() >= self._until_s

    def _connect(self) -> socket.socket:
        if self._control is not None and self._process is not None and self._process.poll() is None:
            return self._control
        self.close()
        ours, theirs = socket.socketpair()
        self._mark = f"{mark_of(self._lock)}{os.fstat(theirs.fileno()).st_ino}:"  # no other socket has this number now
        try:
            with _opened(self.log) as log:
                self._process = subprocess.Popen(
                    [*self._command, str(theirs.fileno()), str(self._lock)],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    pass_fds=(theirs.fileno(), self._lock),
                    start_new_session=True,
                    env={**without_secrets(os.environ), "PYTHONUNBUFFERED": "1", MARK: self._mark},
                )
        except OSError as error:
            ours.close()
            theirs.close()
            raise ConfigError(f"cannot start {self._command[0]}: {error}") from error
        theirs.close()
        self._control = ours
        if self._until_s is not None:
            self.renew_lease(self._until_s)
        return ours

    def close(self, patience_s: float = 0.0) -> None:
        """Hang up; the spawn server ends everything and exits, or is killed after ``patience_s`` seconds."""
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._process is not None:
            try:
                self._process.wait(patience_s)
            except subprocess.TimeoutExpired:
                kill_group(self._process.pid)
                self._process.wait()
            self._process = None
            # What its tries started and it could not end, as when it was killed itself.
            end_marked(MARK, self._mark, END_S)


def _opened(log: Path) -> BinaryIO:
    """Open a log to append to, which is shortened by who reads it; where it cannot be made, one that keeps nothing: no try waits for it."""
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        return log.open("a+b")
    except OSError:
        return Path(os.devnull).open("a+b")


def spawn_command(python: str = sys.executable, *, poke_threads: int = 32, plugins: str = "{}") -> list[str]:
    """The command that starts a spawn server in a Python environment.

    Args:
        python: The environment's interpreter.
        poke_threads: Threads that its waiters poke in.
        plugins: Where its tries take plugins from, as JSON of a `penstock.plugins.sources.PluginSources`.
    """
    return [python, "-P", "-m", "penstock.app.spawn_server", plugins, str(poke_threads)]
