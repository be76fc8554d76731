"""A database that is copied to the other kind and back is what it was; what ends a copy early leaves none to work on."""

import contextlib
import os
import signal
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from sqlalchemy import text

from penstock.errors import RequestError, StoreError, StoreHeldError
from penstock.model.connection import Connection
from penstock.model.history.audit import AskedBy, AuditAction
from penstock.store import Store, copy_database
from penstock.store.copying.table_rows import LEFT_COLUMNS, LEFT_TABLES
from penstock.store.sql import compatibility, schema, tables
from penstock.store.sql.database import Database
from penstock_testkit.commands.fork_server import penstock
from penstock_testkit.disk import small_disk
from penstock_testkit.nightly import nightly_but

from .stored_rows import TABLES, everything, installations, put


@pytest.fixture
def copy(now):
    def copy(url, to_url, progress=lambda *_: None):
        def entry(before, after):
            return AskedBy("ann").entry(
                now, AuditAction.DATABASE, subject="database copied", before=before, after=after
            )

        return copy_database(url, to_url, now, progress, entry)

    return copy


@pytest.fixture
def full(tmp_path, keyring, now):
    """A database of SQLite with a run, a connection and a number that was given and deleted."""
    url = f"sqlite:///{tmp_path}/full.db"
    with Store.open(url, keyring) as store:
        store.config.put_connection(Connection("db", "odd", host="h", password="sesame"), now)
        execute(
            url,
            "INSERT INTO run (dag_id, run_id, kind, state, created_at) VALUES ('sales', 'one', 'manual', 'success', 1)",
            "INSERT INTO kept_state (number, dag_id, name, key, value, changed_at) VALUES (7, 'sales', 'a', 'k', x'00', 1)",
            "DELETE FROM kept_state",
        )
    return url


def execute(url, *statements):
    database = Database(url)
    with database.write() as connection:
        found = [connection.execute(text(each)) for each in statements]
        rows = found[-1].fetchall() if found[-1].returns_rows else []
    database.close()
    return rows


def refused(url):
    """Why nothing may work on a database."""
    database = Database(url)
    with database.read() as connection:
        found = schema.refused(connection, database.name)
    database.close()
    return found


def counted(url):
    return {name: len(rows) for name, rows in everything(url).items()}


@settings(max_examples=4, suppress_health_check=list(HealthCheck), deadline=None)
@given(installations())
def test_every_column_of_every_table_gets_into_the_other_kind_of_database_and_back(
    tmp_path_factory, postgres_server, copy, made
):
    folder = tmp_path_factory.mktemp("round")
    first, other, back = f"sqlite:///{folder}/a.db", postgres_server.create_database(), f"sqlite:///{folder}/b.db"
    schema.create(database := Database(first))
    database.close()
    put(first, made)
    before = everything(first)
    copy(first, other)
    copy(other, back)
    for url, copies in ((other, 1), (back, 2)):
        found = everything(url)
        assert len(found.pop("audit")) == len(before["audit"]) + copies
        assert found == {name: left(name, rows) for name, rows in before.items() if name != "audit"}
        assert refused(url) is None
    assert everything(first) == before
    postgres_server.drop_database(other.rpartition("/")[2])


def left(table, rows):
    """What a copy has of rows."""
    names = [column.name for each in TABLES if each.name == table for column in each.columns]
    if table in LEFT_TABLES:
        return []
    return [tuple(None if (table, n) in LEFT_COLUMNS else v for n, v in zip(names, row, strict=True)) for row in rows]


def test_what_is_left_is_there():
    columns = {(table.name, column.name) for table in TABLES for column in table.columns}
    assert columns >= LEFT_COLUMNS
    assert {table.name for table in TABLES} >= LEFT_TABLES.keys()


def test_secrets_are_read_with_the_same_key_and_no_number_is_given_twice(full, postgres_url, keyring, copy, tmp_path):
    copy(full, postgres_url)
    back = f"sqlite:///{tmp_path}/back.db"
    copy(postgres_url, back)
    given = (
        "INSERT INTO kept_state (dag_id, name, key, value, changed_at) VALUES ('sales', 'a', 'k', {}) RETURNING number"
    )
    for url, more in ((postgres_url, "'', now()"), (back, "x'', 1")):
        with Store.open(url, keyring) as store:
            assert store.config.connection("db").password == "sesame"
            assert store.runs.find("sales", "one") is not None
            assert [row.subject for row in store.audit.page()][-1] == "database copied"
        assert execute(url, given.format(more)) == [(8,)]


def test_rows_are_naming_table_with_what_they_add_up_to(full, postgres_url, copy, tmp_path):
    told = []
    there = copy(full, postgres_url, lambda *each: told.append(each))
    assert ("copying", "run", 1, 1) in told
    assert ("comparing", "run", 1, 1) in told
    back = copy(postgres_url, f"sqlite:///{tmp_path}/back.db")
    for one, two in zip(there.tables, back.tables, strict=True):
        assert one.table == "audit" or one == two


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_a_database_on_which_somebody_works_is_not_copied(kind, full, postgres_url, tmp_path, keyring, now, copy):
    target = f"sqlite:///{tmp_path}/b.db"
    if kind == "postgres":
        copy(full, postgres_url)
        full = postgres_url
    before = counted(full)
    with Store.open(full, keyring) as store:
        with pytest.raises(StoreHeldError, match=r"process .* has it open.*Stop `penstock up`, its server"):
            copy(full, target)
        store.role.acquire("penstock up", now, "here")
        with pytest.raises(StoreHeldError, match=r"penstock up .*scheduler process \d+ on"):
            copy(full, target)
    assert not Path(target.removeprefix("sqlite:///")).exists()
    assert [row.rows for row in copy(full, target).tables if row.table == "run"] == [1]
    assert counted(full) == before


def test_what_a_lost_scheduler_had_running_is_waited_for(full, postgres_url, tmp_path, copy):
    copy(full, postgres_url)
    execute(
        postgres_url,
        "INSERT INTO scheduler (incarnation, holder, host, pid, since, place, expires_at, runs_on_s) "
        "VALUES ('a', 'penstock up', 'far', 3, now(), 'p', now() - interval '20 s', 60)",
    )
    with pytest.raises(
        StoreHeldError, match=r"process 3 on far\) has ended without leaving.*run on for (40|39|38) s. Wait so long"
    ):
        copy(postgres_url, f"sqlite:///{tmp_path}/b.db")


def test_while_it_is_copied_nobody_writes_and_no_scheduler_begins(full, postgres_url, keyring, now, copy):
    tried = []

    def progress(what, table, *_):
        if (what, table) == ("copying", "run"):
            with Store.open(full, keyring, wait_s=0.1) as store:
                for attempt in (lambda: store.role.acquire("penstock up", now), lambda: execute_soon(store)):
                    with pytest.raises(StoreError) as found:
                        attempt()
                    tried.append(str(found.value))
            with pytest.raises(StoreError, match="another one is being copied into it"):
                Store.open(postgres_url, keyring)

    def execute_soon(store):
        with store.database.write() as connection:
            connection.execute(text("DELETE FROM run"))

    copy(full, postgres_url, progress)
    assert "penstock db copy already works on it" in tried[0]
    assert "another process has kept it locked" in tried[1]


def test_one_on_which_somebody_works_is_no_place_for_a_copy_and_he_goes_on(full, postgres_url, keyring, now, copy):
    with Store.open(postgres_url, keyring) as store:
        store.role.acquire("penstock up", now, "here")
        with pytest.raises(StoreHeldError, match=r"penstock up \(scheduler process \d+ on .*works on it"):
            copy(full, postgres_url)
        assert store.outgrown() is None
    execute(
        postgres_url,
        "INSERT INTO scheduler (incarnation, holder, host, pid, since, place, expires_at, runs_on_s) "
        "VALUES ('a', 'penstock up', 'far', 3, now(), 'p', now() + interval '20 s', 60)",
    )
    with pytest.raises(StoreHeldError, match=r"penstock up \(scheduler process 3 on far\) works on it"):
        copy(full, postgres_url)
    assert refused(postgres_url) is None


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_one_that_holds_anything_is_no_place_for_a_copy(kind, full, postgres_url, tmp_path, copy):
    target = postgres_url if kind == "postgres" else f"sqlite:///{tmp_path}/b.db"
    copy(full, target)
    before = everything(target)
    with pytest.raises(StoreError, match=r"holds rows already: audit \(1\).*run \(1\).*A copy needs an empty one"):
        copy(full, target)
    assert everything(target) == before
    assert refused(target) is None


def test_a_database_is_not_copied_into_itself_nor_is_one_that_is_not_there(full, tmp_path, copy):
    with pytest.raises(RequestError, match="cannot be copied into itself"):
        copy(full, full)
    (tmp_path / "alias.db").symlink_to(tmp_path / "full.db")
    with pytest.raises(RequestError, match="cannot be copied into itself"):
        copy(full, f"sqlite:///{tmp_path}/alias.db")
    with pytest.raises(StoreError, match="no such file, so there is nothing to copy"):
        copy(f"sqlite:///{tmp_path}/none.db", f"sqlite:///{tmp_path}/b.db")
    assert not (tmp_path / "none.db").exists()


def test_a_database_of_postgresql_is_not_copied_into_itself_by_another_name_of_its_machine(postgres_url, copy):
    schema.create(database := Database(postgres_url))
    database.close()
    with pytest.raises(StoreHeldError, match=r"a process of Penstock \(penstock process \d+ on .*has it open"):
        copy(postgres_url, postgres_url.replace("127.0.0.1", "localhost"))
    assert refused(postgres_url) is None


def test_a_database_of_other_tables_is_no_place_for_a_copy(full, postgres_url, copy):
    execute(postgres_url, "CREATE TABLE run (number integer)")
    with pytest.raises(StoreError, match="tables named as Penstock's, but no schema version"):
        copy(full, postgres_url)


def test_schemas_of_another_version(full, postgres_url, tmp_path, copy):
    old = f"sqlite:///{tmp_path}/old.db"
    for url in (old, postgres_url):
        database = Database(url)
        with database.write() as connection:
            schema.migrate(connection, tables.REVISIONS[3])
        database.close()
    with pytest.raises(StoreError, match=rf"its schema is {tables.REVISIONS[3]}, of an older Penstock"):
        copy(old, f"sqlite:///{tmp_path}/b.db")
    copy(full, postgres_url)  # one that is empty is brought to the version of what comes
    assert refused(postgres_url) is None
    execute(full, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(
        StoreError, match=r"its schema is 9999, newer than that of this Penstock.*Copy it with the newer one"
    ):
        copy(full, f"sqlite:///{tmp_path}/b.db")


REFUSED = {
    "NUL in a key": (
        "UPDATE run SET run_id = 'a' || char(0)",
        "table run, row of run 1: its column run_id .* NUL character",
    ),
    "another type": ("UPDATE run SET created_at = 'soon'", "column created_at cannot be copied: 'soon' is no instant"),
    "no boolean": (
        "INSERT INTO users (name, service, disabled, created_at, changed_at) VALUES ('ann', 7, 0, 1, 1)",
        "table users, row of name 'ann': its column service cannot be copied: 7 is no boolean",
    ),
    "a number of 64 bits": (
        "INSERT INTO asset_event (asset, at, map_index) VALUES ('a', 1, 1 << 32)",
        "column map_index cannot be copied: 4294967296 is out of the bounds of a column that holds a small number",
    ),
    "no UTF-8": (
        "UPDATE run SET dag_id = CAST(x'ff' AS TEXT)",
        "table run: a row cannot be copied: Could not decode to UTF-8",
    ),
    "too long for an index": (
        "INSERT INTO asset (uri) VALUES (hex(randomblob(9000)))",
        "table asset: a row cannot be copied: index row .*, maximum size is",
    ),
    "a year that is none": (
        "UPDATE run SET created_at = 9223372036854775807",
        "column created_at .* 9223372036854775807 is out of the bounds",
    ),
}


@pytest.mark.parametrize(("statement", "told"), REFUSED.values(), ids=REFUSED)
def test_a_row_that_cannot_be_copied_is_named_and_nothing_is(full, postgres_url, copy, statement, told):
    execute(full, statement)
    before = counted_raw(full)
    with pytest.raises(StoreError, match=told):
        copy(full, postgres_url)
    assert counted_raw(full) == before
    assert "was not copied to its end" in refused(postgres_url)
    assert sum(counted(postgres_url).values()) - 2 == 0  # the pool and the mark with which it was made


def counted_raw(url):
    return [execute(url, f'SELECT count(*) FROM "{table.name}"') for table in TABLES]


def test_an_instant_that_is_infinite_is_named(full, postgres_url, tmp_path, copy):
    copy(full, postgres_url)
    execute(postgres_url, "UPDATE run SET created_at = 'infinity'")
    with pytest.raises(StoreError, match=r"table run, row of run 1: its column created_at .* is out of the bounds"):
        copy(postgres_url, f"sqlite:///{tmp_path}/b.db")


def test_free_text_with_what_postgresql_refuses_is_made_visible_and_counted(full, postgres_url, copy):
    execute(full, "UPDATE run SET reason = 'a' || char(0) || 'b'")
    assert sum(each.made_visible for each in copy(full, postgres_url).tables) == 1
    assert execute(postgres_url, "SELECT reason FROM run") == [("a\\x00b",)]


def test_a_session_that_is_cut_is_told_and_the_same_again_succeeds(full, postgres_url, copy):
    def cut(what, table, *_):
        if (what, table) == ("comparing", "run"):
            with psycopg.connect(postgres_url, autocommit=True) as session:
                session.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )

    with pytest.raises(StoreError, match=r"the server (ended the session|cannot be reached)"):
        copy(full, postgres_url, cut)
    assert "was not copied to its end" in refused(postgres_url)
    copy(full, postgres_url)
    assert refused(postgres_url) is None


def test_a_disk_that_is_full_is_told_and_what_is_on_it_can_be_filled_again(full, tmp_path, copy):
    execute(full, "INSERT INTO xcom SELECT 1, hex(randomblob(9)), -1, 'key', randomblob(2000000), NULL FROM run")
    (folder := tmp_path / "disk").mkdir()
    target = f"sqlite:///{folder}/b.db"
    with small_disk(folder, 3 << 20) as disk:
        disk.leave(1 << 20)
        with pytest.raises(StoreError, match=r"disk/b.db: the disk is full"):
            copy(full, target)
        disk.empty()
        with pytest.raises(StoreError, match="was not copied to its end"):
            raise StoreError(refused(target))


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_what_writes_to_the_other_database_in_between_is_found(kind, full, postgres_url, tmp_path, copy):
    """As a trigger does: the digest that is read differs from what was written."""
    target = postgres_url if kind == "postgres" else f"sqlite:///{tmp_path}/b.db"
    schema.create(database := Database(target))
    database.close()
    if kind == "postgres":
        execute(
            target,
            "CREATE FUNCTION change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.reason = 'changed'; RETURN NEW; END $$",
            "CREATE TRIGGER change BEFORE INSERT ON run FOR EACH ROW EXECUTE FUNCTION change()",
        )
    else:
        execute(target, "CREATE TRIGGER change AFTER INSERT ON run BEGIN UPDATE run SET reason = 'changed'; END")
    with pytest.raises(StoreError, match=r"table run has 1 rows \(digest .*a trigger, a rule"):
        copy(full, target)
    assert "was not copied to its end" in refused(target)


KILLED = ["store.reserve.after", "store.table.after", "store.copy.before", "store.copy.after"]
KILLED_IN = [pytest.param(kind, at) for kind in ("postgres", "sqlite") for at in KILLED]


@pytest.mark.parametrize(("kind", "at"), nightly_but(KILLED_IN[: len(KILLED) + 1], KILLED_IN))
def test_a_copy_that_is_killed_leaves_nothing_to_work_on_and_is_made_again(
    kind, at, full, postgres_url, tmp_path, copy
):
    target = postgres_url if kind == "postgres" else f"sqlite:///{tmp_path}/b.db"
    armed = tmp_path / "armed"
    armed.mkdir()
    (armed / at).touch()
    before = everything(full)
    environ = {**os.environ, "PENSTOCK_FAILPOINTS": str(armed), "PENSTOCK_DATABASE__URL": full}
    done = penstock().run(["db", "copy", "--to", target], tmp_path, environ, seconds=60)
    assert done.code == -signal.SIGKILL, done.err
    assert everything(full) == before
    if at == "store.copy.after":
        assert refused(target) is None
        return
    assert "was not copied to its end" in refused(target)
    environ["PENSTOCK_DATABASE__URL"] = target
    for command in (["up"], ["runs", "list"]):
        found = penstock().run(command, tmp_path, environ, seconds=60)
        assert found.code not in (0, -signal.SIGKILL), found.out
        assert "was not copied to its end" in found.out + found.err
    copy(full, target)
    assert counted(target) == {**counted(full), "audit": 1}


def test_an_upgrade_leaves_half_a_copy_alone(full, postgres_url, copy):
    with contextlib.suppress(StoreError):
        execute(full, "UPDATE run SET run_id = 'a' || char(0)")
        copy(full, postgres_url)
    execute(postgres_url, f"UPDATE alembic_version SET version_num = '{tables.REVISIONS[-2]}'")
    database = Database(postgres_url)
    with pytest.raises(StoreError, match="was not copied to its end"):
        schema.upgrade(database)
    with database.read() as connection:
        assert compatibility.found_floor(connection) == compatibility.HALF_COPY
    database.close()
