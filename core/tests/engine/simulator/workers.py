"""Executors of the simulated world, with workers that succeed, fail, die, hang, and answer late, twice or never."""

from collections.abc import Callable
from datetime import datetime
from random import Random

import msgspec

from penstock.engine.messages import Dispatch, Kill
from penstock.model.attempt import TryEnd, Value
from penstock.model.run import TaskKey
from penstock.model.state import Outcome
from penstock.spec.executor import Heartbeat, TryFinished, TryRecovered, TryStarted

Ident = tuple[TaskKey, int]


class SimExecutor:
    """One executor.

    Args:
        at: Puts a call on the world's timeline, so many seconds from now.
        tell: Hands an event to the scheduler.
        counted_lost: Whether the scheduler has given up a try.
        survives: Whether its tries outlive a crash of the scheduler, as a remote executor's do.

    Attributes:
        alive: Tries whose process exists, whatever the scheduler believes.
        answers: What ended tries said, kept until the scheduler has stored it.
        silent: Whether nothing goes in or out; what should, is kept and delivered afterwards.
        stopped: Tries that alone say nothing, because what supervises them was stopped.
    """

    def __init__(
        self,
        name: str,
        random: Random,
        now: Callable[[], datetime],
        at: Callable[[float, Callable[[], None]], None],
        tell: Callable[[object], None],
        counted_lost: Callable[[Ident], bool],
        begun: Callable[[Ident], int],
        *,
        survives: bool,
    ) -> None:
        self.name, self._random, self._now, self._at, self._tell = name, random, now, at, tell
        self._counted_lost, self._begun, self.survives = counted_lost, begun, survives
        self.alive: dict[Ident, Dispatch] = {}
        self.answers: dict[Ident, TryFinished] = {}
        self.silent = False
        self.stopped: set[Ident] = set()
        self.faulty = True
        self._held: list[object] = []
        self._orders: list[Callable[[], None]] = []

    # What the scheduler asks.

    def submit(self, dispatch: Dispatch) -> None:
        """Take a try."""
        self._when_heard(lambda: self._begin(dispatch))

    def cancel(self, kill: Kill) -> None:
        """End a try, and answer even if it is not known."""
        self._when_heard(lambda: self._end(kill))

    def beat(self) -> None:
        """Renew the tries that it holds, those that are stopped left out; an executor without any says nothing."""
        held = tuple(ident for ident in self.alive if ident not in self.stopped)
        if not self.silent and held:
            heartbeat = Heartbeat(self.name, held, self._now())
            if self.faulty and self._random.random() < 0.1:
                self._at(self._random.choice([9.0, 25.0, 45.0]), lambda: self._say(heartbeat))
            else:
                self._tell(heartbeat)

    def crash(self) -> None:
        """The scheduler's process died: what was on its way to it is lost, and a local executor's tries with it."""
        self._held.clear()
        self._orders.clear()
        if not self.survives:
            self.alive.clear()
            self.stopped.clear()
            self.answers.clear()

    def reconcile(self, ident: Ident) -> None:
        """Say of a try that the scheduler holds what has become of it; of one that lives, at times nothing."""
        if ident in self.answers:
            self._say(self.answers[ident])
        elif ident in self.alive:
            if ident not in self.stopped and self._random.random() < 0.8:
                self._say(TryRecovered(*ident))
        else:
            self._say(TryFinished(*ident, self._now(), TryEnd(Outcome.LOST, "the executor does not know it")))

    # Faults.

    def fall_silent(self, seconds: float) -> None:
        """Nothing goes in or out for so long."""
        if not self.silent:
            self.silent = True
            self._at(seconds, self.speak)

    def speak(self) -> None:
        """Deliver what was held up: first to the executor, then from it."""
        self.silent = False
        orders, self._orders = self._orders, []
        for order in orders:
            order()
        held, self._held = self._held, []
        for event in held:
            self._tell(event)
        self.beat()

    def give_up(self) -> None:
        """End every worker that would hang for ever."""
        for ident in list(self.alive):
            self._finish(ident, TryFinished(*ident, self._now(), TryEnd(Outcome.TIMED_OUT, "took too long")))

    # Workers.

    def _when_heard(self, order: Callable[[], None]) -> None:
        if not self.silent:
            order()
        else:
            self._orders.append(order)

    def _say(self, event: object) -> None:
        if not self.silent:
            self._tell(event)
        else:
            self._held.append(event)

    def _begin(self, dispatch: Dispatch) -> None:
        key, epoch = dispatch.instance.key, dispatch.instance.epoch
        ident = (key, epoch)
        rivals = [other for other in self.alive if other[0] == key and not self._counted_lost(other)]
        assert not rivals, f"{key} has two processes, and none is counted as lost: {rivals} and {ident}"
        self.alive[ident] = dispatch
        if self.faulty and self._random.random() < 0.04:
            self.stopped.add(ident)
            return
        if self._random.random() < 0.9:
            started = TryStarted(key, epoch, self._begun(ident), self._now())
            if self.faulty and self._random.random() < 0.1:
                self._at(self._random.choice([20.0, 70.0]), lambda: self._say(started))
            else:
                self._say(started)
        kind = self._random.random() if self.faulty else 0.0
        if kind < 0.97:  # the others hang until somebody ends them
            self._at(self._random.choice([0.0, 1.0, 5.0, 60.0]), lambda: self._finish(ident, self._outcome(dispatch)))

    def _end(self, kill: Kill) -> None:
        ident = (kill.key, kill.epoch)
        answer = TryFinished(*ident, self._now(), TryEnd(Outcome.CANCELLED, kill.reason))
        if ident in self.alive:
            self._at(self._random.choice([0.0, 2.0, 20.0]), lambda: self._finish(ident, answer))
        else:
            self._say(self.answers.get(ident, answer))

    def _finish(self, ident: Ident, event: TryFinished) -> None:
        if ident not in self.alive:
            return
        del self.alive[ident]
        self.stopped.discard(ident)
        event = msgspec.structs.replace(event, at=self._now())
        self.answers[ident] = event
        self._say(event)
        if self.faulty and self._random.random() < 0.05:
            self._say(event)
            self._at(30.0, lambda: self._say(event))

    def _outcome(self, dispatch: Dispatch) -> TryFinished:
        key, epoch = dispatch.instance.key, dispatch.instance.epoch
        return TryFinished(key, epoch, self._now(), self._end_of_try())

    def _end_of_try(self) -> TryEnd:
        random = self._random
        draw = random.random()
        if draw < 0.12:
            return TryEnd(Outcome.FAILED, "boom", retryable=random.random() < 0.8)
        if draw < 0.15:
            return TryEnd(Outcome.FAILED, "slow down", retry_after_s=random.choice([0.0, 100.0]))
        if draw < 0.20 and self.faulty:
            return TryEnd(Outcome.LOST, "the worker died")
        if draw < 0.23:
            return TryEnd(Outcome.SKIPPED)
        if draw < 0.26:
            return TryEnd(Outcome.TIMED_OUT, "took too long", retryable=False)
        xcoms = {"return_value": Value(b"[]", random.choice([0, 1, 2, 3, None]))}
        if draw < 0.34:
            names = [f"t{number}" for number in range(10)]
            return TryEnd(Outcome.SUCCESS, xcoms=xcoms, follow=tuple(random.sample(names, random.randint(0, 3))))
        if draw < 0.37:
            return TryEnd(Outcome.SUCCESS, xcoms=xcoms, skip_downstream=random.choice(["all", "direct"]))
        return TryEnd(Outcome.SUCCESS, xcoms=xcoms)
