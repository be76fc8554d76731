"""Files of an SQLite database that go away while it is open."""

import os
import sqlite3
import subprocess
import sys
import time

import pytest

from penstock.errors import StoreGoneError
from penstock.store import Keyring, Store
from penstock.store.sql.database import Database

OTHER = """
import sys
from penstock.errors import StoreGoneError
from penstock.store.sql.database import Database
try:
    with Database(sys.argv[1]).write() as connection:
        connection.exec_driver_sql("INSERT INTO x VALUES (2)")
except StoreGoneError as error:
    print(error)
"""


HOLDER = """
import sys
from penstock.store.sql.database import Database
database = Database(f"sqlite:///{sys.argv[1]}")
with database.write() as connection:
    connection.exec_driver_sql("CREATE TABLE x (y)")
print("open", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def file(tmp_path):
    return tmp_path / "p.db"


@pytest.fixture
def database(file):
    made = Database(f"sqlite:///{file}")
    with made.write() as connection:
        connection.exec_driver_sql("CREATE TABLE x (y)")
    yield made
    made.close()


def add(database, value):
    with database.write() as connection:
        connection.exec_driver_sql("INSERT INTO x VALUES (?)", (value,))


def found(database):
    with database.read() as connection:
        return connection.exec_driver_sql("SELECT y FROM x ORDER BY y").scalars().all()


def settle(file):
    """Have the folder look as if nothing had come or gone for a while."""
    os.utime(file.parent, ns=(time.time_ns() - 10**9,) * 2)


@pytest.mark.parametrize("settled", [False, True], ids=["at once", "after a while"])
@pytest.mark.parametrize("beside", ["-wal", "-shm"])
def test_a_file_that_is_deleted_beside_an_open_database_ends_its_use_and_loses_nothing(file, database, beside, settled):
    if settled:
        settle(file)
    add(database, 1)
    gone = file.with_name(file.name + beside)
    gone.unlink()
    for use in (found, lambda database: add(database, 2), Database.check_file):
        with pytest.raises(
            StoreGoneError, match=f"its p.db{beside} was deleted while the database was in use. Let all"
        ):
            use(database)
    database.close()
    assert found(Database(f"sqlite:///{file}")) == [1]


@pytest.mark.parametrize("beside", ["-wal", "-shm"])
def test_a_file_that_another_one_is_put_in_place_of_is_told(file, database, beside):
    settle(file)
    add(database, 1)
    gone = file.with_name(file.name + beside)
    gone.rename(file.with_name("old"))
    gone.write_bytes(b"")
    with pytest.raises(StoreGoneError, match=f"its p.db{beside} was replaced by another file"):
        add(database, 2)
    file.with_name("old").rename(gone)
    add(database, 3)
    assert found(database) == [1, 3]


@pytest.mark.parametrize("beside", ["-wal", "-shm"])
def test_who_comes_after_the_deletion_writes_nothing_that_nobody_would_see(file, database, beside):
    add(database, 1)
    file.with_name(file.name + beside).unlink()
    told = subprocess.run(
        [sys.executable, "-c", OTHER, f"sqlite:///{file}"], capture_output=True, text=True, check=True, timeout=60
    )
    assert f"its p.db{beside} was deleted while process {os.getpid()} has the database open" in told.stdout
    database.close()
    assert found(Database(f"sqlite:///{file}")) == [1]


def test_the_files_may_go_with_the_last_connection(file, database):
    for value in range(3):
        database.close()
        assert sorted(each.name for each in file.parent.iterdir()) == ["p.db"]
        add(database, value)
        settle(file)
        database.check_file()
    assert found(database) == [0, 1, 2]


def test_what_a_killed_process_left_behind_is_taken_up_again(file, database):
    add(database, 1)
    left = {beside: file.with_name(file.name + beside).read_bytes() for beside in ("", "-wal")}
    for beside, data in left.items():
        file.with_name(f"copy.db{beside}").write_bytes(data)
    assert found(Database(f"sqlite:///{file.with_name('copy.db')}")) == [1]


def test_a_check_asks_for_the_folder_alone_while_nothing_comes_or_goes(file, database, monkeypatch):
    settle(file)
    add(database, 1)
    database.check_file()
    asked = []
    stat = os.stat
    monkeypatch.setattr(os, "stat", lambda path, **how: (asked.append(path), stat(path, **how))[1])
    database.check_file()
    assert asked == [str(file.parent)]
    monkeypatch.undo()
    sqlite3.connect(file.with_name("other.db")).execute("CREATE TABLE x (y)")
    database.check_file()
    assert found(database) == [1]


def test_no_database_is_made_in_the_place_of_one_that_another_process_has_open(file):
    """He would write into the log of the new one, and delete it as he ends."""
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with holder:
        assert holder.stdout.readline() == b"open\n"
        file.unlink()
        with pytest.raises(
            StoreGoneError, match=rf"the file is gone, and process {holder.pid} still has it open\. Put it back"
        ):
            Store.open(f"sqlite:///{file}", Keyring([], ""))
        assert not file.exists()
        holder.stdin.close()
    Store.open(f"sqlite:///{file}", Keyring([], "")).close()
