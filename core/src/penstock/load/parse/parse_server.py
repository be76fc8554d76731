"""The process that forks a child for each DAG file: warm, single-threaded, and free of any author's code.

It has a stream socket to the loader (`penstock.load.parse.parse_process` is its main), and ends when the
loader hangs up. What a child does to itself (exit, crash, hang, flood of output) becomes the result of its file.
"""

import gc
import math
import os
import re
import selectors
import signal
import socket
from collections import deque
from contextlib import suppress
from pathlib import Path
from time import monotonic

import msgspec

from penstock.decoders import msgpack_decoder
from penstock.load.parse.child import prepare_for_children, run_child
from penstock.load.parse.messages import MessageKind, ParseConfig, ParseJob, Printed
from penstock.load.parse.preload import preload
from penstock.processes.descendants import end_children, kill_orphans
from penstock.processes.fork import become_subreaper, prepare_to_fork
from penstock.processes.fork_row import Forked, fork_row
from penstock.processes.frames import FrameSocket
from penstock.processes.group import Reaper, ask_where, describe_exit, kill_group
from penstock.processes.huge_pages import collapse

_encode = msgspec.msgpack.Encoder().encode
_decode_config = msgpack_decoder(ParseConfig).decode
_decode_job = msgpack_decoder(ParseJob).decode

_ROW = 8
"""Children that are forked one after the other, those for the next jobs ahead of time: each fork makes this process copy its pages anew."""
_GRACE_S = 0.3
_END_S = 2.0
_HANGS_S = 2.0
"""Seconds after which an import that has used less of a processor than half of them no longer takes the place of another one."""
_MOST_HANGING = 8
_PLACE = re.compile(r'File "([^"]+)", line (\d+)')


class _Child:
    """A child process and what it has sent so far."""

    def __init__(self, serial: int, job: ParseJob, forked: Forked, deadline: float) -> None:
        self.serial, self.job, self.deadline = serial, job, deadline
        self.pid, self.line, self.pipe = forked.pid, FrameSocket(forked.sock), forked.pipe
        self.started_at = monotonic()
        self.judged_at, self.hangs = self.started_at + _HANGS_S, False
        self.timed_out = False
        self.result = b""
        self.code: int | None = None
        self.output, self.printed = bytearray(), 0
        self.open = 2
        self.begun = False


class ParseServer:
    """Imports files until the loader hangs up.

    Args:
        sock: Blocking stream socket to the loader.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._loader, self._config = FrameSocket(sock), ParseConfig()
        self._children: dict[int, _Child] = {}
        self._waiting: deque[tuple[int, bytes]] = deque()
        self._forked: deque[Forked] = deque()
        self._repeated: set[int] = set()
        self._selector = selectors.DefaultSelector()
        self._reaper = Reaper()

    def serve(self) -> None:
        """The server's life."""
        self._selector.register(self._reaper, selectors.EVENT_READ, self._reap)
        self._selector.register(self._loader.sock, selectors.EVENT_READ, self._receive)
        # Children live shortly: a collection would only copy the pages that they share.
        gc.disable()
        prepare_to_fork()
        collapse()
        try:
            while True:
                for key, _ in self._selector.select(self._timeout()):
                    key.data()
                while self._waiting and self._has_place():
                    self._start(*self._waiting.popleft())
                self._enforce_deadlines()
        except (EOFError, OSError):
            end_children(_END_S)

    def _receive(self) -> None:
        frames = self._loader.receive()
        if frames is None:
            raise EOFError
        for kind, serial, payload in frames:
            if kind == MessageKind.CONFIG:
                self._config = _decode_config(payload)
            elif kind == MessageKind.PARSE:
                self._waiting.append((serial, payload))
            elif kind == MessageKind.CANCEL:
                self._waiting = deque(each for each in self._waiting if each[0] != serial)
                if (child := self._children.get(serial)) is not None:
                    child.begun = True  # it is not to begin once more
                    kill_group(child.pid)
            elif kind == MessageKind.REPLY and serial in self._children:
                with suppress(OSError):
                    self._children[serial].line.send(kind, serial, payload)

    def _has_place(self) -> bool:
        """Whether one more file may be imported: one that waits for something, not for a processor, holds up no other."""
        now = monotonic()
        for child in self._children.values():
            if child.judged_at <= now:
                child.judged_at = now + _HANGS_S
                child.hangs = _cpu_s(child.pid) < (now - child.started_at) / 2
        hanging = sum(child.hangs for child in self._children.values())
        return len(self._children) - min(hanging, _MOST_HANGING) < self._config.processes

    def _start(self, serial: int, payload: bytes) -> None:
        if not self._forked:
            count = min(_ROW, 1 + len(self._waiting))
            self._forked += fork_row(lambda sock: run_child(self._config, sock), (), count)
        forked = self._forked.popleft()
        child = _Child(serial, _decode_job(payload), forked, monotonic() + self._config.timeout_s)
        self._children[serial] = child
        self._selector.register(forked.sock, selectors.EVENT_READ, lambda: self._receive_from(child))
        self._selector.register(forked.pipe, selectors.EVENT_READ, lambda: self._read_output(child))
        with suppress(OSError):  # it may have been killed, which is told like any other end
            child.line.send(MessageKind.PARSE, serial, payload)

    def _receive_from(self, child: _Child) -> None:
        frames = child.line.receive()
        if frames is None:
            self._selector.unregister(child.line.sock)
            child.line.close()
            child.open -= 1
            self._finish(child)
            return
        for kind, _, payload in frames:
            if kind == MessageKind.BEGUN:
                child.begun = True
            elif kind == MessageKind.ASK:
                self._loader.send(kind, child.serial, payload)
            elif kind == MessageKind.RESULT:
                child.result = payload

    def _read_output(self, child: _Child) -> None:
        try:
            data = os.read(child.pipe, 1 << 16)
        except BlockingIOError:
            return
        child.output += data
        child.printed += len(data)
        excess = len(child.output) - self._config.output_bytes
        if excess > 0:
            half = self._config.output_bytes // 2
            del child.output[half : half + excess]
        if not data:
            self._selector.unregister(child.pipe)
            os.close(child.pipe)
            child.open -= 1
            self._finish(child)

    def _reap(self) -> None:
        ended = dict(self._reaper.reap())
        for pid in ended:
            # What it started and left behind would hold its pipes open.
            kill_group(pid)
        children = list(self._children.values())
        kill_orphans({*(child.pid for child in children), *(forked.pid for forked in self._forked)})
        for child in children:
            if child.pid in ended:
                child.code = ended[child.pid]
                self._finish(child)
        for forked in [each for each in self._forked if each.pid in ended]:
            self._forked.remove(forked)
            forked.sock.close()
            os.close(forked.pipe)

    def _finish(self, child: _Child) -> None:
        """Send the result of a child's import once it has ended and all it wrote was read."""
        if child.code is None or child.open or self._children.pop(child.serial, None) is None:
            return
        unbegun = child.code == -signal.SIGKILL and not child.begun and not child.timed_out
        if unbegun and child.serial not in self._repeated:
            # It was killed while it waited, by the code of another file, and its end was not known yet when it was given this one.
            self._repeated.add(child.serial)
            self._waiting.appendleft((child.serial, _encode(child.job)))
            return
        self._repeated.discard(child.serial)
        if child.output:
            printed = Printed(bytes(child.output), child.printed)
            self._loader.send(MessageKind.OUTPUT, child.serial, _encode(printed))
        result = child.result or _encode(child.job.parsed(problems=(self._failure(child, child.code),)))
        self._loader.send(MessageKind.RESULT, child.serial, result)

    def _failure(self, child: _Child, code: int) -> str:
        """Why a child ended without a result, at the line where it was if that is known."""
        job, output = child.job, child.output.decode(errors="replace")
        location = _location(output, job) or f"{job.file}:1"
        if child.timed_out:
            return (
                f"{location}: its import took longer than {self._config.timeout_s:g} s and was ended. Do slow work inside "
                "tasks; the bound is timeout_s in [loader]."
            )
        if code == -signal.SIGKILL:
            return f"{location}: its import was killed with SIGKILL, by the kernel if the machine ran out of memory."
        if code < 0:
            return f"{location}: its import {describe_exit(code)}."
        return (
            f"{job.file}:1: its import ended the process with exit code {code} before it was done, as os._exit() does, "
            "or another program in its place. Take that out."
        )

    def _timeout(self) -> float | None:
        deadlines = [child.deadline for child in self._children.values()]
        if self._waiting:
            deadlines += [child.judged_at for child in self._children.values()]
        return max(0.0, min(deadlines) - monotonic()) if deadlines else None

    def _enforce_deadlines(self) -> None:
        now = monotonic()
        for child in self._children.values():
            if child.deadline <= now and not child.timed_out:
                # First it tells on its standard error where it is, then it is ended.
                child.timed_out, child.deadline = True, now + _GRACE_S
                ask_where(child.pid)
            elif child.deadline <= now:
                kill_group(child.pid)
                child.deadline = now + _GRACE_S


def _cpu_s(pid: int) -> float:
    """Seconds of a processor that a process has used, with the children that it has waited for; no end of them where that is not told."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return math.inf
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def _location(output: str, job: ParseJob) -> str:
    """The innermost line of the folder in the last traceback that faulthandler wrote."""
    start = max(
        output.rfind("Current thread"), output.rfind("Fatal Python error"), output.rfind("most recent call first")
    )
    for match in _PLACE.finditer(output, max(start, 0)):
        if match[1].startswith(job.folder + "/"):
            return f"{match[1].removeprefix(job.folder + '/')}:{match[2]}"
    return ""


def serve(descriptor: int) -> None:
    """Serve on a descriptor until the loader hangs up."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    become_subreaper()
    prepare_for_children()
    preload()
    ParseServer(socket.socket(fileno=descriptor)).serve()
