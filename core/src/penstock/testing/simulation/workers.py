"""Executors of the simulated world, with workers that succeed, fail, die, hang, ask, and answer late, twice or never."""

import socket
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from random import Random
from typing import Protocol

from msgspec.structs import replace

from penstock.model.attempt import TryEnd, Value
from penstock.model.run import TaskKey
from penstock.model.state import Outcome
from penstock.spec.executor import (
    ExecutorEvent,
    Heartbeat,
    TryAsked,
    TryFinished,
    TryRecovered,
    TryRequest,
    TryStarted,
)
from penstock.spec.wire import Ask, Reply
from penstock.testing.simulation.held import held
from penstock.testing.simulation.odd_input import OddInput
from penstock.testing.simulation.rules.rows import Rows
from penstock.testing.simulation.rules.steps import Steps
from penstock.testing.simulation.setting import Setting

Ident = tuple[TaskKey, int]

QUESTIONS = [
    Ask("variable", ("region",)),
    Ask("variable", ("nowhere",)),
    Ask("set_variable", ("region", "eu")),
    Ask("connection", ("nowhere",)),
    Ask("run_state", ("d0", "nowhere")),
    Ask("xcom", ("t0", "return_value", None)),
]


class WallClock(Protocol):
    """A clock that shows the time of day."""

    @property
    def wall(self) -> datetime:
        """The time of day."""


class Surroundings(Protocol):
    """What executors know of the world."""

    random: Random
    rows: Rows
    odd: OddInput
    setting: Setting
    steps_kept: Steps

    @property
    def clock(self) -> WallClock:
        """The clock of the executor's machine."""

    def at(self, seconds: float, then: Callable[[], None]) -> None:
        """Call ``then`` in so many seconds."""

    def moment(self, where: str) -> None:
        """Here the scheduler may be stopped for a while, or killed."""

    def handed_over(self, ident: Ident) -> None:
        """An executor is given a try."""

    def begun(self, ident: Ident) -> int:
        """A try's process begins: its id."""


class SimulatedExecutor:
    """One executor; what is on its workers' side outlives the scheduler if it ``survives``.

    Args:
        capacity: Number of tries that it holds at once.
        survives: Whether its tries outlive the scheduler's process, as a remote executor's do.

    Attributes:
        alive: Tries whose process exists, whatever the scheduler believes.
        answers: What ended tries said, kept until the scheduler has stored it.
        silent: Whether nothing goes in or out; what should, is kept and delivered afterwards.
        stopped: Tries that alone say nothing, because what supervises them was stopped.
        questions: What living tries ask and wait for.
    """

    def __init__(self, name: str, surroundings: Surroundings, capacity: int, *, survives: bool) -> None:
        self.name, self._surroundings, self.room, self._survives = name, surroundings, capacity, survives
        self._random = surroundings.random
        self.alive: dict[Ident, TryRequest] = {}
        self.answers: dict[Ident, TryFinished] = {}
        self.silent = False
        self.stopped: set[Ident] = set()
        self.questions: dict[Ident, TryAsked] = {}
        self.faulty = True
        self.connected = False
        self._numbers = 0
        self._untold: list[ExecutorEvent] = []
        self._being_stored: list[Ident] = []
        self._held: list[ExecutorEvent] = []
        self._orders: list[Callable[[], None]] = []
        self._reading, self._writing = socket.socketpair()

    # What the scheduler calls.

    @held
    def start(self) -> None:
        """Begin to serve a new scheduler."""
        self._surroundings.moment("starting an executor")
        self.connected = True

    @held
    def recover(self, tries: Sequence[TryRequest]) -> list[TryStarted | TryRecovered | TryFinished]:
        """Say of tries that the scheduler holds what has become of them; of one that lives, at times nothing."""
        self._surroundings.moment("before a recovery")
        found = [event for request in tries for event in self._recovered((request.key, request.epoch))]
        for ident in self.alive:
            if ident in self.questions:
                self._send(self.questions[ident])
        self._surroundings.moment("after a recovery")
        return found

    def capacity(self) -> int:
        """Number of tries it wants to hold."""
        return self.room

    def fileno(self) -> int:
        """A descriptor that is readable if there is something to tell."""
        return self._reading.fileno()

    @held
    def submit(self, tries: Sequence[TryRequest]) -> None:
        """Take tries."""
        self._surroundings.moment("before handing over tries")
        for request in tries:
            self._surroundings.handed_over((request.key, request.epoch))
            self._when_reached(partial(self._begin, request))
        self._surroundings.moment("after handing over tries")

    @held
    def cancel(self, tries: Sequence[Ident], reason: str) -> None:
        """End tries, and answer even if they are not known."""
        self._surroundings.moment("before ending tries")
        for ident in tries:
            self._when_reached(partial(self._end, ident, reason))
        self._surroundings.moment("after ending tries")

    @held
    def reply(self, asked: TryAsked, reply: Reply) -> None:
        """Take the answer to a question; its try goes on."""
        self._surroundings.moment("before a reply")
        ident = (asked.key, asked.epoch)
        self._surroundings.odd.check_reply(asked, reply)
        follows = self._surroundings.steps_kept.replied(asked, reply)
        if self.questions.get(ident) == asked:
            self._when_reached(lambda: self._answered(ident, follows))
        self._surroundings.moment("after a reply")

    @held
    def events(self) -> list[ExecutorEvent]:
        """What is to be told; what was told before is stored now, and forgotten here."""
        self._surroundings.moment("before listening")
        if self._untold:
            self._reading.recv(1 << 12)
        for ident in self._being_stored:
            stored = self._surroundings.rows.tries.get(ident)
            assert stored is None or stored.outcome is not None, f"the answer of {ident} was taken and is not stored"
            if not self.alive.get(ident):
                self.answers.pop(ident, None)
        reported, self._untold = self._untold, []
        self._being_stored = [(event.key, event.epoch) for event in reported if isinstance(event, TryFinished)]
        self._surroundings.moment("after listening")
        return reported

    @held
    def stop(self, grace_s: float) -> None:
        """Let go of the scheduler; tries that do not outlive it end."""
        self.crash()

    # What happens to it.

    def crash(self) -> None:
        """The scheduler's process ended: what was on its way to it is lost, and a local executor's tries with it."""
        self.connected = False
        if self._untold:
            self._reading.recv(1 << 12)
        for lost in (self._untold, self._being_stored, self._held, self._orders):
            lost.clear()
        if not self._survives:
            for mine in (self.alive, self.stopped, self.answers, self.questions):
                mine.clear()

    def close(self) -> None:
        """Close its descriptors."""
        self._reading.close()
        self._writing.close()

    def beat(self) -> None:
        """Renew the tries that it holds, those that are stopped left out; an executor without any says nothing."""
        held = tuple(ident for ident in self.alive if ident not in self.stopped)
        if not self.silent and held:
            heartbeat = Heartbeat(self.name, held, self._surroundings.clock.wall)
            if self.faulty and self._random.random() < 0.1:
                self._surroundings.at(self._random.choice([9.0, 25.0, 45.0]), lambda: self._send(heartbeat))
            else:
                self._report(heartbeat)

    def fall_silent(self, seconds: float) -> None:
        """Nothing goes in or out for so long."""
        if not self.silent:
            self.silent = True
            self._surroundings.at(seconds, self.speak)

    def speak(self) -> None:
        """Deliver what was held up: first to the executor, then from it."""
        self.silent = False
        orders, self._orders = self._orders, []
        for order in orders:
            order()
        held, self._held = self._held, []
        for event in held:
            self._report(event)
        self.beat()

    def give_up(self) -> None:
        """End every worker that would hang for ever."""
        for ident in list(self.alive):
            self._finish(ident, TryEnd(Outcome.TIMED_OUT, "took too long"))

    # Workers.

    def _recovered(self, ident: Ident) -> list[TryStarted | TryRecovered | TryFinished]:
        if self.silent:
            return []
        if ident in self.answers:
            return [self.answers[ident]]
        if ident in self.alive and ident not in self.stopped and self._random.random() < 0.8:
            return [TryRecovered(*ident)]
        return []

    def _when_reached(self, order: Callable[[], None]) -> None:
        if not self.silent:
            order()
        else:
            self._orders.append(order)

    def _send(self, event: ExecutorEvent) -> None:
        if not self.silent:
            self._report(event)
        else:
            self._held.append(event)

    def _report(self, event: ExecutorEvent) -> None:
        if not self.connected:
            return
        if not self._untold:
            self._writing.send(b"!")
        self._untold.append(event)

    def _begin(self, request: TryRequest) -> None:
        ident = (request.key, request.epoch)
        rivals = [other for other in self.alive if other[0] == request.key and not self._counted_lost(other)]
        assert not rivals, f"{request.key} has two processes, and none is counted as lost: {rivals} and {ident}"
        self.alive[ident] = request
        around, random = self._surroundings, self._random
        if self.faulty and random.random() < 0.04:
            self.stopped.add(ident)
            return
        pid = around.begun(ident)
        if random.random() < 0.9:
            started = TryStarted(*ident, pid, around.clock.wall)
            if self.faulty and random.random() < 0.1:
                around.at(random.choice([20.0, 70.0]), lambda: self._send(started))
            else:
                self._send(started)
        if random.random() < 0.6:
            around.at(random.choice([0.0, 3.0]), lambda: self._ask(ident))
        if self.faulty and (odd := around.odd.event(ident)) is not None:
            around.at(random.choice([0.0, 4.0]), lambda: self._send(odd))
        kind = random.random() if self.faulty else 0.0
        if kind < 0.97:  # the others hang until somebody ends them
            self._end_in(ident, random.choice([0.0, 1.0, 5.0, 60.0 if self.faulty else 5.0]))

    def _end_in(self, ident: Ident, seconds: float) -> None:
        """End a try by itself after a while, or once its question is answered."""

        def end() -> None:
            if ident in self.questions:
                self._surroundings.at(5.0, end)
            else:
                self._finish(ident, self._surroundings.odd.end(ident) if self.faulty else None)

        self._surroundings.at(seconds, end)

    def _answered(self, ident: Ident, follows: Ask | None) -> None:
        self.questions.pop(ident, None)
        if follows is not None and ident in self.alive:
            self._send_question(ident, follows)

    def _send_question(self, ident: Ident, ask: Ask) -> None:
        self._numbers += 1
        self.questions[ident] = TryAsked(*ident, self._numbers, ask)
        self._send(self.questions[ident])

    def _ask(self, ident: Ident) -> None:
        if ident in self.alive and ident not in self.questions:
            ask = self._surroundings.odd.question() if self.faulty else None
            if ask is None and self._random.random() < 0.75:
                ask = self._surroundings.steps_kept.question(*ident)
            self._send_question(ident, ask or self._random.choice(QUESTIONS))

    def _counted_lost(self, ident: Ident) -> bool:
        return self._surroundings.rows.tries[ident].outcome is Outcome.LOST

    def _end(self, ident: Ident, reason: str) -> None:
        answer = TryEnd(Outcome.CANCELLED, reason)
        if ident in self.alive:
            self._surroundings.at(self._random.choice([0.0, 2.0, 20.0]), lambda: self._finish(ident, answer))
        else:
            self._send(self.answers.get(ident, TryFinished(*ident, self._surroundings.clock.wall, answer)))

    def _finish(self, ident: Ident, end: TryEnd | None) -> None:
        if ident not in self.alive:
            return
        del self.alive[ident]
        self.stopped.discard(ident)
        self.questions.pop(ident, None)
        event = TryFinished(*ident, self._surroundings.clock.wall, end or self._end_of_try())
        self.answers[ident] = event
        self._send(event)
        if self.faulty and self._random.random() < 0.05:
            self._send(event)
            self._surroundings.at(30.0, lambda: self._send(replace(event, at=self._surroundings.clock.wall)))

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
        length = random.choice([0, 1, 2, 3, None])
        value = b"7" if length is None else b"[" + b",".join([b"1"] * length) + b"]"
        xcoms = {"return_value": Value(value, length)}
        if draw < 0.34:
            names = self._surroundings.setting.task_ids
            chosen = random.sample(names, min(len(names), random.randint(0, 3)))
            return TryEnd(Outcome.SUCCESS, xcoms=xcoms, follow=tuple(chosen))
        if draw < 0.37:
            return TryEnd(Outcome.SUCCESS, xcoms=xcoms, skip_downstream=random.choice(["all", "direct"]))
        return TryEnd(Outcome.SUCCESS, xcoms=xcoms)
