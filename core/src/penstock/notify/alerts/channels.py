"""Delivers alerts to their channels: gathers them for a while, has one process a channel send them, tries again."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from msgspec.structs import replace

from penstock.alerts.rules import CALLBACK
from penstock.model.dag import MAILTO
from penstock.model.state import DeliveryState
from penstock.notify.alerts.channel_process import Answer, ChannelProcess
from penstock.notify.answers import Answering
from penstock.store import AlertDelivery, Store

FIRST_PAUSE_S, LONGEST_PAUSE_S = 10.0, 600.0
"""Seconds between two attempts: the first pause, which doubles, and the longest."""

MOST_CALLBACK_PROCESSES = 8
"""Processes for functions of DAG files that live at once, of which there is one for each version; others wait for one to end.

Each channel of the settings has its own and waits for none. Functions wait for eight others that hang until the first of these is
ended after ``timeout_s``, and go before those, which are called again after a pause.
"""

MOST_DEATHS = 3
"""Times that a process may end at one message; of functions of a DAG file, that they may take too long, too."""

KEPT = timedelta(days=7)
"""For so long after its delivery no second alert of the same key is sent."""

_CLAIM_MARGIN_S = 5.0
_SWEEP_S = 3600.0


class Outgoing(NamedTuple):
    """A message as it is handed to its channel's process.

    Attributes:
        payload: It, encoded.
        answer: Answers what the channel's code asks meanwhile.
    """

    payload: bytes
    answer: Answering


class Limits(NamedTuple):
    """How alerts are gathered and delivered; see `penstock.settings.alerts.AlertSettings`."""

    window_s: float
    singly: int
    expire_s: float
    timeout_s: float


class ChannelPorts(NamedTuple):
    """What deliveries need from outside.

    Attributes:
        command: Starts the process of a channel; raises LookupError with a sentence if there is no such channel.
        compose: Makes the message of a delivery, None while what it shows is being read, and then again after a step; raises
            LookupError with a sentence if what it is about is gone.
        log: File that receives what these processes print.
        monotonic: Tells seconds that never go back.
        now: Tells the present, aware UTC.
        report: Takes what the user should know, a line each.
    """

    command: Callable[[str], Sequence[str]]
    compose: Callable[[AlertDelivery], Outgoing | None]
    log: Path
    monotonic: Callable[[], float]
    now: Callable[[], datetime]
    report: Callable[[str], None]


class Channels:
    """Delivers alerts; a part of the notifier.

    An attempt counts before it is begun, and is recorded when it has ended: what is killed in between is tried again, under
    the same key. While a message to a channel waits to be sent again, further alerts gather, and follow as one digest.

    Args:
        store: The open database.
        limits: How long they are gathered, tried and waited for.
        ports: What it needs from outside.
    """

    def __init__(self, store: Store, limits: Limits, ports: ChannelPorts) -> None:
        self._alerts, self._limits, self._ports = store.alerts, limits, ports
        self._processes: dict[str, ChannelProcess] = {}
        self._open: dict[int, AlertDelivery] = {}
        self._due: dict[int, float] = {}
        self._expires: dict[int, float] = {}
        self._at_work: dict[str, AlertDelivery] = {}
        self._answers: dict[str, Answer] = {}
        self._deaths: dict[int, int] = {}
        self._composing: set[int] = set()
        self._free_process: str | None = ""
        self._since: dict[str, float] = {}
        self._stale = True
        self._swept_at: float | None = None

    @property
    def readable(self) -> Sequence[int]:
        """Descriptors to wait on until they can be read."""
        return [each for process in self._processes.values() for each in process.readable]

    @property
    def writable(self) -> Sequence[int]:
        """Descriptors to wait on until they can be written."""
        return [each for process in self._processes.values() for each in process.writable]

    @property
    def due(self) -> float | None:
        """Monotonic instant at which `step` is due even if nothing arrives; None for never."""
        due = [process.due for process in self._processes.values() if process.due is not None]
        due += [
            self._due[number]
            for number, each in self._open.items()
            if number not in self._composing and self._may_begin(process_of(each.channel))
        ]
        due += [self._since[channel] + self._window(channel) for channel in self._since.keys() - self._occupied()]
        return 0.0 if self._stale else min(due, default=None)

    @property
    def busy(self) -> bool:
        """Whether a message is being sent."""
        return bool(self._at_work)

    def woken(self) -> None:
        """Note that there may be new alerts."""
        self._stale = True

    def step(self, *, more: bool = True) -> None:
        """Take in what became of messages, and send further ones unless ``more`` is False; raises StoreError."""
        for name, process in list(self._processes.items()):
            if (answer := process.step()) is not None and name in self._at_work:
                self._answers[name] = answer
            if not process.lives and not process.problem:
                del self._processes[name]
        for name, answer in list(self._answers.items()):
            self._ended(self._at_work[name], answer)
            del self._at_work[name], self._answers[name]
        self._free_process = self._room()
        if more:
            self._sweep()
            self._gather()
            self._composing.clear()
            for delivery in sorted(self._open.values(), key=lambda each: (self._due[each.number], each.number)):
                self._advance(delivery)

    def finish(self) -> None:
        """There is nothing left to store."""

    def close(self) -> None:
        """End the processes."""
        for process in self._processes.values():
            process.close()

    def _gather(self) -> None:
        """Put alerts that have waited long enough into deliveries, and read all that are open."""
        now = self._ports.monotonic()
        if self._stale:
            self._stale = False
            self._read()
            waiting = {each.channel for each in self._alerts.waiting()}
            self._since = {channel: self._since.get(channel, now) for channel in waiting}
        ripe = [each for each in self._since.keys() - self._occupied() if now >= self._since[each] + self._window(each)]
        for channel in sorted(ripe):
            present = self._ports.now()
            singly = None if _is_callback(channel) else self._limits.singly
            self._alerts.bundle(channel, present, present + timedelta(seconds=self._limits.expire_s), singly=singly)
            del self._since[channel]
        if ripe:
            self._read()

    def _occupied(self) -> set[str]:
        """Channels with a message that is not delivered yet."""
        return {each.channel for each in (*self._open.values(), *self._at_work.values())}

    def _read(self) -> None:
        at_work = {each.number for each in self._at_work.values()}
        now, present = self._ports.monotonic(), self._ports.now()
        self._open = {each.number: each for each in self._alerts.open() if each.number not in at_work}
        for number, each in self._open.items():
            # What is due after the longest pause was written when the clock was another one.
            wait_s = min(max(0.0, (each.due_at - present).total_seconds()), LONGEST_PAUSE_S)
            self._due.setdefault(number, now + wait_s)
            # From here on by the clock that nobody sets: a step of the other one must not give up what waits.
            self._expires.setdefault(number, now + (each.expires_at - present).total_seconds())
        self._due = {number: self._due[number] for number in self._open}
        self._expires = {number: self._expires[number] for number in {*self._open, *at_work} & self._expires.keys()}

    def _advance(self, delivery: AlertDelivery) -> None:
        """Begin an attempt if it is due and its channel's process is free."""
        name = process_of(delivery.channel)
        if self._ports.monotonic() < self._due[delivery.number] or not self._may_begin(name):
            return
        if self._ports.monotonic() >= self._expires[delivery.number]:
            self._give_up(delivery, DeliveryState.EXPIRED, delivery.failure or "its time was over before an attempt")
            return
        try:
            process = self._processes.get(name) or self._new(name)
            if process.problem:
                del self._processes[name]
                self._free_process = self._room()
                if self._begun(delivery):
                    self._failed(delivery, process.problem)
            elif not process.lives:
                process.start()
            elif process.ready:
                outgoing = self._ports.compose(delivery)
                if outgoing is None:
                    self._composing.add(delivery.number)
                elif self._begun(delivery):
                    self._at_work[name] = self._open.pop(delivery.number)
                    process.send(*outgoing)
        except LookupError as error:
            self._give_up(delivery, DeliveryState.REFUSED, str(error.args[0]))

    def _may_begin(self, name: str) -> bool:
        process = self._processes.get(name)
        if process is None:
            return not _is_callback(name) or self._free_process is not None
        return not process.busy and (process.ready or not process.lives)

    def _room(self) -> str | None:
        """Name of a process of functions that may be ended for another one; "" if there is room for that; None for neither."""
        names = [each for each in self._processes if _is_callback(each)]
        if len(names) < MOST_CALLBACK_PROCESSES:
            return ""
        occupied = self._occupied()
        return next((each for each in names if each not in occupied and self._processes[each].ready), None)

    def _new(self, name: str) -> ChannelProcess:
        if _is_callback(name) and self._free_process:
            self._processes.pop(self._free_process).close()
        made = ChannelProcess(self._ports.command(name), self._ports.log, self._limits.timeout_s, self._ports.monotonic)
        self._processes[name] = made
        self._free_process = self._room()
        return made

    def _begun(self, delivery: AlertDelivery) -> bool:
        """Count an attempt; False if another notifier has begun one."""
        until = self._ports.now() + timedelta(seconds=self._limits.timeout_s + _CLAIM_MARGIN_S)
        if self._alerts.claim(delivery, until):
            return True
        self._stale = True
        self._due.pop(delivery.number, None)
        self._open.pop(delivery.number, None)
        return False

    def _ended(self, delivery: AlertDelivery, answer: Answer) -> None:
        if not answer.failure:
            self._alerts.end_attempt(delivery.number, DeliveryState.SENT, self._ports.now())
            self._forget(delivery.number)
            return
        # A service that does not answer is down as one that refuses: its message waits for it.
        died = answer.died or (answer.late and _is_callback(delivery.channel))
        deaths = self._deaths.get(delivery.number, 0) + died
        if answer.final or deaths >= MOST_DEATHS:
            self._give_up(delivery, DeliveryState.REFUSED, answer.failure)
        else:
            self._failed(delivery, answer.failure)
            self._deaths[delivery.number] = deaths

    def _failed(self, delivery: AlertDelivery, failure: str) -> None:
        now = self._ports.monotonic()
        pause_s = min(FIRST_PAUSE_S * 2 ** min(delivery.attempts, 10), LONGEST_PAUSE_S)
        wait_s = min(pause_s, max(0.0, self._expires[delivery.number] - now))
        due_at = self._ports.now() + timedelta(seconds=wait_s)
        self._alerts.end_attempt(delivery.number, DeliveryState.WAITING, due_at, failure)
        again = replace(delivery, attempts=delivery.attempts + 1, due_at=due_at, failure=failure)
        self._open[delivery.number], self._due[delivery.number] = again, now + wait_s
        self._ports.report(
            f"the alert channel {shown(delivery.channel)!r}: {failure}; it is tried again in {pause_s:g} s"
        )

    def _give_up(self, delivery: AlertDelivery, state: DeliveryState, failure: str) -> None:
        self._alerts.end_attempt(delivery.number, state, self._ports.now(), failure)
        self._forget(delivery.number)
        self._ports.report(f"the alert channel {shown(delivery.channel)!r} gives up a message: {failure}")

    def _forget(self, number: int) -> None:
        self._due.pop(number, None)
        self._open.pop(number, None)
        self._deaths.pop(number, None)
        self._expires.pop(number, None)

    def _sweep(self) -> None:
        """Delete old deliveries, now and then."""
        now = self._ports.monotonic()
        if self._swept_at is None or now >= self._swept_at + _SWEEP_S:
            self._swept_at = now
            self._alerts.delete_before(self._ports.now() - KEPT)

    def _window(self, channel: str) -> float:
        return 0.0 if _is_callback(channel) else self._limits.window_s


def _is_callback(channel: str) -> bool:
    return channel.startswith(f"{CALLBACK}:")


def process_of(channel: str) -> str:
    """Name of the process that serves a channel: one serves all mail addresses."""
    return MAILTO if channel.startswith(f"{MAILTO}:") else channel


def shown(channel: str) -> str:
    """A channel's name for people: of callbacks, without the version."""
    return "callbacks" if _is_callback(channel) else channel
