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
from penstock.load.wire import Job, Kind, Result, Setup
from penstock.processes.fork import fork, prepare_to_fork
from penstock.processes.frames import FrameSocket
from penstock.processes.group import Reaper, describe_exit, kill_group

_encode = msgspec.msgpack.Encoder().encode
_decode_setup = msgspec.msgpack.Decoder(Setup).decode
_decode_job = msgspec.msgpack.Decoder(Job).decode

_GRACE_S = 0.3
_PLACE = re.compile(r'File "([^"]+)", line (\d+)')


class _Child:
    """A child process and what it has said so far."""

    def __init__(self, serial: int, job: Job, pid: int, line: FrameSocket, pipe: int, deadline: float) -> None:
        self.serial, self.job, self.pid, self.line, self.pipe = serial, job, pid, line, pipe
        self.deadline = deadline
        self.late = False
        self.result = b""
        self.code: int | None = None
        self.output = bytearray()
        self.open = 2


class ParseServer:
    """Imports files until the loader hangs up.

    Args:
        sock: Blocking stream socket to the loader.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._loader, self._setup = FrameSocket(sock), Setup()
        self._children: dict[int, _Child] = {}
        self._waiting: deque[tuple[int, Job]] = deque()
        self._selector = selectors.DefaultSelector()
        self._reaper = Reaper()

    def serve(self) -> None:
        """The server's life."""
        self._selector.register(self._reaper, selectors.EVENT_READ, self._reap)
        self._selector.register(self._loader.sock, selectors.EVENT_READ, self._receive)
        # Children live shortly: a collection would only copy the pages that they share.
        gc.disable()
        prepare_to_fork()
        try:
            while True:
                for key, _ in self._selector.select(self._patience()):
                    key.data()
                while self._waiting and len(self._children) < self._setup.processes:
                    self._start(*self._waiting.popleft())
                self._look_at_clock()
        except (EOFError, OSError):
            for child in self._children.values():
                kill_group(child.pid)

    def _receive(self) -> None:
        frames = self._loader.receive()
        if frames is None:
            raise EOFError
        for kind, serial, payload in frames:
            if kind == Kind.SETUP:
                self._setup = _decode_setup(payload)
            elif kind == Kind.PARSE:
                self._waiting.append((serial, _decode_job(payload)))
            elif kind == Kind.VALUE and serial in self._children:
                with suppress(OSError):
                    self._children[serial].line.send(kind, serial, payload)

    def _start(self, serial: int, job: Job) -> None:
        ours, theirs = socket.socketpair()
        reading, writing = os.pipe()
        pid = fork(
            lambda kept: run_child(job, serial, self._setup, socket.socket(fileno=kept[0])),
            (theirs.fileno(),),
            output=writing,
        )
        theirs.close()
        os.close(writing)
        os.set_blocking(reading, False)
        child = _Child(serial, job, pid, FrameSocket(ours), reading, monotonic() + self._setup.timeout_s)
        self._children[serial] = child
        self._selector.register(ours, selectors.EVENT_READ, lambda: self._receive_from(child))
        self._selector.register(reading, selectors.EVENT_READ, lambda: self._read_output(child))

    def _receive_from(self, child: _Child) -> None:
        frames = child.line.receive()
        if frames is None:
            self._selector.unregister(child.line.sock)
            child.line.close()
            child.open -= 1
            self._conclude(child)
            return
        for kind, _, payload in frames:
            if kind == Kind.ASK:
                self._loader.send(kind, child.serial, payload)
            elif kind == Kind.RESULT:
                child.result = payload

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
        for pid, code in self._reaper.reap():
            # What it started and left behind would hold its pipes open.
            kill_group(pid)
            for child in list(self._children.values()):
                if child.pid == pid:
                    child.code = code
                    self._conclude(child)

    def _conclude(self, child: _Child) -> None:
        """Answer for a child once it is gone and all it said was heard."""
        if child.code is None or child.open or self._children.pop(child.serial, None) is None:
            return
        if child.output:
            self._loader.send(Kind.OUTPUT, child.serial, bytes(child.output))
        result = child.result or _encode(Result(problems=(self._verdict(child, child.code),)))
        self._loader.send(Kind.RESULT, child.serial, result)

    def _verdict(self, child: _Child, code: int) -> str:
        """Why a child ended without a result, at the line where it was if that is known."""
        job, output = child.job, child.output.decode(errors="replace")
        place = _place(output, job) or f"{job.file}:1"
        if child.late:
            return (
                f"{place}: its import took longer than {self._setup.timeout_s:g} s and was ended. Do slow work inside "
                "tasks; the bound is timeout_s in [loader]."
            )
        if code == -signal.SIGKILL:
            return f"{place}: its import was killed with SIGKILL, by the kernel if the machine ran out of memory."
        if code < 0:
            return f"{place}: its import {describe_exit(code)}."
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
                kill_group(child.pid)
                child.deadline = now + _GRACE_S


def _place(output: str, job: Job) -> str:
    """The innermost line of the folder in the last traceback that faulthandler wrote."""
    start = max(
        output.rfind("Current thread"), output.rfind("Fatal Python error"), output.rfind("most recent call first")
    )
    for match in _PLACE.finditer(output, max(start, 0)):
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
