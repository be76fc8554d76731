"""A scheduler's side of remote tries over a real database, with an executor that only notes what it is asked."""

import threading
from datetime import UTC, datetime

import msgspec
import pytest

from penstock.model.attempt import TryEnd
from penstock.model.changes import Changes
from penstock.model.remote.remote_try import WorkerStatus
from penstock.model.run import NewRun, RunKind, TaskInstance, TaskKey, Try
from penstock.model.state import Outcome, TaskState
from penstock.spec.executor import Heartbeat, PlanCode, TryFacts, TryFinished, TryRequest
from penstock.spec.remote import RemoteContext, RemoteExecutor, RemoteOptions
from penstock.store import REMOTE, Keyring, Store, new_key
from penstock.testing import FakeClock
from penstock.tries.remote.doorbell import ExecutorReports
from penstock.tries.remote.remote_try_executor import RemoteTryExecutor
from penstock.tries.remote.tickets import ticket_name

NOW = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
PATIENCE_S = 60.0


class Bells(RemoteExecutor):
    """Notes what it is asked; raises what it is told to."""

    def __init__(self, context, places=None):
        super().__init__(context)
        self.rung, self.silenced, self.released, self.looked = [], [], [], []
        self.error, self.refused, self.places = None, (), places
        self.heard = threading.Condition()

    def _note(self, kind, names):
        with self.heard:
            kind.append(names)
            self.heard.notify_all()

    def ring(self, tickets):
        self._note(self.rung, [each.name for each in tickets])
        if self.error is not None:
            raise self.error
        return self.refused

    def silence(self, tickets, reason):
        self._note(self.silenced, [each.name for each in tickets])

    def release(self, tickets):
        self._note(self.released, [each.name for each in tickets])

    def look(self, tickets):
        self._note(self.looked, [each.name for each in tickets])

    def slots(self):
        return self.places

    def until(self, ready):
        with self.heard:
            assert self.heard.wait_for(ready, PATIENCE_S), (self.rung, self.silenced, self.released)


class Site:
    """A database, a clock, schedulers' executors of it, and workers that claim and end."""

    def __init__(self, store):
        self.store, self.clock, self.faults, self.capacities = store, FakeClock(NOW), [], []
        self.run = store.apply(Changes(new_runs=[NewRun("sales", "one", RunKind.MANUAL, NOW, NOW, NOW)]), NOW)[0].run
        self.made = []

    def executor(self, *, places=None, started=True, **options):
        """An executor of another scheduler, with its bells."""
        given = {"doorbell_s": 30.0, "worker_lease_s": 60.0, **options}

        def make(doorbell):
            context = RemoteContext("far", {}, "", "i", None, self.clock.now, doorbell.waiting, doorbell.gone)
            return Bells(context, places)

        reports = ExecutorReports(self.faults.append, self.capacities.append, str)
        made = RemoteTryExecutor("far", self.store, RemoteOptions(**given), 60.0, self.clock, make, reports)
        if started:
            made.start()
        self.made.append(made)
        return made, made._inner

    def request(self, task_id="extract", epoch=1, queue="default", outcome=None):
        """A try that the scheduler has stored, as it is sent out."""
        instance = TaskInstance(self.run, task_id, -1, state=TaskState.QUEUED, try_number=1, epoch=epoch)
        row = Try(self.run, task_id, -1, epoch, 1, "far", NOW, outcome=outcome)
        self.store.apply(Changes(tasks=[instance], tries=[row]), NOW)
        return TryRequest(
            self.run, epoch, TryFacts("sales", "one", task_id), PlanCode("acme.copy"), "file:///nowhere", queue=queue
        )

    def submitted(self, executor):
        """A try that this executor has been given."""
        request = self.request()
        executor.submit([request])
        return request

    def claimed(self, executor):
        """One that a worker has claimed, too."""
        request = self.submitted(executor)
        assert self.claim(request)
        return request

    def name(self, request):
        return ticket_name(self.store.logs.identity(), request)

    def claim(self, request, worker="w1", text="a-claim"):
        found = self.store.remote_tries.claim([self.name(request)], text, worker, self.clock.now())
        self.store.wakeups.send(REMOTE)  # as a server does a little later
        return bool(found)

    def end(self, request, outcome=Outcome.SUCCESS, text="a-claim"):
        end = msgspec.msgpack.encode(TryEnd(outcome))
        self.store.remote_tries.end([(self.name(request), text, end)], self.clock.now())

    def give_back(self, request, text="a-claim"):
        assert self.store.remote_tries.give_back({self.name(request): text})

    def beat(self, worker="w1", **given):
        self.store.remote_workers.renew(
            WorkerStatus(worker, "far", ("default",), **{"slots": 2, **given}), self.clock.now()
        )

    def told(self, executor):
        """What it tells now, heartbeats left out; it was stored what it told before."""
        found = [each for each in executor.events() if not isinstance(each, Heartbeat)]
        return [
            (type(each), each.key.task_id, each.end.outcome if isinstance(each, TryFinished) else None)
            for each in found
        ]

    def pass_s(self, seconds, *executors, workers=(), step_s=5.0):
        """Let time go by, while these executors and workers live; what was told meanwhile."""
        told = []
        while seconds > 0:
            self.clock.advance(min(step_s, seconds))
            seconds -= step_s
            for worker in workers:
                self.beat(worker)
            for each in executors:
                told += self.told(each)
        return told

    def exists(self, request):
        return bool(self.store.remote_tries.owners([self.name(request)]))


@pytest.fixture
def store(sqlite_tables_url):
    with Store.open(sqlite_tables_url, Keyring([new_key()], "test")) as store:
        yield store


@pytest.fixture
def site(store):
    site = Site(store)
    yield site
    for each in site.made:
        each.stop(1.0)


def key_of(request):
    return TaskKey(request.run, request.facts.task_id, request.facts.map_index)
