"""The worker's entry: runs one try of a far executor, in a process of its own, from nothing but what the executor sends.

A worker needs an installed core and the providers of its tasks; it sees neither the project nor the database. Source snapshots
are fetched by their content hash and kept in a folder of its own. What the try asks and logs goes to its `WorkerHost`, which
carries it to the executor's object in the scheduler's process by whatever means the executor has.
"""

import contextlib
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Protocol

import msgspec

from penstock.decoders import msgpack_decoder
from penstock.errors import PenstockError, RequestError
from penstock.model.attempt import TryEnd
from penstock.model.state import Outcome
from penstock.processes.environ import without_secrets
from penstock.processes.frames import FrameReader, FrameRefusedError, frame
from penstock.processes.group import describe_exit, kill_group
from penstock.processes.masking import Mask
from penstock.processes.output import KeptOutput
from penstock.spec.executor import FileCode, TryRequest
from penstock.spec.wire import Ask, FrameKind, Reply
from penstock.spec.workers.fetched_snapshots import FetchedSnapshots
from penstock.spec.workers.held_code import end_without_code, hold

_READ_SIZE = 1 << 16

_encode = msgspec.msgpack.Encoder().encode
_decode_ask = msgpack_decoder(Ask).decode
_decode_end = msgpack_decoder(TryEnd).decode


class WorkerHost(Protocol):
    """How a worker reaches its executor; called in the thread that runs the try, and may block."""

    def started(self, pid: int) -> None:
        """The try's process exists."""

    def ask(self, ask: Ask) -> Reply:
        """Ask the scheduler, and wait for its reply; what this raises is raised in the try."""

    def log(self, data: bytes) -> None:
        """Take what the try printed, secrets hidden."""

    def snapshot(self, wanted: str) -> bytes:
        """Fetch the source snapshot of a content hash, as `penstock.spec.executor.ExecutorContext.snapshot` packs it."""


class _RefusedByHostError(PenstockError):
    """The executor has not what was asked for: asked again, it will not have it either."""


class Worker:
    """Runs one try, once.

    Args:
        request: The try.
        host: The way to the executor.
        snapshots: Folder for source snapshots, kept from try to try and bounded; workers may share it. Made if need be.
        python: Interpreter of the environment with the core and the providers.
    """

    def __init__(self, request: TryRequest, host: WorkerHost, snapshots: Path, *, python: str = sys.executable) -> None:
        self._request, self._host, self._snapshots, self._python = request, host, snapshots, python
        self._ended_by: TryEnd | None = None
        self._wake_r, self._wake_w = socket.socketpair()

    def run(self) -> TryEnd:
        """Run the try to its end.

        Returns:
            How it ended. A try whose code is not there, or is damaged, has ``failed``; one that could not be started as its code or a
            process was out of reach is ``lost``: it may be repeated.
        """
        try:
            with contextlib.ExitStack() as stack:
                if isinstance(code := self._request.code, FileCode):
                    snapshots = FetchedSnapshots(self._snapshots)
                    try:
                        hold(stack, lambda: snapshots.held(code.snapshot, self._fetch))
                    except (PenstockError, OSError) as error:
                        return end_without_code(error, final=isinstance(error, _RefusedByHostError))
                ours, theirs = socket.socketpair()
                with ours:
                    process = self._start(theirs)
                    self._host.started(process.pid)
                    return self._supervise(process, ours)
        except (PenstockError, OSError) as error:
            return TryEnd(Outcome.LOST, f"its worker could not run it: {error}")
        finally:
            self._wake_r.close()
            self._wake_w.close()

    def cancel(self, reason: str) -> None:
        """Have the try end; may be called from any thread, and after it has ended."""
        self._ended_by = self._ended_by or TryEnd(Outcome.CANCELLED, reason)
        with contextlib.suppress(OSError):  # it has ended
            self._wake_w.send(b"x")

    def _fetch(self, wanted: str) -> bytes:
        try:
            return self._host.snapshot(wanted)
        except RequestError as error:
            raise _RefusedByHostError(str(error)) from error

    def _start(self, line: socket.socket) -> subprocess.Popen[bytes]:
        with line:
            return subprocess.Popen(  # not `penstock.processes.fork.spawn`, which is for processes of one thread
                [
                    self._python,
                    "-P",
                    "-m",
                    "penstock.app.worker",
                    str(os.getpid()),
                    str(line.fileno()),
                    str(self._snapshots),
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=(line.fileno(),),
                start_new_session=True,
                env={**without_secrets(os.environ), "PYTHONUNBUFFERED": "1"},
            )

    def _supervise(self, process: subprocess.Popen[bytes], line: socket.socket) -> TryEnd:
        assert process.stdout is not None  # noqa: S101 - it was asked for
        serving = _Serving(self._host, line, process.stdout.fileno(), self._request.log_bounds.most_bytes)
        limit = self._request.timeout_s
        deadline = float("inf") if limit is None else time.monotonic() + limit
        kill_at = float("inf")
        line.sendall(frame(FrameKind.RUN, 0, _encode(self._request)))
        try:
            with selectors.DefaultSelector() as selector:
                for each, receive in (
                    (line, serving.receive),
                    (serving.output, serving.copy_output),
                    (self._wake_r, lambda: bool(self._wake_r.recv(64))),
                ):
                    selector.register(each, selectors.EVENT_READ, receive)
                while not serving.over and time.monotonic() < kill_at:
                    due = min(deadline, kill_at)
                    for key, _ in selector.select(None if due == float("inf") else max(0.0, due - time.monotonic())):
                        if not key.data():
                            selector.unregister(key.fileobj)
                    if time.monotonic() >= deadline:
                        reason = f"it ran longer than its execution_timeout, {limit:g} s"
                        self._ended_by = self._ended_by or TryEnd(Outcome.TIMED_OUT, reason)
                        deadline = float("inf")
                    if self._ended_by is not None and kill_at == float("inf"):
                        kill_at = time.monotonic() + self._request.grace_s
                        kill_group(process.pid, signal.SIGTERM)
        finally:
            # What the task started ends with it, and so does a process that this worker gives up.
            kill_group(process.pid)
            code = process.wait()
            serving.finish_output()
            process.stdout.close()
        failed = TryEnd(Outcome.FAILED, f"the task's process {describe_exit(code)} without an answer")
        return self._ended_by or serving.end or failed


class _Serving:
    """What goes to and fro between a try's process and its host.

    Attributes:
        output: Descriptor of what the process prints.
        end: How the try ended, once it has said so.
        over: Whether nothing more is to come.
    """

    def __init__(self, host: WorkerHost, line: socket.socket, output: int, most_bytes: int) -> None:
        self._host, self._line, self.output = host, line, output
        self._reader, self._mask, self._bound = FrameReader(), Mask(), KeptOutput(most_bytes)
        self.end: TryEnd | None = None
        self.over = False
        os.set_blocking(output, False)

    def receive(self) -> bool:
        """Take what the process says; False once it has hung up."""
        try:
            data = self._line.recv(_READ_SIZE)
        except OSError:
            data = b""
        try:
            for kind, _, payload in self._reader.feed(data):
                self._take(kind, payload)
        except (msgspec.MsgspecError, FrameRefusedError) as error:
            reason = f"its process sent an unreadable message: {error}"
            self.end, self.over = TryEnd(Outcome.FAILED, reason, retryable=False), True
        self.over = self.over or not data
        return bool(data)

    def _take(self, kind: int, payload: bytes) -> None:
        if kind == FrameKind.FINISHED:
            self.end, self.over = _decode_end(payload), True
        elif kind == FrameKind.LOG:
            self.copy_output()  # what was printed before
            self._log(self._mask.feed(payload))
        elif kind == FrameKind.ASK:
            reply = self._reply(_decode_ask(payload))
            self._mask.learn(reply.secrets)
            self._line.sendall(frame(FrameKind.REPLY, 0, _encode(reply)))

    def _reply(self, ask: Ask) -> Reply:
        try:
            return self._host.ask(ask)
        except Exception as error:  # noqa: BLE001 - the executor's own means failed: raised in the try that asked
            return Reply(error=f"{ask.method}() could not be answered: {error}", error_type=RequestError.__name__)

    def copy_output(self) -> bool:
        """Pass on what the process printed; False once nobody can print any more."""
        while True:
            try:
                data = os.read(self.output, _READ_SIZE)
            except BlockingIOError:
                return True
            if not data:
                return False
            self._log(self._mask.feed(data))

    def finish_output(self) -> None:
        """Pass on the rest of it."""
        self.copy_output()
        self._log(self._mask.finish())
        if last := self._bound.finish():
            self._host.log(last)

    def _log(self, data: bytes) -> None:
        if data := self._bound.feed(data):
            self._host.log(data)


def run(request: TryRequest, host: WorkerHost, snapshots: Path) -> TryEnd:
    """Run one try to its end, as `Worker` does, for those who never cancel one."""
    return Worker(request, host, snapshots).run()
