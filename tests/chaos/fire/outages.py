"""Faults of an installation's database, each for the time of a ``with`` block and at least for longer than it is waited for."""

import contextlib
import sqlite3
import time
from collections.abc import Callable, Iterator

import psycopg
from fire.installation import WAIT_S, Fire

from penstock_testkit.disk import SmallDisk
from penstock_testkit.network import NetworkFaults
from penstock_testkit.postgres import PostgresServer

SLOW_S = 0.2
CUT_BYTES = 3000
DISK_BYTES = 64 << 20

Outages = dict[str, Callable[[Fire], contextlib.AbstractContextManager[None]]]


@contextlib.contextmanager
def locked(fire: Fire) -> Iterator[None]:
    """Another program has the lock of the SQLite file."""
    with contextlib.closing(sqlite3.connect(fire.folder / ".penstock" / "penstock.db", isolation_level=None)) as other:
        other.execute("PRAGMA busy_timeout=20000")
        other.execute("BEGIN IMMEDIATE")
        yield
        time.sleep(2 * WAIT_S)
        other.rollback()


def of_disk(disk: SmallDisk) -> Outages:
    """What can happen to the disk that has the database, the logs and all else."""
    return {"disk full": lambda _: _filled(disk)}


@contextlib.contextmanager
def _filled(disk: SmallDisk) -> Iterator[None]:
    disk.leave(0)
    try:
        yield
        time.sleep(2 * WAIT_S)
    finally:
        disk.empty()


def of_network(proxy: NetworkFaults) -> Outages:
    """What can happen on the way to a database; whoever is under fire goes by way of the proxy."""
    return {
        "cut off": lambda _: _faulty(proxy, proxy.blackhole),
        "refused": lambda _: _faulty(proxy, proxy.refuse),
        "slow": lambda _: _faulty(proxy, lambda: proxy.latency(SLOW_S)),
        "cut amid answers": lambda _: _faulty(proxy, lambda: proxy.cut_after(CUT_BYTES)),
    }


@contextlib.contextmanager
def _faulty(proxy: NetworkFaults, begin: Callable[[], None]) -> Iterator[None]:
    begin()
    try:
        yield
        time.sleep(2 * WAIT_S)
    finally:
        proxy.heal()


def of_server(server: PostgresServer) -> Outages:
    """What can happen to a database of PostgreSQL."""
    return {
        "stopped": lambda _: _down(server, server.stop),
        "crashed": lambda _: _down(server, server.kill),
        "sessions cut": lambda _: _sessions_cut(server),
        "full of sessions": lambda _: _full(server),
        "read only": lambda fire: _read_only(server, fire.environ["PENSTOCK_DATABASE__URL"].rpartition("/")[2]),
    }


@contextlib.contextmanager
def _down(server: PostgresServer, end: Callable[[], None]) -> Iterator[None]:
    end()
    try:
        yield
        time.sleep(2 * WAIT_S)
    finally:
        server.start()


def _cut(server: PostgresServer) -> None:
    with psycopg.connect(server.url, autocommit=True) as session:
        session.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")


@contextlib.contextmanager
def _sessions_cut(server: PostgresServer) -> Iterator[None]:
    _cut(server)
    yield
    _cut(server)


@contextlib.contextmanager
def _full(server: PostgresServer) -> Iterator[None]:
    with contextlib.ExitStack() as taken:
        _cut(server)
        with contextlib.suppress(psycopg.OperationalError):
            while True:
                taken.enter_context(contextlib.closing(psycopg.connect(server.url)))
        yield
        time.sleep(2 * WAIT_S)


@contextlib.contextmanager
def _read_only(server: PostgresServer, database: str) -> Iterator[None]:
    with psycopg.connect(server.url, autocommit=True) as session:
        session.execute(f"ALTER DATABASE {database} SET default_transaction_read_only = on")
        _cut(server)
    try:
        yield
        time.sleep(2 * WAIT_S)
    finally:
        with psycopg.connect(server.url, autocommit=True) as session:
            session.execute(f"ALTER DATABASE {database} RESET default_transaction_read_only")
        _cut(server)
