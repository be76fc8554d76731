"""A commit reaches whoever has the stream open; whichever side comes again, nothing is missed and nothing seen twice."""

import asyncio
import http.client
import os
import re
import signal
import threading
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import text

from penstock.app.compose import installation as compose
from penstock.errors import StoreError
from penstock.keeper.status import ServiceState, ServiceStatus, StatusFiles
from penstock.model.access.permission import Role
from penstock.model.access.principal import OWNER, Grant, Principal
from penstock.model.feed.delta import DagDelta
from penstock.model.feed.position import FeedPosition
from penstock.scheduler.executor_faults import ExecutorFaults
from penstock.service.dags import trigger
from penstock.service.stream.changes import ChangeFollower
from penstock.settings import load_settings
from penstock.store.sql import compatibility
from penstock_server.http.application import application
from penstock_server.http.authenticator import unknown
from penstock_server.http.lasting.open_answers import OpenAnswers
from penstock_server.http.reach.address import Address, listen
from penstock_server.http.serve import serve
from penstock_server.stream.event_streams import EventStreams
from penstock_server.stream.events import PrincipalViewer, events
from penstock_server.stream.hub import Wanted
from penstock_testkit.beside import WITHOUT_SERVER
from penstock_testkit.commands.fork_server import penstock


@pytest.fixture
def installation(tmp_path):
    with compose(load_settings({}, tmp_path)) as made:
        yield made


def change(installation, *dag_ids):
    for dag_id in dag_ids:
        with installation.store.transaction() as tx:
            tx.add_deltas([DagDelta(dag_id)], installation.now())


def leave_behind(installation):
    """Have the schema be one of a later Penstock, with which this code may not go on."""
    with installation.store.database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        compatibility.set_floor(connection, "9999")


class KnownAs:
    """Lets one principal in, or nobody."""

    def __init__(self, principal):
        self.known = principal

    def principal(self, _request):
        if self.known is None:
            raise unknown()
        return self.known

    def remembered(self, _request):
        return self.known


@contextmanager
def served(installation, who=OWNER):
    """A server's port, until it was told to stop and has ended."""
    listening, (stop, stopping) = listen(Address(port=0)), os.pipe()
    port, up = listening.getsockname()[1], threading.Event()
    streams = EventStreams(lambda: ChangeFollower(installation))
    known = KnownAs(who)
    answers = OpenAnswers(known)
    made = application(installation, known, more=[events(streams, installation, answers)], answers=answers)
    thread = threading.Thread(target=serve, args=(made, listening, stop, up.set, [streams]))
    thread.start()
    try:
        assert up.wait(30)
        yield port
    finally:
        os.write(stopping, b"x")
        thread.join(30)
        assert not thread.is_alive()
        os.close(stop)
        os.close(stopping)


class Client:
    """One stream, read event by event."""

    def __init__(self, port, query="", last="", token=""):
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=90)
        sent = {"Last-Event-ID": last, "Authorization": f"Bearer {token}" if token else ""}
        self._connection.request(
            "GET", f"/api/v1/events{query}", headers={name: value for name, value in sent.items() if value}
        )
        self.answer = self._connection.getresponse()
        self.last = last

    def event(self):
        fields = {}
        while line := self.answer.readline():
            if line == b"\n" and "event" in fields:
                self.last = fields["id"]
                return fields["event"], msgspec.json.decode(fields["data"])
            if b": " in line:
                name, value = line.decode().rstrip("\n").split(": ", 1)
                fields[name] = value
        return None

    def hear(self, count):
        heard = []
        while len(heard) < count:
            name, deltas = self.event()
            assert name == "changes"
            heard += [each["dag_id"] for each in deltas]
        return heard

    def close(self):
        self._connection.close()
        self.answer.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def test_a_commit_reaches_an_open_stream_and_one_that_comes_again_goes_on_where_it_was(installation):
    with served(installation) as port:
        with Client(port) as first:
            assert first.answer.getheader("Cache-Control") == "no-store"
            assert first.answer.getheader("X-Accel-Buffering") == "no"
            assert first.event() == ("ready", {})
            for number in range(3):
                change(installation, f"d{number}")
                assert first.hear(1) == [f"d{number}"]
        change(installation, "while it was away")
        with Client(port, last=first.last) as again:
            assert again.hear(1) == ["while it was away"]


def test_a_server_that_stops_ends_its_streams_and_the_next_one_goes_on_where_they_were(installation):
    with served(installation) as port:
        client, other = Client(port), Client(port, query="?dag=x")
        assert (client.event(), other.event()) == (("ready", {}), ("ready", {}))
        change(installation, "before")
        assert client.hear(1) == ["before"]
    with client, other:
        for each in (client, other):
            assert each.event() == (
                "end",
                {"reason": "The server stops. Come again: what happens meanwhile is told then."},
            )
            assert each.event() is None
    change(installation, "while the server was away")
    with served(installation) as port, Client(port, query=f"?after={client.last}") as after:
        assert after.hear(1) == ["while the server was away"]
        change(installation, "live")
        assert after.hear(1) == ["live"]


def test_what_services_and_executors_report_into_files_reaches_an_open_stream(installation):
    state = installation.settings.state_folder
    files = StatusFiles(state)
    with served(installation) as port, Client(port) as client, Client(port, query="?dag=x") as other:
        assert (client.event(), other.event()) == (("ready", {}), ("ready", {}))
        (state / "services").mkdir()
        for tell in (
            lambda: files.write(ServiceStatus("web", ServiceState.RUNNING)),
            lambda: files.write(ServiceStatus("web", ServiceState.UNHEALTHY, "no answer")),
            lambda: ExecutorFaults(state, "far").add("it raised"),
        ):
            tell()
            assert client.event() == ("changes", [{"kind": "health"}])
        change(installation, "x")
        assert other.hear(1) == ["x"], "who asks for a DAG is told of that alone"


def test_a_stream_ends_with_the_reason_once_the_schema_has_left_the_server_behind(installation):
    with served(installation) as port:
        with Client(port) as client:
            assert client.event() == ("ready", {})
            leave_behind(installation)
            name, said = client.event()
            assert (name, "its schema is 9999, which this Penstock does not know" in said["reason"]) == ("end", True)
            assert client.event() is None
        with Client(port, last=client.last) as again:
            assert again.answer.status == HTTPStatus.SERVICE_UNAVAILABLE


def test_who_was_told_that_the_schema_has_left_is_let_in_no_more(installation):
    async def told_and_come_again():
        streams = EventStreams(lambda: ChangeFollower(installation))
        viewer, wanted = PrincipalViewer(installation), Wanted(frozenset(), "", frozenset())
        try:
            first = await streams.open(viewer, wanted)
            leave_behind(installation)
            told = [each async for each in first.content]
            with pytest.raises(StoreError, match="its schema is 9999"):
                await streams.open(viewer, wanted)
        finally:
            await streams.end()
        return told[-1]

    assert b"its schema is 9999" in asyncio.run(told_and_come_again())


def test_who_comes_from_elsewhere_begins_anew_and_goes_on(installation):
    with served(installation) as port, Client(port, last=f"{'0' * 16}-0-7") as client:
        assert client.event() == ("reset", {})
        change(installation, "d")
        assert client.hear(1) == ["d"]


NO_STREAMS = {
    "no position": ("?after=x", 422, "position"),
    "too many": ("?" + "&".join(["dag=d"] * 101), 422, "101 DAGs"),
    "no such kind": ("?kind=rnu", 400, "no event is of the kind 'rnu'. Did you mean 'run'?"),
    "no such parameter": ("?dags=d", 400, "there is no parameter 'dags'. Did you mean 'dag'?"),
}


@pytest.mark.parametrize(("query", "status", "told"), NO_STREAMS.values(), ids=NO_STREAMS)
def test_what_is_no_stream_is_refused_in_a_sentence(installation, query, status, told):
    with served(installation) as port, Client(port, query) as client:
        assert client.answer.status == status
        assert client.answer.getheader("Content-Type") == "application/problem+json"
        assert told in msgspec.json.decode(client.answer.read())["detail"]


@pytest.mark.parametrize(
    ("who", "status"), [(None, HTTPStatus.UNAUTHORIZED), (Principal("ann", ()), HTTPStatus.FORBIDDEN)]
)
def test_whoever_is_not_let_in_has_no_stream(installation, who, status):
    with served(installation, who) as port, Client(port) as client:
        assert client.answer.status == status


def test_whoever_may_see_one_dag_is_told_of_that_alone(installation):
    ann = Principal("ann", (Grant(Role.VIEWER, dags=("sales",)),))
    with served(installation, ann) as port, Client(port) as client:
        assert client.event() == ("ready", {})
        change(installation, "stock", "sales")
        assert client.hear(1) == ["sales"]


def test_a_server_that_is_killed_leaves_no_gap_and_nothing_twice(tmp_path):
    with Served(tmp_path) as served, compose(load_settings({}, tmp_path)) as installation:
        with Client(served.port, token=served.token) as client:
            assert client.event() == ("ready", {})
            change(installation, "before")
            assert client.hear(1) == ["before"]
            served.kill()
            with pytest.raises((http.client.IncompleteRead, ConnectionError)):
                client.answer.read()
        change(installation, "while it was away", "and once more")
        served.start()
        with Client(served.port, last=client.last, token=served.token) as again:
            assert again.hear(2) == ["while it was away", "and once more"]
            change(installation, "live")
            assert again.hear(1) == ["live"]


MANY = """
from penstock import DAG, task

with DAG("many", max_active_tasks=2):
    for number in range(8):

        @task(task_id=f"t{number}")
        def nothing(): ...

        nothing()
"""


@pytest.fixture
def killable(tmp_path):
    """A project at work, and what kills its scheduler, which is started again."""
    environ = {**os.environ, **WITHOUT_SERVER}
    assert penstock().run(("init", "--no-example"), tmp_path, environ, seconds=60).code == 0
    (tmp_path / "dags").mkdir(exist_ok=True)
    (tmp_path / "dags" / "many.py").write_text(MANY)
    with (tmp_path / "up.log").open("wb") as log:
        up = penstock().start(["up"], tmp_path, environ, output=log)

    def kill():
        children = Path(f"/proc/{up.pid}/task/{up.pid}/children").read_text().split()
        (scheduler,) = [
            each for each in children if b"penstock.app.scheduler" in Path(f"/proc/{each}/cmdline").read_bytes()
        ]
        os.kill(int(scheduler), signal.SIGKILL)

    try:
        with compose(load_settings({}, tmp_path)) as made:
            yield made, kill
    finally:
        up.terminate()
        up.wait(60)


def told(installation, after, until):
    """What an event tells between two places: of each thing the newest."""
    newest = {}
    for row in installation.store.feed.rows(after, until=until):
        for delta in row.deltas:
            newest.pop(delta.thing, None)
            newest[delta.thing] = msgspec.to_builtins(delta)
    return list(newest.values())


def test_a_scheduler_that_is_killed_beside_an_open_stream_leaves_no_gap_and_nothing_twice(killable):
    installation, kill = killable
    with served(installation) as port, Client(port) as client:
        assert client.event() == ("ready", {})
        heard, places, ended = [], [FeedPosition.of(client.last)], False
        while not ended:
            if "many" in installation.store.dags.ids() and not installation.store.runs.page():
                trigger(installation, "many", run_id="one")
            name, deltas = client.event()
            assert name == "changes"
            places.append(FeedPosition.of(client.last))
            heard += deltas
            assert deltas == told(installation, *places[-2:])
            if kill is not None and [each["kind"] for each in heard].count("task") > 4:
                kill()
                kill = None
            ended = any(each["kind"] == "run" and each["state"] == "success" for each in deltas)
    assert kill is None
    assert places == sorted(set(places))
    tasks = [each for each in heard if each["kind"] == "task"]
    known = {each["task_id"]: (each["state"], each.get("epoch", 0), each.get("ended_at")) for each in tasks}
    stored = installation.store.runs.tasks(installation.store.runs.find("many", "one").run)
    assert known == {each.task_id: (each.state, each.epoch, msgspec.to_builtins(each.ended_at)) for each in stored}


class Served:
    """A server in a process of its own, which can be killed."""

    def __init__(self, folder):
        self.folder = folder
        self._program = None

    @property
    def token(self):
        return (self.folder / ".penstock" / "server.token").read_text()

    def start(self):
        self._program = penstock().start(("server", "start", "--port", "0"), self.folder, os.environ)
        told = self._program.stdout.readline().decode()
        self.port = int(re.search(r"listening on http://[^ ;]*:(\d+)[;.]", told)[1])

    def kill(self):
        self._program.kill()
        self._program.wait(30)
        self._program.stdout.close()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.kill()
