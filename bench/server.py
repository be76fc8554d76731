"""What the server costs, with a long history behind it: each figure beside a plain floor and what is to be reached.

    python bench/server.py [list grid commit browser rest log w2] [--instances 1000000] [--dags 2000] [--rounds N]

An installation is written once: 2,000 DAGs and a million task instances, half of them in 100 runs of a DAG of 5,000 tasks. A server of its
own (``penstock server start``) is asked over HTTP. list: the list of DAGs and the bars of a page; its floor is the answer of
``/health/live``. grid: the first page of 5,000 tasks by 100 runs, and all of them. commit: from a commit of another process until an open
stream of events has it. browser: until an open page of Chromium shows it; and from the address of the grid until its tasks are there.
rest: 200 open streams while nothing happens. log: the last page of a log of 1 GB, and the server's memory. w2: 1,000 tasks with an idle
server, beside one of constant bytes that is asked 200 times a second, and with Penstock's that is, in turn: as open pages ask in the
middle of many changes, which may be told what is a second old, and as whoever wants to know exactly.
"""

import argparse
import json
import os
import shutil
import signal
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from core_workloads import cpu_s
from served import Served, serving, shown, timed
from server_browser import browser
from server_history import BIG, Amount, history
from server_w2 import w2

from penstock.model.access.permission import Role
from penstock.model.access.principal import Grant
from penstock.service.access.grants import grant
from penstock.service.access.tokens import create_token
from penstock.service.access.users import add_user
from penstock.service.dags import pause
from penstock.service.installation import Installation
from penstock.service.logs import task_logs
from penstock_testkit.beside import WITHOUT_SERVER

MEGABYTE = 1 << 20


def lists(served: Served, rounds: int) -> None:
    """The list of DAGs."""
    used, before = cpu_s(served.process.pid), time.perf_counter()
    _, floor, _ = timed(lambda: served.get("/health/live"), rounds * 4)
    first, median, length = timed(lambda: served.get("/api/v1/dags"), rounds)
    shown("the list of DAGs", median, "ms", 100, f"first {first:.1f} ms, {length / 1024:.0f} kB, floor {floor:.2f} ms")
    ids = [each["dag_id"] for each in _items(served.get("/api/v1/dags"))[:50]]
    first, median, _ = timed(lambda: served.get("/api/v1/views/latest-runs", dag_ids=ids), rounds)
    shown("the last 14 runs of 50 of them", median, "ms", 100, f"first {first:.1f} ms")
    spent = time.perf_counter() - before
    print(f"  processor: {(cpu_s(served.process.pid) - used) / spent:.0%} of {spent:.1f} s")


def _items(body: bytes) -> list[dict[str, str]]:
    found = json.loads(body)
    items: list[dict[str, str]] = found["items"] if isinstance(found, dict) else found
    return items


def grid(served: Served, rounds: int) -> None:
    """The grid of 5,000 tasks by 100 runs."""
    path = f"/api/v1/dags/{BIG}/grid"
    first, median, length = timed(lambda: served.get(path, limit=25), rounds)
    shown(
        "the grid: 5,000 tasks, 25 runs", median / 1000, "s", 1, f"first {first / 1000:.2f} s, {length / 1024:.0f} kB"
    )
    first, median, length = timed(lambda: served.get(path, limit=100), min(rounds, 3))
    shown("the grid: 5,000 tasks, 100 runs", median / 1000, "s", None, f"{length / 1024:.0f} kB")


def commit(served: Served, found: Installation, rounds: int) -> None:
    """From a commit until an open stream of events has it."""
    dag_id = "dag_0000"
    stream = served.stream(f"/api/v1/events?dag={dag_id}")
    heard: list[float] = []

    def listen() -> None:
        while line := stream.readline():
            if dag_id.encode() in line:
                heard.append(time.perf_counter())

    threading.Thread(target=listen, daemon=True).start()
    time.sleep(1)
    spans = _after_commits(found, dag_id, lambda: len(heard), lambda: heard[-1], rounds)
    shown("a commit reaches an open stream", statistics.median(spans), "ms", 150, _range(spans))


def _after_commits(
    found: Installation, dag_id: str, count: Callable[[], int], last: Callable[[], float], rounds: int
) -> list[float]:
    """Milliseconds from the end of each commit until it was heard of."""
    spans = []
    for number in range(rounds):
        before = count()
        pause(found, dag_id, paused=number % 2 == 0)
        committed, end = time.perf_counter(), time.monotonic() + 10
        while count() == before:
            if time.monotonic() > end:
                raise SystemExit("a commit was not heard of within 10 s")
            time.sleep(0.001)
        spans.append(max(0.0, last() - committed) * 1000)
        time.sleep(0.05 + number % 7 / 100)
    return spans


def _range(spans: list[float]) -> str:
    return f"{min(spans):.1f} - {max(spans):.1f}; {len(spans)}"


def tokens(found: Installation, count: int) -> list[str]:
    """Tokens of users who may read all DAGs."""
    made = []
    for number in range(count):
        add_user(found, f"user_{number}")
        grant(found, f"user_{number}", Grant(Role.VIEWER, dags=("*",)))
        made.append(create_token(found, "bench", user=f"user_{number}").secret)
    return made


def rest(served: Served, found: Installation, streams: int, seconds: float) -> None:
    """What open streams cost while nothing happens."""
    used, start = cpu_s(served.process.pid), time.perf_counter()
    time.sleep(seconds / 2)
    alone = (cpu_s(served.process.pid) - used) / (time.perf_counter() - start) * 100
    each_has = 10  # a person may have few more
    opened = [
        served.stream("/api/v1/events", token) for token in tokens(found, streams // each_has) for _ in range(each_has)
    ]
    time.sleep(2)
    used, start = cpu_s(served.process.pid), time.perf_counter()
    time.sleep(seconds)
    spent = (cpu_s(served.process.pid) - used) / (time.perf_counter() - start) * 100
    shown(f"{len(opened)} streams at rest, of a core", spent, "%", 5, f"without any {alone:.2f} %")
    for each in opened:
        each.close()


def log(folder: Path, environ: dict[str, str], found: Installation, megabytes: int) -> None:
    """The last page of a large log, and one after the other from there on."""
    [task] = task_logs(found, BIG, "t0000", run_id="r0")
    task.path.parent.mkdir(parents=True, exist_ok=True)
    line = b"2026-01-01T00:00:00.000Z INFO shop.orders: loaded 1000 rows of orders into warehouse.public.orders\n"
    with task.path.open("wb") as file:
        block = line * (MEGABYTE // len(line))
        while file.tell() < megabytes * MEGABYTE:
            file.write(block)
    with serving(folder, environ) as served:
        path = f"/api/v1/dags/{BIG}/runs/r0/tasks/t0000/log"
        served.get("/api/v1/me")
        before = served.peak_mb()
        first, median, _ = timed(lambda: served.get(path, backward="true", limit=500), 5)
        page = json.loads(served.get(path, backward="true", limit=500))
        for _ in range(20):
            page = json.loads(served.get(path, backward="true", limit=10_000, offset=page["start"]))
        peak = served.peak_mb()
        more = f"last page {median:.1f} ms, first {first:.1f} ms, {before:.0f} MB before"
        shown(f"memory of the server, log of {megabytes:,} MB", peak, "MB", 100, more)
    task.path.unlink()


def main() -> None:
    """Run what was named, everything unless something was."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", nargs="*", default=["list", "grid", "commit", "browser", "rest", "log", "w2"])
    parser.add_argument("--streams", type=int, default=200, metavar="N")
    parser.add_argument("--seconds", type=float, default=20.0, help="of streams at rest")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--instances", type=int, default=Amount().instances, metavar="N")
    parser.add_argument("--dags", type=int, default=Amount().dags, metavar="N")
    parser.add_argument("--big-runs", type=int, default=Amount().big_runs, metavar="N", help="runs of 5,000 tasks")
    parser.add_argument("--log-mb", type=int, default=1024, metavar="N")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    print(f"load average before: {os.getloadavg()[0]:.1f}", flush=True)
    beside_history(given)
    if "w2" in given.what:
        w2(given.rounds, 200)


def beside_history(given: argparse.Namespace) -> None:
    """What needs the history."""
    if not {"list", "grid", "commit", "browser", "rest", "log"} & set(given.what):
        return
    environ, folder = {**os.environ, **WITHOUT_SERVER}, Path(tempfile.mkdtemp(prefix="penstock-bench-"))
    try:
        start = time.perf_counter()
        amount = Amount(given.dags, given.instances, given.big_runs)
        with history(folder, environ, amount) as found:
            print(f"history written in {time.perf_counter() - start:.0f} s", flush=True)
            with serving(folder, environ) as served:
                if "list" in given.what:
                    lists(served, given.rounds)
                if "grid" in given.what:
                    grid(served, given.rounds)
                if "commit" in given.what:
                    commit(served, found, given.rounds * 6)
                if "browser" in given.what:
                    browser(served, found, given.rounds)
                if "rest" in given.what:
                    rest(served, found, given.streams, given.seconds)
            if "log" in given.what:
                log(folder, environ, found, given.log_mb)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
