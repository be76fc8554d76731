"""A worker of remote executors: the main thread runs tries by a local executor; other threads claim, ask, renew and report.

Nothing here opens a database or holds a key. What a try asks is asked of the server by its token; what it prints goes to a file, which the
reporter sends on. A worker that cannot renew its lease has its tries ended in time by their own spawn server, even if it hangs itself.
"""

import contextlib
import os
import queue
import selectors
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import msgspec
from msgspec.structs import replace

from penstock.clock import Clock
from penstock.decoders import decode_msgpack
from penstock.errors import RequestError, ServerError
from penstock.model.attempt import TryEnd
from penstock.model.remote.execution_messages import (
    Claimed,
    RenewalAnswer,
    ReportAnswer,
    Reports,
    TryQuestion,
    TryReport,
)
from penstock.model.remote.remote_try import WorkerStatus
from penstock.model.state import Outcome
from penstock.processes.supervise import Backoff
from penstock.spec.executor import ExecutorEvent, PlanCode, TryAsked, TryFinished, TryRequest, TryStarted
from penstock.spec.remote import TicketSource
from penstock.spec.wire import Reply
from penstock.worker.claims import ClaimPorts, Claims, Offered, WorkerIdentity
from penstock.worker.execution_client import ExecutionClient, RefusedByServerError
from penstock.worker.machine_guards import MachineGuards
from penstock.worker.preparation import Preparation
from penstock.worker.renewals import RenewalPorts, Renewals
from penstock.worker.reporter import Reporter
from penstock.worker.server_outage import ServerOutage, unrepeated
from penstock.worker.waiting_tries import GIVE_BACK_S, LOOK_S, REASON, to_give_back
from penstock.worker.worker_plan import LocalTries, WorkerPlan
from penstock.worker.worker_tries import WorkerTries
from penstock.worker.worker_try import WorkerTry

ASKING_THREADS, PREPARING_THREADS = 8, 8
ASKED_S = 600.0
"""Seconds for which a question is asked of a server that cannot answer it; where none can be reached, the lease ends the try first."""
TROUBLE_PAUSES_S = (1.0, 30.0)
"""Seconds, the shortest and the longest, before a slot is free again whose try could not be prepared: a full disk eats no tickets."""


class TicketWorker:
    """One worker, from its start to its end.

    Args:
        plan: What it is to be.
        client: The way to the server.
        executor: Runs tries on this machine.
        source: Brings tickets; None for a worker that is handed one by `take`.
        clock: Tells the present.
        report: Takes a sentence for people.
    """

    def __init__(
        self,
        plan: WorkerPlan,
        client: ExecutionClient,
        executor: LocalTries,
        source: TicketSource | None,
        clock: Clock,
        report: Callable[[str], None],
    ) -> None:
        self.plan, self._client, self._executor, self._source = plan, client, executor, source
        self._clock, self._report = clock, unrepeated(report)
        self.tries, outage = WorkerTries(), ServerOutage(client.where, self._report, clock)
        self._calls: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._wake_r, self._wake_w = os.pipe()
        os.set_blocking(self._wake_r, False)
        os.set_blocking(self._wake_w, False)
        self._asking, self._trouble = ThreadPoolExecutor(ASKING_THREADS, "asks"), Backoff(*TROUBLE_PAUSES_S)
        identity = WorkerIdentity(plan.status.worker, plan.key, plan.shown)
        self._machine = MachineGuards(plan.guards, self._is_busy, self._report, clock)
        ports = ClaimPorts(self._claiming, self._claimed, self.tries.__len__, self._report, outage)
        self._claims = Claims(client, identity, plan.status.slots, ports, clock)
        self._reporter = Reporter(
            client, self.tries, lambda held: self._call(lambda: self._gone(held)), self._report, outage, clock
        )
        self._renewals = Renewals(
            client,
            identity,
            self.tries,
            self._status,
            RenewalPorts(self._renewed, self._answered, self._report, outage),
            plan.lease_s,
            clock,
        )
        self._leaving = threading.Event()
        self._busy_s = self._began_s = self._now_s()
        self._preparing = ThreadPoolExecutor(PREPARING_THREADS, "preparations")
        self._preparation = Preparation(plan, client, clock, self._leaving)
        self._draining_s: float | None = None
        self._unclaimed = False
        self._until_s, self._look_s, self._questions = 0.0, 0.0, count(1)

    def take(self, ticket: str) -> None:
        """Take the one ticket that it was started for, and leave when its try has ended, or is somebody else's."""

        def claimed(mine: bool) -> None:  # noqa: FBT001 - as `penstock.spec.remote.TicketSink.take` has it
            self._unclaimed = not mine and self._claims.unanswered
            if not mine and not self._unclaimed:
                self._report("the ticket is of no use any more: another worker has claimed it, or its try was given up")
            self._call(self._drain)

        self._claims.take(ticket, claimed)

    def drain(self) -> None:
        """Take no try any more, and leave when what is here has ended; a second time: hand it back. May be called from a signal handler."""
        self._calls.put(lambda: self._drain() if self._draining_s is None else self._hand_back())
        self._awake()

    def run(self) -> None:
        """Work until it is to leave and has no try.

        Raises:
            ServerError: Its ticket could not be claimed.
            PenstockError: The server refuses this worker, or the executor cannot be started.
        """
        self._executor.start()
        self.plan.own.mkdir(parents=True, exist_ok=True)
        with selectors.DefaultSelector() as selector:
            for each in (self._executor.fileno(), self._wake_r):
                selector.register(each, selectors.EVENT_READ)
            try:
                self._begin()
                while not self._over():
                    selector.select(1.0)
                    with contextlib.suppress(BlockingIOError):
                        os.read(self._wake_r, 4096)
                    self._run_calls()
                    for event in self._executor.events():
                        self._take_event(event)
                    self._give_back()
            finally:
                self._end()
        if self._unclaimed:
            raise ServerError("its ticket could not be claimed, for the reason above: it leaves without a try.")

    def _now_s(self) -> float:
        return self._clock.read().monotonic_s

    def _begin(self) -> None:
        if self._source is not None:
            self._renewals.start()
            threading.Thread(target=self._claims.listen, args=(self._source,), name="source", daemon=True).start()
        self._machine.start()
        self._claims.start()
        self._reporter.start()

    def _end(self) -> None:
        self._claims.stop()
        self._leaving.set()
        if self._source is not None:
            self._source.stop()
        self._executor.stop(0.0 if self.tries.running() else 1.0)
        self._reporter.stop()
        self._machine.stop()
        self._renewals.leave()
        for threads in (self._asking, self._preparing):
            threads.shutdown(wait=False, cancel_futures=True)
        self._client.close()

    def _over(self) -> bool:
        now_s = self._now_s()
        if self._is_busy():
            self._busy_s = now_s
            self._check_answered(now_s)
            drain_s, since_s = self.plan.drain_s, self._draining_s
            if since_s is not None and drain_s is not None and now_s - since_s > drain_s:
                self._hand_back()
            return False
        if self._draining_s is not None:
            return True
        idle_s = self.plan.idle_exit_s
        if not self._claims.idle:
            self._busy_s = now_s  # a ticket has come
        elif idle_s is not None and now_s - self._busy_s >= idle_s:
            self._report(f"it has had no try for {idle_s:g} s, and leaves")
            self._drain()  # what is claimed at this moment is run first
        return False

    def _is_busy(self) -> bool:
        return bool(len(self.tries) or self.tries.names_claimed())

    def _check_answered(self, now_s: float) -> None:
        """Give up a server that is not coming back, where this worker is only there to tell how its tries ended; raises ServerError."""
        if self.tries.running() or (self._source is not None and self._draining_s is None):
            return
        lost_s = self.plan.lease_s if self.plan.lost_s is None else self.plan.lost_s
        since_s = max((each.ended_s for each in self.tries.all()), default=self._draining_s or self._began_s)
        if now_s > max(since_s + lost_s, self._until_s):
            what = f"how {len(self.tries)} tries ended" if len(self.tries) else "that its ticket is to be claimed"
            raise ServerError(f"no server answers, and {lost_s:g} s are over: it leaves without having told {what}.")

    def _claiming(self, names: Sequence[str]) -> None:
        self.tries.claiming(names)
        self._machine.wake()

    def _status(self, period_s: float) -> WorkerStatus:
        draining = self._draining_s is not None
        return replace(self.tries.counted(self.plan.status), draining=draining, period_s=period_s)

    def _claimed(self, got: Sequence[tuple[Offered, Claimed]], began_s: float, asked: Sequence[Offered]) -> None:
        """Note what was claimed, fetch what it needs, and have it run; in the thread of the claims."""
        held: list[WorkerTry] = []
        for offered, claimed in got:
            try:
                held.append(self._hold(offered, claimed))
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                why = f"its worker, of version {self.plan.status.version}, cannot read what it is to run: {error}"
                self._claims.free_slot()
                self._asking.submit(self._fail, offered, claimed.token, TryEnd(Outcome.FAILED, why, retryable=False))
        self.tries.claimed([each.name for each in asked], held)
        if held:
            self._renewed(began_s)
            self._renewals.go_on()
        for each in held:
            self._preparing.submit(self._prepare, each)
        self._awake()

    def _hold(self, offered: Offered, claimed: Claimed) -> WorkerTry:
        request = decode_msgpack(claimed.request, TryRequest)
        log = self.plan.own / f"{offered.name}.log"
        request = replace(request, log=log.absolute().as_uri())
        return WorkerTry(claimed.token, request, claimed.lease_s, log, offered.ended, self._now_s())

    def _fail(self, offered: Offered, token: str, end: TryEnd) -> None:
        """Tell of a try that this worker cannot even read that it has failed; a server that does not hear it asks for it later."""
        self._report(end.error)
        report = Reports((TryReport(token, None, msgspec.msgpack.encode(end)),))
        with contextlib.suppress(ServerError, RefusedByServerError):
            self._client.ask("reports", token, report, ReportAnswer)
        offered.ended(end)

    def _prepare(self, held: WorkerTry) -> None:
        end = self._preparation.prepare(held)
        if end is None:
            self._trouble.reset()
            self._machine.wait()
            self._call(lambda: self._submit(held))
            return
        self._report(end.error)
        if end.outcome is Outcome.LOST:
            self._leaving.wait(self._trouble.pause())
        self._call(lambda: self._ended(held, end))

    def _submit(self, held: WorkerTry) -> None:
        if held.end is not None:
            held.held.close()  # it was ended while it was prepared, and may be forgotten by now
        elif held.gone or held.cancel_reason or held.lost_reason or held.giving_back:
            self._ended(held, TryEnd(Outcome.CANCELLED, held.cancel_reason or "it was given up"))
        else:
            if held.python and isinstance(held.request.code, PlanCode):
                self._executor.adopt(held.request.code.provider, held.python)
            self._executor.submit([held.request])

    def _take_event(self, event: ExecutorEvent) -> None:
        if isinstance(event, TryAsked):
            held = self.tries.get(event.key, event.epoch)
            if held is not None:
                self._asking.submit(self._ask, held, event)
        elif isinstance(event, TryStarted):
            held = self.tries.get(event.key, event.epoch)
            if held is not None:
                held.began_s = self._now_s()
        elif isinstance(event, TryFinished):
            held = self.tries.get(event.key, event.epoch)
            if held is not None:
                self._ended(held, event.end)

    def _ask(self, held: WorkerTry, asked: TryAsked) -> None:
        backoff, until_s = Backoff(0.1, 3.0), self._now_s() + max(held.lease_s, ASKED_S)
        question = TryQuestion(held.token, asked.ask.method, asked.ask.args, str(next(self._questions)))
        while True:
            try:
                reply = self._client.ask("asks", held.token, question, Reply)
                break
            except RefusedByServerError as error:
                reply = Reply(error=str(error), error_type=RequestError.__name__)
                break
            except ServerError as error:
                if self._now_s() > until_s or held.end is not None:
                    reply = Reply(error=f"{asked.ask.method}(): {error}", error_type=ServerError.__name__)
                    break
                self._leaving.wait(backoff.pause())
        self._call(lambda: self._executor.reply(asked, reply))

    def _ended(self, held: WorkerTry, end: TryEnd) -> None:
        if held.end is not None:
            return
        # What it told before it was cancelled counts: a success is not to be run again.
        if end.outcome is Outcome.CANCELLED and not held.cancel_reason:
            held.given_back = held.giving_back and held.began_s is None
            if held.giving_back or held.lost_reason:
                end = TryEnd(Outcome.LOST, held.lost_reason or REASON)
        held.end, held.ended_s = end, self._now_s()
        self._claims.free_slot(None if held.began_s is None else held.ended_s - held.began_s)
        if held.gone:
            held.ended(None)
            self.tries.remove(held)
        self._reporter.wake()

    def _gone(self, held: WorkerTry) -> None:
        """End a try that the server has given up; nothing is said of it any more."""
        if held.gone:
            return
        held.gone = True
        if held.end is None:
            self._executor.cancel([held.try_name], "the server has given it up")
        else:
            held.ended(None)
            self.tries.remove(held)

    def _renewed(self, began_s: float) -> None:
        lease_s = min((each.lease_s for each in self.tries.all()), default=self.plan.lease_s)
        self._call(lambda: self._renew_lease(began_s + lease_s))

    def _renew_lease(self, until_s: float) -> None:
        """Let tries run on: what was asked first may be answered last."""
        if until_s > self._until_s:
            self._until_s = until_s
            self._executor.renew_lease(until_s)

    def _answered(self, answer: RenewalAnswer) -> None:
        tries = self.tries.all()
        for held in tries:
            if held.token in answer.gone:
                self._call(lambda held=held: self._gone(held))  # type: ignore[misc]
            elif held.name in answer.cancelled and not held.cancel_reason:
                held.cancel_reason = answer.cancelled[held.name]
                self._call(lambda held=held: self._cancel(held))  # type: ignore[misc]
        if answer.drain:
            self._call(self._drain)

    def _cancel(self, held: WorkerTry) -> None:
        if held.end is None:
            self._executor.cancel([held.try_name], held.cancel_reason)

    def _drain(self) -> None:
        if self._draining_s is None:
            self._draining_s, self._look_s = self._now_s(), 0.0
            if self._source is not None:
                self._report(f"it takes no try any more, and leaves when all that it has have ended: {len(self.tries)}")
                self._source.stop()
            self._claims.stop()

    def _give_back(self) -> None:
        """Have others run what has waited for a slot for long; when this worker is to leave, all that waits."""
        now_s, slots = self._now_s(), self.plan.status.slots
        if len(self.tries) <= slots or now_s < self._look_s:
            return
        self._look_s = now_s + LOOK_S
        after_s = GIVE_BACK_S if self._draining_s is None else 0.0
        for held in to_give_back(self.tries.all(), slots, now_s, after_s):
            held.giving_back = True
            self._executor.cancel([held.try_name], REASON)

    def _hand_back(self) -> None:
        for held in self.tries.running():
            if not held.lost_reason:
                held.lost_reason = "its worker left before it had ended, and handed it back"
                self._executor.cancel([held.try_name], held.lost_reason)

    def _call(self, function: Callable[[], None]) -> None:
        self._calls.put(function)
        self._awake()

    def _run_calls(self) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                self._calls.get_nowait()()

    def _awake(self) -> None:
        with contextlib.suppress(OSError):  # it is awake
            os.write(self._wake_w, b"x")
