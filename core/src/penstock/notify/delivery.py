"""Delivers notices to the listener of one provider, one after the other, whatever its process does."""

from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import NamedTuple

import msgspec

from penstock.decoders import msgpack_decoder
from penstock.errors import as_sentence
from penstock.metrics.metrics_table import NOTICES
from penstock.metrics.recorder import OFF, Recorder
from penstock.model.notice import Notice
from penstock.notify.answers import Answering
from penstock.processes.failpoint import failpoint
from penstock.processes.fork import NO_ROOM
from penstock.processes.line_process import LineProcess
from penstock.processes.supervise import FIRST_PAUSE_S, LONGEST_PAUSE_S, Backoff
from penstock.spec.wire import Ask, FrameKind, Reply
from penstock.store import Listener

LOAD_S = 60.0
"""Seconds that the import of a plugin module may take."""

TRIES = 3
"""Times that a process may end at one notice, or before it has loaded its module."""

_EXIT_S = 0.5

_encode = msgspec.msgpack.Encoder().encode
_decode_ask = msgpack_decoder(Ask).decode


class Ports(NamedTuple):
    """What deliveries need from outside.

    Attributes:
        timeout_s: Seconds that an impl may take for one notice.
        answer: Answers what a plugin module asks for.
        monotonic: Tells seconds that never go back.
        now: Tells the present, aware UTC.
        log: Takes what the user should know, a line each.
        metrics: Takes what is measured.
    """

    timeout_s: float
    answer: Answering
    monotonic: Callable[[], float]
    now: Callable[[], datetime]
    log: Callable[[str], None]
    metrics: Recorder = OFF


class Delivery:
    """Starts the listener's process, delivers the notices that `enqueue` brings, and starts it again if it ends.

    A notice is skipped, and counted as failed, if the impl raises, if it takes too long (its process is killed then), or
    if the process has ended at it `TRIES` times. Each end of the process is followed by a pause that doubles up to half a
    minute and starts over with the next notice that was delivered.

    Args:
        row: The listener's progress so far.
        command: Starts its process.
        log: File that receives what it prints.
        ports: What it needs from outside.

    Attributes:
        row: The listener's progress; ``missed`` counts only what it missed since the row was last stored.
        last_enqueued: Number of the last notice that was enqueued.
        changed: Whether the row has changed since it was last stored.
        process: The listener's process, while it lives.
    """

    def __init__(self, row: Listener, command: Sequence[str], log: Path, ports: Ports) -> None:
        self.row = msgspec.structs.replace(row, missed=0, broken="")
        self.last_enqueued = row.acknowledged
        self.changed = bool(row.broken)
        self.process: LineProcess | None = None
        self._command, self._log, self._ports = command, log, ports
        self._notices: deque[tuple[int, Notice]] = deque()
        self._loaded = self._busy = False
        self._ends_loading = self._ends_busy = 0
        self._backoff = Backoff(FIRST_PAUSE_S, LONGEST_PAUSE_S)
        self._due: float | None = ports.monotonic()

    @property
    def idle(self) -> bool:
        """Whether it has delivered everything that was enqueued."""
        return not self._notices

    @property
    def busy(self) -> bool:
        """Whether the listener's impl is at work on a notice."""
        return self._busy

    @property
    def readable(self) -> tuple[int, ...]:
        """Descriptors to wait on until they can be read."""
        return self.process.readable if self.process is not None else ()

    @property
    def writable(self) -> tuple[int, ...]:
        """Descriptors to wait on until they can be written."""
        return self.process.writable if self.process is not None else ()

    @property
    def due(self) -> float | None:
        """Monotonic instant at which `step` is due even if nothing arrives; None for never."""
        return self._due

    def enqueue(self, notices: Sequence[tuple[int, Notice]]) -> None:
        """Append the next notices, each with its number."""
        if notices:
            self.last_enqueued = notices[-1][0]
            self._notices.extend(notices)

    def step(self, *, more: bool = True) -> None:
        """Take in what has arrived, and go on; without ``more``, no further notice is delivered."""
        now = self._ports.monotonic()
        if self.process is not None:
            self._receive(self.process)
        if self._due is not None and now >= self._due:
            self._expire()
        if self.row.broken and self._notices:
            self._skip(len(self._notices), missed=len(self._notices))
        if more and self._loaded and self._notices and not self._busy and self.process is not None:
            self._busy, self._due = True, now + self._ports.timeout_s
            self.process.send(FrameKind.RUN, 0, _encode(self._notices[0][1]))

    def stored(self) -> None:
        """Note that the row was stored."""
        self.row, self.changed = msgspec.structs.replace(self.row, missed=0), False

    def close(self) -> None:
        """End its process."""
        if self.process is not None:
            self.process.end()
            self.process = None

    def _receive(self, process: LineProcess) -> None:
        process.flush()
        process.keep_output()
        found = process.frames()
        for kind, _, payload in found or ():
            if kind == FrameKind.ASK:
                self._ports.answer(_decode_ask(payload), partial(self._reply, process))
            elif kind == FrameKind.HELLO:
                self._started(payload.decode())
            elif kind == FrameKind.FINISHED and self._busy:
                self._backoff.reset()
                self._delivered(payload.decode())
        if found is None:
            self._ended(process)

    def _reply(self, process: LineProcess, reply: Reply) -> None:
        if process is self.process:  # else it has ended meanwhile
            process.mask.learn(reply.secrets)
            process.send(FrameKind.REPLY, 0, _encode(reply))

    def _started(self, problem: str) -> None:
        if problem:
            self._disable(problem)
        else:
            self._loaded, self._due, self._ends_loading = True, None, 0

    def _delivered(self, failure: str) -> None:
        """Record how the delivery of the present notice ended, and go on to the next."""
        failpoint("notifier.delivery.after")
        self._busy, self._due, self._ends_busy = False, None, 0
        if self._ports.metrics.on:
            self._ports.metrics.record(NOTICES, 1, self.row.provider, "failed" if failure else "ok")
            self._ports.metrics.flush()
        if failure:
            row, number = self.row, self._notices[0][0]
            self.row = msgspec.structs.replace(row, failed=row.failed + 1, failure=failure, failed_at=self._ports.now())
            self._ports.log(f"the provider {row.provider!r} failed at state change {number}: {failure}")
        self._skip(1)

    def _skip(self, count: int, *, missed: int = 0) -> None:
        for _ in range(count):
            number, _ = self._notices.popleft()
        self.row = msgspec.structs.replace(self.row, acknowledged=number, missed=self.row.missed + missed)
        self.changed = True

    def _expire(self) -> None:
        """Start the process if that is due; otherwise it has taken too long, and is ended."""
        if self.process is None:
            try:
                self.process = LineProcess(self._command, self._log)
            except OSError as error:
                how = f"its process cannot be started with {self._command[0]}: {error.strerror}"
                if error.errno in NO_ROOM:
                    self._start_later(how)
                else:
                    self._disable(how)
            else:
                self._due = self._ports.monotonic() + LOAD_S
            return
        self.process.end()
        self.process = None
        if self._busy:
            self._loaded = False
            self._delivered(
                f"it took longer than {self._ports.timeout_s:g} s and was ended; the limit is [notifier] timeout_s"
            )
            self._due = self._ports.monotonic()
        else:
            self._disable(f"loading its plugin module took longer than {LOAD_S:g} s")

    def _ended(self, process: LineProcess) -> None:
        """Start another process after a pause, unless that has been tried often enough."""
        how = f"its process {process.end(_EXIT_S)}"
        self.process = None
        self._ends_busy += self._busy
        self._ends_loading += not self._loaded
        if self._ends_loading >= TRIES:
            self._disable(f"{how} while its plugin module was loaded, {TRIES} times in a row")
            return
        if self._ends_busy >= TRIES:
            self._delivered(f"{how} at it, {TRIES} times in a row")
        self._loaded = self._busy = False
        self._start_later(how)

    def _start_later(self, how: str) -> None:
        pause = self._backoff.pause()
        self._due = self._ports.monotonic() + pause
        self._ports.log(f"the provider {self.row.provider!r}: {as_sentence(how)} It is started again in {pause:g} s")

    def _disable(self, problem: str) -> None:
        """Give up a listener whose module cannot be loaded: until the next start, it misses every change."""
        self.close()
        self._loaded, self._due = False, None
        self.row = msgspec.structs.replace(self.row, broken=problem)
        self.changed = True
        self._ports.log(f"the provider {self.row.provider!r} misses every change: {problem}")
