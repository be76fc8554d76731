"""How long the tasks of a small tenant wait beside a large one, and alone, under ``penstock up``.

    python bench/fairness.py [--rounds 5] [--large 10000]

The small tenant has runs of ten tasks, the large one a run of ten thousand that was there before; all sleep 20 ms in one of two slots, in
processes that are kept. A wait is from the instant at which a task was ready until its try began, by the store. Prints median and p99
of both; fails if beside the large tenant the p99 is twice that alone, or more.
"""

import argparse
import statistics
import sys
from collections.abc import Iterable

from core_workloads import project, wait

from penstock.service.dags import trigger
from penstock.service.installation import Installation

DAGS = """
import time
from penstock import DAG, task

for tenant, count in (("small", 10), ("large", LARGE)):
    with DAG(tenant, tenant=tenant, isolation="reuse", max_active_tasks=64):

        @task
        def numbers(count: int = count) -> list[int]:
            return list(range(count))

        @task
        def work(number: int) -> None:
            time.sleep(0.02)

        work.expand(number=numbers())
"""
WAITS = (
    "SELECT t.started_at, n.ended_at FROM task_instance t JOIN run r USING (run) "
    "JOIN task_instance n ON n.run = t.run AND n.task_id = 'numbers' "
    "WHERE r.dag_id = 'small' AND r.run_id = ? AND t.task_id = 'work'"
)
DONE = (
    "SELECT count(*) FROM task_instance t JOIN run USING (run) "
    "WHERE dag_id = 'large' AND task_id = 'work' AND t.state = 'success'"
)


def small_runs(found: Installation, name: str, rounds: int) -> list[float]:
    """Seconds that each task of the small tenant waited, of so many runs one after the other."""
    for number in range(rounds):
        run_id = f"{name}-{number}"
        trigger(found, "small", run_id=run_id)
        wait(lambda run_id=run_id: found.store.runs.state("small", run_id) == "success", 0.1)
    waits = []
    with found.store.database.read() as connection:
        for number in range(rounds):
            rows = connection.exec_driver_sql(WAITS, (f"{name}-{number}",)).all()
            waits += [(began - ready) / 1e6 for began, ready in rows]
    return waits


def shown(name: str, waits: Iterable[float]) -> float:
    """Print median and p99; returns the latter."""
    ordered = sorted(waits)
    p99 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    print(f"{name:22} median {statistics.median(ordered) * 1000:7.1f} ms   p99 {p99 * 1000:7.1f} ms   ({len(ordered)})")
    return p99


def main() -> int:
    """Measure; the exit code is 1 if the small tenant waits too long."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="runs of the small tenant in each case")
    parser.add_argument("--large", type=int, default=10_000, help="tasks of the large tenant")
    given = parser.parse_args()
    with project({"fair.py": DAGS.replace("LARGE", str(given.large))}) as (_, found, _):
        wait(lambda: len(found.store.dags.states()) == 2, 0.2)
        small_runs(found, "first", 1)
        alone = shown("alone", small_runs(found, "alone", given.rounds))
        trigger(found, "large", run_id="large")
        wait(lambda: begun(found), 0.2)
        beside = shown(f"beside {given.large:,} tasks", small_runs(found, "beside", given.rounds))
        assert found.store.runs.state("large", "large") == "running", "the large tenant has ended: give it more tasks"
    print(f"{beside / alone:.2f} x alone; less than 2 is asked")
    return 0 if beside < 2 * alone else 1


def begun(found: Installation) -> bool:
    """Whether the large tenant is at work."""
    with found.store.database.read() as connection:
        return bool(connection.exec_driver_sql(DONE).scalar())


if __name__ == "__main__":
    sys.exit(main())
