"""A worker that speaks over real HTTP to the real execution API, without the server package; answers can be cut and refused."""

import socket
import threading
import time
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import pytest

from penstock.client.server_address import server_address
from penstock.clock import SystemClock
from penstock.errors import NotFoundError, PenstockError
from penstock.model.attempt import TryEnd
from penstock.model.changes import Changes
from penstock.model.remote.execution_messages import (
    CONTENT_TYPE,
    PREFIX,
    ClaimTickets,
    Renewal,
    Reports,
    TryQuestion,
    worker_name,
)
from penstock.model.remote.remote_try import OfferedTry, WorkerStatus
from penstock.model.run import NewRun, RunKind, TaskKey
from penstock.model.state import Outcome
from penstock.plugins.host import PluginHost
from penstock.service.execution.execution import Execution
from penstock.service.execution.try_files import TryFiles
from penstock.service.installation import Installation
from penstock.settings import load_settings
from penstock.spec.executor import PlanCode, TryAsked, TryFacts, TryFinished, TryRequest, TryStarted
from penstock.store import Keyring, Store, new_key
from penstock.tries.paths import log_path
from penstock.tries.remote.tickets import ticket, ticket_name
from penstock.tries.vault import Vault
from penstock.tries.vault_sources import StoreSource
from penstock.worker.execution_client import ExecutionClient
from penstock.worker.ticket_worker import TicketWorker
from penstock.worker.worker_plan import WorkerPlan

NOW = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
PATIENCE_S = 60.0
SHARED = PlanCode("acme.copy")
KINDS = {"claims": ClaimTickets, "renewals": Renewal, "asks": TryQuestion, "reports": Reports}


def until(ready, what):
    end = time.monotonic() + PATIENCE_S
    while not (found := ready()):
        assert time.monotonic() < end, what
        threading.Event().wait(0.005)
    return found


class Site:
    """An installation that offers tries, behind a port.

    Attributes:
        fault: Told of each message with its route; what it gives is done in place of the answer: ``cut`` after the work, or an answer.
    """

    def __init__(self, installation):
        self.installation, self.store = installation, installation.store
        self.execution, self.heard, self.fault = Execution(installation), [], lambda _route, _message: None
        self.run = self.store.apply(Changes(new_runs=[NewRun("sales", "one", RunKind.MANUAL, NOW, NOW, NOW)]), NOW)[
            0
        ].run
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                route = self.path.removeprefix(f"{PREFIX}/")
                body = self.rfile.read(int(self.headers["Content-Length"]))
                message = (
                    msgspec.msgpack.decode(body, type=KINDS[route]) if route in KINDS else self.headers["Authorization"]
                )
                site.heard.append((route, message))
                fault = site.fault(route, message)
                if isinstance(fault, tuple):
                    return self.answer(*fault)
                try:
                    found = site.answer(route, message)
                except PenstockError as error:
                    status = 404 if isinstance(error, NotFoundError) else 422
                    return self.answer(status, msgspec.json.encode({"detail": str(error)}), "application/problem+json")
                if fault == "cut":
                    self.close_connection = True
                    return None
                content = found if isinstance(found, bytes) else msgspec.msgpack.encode(found)
                return self.answer(200, content, CONTENT_TYPE)

            def answer(self, status, body, kind):
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                """Nothing: the test says what went wrong."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def answer(self, route, message):
        route, _, name = route.partition("/")
        if route not in KINDS:
            files, token = self.execution.files, message.removeprefix("Bearer ")
            if route == "snapshots":
                return files.snapshot(token, name)
            if not name:
                return files.environment(token)
            digest, *part = name.split("/")
            return files.piece(token, digest, *part) if len(part) > 1 else files.distribution(token, digest, *part)
        if route != "renewals":
            return {"claims": self.execution.claim, "asks": self.execution.ask, "reports": self.execution.report}[
                route
            ](message)
        doubtful = self.execution.renew(message, announced=True)
        answer = msgspec.structs.replace(self.execution.answers([message])[0], doubtful=doubtful)
        if answer.empty and message.wait_s:
            threading.Event().wait(0.05)
        return answer

    def offer(self, task_id="extract", lease_s=60.0, code=SHARED):
        request = TryRequest(self.run, 1, TryFacts("sales", "one", task_id), code, "file:///nowhere")
        name = ticket_name("installation", request)
        content = msgspec.msgpack.encode(request)
        offered = OfferedTry(
            name, TaskKey(self.run, task_id, -1), 1, "sales", "one", "far", "default", content, lease_s
        )
        self.store.remote_tries.offer([offered], "scheduler", NOW)
        return ticket(self.store.keyring, name, request)

    def serve_environments(self, isolated):
        snapshots = self.installation.settings.state_folder / "snapshots"
        self.execution.files = TryFiles(self.store.keyring, self.store.remote_tries, snapshots, isolated)

    def ends(self):
        found = self.store.remote_tries.news("scheduler", "far")
        return {each.name: msgspec.msgpack.decode(each.ended, type=TryEnd) for each in found if each.ended}

    def log(self, task_id="extract"):
        path = log_path(self.installation.settings.logs_folder, "sales", "one", TaskKey(self.run, task_id, -1), 1)
        return path.read_bytes() if path.exists() else b""

    def messages(self, route):
        return [message for of, message in self.heard if of == route]


class Tries:
    """Where the tries of a worker run: they do what a test says."""

    def __init__(self):
        self.submitted, self.cancelled, self.until_s, self._events, self.replies = {}, {}, 0.0, [], []
        self.adopted = {}
        self._read, self._write = socket.socketpair()

    def start(self):
        """Nothing to do."""

    def fileno(self):
        return self._read.fileno()

    def adopt(self, name, python):
        self.adopted[name] = Path(python)

    def submit(self, tries):
        self.submitted |= {each.facts.task_id: each for each in tries}

    def cancel(self, tries, reason):
        for key, epoch in tries:
            self.cancelled[key.task_id] = reason
            self._tell(TryFinished(key, epoch, NOW, TryEnd(Outcome.CANCELLED, reason)))

    def begin(self, task_id):
        request = self.submitted[task_id]
        self._tell(TryStarted(request.key, request.epoch, 1, NOW))

    def end(self, task_id, end=None):
        request = self.submitted[task_id]
        self._tell(TryFinished(request.key, request.epoch, NOW, end or TryEnd(Outcome.SUCCESS)))

    def ask(self, task_id, ask):
        request = self.submitted[task_id]
        self._tell(TryAsked(request.key, request.epoch, 1, ask))

    def reply(self, asked, reply):
        self.replies.append(reply)

    def renew_lease(self, until_s):
        self.until_s = until_s

    def events(self):
        events, self._events = self._events, []
        if events:
            self._read.recv(4096)
        return events

    def stop(self, grace_s):
        self._read.close()
        self._write.close()

    def _tell(self, event):
        self._events.append(event)
        self._write.send(b"x")


class Source:
    """Brings what a test puts into it."""

    def __init__(self):
        self.sink, self.stopped = None, threading.Event()

    def listen(self, sink):
        self.sink = sink
        self.stopped.wait()

    def stop(self):
        self.stopped.set()


class Pool:
    """A worker that runs in a thread."""

    def __init__(self, site, folder, **plan):
        self.site, self.tries, self.source, self.said, self.told = site, Tries(), Source(), [], []
        clock = plan.pop("clock", SystemClock())
        key = "the-key-of-a-worker"
        status = WorkerStatus(worker_name("host-1", key), "far", ("default",), "host", "1.0", plan.pop("slots", 2))
        plan = {"isolated": folder / "none.json", **plan}
        plan = WorkerPlan(status, key, "token", folder, folder / "own", **plan)
        client = ExecutionClient(server_address(site.url), 5.0)
        self.worker = TicketWorker(plan, client, self.tries, self.source, clock, self.said.append)
        self.raised = None
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()
        until(lambda: self.source.sink is not None, "it listens")

    def run(self):
        try:
            self.worker.run()
        except PenstockError as error:
            self.raised = error

    def bring(self, secret):
        self.source.sink.take(secret, self.told.append, self.told.append)

    def runs(self, task_id="extract"):
        return until(lambda: self.tries.submitted.get(task_id), f"{task_id} runs")

    def print(self, data, task_id="extract"):
        with Path(urlsplit(self.runs(task_id).log).path).open("ab") as file:
            file.write(data)

    def over(self):
        self.thread.join(PATIENCE_S)
        return not self.thread.is_alive()


@pytest.fixture
def site(tmp_path, sqlite_tables_url):
    with Store.open(sqlite_tables_url, Keyring([new_key()], "test")) as store:
        installation = Installation(
            load_settings({}, tmp_path), SystemClock(), open_store=lambda _: store, find_plugins=lambda: PluginHost([]),
            open_vault=lambda store: Vault([StoreSource(store)]),
        )  # fmt: skip
        site = Site(installation)
        yield site
        site.server.shutdown()
        site.server.server_close()


@pytest.fixture
def pool(site, tmp_path):
    made = []

    def pool(**plan):
        made.append(Pool(site, tmp_path / f"worker-{len(made)}", **plan))
        return made[-1]

    yield pool
    site.fault = lambda _route, _message: None
    for each in made:
        for _ in range(2):
            each.worker.drain()
        assert each.over()
