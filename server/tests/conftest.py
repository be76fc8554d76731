"""An installation with DAGs in it, and a caller that speaks ASGI to the application without a socket."""

import asyncio
import json
import shutil
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import unquote

import pytest

from penstock.model.dag import DagSpec, ParamSpec, TaskSpec
from penstock.model.schedule import Schedule, ScheduleKind
from penstock.model.source import ParsedFile
from penstock.plugins.host import PluginHost
from penstock.service.installation import Installation
from penstock.settings import load_settings
from penstock.store import Keyring, LoaderCatalog, Store, new_key
from penstock.testing import FakeClock
from penstock.tries.vault import Vault
from penstock.tries.vault_sources import StoreSource
from penstock_server.http.application import application
from penstock_server.http.authenticator import OwnerToken

NOW = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
SECRET = "a-secret-of-tests"
DAGS = (
    DagSpec(
        "sales",
        "sales.py",
        (TaskSpec("extract"), TaskSpec("load", upstream=("extract",))),
        schedule=Schedule(ScheduleKind.CRON, crons=("0 * * * *",), text="@hourly"),
        start_date=datetime(2026, 1, 1, tzinfo=UTC),
        params={"customer": ParamSpec("acme")},
        tags=("daily",),
    ),
    DagSpec("health", "sales.py", (TaskSpec("count"),)),
)


@pytest.fixture(scope="session")
def database(tmp_path_factory):
    """A file with the DAGs, which tests copy: to make the tables takes longer than most of them."""
    file = tmp_path_factory.mktemp("database") / "penstock.db"
    with Store.open(f"sqlite:///{file}", Keyring([new_key()], "test")) as store:
        catalog = LoaderCatalog(store, store.config.variable_values, lambda: NOW)
        catalog.save(ParsedFile("sales.py", "snapshot", {}, {}, None, NOW, 0.1, DAGS, ()))
        catalog.close()
    return file


@pytest.fixture
def installation(tmp_path, database):
    file = shutil.copy(database, tmp_path / "penstock.db")
    with Store.open(f"sqlite:///{file}", Keyring([new_key()], "test")) as store:
        yield Installation(
            load_settings({}, tmp_path),
            FakeClock(NOW),
            open_store=lambda _: store,
            find_plugins=lambda: PluginHost([]),
            open_vault=lambda store: Vault([StoreSource(store)]),
        )


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes
    cookies: tuple[str, ...] = ()

    @property
    def json(self):
        return json.loads(self.body)


class Caller:
    """Calls an application: the path goes out as it is written."""

    def __init__(self, application, token=SECRET):
        self.application, self.token = application, token

    def __call__(self, method, path, body=None, *, pieces=None, **headers):
        content = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = {"host": "localhost:8080", **({"content-type": "application/json"} if content or pieces else {})}
        if self.token:
            sent["authorization"] = f"Bearer {self.token}"
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        raw, _, query = path.partition("?")
        scope = {
            "type": "http", "http_version": "1.1", "method": method, "scheme": "http", "root_path": "",
            "path": unquote(raw), "raw_path": raw.encode(), "query_string": query.encode(),
            "headers": [(name.encode(), value.encode()) for name, value in sent.items()],
            "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8080),
        }  # fmt: skip
        messages = [{"type": "http.request", "body": each, "more_body": True} for each in pieces or ()]
        messages.append({"type": "http.request", "body": content, "more_body": False})
        return asyncio.run(self._answer(scope, messages))

    async def _answer(self, scope, messages):
        found = []

        async def receive():
            return messages.pop(0) if messages else await asyncio.Event().wait()

        async def send(message):
            found.append(message)

        await self.application(scope, receive, send)
        headers = {name.decode(): value.decode() for name, value in found[0]["headers"]}
        cookies = tuple(value.decode() for name, value in found[0]["headers"] if name == b"set-cookie")
        return Answer(found[0]["status"], headers, b"".join(each.get("body", b"") for each in found[1:]), cookies)


@pytest.fixture
def call(installation):
    return Caller(application(installation, OwnerToken(SECRET)))


@pytest.fixture
def now():
    return NOW


@pytest.fixture
def dags():
    return DAGS


@pytest.fixture
def caller():
    return Caller


@pytest.fixture(scope="session")
def fake_provider():
    """The class of an identity provider that stands in for real ones."""
    from .oidc.fake_provider import FakeProvider  # noqa: PLC0415 - few tests need what it imports

    return FakeProvider
