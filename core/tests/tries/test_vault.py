"""The vault: one order of sources, whatever they are."""

from datetime import UTC, datetime

import pytest

from penstock.errors import ConfigError, NotFoundError, StoreError
from penstock.model.connection import Connection
from penstock.spec.wire import Ask
from penstock.store import Keyring, Store, new_key
from penstock.tries.asks import answered, provider_search
from penstock.tries.vault import Vault, finished
from penstock.tries.vault_listing import list_connections, list_variables
from penstock.tries.vault_sources import EnvironmentSource, StoreSource

NOW = datetime(2026, 3, 1, tzinfo=UTC)


class Backend:
    """A secrets backend as a provider may bring it; it may be away."""

    name, remote = "acme secrets", True

    def __init__(self, connections=(), variables=()):
        self.held, self.texts, self.away = {c.conn_id: c for c in connections}, dict(variables), False
        self.lists = True

    def _check(self):
        if self.away:
            raise TimeoutError("no answer")

    def connection(self, conn_id):
        self._check()
        return self.held.get(conn_id)

    def connection_ids(self):
        self._check()
        return list(self.held) if self.lists else None

    def variable(self, key):
        self._check()
        return self.texts.get(key)

    def variables(self, keys):
        self._check()
        return {key: self.texts[key] for key in keys if key in self.texts}

    def variable_keys(self):
        self._check()
        return list(self.texts)


@pytest.fixture
def store(tmp_path):
    with Store.open(f"sqlite:///{tmp_path}/penstock.db", Keyring([new_key()], "test")) as store:
        store.config.put_connection(Connection("db", "postgres", password="ppp"), NOW)
        store.config.put_connection(Connection("lake", "aws"), NOW)
        store.config.put_variable("key", "stored", NOW)
        yield store


@pytest.fixture
def backend():
    return Backend([Connection("db", "oracle", password="bbb")], {"key": "backend", "token": "ttt"})


@pytest.fixture
def vault(store, backend):
    environment = EnvironmentSource({"db": Connection("db", "mysql", password="eee")}, {"region": "eu"})
    return Vault([environment, backend, StoreSource(store)])


def test_the_first_source_that_has_a_connection_gives_it_with_its_secrets(vault):
    found = vault.connection("DB")
    assert (found.value.conn_id, found.value.conn_type, found.secrets, found.source) == (
        "DB",
        "mysql",
        ("eee",),
        "environment",
    )
    assert vault.connection("lake").source == "database"


def test_the_first_source_that_has_a_variable_gives_it_with_its_secrets(vault):
    assert (vault.variable("key").value, vault.variable("REGION").source) == ("backend", "environment")
    assert vault.variable("token") == ("ttt", ("ttt",), "acme secrets")
    assert vault.variable("nowhere") == (None, (), "")
    assert vault.variables(["key", "region", "nowhere"]) == {"key": "backend", "region": "eu", "nowhere": None}
    assert vault.known_variables() == {"key", "region"}, "to list those of a secrets backend takes its time"


def test_everything_is_listed_and_what_is_not_used_is_marked(vault):
    listing = list_connections(vault)
    assert [(each.name, each.source, each.shadowed) for each in listing.things] == [
        ("db", "environment", False),
        ("db", "acme secrets", True),
        ("db", "database", True),
        ("lake", "database", False),
    ]
    assert [each.found is None for each in listing.things] == [False, True, False, False]
    variables = list_variables(vault).things
    assert [(each.name, each.source) for each in variables if each.shadowed] == [("key", "database")]
    assert [each.found and each.found.value for each in variables] == ["eu", None, None, "stored"]


def test_a_source_that_fails_or_cannot_list_does_not_hide_what_the_others_have(vault, backend):
    backend.lists = False
    listing = list_connections(vault)
    assert [(each.name, each.source) for each in listing.things] == [
        ("db", "environment"),
        ("db", "database"),
        ("lake", "database"),
    ]
    assert (listing.failures, listing.silent) == ([], ["acme secrets"])
    backend.away = True
    listing = list_connections(vault)
    assert [(each.name, each.source, each.withheld) for each in listing.things] == [
        ("db", "environment", ""),
        ("db", "database", "acme secrets"),
        ("lake", "database", "acme secrets"),
    ]
    assert len(listing.failures) == 1
    assert "TimeoutError: no answer" in listing.failures[0]


def test_a_connection_that_no_source_has_is_told_with_the_nearest_of_all_sources(vault):
    with pytest.raises(NotFoundError, match=r"no connection is named 'dbx'. Did you mean 'db'\? Create it with"):
        vault.connection("dbx")
    with pytest.raises(NotFoundError, match="Set PENSTOCK_CONN_X, or make a project"):
        Vault([EnvironmentSource({}, {})]).connection("x")


@pytest.mark.parametrize(
    "ask",
    [
        lambda vault: vault.connection("lake"),
        lambda vault: vault.variable("key"),
        lambda vault: vault.variables(["key"]),
    ],
)
def test_a_source_that_fails_is_named_and_no_later_one_is_asked(vault, backend, ask):
    backend.away = True
    with pytest.raises(ConfigError, match=r"the source 'acme secrets' .* failed at .*: TimeoutError: no answer"):
        ask(vault)
    assert vault.connection("db").source == "environment", "a source before it still answers"


def test_a_failing_database_keeps_its_own_error(vault, store):
    store.database.engine.dispose()
    store.database.path.write_bytes(b"no database" * 1000)
    with pytest.raises(StoreError):
        vault.connection("lake")


def test_a_variable_is_set_in_the_database_and_deleted_there(vault, store):
    vault.set_variable("fresh", "1", NOW)
    assert vault.variable("fresh").source == "database"
    vault.set_variable("fresh", None, NOW)
    vault.set_variable("never there", None, NOW)
    assert store.config.variable("fresh") is None
    with pytest.raises(ConfigError, match="the database is not among the sources"):
        Vault([]).set_variable("fresh", "1", NOW)


def test_a_reply_carries_the_value_with_its_secrets_or_the_error(vault):
    def reply(conn_id):
        return answered(finished, provider_search(vault, "a test", Ask("connection", (conn_id,))))

    assert reply("db").secrets == ("eee",)
    assert reply("dbx").error_type == "NotFoundError"
