"""An installation with a run of many tasks, of which a test says what waits and what workers have."""

import pytest
from msgspec.structs import replace

from penstock.model.changes import Changes
from penstock.model.run import NewRun, RunKind, TaskInstance, Try
from penstock.model.state import Outcome, RunState, TaskState


class Work:
    """Tasks of one run: they wait, are begun and end."""

    def __init__(self, installation, number):
        self.installation, self.store = installation, installation.store
        [made] = self.store.apply(
            Changes(new_runs=[NewRun("sales", "one", RunKind.MANUAL, None, None, None)]), self.now
        )
        version = self.store.dags.state("sales").version
        self.run = made.run
        tasks = [TaskInstance(self.run, "load", each, TaskState.SCHEDULED, due_at=self.now) for each in range(number)]
        running = replace(made, version=version, state=RunState.RUNNING)
        self.store.apply(Changes(runs=[running], tasks=tasks), self.now)
        self.waiting, self.held = list(range(number)), set()

    @property
    def now(self):
        return self.installation.now()

    def begin(self, number):
        begun, self.waiting = self.waiting[:number], self.waiting[number:]
        self.held |= set(begun)
        tasks = [TaskInstance(self.run, "load", each, TaskState.RUNNING, epoch=1, due_at=self.now) for each in begun]
        tries = [Try(self.run, "load", each, 1, 1, "local", self.now) for each in begun]
        self.store.apply(Changes(tasks=tasks, tries=tries), self.now)
        return begun

    def end(self, ended):
        self.held -= set(ended)
        tasks = [TaskInstance(self.run, "load", each, TaskState.SUCCESS, epoch=1, due_at=self.now) for each in ended]
        tries = [
            Try(self.run, "load", each, 1, 1, "local", self.now, self.now, self.now, Outcome.SUCCESS) for each in ended
        ]
        self.store.apply(Changes(tasks=tasks, tries=tries), self.now)


@pytest.fixture(autouse=True)
def rules(tmp_path):
    """Settings of the queue, before the installation reads them."""
    (tmp_path / "penstock.toml").write_text(
        "[queues.default]\ntries_per_worker = 4\nmin_workers = 0\nmax_workers = 12\ncooldown_s = 90\n"
    )


@pytest.fixture
def work(installation):
    return lambda number: Work(installation, number)
