"""Connection fields are validated, all at once."""

import pytest

from penstock import Connection
from penstock.errors import ConfigError
from penstock.spec.fields import read_fields
from penstock_redshift.connections import PostgresFields, RedshiftFields

GOOD = {"host": "h", "login": "u", "password": "hunter2", "schema": "db"}


def test_fields_come_from_parts_and_extra():
    fields = read_fields(
        Connection("c", "redshift", **GOOD, extra={"statement_timeout_s": "30", "sslmode": "require"}), RedshiftFields
    )

    assert (fields.host, fields.port, fields.database, fields.user) == ("h", 5439, "db", "u")
    assert (fields.statement_timeout_s, fields.sslmode) == (30.0, "require")
    assert "hunter2" not in repr(fields)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        pytest.param({"host": ""}, "host is missing", id="host"),
        pytest.param({"schema": ""}, "database is missing", id="database"),
        pytest.param({"password": ""}, "login and password are needed", id="password"),
        pytest.param({"extra": {"iam": True}}, "iam and a password exclude each other", id="iam and password"),
        pytest.param({"password": "", "extra": {"iam": "true"}}, "one of the two", id="iam without target"),
        pytest.param(
            {"password": "", "login": "", "extra": {"iam": True, "cluster_identifier": "c", "db_groups": "g"}},
            "belong to iam with cluster_identifier and a login",
            id="groups without a user",
        ),
        pytest.param({"extra": {"aws_conn_id": "a"}}, "aws_conn_id belongs to iam", id="aws connection"),
        pytest.param({"extra": {"ssl_mode": "x"}}, "did you mean 'sslmode'", id="nearest"),
        pytest.param({"extra": {"sslmode": "off"}}, "one of disable, prefer", id="choice"),
        pytest.param({"port": 70000}, "port must be between", id="port"),
        pytest.param({"extra": {"sql_tagging": "all"}}, "one of none, intermix", id="tagging"),
        pytest.param({"extra": {"connect_timeout_s": 1}}, "must be 2 or more", id="timeout"),
    ],
)
def test_a_wrong_connection_is_refused(change, says):
    with pytest.raises(ConfigError, match=says) as raised:
        read_fields(Connection("c", "redshift", **GOOD | change), RedshiftFields)

    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        pytest.param({"login": ""}, "user is missing", id="user"),
        pytest.param({"port": 70000}, "port must be between", id="port"),
        pytest.param({"extra": {"connect_timeout_s": 1}}, "must be 2 or more", id="timeout"),
        pytest.param({"extra": {"query_group": "x"}}, "'query_group' is no field of it", id="of the other"),
    ],
)
def test_a_wrong_connection_to_postgresql_is_refused(change, says):
    with pytest.raises(ConfigError, match=says) as raised:
        read_fields(Connection("c", "postgres", **GOOD | change), PostgresFields)

    assert "hunter2" not in str(raised.value)
