"""The last lines of logs for alerts, of those in a log store, too: a process reads these, and nobody waits long for it."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from penstock.model.text import shortened, visible
from penstock.notify.alerts.channel_process import Answer, ChannelProcess
from penstock.notify.answers import Answering
from penstock.processes.files import open_file

WAIT_S = 15.0
"""Seconds for which an alert waits for its log, the start of the process that reads it included."""

MOST_REMEMBERED = 100
"""Ends of logs that are kept until their alerts are made."""

MOST_READ = 1 << 16
"""Bytes at the end of a log that are looked at."""

_LONGEST = 300

_encode = msgspec.msgpack.Encoder().encode


class LogTailJob(msgspec.Struct, frozen=True):
    """A log whose end is to be read.

    Attributes:
        path: Its file, if this machine has it.
        name: What it is called in the log store.
        lines: Last lines that are wanted.
    """

    path: str
    name: str
    lines: int


class LogTail(NamedTuple):
    """The end of a log; "" if there is none.

    Attributes:
        problem: Why it could not be read, as a sentence; "" if it could.
    """

    text: str = ""
    problem: str = ""


class LogTailPorts(NamedTuple):
    """What reading needs from outside.

    Attributes:
        name_of: What a log is called in the log store; None if the settings name none.
        command: Starts the process that reads from it.
        log: File that receives what it prints.
        answer: Answers what the log store asks meanwhile.
        monotonic: Tells seconds that never go back.
    """

    name_of: Callable[[Path], str] | None
    command: Sequence[str]
    log: Path
    answer: Answering
    monotonic: Callable[[], float]


class LogTails:
    """Gives the ends of logs; a part of the notifier. One that this machine has is read at once.

    One that is in the log store is read by a process, one after the other. An alert waits `WAIT_S` for it; then the process is
    ended, and every alert that waits goes without its log.

    Args:
        lines: Last lines that are wanted.
        ports: What it needs from outside.
    """

    def __init__(self, lines: int, ports: LogTailPorts) -> None:
        self._lines, self._ports = lines, ports
        # What an alert waits for in all is counted here; the process' own limit is for none of them.
        self._process = ChannelProcess(ports.command, ports.log, 2 * WAIT_S, ports.monotonic)
        self._wanted: dict[Path, float] = {}
        self._at_work: Path | None = None
        self._found: dict[Path, LogTail] = {}
        self.busy = False

    def of(self, path: Path) -> LogTail | None:
        """The end of a log; None while it is being read: ask again after a `step`."""
        if path in self._found:
            return self._found.pop(path)
        if not self._lines or self._ports.name_of is None or path.exists():
            return LogTail(_last_lines(path, self._lines) if self._lines else "")
        self._wanted.setdefault(path, self._ports.monotonic() + WAIT_S)
        return None

    @property
    def readable(self) -> Sequence[int]:
        """Descriptors to wait on until they can be read."""
        return self._process.readable

    @property
    def writable(self) -> Sequence[int]:
        """Descriptors to wait on until they can be written."""
        return self._process.writable

    @property
    def due(self) -> float | None:
        """Monotonic instant at which `step` is due even if nothing arrives; None for never."""
        if self._wanted and not self._process.lives:
            return 0.0
        due = [*self._wanted.values(), *([] if self._process.due is None else [self._process.due])]
        return min(due, default=None)

    def woken(self) -> None:
        """Note nothing: it is asked."""

    def step(self, *, more: bool = True) -> None:
        """Take in what was read, and go on; without ``more``, begin nothing."""
        answer = self._process.step()
        if answer is not None and self._at_work is not None:
            self._keep(self._at_work, answer)
            self._at_work = None
        if self._process.problem:
            self._give_up(self._process.problem)
        elif self._wanted and self._ports.monotonic() >= min(self._wanted.values()):
            self._process.close()
            self._give_up(f"it was not read within {WAIT_S:g} s")
        if more and self._wanted:
            self._go_on(next(iter(self._wanted)))

    def finish(self) -> None:
        """There is nothing to store."""

    def close(self) -> None:
        """End the process."""
        self._process.close()

    def _go_on(self, path: Path) -> None:
        if not self._process.lives:
            self._process.start()
        elif self._process.ready and self._ports.name_of is not None:
            self._at_work = path
            job = LogTailJob(str(path), self._ports.name_of(path), self._lines)
            self._process.send(_encode(job), self._ports.answer)

    def _keep(self, path: Path, answer: Answer) -> None:
        if self._wanted.pop(path, None) is None:
            return
        self._found[path] = LogTail(answer.text, shortened(answer.failure, _LONGEST))
        if len(self._found) > MOST_REMEMBERED:
            del self._found[next(iter(self._found))]

    def _give_up(self, why: str) -> None:
        for path in list(self._wanted):
            self._keep(path, Answer(why))
        self._at_work, self._process.problem = None, ""


def _last_lines(path: Path, count: int) -> str:
    """The last lines of a log, 64 KiB at most; "" if there is none."""
    try:
        with open_file(path) as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - MOST_READ))
            return tail_of(file.read(MOST_READ), count)
    except OSError:
        return ""


def tail_of(data: bytes, count: int) -> str:
    """The last lines of what was read of a log."""
    lines = data.decode(errors="replace").splitlines()
    return visible("\n".join(lines[len(lines) - min(count, len(lines)) :]))
