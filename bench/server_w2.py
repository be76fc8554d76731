"""W2 beside requests: what a server that is asked takes away from tasks, and what of the requests comes through."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple
from urllib.parse import quote

from core_workloads import HERE, Observer, cpu_s, project, run_once, wait
from served import Served, serving, shown

from penstock.service.installation import Installation
from penstock_testkit.beside import WITHOUT_SERVER

AT_MOST = 5
"""Per cent by which W2 may be slower."""
AS_PAGES_ASK = "max-age=1"
"""What open pages say in the middle of many changes."""
CONSTANT_BYTES = 75_000
"""Bytes of a constant answer: as long as the four that are asked for are on the average."""


class Target(NamedTuple):
    """A server that is asked.

    Attributes:
        token: Of who asks.
        process: Its process.
        cache_control: What is said of how old an answer may be.
    """

    port: int
    token: str
    process: int
    cache_control: str = ""


class Round(NamedTuple):
    """A run of W2 beside requests.

    Attributes:
        run_s: Seconds of the run.
        rate: Answers a second.
        middle_ms: The median of what they took.
        slow_ms: What the slowest hundredth took at least.
        cpu_ms: Processor time of the server an answer, in milliseconds.
    """

    run_s: float
    rate: float
    middle_ms: float
    slow_ms: float
    cpu_ms: float


def w2(rounds: int, per_second: int) -> None:
    """W2 alone, beside a server of constant bytes that is asked, and beside Penstock's, as pages ask and exactly, in turn."""
    environ = {**os.environ, **WITHOUT_SERVER}
    with (
        project({"bench.py": (HERE / "dags.py").read_text()}) as (folder, found, _),
        serving(folder, environ) as served,
        constant_server() as floor,
    ):
        wait(lambda: len(found.store.dags.states()) == 10, 0.2)
        seen = Observer(found)
        for isolation in ("fork", "reuse"):
            targets = {"floor": floor, "server": _target(served, AS_PAGES_ASK), "exact": _target(served)}
            one_isolation(found, seen, f"w2_{isolation}", rounds, per_second, targets)
        seen.close()


def one_isolation(
    found: Installation, seen: Observer, dag_id: str, rounds: int, per_second: int, targets: dict[str, Target]
) -> None:
    """All rounds of one DAG."""
    number, quiet = 0, list[float]()
    run_once(found, seen, dag_id, number, 0.01)
    beside: dict[str, list[Round]] = {name: [] for name in targets}
    for _ in range(rounds):
        number += 1
        quiet.append(run_once(found, seen, dag_id, number, 0.01))
        for name, target in targets.items():
            before, number = f"bench-{number}", number + 1
            used = cpu_s(target.process)
            with asking(target, per_second, paths(dag_id, before)) as told:
                start = time.perf_counter()
                run_s = run_once(found, seen, dag_id, number, 0.01)
            took, (answers, middle, slow) = time.perf_counter() - start, told
            spent = (cpu_s(target.process) - used) * 1000 / max(answers, 1)
            beside[name].append(Round(run_s, answers / took, middle, slow, spent))
    alone = statistics.median(quiet)
    floor_s = statistics.median(each.run_s for each in beside["floor"])
    for name, made in beside.items():
        spans = [each.run_s for each in made]
        rate, middle, slow, spent = (statistics.median(each[place] for each in made) for place in range(1, 5))
        of_floor = (statistics.median(spans) / floor_s - 1) * 100
        parts = [f"{1000 / alone:.0f} tasks/s alone"]
        parts += [f"{of_floor:.0f} % slower than beside constant bytes"] if name != "floor" else []
        parts += [f"{rate:.0f} of {per_second} requests/s", f"{middle:.0f} ms, the slowest {slow:.0f} ms"]
        more = "; ".join([*parts, f"{spent:.2f} ms of processor each"])
        most = AT_MOST if name == "server" else None
        shown(
            f"W2 {dag_id[3:]} beside {name}: slower by", (statistics.median(spans) / alone - 1) * 100, "%", most, more
        )


def paths(dag_id: str, run_id: str) -> list[str]:
    """What open pages ask: the list of DAGs, a run, its tasks, the bars of the list."""
    run = f"/api/v1/dags/{dag_id}/runs/{quote(run_id)}"
    return ["/api/v1/dags", run, f"{run}/tasks", f"/api/v1/views/latest-runs?dag_ids={dag_id}"]


def _target(served: Served, cache_control: str = "") -> Target:
    return Target(served.url.port or 0, served.token, served.process.pid, cache_control)


@contextmanager
def asking(target: Target, per_second: int, asked: list[str]) -> Iterator[list[float]]:
    """Ask so many times a second by a process of its own; the list is filled at the end: answers, their median and slowest in ms."""
    said = [str(target.port), str(per_second), target.token, target.cache_control]
    command = [sys.executable, str(HERE / "asking.py"), *said, *asked]
    told: list[float] = []
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield told
        finally:
            process.stdin.close()
            told += [float(each) for each in process.stdout.readline().split()]
    if len(told) != 3:
        raise SystemExit("what asks the server has ended before its time")


@contextmanager
def constant_server() -> Iterator[Target]:
    """The floor: a server that gives the same bytes to whoever asks."""
    command = [sys.executable, str(HERE / "constant_server.py"), str(CONSTANT_BYTES)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield Target(int(process.stdout.readline()), "none", process.pid)
        finally:
            process.stdin.close()
