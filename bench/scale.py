"""What many sensors, many DAGs at once and a second scheduler cost, each figure beside what it is to be.

    python bench/scale.py [sensors] [due] [two] [--sensors 10000] [--dags 5000] [--tasks 240000]

sensors: so many sensors of one DAG wait under `penstock up` with an interval of a minute; memory of all its processes together, what of
it comes with the sensors, and processor time of all over two intervals. due: DAGs of 10 no-ops each, in ten files, all due at the
moment at which `penstock up` starts; tasks a second from the first run's start to the last one's end, in processes that are used
again, beside a pool without an orchestrator. two: chains of tasks that take no process, so that the scheduler is the limit, on
PostgreSQL with one and with two schedulers, in turn, from the moment at which they may begin; tasks a second, and processor time of
each scheduler and of the database.
"""

import argparse
import base64
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from core_workloads import DURABLE, Observer, cpu_s, family, nothing, project, pss_mb, running, wait
from floor import pooled

from penstock.service.dags import pause, trigger

FILES = 10
INTERVAL_S = 60.0

SENSORS = """
from penstock import DAG, task

with DAG("waiting", schedule=None, max_active_tasks=100_000):
    for number in range({count}):
        @task.sensor(task_id=f"s{{number}}", poke_interval={interval}, timeout=86_400)
        def asked():
            return False

        asked()
"""

DUE = """
from datetime import UTC, datetime

from penstock import DAG, task

for number in range({first}, {last}):
    with DAG(
        f"due_{{number}}", schedule="@once", start_date=datetime(2026, 1, 1, tzinfo=UTC), isolation="reuse",
        is_paused_upon_creation=True,
    ):
        for each in range(10):
            task(task_id=f"t{{each}}")(lambda: None)()
"""

INSTANT = """
from penstock import DAG, EmptyOperator

for name in range(8):
    with DAG(f"instant_{name}", schedule=None, max_active_tasks=1000, max_active_runs=1000):
        for chain in range(100):
            before = None
            for number in range(10):
                current = EmptyOperator(task_id=f"c{chain}_{number}")
                if before is not None:
                    before >> current
                before = current
"""


def sensors(count: int) -> None:
    """Sensors that wait."""
    with project({"waiting.py": SENSORS.format(count=count, interval=INTERVAL_S)}) as (_, found, process):
        wait(lambda: len(found.store.dags.states()) == 1, 0.2)
        seen, empty = Observer(found), sum(map(pss_mb, family(process.pid)))
        trigger(found, "waiting", run_id="bench")
        wait(lambda: seen.ask("SELECT count(*) FROM task_instance WHERE state = 'deferred'")[0] == count, 0.5)
        time.sleep(INTERVAL_S)  # each has been asked once more, and all that came of their start is done
        pids = family(process.pid)
        before = sum(map(cpu_s, pids))
        time.sleep(2 * INTERVAL_S)
        spent = (sum(map(cpu_s, pids)) - before) / (2 * INTERVAL_S)
        sizes = [pss_mb(pid) for pid in pids]
        seen.close()
    print(
        f"{count:,} sensors at {INTERVAL_S:g} s   {sum(sizes):.0f} MB in {len(sizes)} processes, {sum(sizes) - empty:.0f} more than "
        f"without (at most 200), the largest {max(sizes):.0f} MB   {spent:.1%} of a core (at most 10 %)",
        flush=True,
    )


def due(count: int) -> None:
    """DAGs that are due at once."""
    share = count // FILES
    texts = {f"due_{n}.py": DUE.format(first=n * share, last=(n + 1) * share) for n in range(FILES)}
    with project(texts) as (folder, found, process):
        wait(lambda: len(found.store.dags.states()) == count, 0.5)
        process.terminate()
        process.wait(60)
        for number in range(count):
            pause(found, f"due_{number}", paused=False)
        seen = Observer(found)
        environ = {**os.environ, "PENSTOCK_EXECUTOR__PARALLELISM": "2"}
        with running(folder, environ):
            wait(lambda: seen.ask("SELECT count(*) FROM run WHERE state = 'success'")[0] == count, 0.5)
        first, last = seen.ask("SELECT min(started_at), max(ended_at) FROM run")
        seen.close()
        floor = pooled(folder, [0] * (count * 10), nothing, 2)
    span = (last - first) / 1e6
    print(
        f"{count:,} DAGs of 10 due at once   {span:.1f} s   {count * 10 / span:,.0f} tasks/s (at least 1,000)"
        f"   floor {floor:.1f} s   {span / floor:.2f} x floor",
        flush=True,
    )


def two_schedulers(tasks: int) -> None:
    """One and two schedulers on one PostgreSQL, in turn."""
    from penstock_testkit.postgres import postgres  # noqa: PLC0415 - only where it is asked for

    rates: dict[int, list[float]] = {1: [], 2: []}
    with postgres(DURABLE, directory=Path(tempfile.gettempdir())) as server:
        for number in (1, 2, 1, 2):
            rates[number].append(instant_rate(server.create_database(), number, tasks, server.pid))
    one, two = statistics.median(rates[1]), statistics.median(rates[2])
    print(
        f"two schedulers   {two:,.0f} tasks/s beside {one:,.0f} of one   {two / one:.2f} x (at least 1.6)", flush=True
    )


def instant_rate(database: str, schedulers: int, tasks: int, server: int) -> float:
    """Tasks a second that so many schedulers bring through."""
    with ExitStack() as stack:
        key = base64.urlsafe_b64encode(os.urandom(32)).decode()
        settings = {"PENSTOCK_DATABASE__URL": database, "PENSTOCK_SECRET_KEY": key}
        folder, found, process = stack.enter_context(project({"instant.py": INSTANT}, settings))
        wait(lambda: len(found.store.dags.states()) == 8, 0.2)
        processes = [process]
        for number in range(1, schedulers):
            environ = {**os.environ, **settings, "PENSTOCK_CORE__STATE_FOLDER": f"state{number}"}
            processes.append(stack.enter_context(running(folder, environ)))
        seen = Observer(found)
        stack.callback(seen.close)
        owners = "SELECT count(DISTINCT owner) FROM dag WHERE owner IS NOT NULL"
        wait(lambda: seen.ask(owners)[0] == schedulers, 0.1)
        # They wait until all are there: what the requests themselves cost is not of interest here.
        for name in range(8):
            pause(found, f"instant_{name}", paused=True)
            for run in range(tasks // 8000):
                trigger(found, f"instant_{name}", run_id=f"r{run}")
        count = tasks // 8000 * 8
        wait(lambda: seen.ask("SELECT count(*) FROM run WHERE state = 'queued'")[0] == count, 0.05)
        time.sleep(2)
        pids = [pid for each in processes for pid in family(each.pid)] + family(server)
        before = {pid: cpu_s(pid) for pid in pids}
        begin = time.perf_counter()
        for name in range(8):
            pause(found, f"instant_{name}", paused=False)
        wait(lambda: seen.ask("SELECT count(*) FROM run WHERE state = 'success'")[0] == count, 0.05)
        span = time.perf_counter() - begin
        spent = {pid: cpu_s(pid) - before[pid] for pid in pids if Path(f"/proc/{pid}").exists()}
        busiest = sorted((s for pid, s in spent.items() if pid not in family(server)), reverse=True)[:schedulers]
        database_s = sum(s for pid, s in spent.items() if pid in family(server))
    shown = " and ".join(f"{each / span:.0%}" for each in busiest)
    print(
        f"  {schedulers} of them: {count * 1000:,} instant tasks in {span:.1f} s, schedulers at {shown} of a core, the database at "
        f"{database_s / span:.0%}",
        flush=True,
    )
    return count * 1000 / span


def main(words: Sequence[str]) -> None:
    """Run what was named, everything unless something was."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", nargs="*", default=["sensors", "due", "two"])
    parser.add_argument("--sensors", type=int, default=10_000)
    parser.add_argument("--dags", type=int, default=5_000)
    parser.add_argument("--tasks", type=int, default=240_000)
    given = parser.parse_args(words)
    print(f"load average before: {os.getloadavg()[0]:.1f}", flush=True)
    if "sensors" in given.what:
        sensors(given.sensors)
    if "due" in given.what:
        due(given.dags)
    if "two" in given.what:
        two_schedulers(given.tasks)


if __name__ == "__main__":
    main(sys.argv[1:])
