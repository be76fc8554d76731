"""The real loop over a real database, with an executor in memory that does what a test says."""

import os
from datetime import UTC, datetime

import pytest

from penstock.clock import SystemClock
from penstock.engine.engine import Engine
from penstock.model.attempt import TryEnd
from penstock.model.dag import DagSpec, TaskSpec
from penstock.model.request import RunRequested, TriggerDagRun
from penstock.model.source import ParsedFile
from penstock.model.state import Outcome
from penstock.scheduler.loop import Scheduler
from penstock.spec.executor import LOCAL, Offload, TryFinished, TryStarted
from penstock.store import Keyring, LoaderCatalog, Store, new_key
from penstock.tries.asks import Asks
from penstock.tries.try_requests import TryRequests
from penstock.tries.vault import Vault
from penstock.tries.vault_sources import StoreSource

NOW = datetime(2026, 3, 1, tzinfo=UTC)
SUCCESS = TryEnd(Outcome.SUCCESS)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.nightly)])
def url(request):
    """The URL of a database of either kind that has the tables and nothing else."""
    return request.getfixturevalue(f"{request.param}_tables_url")


class Workers:
    """An executor that answers each try at once.

    Args:
        answer: The events that a request is answered by.
        idle: Called when nothing is left to tell; whether the scheduler is to stop.
        kept: What it tells of tries that an earlier scheduler left open.
        most: Turns after which the scheduler is stopped in any case.

    Attributes:
        cancelled: Keys and epochs of the tries that it was told to end.
        requests: What it was given.
        replies: What it was answered.
    """

    name = LOCAL

    def __init__(self, answer, idle, kept=(), most=500):
        self._answer, self._idle, self._kept, self._left = answer, idle, kept, most
        self._reading, self._writing = os.pipe()
        self._told, self.cancelled, self.requests, self.replies = [], [], [], []
        self.stop_scheduler = None

    def start(self):
        os.write(self._writing, b"x")

    def recover(self, tries):
        return list(self._kept)

    def capacity(self):
        return 64

    def fileno(self):
        return self._reading

    def submit(self, tries):
        self.requests += tries
        for each in tries:
            self._told += self._answer(each)

    def cancel(self, tries, reason):
        self.cancelled += tries
        self._told += [TryFinished(*each, NOW, TryEnd(Outcome.CANCELLED, reason)) for each in tries]

    def reply(self, asked, reply):
        self.replies.append(reply)
        self._told += self._answer(reply)

    def events(self):
        self._left -= 1
        told, self._told = self._told, []
        if not self._left or (not told and self._idle()):
            self.stop_scheduler()
        return told

    def stop(self, grace_s):
        os.close(self._reading)
        os.close(self._writing)


class House:
    """A database, and the scheduler over it, which runs until every run has ended."""

    def __init__(self, url, folder):
        self.url, self.folder, self.keyring = url, folder, Keyring([new_key()], "the test's key")
        self.open()
        self.answer = lambda request: [
            TryStarted(request.key, request.epoch, 7, NOW),
            TryFinished(request.key, request.epoch, NOW, SUCCESS),
        ]
        self.settled = self.runs_have_ended
        self.workers = self.in_hand = None
        self.kept = ()
        self.handover_s = 0.0
        self.lines = []

    def open(self):
        """Open the store, and what the loader has of it."""
        self.store = Store.open(self.url, self.keyring, wait_s=0.2)
        self.catalog = LoaderCatalog(self.store, self.store.config.variable_values, lambda: NOW)

    def close(self):
        """Close both."""
        self.catalog.close()
        self.store.close()

    def define(self, *dags):
        """Store DAGs, each of its own file, unchecked."""
        for dag in dags:
            self.catalog.save(ParsedFile(f"{dag.dag_id}.py", "snapshot", {}, {}, None, NOW, 0.1, (dag,)))

    def simple(self, dag_id="stock"):
        """A DAG of one task."""
        return DagSpec(dag_id, f"{dag_id}.py", (TaskSpec("count"),))

    def trigger(self, dag_id="stock", run_id="one", **more):
        """Ask for a run as a task does."""
        self.store.requests.submit(TriggerDagRun(dag_id, run_id, **more), NOW)

    def submit(self, *requests):
        """Ask the scheduler for something."""
        self.store.requests.submit_all(requests, NOW)

    def start_run(self, run):
        """Ask for a run's start as a person does."""
        self.submit(RunRequested(run))

    def runs_have_ended(self):
        """Whether nothing is left to do."""
        return not self.store.requests.pending() and not self.store.runs.live()

    def states(self):
        """The state of each run, by its id."""
        return {run.run_id: str(run.state) for run in self.store.runs.page(limit=10_000)}

    def states_of(self, dag_id):
        """The state of each run of a DAG, by its id."""
        return {run.run_id: str(run.state) for run in self.store.runs.page(dag_id=dag_id, limit=100)}

    def schedule(self, place="", workers=Workers):
        """Run the scheduler until everything is settled; the store is open again afterwards."""
        self.store.role.acquire("a test", NOW, place)
        clock = SystemClock()
        self.workers = workers(self.answer, self.settled, self.kept)
        requests = TryRequests(
            self.store, logs=self.folder, isolation="fork", grace_s=1.0, offload=Offload("file:///values")
        )
        asks = Asks(self.store, clock, Vault([StoreSource(self.store)], lambda _: ()))
        engine = Engine(lease_s=600.0)
        executors = {LOCAL: self.workers, "waiter": self.workers}
        more = {"in_hand": self.in_hand, "handover_s": self.handover_s, "report": self.lines.append}
        scheduler = Scheduler(self.store, engine, executors, requests, asks, clock, **more)
        self.workers.stop_scheduler = scheduler.stop
        try:
            scheduler.run()
        finally:
            self.catalog.close()
            self.open()


@pytest.fixture
def house(url, tmp_path):
    """A house without DAGs."""
    made = House(url, tmp_path)
    yield made
    made.close()
