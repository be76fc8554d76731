"""The process in which the sensors of a DAG file wait: it pokes each on its interval, identical ones once.

A poke is for all that are identical and wait when it begins, also for those whose own time has not come: so they come to be
poked together, once an interval, however many they are and whenever they began. While it is made no other like it begins,
unless one has waited `STUCK_S` seconds for it.

Plain pokes run in threads, async ones on the event loop. A poke that blocks keeps one thread busy and nothing else:
after `STUCK_S` seconds another one takes its place.

A wait that is cancelled, or whose time is over, ends with the task's `on_kill`, if it has one: after the poke in progress,
whose work is then known, and within the grace of its try, after which it is answered for all the same.
"""

import asyncio
import inspect
import os
import signal
import socket
import time
from collections.abc import Callable
from typing import Any, NoReturn

from penstock.author.run.execution import Prepared
from penstock.author.run.failed import failed
from penstock.decoders import msgpack_decoder
from penstock.execute.runner import Runner, with_values_put_away
from penstock.execute.sensors.due_pokes import DuePokes
from penstock.execute.sensors.sensor_channel import SensorChannel, speaking_for
from penstock.execute.try_runtime import TryRuntime
from penstock.model.attempt import TryEnd
from penstock.model.state import Outcome
from penstock.spec.executor import SensorWait, TryRequest
from penstock.spec.wire import FrameKind

_decode_request = msgpack_decoder(TryRequest).decode

STUCK_S = 30.0


class Waiting:
    """A sensor that waits.

    Attributes:
        key: What identical pokes have in common; None if its poke is like no other.
        since: Monotonic instant of its first poke, those of lost waiters included.
        hurried: Whether it is to be poked again at once: something came while it was.
        due: Monotonic instant of its next poke.
        poking: Whether it is being poked.
    """

    __slots__ = ("due", "hurried", "key", "poking", "policy", "prepared", "request", "serial", "since")

    def __init__(self, serial: int, request: TryRequest, wait: SensorWait, prepared: Prepared) -> None:
        self.serial, self.request, self.prepared = serial, request, prepared
        self.policy = wait.policy
        self.key: str | None = prepared.task.poke_key()  # type: ignore[attr-defined]  # a prepared sensor
        self.due, self.hurried, self.poking = time.monotonic(), False, False
        self.since = self.due - wait.waited_s

    @property
    def give_up_at(self) -> float:
        """Monotonic instant at which its time to wait is over."""
        return self.since + self.policy.timeout_s


class Waiter:
    """Pokes all waiting sensors of one process; runs on one event loop."""

    def __init__(self, channel: SensorChannel, runner: Runner) -> None:
        self._channel, self._runner = channel, runner
        self._open: dict[int, TryRequest] = {}
        self._endings: dict[int, TryEnd] = {}
        self._waiting: dict[int, Waiting] = {}
        self._prepared: dict[int, Prepared] = {}
        self._due: DuePokes[Waiting] = DuePokes(STUCK_S)
        self._news = asyncio.Event()
        self._threads = asyncio.Semaphore(runner.poke_threads)
        self._kill_threads = asyncio.Semaphore(runner.poke_threads)
        self._tasks: set[asyncio.Task[None]] = set()

    def handle(self, kind: int, serial: int, payload: bytes) -> None:
        """A frame from the file server, on the loop."""
        if kind == FrameKind.RUN:
            request = _decode_request(payload)
            if request.wait is not None:
                self._open[serial] = request
                self._spawn(self._admit(serial, request, request.wait))
        elif kind == FrameKind.CANCEL:
            self._end_by(serial, TryEnd(Outcome.CANCELLED, payload.decode()))
        elif kind == FrameKind.POKE and (waiting := self._waiting.get(serial)) is not None:
            waiting.due, waiting.hurried = time.monotonic(), True
            if not waiting.poking:
                self._due.add(waiting)
            self._news.set()

    async def run(self) -> NoReturn:
        """Poke what is due, for ever."""
        while True:
            self._news.clear()
            for group in self._due.take(time.monotonic()):
                for waiting in group:
                    waiting.hurried = False
                self._spawn(self._poke(group))
            # The loop's clock is the monotonic one.
            alarm = asyncio.get_running_loop().call_at(self._due.nearest, self._news.set)
            await self._news.wait()
            alarm.cancel()

    def _spawn(self, work: Any) -> None:  # noqa: ANN401 - a coroutine
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _admit(self, serial: int, request: TryRequest, wait: SensorWait) -> None:
        runtime = TryRuntime(self._channel, serial, request, self._runner.open_store)
        try:
            prepared = await self._in_thread(serial, lambda: self._runner.prepare(request, runtime))
            waiting = self._waiting[serial] = Waiting(serial, request, wait, prepared)
            self._prepared[serial] = prepared
        except BaseException as error:  # noqa: BLE001 - user code: what it raised is the answer
            self._answer(serial, failed(error))
        else:
            if serial in self._endings or serial not in self._open:
                await self._kill(waiting)
            else:
                self._due.add(waiting)
        self._news.set()

    # The end of a wait by somebody else than its poke.

    def _end_by(self, serial: int, end: TryEnd) -> None:
        """End a wait from outside: its task cleans up first, if the poke in progress and its own code let it in time."""
        request, waiting = self._open.get(serial), self._waiting.get(serial)
        if request is None or serial in self._endings:
            return  # it has ended, or is about to
        self._endings[serial] = end
        asyncio.get_running_loop().call_later(request.grace_s, self._overdue, serial)
        if waiting is not None and not waiting.poking:
            self._spawn(self._kill(waiting))

    async def _kill(self, waiting: Waiting) -> None:
        serial = waiting.serial
        self._forget(serial)
        if waiting.prepared.cleans_up and serial in self._open:
            async with self._kill_threads:
                with speaking_for(serial):
                    try:
                        await self._channel.in_thread(waiting.prepared.killed)
                    except BaseException as error:  # noqa: BLE001 - user code: its try ends as it was told to
                        self._channel.log(serial, f"on_kill() raised {failed(error).error}\n")
        self._answer(serial, self._endings.get(serial, TryEnd(Outcome.CANCELLED)))

    def _overdue(self, serial: int) -> None:
        if serial in self._open:
            self._forget(serial)
            self._channel.log(
                serial, "It had not cleaned up when its time for that was over: what it began may go on.\n"
            )
            self._answer(serial, self._endings[serial])

    def _answer(self, serial: int, end: TryEnd) -> None:
        """Answer for a try, once."""
        prepared = self._prepared.pop(serial, None)
        if self._open.pop(serial, None) is not None:
            self._endings.pop(serial, None)
            self._channel.finish(serial, end if prepared is None else prepared.with_rendered(end))

    # Pokes.

    async def _poke(self, group: list[Waiting]) -> None:
        """Poke once for all of a group; the result of one is that of all, and what it prints goes to the log of that one."""
        first = group[0]
        key = first.key
        try:
            answer = await self._ask(first)
        except BaseException as error:  # noqa: BLE001 - user code: what it raised is the answer
            for waiting in group:
                self._end(waiting, waiting.prepared.failed(error))
        else:
            shared = group if not first.prepared.context.was_read else [first]
            for waiting in group:
                if waiting in shared:
                    self._settle(waiting, _judged(waiting.prepared, answer))
                else:
                    waiting.key = None
        self._due.done(key, group, [waiting for waiting in group if self._waiting.get(waiting.serial) is waiting])
        self._news.set()

    async def _ask(self, waiting: Waiting) -> Any:  # noqa: ANN401 - what a poke returns
        prepared = waiting.prepared

        def poke() -> Any:  # noqa: ANN401 - what a poke returns
            with prepared.active():
                return prepared.poke()

        if inspect.iscoroutinefunction(prepared.task.poke):  # type: ignore[attr-defined]  # a prepared sensor
            with speaking_for(waiting.serial), prepared.active():
                return await prepared.poke()
        return await self._in_thread(waiting.serial, poke)

    async def _in_thread(self, serial: int, work: Callable[[], Any]) -> Any:  # noqa: ANN401 - what the work returns
        """Do blocking work in a thread of its own; it gives its place away when it takes too long."""
        await self._threads.acquire()
        released = False

        def release() -> None:
            nonlocal released
            if not released:
                released = True
                self._threads.release()

        stuck = asyncio.get_running_loop().call_later(STUCK_S, release)
        try:
            with speaking_for(serial):
                return await self._channel.in_thread(work)
        finally:
            stuck.cancel()
            release()

    def _settle(self, waiting: Waiting, end: TryEnd | None) -> None:
        now = time.monotonic()
        if end is not None:
            self._end(waiting, end)
            return
        if waiting.serial not in self._endings and now < waiting.give_up_at:
            later = min(now + waiting.policy.poke_interval_s, max(now, waiting.give_up_at))
            waiting.due = now if waiting.hurried else later
            return
        waiting.poking = False
        if waiting.serial in self._endings:
            self._spawn(self._kill(waiting))
        else:
            self._end_by(waiting.serial, waiting.prepared.timed_out(now - waiting.since))

    def _forget(self, serial: int) -> bool:
        """Poke a sensor no more; returns whether it waited."""
        waiting = self._waiting.pop(serial, None)
        if waiting is not None:
            self._due.discard(waiting)
        return waiting is not None

    def _end(self, waiting: Waiting, end: TryEnd) -> None:
        if not self._forget(waiting.serial):
            return
        if end.xcoms:
            self._spawn(self._hand_over(waiting, end))
        else:
            self._answer(waiting.serial, end)

    async def _hand_over(self, waiting: Waiting, end: TryEnd) -> None:
        """Finish with values, which may have to be put into an object store."""
        request, runtime = waiting.request, waiting.prepared.context.runtime
        end = await self._in_thread(waiting.serial, lambda: with_values_put_away(end, request, runtime))
        self._answer(waiting.serial, end)


def _judged(prepared: Prepared, answer: Any) -> TryEnd | None:  # noqa: ANN401 - what a poke returned
    """What a poke's answer means; one that is neither true nor false, as an array, fails its sensor."""
    try:
        return prepared.poked(answer)
    except BaseException as error:  # noqa: BLE001 - the answer's own code
        return prepared.failed(error)


def wait_for_many(sock: socket.socket, runner: Runner) -> NoReturn:
    """Let sensors wait in this process until the file server hangs up."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    channel = SensorChannel(sock, runner.shown)
    channel.mask.learn(runner.secrets)

    async def main() -> NoReturn:
        waiter = Waiter(channel, runner)
        channel.start(asyncio.get_running_loop(), waiter.handle)
        await waiter.run()

    asyncio.run(main())
    os._exit(0)
