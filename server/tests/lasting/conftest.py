"""An answer that lasts, asked for by a user who may lose the right to it, and read as it comes or not at all."""

import asyncio
from typing import NamedTuple
from urllib.parse import unquote

import pytest

from penstock.model.access.permission import Role
from penstock.model.access.principal import Grant
from penstock.model.changes import Changes
from penstock.model.run import TaskInstance, Try
from penstock.model.state import TaskState
from penstock.service import dags
from penstock.service.access.grants import grant
from penstock.service.access.principals import Principals
from penstock.service.access.tokens import create_token
from penstock.service.access.users import add_user_with_password
from penstock.service.logs import task_logs
from penstock.service.stream.changes import ChangeFollower
from penstock_server.access.user_authenticator import UserAuthenticator
from penstock_server.http.application import application
from penstock_server.http.authenticator import OwnerToken
from penstock_server.http.lasting.open_answers import OpenAnswers
from penstock_server.stream.event_streams import EventStreams
from penstock_server.stream.events import events

HASH = "$argon2id$v=19$m=8,t=1,p=1$c2VzYW1lLXNhbHQ$c2VzYW1lLWhhc2g"
LOGS = "/api/v1/dags/sales/runs/one/tasks/extract/log"
AGAIN_S = 0.01


class User(NamedTuple):
    """A user by a token and by a session.

    Attributes:
        name: As the server knows it.
        token: The secret of the token.
        token_id: Its id.
        cookie: The session, as browsers send it.
        session_id: Its id.
        grant: The number of the grant.
    """

    name: str
    token: str
    token_id: str
    cookie: str
    session_id: str
    grant: int


class Sent:
    """What was sent of an answer; one that is not read takes its first piece and no more."""

    def __init__(self, *, read):
        self._read = read
        self.status, self.headers, self.body, self.whole, self.begun = 0, {}, b"", False, asyncio.Event()

    async def send(self, message):
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
            return
        self.body += message["body"]
        self.whole = not message.get("more_body", False)
        if self.body or self.whole:
            self.begun.set()
        if not self._read and not self.whole:
            await asyncio.Event().wait()


class Server:
    """The application, and who it knows."""

    def __init__(self, installation, grace_s=0.01):
        self.installation = installation
        self.principals = Principals(installation)
        self._authenticator = UserAuthenticator(self.principals, OwnerToken("owner"), "here")
        self.answers = OpenAnswers(self._authenticator, again_s=AGAIN_S, grace_s=grace_s)
        streams = EventStreams(lambda: ChangeFollower(installation), look_s=0.001)
        self.application = application(
            installation, self._authenticator, more=[events(streams, installation, self.answers)], answers=self.answers
        )

    def user(self, name, given=None):
        """Add one, who may operate the DAGs that have the tag "daily"."""
        add_user_with_password(self.installation, name, HASH)
        held = grant(self.installation, name, given or Grant(Role.OPERATOR, tags=("daily",)))
        token = create_token(self.installation, "test", user=name)
        session = self.principals.sign_in(name)
        cookie = f"{self._authenticator._name}={session.secret}"
        return User(name, token.secret, token.token.token_id, cookie, session.session.session_id, held.number)

    async def ask(self, path, sent, **headers):
        """Ask for an answer; returns once it is over."""
        raw, _, query = path.partition("?")
        given = {"host": "localhost", **headers}
        scope = {
            "type": "http", "http_version": "1.1", "method": "GET", "scheme": "http", "root_path": "",
            "path": unquote(raw), "raw_path": raw.encode(), "query_string": query.encode(),
            "headers": [(name.encode(), value.encode()) for name, value in given.items()],
            "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8080),
        }  # fmt: skip
        messages = [{"type": "http.request", "body": b"", "more_body": False}]

        async def receive():
            return messages.pop() if messages else await asyncio.Event().wait()

        await self.application(scope, receive, sent.send)

    async def get(self, path, **headers):
        """Ask for an answer that ends by itself."""
        sent = Sent(read=True)
        await self.ask(path, sent, **headers)
        return sent


@pytest.fixture
def log(installation, now):
    """The file of the log of a try that runs."""
    run = dags.trigger(installation, "sales", run_id="one").run
    running = Try(run.run, "extract", -1, 1, 1, "local", now)
    task = TaskInstance(run.run, "extract", -1, TaskState.RUNNING, 1, 1)
    installation.store.apply(Changes(tasks=[task], tries=[running]), now)
    path = task_logs(installation, "sales", "extract")[0].path
    path.parent.mkdir(parents=True)
    path.write_bytes(b"a line\n" * 40_000)
    return path


@pytest.fixture
def serve(installation, log):
    """Makes a server; what is ended has so many seconds to say so."""
    return lambda grace_s: Server(installation, grace_s)


@pytest.fixture
def server(serve):
    return serve(0.01)
