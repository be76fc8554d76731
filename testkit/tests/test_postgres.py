import os
import subprocess
import tempfile
from pathlib import Path

import psycopg
import pytest

from penstock_testkit.postgres import PostgresServer, binaries, postgres


def test_a_test_gets_an_empty_database_of_its_own(postgres_url: str):
    with psycopg.connect(postgres_url) as connection:
        tables = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone()
    assert tables == (0,)


def test_a_database_is_a_copy_of_its_template(postgres_server: PostgresServer):
    with psycopg.connect(postgres_server.create_database("tpl")) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS n")
    with psycopg.connect(postgres_server.create_database(template="tpl")) as connection:
        assert connection.execute("SELECT n FROM kept").fetchone() == (7,)


def test_a_dropped_database_is_gone_even_with_a_session_in_it(postgres_server: PostgresServer):
    url = postgres_server.create_database("doomed")
    with psycopg.connect(url):
        postgres_server.drop_database("doomed")
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        psycopg.connect(url)


def test_a_role_other_than_postgres_needs_its_password(postgres_server: PostgresServer):
    with psycopg.connect(postgres_server.url, autocommit=True) as connection:
        connection.execute("CREATE ROLE keeper LOGIN PASSWORD 'right'")
    url = f"postgresql://keeper:{{}}@127.0.0.1:{postgres_server.port}/postgres"
    psycopg.connect(url.format("right")).close()
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(url.format("wrong"))


def test_acknowledged_rows_survive_a_kill_on_the_same_port():
    with postgres() as server:
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute("CREATE TABLE t (n int)")
            for n in range(50):
                connection.execute("INSERT INTO t VALUES (%s)", [n])
            server.kill()
            with pytest.raises(psycopg.OperationalError):
                connection.execute("SELECT 1")
        server.start()
        with psycopg.connect(server.url) as connection:
            assert connection.execute("SELECT count(*) FROM t").fetchone() == (50,)


def test_settings_override_the_defaults_and_the_data_goes_with_the_server():
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        with postgres({"fsync": "on"}, directory=Path(directory)) as server:
            with psycopg.connect(server.url) as connection:
                assert connection.execute("SHOW fsync").fetchone() == ("on",)
            assert server.root.parent == Path(directory)
        assert list(Path(directory).iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root must drop to another user")
def test_a_data_directory_that_nobody_can_reach_is_named(tmp_path: Path):
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    with pytest.raises(PermissionError, match=f"cannot reach {private}"), postgres(directory=private):
        pass


def test_binaries_that_nobody_can_reach_are_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    (private / "pg").symlink_to(binaries().parent)
    monkeypatch.setenv("PG_BINDIR", str(private / "pg" / "bin"))
    with postgres() as server, psycopg.connect(server.url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_directory_without_the_programs_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PG_BINDIR", str(tmp_path))
    with pytest.raises(FileNotFoundError, match=rf"{tmp_path} holds no initdb"), postgres():
        pass


def test_data_that_a_killed_process_left_behind_is_swept_away():
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        orphan, owned = Path(directory) / "penstock-pg-orphan", Path(directory) / "penstock-pg-owned"
        ended = subprocess.Popen(["true"])
        ended.wait()
        for path, owner in ((orphan, ended.pid), (owned, os.getpid())):
            path.mkdir()
            (path / "owner").write_text(str(owner))
        with postgres(directory=Path(directory)):
            assert (orphan.exists(), owned.exists()) == (False, True)


def test_a_server_that_ends_while_starting_shows_its_log():
    with pytest.raises(RuntimeError, match="unrecognized configuration parameter"), postgres({"no_such": "1"}):
        pass


def test_the_server_does_not_run_as_root(postgres_server: PostgresServer):
    assert Path(f"/proc/{postgres_server.pid}").stat().st_uid != 0
