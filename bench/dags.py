"""The benchmark's DAG file: the workloads that `core_workloads.py` runs."""

from collections.abc import Callable

from penstock import DAG, task


def fib(n: int) -> int:
    """Naive Fibonacci."""
    return n if n < 2 else fib(n - 1) + fib(n - 2)


def in_a_row(dag_id: str, count: int, work: Callable[[], object]) -> None:
    """A DAG whose tasks run one after the other."""
    with DAG(dag_id, schedule=None, isolation=ISOLATION):
        before = None
        for number in range(count):
            current = task(task_id=f"t{number}")(work)()
            if before is not None:
                before >> current
            before = current


for ISOLATION in ("fork", "reuse"):
    in_a_row(f"w1_{ISOLATION}", 4, lambda: None)
    with DAG(f"w2_{ISOLATION}", schedule=None, isolation=ISOLATION, max_active_tasks=2000):
        for number in range(1000):
            task(task_id=f"t{number}")(lambda: None)()
    in_a_row(f"w3_light_{ISOLATION}", 40, lambda: fib(10))
    in_a_row(f"w3_heavy_{ISOLATION}", 10, lambda: fib(33))
    with DAG(f"w4_{ISOLATION}", schedule=None, isolation=ISOLATION, max_active_tasks=2000):

        @task
        def produce() -> list[dict[str, int]]:
            """200 dicts."""
            return [{"n": number} for number in range(200)]

        @task
        def double(item: dict[str, int]) -> dict[str, int]:
            """One of them."""
            return {"n": item["n"] * 2}

        @task
        def total(items: list[dict[str, int]]) -> int:
            """All of them."""
            return sum(item["n"] for item in items)

        total(double.expand(item=produce()))
