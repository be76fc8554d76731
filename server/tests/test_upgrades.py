"""The database is upgraded while servers run: of the code before, and of the code after."""

import json
import os
import threading
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from sqlalchemy import text
from starlette.responses import Response
from starlette.routing import Route

from penstock.store import upgrade
from penstock.store.sql import compatibility, schema, tables
from penstock.store.sql.database import Database
from penstock_server.http.application import application
from penstock_server.http.authenticator import OwnerToken
from penstock_server.http.health import health_routes
from penstock_server.http.reach.address import Address, listen
from penstock_server.http.schema_check import LOOKS_S
from penstock_server.upgrades import upgraded

RUNS = "/api/v1/dags/sales/runs"


def newer(installation, floor):
    """Leave the database as a newer Penstock would."""
    with installation.store.database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        compatibility.set_floor(connection, floor)


def test_a_server_goes_on_beside_a_newer_schema_that_only_adds_to_its_own(call, installation):
    newer(installation, schema.HEAD)
    assert call("POST", RUNS, {"run_id": "one"}).status == 200
    assert call("GET", "/health/ready").status == 200


def test_a_server_of_older_code_changes_and_reads_nothing_of_a_newer_schema_and_says_why(call, installation):
    assert call("GET", "/api/v1/dags").status == 200
    newer(installation, "9999")
    refused = call("POST", RUNS, {"run_id": "one"})
    assert refused.status == 503
    assert refused.json["detail"].endswith(
        "its schema is 9999, which this Penstock does not know (its newest is "
        f"{schema.HEAD}). A newer Penstock has worked on it: upgrade penstock-core here, or restore a backup. "
        "Then start this server anew: until then, it answers nothing else."
    )
    assert installation.store.runs.page() == []
    installation.clock.advance(LOOKS_S + 0.1)
    for path in ("/api/v1/dags", "/health/ready", "/metrics"):
        assert call("GET", path).status == 503
    assert call("GET", "/health/live").status == 200


def test_all_that_is_served_is_checked_but_whether_the_server_x(installation, caller):
    async def odd(request):
        return Response("odd")

    call = caller(application(installation, OwnerToken("a-secret"), more=[Route("/auth/odd", odd, methods=["POST"])]))
    served = [(each.path, "GET") for each in health_routes(installation, OwnerToken("a-secret"))]
    served += [("/auth/odd", "POST"), ("/api", "GET"), ("/api/v1/events", "GET"), ("/", "GET"), ("/dags/sales", "GET")]
    newer(installation, "9999")
    found = {path: call(method, path).status for path, method in served}
    assert {path for path, status in found.items() if status != 503} == {"/health/live", "/", "/dags/sales"}


def test_a_read_looks_at_the_schema_at_most_once_a_second(call, installation):
    call("GET", "/api/v1/dags")
    newer(installation, "9999")
    assert call("GET", "/api/v1/dags").status == 200
    installation.clock.advance(LOOKS_S + 0.1)
    assert call("GET", "/api/v1/dags").status == 503


@pytest.fixture(params=["sqlite", "postgres"])
def older(request, tmp_path, monkeypatch):
    """The URL of a database of the schema before, which is that of the folder's installation."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".penstock").mkdir()
    file = f"sqlite:///{tmp_path}/.penstock/penstock.db"
    url = file if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    monkeypatch.setenv("PENSTOCK_DATABASE__URL", url)
    database = Database(url)
    with database.write() as connection:
        schema.migrate(connection, tables.REVISIONS[-2])
    database.close()
    return url


class Waiting:
    """A server that waits for an upgrade, in a thread."""

    def __init__(self, listening):
        self.url, self.said, self.answer = Address().url(listening), [], []
        self._stop, self.stopping = os.pipe()
        self._told = threading.Event()
        self._thread = threading.Thread(target=lambda: self.answer.append(upgraded(listening, self._stop, self._tell)))
        self._thread.start()

    def _tell(self, said):
        self.said.append(said)
        self._told.set()

    def until_it_waits(self):
        assert self._told.wait(30)

    def ended(self):
        self._thread.join(30)
        os.close(self._stop)
        os.close(self.stopping)
        return self.answer


def test_a_server_that_was_started_first_says_what_is_to_be_done_and_goes_on_after_the_upgrade(older):
    with listen(Address(port=0)) as listening:
        waiting = Waiting(listening)
        waiting.until_it_waits()
        for path in ("/api/v1/dags", "/health/ready", "/"):
            with pytest.raises(HTTPError) as refused:
                urlopen(waiting.url + path, timeout=30)
            assert refused.value.code == 503
            assert "run `penstock db upgrade`: the server goes on by itself" in json.load(refused.value)["detail"]
        assert upgrade(older) == (tables.REVISIONS[-2], schema.HEAD)
        assert waiting.ended() == [True]
        assert listening.fileno() >= 0, "the socket is needed on"
    with listen(Address(port=0)) as listening:
        assert upgraded(listening, 0, print), "it waits for nothing"


def test_a_server_that_waits_for_an_upgrade_can_be_stopped(older):
    with listen(Address(port=0)) as listening:
        waiting = Waiting(listening)
        waiting.until_it_waits()
        os.write(waiting.stopping, b"x")
        assert waiting.ended() == [False]
