"""The process that forks a child for each DAG file: warm, single-threaded, and free of any author's code.

It is started as ``python -m penstock.load.parse_server FD`` with a stream socket to the loader, and ends when the
loader hangs up. What a child does to itself (exit, crash, hang, flood of output) becomes the result of its file.
"""

import gc
import os
import re
import selectors
import signal
import socket
import sys
from collections import deque
from contextlib import suppress
from time import monotonic

import msgspec

from penstock.load.child import WHERE_ARE_YOU, run_child
from penstock.load.warm import warm_up
from penstock.load.wire import Ask, Job, Line, Reply, Result, Setup

_GRACE_S = 0.3
_FRAME = re.compile(r'File "([^"]+)", line (\d+)')


class _Child:
    """A child process and what it has said so far."""

    def __init__(self, job: Job, pid: int, line: Line, pipe: int, deadline: float) -> None:
        self.job, self.pid, self.line, self.pipe = job, pid, line, pipe
        self.deadline = deadline
        self.late = False
        self.result: Result | None = None
        self.status: int | None = None
        self.output = bytearray()
        self.open = 2


class ParseServer:
    """Imports files until the loader hangs up.

    Args:
        sock: Blocking stream socket to the loader.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._loader, self._setup = Line(sock), Setup()
        self._children: dict[int, _Child] = {}
        self._waiting: deque[Job] = deque()
        self._selector = selectors.DefaultSelector()
        self._wake, self._waker = os.pipe()

    def serve(self) -> None:
        """The server's life."""
        os.set_blocking(self._wake, False)
        os.set_blocking(self._waker, False)
        signal.set_wakeup_fd(self._waker)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._selector.register(self._wake, selectors.EVENT_READ, self._reap)
        self._selector.register(self._loader.sock, selectors.EVENT_READ, self._hear)
        # Children live shortly and share the pages of what is alive now.
        gc.collect()
        gc.disable()
        gc.freeze()
        try:
            while True:
                for key, _ in self._selector.select(self._patience()):
                    key.data()
                while self._waiting and len(self._children) < self._setup.processes:
                    self._start(self._waiting.popleft())
                self._look_at_clock()
        except (EOFError, OSError):
            for child in self._children.values():
                _kill(child.pid)

    def _hear(self) -> None:
        messages = self._loader.receive()
        if messages is None:
            raise EOFError
        for message in messages:
            if isinstance(message, Setup):
                self._setup = message
            elif isinstance(message, Job):
                self._waiting.append(message)
            elif isinstance(message, Reply) and message.serial in self._children:
                with suppress(OSError):
                    self._children[message.serial].line.send(message)

    def _start(self, job: Job) -> None:
        ours, theirs = socket.socketpair()
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            for number in (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_DFL)
            signal.set_wakeup_fd(-1)
            self._close_inherited(keep=(theirs.fileno(), writing))
            run_child(job, self._setup, theirs, writing)
        theirs.close()
        os.close(writing)
        os.set_blocking(reading, False)
        child = _Child(job, pid, Line(ours), reading, monotonic() + self._setup.timeout_s)
        self._children[job.serial] = child
        self._selector.register(ours, selectors.EVENT_READ, lambda: self._listen(child))
        self._selector.register(reading, selectors.EVENT_READ, lambda: self._read_output(child))

    def _close_inherited(self, keep: tuple[int, int]) -> None:
        """In the child: let go of every descriptor that is the server's."""
        low = 3
        for number in sorted(keep):
            os.closerange(low, number)
            low = number + 1
        os.closerange(low, 1 << 16)

    def _listen(self, child: _Child) -> None:
        try:
            messages = child.line.receive()
        except OSError:
            messages = None
        if messages is None:
            self._selector.unregister(child.line.sock)
            child.line.sock.close()
            child.open -= 1
            self._conclude(child)
            return
        for message in messages:
            if isinstance(message, Ask):
                self._loader.send(message)
            elif isinstance(message, Result):
                child.result = message

    def _read_output(self, child: _Child) -> None:
        try:
            data = os.read(child.pipe, 1 << 16)
        except BlockingIOError:
            return
        child.output += data
        excess = len(child.output) - self._setup.output_bytes
        if excess > 0:
            half = self._setup.output_bytes // 2
            del child.output[half : half + excess]
        if not data:
            self._selector.unregister(child.pipe)
            os.close(child.pipe)
            child.open -= 1
            self._conclude(child)

    def _reap(self) -> None:
        with suppress(BlockingIOError):
            os.read(self._wake, 1 << 12)
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            # What it started and left behind would hold its pipes open.
            _kill(pid)
            for child in list(self._children.values()):
                if child.pid == pid:
                    child.status = status
                    self._conclude(child)

    def _conclude(self, child: _Child) -> None:
        """Answer for a child once it is gone and all it said was heard."""
        if child.status is None or child.open or self._children.pop(child.job.serial, None) is None:
            return
        output = child.output.decode(errors="replace")
        result = child.result or Result(child.job.serial, problems=(self._verdict(child, output),))
        self._loader.send(msgspec.structs.replace(result, output=output))

    def _verdict(self, child: _Child, output: str) -> str:
        """Why a child ended without a result, at the line where it was if that is known."""
        job, status = child.job, child.status or 0
        place = _place(output, job) or f"{job.file}:1"
        if child.late:
            return (
                f"{place}: its import took longer than {self._setup.timeout_s:g} s and was ended. Do slow work inside "
                "tasks; the bound is timeout_s in [loader]."
            )
        if os.WIFSIGNALED(status):
            number = os.WTERMSIG(status)
            if number == signal.SIGKILL:
                return f"{place}: its import was killed with SIGKILL, by the kernel if the machine ran out of memory."
            return f"{place}: its import crashed with {signal.Signals(number).name} ({signal.strsignal(number)})."
        code = os.waitstatus_to_exitcode(status)
        return f"{job.file}:1: its import ended the process with exit code {code}: it calls os._exit(). Take it out."

    def _patience(self) -> float | None:
        deadlines = [child.deadline for child in self._children.values()]
        return max(0.0, min(deadlines) - monotonic()) if deadlines else None

    def _look_at_clock(self) -> None:
        now = monotonic()
        for child in self._children.values():
            if child.deadline <= now and not child.late:
                # First it tells on its standard error where it is, then it is ended.
                child.late, child.deadline = True, now + _GRACE_S
                with suppress(ProcessLookupError):
                    os.kill(child.pid, WHERE_ARE_YOU)
            elif child.deadline <= now:
                _kill(child.pid)
                child.deadline = now + _GRACE_S


def _kill(pid: int) -> None:
    """End a child and its descendants; it may not have made its process group yet."""
    for end in (os.killpg, os.kill):
        with suppress(ProcessLookupError, PermissionError):
            end(pid, signal.SIGKILL)


def _place(output: str, job: Job) -> str:
    """The innermost line of the folder in the last traceback that faulthandler wrote."""
    start = max(
        output.rfind("Current thread"), output.rfind("Fatal Python error"), output.rfind("most recent call first")
    )
    for match in _FRAME.finditer(output, max(start, 0)):
        if match[1].startswith(job.folder + "/"):
            return f"{match[1].removeprefix(job.folder + '/')}:{match[2]}"
    return ""


def main() -> None:
    """Serve on the descriptor named by the first argument."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    warm_up()
    ParseServer(socket.socket(fileno=int(sys.argv[1]))).serve()


if __name__ == "__main__":
    main()
