"""The core's workloads beside plain floors of the same run.

    python bench/core_workloads.py [w1 w2 w3 w4 parse idle] [--rounds N] [--postgres]

W1: chain of 4 no-op tasks. W2: 1,000 independent no-ops, 2 slots. W3: 40 x fib(10) and 10 x fib(33) in a row. W4: 200
mapped dicts into one reduce. parse: 1,000 DAG files cold and warm. idle: 60 s with 100 DAGs. Each of W1 to W4 with a
forked process a task and with reused ones; every state change of ours and of the floor is durable against power loss
(SQLite, synchronous=FULL). Times are from the trigger until the run's success is stored. Prints medians, and ratios beside what they
are at most to be. With ``--postgres``, W1 to W4 run on a PostgreSQL of the test kit, with fsync, too.
"""

import argparse
import json
import os
import shutil
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from floor import fib, forked, pooled

from penstock.app.compose import installation
from penstock.service.dags import trigger
from penstock.service.installation import Installation
from penstock.settings import load_settings
from penstock_testkit.beside import WITHOUT_SERVER

HERE = Path(__file__).parent
WORKLOADS = {"w1": (4, 1), "w2": (1000, 2), "w3_light": (40, 1), "w3_heavy": (10, 1), "w4": (201, 2)}
MOST = {
    "SQLite": {"w1 fork": 1.05, "w1 reuse": 2.0, "w2 fork": 0.55, "w2 reuse": 0.28, "w4 fork": 0.7, "parse": 1.1},
    "PostgreSQL": {"w1 reuse": 4.0, "w2 reuse": 0.6},
}
"""Ratios to the floor that are to be reached."""
DURABLE = {"fsync": "on", "full_page_writes": "on"}
FLOOR_WORK: dict[str, tuple[Callable[[int], object], int]] = {"w3_light": (fib, 10), "w3_heavy": (fib, 33)}


def nothing(_argument: int) -> None:
    """A no-op task."""


@contextmanager
def project(
    files: dict[str, str], settings: Mapping[str, str] | None = None
) -> Iterator[tuple[Path, Installation, subprocess.Popen[bytes]]]:
    """A project with these DAG files, and `penstock up` on it, until the end of the block.

    Args:
        files: Texts by name.
        settings: Variables of the environment.
    """
    folder = Path(tempfile.mkdtemp(prefix="penstock-bench-"))
    environ = {**os.environ, **WITHOUT_SERVER, "PENSTOCK_EXECUTOR__PARALLELISM": "2", **(settings or {})}
    subprocess.run([sys.executable, "-m", "penstock", "init"], cwd=folder, env=environ, check=True, capture_output=True)
    (folder / "dags" / "hello.py").unlink()
    if "PENSTOCK_DATABASE__URL" in environ:
        upgrade = [sys.executable, "-m", "penstock", "db", "upgrade"]
        subprocess.run(upgrade, cwd=folder, env=environ, check=True, capture_output=True)
    for name, text in files.items():
        (folder / "dags" / name).write_text(text)
    found = installation(load_settings(environ, folder))
    try:
        with running(folder, environ) as process:
            yield folder, found, process
    finally:
        found.close()
        shutil.rmtree(folder)


@contextmanager
def running(folder: Path, environ: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """`penstock up` on a project, until the end of the block."""
    with (folder / "up.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "penstock", "up"], cwd=folder, env=environ, stdout=log, stderr=log
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)


def wait(condition: Callable[[], bool], every_s: float) -> None:
    """Poll a condition, five minutes at the longest."""
    end = time.monotonic() + 300
    while not condition():
        if time.monotonic() > end:
            raise SystemExit("the installation did not get there in five minutes")
        time.sleep(every_s)


class Observer:
    """Sees what is in an installation's database by bare statements: one that works takes its core from what it observes.

    Args:
        found: The installation.
    """

    def __init__(self, found: Installation) -> None:
        url = found.store.database.engine.url
        if url.get_backend_name() == "sqlite":
            self._connection: Any = sqlite3.connect(str(url.database), isolation_level=None)
            self._mark = "?"
        else:
            import psycopg  # noqa: PLC0415 - only where it is asked for

            plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
            self._connection, self._mark = psycopg.connect(plain, autocommit=True), "%s"

    def ask(self, statement: str, *given: object) -> Any:  # noqa: ANN401 - what it gives
        """The first row of a statement whose values are marked by ``?``."""
        return self._connection.execute(statement.replace("?", self._mark), given).fetchone()

    def has_ended(self, dag_id: str, run_id: str) -> bool:
        """Whether a run has ended."""
        state = "SELECT count(*) FROM run WHERE dag_id = ? AND run_id = ? AND state IN ('success', 'failed')"
        return bool(self.ask(state, dag_id, run_id)[0])

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def run_once(found: Installation, seen: Observer, dag_id: str, number: int, every_s: float) -> float:
    """Seconds from the trigger of a run until its success is seen in the database."""
    run_id = f"bench-{number}"
    start = time.perf_counter()
    trigger(found, dag_id, run_id=run_id)
    wait(lambda: seen.has_ended(dag_id, run_id), every_s)
    spent = time.perf_counter() - start
    assert found.store.runs.state(dag_id, run_id) == "success", dag_id
    return spent


def shown(name: str, spans: list[float], count: int, floor_s: float, most: float | None) -> None:
    """Print one line of figures, with the ratio that is to be reached."""
    median = statistics.median(spans)
    goal = "" if most is None else f" (at most {most:g})"
    print(
        f"{name:18} {median * 1000:9.1f} ms  ({min(spans) * 1000:.1f} - {max(spans) * 1000:.1f}; {len(spans)})"
        f"  {count / median:8.1f} tasks/s   floor {floor_s * 1000:8.1f} ms   {median / floor_s:5.2f} x floor{goal}",
        flush=True,
    )


def workloads(names: list[str], rounds: int, database: str = "") -> None:
    """W1 to W4, on SQLite or on the database of a URL."""
    kind = "PostgreSQL" if database else "SQLite"
    wanted = [each for each in WORKLOADS if any(each.startswith(name) for name in names)]
    with project(
        {"bench.py": (HERE / "dags.py").read_text()}, {"PENSTOCK_DATABASE__URL": database} if database else None
    ) as (folder, found, _):
        wait(lambda: len(found.store.dags.states()) == 10, 0.2)
        seen = Observer(found)
        for each in wanted:
            count, slots = WORKLOADS[each]
            for isolation, floor in (("fork", forked), ("reuse", pooled)):
                dag_id = f"{each}_{isolation}"
                run_once(found, seen, dag_id, 0, 0.01)
                task, argument = FLOOR_WORK.get(each, (nothing, 0))
                floors, spans = [], []
                for number in range(1, rounds + 1):
                    floors.append(floor(folder, [argument] * count, task, slots))
                    spans.append(run_once(found, seen, dag_id, number, 0.001 if each == "w1" else 0.01))
                name = f"{each} {isolation}"
                shown(f"{name} {kind}", spans, count, statistics.median(floors), MOST[kind].get(name))
        seen.close()


def many_files(count: int) -> dict[str, str]:
    """DAG files of two tasks each."""
    return {
        f"dag_{number:04}.py": "from penstock import DAG, task\n\n"
        f'with DAG("dag_{number:04}", schedule="@daily", is_paused_upon_creation=True):\n'
        "    @task\n    def first(): return 1\n\n    @task\n    def second(x): print(x)\n\n    second(first())\n"
        for number in range(count)
    }


def parse() -> None:
    """1,000 files, cold; then a warm start, which must parse none."""
    with project({}) as (folder, found, _):
        wait(lambda: (folder / "up.log").read_text().count("\n") >= 1, 0.05)
        start = time.perf_counter()
        for name, text in many_files(1000).items():
            (folder / "dags" / name).write_text(text)
        wait(lambda: len(found.store.dags.states()) == 1000, 0.1)
        cold = time.perf_counter() - start
        floor = subprocess.run(
            [sys.executable, "-c", FORK_A_FILE, str(folder / "dags")], capture_output=True, text=True, check=True
        )
        floor_s = json.loads(floor.stdout)
        goal = f" (at most {MOST['SQLite']['parse']:g})"
        print(
            f"parse 1,000 cold   {cold:6.2f} s   floor {floor_s:6.2f} s   {cold / floor_s:5.2f} x floor{goal}",
            flush=True,
        )


FORK_A_FILE = """
import json, os, runpy, sys, time
import penstock.load.parse.preload
penstock.load.parse.preload.preload()
start, live = time.perf_counter(), 0
for name in sorted(os.listdir(sys.argv[1])):
    if not name.endswith(".py"): continue
    if live == 2: os.wait(); live -= 1
    if os.fork() == 0:
        runpy.run_path(os.path.join(sys.argv[1], name)); os._exit(0)
    live += 1
while live: os.wait(); live -= 1
print(json.dumps(time.perf_counter() - start))
"""


def family(pid: int) -> list[int]:
    """A process and all its descendants."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            parents.setdefault(parent, []).append(int(entry.name))
    found, stack = [], [pid]
    while stack:
        found.append(stack.pop())
        stack += parents.get(found[-1], [])
    return found


def idle(seconds: float) -> None:
    """CPU and memory of all processes together, with 100 DAGs that are not due."""
    with project(many_files(100)) as (_, found, process):
        wait(lambda: len(found.store.dags.states()) == 100, 0.2)
        time.sleep(5)
        pids = family(process.pid)
        before = sum(cpu_s(pid) for pid in pids)
        time.sleep(seconds)
        spent = sum(cpu_s(pid) for pid in pids) - before
        print(
            f"idle {seconds:g} s, {len(pids)} processes: {spent / seconds:.2%} CPU, PSS {sum(map(pss_mb, pids)):.0f} MB"
        )


def cpu_s(pid: int) -> float:
    """Seconds of the processor that a process has had."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def pss_mb(pid: int) -> float:
    """Megabytes of a process, with its part of what it shares."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("Pss:")).split()[1]) / 1024


def main() -> None:
    """Run what was named, everything unless something was."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", nargs="*", default=["w1", "w2", "w3", "w4", "parse", "idle"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--postgres", action="store_true", help="run W1 to W4 on a PostgreSQL of the test kit, too")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that `penstock up` is stopped then, too
    print(f"load average before: {os.getloadavg()[0]:.1f}; fib(33): {_fib_s():.2f} s", flush=True)
    names = [name for name in given.what if name.startswith("w")]
    if names:
        workloads(names, given.rounds)
    if names and given.postgres:
        from penstock_testkit.postgres import postgres  # noqa: PLC0415 - only where it is asked for

        with postgres(DURABLE, directory=Path(tempfile.gettempdir())) as server:
            workloads(names, given.rounds, server.create_database())
    if "parse" in given.what:
        parse()
    if "idle" in given.what:
        idle(60)


def _fib_s() -> float:
    start = time.perf_counter()
    fib(33)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
