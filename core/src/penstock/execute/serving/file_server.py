"""The process that has imported one DAG file and forks its try processes; single-threaded, so that forks are safe.

It reads frames from the scheduler, relays what tries and scheduler say to each other, writes the logs, ends what is
cancelled or out of time, and answers for processes that die without an answer.
"""

import contextlib
import os
import selectors
import signal
import socket
import time
from collections import deque
from collections.abc import Callable
from heapq import heappop, heappush
from typing import NoReturn

import msgspec

from penstock.decoders import msgpack_decoder
from penstock.errors import SupersededError, as_sentence
from penstock.execute.rehearsal import run_preforked
from penstock.execute.runner import Runner
from penstock.execute.serving.jobs import ForkedProcess, Job, fork_processes
from penstock.execute.serving.scheduler_line import STARTED_S, SchedulerLine
from penstock.execute.serving.try_bounds import TryBounds, answer_of_exhausted, own_process, unheld, without_answer
from penstock.execute.try_process import run_many, run_one
from penstock.model.attempt import TryEnd
from penstock.model.state import Outcome
from penstock.processes.descendants import end_children, kill_orphans
from penstock.processes.fork import NO_ROOM
from penstock.processes.frames import FrameReader, FrameRefusedError, frame, read_available
from penstock.processes.group import Reaper, ask_where, kill_group, report_where
from penstock.processes.huge_pages import collapse
from penstock.processes.output import discard
from penstock.spec.wire import FrameKind, Reply

_decode_reply = msgpack_decoder(Reply).decode
_encode = msgspec.msgpack.Encoder().encode

TOO_LATE = Reply(error="the try that asks is over", error_type=SupersededError.__name__)
WHERE_S = 0.2
"""Seconds that a process gets to tell where it stands before it is killed."""
END_S = 2.0
ORPHANS_S = 0.02
NO_ROOM_S = 1.0
"""Seconds until a try for which there was no process is made again at the earliest; its next pauses are ever longer."""
MOST_AHEAD = 8
"""Processes that wait for tries at most: each takes a megabyte or two."""
RETRY_WRITE_S = 0.01


class FileServer:
    """Serves the tries of one DAG file until the scheduler hangs up.

    Args:
        control: Non-blocking stream socket to the scheduler.
        runner: Has imported the file, or does so in each try process.
        held: Descriptors that every process of the executor keeps open.
        beat_s: Seconds between the heartbeats that it sends while it has tries.
    """

    def __init__(self, control: socket.socket, runner: Runner, held: tuple[int, ...], beat_s: float) -> None:
        self._control, self._runner, self._held, self._beat_s = control, runner, held, beat_s
        self._reader, self._line = FrameReader(), SchedulerLine(control)
        self._jobs: dict[int, Job] = {}
        self._prefetched: deque[Job] = deque()
        self._children: dict[int, ForkedProcess] = {}
        self._idle: list[ForkedProcess] = []
        self._waiter: ForkedProcess | None = None
        self._preforked: deque[ForkedProcess] = deque()
        self._forks = self._collapsed = False
        self._timers: list[tuple[float, int, str]] = []
        self._orphans_due = self._beats = False
        self._open = True
        self._reaper, self._bounds = Reaper(), TryBounds()
        self._selector = selectors.DefaultSelector()

    def serve(self) -> NoReturn:
        """Serve, and leave the process when the scheduler hangs up; nothing that was forked outlives it."""
        report_where()
        self._selector.register(self._reaper, selectors.EVENT_READ, self._reap)
        self._selector.register(self._control, selectors.EVENT_READ, self._receive)
        while self._open:
            for key, _ in self._selector.select(self._timeout_s()):
                key.data()
            self._fire_timers()
            self._flush()
            self._prefork()
        end_children(END_S)
        self._bounds.close(job.group for job in self._jobs.values())
        os._exit(0)

    # From the scheduler.

    def _receive(self) -> None:
        data = read_available(self._control)
        if data is None:
            self._open = False
            return
        for kind, serial, payload in self._reader.feed(data):
            self._handle(kind, serial, payload)

    def _handle(self, kind: int, serial: int, payload: bytes) -> None:
        if kind == FrameKind.RUN:
            self._start(self._admit(serial, payload))
        elif kind == FrameKind.PREFETCH:
            self._prefetched.append(self._admit(serial, payload))
        elif kind == FrameKind.STOP:
            self._open = False
        elif (known := self._jobs.get(serial)) is None:
            return
        elif kind == FrameKind.CANCEL:
            self._end(known, Outcome.CANCELLED, payload.decode())
        elif kind == FrameKind.POKE and known.child is not None and known.request.wait is not None:
            known.child.send_buffer.put(frame(FrameKind.POKE, serial, payload))
        elif kind == FrameKind.START and known in self._prefetched:
            self._prefetched.remove(known)
            self._start(known)
        elif kind == FrameKind.REPLY and known.child is not None:
            if known.output is not None:
                known.output.mask.learn(_decode_reply(payload).secrets)
            known.child.send_buffer.put(frame(FrameKind.REPLY, serial, payload))

    def _admit(self, serial: int, payload: bytes) -> Job:
        if not self._beats:
            self._beats = True
            self._arm(self._beat_s, 0, "beat")
        job = self._jobs[serial] = Job(serial, payload)
        return job

    # Processes.

    def _start(self, job: Job) -> None:
        if job.request.epoch > 1:
            # What an earlier try of the same task left must not run beside this one, however lately that try ended.
            self._reap()
            if self._orphans_due:
                self._kill_orphans()
        try:
            job.child = self._place(job)
        except OSError as error:
            pause_s = NO_ROOM_S if error.errno in NO_ROOM else None
            self._answer(job, Outcome.LOST, f"no process could be made for it: {error}", pause_s)
            return
        job.child.jobs[job.serial] = job
        job.begin_output().mask.learn(self._runner.secrets)
        if job.unheld and job.output is not None:
            job.output.write(unheld(job.request, job.unheld).encode())
        if job.request.timeout_s is not None:
            job.deadline = self._arm(job.request.timeout_s, job.serial, "deadline")
        if self._line.put_started(job.serial, job.child.pid):
            self._arm(STARTED_S, 0, "started")

    def _place(self, job: Job) -> ForkedProcess:
        """The process that runs a try: its own, an idle one that is kept, or the waiter of all sensors."""
        if job.request.wait is not None:
            if self._waiter is None:
                [self._waiter] = self._fork(_wait_for_many, kept=True)
            child = self._waiter
        elif job.request.isolation == "reuse" and not own_process(job.request):
            child = self._idle.pop() if self._idle else self._fork(run_many, kept=True)[0]
        else:
            child = self._take_preforked() or self._fork(run_one)[0]
            self._forks = True
        job.group, job.unheld = self._bounds.begin(job.request, job.serial, child.pid)
        child.send_buffer.put(frame(FrameKind.RUN, job.serial, job.payload))
        return child

    def _fork(
        self, code: Callable[[socket.socket, Runner], NoReturn], count: int = 1, *, kept: bool = False
    ) -> list[ForkedProcess]:
        """Fork processes that run this on their channels, and listen to them."""
        runner = self._runner
        made = fork_processes(lambda channel: code(channel, runner), self._held, count, kept=kept)
        for child in made:
            self._adopt(child)
        return made

    def _take_preforked(self) -> ForkedProcess | None:
        """A process that was forked ahead and has not died meanwhile, if there is one."""
        self._reap()
        return self._preforked.popleft() if self._preforked else None

    def _prefork(self) -> None:
        """Have a process at hand for the next try, so that a fork is no part of what a chain of tasks waits for.

        A fork makes this process copy each page that it writes to afterwards, so those of tries that wait are made at once. One that
        no try waits for has time to copy its own pages ahead.
        """
        if not self._forks or self._preforked:
            return
        if not self._collapsed:
            self._collapsed = True
            collapse()  # not earlier: the first try of a file does not wait for it, and memory that never forks shares more
        with contextlib.suppress(OSError):  # the try that needs a process says why there is none
            waiting = len(self._prefetched)
            self._preforked += self._fork(run_one if waiting else run_preforked, min(MOST_AHEAD, 1 + waiting))

    def _adopt(self, child: ForkedProcess) -> None:
        self._children[child.pid] = child
        self._selector.register(child.sock, selectors.EVENT_READ, lambda: self._receive_from(child))
        self._selector.register(child.pipe, selectors.EVENT_READ, lambda: self._copy_output(child))

    def _receive_from(self, child: ForkedProcess) -> None:
        if child.sock.fileno() < 0:
            return  # ended by an earlier event of the same turn
        data = read_available(child.sock)
        if data is None:
            self._selector.unregister(child.sock)
            return
        try:
            for kind, serial, payload in child.reader.feed(data):
                if (job := child.jobs.get(serial)) is not None:
                    self._take(child, job, kind, payload)
                elif kind == FrameKind.ASK:
                    # A poke of a wait that has ended meanwhile: whoever asks must not wait for ever.
                    child.send_buffer.put(frame(FrameKind.REPLY, serial, _encode(TOO_LATE)))
        except FrameRefusedError as error:
            # Only code that writes to its supervisor's descriptor by itself can do this, or what it returns is that large.
            self._selector.unregister(child.sock)
            for job in child.jobs.values():
                job.ending = job.ending or (
                    Outcome.FAILED,
                    f"its process sent {as_sentence(error)} Put large data into an object store",
                )
            kill_group(child.pid)

    def _take(self, child: ForkedProcess, job: Job, kind: int, payload: bytes) -> None:
        if kind == FrameKind.FINISHED:
            self._finish(job, payload)
        elif kind == FrameKind.LOG and job.output is not None:
            if child is not self._waiter:
                job.output.take(child.pipe)  # what was printed before
            job.output.write(payload)
        elif kind == FrameKind.ASK:
            self._line.put(FrameKind.ASK, job.serial, payload)

    def _copy_output(self, child: ForkedProcess) -> None:
        """Move what a process printed into the log of its try; a process without a try is not listened to."""
        if child.pipe < 0:
            return  # ended by an earlier event of the same turn
        job = None if child is self._waiter else next(iter(child.jobs.values()), None)
        more = job.output.take(child.pipe) if job is not None and job.output is not None else discard(child.pipe)
        if not more:
            self._selector.unregister(child.pipe)

    def _finish(self, job: Job, payload: bytes) -> None:
        """Pass on what a try's process answered, unless the try was cancelled: then that is the answer."""
        if job.child is not None and job.child.kept and job.child is not self._waiter:
            self._idle.append(job.child)
        if job.ending is not None:
            self._answer(job, *job.ending)
        else:
            self._close(job, answer_of_exhausted(job.request, job.group, payload))

    def _close(self, job: Job, answer: bytes) -> None:
        """End a try: close its log, give its slot to the next waiting try, and send the answer to the scheduler."""
        if job.child is not None:
            del job.child.jobs[job.serial]
        if job.output is not None:
            if job.child is not None and job.child is not self._waiter:
                job.output.take(job.child.pipe)
            job.output.close()
        del self._jobs[job.serial]
        if job.group is not None:
            self._bounds.end(job.group)
        if self._prefetched and job.child is not None and job.request.wait is None:
            successor = self._prefetched.popleft()
            self._start(successor)
            self._line.put(FrameKind.SUCCESSOR, successor.serial)
        self._line.put(FrameKind.FINISHED, job.serial, answer)

    def _reap(self) -> None:
        ended = list(self._reaper.reap())
        for pid, code in ended:
            if (child := self._children.pop(pid, None)) is not None:
                self._process_ended(child, code)
        if ended and not self._orphans_due:
            # Whatever the tries of these processes started and detached is now a child of this one. Looking for it costs
            # a twentieth of a fork, so that tries which end together are looked after together.
            self._orphans_due = True
            self._arm(ORPHANS_S, 0, "orphans")

    def _kill_orphans(self) -> None:
        self._orphans_due = False
        kill_orphans(self._children)
        self._bounds.sweep()

    def _process_ended(self, child: ForkedProcess, code: int) -> None:
        """Clean up after a process that has ended: read its last frames, answer for its tries, end its descendants."""
        if child.sock in self._selector.get_map():
            self._receive_from(child)
        kill_group(child.pid)
        if child is self._waiter:
            self._waiter = None
        if child in self._preforked:
            self._preforked.remove(child)
        if child in self._idle:
            self._idle.remove(child)
        for job in list(child.jobs.values()):
            outcome, error = job.ending or (Outcome.FAILED, self._bounds.verdict(job.request, job.group, code))
            if job.ending is None and job.request.wait is not None:
                outcome, error = Outcome.LOST, f"the waiter of its DAG file ended: {without_answer(code)}"
            self._answer(job, outcome, error)
        for line in (child.sock, child.pipe):
            if line in self._selector.get_map():
                self._selector.unregister(line)
        child.sock.close()
        os.close(child.pipe)
        child.pipe = -1

    def _answer(self, job: Job, outcome: Outcome, error: str, pause_s: float | None = None) -> None:
        """Answer for a try whose process did not, or that has none."""
        if job.output is not None:
            if job.child is not None and job.child is not self._waiter:
                job.output.take(job.child.pipe)
            job.output.write(f"{error}\n".encode())
        self._close(job, _encode(TryEnd(outcome, error, retry_after_s=pause_s)))

    def _end(self, job: Job, outcome: Outcome, reason: str) -> None:
        """Tell a try to end: politely first, so that it can clean up, then with SIGKILL for its whole group."""
        if job.ending is not None:
            return
        job.ending = (outcome, reason)
        if job.child is None:
            self._prefetched.remove(job)
            self._answer(job, outcome, reason)
        elif job.request.wait is not None:
            job.child.send_buffer.put(frame(FrameKind.CANCEL, job.serial, reason.encode()))
        else:
            self._arm(job.request.grace_s, job.serial, "where")
            os.kill(job.child.pid, signal.SIGTERM)

    # Time.

    def _arm(self, delay_s: float, serial: int, what: str) -> float:
        at = time.monotonic() + delay_s
        heappush(self._timers, (at, serial, what))
        return at

    def _timeout_s(self) -> float | None:
        return max(0.0, self._timers[0][0] - time.monotonic()) if self._timers else None

    def _fire_timers(self) -> None:
        while self._timers and self._timers[0][0] <= time.monotonic():
            _, serial, what = heappop(self._timers)
            job = self._jobs.get(serial)
            if what == "started":
                self._line.put_starts()
            elif what == "orphans":
                self._kill_orphans()
            elif what == "beat":
                self._beats = bool(self._jobs)
                if self._beats:
                    self._line.put(FrameKind.BEAT, 0)
                    self._arm(self._beat_s, 0, "beat")
            elif job is None:
                continue
            elif what == "deadline":
                self._end(
                    job, Outcome.TIMED_OUT, f"it ran longer than its execution_timeout, {job.request.timeout_s:g} s"
                )
            elif job.child is not None and what == "where":
                ask_where(job.child.pid)
                self._arm(WHERE_S, serial, "kill")
            elif job.child is not None:
                kill_group(job.child.pid)

    # Out.

    def _flush(self) -> None:
        try:
            self._line.flush()
        except OSError:
            self._open = False
        if self._line:
            self._arm(RETRY_WRITE_S, 0, "write")
        for child in self._children.values():
            if child.send_buffer:
                with contextlib.suppress(OSError):
                    child.send_buffer.flush()
            if child.send_buffer:
                self._arm(RETRY_WRITE_S, 0, "write")


def _wait_for_many(sock: socket.socket, runner: Runner) -> NoReturn:
    from penstock.execute.sensors.waiter import wait_for_many  # noqa: PLC0415 - it imports asyncio, which makes every fork dearer

    wait_for_many(sock, runner)
