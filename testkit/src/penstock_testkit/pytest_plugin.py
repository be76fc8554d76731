"""Fixtures of real servers, a guard that lets no test reach beyond this machine, and one against what a test leaves to the next.

Each server starts on first use, on a free port, once a pytest process (so once an xdist worker), and stops at its end.
A server that does not start fails the test with its log; nothing is ever skipped.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

# pytest imports this module at every start, and the servers' libraries take a second: fixtures import them on use.
# ruff: noqa: PLC0415
if TYPE_CHECKING:
    from penstock_testkit.guards.outbound import OutboundGuard
    from penstock_testkit.postgres import PostgresServer
    from penstock_testkit.redshift import RedshiftDatabase, RedshiftServer
    from penstock_testkit.s3 import S3Server
    from penstock_testkit.s3_faults import Proxy
    from penstock_testkit.saas import SaasNet


_guard_key: pytest.StashKey[OutboundGuard] = pytest.StashKey()


def pytest_configure(config: pytest.Config) -> None:
    """Install the guard once a process, which sleeps between tests, and leave out what runs at night."""
    from penstock_testkit.guards.outbound import OutboundGuard
    from penstock_testkit.nightly import Nightly

    config.stash[_guard_key] = OutboundGuard()
    config.addinivalue_line("markers", "nightly: a long sweep, which runs by `nox -s nightly` alone")
    config.pluginmanager.register(Nightly(config), "penstock_nightly")


@pytest.fixture(autouse=True)
def no_outbound_connections(request: pytest.FixtureRequest) -> Iterator[list[str]]:
    """Fail the test when code of this process tries to reach beyond this machine, even if it hides the error.

    Yields the list of what was refused; a test that provokes a refusal on purpose empties it.
    """
    with request.config.stash[_guard_key].watching() as refused:
        yield refused
    if refused:
        pytest.fail("tried to leave this machine: " + "; ".join(refused))


@pytest.fixture(autouse=True)
def no_module_is_left(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Forget the modules that a test has imported from temporary folders: the next one has others of the same names."""
    from penstock_testkit.guards.leftovers import forget_modules, mark_modules

    mark_modules()
    yield
    forget_modules(tmp_path_factory.getbasetemp())


@pytest.fixture
def nothing_left_open(no_module_is_left: None) -> Iterator[None]:
    """Fail the test that leaves a socket or a file to the garbage collector, rather than the one that runs when it looks.

    A look takes some milliseconds, so only folders of tests with clients that are parts of cycles ask for this, for all their tests.
    """
    from penstock_testkit.guards.leftovers import left_to_the_collector, pass_over_what_is_there

    del no_module_is_left
    pass_over_what_is_there()
    yield
    if left := left_to_the_collector():
        pytest.fail("left to the garbage collector: " + "; ".join(left))


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A PostgreSQL server, shared by the session's tests."""
    from penstock_testkit.postgres import postgres

    with postgres() as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """The URL of a new, empty PostgreSQL database."""
    url = postgres_server.create_database()
    yield url
    postgres_server.drop_database(url.rpartition("/")[2])


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    """An S3 server, shared by the session's tests; use `s3`, which is empty for each test."""
    from penstock_testkit.s3 import s3_server as running

    with running() as server:
        yield server


@pytest.fixture
def s3(s3_server: S3Server) -> S3Server:
    """An S3 server without buckets."""
    s3_server.reset()
    return s3_server


@pytest.fixture
def s3_proxy(s3: S3Server) -> Iterator[Proxy]:
    """A proxy before the empty S3 server, which spoils what passes as its `faults` say."""
    from penstock_testkit.s3_faults import s3_proxy as running

    with running(s3.endpoint_url) as proxy:
        yield proxy


@pytest.fixture(scope="session")
def redshift_server(postgres_server: PostgresServer, s3_server: S3Server) -> Iterator[RedshiftServer]:
    """A Redshift test server, shared by the session's tests; use `redshift`, which is empty for each test."""
    from penstock_testkit.redshift import redshift as running

    with running(postgres_server, s3_server) as server:
        yield server


@pytest.fixture
def redshift(redshift_server: RedshiftServer, s3: S3Server) -> Iterator[RedshiftDatabase]:
    """A new, empty database of the Redshift test server, with no faults set and an empty S3 server."""
    del s3
    redshift_server.forget()
    database = redshift_server.create_database()
    yield database
    with contextlib.ExitStack() as stack:
        stack.callback(redshift_server.forget)
        redshift_server.drop_database(database.dbname)


@pytest.fixture(scope="session")
def saas_net() -> Iterator[SaasNet]:
    """A proxy before the fakes of services, shared by the session's tests; use `saas`, which looks at each test.

    Processes that outlive a test get its `env`, and fakes that do are served by it.
    """
    from penstock_testkit.saas import saas_net as running

    with running() as net:
        yield net
        complaints = net.complaints()
    if complaints:
        pytest.fail("between tests: " + "; ".join(complaints))


@pytest.fixture
def saas(saas_net: SaasNet, monkeypatch: pytest.MonkeyPatch) -> Iterator[SaasNet]:
    """A net for the fakes of one test, in this process's environment too.

    The test fails at its end if a host was denied, a fake was asked for what it does not know, or a fault that was
    ordered did not strike. Fakes that the test served are gone then; those of the session forget what happened.
    """
    for name, value in saas_net.env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("urllib.request._opener", None)  # urllib keeps the proxies of its first request for ever
    shared = list(saas_net.apps)
    yield saas_net
    complaints = saas_net.complaints()
    for app in list(saas_net.apps):
        if app not in shared:
            saas_net.remove(app)
    saas_net.forget()
    if complaints:
        pytest.fail("\n".join(complaints))
