"""Workers of an installation that speak to its execution API, honestly or not."""

from contextlib import contextmanager

import msgspec
import pytest

from penstock.model.changes import Changes
from penstock.model.remote.execution_messages import (
    CONTENT_TYPE,
    PREFIX,
    ClaimAnswer,
    ClaimTickets,
    Renewal,
    RenewalAnswer,
    ReportAnswer,
    Reports,
    TryReport,
    worker_name,
)
from penstock.model.remote.remote_try import OfferedTry, WorkerStatus
from penstock.model.run import NewRun, RunKind, TaskKey
from penstock.spec.executor import FileCode, TryFacts, TryRequest
from penstock.tries.remote.tickets import ticket, ticket_name
from penstock_server.execution.execution_api import ExecutionApi
from penstock_server.http.application import application
from penstock_server.http.authenticator import OwnerToken

OWNER = "the-token-of-the-owner"
SALES = FileCode("a" * 64, "sales.py", {})
encode = msgspec.msgpack.Encoder().encode


class Site:
    """An installation that offers tries, and its server."""

    def __init__(self, installation, caller):
        self.installation, self.store = installation, installation.store
        self.now = installation.clock.now()
        self.run = self.store.apply(
            Changes(new_runs=[NewRun("sales", "one", RunKind.MANUAL, self.now, self.now, self.now)]), self.now
        )[0].run
        self.api = ExecutionApi(installation, OwnerToken(OWNER))
        self.caller = caller(application(installation, OwnerToken(OWNER), execution=self.api))

    def offer(self, task_id="extract", epoch=1, code=SALES):
        """A ticket."""
        request = TryRequest(self.run, epoch, TryFacts("sales", "one", task_id), code, "file:///nowhere")
        name = ticket_name("installation", request)
        key = TaskKey(self.run, task_id, -1)
        tries = [OfferedTry(name, key, epoch, "sales", "one", "celery", "default", encode(request), 60.0)]
        self.store.remote_tries.offer(tries, "scheduler", self.now)
        return ticket(self.store.keyring, name, request)

    def send(self, route, shown, message, **headers):
        """An answer to a request as it goes over the wire."""
        body = message if isinstance(message, bytes) else encode(message)
        authorization = f"Bearer {shown}" if shown else ""
        return self.caller(
            "POST",
            f"{PREFIX}/{route}",
            body,
            **{"content_type": CONTENT_TYPE, "authorization": authorization, **headers},
        )

    def news(self):
        """What is stored of tries that were claimed or have ended."""
        return {each.name: each for each in self.store.remote_tries.news("scheduler", "celery")}


class Worker:
    """A worker of a site."""

    def __init__(self, site, key="the-key-of-a-worker"):
        self.site, self.key, self.name = site, key, worker_name("host-1", key)

    def claim(self, *tickets, shown=OWNER, text="a-claim-of-tests", name=None):
        message = ClaimTickets(
            self.name if name is None else name, self.key, text, tuple(each.secret for each in tickets)
        )
        answer = self.site.send("claims", shown, message)
        return answer if answer.status != 200 else msgspec.msgpack.decode(answer.body, type=ClaimAnswer).tries

    def renew(self, *tokens, shown=OWNER, name=None, **given):
        message = Renewal(
            WorkerStatus(self.name if name is None else name, "celery", ("default",), slots=4),
            self.key,
            tokens,
            **given,
        )
        answer = self.site.send("renewals", shown, message)
        return answer if answer.status != 200 else msgspec.msgpack.decode(answer.body, type=RenewalAnswer)

    def report(self, token, log=None, end=None, shown=None):
        answer = self.site.send("reports", shown or token, Reports((TryReport(token, log, end),)))
        return answer if answer.status != 200 else msgspec.msgpack.decode(answer.body, type=ReportAnswer).tries[0]


@contextmanager
def unchanged(site):
    """Nothing of any try may change meanwhile."""
    before = site.news()
    yield
    assert site.news() == before


@pytest.fixture
def site(installation, caller):
    return Site(installation, caller)


@pytest.fixture
def worker(site):
    return Worker(site)


@pytest.fixture
def other(site):
    return Worker(site, "the-key-of-another")
