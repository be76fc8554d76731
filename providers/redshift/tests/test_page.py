"""The DAGs of the docs page run, and its table of measures is whole."""

import re
from pathlib import Path

import pytest

from penstock import Connection, Operator
from penstock.testing import run_dag
from penstock_redshift.hooks.query_history import MEASURES
from penstock_testkit.redshift_data import RedshiftDataApi

PAGE = (Path(__file__).parents[3] / "docs" / "providers" / "redshift.md").read_text()
DAGS = dict(re.findall(r'```python title="dags/(\w+).py"\n(.*?)```', PAGE, re.DOTALL))


@pytest.fixture
def connections(redshift, hook):
    """The connections that the page names."""
    extra = {"endpoint_url": redshift.s3.endpoint_url, "region_name": "us-east-1", "addressing_style": "path"}
    target = {"transport": "data_api", "workgroup_name": "warehouse", "aws_conn_id": "aws_default"}
    return {
        "redshift_default": hook.connection,
        "aws_default": Connection("aws_default", "aws", login="testing", password="testing", extra=extra),
        "by_data_api": Connection("by_data_api", "redshift", schema="dev", extra=target),
    }


def dag_of(name, **changes):
    text = DAGS[name]
    for old, new in changes.items():
        text = text.replace(f"s3://{old}/", f"s3://{new}/")
    names = {}
    exec(text, names)
    return next(each.dag for each in names.values() if isinstance(each, Operator))


def test_files_are_loaded_checked_and_unloaded(connections, redshift, bucket, put, hook):
    put("page_views/2026-01-01/a.csv", "1,2026-01-01,/a", "2,2026-01-01,/b", "2,2026-01-01,/b")
    for _ in range(2):  # a repetition counts nothing twice
        run_dag(dag_of("page_views", clicks=bucket), connections=connections).check()
    assert hook.get_first("SELECT count(*) FROM page_views") == (2,)


def test_sql_runs_by_the_data_api(connections, saas, redshift):
    saas.serve(RedshiftDataApi(redshift))
    result = run_dag(dag_of("report"), connections=connections).check()
    assert result.value("read") == [{"n": 2}]


def test_the_watch_runs(connections):
    names = {}
    exec(DAGS["warehouse_watch"].replace("    RedshiftQueriesOperator(", "    watch = RedshiftQueriesOperator("), names)
    assert run_dag(names["watch"].dag, connections=connections).check().value("queries") == []


def test_the_page_names_every_measure():
    assert set(re.findall(r"`(\w+)`", PAGE.partition("| measure |")[2].partition("\n\n")[0])) - {"tables"} == set(
        MEASURES
    )
