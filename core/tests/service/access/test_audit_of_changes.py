"""Each change of a person has its row in the audit, with what was before and after, and without secrets."""

import pytest

from penstock.errors import NotFoundError
from penstock.model.access.permission import Role
from penstock.model.access.principal import Principal, everywhere
from penstock.model.connection import Connection
from penstock.model.history.audit import AskedBy
from penstock.service.config import connections, pools, variables
from penstock.service.dags import pause
from penstock.service.database import admin
from penstock.service.operations.table import operations

SECRET = "hunter22"
BY = AskedBy("ann", "why not")
WAREHOUSE = Connection("w", "postgres", host="h", password=SECRET)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        pytest.param(
            [
                lambda i: connections.set_connection(i, WAREHOUSE.conn_id, WAREHOUSE, by=BY),
                lambda i: connections.set_connection(i, "w", Connection("w", "postgres", host=SECRET, port=1), by=BY),
                lambda i: connections.delete_connection(i, "w", by=BY),
            ],
            [
                ("set", "connection 'w'", "", "of type postgres; changed: conn_type, host, password"),
                ("set", "connection 'w'", "of type postgres", "of type postgres; changed: host, password, port"),
                ("delete", "connection 'w'", "", ""),
            ],
            id="connection",
        ),
        pytest.param(
            [
                lambda i: variables.set_variable(i, "k", "1", by=BY),
                lambda i: variables.set_variable(i, "k", "2", by=BY),
                lambda i: variables.set_variable(i, "api_token", SECRET, by=BY),
                lambda i: variables.set_variable(i, "j", f'{{"password": "{SECRET}"}}', by=BY),
                lambda i: variables.delete_variable(i, "api_token", by=BY),
            ],
            [
                ("set", "Variable 'k'", "", "1"),
                ("set", "Variable 'k'", "1", "2"),
                ("set", "Variable 'api_token'", "", "***"),
                ("set", "Variable 'j'", "", "***"),
                ("delete", "Variable 'api_token'", "", ""),
            ],
            id="Variable",
        ),
        pytest.param(
            [
                lambda i: pools.set_pool(i, "p", 3, by=BY),
                lambda i: pools.set_pool(i, "p", 4, rate="10/min", by=BY),
                lambda i: pools.delete_pool(i, "p", by=BY),
            ],
            [
                ("set", "pool 'p'", "", "3 slots"),
                ("set", "pool 'p'", "3 slots", "4 slots, 10/min"),
                ("delete", "pool 'p'", "", ""),
            ],
            id="pool",
        ),
        pytest.param(
            [lambda i: admin.rotate_keys(i, by=BY), lambda i: admin.forget_secrets(i, dry_run=False, by=BY)],
            [("database", "keys rotated", "", ""), ("database", "secrets that no key decrypts deleted", "", "")],
            id="database",
        ),
    ],
)
def test_a_change_is_told_with_what_was_before_and_without_secrets(installation, changes, told):
    for change in changes:
        change(installation)
    rows = installation.store.audit.page()[::-1]
    found = [(row.action.value, row.subject, row.before, row.after) for row in rows]
    assert [
        (a, s, b, ", ".join(sorted(f.split("changed: ")[-1].split(", "))) if "changed" in f else f)
        for a, s, b, f in found
    ] == [(a, s, b, f.split("changed: ")[-1]) for a, s, b, f in told]
    assert {(row.person, row.why) for row in rows} == {("ann", "why not")}
    assert SECRET not in repr(rows)


def test_what_was_refused_has_no_row(installation):
    for refused in (connections.delete_connection, variables.delete_variable, pools.delete_pool):
        with pytest.raises(NotFoundError):
            refused(installation, "nope", by=BY)
    assert admin.forget_secrets(installation, dry_run=True, by=BY).connections == []
    assert installation.store.audit.page() == []


def test_each_operation_that_changes_something_knows_who_asks():
    silent = [
        each.name
        for each in operations()
        if not each.reads and "by" not in each.function.__wrapped__.__code__.co_varnames
    ]
    assert silent == []


def test_the_one_who_asks_is_the_principal_whatever_is_said(installation):
    eve = installation.seen_by(Principal("eve", (everywhere(Role.ADMIN),), source="192.0.2.1"))
    pause(eve, "sales", paused=True, by=AskedBy("ada", "later", "203.0.113.1"))
    [row] = installation.store.audit.page()
    assert (row.person, row.why, row.source) == ("eve", "later", "192.0.2.1")
