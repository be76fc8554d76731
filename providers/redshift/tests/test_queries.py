"""What queries cost, on tables with Redshift's columns."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from penstock import DAG
from penstock.errors import AuthoringError
from penstock.testing import run_dag
from penstock_redshift.hooks.query_history import over_limits, query_groups
from penstock_redshift.hooks.tagging import tagged
from penstock_redshift.operators import RedshiftQueriesOperator

SECOND = 1_000_000


@pytest.fixture
def history(redshift):
    """Five queries: two of a task, one of another, one that failed, and one from before the last hour."""
    load, report = ({"app": "penstock", "dag": "sales", "task": each} for each in ("load", "report"))
    rows = [
        (1, tagged("COPY t FROM 's3://b/a'", load, "intermix"), 30, 10, 20, 400, "etl", "success", 0),
        (2, tagged("INSERT INTO t SELECT 1", load, "sqlcommenter"), 10, 0, 10, 0, "etl", "success", 0),
        (3, tagged("SELECT 1", report, "both"), 90, 80, 10, 0, "reports", "success", 5),
        (4, "SELECT broken", 1, 0, 1, 0, "default", "failed", 0),
        (5, "SELECT old", 500, 0, 500, 900, "default", "success", 90),
    ]
    with redshift.connect(autocommit=True) as connection:
        user = connection.execute("SELECT usesysid FROM pg_user WHERE usename = current_user").fetchone()[0]
        for number, text, elapsed, queued, executed, spilled, label, status, minutes in rows:
            connection.execute(
                "INSERT INTO pg_catalog.penstock_query (user_id, query_id, query_text, elapsed_time, queue_time, execution_time,"
                " spilled, query_label, status, workmem, start_time)"
                " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, 64000000, DATEADD(minute, %s, GETDATE()))",
                [
                    user,
                    number,
                    text,
                    elapsed * SECOND,
                    queued * SECOND,
                    executed * SECOND,
                    spilled,
                    label,
                    status,
                    -minutes,
                ],
            )


@pytest.mark.usefixtures("history")
def test_queries_are_grouped_by_tags_labels_and_users(hook, redshift):
    by_task = query_groups(hook, ["dag", "task"], minutes=60)
    assert [(each.group, each.cost.queries, each.cost.seconds) for each in by_task] == [
        ({"dag": "sales", "task": "report"}, 1, 90.0), ({"dag": "sales", "task": "load"}, 2, 40.0), ({"dag": "", "task": ""}, 1, 1.0),
    ]  # fmt: skip
    load = by_task[1].cost
    assert (load.longest_s, load.queue_s, load.execution_s, load.disk_based, load.spilled_mb) == (
        30.0,
        10.0,
        30.0,
        1,
        400,
    )

    by_label = query_groups(hook, ["label"], minutes=60, order="queue_s")
    assert [each.group["label"] for each in by_label][:2] == ["reports", "etl"]
    (everything,) = query_groups(hook, ["user"], minutes=60)
    assert (everything.group, everything.cost.queries, everything.cost.failed) == ({"user": redshift.user}, 4, 1)
    assert query_groups(hook, ["user"], minutes=120)[0].cost.queries == 5


@pytest.mark.usefixtures("history")
def test_the_tables_of_clusters_know_the_memory_and_whether_disk_was_used(hook, redshift):
    by_label = {each.group["label"]: each.cost for each in query_groups(hook, ["label"], minutes=60, tables="stl")}
    etl = by_label["etl"]
    assert (etl.queries, etl.seconds, etl.queue_s, etl.execution_s) == (2, 40.0, 10.0, 30.0)
    assert (etl.disk_based, etl.spilled_mb, etl.memory_mb, by_label["default"].failed) == (1, 0, 64, 1)
    (everything,) = query_groups(hook, ["user", "queue"], minutes=60, tables="stl")
    assert everything.group == {"user": redshift.user, "queue": "Default queue"}


@pytest.mark.usefixtures("history")
def test_the_task_tells_the_dearest_and_fails_over_a_limit(hook):
    def ran(**arguments):
        with DAG("watch") as dag:
            RedshiftQueriesOperator(task_id="queries", by=["label"], retries=3, **arguments)
        return run_dag(dag, connections={"redshift_default": hook.connection})

    told = ran(top=1, limits={"longest_s": 90}).check().value("queries")
    assert [(each["label"], each["longest_queue_s"]) for each in told] == [("reports", 80.0)]

    task = ran(top=1, limits={"longest_queue_s": 60, "disk_based": 0}).tasks["queries"]
    assert (task.state, task.tries) == ("failed", 1)
    assert "label reports: longest_queue_s is 80, more than 60" in task.errors[-1]
    assert "label etl: disk_based is 1, more than 0" in task.errors[-1]
    assert over_limits([], {"queries": 0}) == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"order": "cost"}, "no measure"),
        ({"limits": {"cost": 1}}, "no measure"),
        ({"tables": "svl"}, "write 'sys' or 'stl'"),
        ({"by": "user"}, "no list"),
    ],
)
def test_wrong_arguments_are_refused(arguments, says):
    with pytest.raises((ValueError, AuthoringError), match=says):
        RedshiftQueriesOperator(task_id="t", **arguments)


@pytest.mark.usefixtures("history")
def test_the_command_prints_the_groups(hook, tmp_path):
    penstock = shutil.which("penstock", path=str(Path(sys.executable).parent))
    given = hook.connection
    connection = {
        "conn_type": "redshift", "host": given.host, "port": given.port, "login": given.login, "password": given.password,
        "schema": given.schema, "extra": given.extra,
    }  # fmt: skip
    done = subprocess.run(
        [penstock, "redshift", "queries", "--by", "dag", "--by", "task", "--top", "1"],
        env={"PENSTOCK_HOME": str(tmp_path), "PENSTOCK_CONN_REDSHIFT_DEFAULT": json.dumps(connection)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    heading, *lines = done.stdout.splitlines()
    assert (done.returncode, heading.split()[-1], len(lines)) == (0, "group", 1), done.stderr
    assert lines[0].endswith("dag sales, task report")
