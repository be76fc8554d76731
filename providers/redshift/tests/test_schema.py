"""Bringing a table to its columns."""

import pytest

from penstock.errors import ErrorKind, ProviderError
from penstock_redshift.hooks.column_types import column_type
from penstock_redshift.operators import RedshiftSchemaOperator

pytestmark = pytest.mark.usefixtures("runtime")

COLUMNS = {"id": "bigint", "Name": "varchar(40)", "price": "decimal(8,2)", "at": "timestamp", "more": "super"}
DESCRIBED = "SELECT column_name, data_type, character_maximum_length FROM svv_columns WHERE table_name = 't' ORDER BY 1"


def sync(columns=COLUMNS, **kwargs):
    return RedshiftSchemaOperator(task_id="s", table="t", columns=columns, **kwargs).execute({})


def test_a_table_that_is_missing_is_created_and_a_repetition_changes_nothing(hook):
    assert len(sync()["statements"]) == 1
    assert sync() == {"statements": [], "drift": []}
    hook.run("INSERT INTO t (id, name) VALUES (1, 'a')")


def test_columns_are_added_and_made_wider_and_rows_stay(hook):
    hook.run("CREATE TABLE t (id bigint, name varchar(10)); INSERT INTO t VALUES (1, 'ann')")

    plan = sync(dry_run=True)
    assert len(plan["statements"]) == 4
    assert plan["statements"][-1] == 'ALTER TABLE "public"."t" ALTER COLUMN "name" TYPE character varying(40)'
    assert len(hook.get_records(DESCRIBED)) == 2, "a dry run changes nothing"
    assert sync() == plan
    assert hook.get_first("SELECT id, name, price FROM t") == (1, "ann", None)
    assert ("name", "character varying", 40) in hook.get_records(DESCRIBED)
    assert sync() == {"statements": [], "drift": []}


def test_what_would_lose_something_is_told_and_left_alone(hook):
    hook.run(
        "CREATE TABLE t (id integer, name varchar(10) DEFAULT 'x', price decimal(6,2), at timestamp, more super, former date,"
        " wide varchar(90))"
    )
    columns = {**COLUMNS, "wide": "varchar(20)"}
    found = sync(columns)
    assert found["statements"] == []
    assert found["drift"] == [
        "column id is integer, not bigint",
        "column name is character varying(10), and cannot become character varying(40) because it has a default",
        "column price is numeric(6,2), not numeric(8,2)",
        "column former is in the table and not among the wanted",
    ]
    with pytest.raises(ProviderError, match="column id is integer") as raised:
        sync({**columns, "new": "int"}, on_drift="fail")
    assert raised.value.kind is ErrorKind.INVALID
    assert len(hook.get_records(DESCRIBED)) == 7, "nothing is changed by a task that fails over drift"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("TEXT", "character varying(256)"), ("varchar(max)", "character varying(65535)"), ("decimal", "numeric(18,0)"),
        ("numeric( 5 , 2 )", "numeric(5,2)"), ("char", "character(1)"), ("timestamptz", "timestamp with time zone"),
        ("Double Precision", "double precision"), ("int8", "bigint"),
    ],
)  # fmt: skip
def test_types_have_several_names(text, name):
    assert str(column_type(text)) == name


@pytest.mark.parametrize(
    "text", ["uuid", "varchar(0)", "varchar(65536)", "int(4)", "decimal(39)", "decimal(max)", "char(2,1)", ""]
)
def test_types_that_are_none_are_refused_in_the_dag_file(text):
    with pytest.raises(ValueError, match="type"):
        RedshiftSchemaOperator(task_id="s", table="t", columns={"a": text})


def test_what_to_do_about_drift_is_one_of_two():
    with pytest.raises(ValueError, match="report, fail"):
        sync(on_drift="ignore")
