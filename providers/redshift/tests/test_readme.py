"""The README's snippets are what they say."""

import re
from datetime import date
from pathlib import Path

import pytest

from penstock.model.connection import parse_connection
from penstock.spec.fields import read_fields
from penstock.testing import run_dag
from penstock_redshift.connections import RedshiftFields

README = (Path(__file__).parents[1] / "README.md").read_text()
SNIPPETS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


@pytest.mark.parametrize("snippet", SNIPPETS)
def test_a_snippet_makes_its_tasks(snippet):
    exec(snippet, {})


def test_the_example_dag_runs_and_its_check_finds_what_is_wrong(hook):
    hook.run("CREATE TABLE page_views (day date, url varchar(400)); INSERT INTO page_views VALUES ('2026-01-01', '/a')")
    hook.run("INSERT INTO page_views VALUES ('2026-01-01', '/a'), ('2026-01-02', '/b')")
    names: dict[str, object] = {}
    exec(next(each for each in SNIPPETS if "DAG(" in each), names)
    dag = names["check"].dag
    connections = {"redshift_default": hook.connection}

    for _ in range(2):  # a repetition counts nothing twice
        result = run_dag(dag, connections=connections).check()
        assert hook.get_records("SELECT * FROM visits") == [(date(2026, 1, 1), "/a", 2)]
    assert result.value("check") == {"url": {"null_check": 0, "unique_check": 0}, "visits": {"min": 2}}

    hook.run("INSERT INTO page_views VALUES ('2026-01-02', NULL)")
    failed = run_dag(dag, conf={"day": "2026-01-02"}, connections=connections)
    assert (failed.tasks["count"].state, failed.tasks["check"].state) == ("success", "failed")
    assert "null_check of visits.url is 1, not = 0" in failed.tasks["check"].errors[-1]


def test_the_connections_are_complete():
    found = re.findall(r"PENSTOCK_CONN_REDSHIFT_DEFAULT='(.*?)'\n", README, re.DOTALL)
    fields = [read_fields(parse_connection("redshift_default", each), RedshiftFields) for each in found]

    assert [(each.user, each.password, each.iam) for each in fields] == [
        ("loader", "s@crt", False), ("loader", "", True), ("", "", False),
    ]  # fmt: skip
