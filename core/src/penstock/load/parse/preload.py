"""Everything that DAG files use of Penstock, imported and used once, so that no child has to."""

import importlib
import pkgutil
from datetime import UTC, datetime

import penstock
from penstock import author
from penstock.author.build.build import build_dag
from penstock.author.dag import DAG
from penstock.author.graph.task_group import TaskGroup
from penstock.author.operator import EmptyOperator
from penstock.author.operators.taskflow import task

# What authoring imports only when it is used, to keep `import penstock` cheap.
_ON_DEMAND = ("cronsim", "difflib", "inspect", "jinja2", "jinja2.ext", "zoneinfo", "linecache", "traceback")


def preload() -> None:
    """Import the front door's names and what they use later; nothing of any provider."""
    for name in penstock.__all__:
        getattr(penstock, name)
    for name in _ON_DEMAND:
        importlib.import_module(name)
    for module in pkgutil.walk_packages(author.__path__, f"{author.__name__}."):
        importlib.import_module(module.name)
    _rehearse()


def _rehearse() -> None:
    """Make and build a DAG, as what is worked out of a class and of the model's types at first use stays with them."""

    @task
    def listed() -> list[int]:
        return [1]

    @task
    def taken(x: int) -> int:
        return x

    with DAG("rehearsal", schedule="@daily", start_date=datetime(2026, 1, 1, tzinfo=UTC)) as dag:
        with TaskGroup("group"):
            first = listed.override(retries=1)()
        taken.expand(x=first) >> EmptyOperator(task_id="last", doc="{{ ds }}")
        task.sensor(taken)(first)
    build_dag(dag)
