"""The courier of one provider: brings it one notice after the other, whatever its process does."""

from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import msgspec

from penstock.execute.wire import Ask, Kind, Reply
from penstock.model.notice import Notice
from penstock.notify.process import ListenerProcess
from penstock.processes.supervise import Backoff
from penstock.store import Listener

LOAD_S = 60.0
"""Seconds that the import of a plugin module may take."""

TRIES = 3
"""Times that a process may end at one notice, or before it has loaded its module."""

_EXIT_S = 0.5

_encode = msgspec.msgpack.Encoder().encode
_decode_ask = msgspec.msgpack.Decoder(Ask).decode


class World(NamedTuple):
    """What couriers see of the world.

    Attributes:
        timeout_s: Seconds that an impl may take for one notice.
        answer: Answers what a plugin module asks for.
        monotonic: Tells seconds that never go back.
        now: Tells the present, aware UTC.
        tell: Hears what a person should know, a line each.
    """

    timeout_s: float
    answer: Callable[[Ask], Reply]
    monotonic: Callable[[], float]
    now: Callable[[], datetime]
    tell: Callable[[str], None]


class Courier:
    """Starts the provider's process, tells it the notices that `give` brings, and starts it again if it ends.

    A notice is passed over, and counted as failed, if the impl raises, if it takes too long (its process is killed
    then), or if the process has ended at it `TRIES` times. Each end of the process is followed by a pause that doubles up to
    half a minute and starts over with the next notice that was heard.

    Args:
        row: How the provider has fared so far.
        command: Starts its process.
        log: File that receives what it prints.

    Attributes:
        row: How it fares; ``missed`` counts only what came to it since it was last noted.
        read: Number of the last notice that it was given.
        changed: Whether its row has changed since it was last noted.
        process: Its process, while it lives.
    """

    def __init__(self, row: Listener, command: Sequence[str], log: Path, world: World) -> None:
        self.row = msgspec.structs.replace(row, missed=0, broken="")
        self.read = row.heard
        self.changed = bool(row.broken)
        self.process: ListenerProcess | None = None
        self._command, self._log, self._world = command, log, world
        self._notices: deque[tuple[int, Notice]] = deque()
        self._loaded = self._telling = False
        self._ends_loading = self._ends_telling = 0
        self._backoff = Backoff()
        self._due: float | None = world.monotonic()

    @property
    def hungry(self) -> bool:
        """Whether it has told everything that it was given."""
        return not self._notices

    @property
    def telling(self) -> bool:
        """Whether its impl is at work on a notice."""
        return self._telling

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
        """Monotonic instant at which it has to `work` even if nothing arrives; None for never."""
        return self._due

    def give(self, notices: Sequence[tuple[int, Notice]]) -> None:
        """Hand over the next notices."""
        if notices:
            self.read = notices[-1][0]
            self._notices.extend(notices)

    def work(self, *, more: bool = True) -> None:
        """Take in what has arrived, and go on; without ``more``, no further notice is told."""
        now = self._world.monotonic()
        if self.process is not None:
            self._listen(self.process)
        if self._due is not None and now >= self._due:
            self._expire()
        if self.row.broken and self._notices:
            self._pass_over(len(self._notices), missed=len(self._notices))
        if more and self._loaded and self._notices and not self._telling and self.process is not None:
            self._telling, self._due = True, now + self._world.timeout_s
            self.process.send(Kind.RUN, 0, _encode(self._notices[0][1]))

    def noted(self) -> None:
        """Its row was stored."""
        self.row, self.changed = msgspec.structs.replace(self.row, missed=0), False

    def close(self) -> None:
        """End its process."""
        if self.process is not None:
            self.process.end()
            self.process = None

    def _listen(self, process: ListenerProcess) -> None:
        process.flush()
        process.keep_output()
        found = process.frames()
        for kind, _, payload in found or ():
            if kind == Kind.ASK:
                reply = self._world.answer(_decode_ask(payload))
                process.mask.learn(reply.secrets)
                process.send(Kind.REPLY, 0, _encode(reply))
            elif kind == Kind.HELLO:
                self._hello(payload.decode())
            elif kind == Kind.FINISHED and self._telling:
                self._backoff.reset()
                self._told(payload.decode())
        if found is None:
            self._ended(process)

    def _hello(self, problem: str) -> None:
        if problem:
            self._break(problem)
        else:
            self._loaded, self._due, self._ends_loading = True, None, 0

    def _told(self, failure: str) -> None:
        """The notice in hand is done with."""
        self._telling, self._due, self._ends_telling = False, None, 0
        if failure:
            row, number = self.row, self._notices[0][0]
            self.row = msgspec.structs.replace(row, failed=row.failed + 1, failure=failure, failed_at=self._world.now())
            self._world.tell(f"the provider {row.provider!r} failed at state change {number}: {failure}")
        self._pass_over(1)

    def _pass_over(self, count: int, *, missed: int = 0) -> None:
        for _ in range(count):
            number, _ = self._notices.popleft()
        self.row = msgspec.structs.replace(self.row, heard=number, missed=self.row.missed + missed)
        self.changed = True

    def _expire(self) -> None:
        """What was due has not happened: the process is to be started, or it has taken too long."""
        if self.process is None:
            try:
                self.process = ListenerProcess(self._command, self._log)
            except OSError as error:
                self._break(f"its process cannot be started with {self._command[0]}: {error.strerror}")
            else:
                self._due = self._world.monotonic() + LOAD_S
            return
        self.process.end()
        self.process = None
        if self._telling:
            self._loaded = False
            self._told(
                f"it took longer than {self._world.timeout_s:g} s and was ended; the limit is [notifier] timeout_s"
            )
            self._due = self._world.monotonic()
        else:
            self._break(f"loading its plugin module took longer than {LOAD_S:g} s")

    def _ended(self, process: ListenerProcess) -> None:
        """The process has gone: start another one, unless that has been tried often enough."""
        how = f"its process {process.end(_EXIT_S)}"
        self.process = None
        self._ends_telling += self._telling
        self._ends_loading += not self._loaded
        if self._ends_loading >= TRIES:
            self._break(f"{how} while its plugin module was loaded, {TRIES} times in a row")
            return
        if self._ends_telling >= TRIES:
            self._told(f"{how} at it, {TRIES} times in a row")
        self._loaded = self._telling = False
        pause = self._backoff.pause()
        self._due = self._world.monotonic() + pause
        self._world.tell(f"the provider {self.row.provider!r}: {how}; it is started again in {pause:g} s")

    def _break(self, problem: str) -> None:
        """Its module cannot be loaded: until the next start, it misses every change."""
        self.close()
        self._loaded, self._due = False, None
        self.row = msgspec.structs.replace(self.row, broken=problem)
        self.changed = True
        self._world.tell(f"the provider {self.row.provider!r} hears of no change: {problem}")
