"""Runs plans in Penstock: ``penstock_side.py < plans > results``, one JSON value a line."""

import json
import sys
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from differential.build import Language, build
from differential.schedules import COUNT
from penstock import DAG, EmptyOperator, SkipTask, TaskGroup, task, task_group
from penstock.author.build.build import build_dag
from penstock.author.timetable.timetables import to_schedule
from penstock.errors import PenstockError
from penstock.testing import run_dag

LANGUAGE = Language(DAG, TaskGroup, task, EmptyOperator, SkipTask, task_group)


def run(plan: dict[str, Any]) -> dict[str, Any]:
    """Build and run a plan; what became of it."""
    try:
        dag, ids = build(plan, LANGUAGE)
        spec = build_dag(dag)
        done = run_dag(dag)
    except PenstockError as error:
        return {"dag_id": plan["dag_id"], "refused": f"{type(error).__name__}: {error}"}
    inline = done._inline  # noqa: SLF001 - every value of every instance, which no test of a DAG asks for
    left = inline.xcoms._left.items()  # noqa: SLF001 - as above
    values = [[ref.task_id, at, ref.key, json.loads(raw)] for ref, found in left for at, raw in found.items()]
    return {
        "dag_id": plan["dag_id"],
        "ids": ids,
        "state": done.state,
        "tasks": sorted([key.task_id, key.map_index, row.state.value] for key, row in inline.tasks.items()),
        "values": sorted(values, key=lambda each: each[:3]),
        "edges": sorted([upper, each.task_id] for each in spec.tasks for upper in each.upstream),
    }


def due(plan: dict[str, Any]) -> dict[str, Any]:
    """Work out the first instants at which a schedule falls due."""
    start = datetime.fromisoformat(plan["start"])
    what = plan["cron"] if "cron" in plan else timedelta(seconds=plan["every_s"])
    try:
        schedule = to_schedule(what, plan["zone"])
    except PenstockError as error:
        return {"number": plan["number"], "due": [], "refused": str(error)}
    intervals = schedule.intervals(start, datetime.max.replace(tzinfo=UTC), start)
    return {"number": plan["number"], "due": [each.start.isoformat() for each in islice(intervals, COUNT)]}


def main() -> None:
    """Run what stands in the input."""
    out, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        plan = json.loads(line)
        out.write(json.dumps(due(plan) if "zone" in plan else run(plan)) + "\n")


if __name__ == "__main__":
    main()
