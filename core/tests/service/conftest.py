"""A store with DAGs in it, as a loader leaves it."""

from datetime import UTC, datetime

import msgspec
import pytest

from penstock.model.changes import Changes
from penstock.model.dag import DagSpec, ParamSpec, TaskSpec
from penstock.model.run import TaskInstance, Try
from penstock.model.schedule import Schedule, ScheduleKind
from penstock.model.source import ParsedFile
from penstock.model.state import Outcome, RunState, TaskState
from penstock.plugins.host import PluginHost
from penstock.service import dags
from penstock.service.installation import Installation
from penstock.settings import load_settings
from penstock.store import Keyring, LoaderCatalog, Store, new_key
from penstock.testing import FakeClock
from penstock.tries.vault import Vault
from penstock.tries.vault_sources import EnvironmentSource, StoreSource

NOW = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
HOURLY = Schedule(ScheduleKind.CRON, crons=("0 * * * *",), text="@hourly")
DAGS = (
    DagSpec(
        "sales",
        "sales.py",
        (TaskSpec("extract"), TaskSpec("load", upstream=("extract",), pool="narrow")),
        schedule=HOURLY,
        start_date=datetime(2026, 1, 1, tzinfo=UTC),
        params={"customer": ParamSpec("acme")},
        tags=("daily",),
    ),
    DagSpec("stock", "sales.py", (TaskSpec("count"),)),
)


@pytest.fixture
def now():
    return NOW


@pytest.fixture
def save(now):
    def save(store, dags, problems=()):
        catalog = LoaderCatalog(store, store.config.variable_values, lambda: now)
        catalog.save(ParsedFile("sales.py", "snapshot", {}, {}, None, now, 0.1, tuple(dags), problems))
        catalog.close()

    return save


@pytest.fixture
def store(sqlite_tables_url, save):
    with Store.open(sqlite_tables_url, Keyring([new_key()], "test")) as store:
        save(store, DAGS)
        yield store


@pytest.fixture
def clock(now):
    return FakeClock(now)


@pytest.fixture
def environ_connections():
    """Connections that the environment sets; a test adds its own before it asks."""
    return {}


@pytest.fixture
def environ_variables():
    """Variables that the environment sets."""
    return {}


@pytest.fixture
def installation(tmp_path, store, clock, environ_connections, environ_variables):
    """An installation around the store, with one local executor of two slots and no provider."""
    environ = {"PENSTOCK_EXECUTOR__PARALLELISM": "2"}
    return Installation(
        load_settings(environ, tmp_path),
        clock,
        open_store=lambda _: store,
        find_plugins=lambda: PluginHost([]),
        open_vault=lambda store: Vault([EnvironmentSource(environ_connections, environ_variables), StoreSource(store)]),
    )


@pytest.fixture
def asked(store, now):
    """Requests since the last call."""

    def take():
        found = store.requests.pending()
        store.apply(Changes(handled=[number for number, _ in found]), now)
        return [request for _, request in found]

    take()
    return take


@pytest.fixture
def run(installation, store, now, asked):
    """A run whose first task has failed once and is tried again."""
    run = dags.trigger(installation, "sales", run_id="one").run
    asked()
    rows = [
        TaskInstance(run.run, "extract", -1, TaskState.RUNNING, 2, 2, "try 2 of 3"),
        TaskInstance(run.run, "load", -1, TaskState.NONE),
    ]
    tries = [
        Try(run.run, "extract", -1, 1, 1, "local", now, outcome=Outcome.FAILED, error="ValueError: no\ntrace"),
        Try(run.run, "extract", -1, 2, 2, "local", now),
    ]
    running = msgspec.structs.replace(run, state=RunState.RUNNING, started_at=now)
    store.apply(Changes(runs=[running], tasks=rows, tries=tries), now)
    return running
