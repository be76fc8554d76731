"""The way from PostgreSQL to the warehouse."""

import msgspec
import psycopg
import pytest

from penstock.errors import ErrorKind, ProviderError
from penstock_redshift.hooks import PostgresHook, RedshiftHook
from penstock_redshift.hooks.cache.link import renew_login
from penstock_redshift.operators import RedshiftCacheSetupOperator


@pytest.mark.parametrize("wrapper", ["dblink_fdw", "postgres_fdw"])
@pytest.mark.usefixtures("surrounded")
def test_the_way_is_made_once_and_renewed_by_a_repetition(postgres, redshift, wrapper):
    for _ in range(2):
        done = RedshiftCacheSetupOperator(task_id="s", wrapper=wrapper).execute({})
        assert done == {"server": "redshift", "user": redshift.user, "superuser": True}
    options = postgres.get_first("SELECT srvoptions FROM pg_foreign_server")[0]
    assert f"port={redshift.port}" in options
    other = next(each for each in ("dblink_fdw", "postgres_fdw") if each != wrapper)
    with pytest.raises(ProviderError, match=f"one of {wrapper}, not of {other}"):
        RedshiftCacheSetupOperator(task_id="s", wrapper=other).execute({})


def test_a_password_that_was_changed_is_renewed_and_stands_in_no_text_that_the_server_shows(
    cache, three_connections, redshift, postgres_server, with_connections
):
    redshift.server.create_user("reader", "first-Passw0rd")
    redshift.server.create_user("reader", "second-Passw0rd")
    reader = msgspec.structs.replace(three_connections["redshift_default"], login="reader", password="second-Passw0rd")
    cache.run("ALTER SYSTEM SET log_statement TO 'all'", autocommit=True)
    cache.run("SELECT pg_reload_conf()", autocommit=True)
    try:
        with with_connections(reader, cache.connection):
            done = RedshiftCacheSetupOperator(task_id="s").execute({})
    finally:
        cache.run("ALTER SYSTEM RESET log_statement", autocommit=True)
        cache.run("SELECT pg_reload_conf()", autocommit=True)
    assert (done["user"], done["superuser"]) == ("reader", False)
    log = postgres_server.log.read_text()
    assert "EXECUTE format('CREATE USER MAPPING" in log, "the statements are in the log, and so the password could be"
    assert "second-Passw0rd" not in log
    assert cache.get_records("SELECT count(*) FROM pg_user_mappings WHERE 'user=reader' = ANY (umoptions)") == [(1,)]


def test_a_login_that_fails_changes_nothing_and_shows_no_password(
    cache, three_connections, postgres_server, with_connections
):
    wrong = msgspec.structs.replace(three_connections["redshift_default"], password="wrong-Passw0rd")
    before = cache.get_records("SELECT umoptions FROM pg_user_mappings")
    with (
        with_connections(wrong, cache.connection),
        pytest.raises(ProviderError, match="password authentication failed") as raised,
    ):
        RedshiftCacheSetupOperator(task_id="s").execute({})
    assert raised.value.kind is ErrorKind.AUTH
    assert "could not establish connection: connection to server" in str(raised.value)
    assert raised.value.hint.endswith("of the connection 'redshift_default'")
    assert cache.get_records("SELECT umoptions FROM pg_user_mappings") == before
    assert "wrong-Passw0rd" not in postgres_server.log.read_text() + str(raised.value)


def test_the_error_of_a_login_that_may_not_be_written_has_no_password_in_it(cache, three_connections, postgres_server):
    cache.run("DROP ROLE IF EXISTS stranger; CREATE ROLE stranger LOGIN PASSWORD 'stranger-Passw0rd'")
    stranger = msgspec.structs.replace(cache.connection, login="stranger", password="stranger-Passw0rd")
    with pytest.raises(ProviderError, match="permission denied for foreign server") as raised:
        renew_login(
            PostgresHook(connection=stranger),
            RedshiftHook(connection=three_connections["redshift_default"]),
            "redshift",
        )
    assert raised.value.kind is ErrorKind.PERMISSION
    password = three_connections["redshift_default"].password
    assert password not in postgres_server.log.read_text()
    cause = raised.value.__cause__
    assert isinstance(cause, psycopg.Error)
    assert password not in f"{cause} {cause.diag.context}"


def test_all_that_keeps_a_database_from_being_a_cache_is_said_at_once(postgres, three_connections, with_connections):
    postgres.run("DROP ROLE IF EXISTS stranger; CREATE ROLE stranger LOGIN PASSWORD 'stranger-Passw0rd'")
    stranger = msgspec.structs.replace(postgres.connection, login="stranger", password="stranger-Passw0rd")
    with (
        with_connections(stranger, three_connections["redshift_default"]),
        pytest.raises(ProviderError, match=r"no right CREATE.*extension dblink is not created") as raised,
    ):
        RedshiftCacheSetupOperator(task_id="s").execute({})
    assert raised.value.kind is ErrorKind.INVALID


@pytest.mark.parametrize("wrapper", ["file_fdw", ""])
def test_a_wrapper_is_one_of_two(wrapper):
    with pytest.raises(ValueError, match="dblink_fdw, postgres_fdw"):
        RedshiftCacheSetupOperator(task_id="s", wrapper=wrapper)


def test_an_ordinary_user_with_the_rights_that_the_page_names_has_a_cache(
    postgres, warehouse, three_connections, with_connections, create, refresh
):
    database = postgres.get_first("SELECT current_database()")[0]
    postgres.run(
        "CREATE EXTENSION dblink; DROP ROLE IF EXISTS owner_of_cache; CREATE ROLE owner_of_cache LOGIN PASSWORD 'owner-Passw0rd';"
        f"GRANT CREATE ON DATABASE {database} TO owner_of_cache; GRANT CREATE ON SCHEMA public TO owner_of_cache;"
        "GRANT USAGE ON FOREIGN DATA WRAPPER dblink_fdw TO owner_of_cache"
    )
    warehouse.run("GRANT SELECT ON sales TO reader")
    owner = msgspec.structs.replace(postgres.connection, login="owner_of_cache", password="owner-Passw0rd")
    reader = msgspec.structs.replace(three_connections["redshift_default"], login="reader", password="reader-Passw0rd")
    with with_connections(owner, reader):
        assert RedshiftCacheSetupOperator(task_id="s").execute({})["superuser"] is False
        create(keys=["id"])
        assert refresh()["rows"] == 2
        create(name="other", kind="table")
        warehouse.run("REVOKE SELECT ON sales FROM reader")
        for name in ("sales", "other"):
            with pytest.raises(ProviderError, match="the right to the user of the connection 'redshift_default'"):
                refresh(name=name)


def test_a_connection_without_a_login_is_refused(postgres, three_connections, with_connections, create):
    extra = {"transport": "data_api", "workgroup_name": "main", "region_name": "eu-west-1"}
    by_api = msgspec.structs.replace(three_connections["redshift_default"], login="", password="", extra=extra)
    with with_connections(by_api, postgres.connection):
        for attempt in (RedshiftCacheSetupOperator(task_id="s").execute, lambda _: create()):
            with pytest.raises(ProviderError, match="goes by the Data API"):
                attempt({})
