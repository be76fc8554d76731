"""Tries on other machines' behalf, beside a plain floor of the same run.

    python bench/remote.py [rest celery processes dask kubernetes queued] [--rounds N] [--postgres]

rest: what 500 workers that wait for work cost the server. celery: W1, a chain of 4 no-op tasks, and W2, 1,000 independent ones, by a
worker of 2 slots on a Valkey of the test kit, beside bare Celery with its results kept, of the same slots. processes: the chain and 10
independent ones with a process for each try, beside bare Celery with one for each task. dask and kubernetes: a chain of 4 and 10
independent ones beside bare submits and bare pods. queued: what a try costs the scheduler's process with 10 and with 10,000 of them
queued. With ``--postgres``, the database is a PostgreSQL of the test kit, with fsync.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import runpy
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec
from core_workloads import cpu_s
from remote_engines import dask_cluster, pods
from served import Served, shown

from penstock.app.compose import installation
from penstock.model.remote.execution_messages import CONTENT_TYPE, PREFIX, Renewal, worker_name
from penstock.model.remote.remote_try import WorkerStatus
from penstock.service.dags import trigger
from penstock.service.installation import Installation
from penstock.settings import load_settings
from penstock.worker.renewals import IDLE_S
from penstock_testkit.beside import WITHOUT_SERVER
from penstock_testkit.brokers.valkey import ValkeyServer, valkey
from penstock_testkit.postgres import postgres
from penstock_testkit.remote.remote_installation import RemoteInstallation

HERE = Path(__file__).parent
SETTINGS = """
[executor]
isolation = "{isolation}"

[executors.far]
server = "{{url}}"
{table}

[queues]
far = "far"
"""
DAGS = """
from penstock import DAG, task

with DAG("w1"):

    @task(queue="far")
    def step(before=None):
        pass

    step.override(task_id="d")(step.override(task_id="c")(step.override(task_id="b")(step.override(task_id="a")())))

for number in (10, 1000, 10000):
    with DAG(f"w2_{number}", max_active_tasks=20_000):

        @task(queue="far")
        def nothing(index):
            pass

        nothing.expand(index=list(range(number)))
"""
BARE = """
import celery

app = celery.Celery("bare", broker={url!r}, backend={url!r})
app.conf.update(worker_prefetch_multiplier=4, broker_connection_retry_on_startup=True)

@app.task(name="bare.nothing")
def nothing(_before=None):
    pass
"""
MOST = 1.5
"""Times bare Celery that W1 and W2 may take."""


def rest(workers: int, seconds: float) -> None:
    """What workers that wait for work cost the server while nothing happens."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environ = {**os.environ, **WITHOUT_SERVER}
        subprocess.run([sys.executable, "-m", "penstock", "init", "--no-example"], cwd=folder, check=True, stdout=-3)
        served = Served(folder, environ)
        try:
            asyncio.run(_wait_for_work(served, workers, seconds))
        finally:
            served.process.terminate()
            served.process.wait()


async def _wait_for_work(served: Served, workers: int, seconds: float) -> None:
    answered = 0

    async def worker(number: int) -> None:
        nonlocal answered
        key = f"a text of worker {number}"
        status = WorkerStatus(worker_name("host", key), "far", ("default",), "host", "0", slots=4, period_s=IDLE_S)
        body = msgspec.msgpack.encode(Renewal(status, key=key, wait_s=IDLE_S))
        head = (
            f"POST {PREFIX}/renewals HTTP/1.1\r\nHost: {served.url.netloc}\r\nAuthorization: Bearer {served.token}\r\n"
            f"Content-Type: {CONTENT_TYPE}\r\nContent-Length: {len(body)}\r\n\r\n"
        ).encode()
        await asyncio.sleep(IDLE_S * number / workers)
        reader, writer = await asyncio.open_connection(served.url.hostname, served.url.port)
        while True:
            writer.write(head + body)
            answer = await reader.readuntil(b"\r\n\r\n")
            if b" 200 " not in answer.splitlines()[0]:
                raise SystemExit(answer.decode())
            length = int(answer.lower().partition(b"content-length:")[2].split()[0])
            await reader.readexactly(length)
            answered += 1

    used, start = cpu_s(served.process.pid), time.perf_counter()
    await asyncio.sleep(seconds / 3)
    alone = (cpu_s(served.process.pid) - used) / (time.perf_counter() - start) * 100
    tasks = [asyncio.create_task(worker(number)) for number in range(workers)]
    await asyncio.sleep(IDLE_S + 5)
    before, used, start = answered, cpu_s(served.process.pid), time.perf_counter()
    await asyncio.sleep(seconds)
    took = time.perf_counter() - start
    spent = (cpu_s(served.process.pid) - used) / took * 100
    more = f"{(answered - before) / took:.0f} renewals/s; without any worker {alone:.2f} %"
    shown(f"{workers} workers at rest, of a core of the server", spent, "%", 10, more)
    for each in tasks:
        if each.done():
            each.result()  # none is to end
        each.cancel()


@contextmanager
def at_work(table: str, isolation: str, database: str, *, pool: bool) -> Iterator[RemoteInstallation]:
    """An installation whose tries go by an executor, to a pool of one worker with two slots or to whoever the engine starts."""
    with tempfile.TemporaryDirectory() as name:
        environ = {"PENSTOCK_DATABASE__URL": database} if database else {}
        settings = SETTINGS.format(isolation=isolation, table=table)
        with RemoteInstallation(Path(name), settings, {"dags.py": DAGS}, environ) as made:
            made.up()
            if pool:
                made.worker("--executor", "far", "--queues", "far", "--concurrency", "2")
            made.trigger("w1", "warm")
            made.ended("w1", "warm")
            yield made


@contextmanager
def client(made: RemoteInstallation, environ: dict[str, str]) -> Iterator[Installation]:
    """The installation, opened by somebody who has had a run already, as a client of bare Celery has had a task."""
    with installation(load_settings({**os.environ, **environ}, made.folder)) as found:
        seconds_of(found, "w1", "first")
        yield found


def seconds_of(found: Installation, dag_id: str, run_id: str) -> float:
    """From the trigger of a run until its success is stored."""
    start = time.perf_counter()
    trigger(found, dag_id, run_id=run_id)
    while not (state := found.store.runs.state(dag_id, run_id)) or not state.finished:
        time.sleep(0.002)
    took = time.perf_counter() - start
    if state != "success":
        raise SystemExit(f"{dag_id} {run_id} is {state}")
    return took


def medians(
    asking: Installation, floors: Mapping[str, Callable[[], float]], rounds: int, label: str
) -> dict[str, tuple[float, float]]:
    """Seconds of a run of each DAG, and of its floor, measured in turns."""
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in floors}
    for number in range(rounds):
        for name, plain in floors.items():
            floor_s = plain()
            taken[name].append((seconds_of(asking, name, f"{label}-{number}"), floor_s))
    return {
        name: (statistics.median(ours for ours, _ in pairs), statistics.median(floor for _, floor in pairs))
        for name, pairs in taken.items()
    }


@contextmanager
def bare(broker: ValkeyServer, *words: str) -> Iterator[tuple[Callable[[], float], Callable[[int], float]]]:
    """Bare Celery with its results kept: seconds of a chain of 4, and of some tasks beside each other."""
    from celery import chain  # noqa: PLC0415 - for this measurement alone

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "bare.py").write_text(BARE.format(url=broker.url))
        command = [sys.executable, "-m", "celery", "-A", "bare", "worker", "-c", "2", "-l", "ERROR", *words]
        process = subprocess.Popen(command, cwd=folder, stdout=-3, stderr=-3)
        try:
            nothing = runpy.run_path(str(folder / "bare.py"))["nothing"]
            nothing.delay().get(timeout=60)

            def chained() -> float:
                start = time.perf_counter()
                chain(nothing.s(), nothing.s(), nothing.s(), nothing.s())().get(timeout=60)
                return time.perf_counter() - start

            def beside(tasks: int) -> float:
                start = time.perf_counter()
                for each in [nothing.delay() for _ in range(tasks)]:
                    each.get(timeout=120)
                return time.perf_counter() - start

            yield chained, beside
        finally:
            process.terminate()
            process.wait()


def celery(rounds: int, database: str) -> None:
    """W1 and W2 by Celery, and by bare Celery, in turns."""
    environ = {"PENSTOCK_DATABASE__URL": database} if database else {}
    with valkey() as broker, bare(broker) as (chained, beside):
        for isolation in ("fork", "reuse"):
            with (
                at_work(_by_celery(broker), isolation, database, pool=True) as made,
                client(made, environ) as asking,
            ):
                found = medians(asking, {"w1": chained, "w2_1000": lambda: beside(1000)}, rounds, isolation)
            for name, (ours, plain) in found.items():
                more = f"{ours * 1000:.0f} ms; bare Celery {plain * 1000:.0f} ms"
                shown(f"{name} by Celery, {isolation}, times bare Celery", ours / plain, "x", MOST, more)


def processes(rounds: int, database: str) -> None:
    """A chain of 4 and 10 independent tries with a process for each, and bare Celery with a process for each task, in turns."""
    environ = {"PENSTOCK_DATABASE__URL": database} if database else {}
    with (
        valkey() as broker,
        bare(broker, "--max-tasks-per-child", "1") as (chained, beside),
        at_work(_by_celery(broker), "fork", database, pool=True) as made,
        client(made, environ) as asking,
    ):
        found = medians(asking, {"w1": chained, "w2_10": lambda: beside(10)}, rounds, "processes")
    for name, (ours, plain) in found.items():
        more = f"{ours * 1000:.0f} ms; bare Celery {plain * 1000:.0f} ms"
        shown(f"{name}, a process for each, times bare Celery", ours / plain, "x", MOST, more)


def engine(name: str, rounds: int, database: str) -> None:
    """A chain of 4 and 10 independent tries by an engine that starts a worker for each, and by that engine alone, in turns."""
    environ = {"PENSTOCK_DATABASE__URL": database} if database else {}
    made_of, floor_of = {"dask": (dask_cluster, "dask.submit"), "kubernetes": (pods, "a bare pod")}[name]
    with (
        made_of() as (table, floors),
        at_work(table, "fork", database, pool=False) as made,
        client(made, environ) as asking,
    ):
        found = medians(asking, floors, rounds, name)
    for dag_id, tries in (("w1", 4), ("w2_10", 10)):
        ours_ms, plain_ms = (each / tries * 1000 for each in found[dag_id])
        more = f"{ours_ms:.1f} ms; {floor_of} {plain_ms:.1f} ms"
        shown(f"a try of {dag_id} by {name}, beyond {floor_of}", ours_ms - plain_ms, "ms", None, more)


def queued(many: int, database: str) -> None:
    """What a try costs the scheduler's process while few and while many are queued: all of them are offered, and have tickets."""
    environ = {"PENSTOCK_DATABASE__URL": database} if database else {}
    with (
        valkey() as broker,
        at_work(f"{_by_celery(broker)}\nslots = {many}", "reuse", database, pool=True) as made,
        client(made, environ) as asking,
    ):
        [scheduler] = made.pids("penstock.app.scheduler")
        cost = {}
        for number, runs in ((10, many // 100), (many, 1)):
            used = cpu_s(scheduler)
            for run in range(runs):
                seconds_of(asking, f"w2_{number}", f"queued-{run}")
            cost[number] = (cpu_s(scheduler) - used) / (number * runs) * 1000
        more = f"{cost[many]:.2f} and {cost[10]:.2f} ms of the scheduler"
        shown(f"a try of {many:,} queued, times one of 10", cost[many] / cost[10], "x", 1.0, more)


def _by_celery(broker: ValkeyServer) -> str:
    return f'type = "celery.executor"\nbroker = "{broker.url}"'


def main() -> None:
    """Run what was named, everything unless something was."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", nargs="*", default=["rest", "celery", "processes", "dask", "kubernetes", "queued"])
    parser.add_argument("--rounds", type=int, default=3, metavar="N")
    parser.add_argument("--workers", type=int, default=500, metavar="N")
    parser.add_argument("--seconds", type=float, default=45, metavar="N")
    parser.add_argument("--queued", type=int, default=10_000, choices=[1000, 10_000], help="tries that are many")
    parser.add_argument("--postgres", action="store_true", help="on a PostgreSQL of the test kit, with fsync")
    asked = parser.parse_args()
    with ExitStack() as stack:
        database = ""
        if asked.postgres:
            durable = {"fsync": "on", "full_page_writes": "on"}
            server = stack.enter_context(postgres(settings=durable))
            database = server.create_database()
        for what in asked.what:
            if what == "rest":
                rest(asked.workers, asked.seconds)
            elif what == "celery":
                celery(asked.rounds, database)
            elif what == "processes":
                processes(asked.rounds, database)
            elif what in ("dask", "kubernetes"):
                engine(what, asked.rounds, database)
            elif what == "queued":
                queued(asked.queued, database)
            else:
                parser.error(f"there is no {what!r}")


if __name__ == "__main__":
    main()
