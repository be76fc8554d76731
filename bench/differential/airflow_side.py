"""Runs plans in Airflow: ``airflow_side.py HOME < plans > results``, one JSON value a line; run by Airflow's own Python."""

import json
import os
import sys
from pathlib import Path

HOME = Path(sys.argv[1])
(HOME / "dags").mkdir(parents=True, exist_ok=True)
os.environ |= {
    "AIRFLOW_HOME": str(HOME),
    "AIRFLOW__CORE__DAGS_FOLDER": str(HOME / "dags"),
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{HOME}/airflow.db",
    "AIRFLOW__LOGGING__LOGGING_LEVEL": "CRITICAL",
    "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(HOME / "logs"),
}
OUT = os.fdopen(os.dup(1), "w")  # what Airflow and its tasks print goes elsewhere
os.dup2(os.open(HOME / "output", os.O_WRONLY | os.O_CREAT | os.O_APPEND), 1)

import logging  # noqa: E402 - Airflow reads the environment when it is imported
import time  # noqa: E402
from datetime import timedelta  # noqa: E402
from typing import Any  # noqa: E402

from airflow.dag_processing.bundles.manager import DagBundlesManager  # noqa: E402
from airflow.dag_processing.dagbag import BundleDagBag, sync_bag_to_db  # noqa: E402
from airflow.models.xcom import XComModel  # noqa: E402
from airflow.providers.standard.operators.empty import EmptyOperator  # noqa: E402
from airflow.sdk import DAG, TaskGroup, task, task_group  # noqa: E402
from airflow.sdk.exceptions import AirflowSkipException  # noqa: E402
from airflow.timetables.base import TimeRestriction  # noqa: E402
from airflow.timetables.interval import CronDataIntervalTimetable, DeltaDataIntervalTimetable  # noqa: E402
from airflow.utils.db import initdb  # noqa: E402
from airflow.utils.session import create_session  # noqa: E402
from croniter import CroniterBadDateError  # noqa: E402
from pendulum import parse, timezone  # noqa: E402
from sqlalchemy import select  # noqa: E402

from differential.build import Language, build  # noqa: E402
from differential.schedules import COUNT  # noqa: E402

ALL = TimeRestriction(earliest=None, latest=None, catchup=True)
LANGUAGE = Language(DAG, TaskGroup, task, EmptyOperator, AirflowSkipException, task_group)


def run(plan: dict[str, Any], bag: Any) -> dict[str, Any]:
    """Build and run a plan; what became of it."""
    try:
        dag, ids = build(plan, LANGUAGE)
        dag.validate()
        bag.bag_dag(dag)
        sync_bag_to_db(bag, "dags-folder", None)
    except Exception as error:  # noqa: BLE001 - a refusal is a result
        return {"dag_id": plan["dag_id"], "refused": f"{type(error).__name__}: {error}"}
    finally:
        bag.dags.clear()
    done = dag.test()
    with create_session() as session:
        rows = session.scalars(select(XComModel).where(XComModel.dag_id == dag.dag_id)).all()
        values = [[row.task_id, row.map_index, row.key, XComModel.deserialize_value(row)] for row in rows]
    states = [[ti.task_id, ti.map_index, str(ti.state or "none")] for ti in done.get_task_instances()]
    return {
        "dag_id": plan["dag_id"],
        "ids": ids,
        "state": str(done.state),
        "tasks": sorted(states),
        "values": sorted([each for each in values if each[2] != "skipmixin_key"], key=lambda each: each[:3]),
        "edges": sorted([upper.task_id, lower] for upper in dag.tasks for lower in upper.downstream_task_ids),
    }


def due(plan: dict[str, Any]) -> dict[str, Any]:
    """Work out the first instants at which a schedule falls due."""
    zone, start = timezone(plan["zone"]), parse(plan["start"])
    if "cron" in plan:
        timetable: Any = CronDataIntervalTimetable(plan["cron"], zone)
    else:
        timetable = DeltaDataIntervalTimetable(timedelta(seconds=plan["every_s"]))
    found, last = [], None
    for _ in range(COUNT):
        try:
            info = timetable.next_dagrun_info(
                last_automated_data_interval=last, restriction=ALL._replace(earliest=start)
            )
        except CroniterBadDateError:
            break
        if info is None:
            break
        last = info.data_interval
        found.append(last.start.in_timezone("UTC").isoformat())
    return {"number": plan["number"], "due": found}


def main() -> None:
    """Run what stands in the input."""
    time.sleep = lambda _seconds: None
    logging.disable(logging.CRITICAL)
    if not (HOME / "airflow.db").exists():
        initdb()
    DagBundlesManager().sync_bundles_to_db()
    folder = str(HOME / "dags")
    bag = BundleDagBag(dag_folder=folder, bundle_path=folder, bundle_name="dags-folder")
    for line in sys.stdin:
        plan = json.loads(line)
        OUT.write(json.dumps(due(plan) if "zone" in plan else run(plan, bag), default=list) + "\n")
        OUT.flush()


if __name__ == "__main__":
    main()
