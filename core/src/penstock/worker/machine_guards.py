"""Has the machine of a worker kept while it has tries: said before the first of them runs, and taken back once none has run for a while."""

import threading
from collections.abc import Callable, Sequence

from penstock.clock import Clock
from penstock.errors import ErrorKind, ProviderError
from penstock.model.names import error_reason
from penstock.processes.supervise import Backoff
from penstock.spec.remote import WorkerGuard

PATIENCE_S = 5.0
"""Seconds for which the first try waits until its machine is kept; then it runs all the same."""
LINGER_S = 30.0
"""Seconds without a try before the machine is let go: whoever is asked counts requests, and the next try is often near."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 5.0, 120.0
"""Seconds before what was refused is asked for again."""
_LOOK_S = 30.0


class MachineGuards:
    """The guards of a worker's machine, each in a thread of its own.

    Args:
        guards: What can be asked, by a name for people.
        is_busy: Tells whether the worker has tries, or is getting one.
        report: Takes a sentence for people.
        clock: Tells the monotonic instant.
        linger_s: Seconds without a try before the machine is let go.
    """

    def __init__(
        self,
        guards: Sequence[tuple[str, WorkerGuard]],
        is_busy: Callable[[], bool],
        report: Callable[[str], None],
        clock: Clock,
        linger_s: float = LINGER_S,
    ) -> None:
        self._guards = [_GuardThread(name, guard, is_busy, report, clock, linger_s) for name, guard in guards]

    def start(self) -> None:
        """Begin to look."""
        for each in self._guards:
            each.thread.start()

    def wake(self) -> None:
        """Have it looked at once: a try is about to come."""
        for each in self._guards:
            each.wake()

    def wait(self) -> None:
        """Return once the machine is kept, or cannot be had kept; within `PATIENCE_S` of the moment when that was begun."""
        for each in self._guards:
            each.wait()

    def stop(self) -> None:
        """Let the machine go: its worker leaves."""
        for each in self._guards:
            each.stopping = True
            each.woken.set()
        for each in self._guards:
            if each.thread.ident is not None:
                each.thread.join(PATIENCE_S)


class _GuardThread:
    def __init__(
        self,
        name: str,
        guard: WorkerGuard,
        is_busy: Callable[[], bool],
        report: Callable[[str], None],
        clock: Clock,
        linger_s: float,
    ) -> None:
        self.woken, self.stopping = threading.Event(), False
        self.thread = threading.Thread(target=self._run, name=f"guard {name}", daemon=True)
        self._name, self._guard, self._is_busy, self._report = name, guard, is_busy, report
        self._clock, self._linger_s = clock, linger_s
        self._backoff = Backoff(FIRST_PAUSE_S, LONGEST_PAUSE_S)
        # Since the machine was last let go: whether having it kept was answered, and when a try was about to come for the first time.
        self._answered = threading.Event()
        self._wanted_s: float | None = None
        self._is_first = True
        self._kept: bool | None = None  # what a worker before this one has left is not known
        self._idle_s: float | None = None
        self._asked_s = self._again_s = 0.0

    def wake(self) -> None:
        if self._wanted_s is None:
            self._wanted_s = self._now_s()
        self.woken.set()

    def wait(self) -> None:
        wanted_s, now_s = self._wanted_s, self._now_s()
        self._answered.wait(max(0.0, (now_s if wanted_s is None else wanted_s) + PATIENCE_S - now_s))

    def _run(self) -> None:
        while not self.stopping:
            self.woken.wait(self._step())
            self.woken.clear()
        if self._kept:
            self._let_go()

    def _step(self) -> float:
        """Ask for what is to be asked for now; seconds until the next look."""
        now_s = self._now_s()
        if self._is_busy():
            return self._step_busy(now_s)
        if self._kept is False:
            return _LOOK_S
        if self._idle_s is None:
            self._idle_s = now_s
        until_s = max(self._again_s, self._idle_s + self._linger_s if self._kept else 0.0)
        if now_s < until_s:
            return until_s - now_s
        self._let_go()
        return 0.0

    def _step_busy(self, now_s: float) -> float:
        self._idle_s = None
        lasts_s = self._guard.lasts_s
        if self._kept and (not lasts_s or now_s < self._asked_s + lasts_s / 2):
            return min(_LOOK_S, lasts_s / 2 or _LOOK_S)
        if now_s < self._again_s and not self._is_first:
            return self._again_s - now_s
        self._is_first = False
        if self._asked("kept", self._guard.busy):
            self._kept, self._asked_s = True, now_s
        self._answered.set()
        return 0.0

    def _let_go(self) -> None:
        self._answered.clear()  # first: a try that comes meanwhile waits until the machine is kept again
        self._wanted_s, self._is_first = None, True
        if self._asked("let go", self._guard.idle):
            self._kept, self._idle_s = False, None

    def _asked(self, wanted: str, call: Callable[[], None]) -> bool:
        try:
            call()
        except Exception as error:  # noqa: BLE001 - a provider's code: no try fails by it
            hopeless = isinstance(error, ProviderError) and error.kind is ErrorKind.INVALID
            after = "it is not asked again" if hopeless else "it is asked again later"
            self._report(f"{self._name}: this machine cannot be {wanted}: {error_reason(error)}; {after}")
            self._again_s = self._now_s() + self._backoff.pause()
            if hopeless:
                self.stopping, self._kept = True, None
                self._answered.set()
            return False
        self._backoff.reset()
        self._again_s = 0.0
        return True

    def _now_s(self) -> float:
        return self._clock.read().monotonic_s
