"""Whether a task costs the same in a large DAG as in a small one, and beside a long history as beside none.

    python bench/growth.py [dag] [history] [big] [chains] [--rounds N] [--postgres] [--finished 1000000]

dag: one finished task of a DAG of 10 and of 10,000. history: with no and with a million finished task instances in the store.
Both step the engine and store what it decides, without processes; each figure is the best of the rounds, which take turns, beside
a plain floor: as many commits of one upserted row a task. big: under `penstock up`, a DAG of 10,000 tasks until it is imported,
from its trigger until a task has ended, and `penstock tasks list` of that run, beside a plain Python that runs the same file, and
`penstock runs list`. chains: 100 chains of 10 no-ops; the lag is the time beyond that of as many in a pool without an orchestrator.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from core_workloads import Observer, nothing, project, run_once, wait
from floor import pooled

from penstock.engine.engine import Engine
from penstock.engine.messages import CapacityChanged, DagUpdated, Event, PoolsUpdated, RunAdded, Step
from penstock.model.attempt import TryEnd
from penstock.model.changes import Changes
from penstock.model.dag import DagSpec, TaskSpec
from penstock.model.now import Now
from penstock.model.run import NewRun, Run, RunKind
from penstock.model.source import ParsedFile
from penstock.model.state import Outcome, RunState
from penstock.service.dags import trigger
from penstock.spec.executor import TryFinished, TryStarted
from penstock.store import Keyring, LoaderCatalog, Store
from penstock.store.sql import tables

SLOTS = 4
BIG = 10_000
SMALL = 10
SINCE = datetime(2026, 1, 1, tzinfo=UTC)


class Finishing:
    """An engine over a store that runs DAGs whose tries succeed at once.

    Args:
        url: The database, empty.
        folder: For the key.
    """

    def __init__(self, url: str, folder: Path) -> None:
        self.store = Store.open(url, Keyring.of_file(folder / "key"))
        self._engine, self._ticks, self._runs = Engine(), 0, 0
        self.store.apply(Changes(), SINCE)
        self._step(
            [CapacityChanged("local", SLOTS), CapacityChanged("waiter", None), PoolsUpdated({"default_pool": BIG})]
        )

    def add_dag(self, dag_id: str, count: int) -> None:
        """Store a DAG of so many independent tasks."""
        dag = DagSpec(dag_id, "f.py", tuple(TaskSpec(f"t{n}") for n in range(count)), max_active_tasks=BIG)
        catalog = LoaderCatalog(self.store, self.store.config.variable_values, lambda: SINCE)
        catalog.save(ParsedFile(f"{dag_id}.py", "s", {}, {}, None, SINCE, 0.1, (dag,)))
        catalog.close()
        self._step([DagUpdated(dag, self._version(dag_id), paused=False, active=True)])

    def begin(self, dag_id: str) -> Step:
        """Start a run of a DAG."""
        self._runs += 1
        version = self._version(dag_id)
        new = NewRun(dag_id, f"r{self._runs}", RunKind.MANUAL, SINCE, None, None, version=version)
        [made] = self.store.apply(Changes(new_runs=[new]), SINCE)
        dag = self.store.versions.spec(version)
        assert dag is not None
        return self._step([RunAdded(made, dag)])

    def finish(self, step: Step, most: int) -> tuple[Step, int]:
        """Let what was dispatched succeed, step by step, until so many tasks have or none is left; returns their number."""
        done = 0
        while step.dispatches and done < most:
            events: list[Event] = []
            for each in step.dispatches:
                key, epoch = each.instance.key, each.instance.epoch
                events.append(TryStarted(key, epoch, 1, SINCE))
                events.append(TryFinished(key, epoch, SINCE, TryEnd(Outcome.SUCCESS)))
            done += len(step.dispatches)
            step = self._step(events)
        return step, done

    def _version(self, dag_id: str) -> str:
        state = self.store.dags.state(dag_id)
        assert state is not None
        return state.version

    def _step(self, events: list[Event]) -> Step:
        self._ticks += 1
        now = Now(SINCE + timedelta(milliseconds=self._ticks), self._ticks / 1000)
        step = self._engine.step(events, now)
        if step.changes:
            self.store.apply(step.changes, now.wall)
        return step


def upserts_s(finishing: Finishing, count: int) -> float:
    """Seconds for the floor: as many commits of one row each as so many tasks take, a slot's worth of tasks a commit."""
    database = finishing.store.database
    with database.write() as connection:
        connection.exec_driver_sql("CREATE TABLE IF NOT EXISTS floor (number INTEGER PRIMARY KEY, state TEXT)")
    start = time.perf_counter()
    for number in range(count // SLOTS):
        with database.write() as connection:
            connection.exec_driver_sql(
                f"INSERT INTO floor VALUES ({number}, 'success') ON CONFLICT (number) DO UPDATE SET state = excluded.state"
            )
    return time.perf_counter() - start


def spent_s(finishing: Finishing, dag_id: str, count: int) -> float:
    """Seconds for each finished task, of about so many, in as many runs as that takes; what begins a run is left out."""
    spent, done = 0.0, 0
    while done < count:
        step = finishing.begin(dag_id)
        start = time.perf_counter()
        _, more = finishing.finish(step, count - done)
        spent, done = spent + time.perf_counter() - start, done + more
    return spent / done


def in_a_large_dag(first_url: str, second_url: str, rounds: int) -> None:
    """One finished task of a small and of a large DAG, in a database each of the same kind, in turn."""
    with two(first_url, second_url) as (of_small, of_large):
        of_small.add_dag("small", SMALL)
        of_large.add_dag("large", BIG)
        small, large, floors = [], [], []
        left = of_large.begin("large")
        for _ in range(rounds):
            small.append(spent_s(of_small, "small", 400))
            start = time.perf_counter()
            left, done = of_large.finish(left, 400)
            large.append((time.perf_counter() - start) / done)
            floors.append(upserts_s(of_small, 400) / 400)
        shown("a finished task, DAG of 10", min(small), min(floors))
        shown("a finished task, DAG of 10,000", min(large), min(floors))
        print(f"  10,000 tasks beside 10: {min(large) / min(small):.2f} x (at most 1.3)", flush=True)


@contextmanager
def two(first_url: str, second_url: str) -> Iterator[tuple[Finishing, Finishing]]:
    """Two engines over empty databases; "" for a file of SQLite."""
    with tempfile.TemporaryDirectory() as folder:
        first = Finishing(first_url or f"sqlite:///{folder}/first.db", Path(folder))
        second = Finishing(second_url or f"sqlite:///{folder}/second.db", Path(folder))
        try:
            yield first, second
        finally:
            first.store.close()
            second.store.close()


def beside_history(first_url: str, second_url: str, rounds: int, finished: int) -> None:
    """One finished task beside no and beside much history, in a database each of the same kind, in turn."""
    with two(first_url, second_url) as (alone, beside):
        for each in (alone, beside):
            each.add_dag("d", 1000)
        finish_one_run(beside)
        copied = copy_history(beside, finished)
        few, many, floors = [], [], []
        for _ in range(rounds):
            few.append(spent_s(alone, "d", 1000))
            many.append(spent_s(beside, "d", 1000))
            floors.append(upserts_s(alone, 1000) / 1000)
        shown("a finished task, no history", min(few), min(floors))
        shown(f"a finished task, {copied:,} finished", min(many), min(floors))
        print(f"  with history beside without: {min(many) / min(few):.2f} x (at most 1.1)", flush=True)


def finish_one_run(finishing: Finishing) -> None:
    """A run of 1,000 tasks, from which history is copied."""
    finishing.finish(finishing.begin("d"), 1000)
    [run] = finishing.store.runs.page(dag_id="d")
    assert run.state is RunState.SUCCESS, run


def copy_history(finishing: Finishing, finished: int) -> int:
    """Double the finished runs until there are so many task instances; returns how many there are."""
    database, runs = finishing.store.database, 1
    quoted = database.engine.dialect.identifier_preparer.quote
    while runs * 1000 < finished:
        with database.write() as connection:
            for table in (tables.run, tables.task_instance, tables.attempt):
                names = [column.name for column in table.columns]
                values = {"run": f"run + {runs}", "run_id": f"run_id || '-{runs}'"}
                chosen = ", ".join(
                    values.get(name, name) if table is tables.run or name == "run" else name for name in names
                )
                name = quoted(table.name)
                connection.exec_driver_sql(f"INSERT INTO {name} ({', '.join(names)}) SELECT {chosen} FROM {name}")
            if not database.sqlite:
                connection.exec_driver_sql(
                    "SELECT setval(pg_get_serial_sequence('run', 'run'), (SELECT max(run) FROM run))"
                )
        runs *= 2
    with database.write() as connection:
        connection.exec_driver_sql("ANALYZE")
    return runs * 1000


def large_file() -> str:
    """A DAG file of 10,000 independent no-ops."""
    return (
        "from penstock import DAG, task\n\n"
        'with DAG("big", schedule=None, isolation="reuse", max_active_tasks=20_000):\n'
        f"    for number in range({BIG:_}):\n"
        '        task(task_id=f"t{number}")(lambda: None)()\n'
    )


def large_dag() -> None:
    """A DAG of 10,000 tasks in an installation."""
    with project({}) as (folder, found, _):
        wait(lambda: (folder / "up.log").read_text().count("\n") >= 1, 0.05)
        floor = timed([sys.executable, str(folder / "plain.py")], folder, large_file())
        start = time.perf_counter()
        (folder / "dags" / "big.py").write_text(large_file())
        wait(lambda: len(found.store.dags.states()) == 1, 0.02)
        shown("imported", time.perf_counter() - start, floor, 3.0)
        start = time.perf_counter()
        trigger(found, "big", run_id="bench")
        run = found.store.runs.find("big", "bench")
        assert run is not None
        wait(lambda: has_ended_one(found.store, run), 0.02)
        shown("first task ended", time.perf_counter() - start, floor, 1.5)
        command = [sys.executable, "-m", "penstock"]
        lists = [
            (timed([*command, "tasks", "list", "big"], folder), timed([*command, "runs", "list"], folder))
            for _ in range(3)
        ]
        shown("tasks list", min(a for a, _ in lists), min(b for _, b in lists), 0.5)


def has_ended_one(store: Store, run: Run) -> bool:
    """Whether a task of a run has succeeded, by a look at its first and its last key."""
    return any(task.ended_at is not None for name in ("t0", "t1") for task in store.runs.tasks(run.run, name))


def timed(command: list[str], folder: Path, text: str = "") -> float:
    """Seconds of a command, whose file is written first if its text is given."""
    if text:
        Path(command[-1]).write_text(text)
    start = time.perf_counter()
    subprocess.run(command, cwd=folder, env=dict(os.environ), check=True, capture_output=True)
    return time.perf_counter() - start


CHAINS = """
from penstock import DAG, task

with DAG("chains", schedule=None, isolation="reuse", max_active_tasks=2000):
    for chain in range(100):
        before = None
        for number in range(10):
            current = task(task_id=f"c{chain}_{number}")(lambda: None)()
            if before is not None:
                before >> current
            before = current
"""


def chains(rounds: int) -> None:
    """1,000 tasks as 100 chains of 10."""
    with project({"chains.py": CHAINS}) as (folder, found, _):
        wait(lambda: len(found.store.dags.states()) == 1, 0.1)
        seen = Observer(found)
        run_once(found, seen, "chains", 0, 0.01)
        floors = [pooled(folder, [0] * 1000, nothing, 2) for _ in range(rounds)]
        spans = [run_once(found, seen, "chains", number, 0.01) for number in range(1, rounds + 1)]
        seen.close()
        span, floor = statistics.median(spans), statistics.median(floors)
        shown("100 chains of 10", span, floor)
        print(f"  lag {span - floor:.2f} s (at most 1.2)", flush=True)


def shown(name: str, seconds: float, floor_s: float, most_s: float | None = None) -> None:
    """Print a figure beside its floor, with what it is at most to be."""
    goal = "" if most_s is None else f" (at most {most_s:g} s)"
    unit, factor = ("s", 1.0) if seconds > 0.1 else ("us", 1e6)
    print(
        f"{name:34} {seconds * factor:9.2f} {unit}   floor {floor_s * factor:9.2f} {unit}   {seconds / floor_s:5.2f} x floor{goal}",
        flush=True,
    )


def main() -> None:
    """Run what was named, everything unless something was."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", nargs="*", default=["dag", "history", "big", "chains"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--finished", type=int, default=1_000_000)
    parser.add_argument(
        "--postgres", action="store_true", help="measure dag and history on a PostgreSQL of the test kit, too"
    )
    given = parser.parse_args()
    print(f"load average before: {os.getloadavg()[0]:.1f}", flush=True)
    on_databases(given)
    if "big" in given.what:
        large_dag()
    if "chains" in given.what:
        chains(given.rounds)


def on_databases(given: argparse.Namespace) -> None:
    """What needs no installation, on SQLite and as asked on PostgreSQL."""
    with urls(postgres_too=given.postgres) as found:
        for name, given_urls in found:
            print(name, flush=True)
            if "dag" in given.what:
                in_a_large_dag(*given_urls[:2], given.rounds)
            if "history" in given.what:
                beside_history(*given_urls[2:], given.rounds, given.finished)


@contextmanager
def urls(*, postgres_too: bool) -> Iterator[list[tuple[str, list[str]]]]:
    """For each kind of database its name and four empty databases; "" for files of SQLite."""
    sqlite = ("SQLite", [""] * 4)
    if not postgres_too:
        yield [sqlite]
        return
    from penstock_testkit.postgres import postgres  # noqa: PLC0415 - only where it is asked for

    with postgres() as server:
        yield [sqlite, ("PostgreSQL", [server.create_database() for _ in range(4)])]


if __name__ == "__main__":
    main()
