"""Checks of data on any database: here one of SQLite, completed as a provider completes them."""

import sqlite3

import pytest

from penstock.errors import ErrorKind, ProviderError
from penstock.spec.sql.compare import unmet
from penstock.spec.sql.sql_task import Records
from penstock.spec.sql.table_checks import SQLColumnCheckOperator, SQLTableCheckOperator


class OnSqlite:
    """The way to a database, which goes before a task's class."""

    def __init__(self, *, database, **kwargs):
        super().__init__(**kwargs)
        self.database = database

    def fetch(self, sql, parameters=None):
        """Run one query."""
        text = sql if parameters is None else sql.replace("%s", "?").replace("%%", "%")
        try:
            cursor = self.database.execute(text, parameters or ())
        except sqlite3.Error as error:
            raise ProviderError(str(error), service="sqlite", operation="Query", kind=ErrorKind.INVALID) from error
        return Records([each[0] for each in cursor.description], cursor.fetchall())


class Columns(OnSqlite, SQLColumnCheckOperator):
    """Checks columns."""


class Table(OnSqlite, SQLTableCheckOperator):
    """Checks a table."""


@pytest.fixture
def database():
    """Three boxes, one without a weight."""
    with sqlite3.connect(":memory:") as connection:
        connection.execute("CREATE TABLE boxes (id integer, weight integer)")
        connection.executemany("INSERT INTO boxes VALUES (?, ?)", [(1, 5), (2, None), (3, 90)])
        yield connection
    connection.close()


def test_a_check_of_columns_tells_what_is_wrong_and_shows_the_rows(database, caplog):
    mapping = {"weight": {"null_check": {"equal_to": 0}, "max": {"leq_to": 50}}, "id": {"min": {"geq_to": 1}}}
    with pytest.raises(ProviderError, match=r"null_check of .* is 1, not = 0; max of .* is 90") as raised:
        Columns(task_id="c", database=database, table="boxes", column_mapping=mapping).execute({})
    assert raised.value.retryable
    assert "{'id': 2, 'weight': None}" in caplog.text
    assert "{'id': 3, 'weight': 90}" in caplog.text


def test_rows_that_cannot_be_shown_change_nothing_about_the_check(database, caplog):
    caplog.set_level("INFO")
    checks = {"many": {"check_statement": "count(*) > 9"}, "some": {"check_statement": "count(*) > 1"}}
    with pytest.raises(ProviderError, match="boxes fails 'many'"):
        Table(task_id="t", database=database, table="boxes", checks=checks).execute({})
    assert "Of many, no rows can be shown" in caplog.text


@pytest.mark.parametrize(
    ("value", "expected", "failed"),
    [
        (5, {"geq_to": 5, "leq_to": 5}, []),
        (5, {"greater_than": 5}, ["greater_than"]),
        (5, {"less_than": 5}, ["less_than"]),
        (9, {"geq_to": 10}, ["geq_to"]),
        (9, {"geq_to": 10, "tolerance": 0.1}, []),
        (-11, {"geq_to": -10, "tolerance": 0.1}, []),
        (-12, {"geq_to": -10, "tolerance": 0.1}, ["geq_to"]),
        (-11, {"equal_to": -10, "tolerance": 0.1}, []),
        (11.5, {"leq_to": 10, "tolerance": 0.1}, ["leq_to"]),
    ],
)
def test_comparisons_know_their_bounds(value, expected, failed):
    assert [name for name, _ in unmet(value, expected)] == failed
