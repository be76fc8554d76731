"""The pool of a Celery worker that hands tickets to a worker of Penstock's, and runs nothing itself.

To Celery a message is a task: reserved while its ticket waits to be claimed, acknowledged and started once it is claimed, and done when
the try has ended. What the sink tells comes from threads of its own; the connection to the broker is the consumer's alone, so all of it
is carried out there.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from penstock.errors import PenstockError
from penstock.spec.remote import TicketSink, TryEnd

if TYPE_CHECKING:
    from celery.worker import WorkController  # type: ignore[import-untyped]  # it ships no types

REFUSED = "a try is ended by Penstock, and by nothing else: `penstock runs cancel`, or `penstock tasks mark`"
"""What Celery's control is answered that would revoke a message, or end what runs."""
NOT_MINE = "claimed elsewhere, or of no use any more"
"""What Celery is told as the result of a message whose ticket somebody else has."""

HELD_S = 1.0
"""Seconds for which a message of another installation is held before it is given back."""
STANDS_S = 1.0
"""Seconds after which a line to the broker stands."""
LEAVES_S = 1.0
"""Seconds within which a broker has to answer what a worker that ends asks of it."""
MOST_LEFT_ALONE, MOST_KNOWN = 30, 1000
"""How often a message is given back so before it is thrown away, and of how many messages that is known."""
_UNWANTED = "no worker of that one takes it from this queue now, and it is rung for again"
_log = logging.getLogger(__name__)


class TryFailedError(PenstockError):
    """A try did not succeed; told to Celery alone, whose monitors show it."""


@dataclass(eq=False)
class TakenMessage:
    """A message whose ticket was handed on.

    Attributes:
        accept: Tells Celery that it has begun, which acknowledges it.
        finish: Tells Celery how it ended.
        request: Celery's own object of it.
        began_s: Monotonic instant at which it came.
        claimed: Whether its try is this worker's.
        foreign: Whether it is held for a moment, to be left to another installation.
    """

    accept: Callable[[int, float], None]
    finish: Callable[[tuple[bool, Any, float]], None]
    request: Any
    began_s: float = field(default_factory=time.monotonic)
    claimed: bool = False
    foreign: bool = False


class TicketPool:
    """Hands the tickets of messages to a sink; `pool_class` makes a pool of Celery's of it.

    Attributes:
        sink: Takes the tickets.
    """

    sink: TicketSink
    signal_safe = False
    body_can_be_buffer = False
    task_join_will_block = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - Celery's own
        super().__init__(*args, **kwargs)
        self._messages: set[TakenMessage] = set()
        self._calls: deque[tuple[Callable[[], None], TakenMessage | None]] = deque()
        self._worker: WorkController | None = None
        self._stopping = self._left = self._closed = False
        self._left_alone: dict[str, int] = {}

    @property
    def running(self) -> int:
        """Tries that were claimed and have not ended."""
        return sum(each.claimed for each in self._messages)

    @property
    def room(self) -> bool:
        """Whether there is a slot for one more message."""
        return not self._stopping and self.sink.free > sum(each.foreign for each in self._messages)

    def bind(self, worker: WorkController) -> None:
        """Know the Celery worker that it is the pool of."""
        self._worker = worker

    def register_with_event_loop(self, loop: Any) -> None:  # noqa: ANN401 - kombu's
        """Carry out what was told while there was no connection."""
        loop.call_soon(self._turn)

    def on_close(self) -> None:
        """Ask nothing of the broker any more, and bound what Celery asks of it: its worker ends, and waits for each answer without an end.

        A broker that has a reason not to answer, such as an alarm, would keep it from ever ending.
        """
        from celery.utils.threads import bound_open_broker_sockets  # type: ignore[import-untyped]  # noqa: PLC0415 - on first use

        self._closed = True
        consumer = getattr(self._worker, "consumer", None)
        for its in (consumer, getattr(consumer, "event_dispatcher", None)):
            if getattr(its, "connection", None) is not None:
                bound_open_broker_sockets(its.connection, LEAVES_S)  # type: ignore[union-attr]  # it has a connection

    def on_apply(
        self, target: object, args: tuple[Any, ...] = (), kwargs: object = None, callback: Any = None, accept_callback: Any = None,  # noqa: ANN401
        **_: object,
    ) -> None:  # fmt: skip
        """Hand on the ticket of a message; in the consumer's thread."""
        del target, kwargs
        message = TakenMessage(accept_callback, callback, accept_callback.__self__)
        given = args[2]["args"]
        self._messages.add(message)
        if len(given) != 1 or not isinstance(given[0], str):
            self._claimed(message, mine=False)
            return
        self.sink.take(
            given[0],
            lambda mine: self._call(partial(self._claimed, message, mine=mine), message if mine else None),
            lambda end: self._call(partial(self._ended, message, end)),
            lambda: self._call(partial(self._hold, message)),
        )

    def throw_away(self) -> None:
        """Have the worker tell that a message was no ticket's."""
        self.sink.take("", lambda _mine: None)

    def leave(self) -> None:
        """Take no message any more, and have the worker end when no try is here; a second time: at once. From any thread."""
        if self._stopping or not self.running:
            self._left = True
        self._stopping = True
        self._call(self._give_back)

    def hold_back(self) -> None:
        """Let the broker send no more messages than there are slots; in the consumer's thread, whenever that has changed."""
        consumer = getattr(self._worker, "consumer", None)
        if (
            self._closed
            or consumer is None
            or not consumer.task_consumer
            or not consumer.qos
            or not consumer.connection
        ):
            return
        taking = sum(not each.claimed and not each.foreign for each in self._messages)
        wanted = 0 if self._stopping else self.sink.free + taking
        if consumer.connection.transport.driver_type == "amqp":
            self._hold_back_amqp(consumer, wanted)
        else:  # looked at before each time that it asks for a message
            consumer.task_consumer.channel.qos.can_consume = lambda: self.room

    def _hold_back_amqp(self, consumer: Any, wanted: int) -> None:  # noqa: ANN401 - Celery's
        tasks = consumer.task_consumer
        if tasks.on_message is None:  # it is connected, and its loop has not begun: that turns to this at once
            return
        consuming = all(tasks.consuming_from(queue.name) for queue in tasks.queues)
        if wanted > 0:
            consumer.initial_prefetch_count = consumer.qos.value = wanted
            if consumer.qos_global is False and consuming and consumer.qos.prev != wanted:
                tasks.cancel()  # there it holds for consumers that begin later
                consuming = False
            consumer.qos.update()
            if not consuming:
                tasks.consume()
        elif consuming:  # none at all cannot be said as a number
            tasks.cancel()

    def _call(self, call: Callable[[], None], claimed: TakenMessage | None = None) -> None:
        self._calls.append((call, claimed))
        hub = getattr(self._worker, "hub", None)
        if hub is not None:
            hub.call_soon(self._turn)

    def _turn(self) -> None:
        """Carry out what was told; the broker hears of fewer slots before it hears that a message is done with."""
        calls = []
        with contextlib.suppress(IndexError):
            while True:
                calls.append(self._calls.popleft())
        for _, claimed in calls:
            if claimed is not None:
                claimed.claimed = True
        self.hold_back()
        for call, _ in calls:
            call()
        self.hold_back()
        if self._left or (self._stopping and not self.running):
            from celery.worker import state  # noqa: PLC0415 - for this alone

            state.should_stop = 0  # what is raised here could be raised while Celery closes its loop

    def _claimed(self, message: TakenMessage, *, mine: bool) -> None:
        if message not in self._messages:
            return
        message.accept(os.getpid(), time.monotonic())
        if not mine:
            self._finish(message, failed=False, result=NOT_MINE)

    def _ended(self, message: TakenMessage, end: TryEnd | None) -> None:
        if end is not None and str(end.outcome) == "success":
            self._finish(message, failed=False, result=str(end.outcome))
            return
        from billiard.einfo import ExceptionInfo  # type: ignore[import-untyped]  # noqa: PLC0415 - for this alone

        try:
            raise TryFailedError(f"{end.outcome}: {end.error}" if end else "this worker has lost it")  # noqa: TRY301 - for its traceback
        except TryFailedError:
            self._finish(message, failed=True, result=ExceptionInfo(sys.exc_info()))

    def _finish(self, message: TakenMessage, *, failed: bool, result: object) -> None:
        if message in self._messages:
            self._messages.remove(message)
            message.finish((failed, result, time.monotonic() - message.began_s))

    def _hold(self, message: TakenMessage) -> None:
        """Hold a message of another installation for a moment, and give it back, so that its own workers come to it."""
        name = str(message.request.id)
        self._left_alone[name] = self._left_alone.pop(name, 0) + 1
        if self._left_alone[name] > MOST_LEFT_ALONE:  # nobody wants it, and it is published again if somebody does
            del self._left_alone[name]
            _log.warning(
                "worker: ticket %s of another installation is thrown away after %d returns: %s",
                name,
                MOST_LEFT_ALONE,
                _UNWANTED,
            )
            self._claimed(message, mine=False)
            return
        while len(self._left_alone) > MOST_KNOWN:
            del self._left_alone[next(iter(self._left_alone))]
        message.foreign = True
        self._worker.hub.call_later(HELD_S, self._let_go, message)  # type: ignore[union-attr]  # a call is only made in its loop

    def _let_go(self, message: TakenMessage) -> None:
        if message in self._messages:
            self._messages.remove(message)
            with contextlib.suppress(Exception):  # as below
                message.request.reject(requeue=True)
            self.hold_back()

    def _give_back(self) -> None:
        """Give messages back whose tickets nobody here will claim."""
        for message in [each for each in self._messages if not each.claimed]:
            self._messages.remove(message)
            with contextlib.suppress(Exception):  # the broker does that itself where the connection is gone
                message.request.reject(requeue=True)


def pool_class(sink: TicketSink) -> type:
    """The class of a pool of Celery's that hands tickets to a sink."""
    from celery.concurrency.base import BasePool  # type: ignore[import-untyped]  # noqa: PLC0415 - on first use

    return type("BoundTicketPool", (TicketPool, BasePool), {"sink": sink})


def slot_step(stands: Callable[[], None]) -> type:
    """A step of Celery's consumer that holds messages back from the moment at which it is connected, each time.

    Args:
        stands: Called once that line has stood for a moment: a broker that takes away rights breaks it off at the first command.
    """
    from celery.bootsteps import StartStopStep  # type: ignore[import-untyped]  # noqa: PLC0415 - on first use

    def start(_: object, consumer: Any) -> None:  # noqa: ANN401 - Celery's
        consumer.pool.hold_back()
        consumer.hub.call_later(STANDS_S, stands)

    body = {"requires": ("celery.worker.consumer.tasks:Tasks",), "start": start}
    return type("SlotStep", (StartStopStep,), body)


def refuse_revokes() -> None:
    """Have `celery control revoke` and ``terminate`` answered with what to do instead, in this process.

    What is revoked, a worker of Celery's passes over for hours: a try that is still wanted would wait for as long. And it could only be
    heard by the workers of that moment.
    """
    from celery.worker.control import Panel  # type: ignore[import-untyped]  # noqa: PLC0415 - on first use

    for name in ("revoke", "revoke_by_stamped_headers", "terminate"):
        Panel.data[name] = _refused


def _refused(_state: object, *_: object, **__: object) -> dict[str, str]:
    return {"error": REFUSED}
