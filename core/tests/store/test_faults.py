import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import text

from penstock.errors import ConfigError, InternalError, PenstockError, StoreError, StoreUnavailableError
from penstock.model.changes import Changes
from penstock.model.connection import Connection
from penstock.model.run import NewRun, RunKind
from penstock.store import Keyring, Store, new_key
from penstock.store.sql.driver_errors import translated

OPEN = """
import sys
from datetime import UTC, datetime
from penstock.errors import StoreError, ConfigError
from penstock.model.changes import Changes
from penstock.model.run import NewRun, RunKind, XCom
from penstock.store import Keyring, Store
now = datetime.now(UTC)
def write(store, i=0, size=1):
    (run,) = store.apply(Changes(new_runs=[NewRun("d", f"r{i}", RunKind.MANUAL, None, None, None)]), now)
    store.apply(Changes(xcoms=[XCom(run.run, "t", -1, "k", b"x" * size)]), now)
try:
    store = Store.open(sys.argv[1], Keyring([], "none"))
"""
TELL = """
except (StoreError, ConfigError) as error:
    print(error)
"""


def run_child(url, code, **how):
    script = OPEN + textwrap.indent(textwrap.dedent(code), "    ") + TELL
    done = subprocess.run(
        [sys.executable, "-c", script, url], capture_output=True, text=True, check=False, timeout=60, **how
    )
    assert done.stderr == ""
    return done.stdout


@pytest.fixture
def shared_folder():
    """A folder that another user can reach; root may write anywhere, and so the child must be someone else."""
    folder = Path(tempfile.mkdtemp(prefix="penstock-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def told_to_another_user(action):
    """The error that the action ends with in a process without root's rights, which know no read-only file."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            if os.geteuid() == 0:
                os.setgroups([])
                os.setgid(65534)
                os.setuid(65534)
            action()
            os.write(writer, b"no error")
        except PenstockError as error:
            os.write(writer, str(error).encode())
        finally:
            os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    with os.fdopen(reader) as told:
        return told.read()


def new(run_id):
    return Changes(new_runs=[NewRun("d", run_id, RunKind.MANUAL, None, None, None)])


@pytest.mark.parametrize(("folder", "file"), [(0o555, 0o666), (0o777, 0o444)], ids=["folder", "file"])
def test_a_read_only_folder_or_file_is_a_sentence(shared_folder, keyring, now, folder, file):
    path = shared_folder / "p.db"
    url = f"sqlite:///{path}"
    Store.open(url, keyring).close()
    path.chmod(file)
    shared_folder.chmod(folder)

    def write():
        with Store.open(url, keyring) as store:
            store.apply(new("r"), now)

    told = told_to_another_user(write)
    assert told.startswith(f"database {path}: the file")
    assert "read-only" in told or "cannot be opened" in told


def test_a_folder_that_cannot_be_made_is_a_sentence(shared_folder, keyring):
    shared_folder.chmod(0o555)
    told = told_to_another_user(lambda: Store.open(f"sqlite:///{shared_folder}/below/p.db", keyring))
    assert "below: it cannot be made: Permission denied" in told


def test_a_full_disk_is_a_sentence_and_loses_nothing_that_was_acknowledged(tmp_path, keyring, now):
    url = f"sqlite:///{tmp_path}/p.db"
    Store.open(url, keyring).close()
    told = run_child(
        url,
        """
        for i in range(1000):
            write(store, i, 20_000)
            print(i, flush=True)
        """,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, 600_000)),
    )
    *numbers, sentence = told.splitlines()
    assert "the disk refused to read or write: full" in sentence or "the disk is full" in sentence
    with Store.open(url, keyring) as store:
        assert store.check() == []
        found = {each.run.run_id for each in store.runs.live()}
        assert {f"r{number}" for number in numbers} <= found
        store.apply(new("after"), now)


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda data: b"this is no database at all" * 100, "no SQLite database, or a damaged one"),
        (lambda data: data[:100] + b"\xff" * 4000 + data[4100:], "is damaged|no SQLite database"),
        (lambda data: data[:8192], "is damaged|its tables do not fit"),
    ],
    ids=["other file", "overwritten", "cut short"],
)
def test_a_corrupt_file_is_a_sentence(tmp_path, keyring, now, damage, sentence):
    path = tmp_path / "p.db"
    with Store.open(f"sqlite:///{path}", keyring) as store:
        for i in range(50):
            store.apply(new(f"r{i}"), now)
    path.write_bytes(damage(path.read_bytes()))

    def use():
        with Store.open(f"sqlite:///{path}", keyring) as store:
            store.runs.live()
            store.apply(new("after"), now)

    with pytest.raises(StoreError, match=rf"{path}: .*({sentence})"):
        use()


def test_check_finds_damage_that_opening_does_not(tmp_path, keyring, now):
    path = tmp_path / "p.db"
    with Store.open(f"sqlite:///{path}", keyring) as store:
        for i in range(20):
            store.apply(new(f"r{i}"), now)
        with store.transaction() as tx:
            tx.execute(text("PRAGMA writable_schema = ON"))
            tx.execute(text("UPDATE sqlite_master SET rootpage = 2 WHERE name = 'run_state'"))
    with Store.open(f"sqlite:///{path}", keyring) as store:
        found = store.check()
    assert found
    assert all(sentence.startswith(f"database {path}: ") for sentence in found)


def test_what_is_committed_to_sqlite_is_flushed_to_the_disk(tmp_path, keyring):
    with Store.open(f"sqlite:///{tmp_path}/p.db", keyring) as store, store.transaction() as tx:
        settings = [
            tx.execute(text(f"PRAGMA {name}")).scalar() for name in ("synchronous", "journal_mode", "foreign_keys")
        ]
    assert settings == [2, "wal", 1], "FULL is 2: https://www.sqlite.org/pragma.html#pragma_synchronous"


def test_a_lock_that_is_never_given_back_is_a_sentence_and_the_wait_has_an_end(tmp_path, keyring, now):
    path = tmp_path / "p.db"
    with Store.open(f"sqlite:///{path}", keyring, wait_s=0.1) as store:
        blocker = sqlite3.connect(path, isolation_level=None)
        blocker.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailableError, match=r"locked for longer than 0\.1 s"):
            store.apply(new("r"), now)
        assert store.runs.live() == [], "readers go on"
        blocker.rollback()
        blocker.close()
        store.apply(new("r"), now)


def test_a_server_that_is_not_there_is_a_sentence_without_the_password(keyring):
    with pytest.raises(StoreError, match="the server cannot be reached") as caught:
        Store.open("postgresql://me:geheim@127.0.0.1:1/db", keyring)
    assert "geheim" not in str(caught.value)


def test_a_missing_database_is_a_sentence(postgres_tables_url, keyring):
    with pytest.raises(StoreError, match=r"does not exist"):
        Store.open(postgres_tables_url + "_gone", keyring)


def test_a_role_without_rights_is_a_sentence(postgres_tables_url, keyring, now):
    with Store.open(postgres_tables_url, keyring) as store, store.transaction() as tx:
        tx.execute(text("CREATE ROLE weak LOGIN PASSWORD 'w'"))
    try:
        with pytest.raises(StoreError, match=r"permission denied.*Grant this role"):
            Store.open(postgres_tables_url.replace("postgres@", "weak:w@"), keyring)
    finally:
        with Store.open(postgres_tables_url, keyring) as store, store.transaction() as tx:
            tx.execute(text("DROP ROLE weak"))


def test_a_store_goes_on_after_its_sessions_were_cut(postgres_tables_url, keyring, now):
    with Store.open(postgres_tables_url, keyring) as store, Store.open(postgres_tables_url, keyring) as other:
        store.apply(new("a"), now)
        with other.transaction() as tx:
            tx.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            )
        store.apply(new("b"), now)
        assert [each.run.run_id for each in store.runs.live()] == ["a", "b"]


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("mysql://h/db", "works with sqlite:// and postgresql:// only"),
        ("sqlite://", "in memory cannot be shared"),
        ("nonsense", "cannot be read"),
    ],
)  # fmt: skip
def test_a_url_that_cannot_be_used_is_a_sentence(keyring, url, sentence):
    with pytest.raises(ConfigError, match=sentence):
        Store.open(url, keyring)


def test_an_error_that_nobody_foresaw_is_called_a_fault_of_ours():
    assert isinstance(translated(sqlite3.ProgrammingError("strange"), "x", 1), InternalError)


SECRET = Connection("c", "aws", password="hunter2-in-the-clear")


def test_secrets_are_not_in_the_clear_at_rest(tmp_path, keyring, now):
    with Store.open(f"sqlite:///{tmp_path}/p.db", keyring) as store:
        store.config.put_connection(SECRET, now)
        store.config.put_variable("v", "variable-in-the-clear", now)
        assert store.config.connection("c") == SECRET
        assert store.config.variable("v") == "variable-in-the-clear"
    for file in tmp_path.iterdir():
        if file.is_file():
            assert b"in-the-clear" not in file.read_bytes()


def test_a_wrong_key_is_a_sentence_that_names_where_it_came_from(store, url, now):
    store.config.put_connection(SECRET, now)
    store.config.put_variable("v", "1", now)
    with Store.open(url, Keyring([new_key()], "/state/secret.key")) as other:
        for use in (
            lambda: other.config.connection("c"),
            lambda: other.config.variable("v"),
            other.config.connections,
            other.config.variables,
            lambda: other.config.put_variable("w", "2", now),
            lambda: other.config.put_connection(SECRET, now),
        ):
            with pytest.raises(ConfigError, match=r"cannot be decrypted with the key in /state/secret\.key"):
                use()
        assert other.config.connection_ids() == ["c"]
        assert other.config.variable_keys() == ["v"], "nothing was written with the wrong key"


def test_keys_are_rotated_by_putting_a_new_one_first(url, now):
    old, newer = new_key(), new_key()
    with Store.open(url, Keyring([old], "test")) as store:
        store.config.put_connection(SECRET, now)
        store.config.put_variable("v", "1", now)
    with Store.open(url, Keyring([newer, old], "test")) as store:
        assert store.config.variable("v") == "1"
        assert store.config.rotate_keys() == 2
    with Store.open(url, Keyring([newer], "test")) as store:
        assert (store.config.connection("c"), store.config.variable("v")) == (SECRET, "1")
        store.config.put_variable("w", "2", now)
    with Store.open(url, Keyring([old], "test")) as store, pytest.raises(ConfigError):
        store.config.variable("v")


def test_a_key_file_is_made_once_for_its_owner_alone(tmp_path):
    path = tmp_path / "state" / "secret.key"
    token = Keyring.of_file(path).encrypt(b"x")
    assert path.stat().st_mode & 0o777 == 0o600
    assert Keyring.of_file(path).decrypt(token, "it") == b"x"
    assert [file.name for file in path.parent.iterdir()] == ["secret.key"]


def test_a_key_file_that_cannot_be_used_is_a_sentence(tmp_path):
    path = tmp_path / "secret.key"
    with pytest.raises(ConfigError, match="there is no key file"):
        Keyring.of_file(path, create=False)
    path.write_text(Fernet.generate_key().decode())
    path.chmod(0o644)
    with pytest.raises(ConfigError, match=f"chmod 600 {path}"):
        Keyring.of_file(path)
    path.chmod(0o600)
    path.write_text("too short")
    with pytest.raises(ConfigError, match=r"secret\.key: no usable key"):
        Keyring.of_file(path).encrypt(b"x")
    path.write_text("")
    with pytest.raises(ConfigError, match=r"secret\.key: no usable key"):
        Keyring.of_file(path).encrypt(b"x")
