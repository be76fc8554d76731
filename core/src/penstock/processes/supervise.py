"""Keeps processes alive: one that ends is started again, after a pause that doubles while it keeps ending."""

import contextlib
import os
import select
import signal
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from penstock.errors import as_sentence
from penstock.processes.group import describe_exit, kill_group

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
LONG_LIFE_S = 60.0
"""A service that has lived for so long is started again after the shortest pause."""


class Backoff:
    """Pauses between attempts: each is twice the one before, up to the longest.

    Args:
        first_s: The first pause, in seconds.
        longest_s: The longest.
    """

    def __init__(self, first_s: float, longest_s: float) -> None:
        self._first_s, self._longest_s = first_s, longest_s
        self._next_s = first_s

    def pause(self) -> float:
        """Return the pause in seconds before the next start."""
        pause, self._next_s = self._next_s, min(2 * self._next_s, self._longest_s)
        return pause

    def reset(self) -> None:
        """Begin with the shortest pause again."""
        self._next_s = self._first_s


class ServiceEnd(NamedTuple):
    """The end of a service's process.

    Attributes:
        how: How it ended, as a predicate.
        code: Exit code, or the negative number of a signal; None if it could not even be started.
        pause_s: Seconds until the service is started again.
        at_start: Whether it was the first, and had no long life: the service may never have worked.
    """

    how: str
    code: int | None
    pause_s: float
    at_start: bool


ALL_DONE = 20
"""Exit code by which a vital service says that all of them are to end, for what was asked of them is done."""


class _Process(Protocol):
    """What is kept alive: a `subprocess.Popen`, or a `penstock.processes.program.ForkedProgram`."""

    @property
    def pid(self) -> int: ...
    def poll(self) -> int | None: ...
    def wait(self) -> int | None: ...
    def terminate(self) -> None: ...
    def kill(self) -> None: ...


class SupervisedProcess:
    """A program that is to run all the time.

    Args:
        name: What to call it in messages.
        start: Starts it in a session of its own; raises OSError if the machine cannot.
        vital: Whether the others are of no use without it, so that an end which no restart can help is theirs, too.
        wanted: Whether it runs from the start; otherwise from its mark on.
        mark: The byte with which it is asked for at the descriptor that `Supervisor` waits on; empty if it never is.

    Attributes:
        wanted: Whether it is to run.
    """

    def __init__(
        self,
        name: str,
        start: Callable[[], _Process],
        *,
        vital: bool = True,
        wanted: bool = True,
        mark: bytes = b"",
    ) -> None:
        self.name, self.vital, self.mark, self._starter = name, vital, mark, start
        self.wanted = wanted
        self._process: _Process | None = None
        self._backoff = Backoff(FIRST_PAUSE_S, LONGEST_PAUSE_S)
        self._started_at = self._due = 0.0
        self._starts = 0

    def keep_alive(self) -> ServiceEnd | None:
        """Start the process if it is due; if it has ended, say how."""
        now = time.monotonic()
        if not self.wanted:
            return None
        if self._process is None:
            return self._start(now) if now >= self._due else None
        code = self._process.poll()
        if code is None:
            return None
        self._process = None
        if lived_long := now - self._started_at > LONG_LIFE_S:
            self._backoff.reset()
        return self._ended(describe_exit(code), code, now, at_start=self._starts == 1 and not lived_long)

    def _start(self, now: float) -> ServiceEnd | None:
        self._started_at = now
        try:
            self._process = self._starter()
        except OSError as error:  # the machine has no room for a process, or no descriptor, which passes
            return self._ended(f"cannot be started: {error.strerror}", None, now, at_start=False)
        self._starts += 1
        return None

    def _ended(self, how: str, code: int | None, now: float, *, at_start: bool) -> ServiceEnd:
        pause_s = self._backoff.pause()
        self._due = now + pause_s
        return ServiceEnd(how, code, pause_s, at_start)

    @property
    def due_in(self) -> float | None:
        """Seconds until it is to be started again; None while it lives, or is not wanted."""
        return None if self._process is not None or not self.wanted else max(0.0, self._due - time.monotonic())

    def terminate(self) -> None:
        """Send SIGTERM."""
        if self._process is not None:
            self._process.terminate()

    @property
    def has_ended(self) -> bool:
        """Whether it does not run."""
        return self._process is None or self._process.poll() is not None

    def kill(self) -> None:
        """Send SIGKILL to it and its group."""
        if self._process is not None:
            kill_group(self._process.pid)
            self._process.kill()  # a fork has no group of its own in its first moment
            self._process.wait()


class Supervisor:
    """Runs services until SIGINT or SIGTERM, or until one of them ends in a way that no restart can help.

    It takes over these signals and SIGCHLD, so it is made in the main thread of a process of its own.

    Args:
        services: What to keep alive; none of them needs another to be alive.
        final: Exit code of a vital service that no restart can help.
        final_at_start: Exit code of one that no restart can help unless it has worked before.
        stop_s: Seconds that services get to end by themselves.
        log: Takes what the user should know, a line each.
        starts: Descriptor at which the mark of a service arrives once it is wanted.
    """

    def __init__(
        self,
        services: Sequence[SupervisedProcess],
        *,
        final: int,
        final_at_start: int,
        stop_s: float,
        log: Callable[[str], None],
        starts: int | None = None,
    ) -> None:
        self._services, self._stop_s, self._log, self._starts = (
            services,
            stop_s,
            log,
            [] if starts is None else [starts],
        )
        self._final, self._final_at_start = final, final_at_start
        self._interrupts = 0
        self._wake, writing = os.pipe()
        os.set_blocking(self._wake, False)
        os.set_blocking(writing, False)
        signal.set_wakeup_fd(writing)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._interrupted)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def run(self) -> int:
        """Keep the services alive.

        Returns:
            0 after a clean stop or once a service has said that all is done, the final code, or 130 if a second signal cut the stop short.
        """
        code = 0
        while not (code or self._interrupts):
            code = self._keep_alive()
            if not code:
                self._wait()
        return self._stop() or (0 if code == ALL_DONE else code)

    def _wait(self) -> None:
        """Wait for a signal, for the byte that wants all services, or until a service is to be started again."""
        pauses = [service.due_in for service in self._services if service.due_in is not None]
        ready = self._woken(min(pauses, default=None), *self._starts)
        if self._starts and self._starts[0] in ready:
            asked = os.read(self._starts[0], 4096)
            if not asked:
                self._starts.clear()
            for service in self._services:
                service.wanted = service.wanted or (service.mark != b"" and service.mark in asked)

    def _woken(self, pause_s: float | None, *beside: int) -> list[int]:
        """Wait for a signal, for what is readable beside it, or for the end of the pause; returns what is readable."""
        ready, _, _ = select.select([self._wake, *beside], [], [], pause_s)
        with contextlib.suppress(BlockingIOError):
            os.read(self._wake, 4096)
        return ready

    def _interrupted(self, *_: object) -> None:
        self._interrupts += 1

    def _keep_alive(self) -> int:
        """Look after each service once; returns the final code if one ended with it."""
        found = 0
        for service in self._services:
            if (ended := service.keep_alive()) is None:
                continue
            final = ended.code in (self._final, ALL_DONE) or (ended.at_start and ended.code == self._final_at_start)
            if service.vital and final:
                found = ended.code or 0
            else:
                self._log(f"the {service.name} {as_sentence(ended.how)} It is started again in {ended.pause_s:g} s")
        return found

    def _stop(self) -> int:
        already = self._interrupts  # before the line that invites a second one, which may follow it at once
        if already:
            self._log("stopping: running tries get a moment to clean up. Ctrl-C again to force.")
        for service in self._services:
            service.terminate()
        until = time.monotonic() + self._stop_s
        while not all(service.has_ended for service in self._services):
            left_s = until - time.monotonic()
            if self._interrupts > already or left_s <= 0:
                for service in self._services:
                    service.kill()
                self._log("forced: what was running is repeated at the next start.")
                return 130
            self._woken(left_s)
        return 0
