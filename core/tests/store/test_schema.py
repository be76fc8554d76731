from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text

import penstock.store.sql
from penstock.errors import StoreError
from penstock.model.dag import DEFAULT_POOL
from penstock.model.history.audit import AskedBy, AuditAction
from penstock.model.state import RunState, TaskState
from penstock.store import Store, pending_upgrade, upgrade
from penstock.store.sql import compatibility, schema, tables
from penstock.store.sql.database import Database

AT = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def database(empty_url):
    database = Database(empty_url)
    if database.path:
        database.path.parent.mkdir(parents=True)
    yield database
    database.close()


def rows_of(index):
    """The condition of a partial index, as each database writes it."""
    wheres = [str(value) for name, value in index.get("dialect_options", {}).items() if name.endswith("_where")]
    return " ".join(wheres).strip("()")


def shape(connection):
    """Columns, keys and indexes of every table, as the database tells them."""
    inspector = inspect(connection)
    return {
        table: (
            {c["name"]: (str(c["type"]), c["nullable"], c["default"]) for c in inspector.get_columns(table)},
            inspector.get_pk_constraint(table)["constrained_columns"],
            [(k["constrained_columns"], k["referred_table"], k["options"]) for k in inspector.get_foreign_keys(table)],
            sorted((i["name"], i["column_names"], i["unique"], rows_of(i)) for i in inspector.get_indexes(table)),
            sorted((i["name"], i["column_names"]) for i in inspector.get_unique_constraints(table)),
        )
        for table in inspector.get_table_names()
    }


def test_migrations_from_nothing_make_the_same_schema_as_the_tables(database, empty_url):
    with database.write() as connection:
        schema.migrate(connection, schema.HEAD)
    with database.read() as connection:
        migrated = shape(connection)
        seeded = connection.execute(text("SELECT name, slots FROM pool")).fetchall()
        assert compare_metadata(MigrationContext.configure(connection), tables.metadata) == []
        connection.rollback()
        (connection.begin() if not database.sqlite else connection.exec_driver_sql("BEGIN"))
    with database.write() as connection:
        tables.metadata.drop_all(connection)
        connection.execute(text("DROP TABLE alembic_version"))
    schema.create(database)
    with database.read() as connection:
        assert shape(connection) == migrated
        assert {name: rows for _, _, _, found, _ in migrated.values() for name, _, _, rows in found if rows} != {}
        assert connection.execute(text("SELECT name, slots FROM pool")).fetchall() == seeded == [(DEFAULT_POOL, 128)]


def test_each_migration_is_named_in_the_list_of_revisions():
    folder = Path(penstock.store.sql.__file__).parent / "migrations" / "versions"
    assert tuple(sorted(p.name.partition("_")[0] for p in folder.glob("*.py"))) == tables.REVISIONS


@pytest.mark.parametrize("old", [tables.REVISIONS[0], tables.REVISIONS[-2]], ids=["first", "previous"])
def test_an_older_schema_is_refused_with_the_command_and_then_upgraded(database, empty_url, keyring, old):
    with database.write() as connection:
        schema.migrate(connection, old)
        connection.execute(text("INSERT INTO meta VALUES ('kept', 'yes')"))
    with pytest.raises(StoreError, match=rf"schema is {old}, of an older Penstock.*`penstock db upgrade`"):
        Store.open(empty_url, keyring)
    assert upgrade(empty_url) == (old, schema.HEAD)
    with Store.open(empty_url, keyring) as store:
        assert store.check() == []
        assert [(pool.name, pool.slots, pool.rate) for pool in store.config.pools()] == [(DEFAULT_POOL, 128, None)]
    with database.read() as connection:
        assert connection.execute(text("SELECT value FROM meta")).scalar() == "yes"


def by_ann(before, after):
    return AskedBy("ann").entry(AT, AuditAction.DATABASE, subject="schema upgraded", before=before, after=after)


@pytest.mark.parametrize("old", [tables.REVISIONS[0], tables.REVISIONS[-2]], ids=["first", "previous"])
def test_an_upgrade_is_in_the_audit_with_who_made_it_and_both_versions(database, empty_url, keyring, old):
    with database.write() as connection:
        schema.migrate(connection, old)
    for _ in range(2):  # the second has nothing to do, and is told by nothing
        upgrade(empty_url, audit=by_ann)
    with Store.open(empty_url, keyring) as store:
        (row,) = store.audit.page()
    assert (row.person, row.action, row.subject) == ("ann", AuditAction.DATABASE, "schema upgraded")
    assert (row.before, row.after, row.at) == (old, schema.HEAD, AT)


@pytest.mark.parametrize("old", ["0001", "0011", "0016"], ids=["first", "before limits of runs", "before backfills"])
def test_a_run_that_lives_in_an_older_schema_goes_on_in_the_present_one(database, empty_url, keyring, old):
    at = datetime(2026, 1, 1, tzinfo=UTC)
    stored = int(at.timestamp() * 1e6) if database.sqlite else at
    with database.write() as connection:
        schema.migrate(connection, old)
        for table, given in LIVING.items():
            connection.execute(text(f"INSERT INTO {table} VALUES ({given})"), {"at": stored} if ":at" in given else {})
    assert upgrade(empty_url) == (old, schema.HEAD)
    with Store.open(empty_url, keyring) as store:
        (found,) = store.runs.live()
    assert (found.run.state, found.run.created_at, found.run.timed_out_at) == (RunState.RUNNING, at, None)
    assert (found.run.backfill, found.run.subset) == (None, [])
    assert [(task.task_id, task.state) for task in found.tasks] == [("a", TaskState.RUNNING)]
    assert [(attempt.task_id, attempt.epoch, attempt.outcome) for attempt in found.tries] == [("a", 1, None)]


LIVING = {
    "run (dag_id, run_id, kind, state, created_at)": "'d', 'one', 'scheduled', 'running', :at",
    "task_instance (run, task_id, map_index, state, try_number, epoch, failures)": "1, 'a', -1, 'running', 1, 1, 0",
    '"try" (run, task_id, map_index, epoch, try_number, executor, queued_at)': "1, 'a', -1, 1, 1, 'local', :at",
}


def test_an_upgrade_that_fails_leaves_the_old_schema_whole(database):
    with database.write() as connection:
        schema.migrate(connection, "0001")
        connection.execute(text('ALTER TABLE "try" ADD COLUMN late_at BIGINT'))
        before = shape(connection)
    with pytest.raises(Exception, match="late_at"), database.write() as connection:
        schema.migrate(connection, schema.HEAD)
    with database.read() as connection:
        assert shape(connection) == before
        assert schema.found_version(connection) == "0001"


def newer(database, version="9999", floor=None):
    """Leave a database as a newer Penstock would; the floor is that of its schema."""
    with database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :v"), {"v": version})
        compatibility.set_floor(connection, floor or version)


def test_code_goes_on_with_a_newer_schema_that_only_adds_to_its_own_and_back_and_forth(database, empty_url, keyring):
    upgrade(empty_url)
    newer(database, floor=schema.HEAD)
    with database.write() as connection:
        connection.execute(text("ALTER TABLE dag ADD COLUMN of_tomorrow TEXT"))
    with Store.open(empty_url, keyring) as store:
        assert (store.outgrown(), store.check()) == (None, [])
        newer(database)
        assert "A newer Penstock has worked on it" in store.outgrown()
    with pytest.raises(StoreError, match="does not know"):
        pending_upgrade(empty_url)


def test_an_upgrade_that_is_announced_has_older_code_leave_and_refuses_it_until_it_is_withdrawn(
    database, empty_url, keyring
):
    upgrade(empty_url)
    newer(database, schema.HEAD, "9999")
    with pytest.raises(StoreError, match="it is about to be upgraded to a schema that this Penstock does not know"):
        Store.open(empty_url, keyring)
    schema.withdraw(database)
    with Store.open(empty_url, keyring) as store:
        assert store.outgrown() is None


@pytest.mark.parametrize(
    ("version", "floor", "head", "admitted"),
    [
        ("0022", None, "0022", True),
        ("0022", "0021", "0022", True),
        ("0023", "0022", "0022", True),
        ("0023", "0023", "0022", False),
        ("0022", "0023", "0022", False),
        ("0021", "0021", "0022", False),
        ("0021", None, "0022", False),
    ],
)
def test_code_may_work_on_its_own_schema_and_on_newer_ones_from_their_floor_on(
    monkeypatch, version, floor, head, admitted
):
    monkeypatch.setattr(tables, "REVISIONS", ("0020", "0021", "0022"))
    assert compatibility.admits(version, floor, head) is admitted


def test_the_floor_is_the_newest_migration_that_older_code_cannot_live_with():
    for place, revision in enumerate(tables.REVISIONS):
        later = tables.REVISIONS[tables.REVISIONS.index(compatibility.floor_of(revision)) + 1 : place + 1]
        assert compatibility.EXPANDING.issuperset(later)
    assert tables.REVISIONS.index(compatibility.floor_of(schema.HEAD)) <= len(tables.REVISIONS) - 1
    assert set(tables.REVISIONS) >= compatibility.EXPANDING


def test_what_an_upgrade_would_do_is_told_and_not_done(database, empty_url):
    assert pending_upgrade(empty_url).before is None
    with database.write() as connection:
        schema.migrate(connection, "0020")
    found = pending_upgrade(empty_url)
    assert (found.before, found.migrations[:2], found.blocking) == (
        "0020",
        ("0021", "0022"),
        ("0021", "0024", "0025", "0027"),
    )
    upgrade(empty_url)
    found = pending_upgrade(empty_url)
    assert (found.before, found.migrations, found.blocking, found.floor) == (
        schema.HEAD,
        (),
        (),
        compatibility.floor_of(schema.HEAD),
    )


@pytest.fixture
def contracting(monkeypatch):
    """A function by which a migration has come since that contracts the schema; nothing is in it."""

    def come():
        monkeypatch.setattr(tables, "REVISIONS", (*tables.REVISIONS, "9999"))
        monkeypatch.setattr(schema, "HEAD", "9999")
        moved = text("UPDATE alembic_version SET version_num = '9999'")
        monkeypatch.setattr(schema, "migrate", lambda connection, _: connection.execute(moved))

    return come


def test_schedulers_that_an_upgrade_would_leave_behind_are_asked_to_leave_and_waited_for(
    postgres_url, keyring, contracting
):
    upgrade(postgres_url)
    store = Store.open(postgres_url, keyring)
    store.role.acquire("the older one", datetime(2026, 1, 1, tzinfo=UTC))
    head, database = schema.HEAD, store.database
    contracting()

    def floor():
        with database.read() as connection:
            return compatibility.found_floor(connection)

    with pytest.raises(StoreError, match=r"the older one .*Stop them, or have them end what runs with .*--drain"):
        upgrade(postgres_url)
    with pytest.raises(StoreError, match="the older one"):
        upgrade(postgres_url, lambda left: left())
    assert floor() == compatibility.floor_of(head), "it was withdrawn"

    def drained(left):
        assert (left(), floor()) == (False, "9999"), "whoever looks sees that it is to leave"
        store.role.release()
        return left()

    assert upgrade(postgres_url, drained) == (head, "9999")
    store.close()


def test_the_one_scheduler_of_a_sqlite_database_is_not_left_behind(sqlite_url, keyring, contracting):
    upgrade(sqlite_url)
    head = schema.HEAD
    with Store.open(sqlite_url, keyring) as store:
        store.role.acquire("the older one", datetime(2026, 1, 1, tzinfo=UTC))
        contracting()
        with pytest.raises(StoreError, match="while the older one of an older Penstock works on it"):
            upgrade(sqlite_url)
    assert upgrade(sqlite_url) == (head, "9999")


@pytest.mark.parametrize(
    ("version", "sentence"),
    [
        ("9999", "A newer Penstock has worked on it: upgrade penstock-core here"),
        ("", "no schema version"),
    ],
    ids=["newer", "none"],
)
def test_a_schema_that_is_not_ours_is_refused_and_never_upgraded(database, empty_url, keyring, version, sentence):
    upgrade(empty_url)
    with database.write() as connection:
        connection.execute(text("DELETE FROM alembic_version"))
        if version:
            connection.execute(text("INSERT INTO alembic_version VALUES (:v)"), {"v": version})
            compatibility.set_floor(connection, version)
    with pytest.raises(StoreError, match=sentence):
        Store.open(empty_url, keyring)
    with pytest.raises(StoreError, match=sentence):
        upgrade(empty_url)


def test_upgrading_twice_changes_nothing(empty_url):
    assert upgrade(empty_url) == (None, schema.HEAD)
    assert upgrade(empty_url) == (schema.HEAD, schema.HEAD)


def test_a_missing_file_is_not_made_unless_asked(sqlite_url, keyring, tmp_path):
    with pytest.raises(StoreError, match="no such file"):
        Store.open(sqlite_url, keyring, create=False)
    assert list(tmp_path.iterdir()) == []
